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
