//! Trying again, later each time.

use std::{error::Error, future::Future, time::Duration};

use reqwest::header::{DATE, HeaderMap, HeaderName, RETRY_AFTER};

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
    pub(crate) async fn run<T, E: Mendable, F>(&self, attempt: impl FnMut() -> F) -> Result<T, E>
    where
        F: Future<Output = Result<T, (E, u64)>>,
    {
        self.run_with(attempt, tokio::time::sleep).await
    }

    /// Likewise, waiting as told.
    async fn run_with<T, E: Mendable, F, S>(
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
            // Getting on is worth another try, but not for ever: a byte at a time is no progress.
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

/// How long to wait: the header says so in seconds, or names a moment, which is seen from when the server says it is.
pub(crate) fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let text = |name: HeaderName| headers.get(name)?.to_str().ok().map(str::trim);
    let asked = text(RETRY_AFTER)?;
    if let Ok(seconds) = asked.parse() {
        return Some(Duration::from_secs(seconds));
    }
    Some(Duration::from_secs(seconds_of(asked)?.saturating_sub(seconds_of(text(DATE)?)?)))
}

/// The seconds from the year 0 to a moment such as `Sun, 06 Nov 1994 08:49:37 GMT`, the form that servers have to use
/// (RFC 9110, 5.6.7).
fn seconds_of(moment: &str) -> Option<u64> {
    const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let words: Vec<&str> = moment.split_once(", ")?.1.split(' ').collect();
    let [day, month, year, time, "GMT"] = words[..] else { return None };
    let number = |text: &str, most: u64| text.parse().ok().filter(|number: &u64| *number <= most);
    let month = MONTHS.iter().position(|name| *name == month)? as u64;
    let (day, year) = (number(day, 31)?, number(year, 9999)?);
    let times: Vec<u64> = time.split(':').map(|part| number(part, 60)).collect::<Option<_>>()?;
    let [hours, minutes, seconds] = times[..] else { return None };
    // Years begin in March here, so that the day that comes every four years is the last of one.
    let (year, month) = if month < 2 { (year.checked_sub(1)?, month + 10) } else { (year, month - 2) };
    let days = year * 365 + year / 4 - year / 100 + year / 400 + (month * 153 + 2) / 5 + day;
    Some(((days * 24 + hours) * 60 + minutes) * 60 + seconds)
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

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use reqwest::header::HeaderValue;

    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("trouble")]
    struct Trouble(Option<u64>);

    impl Mendable for Trouble {
        fn is_transient(&self) -> bool {
            true
        }

        fn retry_after(&self) -> Option<Duration> {
            self.0.map(Duration::from_secs)
        }
    }

    /// What was waited after each of some failures in a row, in seconds.
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
}
