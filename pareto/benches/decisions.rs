//! How fast decisions are: pairs through a duel, a whole field to weights, an epoch of the chain.

use divan::Bencher;
use divan::counter::ItemsCount;
use pareto::consensus::{Epoch, run_epoch};
use pareto::lab::{LabSettings, Random, Rule, Scenario, play_rule};
use pareto::mechanisms::{Field, FieldEntry, FourStage, Mechanism, Sequential, Window};
use pareto::{Duel, DuelSettings, Pair};

fn main() {
    divan::main();
}

/// A champion and near copies on shared tasks.
fn field(entries: usize, environments: usize, tasks: usize) -> Field {
    let mut random = Random::new(5, &[]);
    let mut scores = || (0..tasks).map(|_| Some(if random.uniform() < 0.5 { 1.0 } else { 0.0 })).collect::<Vec<_>>();
    let shared: Vec<Vec<Option<f64>>> = (0..environments).map(|_| scores()).collect();
    let mut random = Random::new(6, &[]);
    let entries = (0..entries)
        .map(|entry| FieldEntry {
            committed: entry as u64,
            position: 0,
            number: entry as u64,
            scores: shared
                .iter()
                .map(|list| {
                    let own = |random: &mut Random| Some(if random.uniform() < 0.5 { 1.0 } else { 0.0 });
                    list.iter().map(|score| if random.uniform() < 0.6 { *score } else { own(&mut random) }).collect()
                })
                .collect(),
        })
        .collect();
    Field { environments, entries, champion: Some(0) }
}

/// A duel that nothing ends: every pair is read by every test.
#[divan::bench]
fn pairs_through_a_duel(bencher: Bencher) {
    let settings = DuelSettings { budget: usize::MAX, futility_alpha: 1e-60, ..DuelSettings::default() };
    let mut random = Random::new(7, &[]);
    let mut score = || if random.uniform() < 0.5 { 1.0 } else { 0.0 };
    let pairs: Vec<Pair> = (0..100_000).map(|_| Pair::new(score(), score())).collect();
    bencher.counter(ItemsCount::new(pairs.len())).bench_local(|| {
        let mut duel = Duel::new(4, &settings, 1e-50).expect("valid");
        for (place, pair) in pairs.iter().enumerate() {
            duel.push(place % 4, *pair).expect("valid");
        }
        duel.tasks_used()
    });
}

#[divan::bench(args = ["sequential", "window", "four_stage"])]
fn field_of_256_entries_8_environments_1000_tasks(bencher: Bencher, name: &str) {
    let field = field(256, 8, 1_000);
    let mechanism: Box<dyn Mechanism> = match name {
        "sequential" => Box::new(Sequential::default()),
        "window" => Box::new(Window::default()),
        _ => Box::new(FourStage::default()),
    };
    bencher.bench_local(|| mechanism.rule(&field).expect("valid"));
}

#[divan::bench(sample_count = 3)]
fn lab_256_copies_20_trials() {
    let scenario = Scenario { challengers: 256, ..Scenario::plain("copies", false, &[0.0]) };
    let settings = LabSettings { trials: 20, ..LabSettings::default() };
    divan::black_box(play_rule(&scenario, Rule::Sequential, &settings, &|| ()).expect("valid"));
}

#[divan::bench]
fn epoch_of_256_uids_64_validators(bencher: Bencher) {
    let mut random = Random::new(8, &[]);
    let mut row = |row: usize| -> Vec<(u16, u16)> {
        if row >= 64 { Vec::new() } else { (64..256).map(|uid| (uid, (random.uniform() * 65_535.0) as u16)).collect() }
    };
    let weights: Vec<_> = (0..256).map(&mut row).collect();
    let bonds: Vec<_> = (0..256).map(&mut row).collect();
    let epoch = Epoch {
        n: 256,
        block: 1_000,
        cutoff: 5_000,
        kappa: 32_767,
        bma: 900_000,
        bonds_penalty: 65_535,
        yuma3: true,
        liquid: true,
        alpha: (45_875, 58_982),
        steep: 1_000,
        last_tempo: 640,
        stake: (0..256).map(|uid| 1_000_000 + uid).collect(),
        permit: (0..256).map(|uid| uid < 64).collect(),
        last_update: vec![999; 256],
        reg: vec![0; 256],
        weights,
        bonds,
        owner: None,
    };
    bencher.bench_local(|| run_epoch(&epoch).expect("valid"));
}
