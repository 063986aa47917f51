//! The screen for copies on made-up prints: what is found, what passes, who is whose original, and what cannot frame anybody.

use pareto::lab::Random;
use pareto::screens::copy::{CopySettings, copies, screened};
use pareto::screens::{
    EntryPrint, FEATURES, Finding, FindingKind, ModelPrint, OutputsPrint, RelationKind, SIDE, Screens, TensorPrint,
    Yardstick, relation,
};
use proptest::prelude::*;
use proptest::test_runner::RngSeed;

use FindingKind::{Mixture, NearTensors, SameFiles, SameOutputs, SameTensors, Twin};

const MATRICES: usize = 24;
const POSITIONS: usize = 40;

/// A model whose sketches are its matrices, and whose outputs follow its changes as those of real ones do.
#[derive(Clone, PartialEq)]
struct Model {
    matrices: Vec<Vec<f32>>,
    features: Vec<f32>,
    layers: &'static str,
    outputs: bool,
}

fn noise(random: &mut Random, count: usize) -> Vec<f32> {
    (0..count).map(|_| (0..12).map(|_| random.uniform()).sum::<f64>() as f32 - 6.0).collect()
}

fn size(values: &[f32]) -> f32 {
    values.iter().map(|value| value * value).sum::<f32>().sqrt()
}

/// A change of the first `matrices` matrices by a share of their size, in directions of this rank (0: noise), that moves
/// the outputs `gain` times as much.
struct Change {
    seed: u64,
    share: f32,
    rank: usize,
    gain: f32,
    matrices: usize,
}

impl Model {
    fn new(seed: u64) -> Self {
        let mut random = Random::new(seed, &[]);
        let matrices = (0..MATRICES).map(|_| noise(&mut random, SIDE * SIDE)).collect();
        Self { matrices, features: noise(&mut random, POSITIONS * FEATURES), layers: "layer", outputs: true }
    }

    fn changed(&self, Change { seed, share, rank, gain, matrices }: Change) -> Self {
        let mut random = Random::new(seed, &[1]);
        let mut model = self.clone();
        let add = |values: &mut Vec<f32>, step: &[f32], share: f32| {
            let factor = share * size(values) / size(step);
            values.iter_mut().zip(step).for_each(|(value, step)| *value += factor * step);
        };
        for values in model.matrices.iter_mut().take(matrices) {
            let step = if rank == 0 {
                noise(&mut random, SIDE * SIDE)
            } else {
                let (left, right) = (noise(&mut random, SIDE * rank), noise(&mut random, SIDE * rank));
                let at = |cell: usize| -> f32 {
                    (0..rank).map(|part| left[cell / SIDE * rank + part] * right[cell % SIDE * rank + part]).sum()
                };
                (0..SIDE * SIDE).map(at).collect()
            };
            add(values, &step, share);
        }
        let step = noise(&mut random, POSITIONS * FEATURES);
        add(&mut model.features, &step, gain * share);
        model
    }

    /// A tuning of rank 3 by a share of the tensors.
    fn tuned(&self, seed: u64, share: f32) -> Self {
        self.changed(Change { seed, share, rank: 3, gain: 40.0, matrices: MATRICES })
    }

    fn noisy(&self, seed: u64, share: f32) -> Self {
        self.changed(Change { seed, share, rank: 0, gain: 5.0, matrices: MATRICES })
    }

    /// Other tensors with nearly the same outputs: the first matrices are rewritten.
    fn rewritten(&self, matrices: usize) -> Self {
        let mut model = self.clone();
        model.matrices.iter_mut().take(matrices).for_each(|values| values.rotate_left(31));
        model.features[0] += 1e-5;
        model
    }

    fn mixed(&self, share: f32, other: &Self) -> Self {
        let mix = |one: &[f32], two: &[f32]| one.iter().zip(two).map(|(one, two)| one + share * (two - one)).collect();
        let matrices = self.matrices.iter().zip(&other.matrices).map(|(one, two)| mix(one, two)).collect();
        Self { matrices, features: mix(&self.features, &other.features), ..self.clone() }
    }

