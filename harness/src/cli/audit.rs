//! `dethrone audit`: does this evidence hold?

use std::fs::File;
use std::io::BufReader;
use std::path::PathBuf;

use clap::Args;

use crate::evidence::{Audited, EvidenceError, audit};
use crate::exit_status::ExitStatus;
use crate::printer::Printer;
use crate::problem::Problem;

/// What to check.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// The evidence, one record a line.
    evidence: PathBuf,
}

/// Checks the chain and the signatures, derives every task's seed and every decision again.
pub(super) fn run(arguments: &Arguments, printer: &Printer) -> Result<(), Problem> {
    let path = arguments.evidence.display();
    let file = File::open(&arguments.evidence).map_err(|error| {
        Problem::new(ExitStatus::Source, format!("cannot read the evidence {path}: {error}"))
            .hint("`dethrone validate` and `dethrone demo` print where they wrote it")
    })?;
    let audited = audit(BufReader::new(file)).map_err(|error| {
        let status = match error {
            EvidenceError::Unreadable(_) | EvidenceError::Version { .. } => ExitStatus::Source,
            _ => ExitStatus::EvidenceBroken,
        };
        let hint = match error {
            EvidenceError::Version { .. } => "audit it with the release of dethrone that wrote it",
            _ => "do not rely on this file; ask its validator for the original",
        };
        Problem::from_error(status, &error).hint(hint)
    })?;
    printer.data(&audited, text)
}

fn text(audited: &Audited) -> String {
    let Audited { records, rollouts, not_reproducible, duels, validator, champion } = audited;
    let doubt = match not_reproducible {
        0 => String::new(),
        _ => format!(
            "\n{not_reproducible} of the rollouts were made by a server and cannot be reproduced: for them there is only \
             the validator's word"
        ),
    };
    format!(
        "holds: {records} records signed by {validator}\n{rollouts} rollouts have the seeds of their window, {duels} duels \
         decided again, {champion} holds the weight{doubt}"
    )
}
