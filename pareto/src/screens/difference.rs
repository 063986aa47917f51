//! Difference of two models' tensors from their sketches: size, share of another's task vector, and structure.
//!
//! A sketch is linear, so that the sketch of a difference is the difference of sketches. It is also a product `L D R` with a
//! matrix on either side: a change of low rank, as every training makes, leaves it with few large singular values, while
//! noise (of a cast, a quantization, a disguise) leaves all of them alike. That tells a tuning from noise of any size.

use std::collections::{BTreeMap, BTreeSet};

use super::print::{ModelPrint, SIDE};

/// Values of a matrix's sketch.
const CELLS: usize = SIDE * SIDE;
/// Sides from which a matrix says anything of structure.
const LEAST_SIDE: usize = 4;

/// All tensors' sketches of one model, laid out so that models with the same matrices can be subtracted.
#[derive(Debug)]
pub(super) struct Vectors {
    /// Names of its matrices with the sides of their sketches, sorted by name.
    matrices: Vec<(String, [usize; 2])>,
    /// The matrices' sketches, then those of all models' vectors.
    values: Vec<f32>,
    /// Euclidean length.
    pub(super) size: f64,
}

/// Names of the vectors of some models: one that a model lacks is zero, as an absent bias is.
#[derive(Debug)]
pub(super) struct Names(BTreeMap<String, usize>);

impl Names {
    pub(super) fn of<'a>(models: impl Iterator<Item = &'a ModelPrint>) -> Self {
        let tensors = models.flat_map(|model| &model.tensors).filter(|tensor| tensor.shape.len() < 2);
        let names: BTreeSet<&String> = tensors.map(|tensor| &tensor.name).collect();
        Self(names.into_iter().cloned().enumerate().map(|(place, name)| (name, place)).collect())
    }
}

impl Vectors {
    /// `None` for a model without matrices, or whose sketches are none.
    pub(super) fn new(model: &ModelPrint, names: &Names) -> Option<Self> {
        let mut matrices = BTreeMap::new();
        let mut rest = vec![0.0; SIDE * names.0.len()];
        for tensor in &model.tensors {
            if let [.., _, columns] = tensor.shape.as_slice() {
                let rows = tensor.shape[..tensor.shape.len() - 1].iter().product::<usize>();
                let sides = [rows.min(SIDE), (*columns).min(SIDE)];
                if tensor.sketch.len() != CELLS || matrices.insert(&tensor.name, (sides, &tensor.sketch)).is_some() {
                    return None;
                }
            } else {
                let place = SIDE * names.0.get(&tensor.name)?;
                rest[place..place + SIDE].copy_from_slice(tensor.sketch.get(..SIDE)?);
            }
        }
        if matrices.is_empty() {
            return None;
        }
        let values: Vec<f32> = matrices.values().flat_map(|(_, sketch)| sketch.iter()).chain(&rest).copied().collect();
        let size = square(values.iter().map(|value| f64::from(*value))).sqrt();
        let matrices = matrices.into_iter().map(|(name, (sides, _))| (name.clone(), sides)).collect();
        size.is_finite().then_some(Self { matrices, values, size })
    }

    /// True if the two have the same matrices, in whatever shapes: rows and columns of zeros change no sketch.
    pub(super) fn is_comparable(&self, other: &Self) -> bool {
        let (one, two) = (&self.matrices, &other.matrices);
        one.len() == two.len() && one.iter().zip(two).all(|((one, _), (two, _))| one == two)
    }

    /// This model less another, where the two have the same matrices.
    pub(super) fn less(&self, other: &Self) -> Option<Vec<f32>> {
        let differ = || self.values.iter().zip(&other.values).map(|(one, two)| one - two).collect();
        self.is_comparable(other).then(differ)
    }

