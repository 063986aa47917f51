//! Trying again, later each time.

use std::{future::Future, time::Duration};

use super::HubError;

/// How often and how long to try again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retries {
    /// Attempts without any progress before giving up.
    pub attempts: u32,
    /// The first wait; every next one is twice as long.
    pub first_wait: Duration,
    /// The longest wait, also where the hub asks for more.
    pub longest_wait: Duration,
    /// The longest time in which [`Retries::least_bytes`] have to arrive.
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

impl Retries {
    /// Runs `attempt` until it succeeds, fails for good, or has failed too often in a row without getting on.
    ///
    /// `attempt` gives the error along with a measure of how far it has come.
    pub(super) async fn run<T, F>(&self, mut attempt: impl FnMut() -> F) -> Result<T, HubError>
    where
        F: Future<Output = Result<T, (HubError, u64)>>,
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
