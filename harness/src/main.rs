//! The `dethrone` command.

use std::process::ExitCode;

fn main() -> ExitCode {
    harness::run()
}
