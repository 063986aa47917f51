//! The asynchronous runtime of a command.

#[cfg(feature = "chain")]
use std::time::Duration;

use crate::exit_status::ExitStatus;
use crate::problem::Problem;

/// Runs a command's future. Two threads suffice: the engine and the sandbox compute on threads of their own.
pub(super) fn block_on<T>(future: impl Future<Output = Result<T, Problem>>) -> Result<T, Problem> {
    runtime(2)?.block_on(future)
}

/// Runs a service's future. What still computes on other threads when it ends is waited for no longer than `limit`: all
/// that it would say is made again from the database.
#[cfg(feature = "chain")]
pub(super) fn block_on_service<T>(
    limit: Duration,
    future: impl Future<Output = Result<T, Problem>>,
) -> Result<T, Problem> {
    let runtime = runtime(4)?;
    let ended = runtime.block_on(future);
    runtime.shutdown_timeout(limit);
    ended
}

fn runtime(threads: usize) -> Result<tokio::runtime::Runtime, Problem> {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(threads)
        .enable_all()
        .build()
        .map_err(|error| Problem::new(ExitStatus::Unexpected, format!("cannot start the program's threads: {error}")))
}
