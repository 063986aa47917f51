//! The screen for copies: thresholds from both sides, yardsticks, order, and what no disguise may change.

use pareto::lab::Random;
use pareto::screens::copy::{CopySettings, EntryPrint, TensorPrint, copies};
use pareto::screens::{Finding, FindingKind, Screens, Yardstick};
use proptest::prelude::*;
use proptest::test_runner::RngSeed;

/// A tensor whose sketch is the tensor itself, so that distances are exact.
fn tensor(shape: &[usize], values: &[f32]) -> TensorPrint {
    let mut digest = [0; 32];
    for (place, value) in values.iter().enumerate() {
        for (byte, bits) in value.to_bits().to_le_bytes().into_iter().enumerate() {
            digest[(place * 4 + byte) % 32] ^= bits.rotate_left(place as u32 % 7);
        }
    }
    let mut spectrum = values.to_vec();
    spectrum.sort_by(f32::total_cmp);
    let norm = values.iter().map(|value| f64::from(*value).powi(2)).sum::<f64>().sqrt();
    TensorPrint { shape: shape.to_vec(), digest, norm, sketch: values.to_vec(), spectrum }
}

fn values(random: &mut Random, size: f32) -> Vec<f32> {
    (0..48).map(|_| size * (2.0 * random.uniform() as f32 - 1.0)).collect()
}

/// Six matrices of two shapes.
fn model(seed: u64) -> Vec<Vec<f32>> {
    let mut random = Random::new(seed, &[]);
    (0..6).map(|_| values(&mut random, 1.0)).collect()
}

/// A model moved into a random direction by a share of its size.
fn moved(model: &[Vec<f32>], seed: u64, share: f64) -> Vec<Vec<f32>> {
    let mut random = Random::new(seed, &[9]);
    let move_one = |matrix: &Vec<f32>| {
        let step = values(&mut random, 1.0);
        let size = |list: &[f32]| list.iter().map(|value| f64::from(*value).powi(2)).sum::<f64>().sqrt();
        let factor = (share * size(matrix) / size(&step)) as f32;
        matrix.iter().zip(&step).map(|(value, step)| value + factor * step).collect()
    };
    model.iter().map(move_one).collect()
}

fn prints(model: &[Vec<f32>]) -> Vec<TensorPrint> {
    model.iter().enumerate().map(|(place, values)| tensor(&[6 + place % 2, 8], values)).collect()
}

fn entry(committed: u64, model: &[Vec<f32>]) -> EntryPrint {
    EntryPrint {
        committed,
        position: 0,
        owner: committed as usize,
        origin: None,
        files: [committed as u8; 32],
        tensors: prints(model),
    }
}

fn found(entries: &[EntryPrint], base: Option<&[Vec<f32>]>) -> Vec<Finding> {
    copies(entries, base.map(prints).as_deref(), &CopySettings::default())
}

#[test]
fn thresholds_divide_what_is_too_near_from_what_is_not() {
    let (base, original) = (model(1), model(2));
    let check = |share: f64, base: Option<&[Vec<f32>]>, yardstick: Option<Yardstick>| {
        let start = base.map_or(original.clone(), |base| moved(base, 5, 0.1));
        let findings = found(&[entry(1, &start), entry(2, &moved(&start, 6, share))], base);
        assert_eq!(findings.first().map(|finding| finding.yardstick), yardstick, "{share}: {findings:?}");
        for finding in findings {
            assert_eq!((finding.kind, finding.of), (FindingKind::NearTensors, Some(0)));
            assert!((0.0..=finding.threshold).contains(&finding.measure), "{finding:?}");
        }
    };
    // Without a base two thousandths of the tensors are the limit.
    check(0.000_1, None, Some(Yardstick::Whole));
    check(0.001_9, None, Some(Yardstick::Whole));
    check(0.002_1, None, None);
    check(0.05, None, None);
    // With one it is a twentieth of a tuning that moved the base by a tenth.
    check(0.004_5, Some(&base), Some(Yardstick::Tuning));
    check(0.005_5, Some(&base), None);
}

#[test]
fn the_measure_is_the_distance_as_a_share_of_the_yardstick() {
    let original = model(3);
    for share in [0.000_2, 0.000_8, 0.001_6] {
        let findings = found(&[entry(1, &original), entry(2, &moved(&original, 4, share))], None);
        let [finding] = findings.as_slice() else { panic!("{share}: {findings:?}") };
        assert!((finding.measure / share - 1.0).abs() < 0.01, "{share}: {finding:?}");
        assert_eq!(finding.threshold, 0.002);
    }
}

