//! `dethrone commit`: checks a model as a validator would, then publishes it under a timelock.

use clap::Args;
use models::source::ModelSource;
use serde::Serialize;

use super::connection::{ChainArguments, writer};
use super::runtime::block_on;
use crate::chain::{Submission, Subnet, encrypt, first_round_after, round_time};
use crate::exit_status::ExitStatus;
use crate::loader::{Arrival, ModelLoader};
use crate::printer::Printer;
use crate::problem::Problem;
use crate::reporter::for_this_terminal;
use crate::sandbox::cache_folder;

/// Seconds between two blocks of the chain.
const BLOCK_SECONDS: u64 = 12;

/// Arguments of `dethrone commit`.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// The model: `owner/name@<40 hex>`.
    model: String,
    /// Blocks until the commitment is revealed: nobody can read it before.
    #[arg(long, value_name = "BLOCKS", default_value_t = 5)]
    reveal_after: u64,
    /// Check the model, and publish nothing.
    #[arg(long)]
    check_only: bool,
    #[command(flatten)]
    chain: ChainArguments,
}

#[derive(Debug, Serialize)]
struct Committed {
    model: String,
    /// The text that is revealed.
    text: String,
    /// The round of drand that reveals it; none where nothing was published.
    round: Option<u64>,
    outcome: Option<Submission>,
}

/// Checks a model and publishes it.
pub(super) fn run(arguments: &Arguments, printer: &Printer) -> Result<(), Problem> {
    let source: ModelSource = arguments.model.parse()?;
    let ModelSource::Hub(reference) = &source else {
        return Err(Problem::new(
            ExitStatus::Usage,
            format!("{source} is not on a hub: validators fetch it from there"),
        )
        .hint("write owner/name@ and the 40 digits of the commit"));
    };
    let model = format!("{}/{}", reference.owner(), reference.name());
    let text = serde_json::json!({ "model": model, "revision": reference.commit() }).to_string();
    let settings = arguments.chain.settings()?;
    let committed = block_on(async {
        let loader = ModelLoader::new(&settings, &cache_folder()?, for_this_terminal())?;
        if let Arrival::Refused { reason, .. } = loader.admit(&source).await? {
            return Err(Problem::new(ExitStatus::ModelRefused, format!("a validator would refuse {source}: {reason}"))
                .hint("nothing was published"));
        }
        let mut committed = Committed { model: source.to_string(), text, round: None, outcome: None };
        if !arguments.check_only {
            let subnet = writer(&settings).await?;
            let head = subnet.finalized_head().await?;
            let round = first_round_after(head.unix_ms + arguments.reveal_after * BLOCK_SECONDS * 1000);
            // Readers expect the length that SCALE puts before a text.
            let encrypted = encrypt(&with_length(committed.text.as_bytes()), round)?;
            (committed.round, committed.outcome) = (Some(round), Some(subnet.publish_sealed(&encrypted, round).await?));
        }
        Ok(committed)
    })?;
    printer.data(&committed, describe)?;
    match &committed.outcome {
        None | Some(Submission::Finalized { .. }) => Ok(()),
        Some(_) => Err(Problem::new(ExitStatus::NotApplied, "the commitment was not published")
            .hint("the chain takes about 3,100 bytes of commitments an epoch; try again in the next one")),
    }
}

/// The bytes after their length in SCALE's compact form; a commitment is shorter than 16 KiB.
fn with_length(text: &[u8]) -> Vec<u8> {
    use subxt::ext::codec::Encode;
    text.to_vec().encode()
}

fn describe(committed: &Committed) -> String {
    let fate = match (&committed.outcome, committed.round) {
        (Some(Submission::Finalized { block, .. }), Some(round)) => {
            format!(
                "published in block {}; revealed by drand round {round} (Unix time {})",
                block.number,
                round_time(round)
            )
        }
        (Some(other), _) => format!("not published: {other:?}"),
        (None, _) => "admitted; nothing was published".to_owned(),
    };
    format!("{}\n{}\n{fate}", committed.model, committed.text)
}