    /// Without the outputs that a model which was not run has not.
    fn silent(&self) -> Self {
        Self { outputs: false, ..self.clone() }
    }

    fn print(&self) -> ModelPrint {
        let digest = |values: &[f32]| {
            let bytes = values.iter().flat_map(|value| value.to_bits().to_le_bytes());
            let mut digest = [0_u8; 32];
            bytes.enumerate().for_each(|(place, byte)| digest[place % 32] = digest[place % 32].rotate_left(3) ^ byte);
            digest
        };
        let tensor = |(place, values): (usize, &Vec<f32>)| TensorPrint {
            name: format!("{}.{place}", self.layers),
            shape: vec![64, 64],
            digest: digest(values),
            sketch: values.clone(),
        };
        let likeliest = self.features.chunks(FEATURES).map(|chunk| (chunk[0] * 0.5).round().to_bits()).collect();
        let outputs = OutputsPrint { digest: digest(&self.features), features: self.features.clone(), likeliest };
        let tensors: Vec<TensorPrint> = self.matrices.iter().enumerate().map(tensor).collect();
        ModelPrint { files: digest(&self.matrices.concat()), tensors, outputs: self.outputs.then_some(outputs) }
    }
}

fn entry(committed: u64, model: &Model) -> EntryPrint {
    EntryPrint { committed, position: 0, owner: committed as usize, origin: None, model: model.print() }
}

fn found(entries: &[EntryPrint], base: Option<&Model>) -> Vec<Finding> {
    copies(entries, base.map(Model::print).as_ref(), &CopySettings::default())
}

/// Models committed one after another, each by another miner: entry, kind and original of every finding.
#[track_caller]
fn check(models: &[&Model], base: Option<&Model>, expected: &[(usize, FindingKind, usize)]) {
    let entries: Vec<EntryPrint> = (1..).zip(models).map(|(block, model)| entry(block, model)).collect();
    let findings = found(&entries, base);
    let kinds: Vec<_> =
        findings.iter().map(|one| (one.entry, one.kind, one.of.expect("a copy has an original"))).collect();
    assert_eq!(kinds, expected, "{findings:?}");
    for finding in findings {
        assert!(finding.measure <= finding.threshold, "{finding:?}");
        assert!(finding.sentence("ada").starts_with(&format!("{}: its ", finding.word())), "{finding:?}");
    }
}

/// The same with and without the base.
#[track_caller]
fn check_both(models: &[&Model], base: &Model, expected: &[(usize, FindingKind, usize)]) {
    check(models, None, expected);
    check(models, Some(base), expected);
}

#[test]
fn noise_of_any_size_makes_no_model_of_its_own() {
    let base = Model::new(1);
    let original = base.tuned(2, 0.008);
    for share in [0.000_02, 0.000_3, 0.002, 0.008, 0.03, 0.08] {
        check_both(&[&original, &original.noisy(3, share)], &base, &[(1, NearTensors, 0)]);
        // Nor where the outputs are not known.
        check_both(&[&original.silent(), &original.noisy(3, share).silent()], &base, &[(1, NearTensors, 0)]);
    }
    // Noise of more than a seventh of the tensors is damage, which the duel decides.
    check_both(&[&original, &original.noisy(3, 0.3)], &base, &[]);
}

#[test]
fn honest_tunings_of_one_base_are_not_copies_however_small() {
    let base = Model::new(1);
    for share in [0.000_3, 0.002, 0.008, 0.05, 0.2] {
        let tunings: Vec<Model> = (0..6).map(|seed| base.tuned(10 + seed, share)).collect();
        let all: Vec<&Model> = tunings.iter().collect();
        check_both(&all, &base, &[]);
        let silent: Vec<Model> = tunings.iter().map(Model::silent).collect();
        check_both(&silent.iter().collect::<Vec<_>>(), &base, &[]);
    }
    // Nor in few matrices, with a cast of all others.
    let few =
        |seed| base.changed(Change { seed, share: 0.003, rank: 3, gain: 40.0, matrices: 6 }).noisy(90 + seed, 0.000_5);
    check_both(&[&few(1), &few(2), &few(3)], &base, &[]);
}

