//! `dethrone weights`: shows, submits and verifies a validator's row of weights.
//!
//! Four states are told apart: decided (the window's weights file), submitted (a finalized block holds the transaction),
//! revealed (the reveal's epoch has come), applied (the chain holds the row).

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use serde::{Deserialize, Serialize};

use super::connection::{ChainArguments, hotkey_or_own, reader, writer};
use super::runtime::block_on;
use crate::chain::{AppliedRow, RowState, Submission, Subnet, Subtensor, WeightRow, Weights, row_state, weight_row};
use crate::exit_status::ExitStatus;
use crate::files::write_whole;
use crate::printer::Printer;
use crate::problem::Problem;
use crate::registry::{Hotkey, Uid};
use crate::settings::Settings;

/// Arguments of `dethrone weights`.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Shows the row that the chain holds.
    Show(ShowArguments),
    /// Submits the weights of a decided window, and waits until a finalized block holds them.
    Submit(SubmitArguments),
    /// Compares the row that the chain holds with the one that was submitted.
    Verify(VerifyArguments),
}

#[derive(Debug, Args)]
struct ShowArguments {
    #[command(flatten)]
    chain: ChainArguments,
    /// The validator's address; that of the hotkey file unless given.
    #[arg(long, value_name = "ADDRESS")]
    hotkey: Option<String>,
}

#[derive(Debug, Args)]
struct SubmitArguments {
    /// The weights file of a window (`weights.json`).
    weights: PathBuf,
    #[command(flatten)]
    chain: ChainArguments,
    /// Make and try the call, show it, and sign nothing.
    #[arg(long)]
    dry_run: bool,
    /// The validator's address for a dry run without its key.
    #[arg(long, value_name = "ADDRESS", requires = "dry_run")]
    hotkey: Option<String>,
}

#[derive(Debug, Args)]
struct VerifyArguments {
    /// The file that `weights submit` wrote (`submission.json`).
    submission: PathBuf,
    #[command(flatten)]
    chain: ChainArguments,
}

/// A submitted row: the content of `submission.json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Submitted {
    /// The version of this schema.
    version: u32,
    /// The validator's address.
    hotkey: Hotkey,
    /// The row.
    row: WeightRow,
    /// The outcome.
    outcome: Submission,
}

/// A call that was made and not sent.
#[derive(Debug, Serialize)]
struct DryRun {
    hotkey: Hotkey,
    row: WeightRow,
    /// The call's name; none where the row comes too early.
    call: Option<String>,
    /// The call's bytes, as hexadecimal digits.
    bytes: Option<String>,
    /// The outcome that is known already.
    outcome: Option<Submission>,
}

#[derive(Debug, Serialize)]
struct Verified {
    hotkey: Hotkey,
    state: RowState,
    applied: AppliedRow,
}

/// Runs an action on weights.
pub(super) fn run(arguments: &Arguments, printer: &Printer) -> Result<(), Problem> {
    match &arguments.action {
        Action::Show(arguments) => show(arguments, printer),
        Action::Submit(arguments) if arguments.dry_run => dry_run(arguments, printer),
        Action::Submit(arguments) => submit(arguments, printer),
        Action::Verify(arguments) => verify(arguments, printer),
    }
}

fn show(arguments: &ShowArguments, printer: &Printer) -> Result<(), Problem> {
    let settings = arguments.chain.settings()?;
    let hotkey = hotkey_or_own(arguments.hotkey.as_deref(), &settings)?;
    let subnet = reader(&settings)?;
    let applied = block_on(async { Ok(subnet.applied(&hotkey).await?) })?;
    printer.data(&applied, |applied| {
        format!(
            "{hotkey} at block {}, last update in block {}{}",
            applied.block,
            applied.last_update,
            pairs(&applied.row)
        )
    })
}

fn dry_run(arguments: &SubmitArguments, printer: &Printer) -> Result<(), Problem> {
    let settings = arguments.chain.settings()?;
    let weights = read_weights(&arguments.weights)?;
    let subnet = reader(&settings)?;
    let hotkey = hotkey_or_own(arguments.hotkey.as_deref(), &settings)?;
    let tried = block_on(async {
        let row = row_now(&subnet, &weights, &hotkey, &settings).await?;
        Ok(match subnet.prepare(&row, &hotkey).await? {
            Ok(prepared) => {
                let (call, bytes) = (Some(prepared.label), Some(prepared.order.call));
                DryRun { hotkey: hotkey.clone(), row, call, bytes, outcome: None }
            }
            Err(outcome) => DryRun { hotkey: hotkey.clone(), row, call: None, bytes: None, outcome: Some(outcome) },
        })
    })?;
    printer.data(&tried, |tried| {
        let outcome = tried.outcome.as_ref().map(outcome_text).unwrap_or_default();
        let call = tried.call.as_deref().unwrap_or_default();
        let bytes = tried.bytes.as_deref().unwrap_or_default();
        format!("{}{}\n{call} {bytes}{outcome}\nnothing was signed or sent", tried.hotkey, pairs(&tried.row.pairs))
    })
}

