//! Share of an earlier model's matrices in a model of another layout: padding a vocabulary, widening a layer with zeros or
//! inserting layers that do nothing changes the layout and not the model.

use std::collections::BTreeMap;

use crate::screens::copy::{CopySettings, TensorPrint};

/// A model's matrices by shape, those of each shape by norm.
pub(super) struct Matrices<'a>(BTreeMap<&'a [usize], Vec<&'a TensorPrint>>);

impl<'a> Matrices<'a> {
    pub(super) fn new(tensors: &'a [TensorPrint]) -> Self {
        let mut groups: BTreeMap<&[usize], Vec<&TensorPrint>> = BTreeMap::new();
        for tensor in tensors.iter().filter(|tensor| tensor.shape.len() > 1 && tensor.norm > 0.0) {
            groups.entry(&tensor.shape).or_default().push(tensor);
        }
        groups.values_mut().for_each(|group| group.sort_by(|one, two| one.norm.total_cmp(&two.norm)));
        Self(groups)
    }

    /// The matrices that are not the base's, each with the distance within which another model's is a copy of it.
    pub(super) fn own(&self, base: Option<&Matrices<'_>>, settings: &CopySettings) -> Vec<(&'a TensorPrint, f64)> {
        let near = |matrix: &&'a TensorPrint| {
            let itself = settings.near_without_base * matrix.norm;
            // A matrix that is farther from all of the base's than a quarter of its size was not made of one of them.
            let limit = match base.and_then(|base| base.nearest(matrix, 0.25 * matrix.norm)) {
                Some(added) if added <= itself => 0.0,
                Some(added) => settings.near_to_task_vector * added,
                None => itself,
            };
            (*matrix, limit)
        };
        self.0.values().flatten().map(near).filter(|(_, limit)| *limit > 0.0).collect()
    }

    /// Share of an original's own matrices that are not among these, in [0, 1]; `None` where it has none.
    pub(super) fn lack(&self, own: &[(&TensorPrint, f64)]) -> Option<f64> {
        let held = own.iter().filter(|(matrix, limit)| self.nearest(matrix, *limit).is_some()).count();
        (!own.is_empty()).then(|| (own.len() - held) as f64 / own.len() as f64)
    }

    /// The distance to the nearest matrix of the same shape, if it is within the limit.
    fn nearest(&self, matrix: &TensorPrint, limit: f64) -> Option<f64> {
        let group = self.0.get(matrix.shape.as_slice())?;
        // No two are nearer to one another than their norms; sketches err, so there is room.
        let first = group.partition_point(|other| other.norm < matrix.norm - 2.0 * limit);
        let candidates = group[first..].iter().take_while(|other| other.norm <= matrix.norm + 2.0 * limit);
        let mut best = limit * limit;
        let mut found = false;
        for other in candidates {
            let mut apart = 0.0;
            // What is far away shows it early.
            let within = matrix.sketch.iter().zip(&other.sketch).all(|(one, two)| {
                apart += (f64::from(*one) - f64::from(*two)).powi(2);
                apart <= best
            });
            if within {
                (best, found) = (apart, true);
            }
        }
        found.then(|| best.sqrt())
    }
}
