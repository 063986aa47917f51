//! Runs generated programs on many inputs in one instance of the sandbox.
//!
//! Nothing that a model wrote enters this guest: programs and inputs come from the generator, so what it prints is
//! trusted as the expected output. Programs of models run elsewhere, each in an instance of its own.

use sandboxes::{Call, Ending, Limits, Sandbox, SandboxError};
use serde_json::{Value, json};

/// Python that defines `probe(program, inputs)`: the output for each line of input, `None` where the program raises.
const DRIVER: &str = include_str!("probe.py");

/// Runs generated programs.
#[derive(Clone)]
pub(crate) struct Probe {
    sandbox: Sandbox,
}

impl Probe {
    pub(crate) fn new(sandbox: Sandbox) -> Self {
        Self { sandbox }
    }

    /// Output for each line of input, without the last line break; `None` where the program raises.
    ///
    /// # Errors
    /// If the sandbox is in trouble.
    pub(crate) async fn outputs(&self, program: &str, inputs: &[String]) -> Result<Vec<Option<String>>, SandboxError> {
        let call = Call {
            source: DRIVER.to_owned(),
            function: "probe".to_owned(),
            arguments: json!([program, inputs]),
            seed: 0,
            limits: Some(limits(inputs.len() as u64 + 2)),
        };
        let outcome = self.sandbox.call(call).await?;
        let printed = match (outcome.ending, outcome.value) {
            (Ending::Finished, Some(Value::Array(printed))) if printed.len() == inputs.len() => printed,
            // The generator draws again after a program that exceeds its limits, as after one that raises.
            _ => return Ok(vec![None; inputs.len()]),
        };
        Ok(printed.into_iter().map(|text| text.as_str().map(str::to_owned)).collect())
    }
}

/// Limits of `runs` runs of a small program.
pub(crate) fn limits(runs: u64) -> Limits {
    Limits { fuel: FUEL_OF_ONE_RUN * runs, memory_bytes: 64 << 20, output_bytes: 64 << 10, source_bytes: 64 << 10 }
}

/// Limits of one run of a program that a model wrote: about four million steps of a plain loop, one and a half million with a
/// dictionary, or a sieve of five million numbers.
pub(crate) fn candidate_limits() -> Limits {
    Limits { fuel: FUEL_OF_A_CANDIDATE, memory_bytes: 128 << 20, ..limits(1) }
}

/// A loop of a million additions at the top level of a program uses 2.5 thousand million, a sieve of a million 1.4.
const FUEL_OF_A_CANDIDATE: u64 = 10_000_000_000;

/// About forty times what the longest generated program needs, six hundred times what a tiny one does.
const FUEL_OF_ONE_RUN: u64 = 400_000_000;

/// Checks that a text can be asked for on one line: printable ASCII, single inner spaces, nothing that extraction strips.
pub(crate) fn is_plain_line(text: &str, max_bytes: usize) -> bool {
    let plain = |byte: u8| byte == b' ' || (byte.is_ascii_graphic() && !matches!(byte, b'*' | b'`' | b'$' | b'\\'));
    !text.is_empty()
        && text.len() <= max_bytes
        && text.bytes().all(plain)
        && !text.starts_with(' ')
        && !text.ends_with(' ')
        && !text.contains("  ")
        // A colon could make the line look like a label, such as `Answer:`.
        && !text.contains(':')
}
