//! `dethrone compare`: the first difference of two validators' evidence.

use std::fs::File;
use std::io::BufReader;
use std::path::{Path, PathBuf};

use clap::Args;
use models::untrusted::UntrustedText;
use serde_json::Value;

use super::audit::evidence_problem;
use crate::evidence::{Compared, Difference, compare};
use crate::exit_status::ExitStatus;
use crate::printer::Printer;
use crate::problem::Problem;

/// Arguments of `dethrone compare`.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// One validator's evidence of a window.
    one: PathBuf,
    /// Another's of the same window.
    other: PathBuf,
}

/// Compares the logs; the exit code tells whether they state the same window.
pub(super) fn run(arguments: &Arguments, printer: &Printer) -> Result<(), Problem> {
    let Arguments { one, other } = arguments;
    let open = |path: &Path| {
        File::open(path).map(BufReader::new).map_err(|error| {
            Problem::new(ExitStatus::Source, format!("cannot read the evidence {}: {error}", path.display()))
                .hint("`dethrone validate` prints where it wrote it")
        })
    };
    let compared = compare(open(one)?, open(other)?).map_err(|(is_second, error)| {
        let problem = evidence_problem(&error);
        let path = if is_second { other } else { one };
        Problem { summary: format!("{}: {}", path.display(), problem.summary), ..problem }
    })?;
    printer.data(&compared, |compared| text(compared, [one, other]))?;
    match compared.difference {
        None => Ok(()),
        Some(_) => Err(Problem::new(ExitStatus::Different, "the two logs differ")
            .hint("what comes after the first difference may follow from it; `dethrone audit` tells which log holds")),
    }
}

fn text(compared: &Compared, paths: [&PathBuf; 2]) -> String {
    let Compared { same_records, window, difference, .. } = compared;
    let window = window.map_or_else(String::new, |window| format!(" of window {window}"));
    let Some(Difference { part, what, records, values }) = difference else {
        return format!("the logs{window} state the same: {same_records} records compared");
    };
    let part = serde_json::to_value(part).ok().and_then(|part| part.as_str().map(str::to_owned)).unwrap_or_default();
    let mut lines =
        vec![format!("first difference{window}, after {same_records} records that are the same: {part}"), what.clone()];
    for ((path, record), value) in paths.into_iter().zip(records).zip(values) {
        let place = record.map_or_else(|| "ended".to_owned(), |record| format!("record {record}"));
        lines.push(format!("  {} ({place}): {}", path.display(), shown(value)));
    }
    lines.push(
        "not compared: keys, signatures, hashes, prints and measures of screens, which are each validator's own"
            .to_owned(),
    );
    lines.join("\n")
}

fn shown(value: &Value) -> String {
    match value {
        Value::Null => "nothing".to_owned(),
        Value::String(text) => UntrustedText::sentence(text).into(),
        value => UntrustedText::sentence(&value.to_string()).into(),
    }
}
