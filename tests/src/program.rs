//! The `dethrone` command, for the tests of this package.

use std::process::ExitCode;

fn main() -> ExitCode {
    harness::run()
}
