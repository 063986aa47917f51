//! `dethrone audit`: checks evidence, and makes rollouts of it again.

use std::fs::File;
use std::io::BufReader;
use std::path::PathBuf;

use clap::Args;

use super::runtime::block_on;
use crate::evidence::{Audited, Checks, EvidenceError, Log, audit, unchecked};
use crate::exit_status::ExitStatus;
use crate::printer::Printer;
use crate::problem::Problem;
use crate::replay::{Replay, ReplayError, Replayed};
use crate::reporter::for_this_terminal;
use crate::sandbox::{cache_folder, open_sandbox};
use crate::settings::{Settings, Sources};

/// Arguments of `dethrone audit`.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// The evidence of a window, or of several in order, of which each must follow from the one before.
    #[arg(required = true)]
    evidence: Vec<PathBuf>,
    /// Make so many of its rollouts again, drawn at random, from the models' files; none otherwise.
    #[arg(long, value_name = "N", default_value_t = 0)]
    replay: usize,
    /// Judge all replies again and admit refused models again, from the models' files; `--replay` does so, too.
    #[arg(long)]
    judge: bool,
    /// The public key, in hexadecimal digits, that must have signed it: the one that its validator has published.
    #[arg(long, value_name = "KEY")]
    signer: Option<String>,
    /// The settings file (TOML) that says, for `--judge` and `--replay`, where the hub is and how large the engine may be.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// A setting, such as `hub.kind=folder`; may be given several times.
    #[arg(long = "set", value_name = "KEY=VALUE")]
    set: Vec<String>,
}

/// Checks the chain and the signatures, derives every task's seed and every decision again, and makes rollouts again.
pub(super) fn run(arguments: &Arguments, printer: &Printer) -> Result<(), Problem> {
    let mut audited = Vec::new();
    let mut before: Option<Log> = None;
    for path in &arguments.evidence {
        let file = File::open(path).map_err(|error| {
            Problem::new(ExitStatus::Source, format!("cannot read the evidence {}: {error}", path.display()))
                .hint("`dethrone validate` and `dethrone demo` print where they wrote it")
        })?;
        let (mut one, log) = audit_file(file)?;
        check_signer(&one.validator, arguments.signer.as_deref())?;
        if let Some(before) = &before {
            log.follows(before).map_err(|error| evidence_problem(&error))?;
            one.follows = true;
        }
        let judged = arguments.judge || arguments.replay > 0;
        if judged {
            let sources = Sources::new(&Settings::default(), arguments.config.as_deref(), &arguments.set);
            let settings = sources.and_then(|sources| sources.settings())?;
            let replayed = replay(&settings, arguments.replay, &log)?;
            Replayed { made: one.replayed, judged: one.judged, .. } = replayed;
            Replayed { refusals: one.refusals, findings: one.findings, .. } = replayed;
        }
        let checks = Checks { follows: one.follows, judged, replayed: one.replayed, findings: one.findings };
        one.unchecked = unchecked(&log, checks);
        audited.push(one);
        before = Some(log);
    }
    printer.data(&audited, |audited| audited.iter().map(text).collect::<Vec<_>>().join("\n"))
}

/// Refuses evidence that another key has signed than the one asked for.
fn check_signer(found: &str, asked: Option<&str>) -> Result<(), Problem> {
    match asked.map(|key| key.trim_start_matches("0x").to_lowercase()) {
        Some(key) if key != found => {
            let what = format!("the evidence holds together, but it is signed by {found} and not by {key}");
            Err(Problem::new(ExitStatus::EvidenceBroken, what)
                .hint("whoever has another key can sign any evidence: ask the validator which key is its own"))
        }
        _ => Ok(()),
    }
}

/// Audits a log that is open.
pub(super) fn audit_file(file: File) -> Result<(Audited, Log), Problem> {
    block_on(async { audit(BufReader::new(file)).await.map_err(|error| evidence_problem(&error)) })
}

/// Judges a log's replies again and makes `count` of its rollouts again, with these settings' hub and engine.
pub(super) fn replay(settings: &Settings, count: usize, log: &Log) -> Result<Replayed, Problem> {
    let reporter = for_this_terminal();
    let cache = cache_folder()?;
    let (sandbox, runtime) = open_sandbox(settings, &*reporter)?;
    let replay = Replay { settings, cache: &cache, sandbox: &sandbox, runtime: &runtime, reporter };
    block_on(async {
        replay.run(log, count).await.map_err(|error| match error {
            ReplayError::Environment(error) => error.into(),
            ReplayError::Loader(error) => error.into(),
            ReplayError::Window(error) => error.into(),
            ReplayError::Changed { .. } => Problem::from_error(ExitStatus::Source, &error)
                .hint("check the network, the hub and the folder; the models must be those that the evidence names"),
            ReplayError::Rollout(_) => {
                Problem::from_error(ExitStatus::Incomplete, &error).hint("run the same command again")
            }
            ReplayError::Evidence(error) => evidence_problem(&error),
            ReplayError::Entropy(_) => Problem::from_error(ExitStatus::Unexpected, &error),
            ReplayError::Another { .. } => Problem::from_error(ExitStatus::Source, &error).hint(
                "replay with the release that wrote the evidence, and with the environments' files in the settings",
            ),
        })
    })
}

pub(super) fn evidence_problem(error: &EvidenceError) -> Problem {
    let (status, hint) = match error {
        EvidenceError::Version { .. } => (ExitStatus::Source, "audit it with the release of dethrone that wrote it"),
        EvidenceError::Unreadable(_) => (ExitStatus::Source, "check the file and its permissions"),
        EvidenceError::Undecidable(_) => (ExitStatus::EvidenceBroken, "do not rely on this file"),
        EvidenceError::Malformed { line: 1, .. } => {
            (ExitStatus::EvidenceBroken, "this is no evidence; a window's is the file evidence.jsonl in its folder")
        }
        _ => (ExitStatus::EvidenceBroken, "do not rely on this file; ask its validator for the original"),
    };
    Problem::from_error(status, error).hint(hint)
}

fn text(audited: &Audited) -> String {
    let Audited { records, rollouts, duels, validator, champion, hash, .. } = audited;
    let holder = champion.as_deref().unwrap_or("nobody");
    let mut lines = vec![
        format!("holds: {records} records signed by {validator}"),
        format!(
            "{rollouts} rollouts have the seeds of their window, {duels} duels decided again, {holder} holds the weight"
        ),
    ];
    if audited.follows {
        lines.push("it begins from the record of the window before".to_owned());
    }
    if audited.judged > 0 {
        lines.push(format!("{} rollouts were judged again from their replies", audited.judged));
    }
    if audited.refusals > 0 {
        lines.push(format!("{} refusals follow from the models' files", audited.refusals));
    }
    if audited.findings > 0 {
        lines.push(format!("{} findings follow from the models' files", audited.findings));
    }
    if audited.replayed > 0 {
        let made = audited.replayed;
        lines.push(format!("{made} of the rollouts were made again from the models' files and came out the same"));
    }
    lines.extend(audited.unchecked.iter().map(|part| match part.shown_by {
        Some(by) => format!("not checked: {} (shown by {by})", part.what),
        None => format!("not checked: {}: there is only the validator's word", part.what),
    }));
    lines.push(format!("its commitment is {hash}"));
    lines.join("\n")
}
