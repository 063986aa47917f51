//! The asynchronous runtime of a command.

use crate::exit_status::ExitStatus;
use crate::problem::Problem;

/// Runs a command's future. Two threads suffice: the engine and the sandbox compute on threads of their own.
pub(super) fn block_on<T>(future: impl Future<Output = Result<T, Problem>>) -> Result<T, Problem> {
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().map_err(|error| {
            Problem::new(ExitStatus::Unexpected, format!("cannot start the program's threads: {error}"))
        })?;
    runtime.block_on(future)
}
