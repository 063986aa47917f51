//! Pace of an entry that plays: counts, mean score, tokens a second and time left.

use std::time::Duration;

use indicatif::HumanDuration;

use crate::clock::Stopwatch;

/// Counts of an entry's rollouts since it began to play.
#[derive(Debug)]
pub(super) struct Pace {
    begun: Stopwatch,
    before: usize,
    done: usize,
    total: usize,
    tokens: usize,
    score: f64,
    scored: usize,
}

impl Pace {
    /// An entry that has `done` rollouts and plays up to `total`.
    pub(super) fn new(done: usize, total: usize) -> Self {
        Self { begun: Stopwatch::start(), before: done, done, total, tokens: 0, score: 0.0, scored: 0 }
    }

    /// Counts a rollout with so many new tokens and this score; none if it counts for nobody.
    pub(super) fn end(&mut self, tokens: usize, score: Option<f64>) {
        self.done += 1;
        self.tokens += tokens;
        self.score += score.unwrap_or(0.0);
        self.scored += usize::from(score.is_some());
    }

    /// Rollouts that are there.
    pub(super) fn done(&self) -> usize {
        self.done
    }

    /// Rollouts at most.
    pub(super) fn total(&self) -> usize {
        self.total
    }

    /// Time since the entry began to play.
    pub(super) fn elapsed(&self) -> Duration {
        self.begun.elapsed()
    }

    /// Mean score, tokens a second and the most time left, after so much time; empty before the first rollout.
    pub(super) fn text(&self, elapsed: Duration) -> String {
        let made = self.done - self.before;
        let seconds = elapsed.as_secs_f64();
        if made == 0 || seconds <= 0.0 {
            return String::new();
        }
        let mut parts = Vec::new();
        if self.scored > 0 {
            parts.push(format!("score {:.3}", self.score / self.scored as f64));
        }
        parts.push(format!("{:.0} tokens/s", self.tokens as f64 / seconds));
        let left = self.total.saturating_sub(self.done);
        if left > 0 {
            let most = Duration::from_secs_f64(seconds / made as f64 * left as f64);
            parts.push(format!("at most {} left", HumanDuration(most)));
        }
        parts.join(", ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pace_is_that_of_the_rollouts_made_since_it_began() {
        let check = |ended: &[(usize, Option<f64>)], seconds: u64, expected: &str| {
            let mut pace = Pace::new(20, 60);
            ended.iter().for_each(|(tokens, score)| pace.end(*tokens, *score));
            assert_eq!(pace.text(Duration::from_secs(seconds)), expected);
        };
        check(&[], 9, "");
        check(&[(100, Some(1.0))], 0, "");
        check(&[(100, Some(1.0)), (20, Some(0.0))], 4, "score 0.500, 30 tokens/s, at most 76 seconds left");
        check(&[(100, None)], 10, "10 tokens/s, at most 7 minutes left");
        check(&[(10, Some(0.25)); 40], 100, "score 0.250, 4 tokens/s");
    }
}
