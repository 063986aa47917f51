//! Secrets, such as access tokens and API keys, that are never printed.

use std::fmt;

/// The replacement of a secret in texts.
const HIDDEN: &str = "(hidden)";

/// A secret that `Debug` does not print.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Wraps a secret.
    pub fn new(secret: impl Into<String>) -> Self {
        Self(secret.into())
    }

    /// The secret, for the header that carries it or the file that it opens.
    pub fn reveal(&self) -> &str {
        &self.0
    }

    /// True if a text contains the secret.
    pub(crate) fn is_in(&self, text: &str) -> bool {
        !self.0.is_empty() && text.contains(&self.0)
    }

    /// The text with the secret replaced.
    pub(crate) fn hide(&self, text: &str) -> String {
        if self.0.is_empty() { text.to_owned() } else { text.replace(&self.0, HIDDEN) }
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Secret{HIDDEN}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_taken_out_of_a_text_and_of_its_own_description() {
        let secret = Secret::new("sk-12");
        assert_eq!(format!("{secret:?}"), "Secret(hidden)");
        assert!(secret.is_in("Bearer sk-12!"));
        assert_eq!(secret.hide("Bearer sk-12!"), "Bearer (hidden)!");
        assert!(!Secret::new("").is_in("x"));
        assert_eq!(Secret::new("").hide("x"), "x");
    }

    #[test]
    fn every_occurrence_of_a_secret_is_replaced() {
        let secret = Secret::new("ab");
        for (text, hidden) in
            [("", ""), ("ab", "(hidden)"), ("abab", "(hidden)(hidden)"), ("aabb", "a(hidden)b"), ("AB", "AB")]
        {
            assert_eq!(secret.hide(text), hidden);
            assert_eq!(secret.is_in(text), text != hidden);
            assert!(!secret.is_in(&secret.hide(text)));
        }
        assert_eq!(secret.reveal(), "ab");
    }
}
