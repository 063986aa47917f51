//! The figures that the rule of heats and bouts must reach, with few trials and the room that chance needs.

use pareto::lab::{Figure, LabSettings, Target, TargetRow, target_trials, targets};

/// Four standard errors of a share.
fn chance(share: f64, trials: usize) -> f64 {
    4.0 * (share.max(1.0 / trials as f64) / trials as f64).sqrt()
}

/// True unless the figure misses its target by more than chance explains.
fn holds(row: &TargetRow) -> bool {
    let tasks = matches!(row.figure, Figure::WinningTasks | Figure::LoserTasks);
    match row.target {
        Target::AtMost(most) if tasks => row.value <= 1.15 * most,
        Target::AtMost(most) | Target::LimitAtMost(most) => row.value <= most + chance(most, row.trials),
        Target::AtLeast(least) => row.value >= least - chance(1.0 - least, row.trials),
        Target::None => true,
    }
}

#[test]
fn every_figure_is_near_its_target_or_better() {
    let settings = LabSettings { trials: 120, ..LabSettings::default() };
    let rows = targets(&settings, &|| ()).expect("valid settings");
    let missed: Vec<&TargetRow> = rows.iter().filter(|row| !holds(row)).collect();
    assert!(missed.is_empty(), "{missed:#?}");
    for part in ["heats and bouts", "better on average", "reference tasks", "guard", "agreement"] {
        let with_target = |row: &&TargetRow| row.part == part && row.target != Target::None;
        assert!(rows.iter().any(|row| with_target(&row)), "{part} has no target");
    }
    // Limits lie on the side of the target, and what has no target is never missed.
    for row in &rows {
        let below = matches!(row.target, Target::AtLeast(_));
        assert!(if below { row.limit <= row.value } else { row.limit >= row.value }, "{row:?}");
        assert!(row.met || row.target != Target::None, "{row:?}");
    }
}

#[test]
fn the_figures_are_those_of_their_seed_whatever_the_number_of_threads() {
    let settings = LabSettings { trials: 3, seed: 5, ..LabSettings::default() };
    let play = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("a pool");
        pool.install(|| targets(&settings, &|| ()).expect("valid settings"))
    };
    let told = std::sync::atomic::AtomicU64::new(0);
    let done = || {
        told.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
    };
    let rows = targets(&settings, &done).expect("valid settings");
    assert_eq!(told.into_inner(), target_trials(&settings));
    assert_eq!((play(1), play(3)), (rows.clone(), rows.clone()));
    let other = targets(&LabSettings { seed: 6, ..settings.clone() }, &|| ()).expect("valid settings");
    assert_ne!(other, rows);
}
