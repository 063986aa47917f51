//! How fast decisions are: pairs through a duel, a whole field to weights, an epoch of the chain.
//!
//! Prints the best and the median of several runs; on a busy machine only the best says something. No benchmark library:
//! the tests of this crate, which build whatever a benchmark needs, shall be built and run within a minute.

use std::hint::black_box;
use std::time::{Duration, Instant};

use pareto::consensus::{Epoch, run_epoch};
use pareto::lab::{LabSettings, Random, Scenario, play_one};
use pareto::mechanisms::{Field, FieldEntry, FourStage, Mechanism, Sequential, WindowRule};
use pareto::{Duel, DuelSettings, Pair};

fn main() {
    pairs_through_a_duel();
    fields_to_weights();
    epoch_of_256_uids();
    lab_of_256_copies();
}

/// Runs something several times and prints the best and the median time, and the rate of the best.
fn measure<T>(name: &str, runs: usize, items: usize, mut run: impl FnMut() -> T) {
    let mut times: Vec<Duration> = (0..runs)
        .map(|_| {
            #[expect(clippy::disallowed_methods, reason = "a benchmark measures time and decides nothing")]
            let start = Instant::now();
            black_box(run());
            start.elapsed()
        })
        .collect();
    times.sort();
    let milliseconds = |time: Duration| 1e3 * time.as_secs_f64();
    let (best, median) = (milliseconds(times[0]), milliseconds(times[runs / 2]));
    println!("{name:55} best {best:8.2} ms  median {median:8.2} ms  {:10.3e} a second", 1e3 * items as f64 / best);
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
fn pairs_through_a_duel() {
    let settings = DuelSettings { budget: usize::MAX, futility_alpha: 1e-60, ..DuelSettings::default() };
    let mut random = Random::new(7, &[]);
    let mut score = || if random.uniform() < 0.5 { 1.0 } else { 0.0 };
    let pairs: Vec<Pair> = (0..200_000).map(|_| Pair::new(score(), score())).collect();
    measure("pairs through a duel in 4 environments", 25, pairs.len(), || {
        let mut duel = Duel::new(4, &settings, 1e-50).expect("valid");
        for (place, pair) in pairs.iter().enumerate() {
            duel.push(place % 4, *pair).expect("valid");
        }
        duel.tasks_used()
    });
}

fn fields_to_weights() {
    let field = field(256, 8, 1_000);
    let mechanisms: [&dyn Mechanism; 3] = [&Sequential::default(), &WindowRule::default(), &FourStage::default()];
    for mechanism in mechanisms {
        let name = format!("256 entries x 8 environments x 1000 tasks, {}", mechanism.name());
        measure(&name, 25, 1, || mechanism.rule(&field).expect("valid"));
    }
}

fn lab_of_256_copies() {
    let scenario = Scenario { challengers: 256, ..Scenario::plain("copies", false, &[0.0]) };
    let settings = LabSettings { trials: 20, ..LabSettings::default() };
    measure("lab: trials of 256 copies, sequential", 3, settings.trials, || {
        play_one(&scenario, &settings.mechanisms().sequential, &settings, &|| ()).expect("valid")
    });
}

fn epoch_of_256_uids() {
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
    measure("an epoch of 256 uids, 64 of them validators", 25, 1, || run_epoch(&epoch).expect("valid"));
}