#[test]
fn changes_of_many_directions_that_were_learned_are_no_noise() {
    // Training all of a model leaves a change that a sketch cannot tell from noise: its outputs do.
    let base = Model::new(1);
    let learned =
        |model: &Model, seed| model.changed(Change { seed, share: 0.01, rank: 0, gain: 40.0, matrices: MATRICES });
    let champion = learned(&base, 2);
    check_both(&[&champion, &learned(&champion, 3), &learned(&champion, 4), &learned(&base, 5)], &base, &[]);
}

#[test]
fn descendants_of_the_champion_pass_and_their_copies_do_not() {
    let base = Model::new(1);
    let champion = base.tuned(2, 0.05);
    let (one, two) = (champion.tuned(3, 0.004), champion.tuned(4, 0.001));
    check_both(&[&champion, &one, &two], &base, &[]);
    check_both(&[&champion, &one, &one.noisy(5, 0.002), &two], &base, &[(2, NearTensors, 1)]);
}

#[test]
fn rewritten_tensors_are_known_by_their_outputs() {
    let base = Model::new(1);
    let original = base.tuned(2, 0.01);
    for matrices in [1, 6, 12, MATRICES] {
        check_both(&[&original, &original.rewritten(matrices)], &base, &[(1, Twin, 0)]);
        // No gap between a few matrices and all: with noise on top it is still found where a base is given.
        let disguised = original.rewritten(matrices).noisy(3, 0.002);
        check(&[&original, &disguised], Some(&base), &[(1, Twin, 0)]);
    }
    let mut exact = original.rewritten(2);
    exact.features.clone_from(&original.features);
    check_both(&[&original, &exact], &base, &[(1, SameOutputs, 0)]);
    let mut other = original.rewritten(MATRICES);
    other.layers = "block";
    check_both(&[&original, &other], &base, &[(1, Twin, 0)]);
    check_both(&[&original, &Model { layers: "block", ..Model::new(9) }], &base, &[]);
}

#[test]
fn mixtures_add_nothing() {
    let base = Model::new(1);
    let (one, two) = (base.tuned(2, 0.01), base.tuned(3, 0.01));
    check(&[&one, &base.mixed(0.5, &one)], Some(&base), &[(1, Mixture, 0)]);
    check(&[&one, &base.mixed(1.5, &one)], Some(&base), &[(1, Mixture, 0)]);
    check(&[&one, &base.mixed(1.03, &one)], Some(&base), &[(1, NearTensors, 0)]);
    check(&[&one, &two, &one.mixed(0.4, &two)], Some(&base), &[(2, Mixture, 0)]);
    check(&[&one, &two, &one.mixed(0.6, &two)], Some(&base), &[(2, Mixture, 1)]);
    // A tuning of a merge is a model of its own.
    check(&[&one, &two, &one.mixed(0.5, &two).tuned(4, 0.01)], Some(&base), &[]);
}

#[test]
fn nobody_takes_from_a_model_what_it_has_added_to_a_third() {
    let base = Model::new(1);
    let champion = base.tuned(2, 0.05);
    let next = champion.tuned(3, 0.002);
    // Noise on the champion, its tensors rewritten, a piece of it: each entered between the champion and the honest tuning.
    for share in [0.000_1, 0.001, 0.01, 0.1] {
        check_both(&[&champion, &champion.noisy(5, share), &next], &base, &[(1, NearTensors, 0)]);
    }
    for matrices in [2, MATRICES] {
        check_both(&[&champion, &champion.rewritten(matrices), &next], &base, &[(1, Twin, 0)]);
    }
    let mut piece = champion.clone();
    piece.matrices.truncate(7);
    piece.features = Model::new(8).features;
    check_both(&[&champion, &piece, &next], &base, &[]);
    let mut zeros = piece.clone();
    zeros.matrices.iter_mut().for_each(|values| values.fill(0.0));
    check_both(&[&zeros, &champion, &next], &base, &[]);
    let mut nothing = champion.clone();
    nothing.matrices.iter_mut().for_each(|values| values.fill(0.0));
    nothing.features.fill(1.0);
    check_both(&[&nothing, &champion, &next], &base, &[]);
    // The same of the public base, entered first, with and without it.
    check_both(&[&base, &base.noisy(6, 0.01), &champion, &next], &base, &[(1, NearTensors, 0)]);
    check_both(&[&base.rewritten(MATRICES), &champion, &base.tuned(7, 0.002)], &base, &[]);
}

