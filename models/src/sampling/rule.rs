//! Sampling of the next token as a pure function of logits, key and index of the draw (Gumbel-max).
//!
//! `argmax(logit / temperature + gumbel(key, draw, token))` is a sample of the softmax. No draw depends on another, so
//! the logits alone suffice to check whether a recorded token is the one that the rule chooses.
//!
//! Draws are counted from the reply's first token. Two models that reply to a task with the same key therefore share their
//! noise (common random numbers; Benz et al., arXiv 2502.01754), however long their templates make the prompt: like models
//! then reply alike, and their scores differ where the models do rather than by luck.

use std::cmp::Ordering;

use crate::kernel::{Processor, argmax, exp, logarithm};
use crate::splitmix::{INCREMENT, mix};

/// Sampling parameters.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Sampling {
    /// Divisor of the logits; 0 is greedy decoding.
    pub temperature: f32,
    /// Top-k: only this many of the largest logits are candidates; all if `None`.
    pub top_k: Option<u32>,
    /// Top-p: only the largest probabilities that together reach this share are candidates, in (0, 1]; all if `None`.
    pub top_p: Option<f32>,
    /// Seed of the noise, beside the draw's index and the token.
    pub key: u64,
}

impl Sampling {
    /// Greedy decoding: the largest logit, the lowest id among equals.
    #[must_use]
    pub fn greedy() -> Self {
        Self { temperature: 0.0, top_k: None, top_p: None, key: 0 }
    }

    /// True if every parameter is within its range.
    #[must_use]
    pub fn is_valid(&self) -> bool {
        self.temperature.is_finite()
            && self.temperature >= 0.0
            && self.top_k != Some(0)
            && self.top_p.is_none_or(|share| share > 0.0 && share <= 1.0)
    }

    /// Chooses the reply's token with the index `draw` (from 0; the prompt does not count) by its logits.
    #[must_use]
    pub(crate) fn choose(&self, processor: &Processor, logits: &[f32], draw: usize) -> u32 {
        let largest = argmax(processor, logits);
        if self.temperature == 0.0 {
            return largest as u32;
        }
        // Noise depends on the token id, so that candidates may be visited in any order.
        let noise = Noise::new(self.key, draw);
        match self.candidates(logits, logits[largest]) {
            Some(candidates) => {
                let mut best = Best::none();
                for token in candidates {
                    best.offer(token, self.value(logits, &noise, token));
                }
                best.token
            }
            None => self.choose_among_all(logits, largest, &noise),
        }
    }

    /// The difference in noisy logits between `chosen`, the token that the rule chooses, and `token`; 0 if they are the
    /// same.
    #[must_use]
    pub(crate) fn shortfall(&self, logits: &[f32], draw: usize, token: u32, chosen: u32) -> f64 {
        if self.temperature == 0.0 {
            return f64::from(logits[chosen as usize]) - f64::from(logits[token as usize]);
        }
        let noise = Noise::new(self.key, draw);
        self.value(logits, &noise, chosen) - self.value(logits, &noise, token)
    }

    fn value(&self, logits: &[f32], noise: &Noise, token: u32) -> f64 {
        self.scaled(logits[token as usize]) + noise.gumbel(token)
    }

    fn scaled(&self, logit: f32) -> f64 {
        f64::from(logit) / f64::from(self.temperature)
    }

    /// Candidates after top-k and top-p, ascending; `None` for the whole vocabulary.
    fn candidates(&self, logits: &[f32], largest: f32) -> Option<Vec<u32>> {
        let count = self.top_k.map_or(logits.len(), |k| (k as usize).min(logits.len()));
        let share = self.top_p.unwrap_or(1.0);
        if count == logits.len() && share >= 1.0 {
            return None;
        }
        let mut tokens: Vec<u32> = (0..logits.len() as u32).collect();
        if count < tokens.len() {
            tokens.select_nth_unstable_by(count - 1, |a, b| by_logit(logits, *a, *b));
            tokens.truncate(count);
            tokens.sort_unstable();
        }
        if share < 1.0 {
            let odds = |token: u32| match logits[token as usize] {
                logit if logit.is_nan() => 0,
                logit => whole_odds(exp((logit - largest) / self.temperature)),
            };
            let wanted = f64::from(share) * tokens.iter().map(|token| odds(*token)).sum::<u64>() as f64;
            keep_share(&mut tokens, logits, odds, wanted);
            tokens.sort_unstable();
        }
        Some(tokens)
    }