    /// Size of a difference relative to this model, each matrix, and all vectors together, relative to itself and none by
    /// more than all of it: a matrix that is far larger than all others does not hide that they differ.
    pub(super) fn relative(&self, difference: &[f32]) -> f64 {
        let (mut sum, mut count) = (0.0, 0.0);
        let parts = (0..self.matrices.len()).map(|place| place * CELLS..(place + 1) * CELLS);
        let vectors = self.matrices.len() * CELLS..self.values.len();
        for part in parts.chain(std::iter::once(vectors)) {
            let energy = |values: &[f32]| square(values[part.clone()].iter().map(|value| f64::from(*value)));
            let (energy, size) = (energy(difference), energy(&self.values));
            if energy + size > 0.0 {
                sum += if energy < size { energy / size } else { 1.0 };
                count += 1.0;
            }
        }
        if count > 0.0 { (sum / count).sqrt() } else { 0.0 }
    }

    /// Concentration of a difference from this model, in [0, 1]: 0 of noise, 1 over the number of directions that carry a
    /// change of low rank. Each matrix counts by its change relative to its size, so that a change of few matrices is not
    /// hidden by noise in all others; `None` if nothing is left to judge.
    pub(super) fn structure(&self, difference: &[f32]) -> Option<f64> {
        let (mut sum, mut total) = (0.0, 0.0);
        for (place, (_, [rows, columns])) in self.matrices.iter().enumerate() {
            let cells = place * CELLS..(place + 1) * CELLS;
            let energy = square(difference[cells.clone()].iter().map(|value| f64::from(*value)));
            if *rows < LEAST_SIDE || *columns < LEAST_SIDE || energy == 0.0 {
                continue;
            }
            let size = square(self.values[cells.clone()].iter().map(|value| f64::from(*value)));
            let weight = energy / (energy + size);
            // The mean that a matrix of independent normal values of this size has.
            let (m, n) = (*rows as f64, *columns as f64);
            let least = (m + n + 1.0) / (m * n + 2.0);
            let found = fourth(&difference[cells]) / (energy * energy);
            sum += weight * (found - least) / (1.0 - least);
            total += weight;
        }
        (total > 0.0).then(|| (sum / total).max(0.0))
    }
}

/// Sum of the fourth powers of a square matrix's singular values: the squared length of its product with itself.
fn fourth(matrix: &[f32]) -> f64 {
    let rows: Vec<&[f32]> = matrix.chunks(SIDE).collect();
    let mut sum = 0.0;
    for (place, one) in rows.iter().enumerate() {
        for (other, two) in rows.iter().enumerate().skip(place) {
            let product: f64 = one.iter().zip(*two).map(|(one, two)| f64::from(*one) * f64::from(*two)).sum();
            sum += product * product * if other == place { 1.0 } else { 2.0 };
        }
    }
    sum
}

fn square(values: impl Iterator<Item = f64>) -> f64 {
    values.map(|value| value * value).sum()
}

/// Length of a difference.
pub(super) fn length(difference: &[f32]) -> f64 {
    square(difference.iter().map(|value| f64::from(*value))).sqrt()
}

/// Product of two differences.
pub(super) fn dot(one: &[f32], two: &[f32]) -> f64 {
    one.iter().zip(two).map(|(one, two)| f64::from(*one) * f64::from(*two)).sum()
}

/// A difference less multiples of others.
pub(super) fn without(difference: &[f32], parts: &[(f64, &[f32])]) -> Vec<f32> {
    let mut left: Vec<f64> = difference.iter().map(|value| f64::from(*value)).collect();
    for (share, part) in parts {
        left.iter_mut().zip(*part).for_each(|(left, part)| *left -= share * f64::from(*part));
    }
    left.into_iter().map(|value| value as f32).collect()
}

/// Shares of two differences in a third, by least squares; `None` where the two are nearly one.
pub(super) fn shares(of: &[f32], one: &[f32], two: &[f32]) -> Option<[f64; 2]> {
    let (aa, bb, ab) = (dot(one, one), dot(two, two), dot(one, two));
    let (ya, yb) = (dot(of, one), dot(of, two));
    let determinant = aa * bb - ab * ab;
    (determinant > 1e-3 * aa * bb).then(|| [(ya * bb - yb * ab) / determinant, (yb * aa - ya * ab) / determinant])
}

#[cfg(test)]
mod tests;
