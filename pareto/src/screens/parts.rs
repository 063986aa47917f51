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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lab::Random;

    fn matrix(shape: &[usize], values: &[f32]) -> TensorPrint {
        let norm = values.iter().map(|value| f64::from(*value).powi(2)).sum::<f64>().sqrt();
        TensorPrint { shape: shape.to_vec(), digest: [0; 32], norm, sketch: values.to_vec(), spectrum: Vec::new() }
    }

    fn drawn(random: &mut Random, count: usize) -> Vec<TensorPrint> {
        let mut coarse = || (random.uniform() * 8.0).floor() as f32 / 4.0 - 1.0;
        (0..count).map(|place| matrix(&[2 + place % 2, 2], &[coarse(), coarse(), coarse()])).collect()
    }

    #[test]
    fn the_nearest_matrix_is_that_of_a_search_through_all() {
        for trial in 0..400 {
            let mut random = Random::new(21, &[trial]);
            let (ours, theirs) = (drawn(&mut random, 6), drawn(&mut random, 9));
            let limit = random.uniform() * 2.0;
            let found = Matrices::new(&theirs);
            for matrix in &ours {
                let to = |other: &TensorPrint| -> f64 {
                    let steps = matrix.sketch.iter().zip(&other.sketch);
                    steps.map(|(one, two)| (f64::from(*one) - f64::from(*two)).powi(2)).sum()
                };
                let alike = theirs.iter().filter(|other| other.shape == matrix.shape && other.norm > 0.0);
                let nearest = alike.map(to).fold(f64::INFINITY, f64::min);
                let expected = (nearest <= limit * limit).then(|| nearest.sqrt());
                assert_eq!(found.nearest(matrix, limit), expected, "{trial}: {matrix:?} within {limit}");
            }
        }
    }

    #[test]
    fn a_matrix_is_a_models_own_unless_the_base_has_it() {
        let own = |one: &TensorPrint, base: Option<&[TensorPrint]>| -> Vec<f64> {
            let base = base.map(Matrices::new);
            let matrices = std::slice::from_ref(one);
            Matrices::new(matrices)
                .own(base.as_ref(), &CopySettings::default())
                .iter()
                .map(|(_, limit)| *limit)
                .collect()
        };
        let unit = matrix(&[2, 2], &[1.0, 0.0]);
        let check = |base: Option<&[TensorPrint]>, expected: Option<f64>| {
            let found = own(&unit, base);
            assert_eq!(found.len(), usize::from(expected.is_some()), "{base:?}: {found:?}");
            for (limit, expected) in found.iter().zip(expected) {
                assert!((limit / expected - 1.0).abs() < 1e-5, "{base:?}: {limit}, not {expected}");
            }
        };
        check(None, Some(0.002));
        check(Some(&[]), Some(0.002));
        check(Some(&[matrix(&[2, 2], &[1.0, 0.0])]), None);
        // Moved by less than a cast moves it, it is the base's.
        check(Some(&[matrix(&[2, 2], &[1.0, 0.001])]), None);
        check(Some(&[matrix(&[2, 2], &[1.0, 0.1])]), Some(0.05 * 0.1));
        check(Some(&[matrix(&[2, 2], &[1.0, 0.2]), matrix(&[2, 2], &[1.0, 0.1])]), Some(0.05 * 0.1));
        // Farther away than a quarter of its size, or of another shape, nothing of the base is behind it.
        check(Some(&[matrix(&[2, 2], &[1.0, 0.3])]), Some(0.002));
        check(Some(&[matrix(&[4, 1], &[1.0, 0.0])]), Some(0.002));
        // Vectors and matrices of zeros tell no model from another.
        assert_eq!(own(&matrix(&[2], &[1.0, 0.0]), None), [0.0; 0]);
        assert_eq!(own(&matrix(&[2, 2], &[0.0, 0.0]), None), [0.0; 0]);
    }

    #[test]
    fn what_is_lacking_is_a_share_of_the_originals_own() {
        let original: Vec<TensorPrint> = (0..4).map(|place| matrix(&[2, 2], &[1.0 + place as f32, 0.5])).collect();
        let own = Matrices::new(&original).own(None, &CopySettings::default());
        let check = |held: &[TensorPrint], expected: f64| {
            assert_eq!(Matrices::new(held).lack(&own), Some(expected), "{held:?}");
        };
        check(&original, 0.0);
        check(&original[..3], 0.25);
        check(&original[2..], 0.5);
        check(&[], 1.0);
        check(&[matrix(&[2, 2], &[1.0, 0.501])], 0.75);
        check(&[matrix(&[2, 2], &[1.0, 0.51])], 1.0);
        assert_eq!(Matrices::new(&original).lack(&[]), None);
    }
}
