//! References to a server's model: `openai:MODEL@URL`.

use std::{fmt, str::FromStr};

use reqwest::Url;
use serde::{Deserialize, Serialize};

/// Scheme of a reference to a server's model.
pub(crate) const SCHEME: &str = "openai:";
/// Longest name of a model in bytes.
const LONGEST_NAME: usize = 200;

/// A model of a server, by the server's name for it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct RemoteRef {
    model: String,
    base: Url,
}

/// The error of a text that names no model of a server.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{text:?} names no model of a server: {reason}; write openai:MODEL@URL, such as openai:qwen3@http://127.0.0.1:8000/v1"
)]
pub struct RemoteRefError {
    /// The text without its possibly secret parts.
    pub text: String,
    /// The defect.
    pub reason: &'static str,
}

impl RemoteRef {
    /// The server's name for the model.
    #[must_use]
    pub fn model(&self) -> &str {
        &self.model
    }

    /// The server's origin: scheme, host and port, without anything secret.
    #[must_use]
    pub fn server(&self) -> String {
        self.base.origin().ascii_serialization()
    }

    /// The URL of an endpoint.
    pub(super) fn endpoint(&self, function: &str) -> String {
        format!("{}/{function}", self.base.as_str().trim_end_matches('/'))
    }

    /// True for a connection that is neither encrypted nor within this machine.
    pub(super) fn is_open(&self) -> bool {
        let host = self.base.host_str().unwrap_or_default().trim_matches(['[', ']']);
        let here = host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback());
        self.base.scheme() != "https" && !here
    }
}

impl FromStr for RemoteRef {
    type Err = RemoteRefError;

    fn from_str(text: &str) -> Result<Self, RemoteRefError> {
        let Some(rest) = text.strip_prefix(SCHEME) else {
            return Err(RemoteRefError { text: shown(text), reason: "it does not begin with openai:" });
        };
        // A model's name may contain an @, so the address is found by its scheme.
        let split = ["@http://", "@https://"].iter().filter_map(|mark| rest.find(mark)).min();
        let Some(at) = split else {
            return Err(RemoteRefError { text: shown(text), reason: "no @http:// or @https:// follows the model" });
        };
        let refuse = |reason| RemoteRefError { text: shown(&text[..SCHEME.len() + at]), reason };
        let (model, address) = (&rest[..at], &rest[at + 1..]);
        if model.is_empty() || model.len() > LONGEST_NAME || model.chars().any(|c| c.is_control() || c.is_whitespace())
        {
            return Err(refuse("the model's name is empty, too long or has spaces in it"));
        }
        let base: Url = address.trim_end_matches('/').parse().map_err(|_| refuse("its address is not one"))?;
        if !base.username().is_empty() || base.password().is_some() {
            return Err(refuse(
                "its address holds a password, which would be shown: name a variable with the key instead",
            ));
        }
        if base.query().is_some() || base.fragment().is_some() {
            return Err(refuse("its address holds a ? or a #"));
        }
        Ok(Self { model: model.to_owned(), base })
    }
}

impl TryFrom<String> for RemoteRef {
    type Error = RemoteRefError;

    fn try_from(text: String) -> Result<Self, RemoteRefError> {
        text.parse()
    }
}

impl From<RemoteRef> for String {
    fn from(reference: RemoteRef) -> Self {
        reference.to_string()
    }
}

impl fmt::Display for RemoteRef {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{SCHEME}{}@{}", self.model, self.base.as_str().trim_end_matches('/'))
    }
}

/// The beginning of a malformed text, up to where an address may contain a password.
fn shown(text: &str) -> String {
    text.split("://").next().unwrap_or_default().chars().take(LONGEST_NAME).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: Result<(&str, &str), &str>) {
        match (text.parse::<RemoteRef>(), expected) {
            (Ok(found), Ok((model, endpoint))) => {
                assert_eq!((found.model(), found.endpoint("completions").as_str()), (model, endpoint));
                assert_eq!(found.to_string().parse(), Ok(found));
            }
            (Err(error), Err(reason)) => {
                let said = error.to_string();
                assert!(said.contains(reason) && !said.contains("hunter2"), "{said}");
            }
            (found, _) => panic!("{text}: {found:?}"),
        }
    }

    #[test]
    fn a_reference_is_a_model_and_an_address() {
        check("openai:m@http://127.0.0.1:8000/v1", Ok(("m", "http://127.0.0.1:8000/v1/completions")));
        check("openai:Owner/Model@v2@https://host/v1/", Ok(("Owner/Model@v2", "https://host/v1/completions")));
        check("m@http://host", Err("begin with openai:"));
        check("openai:m", Err("no @http://"));
        check("openai:@http://host", Err("empty"));
        check("openai:a b@http://host", Err("spaces"));
        check("openai:m@http://", Err("not one"));
        check("openai:m@https://me:hunter2@host/v1", Err("password"));
        check("openai:m@https://host/v1?key=hunter2", Err("? or a #"));
    }

    #[test]
    fn only_an_unencrypted_address_of_another_machine_is_open() {
        let open = |address: &str| format!("openai:m@{address}").parse::<RemoteRef>().unwrap().is_open();
        assert!(open("http://192.168.0.7/v1") && open("http://example.org"));
        assert!(!open("https://example.org") && !open("http://127.0.0.1:1") && !open("http://localhost:1"));
        assert!(!open("http://[::1]:1"));
    }

    #[test]
    fn malformed_references_are_refused_without_showing_secrets() {
        check(&format!("openai:{}@http://host", "m".repeat(201)), Err("too long"));
        check("openai:m\u{7}@http://host", Err("spaces"));
        check("openai:m@ftp://host", Err("no @http://"));
        check("openai:m@https://hunter2@host/v1", Err("password"));
        check("openai:m@https://:hunter2@host/v1", Err("password"));
        check("openai:m@https://host/v1#hunter2", Err("? or a #"));
        check("openai:a@b@https://me:hunter2@host?x", Err("password"));
        check("OPENAI:m@http://host", Err("begin with openai:"));
        check("openai:m@https://host///", Ok(("m", "https://host/completions")));
        let server = |text: &str| text.parse::<RemoteRef>().unwrap().server();
        assert_eq!(server("openai:m@https://host:8443/secret/path"), "https://host:8443");
        assert_eq!(server("openai:m@http://[::1]:9/v1"), "http://[::1]:9");
    }
}
