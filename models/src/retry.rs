//! Retries with exponential backoff, and the wait that a server asks for.

use std::{error::Error, future::Future, time::Duration};

use httpdate::parse_http_date;
use reqwest::header::{DATE, HeaderMap, HeaderName, RETRY_AFTER};

/// Limits of retries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retries {
    /// Attempts in a row without progress before giving up.
    pub attempts: u32,
    /// Wait after the first failure; it doubles with each further one.
    pub first_wait: Duration,
    /// The longest wait, even if a server asks for more.
    pub longest_wait: Duration,
    /// Stall timeout: a download must gain [`Retries::least_bytes`] within it, any other response must be complete.
    pub stall_timeout: Duration,
    /// Bytes that a download must gain within the stall timeout.
    pub least_bytes: u64,
}

impl Default for Retries {
    fn default() -> Self {
        Self {
            attempts: 6,
            first_wait: Duration::from_secs(1),
            longest_wait: Duration::from_secs(120),
            stall_timeout: Duration::from_secs(30),
            least_bytes: 64 << 10,
        }
    }
}

/// An error after which a request may be retried.
pub(crate) trait Retryable: std::fmt::Display {
    /// True if the same request may succeed later.
    fn is_transient(&self) -> bool;
    /// The wait that the server asked for.
    fn retry_after(&self) -> Option<Duration>;
}

/// True for a status after which the same request may succeed later.
pub(crate) fn is_transient(status: u16) -> bool {
    matches!(status, 408 | 429 | 500 | 502 | 503 | 504)
}

impl Retries {
    /// Runs `attempt` until it succeeds, fails for good, or has failed too often in a row without progress.
    ///
    /// `attempt` returns an error together with its progress in bytes.
    pub(crate) async fn run<T, E: Retryable, F>(&self, attempt: impl FnMut() -> F) -> Result<T, E>
    where
        F: Future<Output = Result<T, (E, u64)>>,
    {
        self.run_with(attempt, tokio::time::sleep).await
    }

    /// Like [`Retries::run`], with a replaceable sleep.
    async fn run_with<T, E: Retryable, F, S>(
        &self,
        mut attempt: impl FnMut() -> F,
        mut sleep: impl FnMut(Duration) -> S,
    ) -> Result<T, E>
    where
        F: Future<Output = Result<T, (E, u64)>>,
        S: Future<Output = ()>,
    {
        let mut failed = 0;
        let mut farthest = 0;
        loop {
            let (error, reached) = match attempt().await {
                Ok(result) => return Ok(result),
                Err(failure) => failure,
            };
            // A server that sends a byte per attempt could otherwise be retried without end.
            failed = if reached >= farthest + self.least_bytes { 1 } else { failed + 1 };
            farthest = farthest.max(reached);
            if !error.is_transient() || failed >= self.attempts {
                return Err(error);
            }
            let wait = self.first_wait.saturating_mul(1 << (failed - 1).min(20));
            let wait = error.retry_after().map_or(wait, |asked| asked.max(wait)).min(self.longest_wait);
            tracing::debug!(%error, failed, ?wait, "trying again");
            sleep(wait).await;
        }
    }
}

/// The wait in the `Retry-After` header: seconds, or an HTTP date, which is compared with the `Date` header, since the
/// server's clock may differ from this machine's.
pub(crate) fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let text = |name: HeaderName| headers.get(name)?.to_str().ok().map(str::trim);
    let asked = text(RETRY_AFTER)?;
    if let Ok(seconds) = asked.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let (until, now) = (parse_http_date(asked).ok()?, parse_http_date(text(DATE)?).ok()?);
    Some(until.duration_since(now).unwrap_or_default())
}

/// The wait as a part of an error message; empty without one.
pub(crate) fn wait_hint(retry_after: Option<Duration>) -> String {
    retry_after.map(|wait| format!(" (it asks to wait {} s)", wait.as_secs())).unwrap_or_default()
}

