//! Recognises a model that was published before: same files, same tensors, near tensors, permuted or rescaled twins, and
//! most of the same matrices in another layout.
//!
//! All models are near the public base, so likeness says nothing by itself. Where a print of the base is
//! given, a distance is taken relative to what the *less changed* of the two models added to the base (its task
//! vector); without one, or where a model is built differently from the base, it is taken relative to the tensors
//! themselves, against a far stricter threshold. The earlier commitment is the original, the later one the copy.

use std::cell::OnceCell;
use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::screens::parts::Matrices;
use crate::screens::{Finding, FindingKind, Yardstick};

/// Fingerprint of one entry's tensors, or of a model that was seen in an earlier window.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct EntryPrint {
    /// Block of the commitment by which the owner was first seen with these files.
    pub committed: u64,
    /// Order within the block.
    pub position: u32,
    /// Number of the owner: an owner's earlier models are no originals to its later ones.
    pub owner: usize,
    /// For a model of an earlier window the owner whose work it was then found to be, itself or the owner of what it
    /// repeated; it is an original to others and is not judged again. `None` for an entry to be judged.
    pub origin: Option<usize>,
    /// Digest of the sorted list of tensor-file digests.
    pub files: [u8; 32],
    /// One print per tensor, in any order.
    pub tensors: Vec<TensorPrint>,
}

/// Fingerprint of one tensor.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TensorPrint {
    /// Its shape.
    pub shape: Vec<usize>,
    /// Digest of its elements as canonical f32 bytes.
    pub digest: [u8; 32],
    /// Euclidean norm of its elements.
    pub norm: f64,
    /// A seeded random projection: the squared distance of two sketches estimates that of the tensors.
    pub sketch: Vec<f32>,
    /// A summary that neither permuting nor rescaling rows changes.
    pub spectrum: Vec<f32>,
}

/// The largest distances at which an entry counts as a copy.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct CopySettings {
    /// Distance of the tensors, relative to the smaller task vector. The default takes a change of a twentieth of the
    /// tuning for noise.
    pub near_to_task_vector: f64,
    /// Distance of the tensors, relative to the tensors, where no base is given. The default is twice the error of a
    /// cast to bf16.
    pub near_without_base: f64,
    /// Distance of the spectra, relative to the smaller change of the spectra from the base.
    pub twin_to_task_vector: f64,
    /// Distance of the spectra, relative to the spectra, where no base is given.
    pub twin_without_base: f64,
    /// Distance of the tensors, relative to the tensors, from which like spectra mean a twin. Below it they mean common
    /// descent: tuning hardly moves a spectrum, while permuting rows moves the tensors by more than their own size.
    pub twin_least_distance: f64,
    /// Share of an original's matrices that a model of another layout may lack and still be a copy; those that are as in
    /// the base do not count. The base should be in the encoding that entries are published in.
    pub missing_parts: f64,
    /// The same where no base is given: what two models have in common may then be the base's.
    pub missing_parts_without_base: f64,
}

impl Default for CopySettings {
    fn default() -> Self {
        Self {
            near_to_task_vector: 0.05,
            near_without_base: 0.002,
            twin_to_task_vector: 0.05,
            twin_without_base: 0.0003,
            twin_least_distance: 0.1,
            missing_parts: 0.5,
            missing_parts_without_base: 0.1,
        }
    }
}

