//! The screen for copies: thresholds from both sides, yardsticks, order, and what no disguise may change.

use pareto::lab::Random;
use pareto::screens::copy::{CopySettings, EntryPrint, TensorPrint, copies};
use pareto::screens::{Finding, FindingKind, Yardstick};
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
    EntryPrint { committed, position: 0, files: [committed as u8; 32], tensors: prints(model) }
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
    let same_files = EntryPrint { committed: 9, ..entry(3, &one) };
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
        let padded = EntryPrint { committed: 2, position: 0, files: [2; 32], tensors };
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
