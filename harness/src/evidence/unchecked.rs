//! Parts of a log that an audit takes as they are stated: all others are derived again.

use serde::Serialize;

use super::audit::{Log, audit};
use crate::record::{Admission, AdmissionOutcome};

/// A part of a log that was taken as it is stated.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Unchecked {
    /// Kind of record and path of the fields, up to which a change is not noticed.
    pub(crate) fields: &'static [&'static str],
    /// The part in words.
    pub(crate) what: String,
    /// The way to check it, if there is one.
    pub(crate) shown_by: Option<&'static str>,
}

/// Checks that were made beside those of the log alone.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Checks {
    /// The log of the window before was given, and this one follows from it.
    pub(crate) follows: bool,
    /// Replies, refusals and files were checked with the models' files.
    pub(crate) judged: bool,
    /// Rollouts made again.
    pub(crate) replayed: usize,
    /// Findings that were found again.
    pub(crate) findings: usize,
}

/// The option that judges replies and refusals again.
const JUDGE: &str = "--judge";
/// The option that makes rollouts again.
const REPLAY: &str = "--replay N";

/// The parts of a log that these checks leave as they are stated.
pub(crate) fn unchecked(log: &Log, checks: Checks) -> Vec<Unchecked> {
    let mut parts = vec![Unchecked {
        fields: &[
            "opened.opened.entries",
            "opened.opened.seed_hash",
            "opened.opened.seed_block",
            "opened.opened.snapshot",
            "reign.interrupted",
        ],
        what: "the registry, as this validator read it (who has committed what and when, and the seed), and that its weights \
               were set"
            .to_owned(),
        shown_by: Some("the chain"),
    }];
    parts.push(Unchecked {
        fields: &["opened.opened.settings"],
        what: "the settings, which are this validator's choice".to_owned(),
        shown_by: Some("the subnet's rules"),
    });
    parts.push(Unchecked {
        fields: &["print.fingerprint"],
        what: "that the prints, which rest on this validator's secret, are those of the models' files".to_owned(),
        shown_by: Some("the validator's key"),
    });
    if !checks.follows {
        parts.push(Unchecked {
            fields: &["opened.opened.previous", "opened.opened.record"],
            what: "the record that it begins from is taken on trust".to_owned(),
            shown_by: Some("the log of the window before"),
        });
    }
    if !checks.judged {
        parts.push(Unchecked {
            fields: &[
                "opened.opened.environments",
                "opened.opened.runtime",
                "rollout.replies",
                "rollout.score",
                "rollout.reason",
                "rollout.fault",
                "rollout.work",
            ],
            what: format!(
                "the scores and the work of {} rollouts were not found again from their replies",
                log.rollouts.len()
            ),
            shown_by: Some(JUDGE),
        });
        let refused = |outcome: &&AdmissionOutcome| matches!(outcome, AdmissionOutcome::Refused(_));
        let refusals = log.admissions.iter().map(|known| &known.outcome).filter(refused).count();
        parts.push(Unchecked {
            fields: &["admission.standing", "admission.reason", "admission.files"],
            what: format!("the models' files, and that {refusals} of them are refused for the reasons given"),
            shown_by: Some(JUDGE),
        });
    }
    parts.extend(rest(log, checks));
    parts
}

/// Audits a log by itself; the fields that are taken as they are stated.
///
/// # Errors
/// If it does not hold, with the reason.
pub async fn unchecked_fields(log: &str) -> Result<Vec<&'static str>, String> {
    let (_, log) = audit(log.as_bytes()).await.map_err(|error| error.to_string())?;
    Ok(unchecked(&log, Checks::default()).iter().flat_map(|part| part.fields).copied().collect())
}

/// The parts that no file shows, or only a forward pass.
fn rest(log: &Log, checks: Checks) -> Vec<Unchecked> {
    let mut parts = Vec::new();
    let by_servers = log.rollouts.iter().filter(|rollout| !rollout.reproducible).count();
    let unpaid = log.rollouts.iter().filter(|rollout| rollout.reproducible && rollout.is_unpaid()).count();
    let made = log.rollouts.len() - by_servers - unpaid;
    if checks.replayed < made {
        parts.push(Unchecked {
            fields: &["rollout.replies"],
            what: format!("that the models gave {} of the replies", made - checks.replayed),
            shown_by: Some(REPLAY),
        });
    }
    let absent = |known: &&Admission| matches!(known.outcome, AdmissionOutcome::Absent(_) | AdmissionOutcome::Left(_));
    let absences = log.admissions.iter().filter(absent).count();
    if absences > 0 {
        parts.push(Unchecked {
            fields: &["admission.standing", "admission.reason"],
            what: format!("that {absences} entries could not be had or run on the validator's machine"),
            shown_by: None,
        });
    }
    if by_servers > 0 {
        parts.push(Unchecked {
            fields: &["rollout.replies"],
            what: format!("{by_servers} of the rollouts were made by a server and cannot be reproduced"),
            shown_by: None,
        });
    }
    if checks.findings < log.findings.len() {
        parts.push(Unchecked {
            fields: &["finding.finding.finding.measure", "finding.finding.finding.threshold"],
            what: format!("the distances of {} findings", log.findings.len() - checks.findings),
            shown_by: (!checks.judged).then_some(JUDGE),
        });
    }
    if log.interrupted {
        parts.push(Unchecked {
            fields: &["rollout"],
            what: "that its rollouts are all that had ended when it was interrupted".to_owned(),
            shown_by: None,
        });
    }
    parts
}