#[test]
fn the_less_changed_of_two_models_sets_the_limit() {
    // One that hardly tuned the base may be touched less than one that moved far, whichever was first.
    let base = model(1);
    let (near, far) = (moved(&base, 2, 0.001), moved(&base, 3, 0.2));
    assert_eq!(found(&[entry(1, &near), entry(2, &far)], Some(&base)), []);
    assert_eq!(found(&[entry(1, &far), entry(2, &near)], Some(&base)), []);
    let touched = moved(&near, 4, 0.000_04);
    let kinds = |entries: &[EntryPrint]| found(entries, Some(&base)).iter().map(|one| one.kind).collect::<Vec<_>>();
    assert_eq!(kinds(&[entry(1, &near), entry(2, &touched)]), [FindingKind::NearTensors]);
    assert_eq!(kinds(&[entry(1, &near), entry(2, &moved(&near, 4, 0.000_2))]), []);
}

#[test]
fn a_rescaled_or_permuted_model_is_a_twin_and_a_strange_one_is_not() {
    let original = model(5);
    let changed = |change: fn(&mut Vec<f32>)| {
        let mut model = original.clone();
        model.iter_mut().for_each(change);
        model
    };
    let check = |other: &[Vec<f32>], kind: Option<FindingKind>| {
        let findings = found(&[entry(1, &original), entry(2, other)], None);
        assert_eq!(findings.first().map(|finding| finding.kind), kind, "{findings:?}");
    };
    check(&changed(|values| values.reverse()), Some(FindingKind::Twin));
    check(&changed(|values| values.rotate_left(5)), Some(FindingKind::Twin));
    check(&model(6), None);
    check(&changed(|values| values.iter_mut().for_each(|value| *value = -*value)), None);
}

#[test]
fn the_most_certain_finding_counts_and_then_the_earliest_original() {
    let (one, other) = (model(7), model(8));
    let same_files = EntryPrint { committed: 9, owner: 9, ..entry(3, &one) };
    let entries = [
        entry(1, &moved(&one, 2, 0.001)),
        entry(2, &other),
        entry(3, &one),
        entry(4, &other),
        entry(5, &moved(&one, 3, 0.000_5)),
        same_files,
    ];
    let kinds: Vec<_> = found(&entries, None).iter().map(|one| (one.entry, one.kind, one.of)).collect();
    use FindingKind::{NearTensors, SameFiles, SameTensors};
    assert_eq!(
        kinds,
        [(2, NearTensors, Some(0)), (3, SameTensors, Some(1)), (4, NearTensors, Some(0)), (5, SameFiles, Some(2)),]
    );
}

#[test]
fn small_steps_do_not_lead_away_from_the_original() {
    let mut chain = vec![model(9)];
    for step in 0..4 {
        chain.push(moved(chain.last().expect("it has a first"), step, 0.001_5));
    }
    let entries: Vec<EntryPrint> = (1..).zip(&chain).map(|(block, model)| entry(block, model)).collect();
    let findings = found(&entries, None);
    assert_eq!(findings.iter().map(|finding| finding.entry).collect::<Vec<_>>(), [1, 2, 3, 4], "{findings:?}");
}

#[test]
fn a_padded_model_is_known_by_its_parts_and_half_of_one_is_not() {
    let original = model(10);
    let check = |kept: usize, added: usize, expected: Option<f64>| {
        let mut tensors = prints(&original);
        tensors.truncate(kept);
        tensors.extend((0..added).flat_map(|seed| prints(&model(50 + seed as u64))));
        let padded = EntryPrint { committed: 2, position: 0, owner: 2, origin: None, files: [2; 32], tensors };
        let findings = found(&[entry(1, &original), padded], None);
        assert_eq!(findings.first().map(|finding| finding.measure), expected, "{kept} {added}: {findings:?}");
        for finding in findings {
            assert_eq!((finding.kind, finding.yardstick), (FindingKind::Parts, Yardstick::Parts));
        }
    };
    check(6, 1, Some(0.0));
    check(6, 2, Some(0.0));
    // Five of six is less than nine tenths, which is asked for where no base is given.
    check(5, 2, None);
    check(0, 2, None);
}

