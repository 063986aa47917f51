//! Text at the place of a reply that a verdict names.

use super::{found, programs};
use crate::Extraction;

impl Extraction {
    /// The text at this place of a reply: an answer as it is judged, or the program that stands there last, which is the one
    /// that is run unless it does not compile.
    pub fn text(self, reply: &str) -> Option<String> {
        if let Some((answer, _)) = found(reply).filter(|(_, place)| *place == self) {
            return Some(answer.to_owned());
        }
        programs(reply).into_iter().rev().find(|program| program.place == self).map(|program| program.source)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(place: Extraction, reply: &str, expected: Option<&str>) {
        assert_eq!(place.text(reply).as_deref(), expected, "{reply}");
    }

    #[test]
    fn the_text_at_a_place_is_what_a_verifier_has_read_there() {
        check(Extraction::Label, "so\nAnswer: **a=1**", Some("a=1"));
        check(Extraction::Boxed, r"it is \boxed{7}", Some("7"));
        check(Extraction::WholeReply, "42", Some("42"));
        check(Extraction::PythonBlock, "```python\nprint(1)\n```\n```python\nprint(2)\n```", Some("print(2)\n"));
        check(Extraction::PlainBlock, "```python\nprint(1)\n```\n```\nprint(2)\n```", Some("print(2)\n"));
        check(Extraction::Label, r"it is \boxed{7}", None);
        check(Extraction::Heading, "", None);
    }
}