fn submit(arguments: &SubmitArguments, printer: &Printer) -> Result<(), Problem> {
    let settings = arguments.chain.settings()?;
    let weights = read_weights(&arguments.weights)?;
    let submitted = block_on(async {
        let subnet = writer(&settings).await?;
        let hotkey = subnet.hotkey().expect("a writer has a key");
        let row = row_now(&subnet, &weights, &hotkey, &settings).await?;
        let outcome = subnet.submit(&row).await?;
        Ok(Submitted { version: 1, hotkey, row, outcome })
    })?;
    let path = arguments.weights.with_file_name("submission.json");
    let mut text = serde_json::to_string_pretty(&submitted).expect("a submission is plain data");
    text.push('\n');
    write_whole(&path, text.as_bytes()).map_err(|error| {
        Problem::new(ExitStatus::Store, format!("cannot write {}: {error}", path.display()))
            .hint("the row was sent all the same: `dethrone weights show` tells what the chain holds")
    })?;
    printer.data(&submitted, |submitted| {
        format!("{}{}\n{}", submitted.hotkey, pairs(&submitted.row.pairs), outcome_text(&submitted.outcome))
    })?;
    match &submitted.outcome {
        Submission::Finalized { .. } => Ok(()),
        other => Err(Problem::new(ExitStatus::NotApplied, format!("the row was not set: {}", outcome_text(other)))
            .hint("`dethrone doctor` checks what setting weights needs")),
    }
}

fn verify(arguments: &VerifyArguments, printer: &Printer) -> Result<(), Problem> {
    let settings = arguments.chain.settings()?;
    let submitted: Submitted = read_json(&arguments.submission, "submission")?;
    let Submission::Finalized { block, reveal } = &submitted.outcome else {
        return Err(Problem::new(ExitStatus::NotApplied, format!("{} was not set", arguments.submission.display()))
            .hint("submit the window's weights again"));
    };
    let subnet = reader(&settings)?;
    let hotkey = submitted.hotkey.clone();
    let applied = block_on(async { Ok(subnet.applied(&hotkey).await?) })?;
    let state = row_state(&submitted.row, block.number, *reveal, &applied);
    let verified = Verified { hotkey, state, applied };
    printer.data(&verified, |verified| {
        let AppliedRow { block, row, .. } = &verified.applied;
        format!("{} at block {block}: {}{}", verified.hotkey, verified.state, pairs(row))
    })?;
    match verified.state {
        RowState::Applied | RowState::Pending { .. } => Ok(()),
        RowState::Replaced | RowState::Different => {
            Err(Problem::new(ExitStatus::NotApplied, format!("the chain does not hold the row: {}", verified.state))
                .hint("submit the window's weights again; a commit whose round drand skipped is never revealed"))
        }
    }
}

/// The row of weights at the latest finalized block.
async fn row_now(
    subnet: &Subtensor,
    weights: &Weights,
    hotkey: &Hotkey,
    settings: &Settings,
) -> Result<WeightRow, Problem> {
    let head = subnet.finalized_head().await?;
    let snapshot = subnet.snapshot(&head).await?;
    weight_row(weights, &snapshot, hotkey, settings.chain.version_key).map_err(|error| {
        Problem::from_error(ExitStatus::NotApplied, &error).hint("nothing was sent; `dethrone doctor` checks the rest")
    })
}

fn read_weights(path: &Path) -> Result<Weights, Problem> {
    read_json(path, "weights")
}

fn read_json<T: for<'de> Deserialize<'de>>(path: &Path, what: &str) -> Result<T, Problem> {
    let problem = |cause: String| {
        Problem::new(ExitStatus::Usage, format!("cannot use the {what} in {}: {cause}", path.display())).hint(
            "`dethrone validate` writes weights.json into a window's folder, `dethrone weights submit` submission.json",
        )
    };
    let bytes = std::fs::read(path).map_err(|error| problem(error.to_string()))?;
    serde_json::from_slice(&bytes).map_err(|error| problem(error.to_string()))
}

fn pairs(row: &[(Uid, u16)]) -> String {
    let pair = |(uid, weight): &(Uid, u16)| format!("\n  uid {:>5}  {weight:>5}", uid.0);
    row.iter().map(pair).collect()
}

fn outcome_text(outcome: &Submission) -> String {
    match outcome {
        Submission::RateLimited { until } => format!("too early: the chain takes the next row from block {until} on"),
        Submission::Rejected { reason } => format!("rejected: {reason}"),
        Submission::IncludedFailed { block, error } => {
            format!("block {} holds it, and it failed: {error}", block.number)
        }
        Submission::Finalized { block, reveal: None } => format!("set in finalized block {}", block.number),
        Submission::Finalized { block, reveal: Some(reveal) } => format!(
            "committed in finalized block {}; revealed by drand round {}, about block {}",
            block.number, reveal.round, reveal.block
        ),
    }
}
