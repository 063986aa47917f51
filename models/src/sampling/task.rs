//! Sampling and scoring of one row of logits.

use super::Sampling;
use crate::kernel::{Processor, log_sum_exp};

/// The score of a given token.
#[derive(Debug, Clone, PartialEq)]
pub struct TokenScore {
    /// Log-probability at temperature 1, without top-k and top-p.
    pub logprob: f32,
    /// Number of tokens that are more likely, or as likely with a lower id.
    pub rank: u32,
    /// The most likely tokens with their log-probabilities, in descending order.
    pub top: Vec<(u32, f32)>,
}

/// A task on one row of logits.
#[derive(Debug, Clone, Copy)]
pub(crate) enum LogitsTask {
    /// Sample the reply's token with this index.
    Sample { sampling: Sampling, draw: usize },
    /// Score this token, with this many of the most likely ones.
    Score { token: u32, top: usize },
    /// Check the reply's token with this index against the sampling rule.
    Verify { sampling: Sampling, draw: usize, token: u32 },
}

/// The result of a task.
#[derive(Debug, Clone)]
pub(crate) enum LogitsResult {
    Sampled { token: u32, logprob: f32 },
    Scored(TokenScore),
    Verified { logprob: f32, chosen: u32, shortfall: f64 },
}

impl LogitsTask {
    /// Runs the task on a row of logits.
    pub(crate) fn run(&self, processor: &Processor, logits: &[f32]) -> LogitsResult {
        let whole = log_sum_exp(processor, logits);
        let logprob = |token: u32| logits[token as usize] - whole;
        match self {
            Self::Sample { sampling, draw } => {
                let token = sampling.choose(processor, logits, *draw);
                LogitsResult::Sampled { token, logprob: logprob(token) }
            }
            Self::Score { token, top } => {
                let top = most_likely(logits, *top);
                LogitsResult::Scored(TokenScore {
                    logprob: logprob(*token),
                    rank: rank(logits, *token),
                    top: top.into_iter().map(|token| (token, logprob(token))).collect(),
                })
            }
            Self::Verify { sampling, draw, token } => {
                let chosen = sampling.choose(processor, logits, *draw);
                let shortfall = sampling.shortfall(logits, *draw, *token, chosen);
                LogitsResult::Verified { logprob: logprob(*token), chosen, shortfall }
            }
        }
    }
}

/// Number of tokens that are more likely than `token`, or as likely with a lower id.
fn rank(logits: &[f32], token: u32) -> u32 {
    let own = logits[token as usize];
    let above =
        logits.iter().enumerate().filter(|(other, logit)| **logit > own || (**logit == own && *other < token as usize));
    above.count() as u32
}

/// The `count` most likely tokens in descending order, the lowest id first among equals.
fn most_likely(logits: &[f32], count: usize) -> Vec<u32> {
    let mut top: Vec<u32> = Vec::with_capacity(count + 1);
    for (token, logit) in logits.iter().enumerate() {
        // Nearly every token of a vocabulary ends here, without an insertion.
        if top.len() == count && top.last().is_none_or(|last| logits[*last as usize] >= *logit) {
            continue;
        }
        let place = top.partition_point(|other| logits[*other as usize] >= *logit);
        top.insert(place, token as u32);
        top.truncate(count);
    }
    top
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_most_likely_come_first_and_equals_by_id() {
        let logits = [1.0, 5.0, 3.0, 5.0, 2.0];
        for (count, expected) in [(0, vec![]), (1, vec![1]), (3, vec![1, 3, 2]), (9, vec![1, 3, 2, 4, 0])] {
            assert_eq!(most_likely(&logits, count), expected);
        }
    }

    #[test]
    fn the_rank_is_the_place_among_the_most_likely() {
        let logits = [1.0, 5.0, 3.0, 5.0, 2.0];
        for (place, token) in most_likely(&logits, 5).into_iter().enumerate() {
            assert_eq!(rank(&logits, token), place as u32);
        }
    }

    fn processor() -> Processor {
        Processor::new(std::sync::Arc::new(rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap()))
    }

    /// Logits with many ties.
    fn logits(seed: u64) -> Vec<f32> {
        (0..200).map(|token| (crate::splitmix::splitmix(seed << 32 | token) % 40) as f32 * 0.25).collect()
    }

    #[test]
    fn the_most_likely_tokens_are_those_of_a_full_sort() {
        for seed in 0..20 {
            let logits = logits(seed);
            let mut sorted: Vec<u32> = (0..200).collect();
            sorted.sort_by(|a, b| logits[*b as usize].total_cmp(&logits[*a as usize]).then(a.cmp(b)));
            for count in [0, 1, 2, 50, 199, 200, 256] {
                assert_eq!(most_likely(&logits, count), sorted[..count.min(200)], "{count} of seed {seed}");
            }
            for (place, token) in sorted.iter().enumerate() {
                assert_eq!(rank(&logits, *token), place as u32, "token {token} of seed {seed}");
            }
        }
    }

    #[test]
    fn scores_are_log_probabilities_that_sum_to_one() {
        let (processor, logits) = (processor(), logits(5));
        let LogitsResult::Scored(score) = (LogitsTask::Score { token: 7, top: 200 }).run(&processor, &logits) else {
            panic!("a score was asked for")
        };
        let sum: f64 = score.top.iter().map(|(_, logprob)| f64::from(*logprob).exp()).sum();
        assert!((sum - 1.0).abs() < 1e-5, "{sum}");
        assert_eq!(score.top[score.rank as usize], (7, score.logprob));
        assert!(score.top.is_sorted_by(|a, b| a.1 >= b.1));
    }

    #[test]
    fn a_sampled_token_passes_its_own_check_and_every_other_falls_short() {
        let (processor, logits) = (processor(), logits(6));
        for key in 0..20 {
            let sampling = Sampling { temperature: 0.8, top_k: None, top_p: None, key };
            let task = LogitsTask::Sample { sampling, draw: 3 };
            let LogitsResult::Sampled { token, logprob } = task.run(&processor, &logits) else { panic!("a sample") };
            for recorded in [token, (token + 1) % 200, 0, 199] {
                let task = LogitsTask::Verify { sampling, draw: 3, token: recorded };
                let LogitsResult::Verified { logprob: again, chosen, shortfall } = task.run(&processor, &logits) else {
                    panic!("a verification")
                };
                assert_eq!(chosen, token);
                assert_eq!(shortfall == 0.0, recorded == token, "{shortfall} for {recorded}");
                assert!(recorded != token || again.to_bits() == logprob.to_bits());
            }
        }
    }
}