/// The innermost cause of a failed request. Outer causes print the URL, which may contain a signed token.
pub(crate) fn innermost(error: &reqwest::Error) -> String {
    let mut reason = String::new();
    let mut source = error.source();
    while let Some(cause) = source {
        reason = cause.to_string();
        source = cause.source();
    }
    reason
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use reqwest::header::HeaderValue;

    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("trouble")]
    struct Trouble(Option<u64>);

    impl Retryable for Trouble {
        fn is_transient(&self) -> bool {
            true
        }

        fn retry_after(&self) -> Option<Duration> {
            self.0.map(Duration::from_secs)
        }
    }

    /// Waits after failures in a row, in seconds.
    async fn waits(failures: &[Option<u64>]) -> Vec<u64> {
        let (left, waited) = (RefCell::new(failures.iter()), RefCell::new(Vec::new()));
        let attempt = || async { left.borrow_mut().next().map_or(Ok(()), |asked| Err((Trouble(*asked), 0))) };
        let sleep = |wait: Duration| {
            waited.borrow_mut().push(wait.as_secs());
            std::future::ready(())
        };
        Retries::default().run_with(attempt, sleep).await.unwrap();
        waited.into_inner()
    }

    #[tokio::test]
    async fn waits_double_and_are_as_long_as_the_server_asks() {
        assert_eq!(waits(&[None, None, None, None]).await, [1, 2, 4, 8]);
        assert_eq!(waits(&[Some(7), None, Some(1), Some(100_000)]).await, [7, 2, 4, 120]);
    }

    #[track_caller]
    fn check(asked: &'static str, now: Option<&'static str>, expected: Option<u64>) {
        let mut headers = HeaderMap::new();
        headers.insert(RETRY_AFTER, HeaderValue::from_static(asked));
        headers.extend(now.map(|now| (DATE, HeaderValue::from_static(now))));
        assert_eq!(retry_after(&headers).map(|wait| wait.as_secs()), expected);
    }

    #[test]
    fn a_wait_is_asked_for_in_seconds_or_until_a_moment() {
        let now = Some("Wed, 28 Feb 2024 23:59:50 GMT");
        check("120", None, Some(120));
        check("Thu, 29 Feb 2024 00:00:20 GMT", now, Some(30));
        check("Fri, 01 Mar 2024 00:00:00 GMT", now, Some(86_410));
        check("Wed, 28 Feb 2024 23:00:00 GMT", now, Some(0));
        check("Fri, 01 Mar 2024 00:00:00 GMT", None, None);
        check("Wed, 01 Jan 2025 00:00:00 GMT", Some("Tue, 31 Dec 2024 23:59:59 GMT"), Some(1));
        for odd in ["soon", "-1", "Fri, 01 Foo 2024 00:00:00 GMT", "Fri, 1 Mar", "Fri, 01 Mar 2024 00:00 GMT"] {
            check(odd, now, None);
        }
    }

    /// Runs attempts that fail with these progresses, then succeed: how many were made, and if it was enough.
    async fn attempts(retries: Retries, transient: bool, progresses: &[u64]) -> (usize, bool) {
        #[derive(Debug, thiserror::Error)]
        #[error("trouble")]
        struct Failure(bool);
        impl Retryable for Failure {
            fn is_transient(&self) -> bool {
                self.0
            }

            fn retry_after(&self) -> Option<Duration> {
                None
            }
        }
        let made = RefCell::new(0);
        let attempt = || async {
            *made.borrow_mut() += 1;
            progresses.get(*made.borrow() - 1).map_or(Ok(()), |progress| Err((Failure(transient), *progress)))
        };
        let result = retries.run_with(attempt, |_| std::future::ready(())).await;
        (made.into_inner(), result.is_ok())
    }

    #[tokio::test]
    async fn attempts_in_a_row_without_progress_are_counted() {
        let retries = Retries { attempts: 3, least_bytes: 10, ..Retries::default() };
        for (transient, progresses, expected) in [
            (true, &[][..], (1, true)),
            (true, &[0, 0], (3, true)),
            (true, &[0, 0, 0], (3, false)),
            (false, &[0], (1, false)),
            (true, &[10, 20, 30, 40, 50], (6, true)),
            (true, &[5, 9, 9, 9], (3, false)),
            (true, &[9, 18, 18, 18], (3, false)),
            (true, &[0, 10, 10, 10], (4, false)),
            (true, &[20, 5, 25, 30, 31], (3, false)),
        ] {
            assert_eq!(attempts(retries, transient, progresses).await, expected, "{progresses:?}");
        }
    }

    #[test]
    fn only_statuses_that_may_pass_are_transient() {
        let transient: Vec<u16> = (100..600).filter(|status| is_transient(*status)).collect();
        assert_eq!(transient, [408, 429, 500, 502, 503, 504]);
    }

    #[test]
    fn other_forms_of_dates_and_seconds_are_understood_or_ignored() {
        let now = Some("Sunday, 06-Nov-94 08:49:30 GMT");
        check("Sun, 06 Nov 1994 08:49:37 GMT", now, Some(7));
        check("Sun Nov  6 08:49:37 1994", now, Some(7));
        check(" 7 ", None, Some(7));
        check("18446744073709551615", None, Some(u64::MAX));
        for odd in
            ["", "18446744073709551616", "7.5", "0x7", "Sun, 31 Feb 1994 08:49:37 GMT", "Sun, 06 Nov 1994 25:00:00 GMT"]
        {
            check(odd, now, None);
        }
        check("Sun, 06 Nov 1994 08:49:37 GMT", Some("yesterday"), None);
        assert_eq!(retry_after(&HeaderMap::new()), None);
        assert_eq!(
            (wait_hint(None), wait_hint(Some(Duration::from_secs(7)))),
            (String::new(), " (it asks to wait 7 s)".to_owned())
        );
    }
}
