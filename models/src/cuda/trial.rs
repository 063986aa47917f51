//! Choice of a product's algorithm on the card at hand.

use std::collections::BTreeSet;

use super::{
    card::{Address, Card, Operands, WeightShape},
    library::{Algorithm, Library},
};
use crate::{error::DeviceError, splitmix::splitmix};

/// Numbers of rows that an algorithm is judged by; results in single precision are only wanted for few rows.
const JUDGED: [usize; 4] = [16, 64, 256, 4096];
/// Numbers of rows whose bits are compared with those of the most rows.
const COMPARED: [usize; 4] = [1, 5, 64, 256];
/// Proposals asked for at each number of rows.
const PROPOSALS: usize = 8;
/// Bytes of weights that are used in turn, so that none are found in the card's cache.
const ROTATED: usize = 240 << 20;
/// Seconds after which no further candidate is tried.
const PATIENCE: f64 = 1.0;

/// Weights, inputs and results of one shape for trying algorithms.
pub(super) struct Trial<'a> {
    card: &'a dyn Card,
    library: &'a Library,
    shape: WeightShape,
    /// Every number of rows that will be in use.
    rows: &'a [usize],
    weights: Vec<Address>,
    x: Address,
    y: Address,
    all: Address,
}

impl<'a> Trial<'a> {
    /// Takes the memory of a trial.
    pub(super) fn new(
        card: &'a dyn Card,
        library: &'a Library,
        shape: WeightShape,
        rows: &'a [usize],
    ) -> Result<Self, DeviceError> {
        let bytes = shape.outputs * shape.inputs * 2;
        let copies = (ROTATED / bytes).clamp(1, 8);
        let most = Self::judged(shape)[Self::judged(shape).len() - 1];
        let (x, y) = (most * shape.inputs * 2, most * shape.outputs * if shape.wide { 4 } else { 2 });
        let aligned = [bytes * copies, x, y].map(|part| part.next_multiple_of(256));
        let all = card.allocate(aligned.iter().sum())?;
        let weights = (0..copies).map(|copy| all.plus(copy * bytes)).collect();
        let trial = Self {
            card,
            library,
            shape,
            rows,
            weights,
            x: all.plus(aligned[0]),
            y: all.plus(aligned[0] + aligned[1]),
            all,
        };
        let noise = noise(1 << 20);
        for at in (0..aligned[0] + x).step_by(noise.len()) {
            let count = noise.len().min(aligned[0] + x - at);
            card.upload(all.plus(at), &noise[..count])?;
        }
        Ok(trial)
    }

    fn judged(shape: WeightShape) -> &'static [usize] {
        if shape.wide { &JUDGED[..3] } else { &JUDGED }
    }

    /// The algorithm with the least sum of times over the best time for each number of rows, among those that are valid
    /// for all numbers of rows in use and give equal bits.
    pub(super) fn best(&self) -> Result<Algorithm, DeviceError> {
        let began = now();
        let judged = Self::judged(self.shape);
        let mut lists = Vec::new();
        for rows in judged.iter().copied().chain([1024].into_iter().filter(|_| !self.shape.wide)) {
            lists.push(self.library.proposals(self.shape, rows, PROPOSALS)?);
        }
        let mut tried = BTreeSet::new();
        let mut good: Vec<(Algorithm, Vec<f64>)> = Vec::new();
        // The best for each number of rows come first.
        for algorithm in (0..PROPOSALS).flat_map(|rank| lists.iter().filter_map(move |list| list.get(rank))) {
            let late = began.elapsed().as_secs_f64() > PATIENCE && !good.is_empty();
            if !late && tried.insert(*algorithm) && self.fits(algorithm)? {
                let times = judged.iter().map(|rows| self.time(algorithm, *rows)).collect::<Result<_, _>>()?;
                good.push((*algorithm, times));
            }
        }
        let best: Vec<f64> =
            (0..judged.len()).map(|at| good.iter().map(|(_, times)| times[at]).fold(f64::INFINITY, f64::min)).collect();
        let cost = |times: &[f64]| times.iter().zip(&best).map(|(time, best)| time / best).sum::<f64>();
        let found = good.iter().min_by(|(_, a), (_, b)| cost(a).total_cmp(&cost(b)));
        tracing::info!(shape = %self.shape, tried = tried.len(), good = good.len(), "chose a product's algorithm");
        found.map(|(algorithm, _)| *algorithm).ok_or_else(|| DeviceError {
            operation: format!("choosing an algorithm for the product {}", self.shape),
            message: format!("none of {} is valid for every number of rows with equal bits", tried.len()),
        })
    }

    /// True if an algorithm can do every number of rows and a row's bits do not depend on it.
    fn fits(&self, algorithm: &Algorithm) -> Result<bool, DeviceError> {
        for rows in self.rows {
            if !self.library.can(self.shape, *rows, algorithm)? {
                return Ok(false);
            }
        }
        let row = self.shape.outputs * if self.shape.wide { 4 } else { 2 };
        let judged = Self::judged(self.shape);
        let compared: &[usize] = if self.shape.wide { &COMPARED[..3] } else { &COMPARED };
        let mut whole = vec![0; compared[compared.len() - 1] * row];
        self.multiply(algorithm, judged[judged.len() - 1], 0)?;
        self.card.download(self.y, &mut whole)?;
        for rows in compared {
            self.card.fill(self.y, 0xff, rows * row)?;
            self.multiply(algorithm, *rows, 0)?;
            let mut found = vec![0; rows * row];
            self.card.download(self.y, &mut found)?;
            if found != whole[..rows * row] {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Milliseconds of a product, the best of two tries.
    fn time(&self, algorithm: &Algorithm, rows: usize) -> Result<f64, DeviceError> {
        let calls = if rows > 1000 || self.shape.wide { 2 } else { self.weights.len().max(6) };
        let mut best = f64::INFINITY;
        for _ in 0..2 {
            let run = || (0..calls).try_for_each(|call| self.multiply(algorithm, rows, call % self.weights.len()));
            best = best.min(self.library.timed(run)? / calls as f64);
        }
        Ok(best)
    }

    fn multiply(&self, algorithm: &Algorithm, rows: usize, copy: usize) -> Result<(), DeviceError> {
        let operands = Operands { weights: self.weights[copy], x: self.x, y: self.y, rows };
        self.library.multiply(self.shape, operands, algorithm)
    }
}

impl Drop for Trial<'_> {
    fn drop(&mut self) {
        self.card.free(self.all);
    }
}

/// Numbers between -1 and 1 as bfloat16.
fn noise(values: usize) -> Vec<u8> {
    let value = |index: usize| {
        let bits = splitmix(index as u64) >> 40;
        half::bf16::from_f32(bits as f32 / (1 << 23) as f32 - 1.0).to_le_bytes()
    };
    (0..values).flat_map(value).collect()
}

#[expect(clippy::disallowed_methods, reason = "ends a search; the result is kept in a file from then on")]
fn now() -> std::time::Instant {
    std::time::Instant::now()
}
