//! Limits of a program. Every limit is a count, so that two machines agree on whether it was reached.

use serde::{Deserialize, Serialize};

use crate::outcome::{Ending, Outcome};

/// Limits of one program.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Limits {
    /// Units of work; about one for each WebAssembly instruction and one for each byte that a bulk copy moves.
    pub fuel: u64,
    /// Bytes of linear memory, the interpreter's own included (it starts with about 20 MiB).
    pub memory_bytes: u64,
    /// Bytes of standard output and standard error together; of a returned value, too.
    pub output_bytes: u64,
    /// Bytes of source; a longer program is refused unseen.
    pub source_bytes: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self { fuel: 10_000_000_000, memory_bytes: 256 << 20, output_bytes: 1 << 20, source_bytes: 1 << 20 }
    }
}

impl Limits {
    /// The outcome of a program that is too long to be read; `None` if it is not.
    pub(crate) fn refuse(&self, source: &str) -> Option<Outcome> {
        let length = source.len() as u64;
        (length > self.source_bytes).then(|| Outcome {
            ending: Ending::Raised,
            stdout: String::new(),
            stderr: format!("the program is {length} bytes long; at most {} are read\n", self.source_bytes),
            value: None,
            fuel: 0,
            memory_bytes: 0,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check_length(length: usize, most: u64, refused: bool) {
        let limits = Limits { source_bytes: most, ..Limits::default() };
        let outcome = limits.refuse(&"#".repeat(length));
        assert_eq!(outcome.is_some(), refused, "{length} of {most}");
        if let Some(Outcome { ending, stderr, fuel, memory_bytes, .. }) = outcome {
            assert_eq!((ending, fuel, memory_bytes), (Ending::Raised, 0, 0));
            assert_eq!(stderr, format!("the program is {length} bytes long; at most {most} are read\n"));
        }
    }

    #[test]
    fn a_source_is_refused_from_the_first_byte_too_many() {
        check_length(0, 0, false);
        check_length(1, 0, true);
        check_length(100, 100, false);
        check_length(101, 100, true);
        check_length(100, u64::MAX, false);
    }

    #[test]
    fn bytes_are_counted_and_not_letters() {
        let limits = Limits { source_bytes: 3, ..Limits::default() };
        assert!(limits.refuse("aé").is_none());
        assert!(limits.refuse("éé").is_some());
    }

    #[track_caller]
    fn check_read(text: &str, expected: Option<Limits>) {
        assert_eq!(serde_json::from_str(text).ok(), expected, "{text}");
    }

    #[test]
    fn limits_that_are_not_named_are_the_defaults_and_unknown_ones_are_refused() {
        let defaults = Limits::default();
        check_read("{}", Some(defaults));
        check_read(r#"{"fuel":5}"#, Some(Limits { fuel: 5, ..defaults }));
        check_read(r#"{"memory_bytes":18446744073709551615}"#, Some(Limits { memory_bytes: u64::MAX, ..defaults }));
        check_read(r#"{"fuel":-1}"#, None);
        check_read(r#"{"fuel":1.5}"#, None);
        check_read(r#"{"memory":5}"#, None);
        let text = serde_json::to_string(&defaults).unwrap();
        check_read(&text, Some(defaults));
    }
}
