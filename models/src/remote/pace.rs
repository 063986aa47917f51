//! Rate limiting of requests to a server.

use std::sync::{Mutex, PoisonError};

use tokio::time::{Duration, Instant, sleep_until};

/// Spaces requests evenly, and postpones all of them while a server asks to wait.
#[derive(Debug)]
pub(super) struct Pace {
    gap: Duration,
    next: Mutex<Option<Instant>>,
}

impl Pace {
    /// A limit in requests per minute; unlimited if `None`.
    pub(super) fn new(per_minute: Option<u32>) -> Self {
        let gap = per_minute.map_or(Duration::ZERO, |count| Duration::from_secs(60) / count.max(1));
        Self { gap, next: Mutex::default() }
    }

    /// Waits until the next request may begin.
    pub(super) async fn wait(&self) {
        sleep_until(self.reserve(Instant::now())).await;
    }

    /// Postpones all requests by at least this time from now.
    pub(super) fn postpone(&self, time: Duration) {
        self.postpone_until(Instant::now() + time);
    }

    /// Reserves the time at which a request that arrives at `now` may begin.
    fn reserve(&self, now: Instant) -> Instant {
        let mut next = self.next.lock().unwrap_or_else(PoisonError::into_inner);
        let begin = next.map_or(now, |next| next.max(now));
        *next = Some(begin + self.gap);
        begin
    }

    fn postpone_until(&self, until: Instant) {
        let mut next = self.next.lock().unwrap_or_else(PoisonError::into_inner);
        *next = Some(next.map_or(until, |next| next.max(until)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_spaced_and_kept_from_a_server_that_asked_to_wait() {
        let (pace, now) = (Pace::new(Some(120)), Instant::now());
        let half = Duration::from_millis(500);
        assert_eq!([pace.reserve(now), pace.reserve(now), pace.reserve(now)], [now, now + half, now + 2 * half]);
        assert_eq!(pace.reserve(now + 9 * half), now + 9 * half);
        pace.postpone_until(now + 20 * half);
        assert_eq!([pace.reserve(now + 9 * half), pace.reserve(now)], [now + 20 * half, now + 21 * half]);
    }

    #[test]
    fn without_a_limit_no_request_waits() {
        let (pace, now) = (Pace::new(None), Instant::now());
        assert_eq!([pace.reserve(now), pace.reserve(now)], [now, now]);
    }

    #[test]
    fn a_shorter_wait_does_not_shorten_a_longer_one() {
        let (pace, now) = (Pace::new(Some(60)), Instant::now());
        let second = Duration::from_secs(1);
        pace.postpone_until(now + 10 * second);
        pace.postpone_until(now + 3 * second);
        assert_eq!([pace.reserve(now), pace.reserve(now + 20 * second)], [now + 10 * second, now + 20 * second]);
    }

    #[test]
    fn a_limit_holds_over_any_pattern_of_arrivals() {
        let (pace, now) = (Pace::new(Some(600)), Instant::now());
        let mut begins: Vec<Instant> =
            (0..300).map(|request| pace.reserve(now + Duration::from_millis(request * request % 977))).collect();
        begins.sort_unstable();
        assert!(begins.windows(2).all(|pair| pair[1] - pair[0] >= Duration::from_millis(100)));
    }
}
