//! Trying again, later each time.

use std::{error::Error, future::Future, time::Duration};

use reqwest::header::{HeaderMap, RETRY_AFTER};

/// How often and how long to try again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retries {
    /// Attempts without any progress before giving up.
    pub attempts: u32,
    /// The first wait; every next one is twice as long.
    pub first_wait: Duration,
    /// The longest wait, also where a server asks for more.
    pub longest_wait: Duration,
    /// The longest time in which a request has to get on: a file by [`Retries::least_bytes`], any other answer to its end.
    pub patience: Duration,
    /// What has to arrive in that time.
    pub least_bytes: u64,
}

impl Default for Retries {
    fn default() -> Self {
        Self {
            attempts: 6,
            first_wait: Duration::from_secs(1),
            longest_wait: Duration::from_secs(120),
            patience: Duration::from_secs(30),
            least_bytes: 64 << 10,
        }
    }
}

/// An error that trying again may mend.
pub(crate) trait Mendable: std::fmt::Display {
    /// Whether the same request may well succeed a little later.
    fn is_transient(&self) -> bool;
    /// How long the server asked to wait.
    fn retry_after(&self) -> Option<Duration>;
}

/// Whether a server that answers this status may well answer better a little later.
pub(crate) fn is_transient(status: u16) -> bool {
    matches!(status, 408 | 429 | 500 | 502 | 503 | 504)
}

impl Retries {
    /// Runs `attempt` until it succeeds, fails for good, or has failed too often in a row without getting on.
    ///
    /// `attempt` gives the error along with a measure of how far it has come.
    pub(crate) async fn run<T, E: Mendable, F>(&self, mut attempt: impl FnMut() -> F) -> Result<T, E>
    where
        F: Future<Output = Result<T, (E, u64)>>,
    {
        let mut failed = 0;
        let mut farthest = 0;
        loop {
            let (error, reached) = match attempt().await {
                Ok(result) => return Ok(result),
                Err(failure) => failure,
            };
            // Getting on is worth another try, but not for ever: a byte at a time is no progress.
            failed = if reached >= farthest + self.least_bytes { 1 } else { failed + 1 };
            farthest = farthest.max(reached);
            if !error.is_transient() || failed >= self.attempts {
                return Err(error);
            }
            let wait = self.first_wait.saturating_mul(1 << (failed - 1).min(20));
            let wait = error.retry_after().map_or(wait, |asked| asked.max(wait)).min(self.longest_wait);
            tracing::debug!(%error, failed, ?wait, "trying again");
            tokio::time::sleep(wait).await;
        }
    }
}

/// The header in seconds; its other form, a date, would need a clock.
pub(crate) fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    headers.get(RETRY_AFTER)?.to_str().ok()?.trim().parse().ok().map(Duration::from_secs)
}

/// What lies at the bottom of a failed request; the layers above it name the address, which may carry a signature.
pub(crate) fn innermost(error: &reqwest::Error) -> String {
    let mut reason = String::new();
    let mut source = error.source();
    while let Some(cause) = source {
        reason = cause.to_string();
        source = cause.source();
    }
    reason
}