#[test]
fn settings_move_the_limits_they_are_named_for() {
    let original = model(11);
    let pair = |share| [entry(1, &original), entry(2, &moved(&original, 2, share))];
    let near = |near_without_base| CopySettings { near_without_base, ..CopySettings::default() };
    assert_eq!(copies(&pair(0.01), None, &near(0.02)).len(), 1);
    assert_eq!(copies(&pair(0.01), None, &near(0.005)).len(), 0);
    assert_eq!(copies(&pair(0.0), None, &near(0.0)).len(), 1, "equal tensors are equal whatever the limit");
}

#[test]
fn a_pair_is_as_much_alike_whichever_was_first() {
    let (base, original) = (model(1), model(2));
    let tuned = moved(&base, 3, 0.1);
    let mut permuted = original.clone();
    permuted.iter_mut().for_each(|values| values.rotate_right(7));
    let check = |one: &[Vec<f32>], other: &[Vec<f32>], base: Option<&[Vec<f32>]>, kind: FindingKind| {
        let there = found(&[entry(1, one), entry(2, other)], base);
        let back = found(&[entry(1, other), entry(2, one)], base);
        let ([there], [back]) = (there.as_slice(), back.as_slice()) else { panic!("{there:?} {back:?}") };
        assert_eq!((there.kind, back.kind, there.yardstick), (kind, kind, back.yardstick));
        assert!((there.measure - back.measure).abs() < 1e-9, "{there:?} {back:?}");
        // Written the other way round in the list, it is still the earlier commitment that is the original.
        let turned = found(&[entry(2, other), entry(1, one)], base);
        assert_eq!(turned.iter().map(|one| (one.entry, one.of, one.kind)).collect::<Vec<_>>(), [(0, Some(1), kind)]);
    };
    check(&original, &original, None, FindingKind::SameTensors);
    check(&original, &moved(&original, 4, 0.001), None, FindingKind::NearTensors);
    check(&tuned, &moved(&tuned, 4, 0.003), Some(&base), FindingKind::NearTensors);
    check(&original, &permuted, None, FindingKind::Twin);
}

#[test]
fn spectra_as_near_as_the_threshold_make_a_twin_of_a_model_far_away() {
    let original = model(12);
    let check = |share: f64, expected: Option<FindingKind>| {
        let mut other = moved(&original, 13, share);
        other.iter_mut().for_each(|values| values.reverse());
        let findings = found(&[entry(1, &original), entry(2, &other)], None);
        assert_eq!(findings.first().map(|finding| finding.kind), expected, "{share}: {findings:?}");
        for finding in findings {
            assert!((finding.measure / share.max(1e-9) - 1.0).abs() < 0.05 || share == 0.0, "{share}: {finding:?}");
        }
    };
    check(0.0, Some(FindingKind::Twin));
    check(0.000_1, Some(FindingKind::Twin));
    check(0.000_25, Some(FindingKind::Twin));
    check(0.000_4, None);
    check(0.01, None);
}

#[test]
fn permuting_a_part_is_seen_from_the_least_distance_of_a_twin() {
    let original = model(14);
    let kinds = |matrices: usize, twin_least_distance: f64| {
        let mut other = original.clone();
        other.iter_mut().take(matrices).for_each(|values| values.reverse());
        let settings = CopySettings { twin_least_distance, ..CopySettings::default() };
        let findings = copies(&[entry(1, &original), entry(2, &other)], None, &settings);
        findings.first().map(|finding| finding.kind)
    };
    for matrices in 1..=6 {
        assert_eq!(kinds(matrices, 0.1), Some(FindingKind::Twin), "{matrices}");
    }
    // One of six matrices is moved by more than half of the model's size, all six by more than all of it.
    assert_eq!((kinds(1, 0.5), kinds(1, 1.0)), (Some(FindingKind::Twin), None));
    assert_eq!((kinds(6, 1.0), kinds(6, 1.7)), (Some(FindingKind::Twin), None));
    assert_eq!(kinds(0, 0.1), Some(FindingKind::SameTensors));
}