/// Finds the entries that repeat an earlier one; at most one finding per entry, ascending by entry.
///
/// Of several originals the most certain kind counts, then the earliest. An entry that is a copy itself is an original
/// to those after it, so that no chain of small steps leads away from the first, except to the owner whose work it
/// repeats: whoever improves a model is no copy of those who copied it.
#[must_use]
pub fn copies(entries: &[EntryPrint], base: Option<&[TensorPrint]>, settings: &CopySettings) -> Vec<Finding> {
    let mut order: Vec<usize> = (0..entries.len()).collect();
    order.sort_by_key(|entry| (entries[*entry].committed, entries[*entry].position, *entry));
    let by_shape = base.map(Tensors::new);
    let matrices = base.map(Matrices::new);
    let prepared: Vec<Prepared> =
        entries.iter().map(|entry| Prepared::new(&entry.tensors, by_shape.as_ref(), settings)).collect();
    let mut findings = Vec::new();
    let mut origins: Vec<usize> = entries.iter().map(|entry| entry.origin.unwrap_or(entry.owner)).collect();
    for (rank, later) in order.iter().enumerate().filter(|(_, later)| entries[**later].origin.is_none()) {
        let owner = entries[*later].owner;
        let mut best: Option<Finding> = None;
        for earlier in
            order[..rank].iter().filter(|earlier| entries[**earlier].owner != owner && origins[**earlier] != owner)
        {
            let found = compare((entries, &prepared, matrices.as_ref()), *earlier, *later, settings);
            best = match (best, found) {
                (Some(best), Some(found)) if found.kind >= best.kind => Some(best),
                (best, found) => found.or(best),
            };
        }
        if let Some(original) = best.as_ref().and_then(|finding| finding.of) {
            origins[*later] = origins[original];
        }
        findings.extend(best);
    }
    findings.sort_by_key(|finding| finding.entry);
    findings
}

/// A model's tensors by shape.
struct Tensors<'a>(BTreeMap<&'a [usize], Vec<&'a TensorPrint>>);

impl<'a> Tensors<'a> {
    fn new(tensors: &'a [TensorPrint]) -> Self {
        let mut groups: BTreeMap<&[usize], Vec<&TensorPrint>> = BTreeMap::new();
        for tensor in tensors {
            groups.entry(&tensor.shape).or_default().push(tensor);
        }
        Self(groups)
    }
}

/// An entry's tensors, and the distances within which another's count as copies.
struct Prepared<'a> {
    digests: Vec<[u8; 32]>,
    tensors: Tensors<'a>,
    /// Size of the tensors.
    size: f64,
    near: Nearness,
    twin: Nearness,
    matrices: Matrices<'a>,
    /// Its matrices that are not the base's, with the distances of a copy; computed only when another layout is compared.
    own: OnceCell<Vec<(&'a TensorPrint, f64)>>,
}

/// Distance within which another model's tensors, or their spectra, count as a copy.
#[derive(Clone, Copy)]
struct Nearness {
    /// The largest distance that counts.
    limit: f64,
    /// That distance as a share of the yardstick.
    threshold: f64,
    yardstick: Yardstick,
}

impl Nearness {
    /// A share of what was added to the base, or else of the whole.
    fn new(added: Option<f64>, of_added: f64, whole: f64, of_whole: f64) -> Self {
        match added {
            Some(added) => Self { limit: of_added * added, threshold: of_added, yardstick: Yardstick::Tuning },
            None => Self { limit: of_whole * whole, threshold: of_whole, yardstick: Yardstick::Whole },
        }
    }

    /// The stricter of the two.
    fn stricter(self, other: Self) -> Self {
        if other.limit < self.limit { other } else { self }
    }

    /// The finding about entry `entry` at a distance within the limit.
    fn finding(self, kind: FindingKind, entry: usize, of: usize, apart: f64) -> Finding {
        let Self { limit, threshold, yardstick } = self;
        // Two models equal to the base are at no distance from each other.
        let measure = if apart == 0.0 { 0.0 } else { threshold * apart / limit };
        Finding { entry, kind, of: Some(of), measure, threshold, yardstick }
    }
}

