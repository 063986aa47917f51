//! `dethrone lab --flips F`: how often validators disagree whose rollouts differ, and what agreeing on scores does to it.

use pareto::lab::{FLIP_GAINS, FlipRow, LabSettings, VALIDATORS, flips};
use serde::Serialize;

use crate::cli::world::{problem, progress};
use crate::printer::Printer;
use crate::problem::Problem;
use crate::report::tables::Table;
use crate::report::{percent, percent_exact};

#[derive(Debug, Serialize)]
struct Flips {
    settings: LabSettings,
    flips: f64,
    validators: usize,
    rows: Vec<FlipRow>,
}

/// Plays validators each of whose rollouts is flipped with this probability, and prints the table.
pub(super) fn run(flip: f64, settings: LabSettings, printer: &Printer) -> Result<(), Problem> {
    let bar = progress((FLIP_GAINS.len() * settings.trials) as u64);
    let rows = flips(flip, &FLIP_GAINS, &settings, &|| bar.inc(1)).map_err(problem)?;
    bar.finish_and_clear();
    let played = Flips { settings, flips: flip, validators: VALIDATORS, rows };
    printer.data(&played, |played| {
        let table = table(played);
        format!("{}\n\n{}", table.title, table.text())
    })
}

fn table(played: &Flips) -> Table {
    let header = [
        "gain everywhere",
        "own scores: two apart",
        "not unanimous",
        "outvoted",
        "crowned",
        "tasks",
        "same tables: two apart",
        "crowned",
        "tasks",
        "two tables lacking: apart",
    ];
    let row = |row: &FlipRow| {
        vec![
            format!("{:+.3}", row.gain),
            format!("{} (<{})", percent(row.own.apart), percent_exact(row.own.upper)),
            percent(row.split),
            percent(row.minority),
            percent(row.own.dethroned),
            format!("{:.0}", row.own.tasks),
            format!("{} (<{})", percent(row.agreed.apart), percent_exact(row.agreed.upper)),
            percent(row.agreed.dethroned),
            format!("{:.0}", row.agreed.tasks),
            percent(row.lacking.apart),
        ]
    };
    Table {
        title: format!(
            "Verdicts of {} validators on the same tasks, each rollout of each flipped with a chance of {}: {} trials a \
             row, in brackets the upper 95% limit",
            played.validators,
            percent_exact(played.flips),
            played.settings.trials
        ),
        header: header.map(str::to_owned).to_vec(),
        rows: played.rows.iter().map(row).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_sets_own_scores_beside_equal_tables() {
        let settings = LabSettings { trials: 30, means: vec![0.5; 2], tasks: vec![9; 2], ..LabSettings::default() };
        let rows = flips(0.05, &[0.0, 0.2], &settings, &|| ()).expect("valid settings");
        let played = Flips { settings, flips: 0.05, validators: VALIDATORS, rows };
        let table = table(&played);
        assert!(table.title.contains("Verdicts of 5 validators") && table.title.contains("5.00%"), "{}", table.title);
        assert!(table.rows.iter().all(|row| row.len() == table.header.len() && row[6].starts_with("0% (<")));
        let drawn = table.text();
        assert!(drawn.contains("+0.200") && drawn.contains("own scores"), "{drawn}");
    }
}