#[test]
fn a_large_matrix_that_strangers_share_makes_no_copies_of_them() {
    let shared = Model::new(1).matrices[0].iter().map(|value| 1e3 * value).collect::<Vec<f32>>();
    let stranger = |seed: u64| {
        let mut model = Model::new(seed);
        model.matrices[0].clone_from(&shared);
        model
    };
    check_both(&[&stranger(2), &stranger(3), &stranger(4).silent()], &stranger(5), &[]);
}

#[test]
fn models_that_say_the_same_everywhere_are_not_alike_for_that() {
    let constant = |seed: u64| {
        let features = (0..POSITIONS * FEATURES).map(|place| (place % FEATURES) as f32 + 1e-6 * seed as f32).collect();
        Model { features, ..Model::new(seed) }
    };
    check(&[&constant(1), &constant(2), &constant(3)], None, &[]);
}

#[test]
fn the_most_certain_finding_counts_and_then_the_earliest_original() {
    let (one, other) = (Model::new(7), Model::new(8));
    let noisy = one.noisy(2, 0.001);
    let expected = [(2, NearTensors, 0), (3, SameFiles, 1), (4, NearTensors, 0), (5, SameFiles, 2)];
    check(&[&noisy, &other, &one, &other, &one.noisy(3, 0.000_5), &one], None, &expected);
    let mut reordered = other.print();
    reordered.tensors.reverse();
    reordered.files = [9; 32];
    let entries = [entry(1, &other), EntryPrint { model: reordered, ..entry(2, &other) }];
    assert_eq!(found(&entries, None)[0].kind, SameTensors);
}

#[test]
fn small_steps_do_not_lead_away_from_the_original() {
    let base = Model::new(1);
    let mut chain = vec![base.tuned(9, 0.01)];
    for step in 0..5 {
        let last: &Model = chain.last().expect("it has a first");
        chain.push(last.noisy(step, 0.001));
    }
    check_both(&chain.iter().collect::<Vec<_>>(), &base, &[1, 2, 3, 4, 5].map(|entry| (entry, NearTensors, 0)));
}

#[test]
fn an_owner_is_no_copy_of_its_own_models_nor_of_those_who_copied_them() {
    let first = Model::new(1);
    let (copied, better) = (first.noisy(3, 0.000_5), first.noisy(4, 0.000_5));
    let by = |owner: usize, committed, model: &Model| EntryPrint { owner, ..entry(committed, model) };
    let seen = |origin: usize, print: EntryPrint| EntryPrint { origin: Some(origin), ..print };
    let check = |entries: &[EntryPrint], expected: &[(usize, usize)]| {
        let found: Vec<_> = found(entries, None).iter().map(|one| (one.entry, one.of.expect("a copy"))).collect();
        assert_eq!(found, expected);
    };
    // All in one window: owner 1 improves what owner 2 has copied of it.
    check(&[by(1, 10, &first), by(2, 20, &copied), by(1, 30, &better)], &[(1, 0)]);
    // The first was seen in an earlier window; the copier still stands before the improvement.
    check(&[seen(1, by(1, 10, &first)), by(2, 20, &copied), by(1, 30, &better)], &[(1, 0)]);
    // Both were seen, the copy as a copy: another owner still copies them, the first owner does not.
    let both = [seen(1, by(1, 10, &first)), seen(1, by(2, 20, &copied))];
    let third = |owner| [both[0].clone(), both[1].clone(), by(owner, 30, &better)];
    check(&third(1), &[]);
    check(&third(3), &[(2, 0)]);
    // Models that were seen before are not judged again, whatever they repeat; one that has left is still an original.
    check(&both, &[]);
    check(&[both[0].clone(), by(5, 40, &first)], &[(1, 0)]);
}

