//! `dethrone lab --targets`: every figure that the rule of heats and bouts must reach, beside its target.

use pareto::lab::{Figure, LabSettings, Target, TargetRow, target_trials, targets};
use serde::Serialize;

use crate::cli::world::{problem, progress};
use crate::exit_status::ExitStatus;
use crate::printer::Printer;
use crate::problem::Problem;
use crate::report::tables::Table;
use crate::report::{percent, percent_exact};

#[derive(Debug, Serialize)]
struct Targets {
    trials: usize,
    seed: u64,
    rows: Vec<TargetRow>,
}

/// Plays every simulation and prints the figures; a figure that misses its target ends in an error.
pub(super) fn run(settings: &LabSettings, printer: &Printer) -> Result<(), Problem> {
    let bar = progress(target_trials(settings));
    let rows = targets(settings, &|| bar.inc(1)).map_err(problem)?;
    bar.finish_and_clear();
    let missed: Vec<String> = rows.iter().filter(|row| !row.met).map(|row| row.challengers.to_owned()).collect();
    let played = Targets { trials: settings.trials, seed: settings.seed, rows };
    printer.data(&played, |played| {
        let table = table(played);
        format!("{}\n\n{}", table.title, table.text())
    })?;
    if missed.is_empty() {
        return Ok(());
    }
    let summary = format!("{} of the targets are missed: {}", missed.len(), missed.join("; "));
    Err(Problem::new(ExitStatus::CheckFailed, summary)
        .hint("with few trials chance decides; `--trials 10000` leaves it little"))
}

fn table(played: &Targets) -> Table {
    let row = |row: &TargetRow| {
        vec![
            format!("{}: {}", row.part, row.challengers),
            name(row.figure).to_owned(),
            target(row),
            value(row.figure, row.value),
            value(row.figure, row.limit),
            row.trials.to_string(),
            match row.target {
                Target::None => String::new(),
                _ if row.met => "met".to_owned(),
                _ => "missed".to_owned(),
            },
        ]
    };
    let header = ["rule and challengers", "figure", "target", "found", "95% limit", "trials", ""];
    Table {
        title: format!("Figures beside their targets, {} trials a cell, seed {}", played.trials, played.seed),
        header: header.map(str::to_owned).to_vec(),
        rows: played.rows.iter().map(row).collect(),
    }
}

fn name(figure: Figure) -> &'static str {
    match figure {
        Figure::Wins => "wins",
        Figure::WinningTasks => "median tasks",
        Figure::LoserTasks => "tasks of a loser",
        Figure::FirstBout => "bout number 1",
        Figure::OwnApart => "two apart, own scores",
        Figure::AgreedApart => "two apart, same tables",
    }
}

fn target(row: &TargetRow) -> String {
    match row.target {
        Target::AtMost(most) => format!("at most {}", value(row.figure, most)),
        Target::AtLeast(least) => format!("at least {}", value(row.figure, least)),
        Target::LimitAtMost(most) => format!("limit at most {}", percent_exact(most)),
        Target::None => "–".to_owned(),
    }
}

fn value(figure: Figure, value: f64) -> String {
    match figure {
        Figure::WinningTasks | Figure::LoserTasks if value.is_finite() => format!("{value:.0}"),
        Figure::WinningTasks | Figure::LoserTasks => "–".to_owned(),
        _ if value < 0.02 => percent_exact(value),
        _ => percent(value),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(figure: Figure, target: Target, value: f64, met: bool) -> TargetRow {
        TargetRow { part: "heats", challengers: "copies", figure, value, limit: value, target, met, trials: 9 }
    }

    #[test]
    fn a_figure_stands_beside_its_target_with_the_word_for_it() {
        let rows = vec![
            row(Figure::WinningTasks, Target::AtMost(260.0), 159.4, true),
            row(Figure::Wins, Target::LimitAtMost(0.0045), 0.006, false),
            row(Figure::Wins, Target::AtLeast(0.65), 0.712, true),
            row(Figure::WinningTasks, Target::None, f64::INFINITY, true),
        ];
        let table = table(&Targets { trials: 9, seed: 1, rows });
        let cells = |place: usize| [2, 3, 6].map(|column| table.rows[place][column].as_str());
        assert_eq!(cells(0), ["at most 260", "159", "met"]);
        assert_eq!(cells(1), ["limit at most 0.45%", "0.60%", "missed"]);
        assert_eq!(cells(2), ["at least 65%", "71%", "met"]);
        assert_eq!(cells(3), ["–", "–", ""]);
        assert!(table.rows.iter().all(|row| row.len() == table.header.len()));
    }
}