#[test]
fn half_of_a_tuned_models_matrices_are_enough_where_a_base_is_given() {
    let base = model(15);
    let original = moved(&base, 16, 0.1);
    let check = |tuned: usize, missing_parts: f64, expected: Option<f64>| {
        // The rest are the base's, as they are in every other model, and a second model's worth is added.
        let mut tensors = prints(&original);
        tensors.splice(tuned.., prints(&base).into_iter().skip(tuned));
        tensors.extend(prints(&model(17)));
        let padded = EntryPrint { committed: 2, position: 0, owner: 2, origin: None, files: [2; 32], tensors };
        let settings = CopySettings { missing_parts, ..CopySettings::default() };
        let findings = copies(&[entry(1, &original), padded], Some(&prints(&base)), &settings);
        assert_eq!(findings.first().map(|finding| finding.measure), expected, "{tuned} {missing_parts}");
        assert!(findings.iter().all(|finding| finding.threshold == missing_parts), "{findings:?}");
    };
    check(6, 0.5, Some(0.0));
    check(3, 0.5, Some(0.5));
    check(2, 0.5, None);
    check(0, 0.5, None);
    // The setting moves the limit, up to where sharing nothing at all would be enough.
    check(6, 0.0, Some(0.0));
    check(5, 0.0, None);
    check(0, 1.0, Some(1.0));
}

#[test]
fn within_a_block_the_position_says_which_was_first() {
    let original = model(18);
    let at = |committed, position| EntryPrint {
        position,
        owner: position as usize,
        files: [position as u8; 32],
        ..entry(committed, &original)
    };
    let check = |entries: &[EntryPrint], expected: &[(usize, Option<usize>)]| {
        let found: Vec<_> = found(entries, None).iter().map(|finding| (finding.entry, finding.of)).collect();
        assert_eq!(found, expected);
    };
    check(&[at(5, 1), at(5, 2)], &[(1, Some(0))]);
    check(&[at(5, 2), at(5, 1)], &[(0, Some(1))]);
    check(&[at(6, 1), at(5, 2)], &[(0, Some(1))]);
    // All later ones repeat the very first, not one another.
    check(&[at(5, 3), at(5, 1), at(4, 9), at(5, 2)], &[(0, Some(2)), (1, Some(2)), (3, Some(2))]);
}

#[test]
fn the_list_of_screens_finds_what_its_screens_find() {
    let original = model(19);
    let entries = [entry(1, &original), entry(2, &model(20)), entry(3, &moved(&original, 4, 0.001))];
    let strict = CopySettings { near_without_base: 0.000_1, ..CopySettings::default() };
    for settings in [CopySettings::default(), strict] {
        let findings = Screens { copy: &settings }.findings(&entries, None);
        assert_eq!(findings, copies(&entries, None, &settings));
        for finding in &findings {
            assert!(finding.sentence("ada").starts_with(&format!("{}: its tensors", finding.word())), "{finding:?}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, rng_seed: RngSeed::Fixed(2), failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn neither_the_order_of_tensors_nor_that_of_entries_matters(
        seeds in prop::collection::vec((0_u64..4, 0_usize..3), 2..6),
        turn in 0_usize..6,
    ) {
        let shares = [0.0, 0.001, 0.3];
        let entries: Vec<EntryPrint> = (1..)
            .zip(&seeds)
            .map(|(block, (seed, share))| entry(block, &moved(&model(20 + seed), block, shares[*share])))
            .collect();
        let expected = found(&entries, None);
        let mut shuffled = entries.clone();
        for one in &mut shuffled {
            let turn = turn % one.tensors.len();
            one.tensors.rotate_left(turn);
        }
        let kinds = |findings: &[Finding]| findings.iter().map(|one| (one.entry, one.kind, one.of)).collect::<Vec<_>>();
        prop_assert_eq!(kinds(&found(&shuffled, None)), kinds(&expected));
        let count = entries.len();
        let mut turned = entries.clone();
        turned.rotate_left(turn % count);
        let back = |place: usize| (place + turn % count) % count;
        let mut found: Vec<_> =
            found(&turned, None).iter().map(|one| (back(one.entry), one.kind, one.of.map(back))).collect();
        found.sort_unstable();
        prop_assert_eq!(found, kinds(&expected));
    }

    #[test]
    fn the_first_of_all_entries_is_never_a_copy(seeds in prop::collection::vec(0_u64..3, 1..6)) {
        let entries: Vec<EntryPrint> = (1..).zip(&seeds).map(|(block, seed)| entry(block, &model(30 + seed))).collect();
        let findings = found(&entries, None);
        prop_assert!(findings.iter().all(|finding| finding.entry > 0 && finding.of < Some(finding.entry)));
        // Every model counts once: all but the first of each seed are findings.
        let distinct = seeds.iter().collect::<std::collections::BTreeSet<_>>().len();
        prop_assert_eq!(findings.len(), seeds.len() - distinct);
    }
}