    /// The best of the whole vocabulary. Most tokens cannot win: a block is skipped where even its largest logit would need
    /// more noise than any of its tokens got.
    fn choose_among_all(&self, logits: &[f32], largest: usize, noise: &Noise) -> u32 {
        const BLOCK: usize = 64;
        let mut best = Best::none();
        best.offer(largest as u32, self.value(logits, noise, largest as u32));
        for (block, values) in logits.chunks(BLOCK).enumerate() {
            let most = values.iter().copied().fold(f32::NEG_INFINITY, f32::max);
            let bound = Noise::bits_below(best.value - self.scaled(most));
            for token in (block * BLOCK) as u32..(block * BLOCK + values.len()) as u32 {
                if noise.bits(token) >= bound {
                    best.offer(token, self.value(logits, noise, token));
                }
            }
        }
        best.token
    }
}

/// Orders by logit, largest first, then by id; NaN comes last.
fn by_logit(logits: &[f32], a: u32, b: u32) -> Ordering {
    let key = |token: u32| match logits[token as usize] {
        logit if logit.is_nan() => f32::NEG_INFINITY,
        // Adding zero makes both zeros equal.
        logit => logit + 0.0,
    };
    key(b).total_cmp(&key(a)).then(a.cmp(&b))
}

/// Odds in (0, 1] as an integer, so that no device's order of additions shows in their sum.
fn whole_odds(odds: f32) -> u64 {
    (f64::from(odds) * (1_u64 << 40) as f64) as u64
}

/// Keeps the largest logits until their odds reach `wanted`, including the one that reaches it.
fn keep_share(tokens: &mut Vec<u32>, logits: &[f32], odds: impl Fn(u32) -> u64, wanted: f64) {
    let mut sorted = 256;
    loop {
        let all = sorted >= tokens.len();
        let top = if all {
            &mut tokens[..]
        } else {
            tokens.select_nth_unstable_by(sorted, |a, b| by_logit(logits, *a, *b)).0
        };
        top.sort_unstable_by(|a, b| by_logit(logits, *a, *b));
        let mut sum = 0;
        let reached = top.iter().position(|token| {
            sum += odds(*token);
            sum as f64 >= wanted
        });
        if let Some(last) = reached {
            return tokens.truncate(last + 1);
        }
        if all {
            return;
        }
        sorted *= 8;
    }
}

/// The best token so far, the lowest id among equals.
struct Best {
    token: u32,
    value: f64,
}

impl Best {
    fn none() -> Self {
        Self { token: u32::MAX, value: f64::NEG_INFINITY }
    }

    fn offer(&mut self, token: u32, value: f64) {
        let value = if value.is_nan() { f64::NEG_INFINITY } else { value };
        if value > self.value || (value == self.value && token < self.token) || self.token == u32::MAX {
            *self = Self { token, value };
        }
    }
}

/// Gumbel noise of one draw.
struct Noise {
    base: u64,
}

impl Noise {
    /// Random bits per draw.
    const BITS: u32 = 53;

    fn new(key: u64, draw: usize) -> Self {
        Self { base: mix(mix(key) ^ (draw as u64).wrapping_mul(0xD134_2543_DE82_EF95)) }
    }

    /// A uniform number below 2^53.
    fn bits(&self, token: u32) -> u64 {
        mix(self.base.wrapping_add(u64::from(token).wrapping_mul(INCREMENT))) >> (64 - Self::BITS)
    }

    /// A sample of the standard Gumbel distribution.
    fn gumbel(&self, token: u32) -> f64 {
        let uniform = (self.bits(token) as f64 + 0.5) / (1_u64 << Self::BITS) as f64;
        -logarithm(-logarithm(uniform))
    }

    /// A bound: tokens with fewer bits than this draw less than `gumbel`. The margin covers rounding, since at the cap one
    /// unit of the last bit is a thousandth of the distance to one.
    fn bits_below(gumbel: f64) -> u64 {
        let safe = (gumbel - 0.05).min(30.0);
        let uniform = libm::exp(-libm::exp(-safe));
        (uniform * (1_u64 << Self::BITS) as f64) as u64
    }
}

#[cfg(test)]
mod tests;
