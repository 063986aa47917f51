//! Betting against a null hypothesis about a mean: a wealth that cannot grow in expectation while the null is true.
//!
//! The observations are differences d in [-1, 1]. Against "the mean is at most m" a strand with fraction c in (0, 1)
//! bets lambda = c / (1 + m) and multiplies its wealth by `1 + lambda (d - m)`, which is never negative and has
//! conditional expectation at most one under the null. Several strands share the initial wealth by a fixed prior; their
//! sum is again a non-negative supermartingale, so by Ville's inequality it ever exceeds 1 / alpha with probability at
//! most alpha.
//!
//! Wealth is kept as products, not as sums of logarithms: multiplication is exact to the last bit on every machine and
//! ten times cheaper. A common power of two is taken out when it would leave the range of a double.

use serde::{Deserialize, Serialize};

/// Number of strands, each with its own betting fraction.
pub const STRANDS: usize = 8;

/// The betting fractions, as shares of the largest bet that cannot go broke.
pub(crate) const FRACTIONS: [f64; STRANDS] = [0.04, 0.09, 0.17, 0.27, 0.4, 0.56, 0.74, 0.92];

/// Shares of the initial wealth in a test that must reject at a small alpha: most of it is on the bets that suit gains of 0.03 to 0.15 at the spread of binary scores.
pub const PRIOR: [f64; STRANDS] = [0.02, 0.05, 0.12, 0.24, 0.28, 0.19, 0.08, 0.02];

/// Shares of the initial wealth where a small shortfall must be noticed soon: smaller bets.
pub const CAREFUL_PRIOR: [f64; STRANDS] = [0.01, 0.12, 0.28, 0.3, 0.16, 0.08, 0.04, 0.01];

/// Wealth is rescaled by two to this power.
const RESCALE_BITS: i32 = 512;
const RESCALE_UP: f64 = f64::from_bits(((1023 + RESCALE_BITS) as u64) << 52);
const RESCALE_DOWN: f64 = f64::from_bits(((1023 - RESCALE_BITS) as u64) << 52);
/// Total wealth stays within two to plus and minus this power before it is rescaled.
const LARGE: f64 = f64::from_bits(((1023 + 256) as u64) << 52);
const SMALL: f64 = f64::from_bits(((1023 - 256) as u64) << 52);
/// A strand below this has lost so much that it is given up; giving wealth away keeps a supermartingale one.
const NOTHING: f64 = f64::from_bits(((1023 - 900) as u64) << 52);

/// Null hypothesis that an e-process bets against.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Null {
    /// "The mean difference is at most this": wealth grows when the challenger is better.
    AtMost(f64),
    /// "The mean difference is at least this": wealth grows when the challenger is worse.
    AtLeast(f64),
}

/// The betting rates against a null, shared by all processes with the same null.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Bets {
    center: f64,
    rates: [f64; STRANDS],
    /// The factors on a loss, a tie and a win, which is all that right and wrong answers can give.
    whole: [[f64; STRANDS]; 3],
}

/// Place of a difference of -1, 0 or 1 in a list of the three; none for any other.
#[inline]
pub(crate) fn whole(difference: f64) -> Option<usize> {
    // The cast truncates and saturates, so that every other value in [-1, 1] fails the comparison.
    let place = (difference + 1.0) as usize;
    (place as f64 - 1.0 == difference).then_some(place)
}

impl Bets {
    /// The rates against a null whose mean lies strictly between -1 and 1.
    #[must_use]
    pub fn against(null: Null) -> Self {
        let (center, scale) = match null {
            // The worst difference, -1 or 1, lies 1 + mean or 1 - mean beyond the center: a bet of that reciprocal loses everything
            // on it, and a fraction of it never does.
            Null::AtMost(mean) => (mean, 1.0 / (1.0 + mean)),
            Null::AtLeast(mean) => (mean, -1.0 / (1.0 - mean)),
        };
        let rates = FRACTIONS.map(|fraction| fraction * scale);
        Self { center, rates, whole: [-1.0, 0.0, 1.0].map(|difference| factors(&rates, center, difference)) }
    }

