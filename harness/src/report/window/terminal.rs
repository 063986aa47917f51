//! The summary on a terminal.

use comfy_table::{Cell, CellAlignment, Color, Table};

use crate::record::Standing;
use crate::report::reason_lines;
use crate::report::summary::{EntrySummary, EnvironmentSummary, Summary};
use crate::report::tables::grid;

/// The width assumed where standard output is no terminal.
const WIDTH: u16 = 120;

/// The summary as text: the entries as a table, the decisions as sentences, the files and the time.
pub(crate) fn table(summary: &Summary) -> String {
    let mut text = entries_table(summary).to_string();
    text.push('\n');
    for entry in summary.entries.iter().filter(|entry| entry.standing != Standing::Champion) {
        text.push_str(&format!("\n{}: {}", entry.hotkey, entry.verdict));
    }
    text.push_str(&match (&summary.champion, &summary.regent) {
        (Some(champion), _) => format!("\n\n{champion} {}.\n", summary.held()),
        (None, Some(regent)) => format!("\n\nThe crown is vacant, and all weight is burned: {regent} is regent.\n"),
        (None, None) => "\n\nNo model was admitted: nobody holds the weight.\n".to_owned(),
    });
    if summary.not_reproducible > 0 {
        text.push_str(&format!("{}\n", doubt(summary.not_reproducible)));
    }
    for environment in summary.reasons.iter().filter(|environment| !environment.reasons.is_empty()) {
        let lines = reason_lines(&environment.reasons, environment.file.as_deref());
        text.push_str(&format!("\n{}: reasons of scores{lines}", environment.environment));
    }
    if summary.reasons.iter().any(|environment| !environment.reasons.is_empty()) {
        text.push('\n');
    }
    let files = &summary.files;
    for (what, path) in [("weights", &files.weights), ("evidence", &files.evidence), ("report", &files.report)] {
        text.push_str(&format!("\n{what:9} {}", path.display()));
    }
    text.push_str(&format!("\n{:9} {}", "database", files.database));
    let timing = &summary.timing;
    text.push_str(&format!(
        "\n\n{:.1} s in all: {:.1} s in the models' forward passes, {:.1} s in everything else ({:.1}%):\n\
         {:.1} s checking and fingerprinting models, {:.1} s loading them, {:.1} s on tasks, sandbox, database and decisions",
        timing.wall,
        timing.forward,
        timing.harness,
        100.0 * timing.harness_share(),
        timing.checking,
        timing.loading,
        timing.remaining(),
    ));
    text
}

/// The warning about rollouts that a server answered.
pub(crate) fn doubt(count: usize) -> String {
    format!(
        "{count} rollouts were made by a server and cannot be reproduced: other validators have no way to check them."
    )
}

fn entries_table(summary: &Summary) -> Table {
    let mut table = grid(WIDTH);
    let mut header = vec!["uid".to_owned(), "entry".to_owned(), "standing".to_owned()];
    header.extend(summary.environments.iter().map(|name| short(name).to_owned()));
    header.push("weight".to_owned());
    table.set_header(header);
    for entry in &summary.entries {
        table.add_row(row(entry));
    }
    table
}

fn row(entry: &EntrySummary) -> Vec<Cell> {
    let standing = Cell::new(entry.standing).fg(match entry.standing {
        Standing::Champion => Color::Green,
        Standing::Screened(_) | Standing::Refused => Color::Red,
        _ => Color::Reset,
    });
    let mut cells = vec![
        Cell::new(entry.uid.map_or_else(|| "–".to_owned(), |uid| uid.0.to_string()))
            .set_alignment(CellAlignment::Right),
        Cell::new(&entry.hotkey.0),
        standing,
    ];
    cells.extend(entry.scores.iter().map(score_cell));
    cells.push(Cell::new(format!("{:.2}", entry.weight)).set_alignment(CellAlignment::Right));
    cells
}

/// The mean score, and below it the paired difference from the champion with its interval.
fn score_cell(score: &EnvironmentSummary) -> Cell {
    let Some(mean) = score.mean else { return Cell::new("–") };
    let mut text = format!("{mean:.3} of {}", score.tasks);
    if let (Some(difference), Some((low, high))) = (score.difference, score.interval) {
        text.push_str(&format!("\n{difference:+.2} [{low:+.2}, {high:+.2}]"));
    }
    Cell::new(text)
}

/// An environment's name without its version.
fn short(name: &str) -> &str {
    name.split('@').next().unwrap_or(name)
}