#[test]
fn within_a_block_the_position_says_which_was_first() {
    let original = Model::new(18);
    let at = |committed, position| EntryPrint { position, owner: position as usize, ..entry(committed, &original) };
    let check = |entries: &[EntryPrint], expected: &[(usize, Option<usize>)]| {
        let found: Vec<_> = found(entries, None).iter().map(|finding| (finding.entry, finding.of)).collect();
        assert_eq!(found, expected);
    };
    check(&[at(5, 1), at(5, 2)], &[(1, Some(0))]);
    check(&[at(5, 2), at(5, 1)], &[(0, Some(1))]);
    check(&[at(6, 1), at(5, 2)], &[(0, Some(1))]);
    check(&[at(5, 3), at(5, 1), at(4, 9), at(5, 2)], &[(0, Some(2)), (1, Some(2)), (3, Some(2))]);
}

#[test]
fn models_without_prints_are_like_no_other() {
    let mut empty = entry(2, &Model::new(4));
    (empty.model.tensors, empty.model.outputs) = (Vec::new(), None);
    empty.model.files = [6; 32];
    let other = EntryPrint { model: ModelPrint { files: [7; 32], ..empty.model.clone() }, ..empty.clone() };
    assert_eq!(found(&[entry(1, &Model::new(4)), empty, other], None), []);
    assert_eq!(found(&[], None), []);
}

#[test]
fn settings_move_the_limits_they_are_named_for() {
    let base = Model::new(1);
    let original = base.tuned(2, 0.01);
    let check = |later: &Model, base: Option<&Model>, settings: CopySettings, expected: Option<FindingKind>| {
        let entries = [entry(1, &original), entry(2, later)];
        let findings = copies(&entries, base.map(Model::print).as_ref(), &settings);
        assert_eq!(findings.first().map(|finding| finding.kind), expected, "{findings:?}");
    };
    let default = CopySettings::default;
    let light = original.tuned(3, 0.000_3);
    check(&light, Some(&base), default(), None);
    check(&light, Some(&base), CopySettings { near_to_task_vector: 0.1, learned: 1e9, ..default() }, Some(NearTensors));
    check(&light, None, CopySettings { near_without_base: 0.001, learned: 1e9, ..default() }, Some(NearTensors));
    let noisy = original.noisy(4, 0.02);
    check(&noisy, None, default(), Some(NearTensors));
    check(&noisy, None, CopySettings { most_noise: 0.01, ..default() }, None);
    check(&noisy, None, CopySettings { learned: 1.0, ..default() }, None);
    check(&light.silent(), None, CopySettings { structure_of_noise: 1.0, ..default() }, Some(NearTensors));
    let twin = original.rewritten(MATRICES).noisy(5, 0.01);
    check(&twin, Some(&base), default(), Some(Twin));
    check(&twin, Some(&base), CopySettings { outputs_to_task_vector: 0.01, ..default() }, None);
    check(&twin, None, default(), None);
    check(&twin, None, CopySettings { outputs_without_base: 0.2, ..default() }, Some(Twin));
}

#[test]
fn the_yardstick_is_the_tuning_where_there_is_one() {
    let base = Model::new(1);
    let original = base.tuned(2, 0.01);
    let near = original.noisy(3, 0.000_05);
    let measure = |base: Option<&Model>| {
        let [finding] = found(&[entry(1, &original), entry(2, &near)], base).try_into().expect("one finding");
        (finding.yardstick, (finding.measure * 1e5).round())
    };
    assert_eq!(measure(None), (Yardstick::Whole, 5.0));
    assert_eq!(measure(Some(&base)), (Yardstick::Tuning, 500.0));
}