    /// The factor by which each strand's wealth is multiplied on a difference in [-1, 1].
    #[inline]
    #[must_use]
    pub fn factors(&self, difference: f64) -> [f64; STRANDS] {
        match whole(difference) {
            Some(place) => self.whole[place],
            None => factors(&self.rates, self.center, difference),
        }
    }
}

/// A wealth, spread over the strands.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(into = "Saved", try_from = "Saved")]
pub struct EProcess {
    wealth: [f64; STRANDS],
    total: f64,
    shift: i32,
}

impl Default for EProcess {
    fn default() -> Self {
        Self::with(PRIOR)
    }
}

impl EProcess {
    /// A wealth of one, shared by the strands as given: shares that are not negative and sum to one.
    #[must_use]
    pub fn with(prior: [f64; STRANDS]) -> Self {
        Self { wealth: prior, total: sum(&prior), shift: 0 }
    }

    /// Multiplies every strand by its factor.
    #[inline]
    fn multiply(&mut self, factors: &[f64; STRANDS]) {
        for (wealth, factor) in self.wealth.iter_mut().zip(factors) {
            let product = *wealth * factor;
            // Subnormal numbers would lose bits and take many times as long to multiply.
            *wealth = if product < NOTHING { 0.0 } else { product };
        }
        self.total = sum(&self.wealth);
        if !(SMALL..LARGE).contains(&self.total) {
            self.rescale();
        }
    }

    /// Takes one difference into account.
    #[inline]
    pub fn push(&mut self, bets: &Bets, difference: f64) {
        // On the null's own mean every factor is exactly one: most pairs are ties, and against a margin of 0 they are free.
        if difference == bets.center {
            return;
        }
        match whole(difference) {
            Some(place) => self.multiply(&bets.whole[place]),
            None => self.multiply(&factors(&bets.rates, bets.center, difference)),
        }
    }

    /// Returns true if the wealth is at least `bar`, for any bar between 2^-256 and 2^256.
    #[inline]
    #[must_use]
    pub fn reaches(&self, bar: f64) -> bool {
        // A shifted total is beyond 2^256 or below 2^-256, and every bar is between.
        self.shift > 0 || (self.shift == 0 && self.total >= bar)
    }

    /// Wealth; 0 or infinity when it leaves the range of a double.
    #[inline]
    #[must_use]
    pub fn value(&self) -> f64 {
        match self.shift {
            0 => self.total,
            1.. => f64::INFINITY,
            _ => 0.0,
        }
    }

    /// The natural logarithm of the wealth.
    #[must_use]
    pub fn log_e(&self) -> f64 {
        libm::log(self.total) + f64::from(self.shift) * f64::from(RESCALE_BITS) * std::f64::consts::LN_2
    }

    #[cold]
    fn rescale(&mut self) {
        let (factor, step) = if self.total < SMALL { (RESCALE_UP, -1) } else { (RESCALE_DOWN, 1) };
        for wealth in &mut self.wealth {
            *wealth *= factor;
        }
        self.total = sum(&self.wealth);
        self.shift += step;
    }
}

/// A wealth as it is written: the total follows from the strands.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Saved {
    wealth: [f64; STRANDS],
    shift: i32,
}

impl From<EProcess> for Saved {
    fn from(EProcess { wealth, shift, .. }: EProcess) -> Self {
        Self { wealth, shift }
    }
}

impl TryFrom<Saved> for EProcess {
    type Error = &'static str;

    fn try_from(Saved { wealth, shift }: Saved) -> Result<Self, Self::Error> {
        let total = sum(&wealth);
        let possible = wealth.iter().all(|strand| *strand >= 0.0) && (SMALL..LARGE).contains(&total);
        if possible { Ok(Self { wealth, total, shift }) } else { Err("no e-process has such a wealth") }
    }
}

fn factors(rates: &[f64; STRANDS], center: f64, difference: f64) -> [f64; STRANDS] {
    let excess = difference - center;
    rates.map(|rate| 1.0 + rate * excess)
}

fn sum(values: &[f64; STRANDS]) -> f64 {
    // In a fixed order of pairs: the additions can be made side by side, and the bits do not depend on the compiler.
    ((values[0] + values[1]) + (values[2] + values[3])) + ((values[4] + values[5]) + (values[6] + values[7]))
}
