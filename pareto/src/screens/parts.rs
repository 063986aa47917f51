//! How much of an earlier model a model of another layout is made of: padding a vocabulary, widening a layer with zeros
//! or putting in layers that do nothing changes the layout and not the model.

use crate::screens::copy::{CopySettings, TensorPrint};

/// Share of the original's matrices that the copy does not hold, in [0, 1]; `None` where nothing can be said.
///
/// A matrix is held if one of the same shape is as near as a copy's may be: relative to what the original's added to the
/// base, or else to itself. One that the original has left as it is in the base counts for nobody.
pub(super) fn missing(
    original: &[TensorPrint],
    copy: &[TensorPrint],
    base: Option<&[TensorPrint]>,
    settings: &CopySettings,
) -> Option<f64> {
    let (mut counted, mut held) = (0_usize, 0_usize);
    for matrix in original.iter().filter(|tensor| tensor.shape.len() > 1 && tensor.norm > 0.0) {
        let limit = match base.and_then(|base| nearest(matrix, base, f64::INFINITY)) {
            Some(added) => settings.near_to_task_vector * added,
            None => settings.near_without_base * matrix.norm,
        };
        if limit == 0.0 {
            continue;
        }
        counted += 1;
        held += usize::from(nearest(matrix, copy, limit).is_some_and(|apart| apart <= limit));
    }
    (counted > 0).then(|| (counted - held) as f64 / counted as f64)
}

/// The distance to the nearest tensor of the same shape, of those that may be within the limit.
fn nearest(matrix: &TensorPrint, among: &[TensorPrint], limit: f64) -> Option<f64> {
    // No two tensors are nearer to one another than their norms; sketches err, so there is room.
    let may = |other: &&TensorPrint| other.shape == matrix.shape && (other.norm - matrix.norm).abs() <= 2.0 * limit;
    let square = |other: &TensorPrint| {
        let pairs = matrix.sketch.iter().zip(&other.sketch);
        pairs.map(|(one, two)| (f64::from(*one) - f64::from(*two)).powi(2)).sum::<f64>()
    };
    among.iter().filter(may).map(square).reduce(f64::min).map(f64::sqrt)
}