impl<'a> Prepared<'a> {
    fn new(prints: &'a [TensorPrint], base: Option<&Tensors<'_>>, settings: &CopySettings) -> Self {
        let mut digests: Vec<[u8; 32]> = prints.iter().map(|tensor| tensor.digest).collect();
        digests.sort_unstable();
        let tensors = Tensors::new(prints);
        let whole = |part: Part| prints.iter().map(|tensor| square(part(tensor))).sum::<f64>().sqrt();
        // Where the layouts differ nothing is known of what was added to the base.
        let added = |part: Part| distance(base?, &tensors, part, f64::INFINITY);
        let CopySettings { near_to_task_vector, near_without_base, twin_to_task_vector, twin_without_base, .. } =
            *settings;
        let size = whole(sketch);
        let near = Nearness::new(added(sketch), near_to_task_vector, size, near_without_base);
        let twin = Nearness::new(added(spectrum), twin_to_task_vector, whole(spectrum), twin_without_base);
        Self { digests, tensors, size, near, twin, matrices: Matrices::new(prints), own: OnceCell::new() }
    }
}

type Part = fn(&TensorPrint) -> &[f32];

fn sketch(tensor: &TensorPrint) -> &[f32] {
    &tensor.sketch
}

fn spectrum(tensor: &TensorPrint) -> &[f32] {
    &tensor.spectrum
}

fn compare(
    (entries, prepared, base): (&[EntryPrint], &[Prepared<'_>], Option<&Matrices<'_>>),
    earlier: usize,
    later: usize,
    settings: &CopySettings,
) -> Option<Finding> {
    let same = |kind| {
        let nothing = Nearness { limit: 0.0, threshold: 0.0, yardstick: Yardstick::Whole };
        Some(nothing.finding(kind, later, earlier, 0.0))
    };
    let (original, copy) = (&prepared[earlier], &prepared[later]);
    if entries[earlier].files == entries[later].files {
        return same(FindingKind::SameFiles);
    }
    if original.digests.is_empty() || copy.digests.is_empty() {
        return None;
    }
    if original.digests == copy.digests {
        return same(FindingKind::SameTensors);
    }
    let near = original.near.stricter(copy.near);
    let far_limit = settings.twin_least_distance * original.size.min(copy.size);
    // Beyond both limits the exact distance decides nothing.
    let Some(apart) = distance(&original.tensors, &copy.tensors, sketch, near.limit.max(far_limit)) else {
        let own = original.own.get_or_init(|| original.matrices.own(base, settings));
        let missing = copy.matrices.lack(own)?;
        let most = if base.is_some() { settings.missing_parts } else { settings.missing_parts_without_base };
        let parts = Nearness { limit: 1.0, threshold: 1.0, yardstick: Yardstick::Parts };
        let finding = Finding { threshold: most, ..parts.finding(FindingKind::Parts, later, earlier, missing) };
        return (missing <= most).then_some(finding);
    };
    if apart <= near.limit && original.size > 0.0 {
        return Some(near.finding(FindingKind::NearTensors, later, earlier, apart));
    }
    let twin = original.twin.stricter(copy.twin);
    // Prints without spectra are at no distance from one another, which says nothing.
    if apart < far_limit || twin.limit == 0.0 {
        return None;
    }
    let apart = distance(&original.tensors, &copy.tensors, spectrum, twin.limit)?;
    (apart <= twin.limit).then(|| twin.finding(FindingKind::Twin, later, earlier, apart))
}

/// Groups of tensors of the same shape, or `None` when the two layouts differ.
fn matched_groups<'p, 'a>(
    one: &'p Tensors<'a>,
    two: &'p Tensors<'a>,
) -> Option<Vec<(&'p [&'a TensorPrint], &'p [&'a TensorPrint])>> {
    if one.0.len() != two.0.len() {
        return None;
    }
    one.0
        .iter()
        .map(|(shape, tensors)| {
            let others = two.0.get(shape)?;
            (others.len() == tensors.len()).then_some((tensors.as_slice(), others.as_slice()))
        })
        .collect()
}

