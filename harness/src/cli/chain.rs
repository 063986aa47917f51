//! `dethrone chain`: reads a subnet's chain.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::connection::{ChainArguments, reader};
use super::runtime::block_on;
use crate::chain::Subnet;
use crate::exit_status::ExitStatus;
use crate::files::write_whole;
use crate::printer::Printer;
use crate::problem::Problem;
use crate::registry::{Ledger, RecordedSnapshot, read_commitments};

/// Arguments of `dethrone chain`.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Records everything of the subnet at one finalized block: the registry of a window that is decided without a chain.
    Snapshot(SnapshotArguments),
}

#[derive(Debug, Args)]
struct SnapshotArguments {
    #[command(flatten)]
    chain: ChainArguments,
    /// The block; the latest finalized one unless given.
    #[arg(long, value_name = "BLOCK")]
    at: Option<u64>,
    /// A file for the snapshot, which the setting `registry` can name.
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,
}

/// Runs an action on the chain.
pub(super) fn run(arguments: &Arguments, printer: &Printer) -> Result<(), Problem> {
    match &arguments.action {
        Action::Snapshot(arguments) => snapshot(arguments, printer),
    }
}

fn snapshot(arguments: &SnapshotArguments, printer: &Printer) -> Result<(), Problem> {
    let subnet = reader(&arguments.chain.settings()?)?;
    let recorded = block_on(async {
        let block = match arguments.at {
            Some(number) => subnet.block(number).await?,
            None => subnet.finalized_head().await?,
        };
        let snapshot = subnet.snapshot(&block).await?;
        let pulse = subnet.drand_after(&block).await?;
        Ok(RecordedSnapshot { snapshot, pulse })
    })?;
    if let Some(path) = &arguments.output {
        let mut text = serde_json::to_string_pretty(&recorded).expect("a snapshot is plain data");
        text.push('\n');
        write_whole(path, text.as_bytes()).map_err(|error| {
            Problem::new(ExitStatus::Store, format!("cannot write {}: {error}", path.display()))
                .hint("choose another file for --output")
        })?;
    }
    printer.data(&recorded, text)
}

fn text(recorded: &RecordedSnapshot) -> String {
    let RecordedSnapshot { snapshot, pulse } = recorded;
    let mut text = format!(
        "subnet {} at block {} ({})\nruntime {}, {} uids, {} commitments\ndigest {}",
        snapshot.netuid,
        snapshot.block.number,
        snapshot.block.hash,
        snapshot.spec_version,
        snapshot.neurons.len(),
        snapshot.commitments.len(),
        snapshot.digest(),
    );
    let Some(pulse) = pulse else {
        text.push_str(&format!(
            "\nno drand pulse yet after the block: record it again a minute later with --at {}",
            snapshot.block.number
        ));
        return text;
    };
    text.push_str(&format!("\nseeded with drand round {}\n", pulse.round));
    let reading = read_commitments(snapshot, pulse, &Ledger::default());
    for (place, entry) in reading.registry.entries.iter().enumerate() {
        text.push_str(&format!(
            "\n{:>4}  block {}  uid {}  {}",
            place + 1,
            entry.committed,
            entry.number(),
            entry.label()
        ));
    }
    for not_taken in &reading.not_taken {
        text.push_str(&format!("\nnot taken: {not_taken}"));
    }
    text
}