#[test]
fn relations_are_told_apart() {
    let base = Model::new(1);
    let original = base.tuned(2, 0.01);
    let check = |later: &Model, expected: RelationKind| {
        let found = relation(&original.print(), &later.print(), Some(&base.print()), &CopySettings::default());
        assert_eq!(found.relation, expected, "{found:?}");
        let is_copy =
            !matches!(expected, RelationKind::LightDerivative | RelationKind::Descendant | RelationKind::Independent);
        assert_eq!(found.finding.is_some(), is_copy);
    };
    check(&original, RelationKind::Identical);
    check(&original.rewritten(MATRICES), RelationKind::SameUpToSymmetry);
    check(&original.noisy(3, 0.01), RelationKind::CopyPlusNoise);
    check(&base.mixed(0.5, &original), RelationKind::InterpolationWithBase);
    check(&original.tuned(4, 0.001), RelationKind::LightDerivative);
    check(&original.tuned(4, 0.01), RelationKind::Descendant);
    check(&base.tuned(5, 0.01), RelationKind::Independent);
    check(&Model::new(6), RelationKind::Independent);
    let witnesses =
        relation(&original.print(), &original.tuned(4, 0.01).print(), Some(&base.print()), &CopySettings::default())
            .witnesses;
    assert!(witnesses.containment.is_some_and(|held| (held - 1.0).abs() < 0.1), "{witnesses:?}");
    assert!(witnesses.added.is_some_and(|added| (0.9..1.1).contains(&added)), "{witnesses:?}");
}

#[test]
fn the_list_of_screens_finds_what_its_screens_find() {
    let original = Model::new(19);
    let entries = [entry(1, &original), entry(2, &Model::new(20)), entry(3, &original.noisy(4, 0.001))];
    let settings = CopySettings::default();
    assert_eq!(Screens { copy: &settings }.findings(&entries, None).findings, copies(&entries, None, &settings));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, rng_seed: RngSeed::Fixed(2), failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn neither_the_order_of_tensors_nor_that_of_entries_matters(
        kinds in prop::collection::vec((0_u64..4, 0_usize..4), 2..6),
        turn in 0_usize..6,
    ) {
        let base = Model::new(1);
        let make = |block: u64, (seed, kind): &(u64, usize)| {
            let original = base.tuned(20 + seed, 0.01);
            match kind {
                0 => original,
                1 => original.noisy(block, 0.003),
                2 => original.tuned(block + 50, 0.004),
                _ => original.rewritten(5),
            }
        };
        let entries: Vec<EntryPrint> = (1..).zip(&kinds).map(|(block, kind)| entry(block, &make(block, kind))).collect();
        let told = |entries: &[EntryPrint]| {
            let mut told: Vec<_> = found(entries, Some(&base))
                .iter()
                .map(|one| (entries[one.entry].committed, one.kind, one.of.map(|of| entries[of].committed)))
                .collect();
            told.sort_by_key(|(committed, ..)| *committed);
            told
        };
        let expected = told(&entries);
        // What decided is enough to decide again.
        let settings = CopySettings::default();
        let whole = screened(&entries, Some(&base.print()), &settings);
        let judged = |entry: &usize| whole.findings.iter().any(|finding| finding.entry == *entry);
        let kept: Vec<EntryPrint> = (0..entries.len())
            .filter(|entry| judged(entry) || whole.decisive.contains(entry))
            .map(|entry| entries[entry].clone())
            .collect();
        prop_assert_eq!(told(&kept), expected.clone());
        let mut turned = entries.clone();
        let places = turned.len();
        turned.rotate_left(turn % places);
        turned.iter_mut().for_each(|one| one.model.tensors.rotate_left(turn));
        prop_assert_eq!(told(&turned), expected);
    }
}