/// Euclidean distance of a part of two prints, each tensor with its nearest of the same shape; infinite as soon as it
/// is above the limit, `None` when the layouts differ.
fn distance(one: &Tensors<'_>, two: &Tensors<'_>, part: Part, limit: f64) -> Option<f64> {
    let mut sum = 0.0;
    for (left, right) in matched_groups(one, two)? {
        for (place, tensor) in left.iter().enumerate() {
            let to = |other: &TensorPrint| square_distance(part(tensor), part(other));
            let opposite = to(right[place])?;
            // Names are the usual order; only a tensor that is far from its opposite is looked for elsewhere.
            let nearest = if opposite <= 0.01 * square(part(tensor)) {
                opposite
            } else {
                // Two may have the same nearest; a true assignment would cost the cube of their number, and hardly ever differs.
                right.iter().filter_map(|other| to(other)).fold(opposite, f64::min)
            };
            sum += nearest;
            if sum > limit * limit {
                return Some(f64::INFINITY);
            }
        }
    }
    Some(sum.sqrt())
}

fn square(values: &[f32]) -> f64 {
    values.iter().map(|value| f64::from(*value) * f64::from(*value)).sum()
}

/// Squared distance of two vectors of the same length.
fn square_distance(one: &[f32], two: &[f32]) -> Option<f64> {
    if one.len() != two.len() {
        return None;
    }
    Some(one.iter().zip(two).map(|(left, right)| (f64::from(*left) - f64::from(*right)).powi(2)).sum())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A small deterministic model: `tensors` tensors of two shapes, each with its elements as sketch.
    fn model(seed: u64, tensors: usize) -> Vec<TensorPrint> {
        (0..tensors).map(|tensor| print(tensor, &elements(seed * 1_000 + tensor as u64))).collect()
    }

    fn elements(seed: u64) -> Vec<f32> {
        let mut state = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
        (0..64)
            .map(|_| {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                ((state >> 40) as f32 / (1_u64 << 23) as f32) - 1.0
            })
            .collect()
    }

    fn print(tensor: usize, values: &[f32]) -> TensorPrint {
        let mut digest = [0; 32];
        for (place, value) in values.iter().enumerate() {
            for (byte, bits) in value.to_bits().to_le_bytes().into_iter().enumerate() {
                digest[(place * 4 + byte) % 32] ^= bits.rotate_left(place as u32 % 7);
            }
        }
        let mut spectrum: Vec<f32> = values.to_vec();
        spectrum.sort_by(f32::total_cmp);
        TensorPrint {
            shape: vec![8 + tensor % 2, 8],
            digest,
            norm: square(values).sqrt(),
            sketch: values.to_vec(),
            spectrum,
        }
    }

    fn changed(of: &[TensorPrint], change: impl Fn(&mut Vec<f32>, usize)) -> Vec<TensorPrint> {
        of.iter()
            .enumerate()
            .map(|(tensor, one)| {
                let mut values = one.sketch.clone();
                change(&mut values, tensor);
                print(tensor, &values)
            })
            .collect()
    }

    /// `share` of another direction added to every tensor.
    fn moved(of: &[TensorPrint], seed: u64, share: f32) -> Vec<TensorPrint> {
        changed(of, |values, tensor| {
            for (value, step) in values.iter_mut().zip(elements(seed * 777 + tensor as u64)) {
                *value += share * step;
            }
        })
    }

    fn entry(committed: u64, files: u8, tensors: Vec<TensorPrint>) -> EntryPrint {
        EntryPrint { committed, position: 0, owner: committed as usize, origin: None, files: [files; 32], tensors }
    }

    fn check(entries: &[EntryPrint], base: Option<&[TensorPrint]>, expected: &[(usize, FindingKind, usize)]) {
        let findings = copies(entries, base, &CopySettings::default());
        let found: Vec<_> = findings
            .iter()
            .map(|finding| (finding.entry, finding.kind, finding.of.expect("a copy has an original")))
            .collect();
        assert_eq!(found, expected, "{findings:?}");
        for finding in findings {
            assert!(finding.measure <= finding.threshold, "{finding:?}");
        }
    }

    #[test]
    fn a_copy_is_recognised_through_its_disguises() {
        let base = model(1, 6);
        let original = moved(&base, 2, 0.05);
        let mut renamed = original.clone();
        renamed.reverse();
        let noisy = moved(&original, 3, 0.0005);
        let permuted = changed(&original, |values, _| values.reverse());
        let check_both = |copy: &[TensorPrint], kind| {
            let entries = [entry(1, 1, original.clone()), entry(2, 2, copy.to_vec())];
            check(&entries, None, &[(1, kind, 0)]);
            check(&entries, Some(&base), &[(1, kind, 0)]);
        };
        check_both(&renamed, FindingKind::SameTensors);
        check_both(&noisy, FindingKind::NearTensors);
        check_both(&permuted, FindingKind::Twin);
        check(&[entry(1, 1, original.clone()), entry(2, 1, original.clone())], None, &[(1, FindingKind::SameFiles, 0)]);
    }

    #[test]
    fn a_noisy_copy_with_reordered_tensors_is_matched_by_shape() {
        let original = model(1, 8);
        let mut noisy = moved(&original, 3, 0.0005);
        noisy.reverse();
        check(&[entry(1, 1, original), entry(2, 2, noisy)], None, &[(1, FindingKind::NearTensors, 0)]);
    }

    #[test]
    fn honest_work_on_the_same_base_is_not_a_copy() {
        let base = model(1, 6);
        let entries: Vec<_> =
            (0..4).map(|number| entry(number, number as u8, moved(&base, 10 + number, 0.05))).collect();
        check(&entries, Some(&base), &[]);
        check(&entries, None, &[]);
    }

    #[test]
    fn models_of_another_family_than_the_base_are_held_to_the_threshold_without_one() {
        let (base, other) = (model(1, 6), model(2, 4));
        let tuned = |number: u64| moved(&other, 10 + number, 0.02);
        let touched = moved(&tuned(1), 3, 0.0005);
        let entries = [entry(1, 1, tuned(1)), entry(2, 2, tuned(2)), entry(3, 3, touched)];
        check(&entries, Some(&base), &[(2, FindingKind::NearTensors, 0)]);
        let finding = &copies(&entries, Some(&base), &CopySettings::default())[0];
        assert_eq!((finding.yardstick, finding.threshold), (Yardstick::Whole, 0.002));
    }

    #[test]
    fn a_tuned_champion_is_welcome_and_a_touched_one_is_not() {
        let base = model(1, 6);
        let champion = moved(&base, 2, 0.05);
        let tuned = entry(2, 2, moved(&champion, 3, 0.02));
        let touched = entry(3, 3, moved(&champion, 4, 0.0015));
        check(&[entry(1, 1, champion), tuned, touched], Some(&base), &[(2, FindingKind::NearTensors, 0)]);
    }

    #[test]
    fn the_earlier_commitment_is_the_original_wherever_it_stands() {
        let original = model(1, 4);
        let mut later = entry(7, 3, original.clone());
        later.position = 4;
        later.owner = 8;
        let entries = [later, entry(7, 2, original.clone()), entry(9, 1, moved(&original, 3, 0.0005))];
        check(&entries, None, &[(0, FindingKind::SameTensors, 1), (2, FindingKind::NearTensors, 1)]);
    }

    #[test]
    fn spectra_that_tuning_leaves_alone_do_not_make_a_twin() {
        let base = model(1, 6);
        let champion = moved(&base, 2, 0.02);
        let mut tuned = moved(&champion, 3, 0.02);
        for (tensor, original) in tuned.iter_mut().zip(&champion) {
            tensor.spectrum.clone_from(&original.spectrum);
        }
        check(&[entry(1, 1, champion.clone()), entry(2, 2, tuned)], None, &[]);
        let without = |mut tensors: Vec<TensorPrint>| {
            tensors.iter_mut().for_each(|tensor| tensor.spectrum.clear());
            tensors
        };
        check(&[entry(1, 1, without(champion)), entry(2, 2, without(model(9, 6)))], None, &[]);
    }

    #[test]
    fn a_copy_in_another_layout_is_known_by_its_parts() {
        let base = model(1, 8);
        let original = moved(&base, 2, 0.05);
        let widened = |mut tensors: Vec<TensorPrint>, count: usize| {
            for tensor in tensors.iter_mut().take(count) {
                tensor.shape[0] += 64;
                tensor.digest[0] ^= 1;
            }
            tensors
        };
        let longer = |mut tensors: Vec<TensorPrint>| {
            tensors.extend(model(9, 4));
            tensors
        };
        let check_both = |later: Vec<TensorPrint>, expected: &[(usize, FindingKind, usize)]| {
            let entries = [entry(1, 1, original.clone()), entry(2, 2, later)];
            check(&entries, None, expected);
            check(&entries, Some(&base), expected);
        };
        let copied = [(1, FindingKind::Parts, 0)];
        check_both(longer(original.clone()), &copied);
        check_both(longer(moved(&original, 3, 0.0005)), &copied);
        check_both(widened(original.clone(), 5), &[]);
        // What is common to most, but not to nearly all, may be the base's where none is given.
        let half = [entry(1, 1, original.clone()), entry(2, 2, widened(original.clone(), 4))];
        check(&half, None, &[]);
        check(&half, Some(&base), &copied);
        check_both(longer(moved(&base, 4, 0.05)), &[]);
        // Both have left most of the base as it is: what they have in common is nobody's.
        let touched = |seed: u64| [moved(&base[..2], seed, 0.05), base[2..].to_vec()].concat();
        let entries = [entry(1, 1, touched(5)), entry(2, 2, longer(touched(6)))];
        check(&entries, Some(&base), &[]);
        check(&entries, None, &[]);
        check(&[entry(1, 1, touched(5)), entry(2, 2, longer(touched(5)))], Some(&base), &copied);
    }

    #[test]
    fn an_owner_is_no_copy_of_its_own_models_nor_of_those_who_copied_them() {
        let first = model(1, 6);
        let (copied, better) = (moved(&first, 3, 0.0005), moved(&first, 4, 0.0005));
        let by = |owner: usize, committed, files, tensors: &[TensorPrint]| EntryPrint {
            owner,
            ..entry(committed, files, tensors.to_vec())
        };
        let seen = |origin: usize, print: EntryPrint| EntryPrint { origin: Some(origin), ..print };
        // All in one window: owner 1 improves what owner 2 has copied of it.
        let all = [by(1, 10, 1, &first), by(2, 20, 2, &copied), by(1, 30, 3, &better)];
        check(&all, None, &[(1, FindingKind::NearTensors, 0)]);
        // The first was seen in an earlier window; the copier still stands before the improvement.
        let later = [seen(1, by(1, 10, 1, &first)), by(2, 20, 2, &copied), by(1, 30, 3, &better)];
        check(&later, None, &[(1, FindingKind::NearTensors, 0)]);
        // Both were seen, the copy as a copy: another owner still copies them, the first owner does not.
        let both = [seen(1, by(1, 10, 1, &first)), seen(1, by(2, 20, 2, &copied))];
        let third = |owner| [both[0].clone(), both[1].clone(), by(owner, 30, 3, &better)];
        check(&third(1), None, &[]);
        check(&third(3), None, &[(2, FindingKind::NearTensors, 0)]);
        check(&third(2), None, &[(2, FindingKind::NearTensors, 0)]);
        // Models that were seen before are not judged again, whatever they repeat.
        check(&both, None, &[]);
    }

    #[test]
    fn a_model_that_has_left_the_subnet_is_still_an_original() {
        let gone = EntryPrint { origin: Some(1), ..entry(1, 1, model(1, 4)) };
        check(&[gone, entry(2, 1, model(1, 4))], None, &[(1, FindingKind::SameFiles, 0)]);
    }

    #[test]
    fn a_model_without_tensors_is_like_no_other() {
        check(&[entry(1, 1, model(1, 4)), entry(2, 2, Vec::new())], None, &[]);
        check(&[], None, &[]);
    }
}
