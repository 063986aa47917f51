//! `dethrone pull champion`: fetches the model that earns most of a subnet's emission, to be improved.

use clap::{Args, Subcommand};
use models::source::ModelSource;
use serde::Serialize;

use super::connection::{ChainArguments, reader};
use super::runtime::block_on;
use crate::chain::Subnet;
use crate::exit_status::ExitStatus;
use crate::loader::{Arrival, ModelLoader};
use crate::printer::Printer;
use crate::problem::Problem;
use crate::registry::{DrandPulse, Entry, Hash32, Ledger, SubnetSnapshot, Uid, read_commitments};
use crate::reporter::for_this_terminal;
use crate::sandbox::cache_folder;
use crate::settings::Settings;

/// Arguments of `dethrone pull`.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Fetches the model that earns most of the subnet's emission.
    Champion(ChainArguments),
}

#[derive(Debug, Serialize)]
struct Pulled {
    uid: Option<Uid>,
    hotkey: String,
    model: String,
    /// The folder with its files.
    folder: std::path::PathBuf,
}

/// Fetches a model.
pub(super) fn run(arguments: &Arguments, printer: &Printer) -> Result<(), Problem> {
    let What::Champion(chain) = &arguments.what;
    let settings = chain.settings()?;
    let subnet = reader(&settings)?;
    let pulled = block_on(async {
        let snapshot = subnet.snapshot(&subnet.finalized_head().await?).await?;
        let entry = champion(&snapshot)?;
        let loader = ModelLoader::new(&settings, &cache_folder()?, for_this_terminal())?;
        match loader.admit(&entry.model).await? {
            Arrival::Admitted(files) => Ok(Pulled {
                uid: entry.uid,
                hotkey: entry.hotkey.0,
                model: entry.model.to_string(),
                folder: files.root.clone(),
            }),
            Arrival::Refused { reason, .. } => {
                let what = format!("{}, which earns most, would not be admitted: {reason}", entry.label());
                Err(Problem::new(ExitStatus::ModelRefused, what).hint("the subnet's validators may have other limits"))
            }
        }
    })?;
    printer.data(&pulled, |pulled| {
        let uid = pulled.uid.map_or_else(String::new, |uid| format!(" (uid {})", uid.0));
        format!("{} of {}{uid}\n{}", pulled.model, pulled.hotkey, pulled.folder.display())
    })
}

/// The model that earns most of the emission on the subnet of the settings.
///
/// # Errors
/// If the chain cannot be read or nobody earns anything.
pub(super) fn champion_of_chain(settings: &Settings) -> Result<ModelSource, Problem> {
    let subnet = reader(settings)?;
    block_on(async {
        let snapshot = subnet.snapshot(&subnet.finalized_head().await?).await?;
        Ok(champion(&snapshot)?.model)
    })
}

/// The entry of the uid with the largest incentive; the owner's uid, which burns, is none.
fn champion(snapshot: &SubnetSnapshot) -> Result<Entry, Problem> {
    let pulse = DrandPulse { round: 0, randomness: Hash32([0; 32]) };
    let entries = read_commitments(snapshot, &pulse, &Ledger::default()).registry.entries;
    let incentive = |entry: &Entry| snapshot.neuron(&entry.hotkey).map_or(0, |neuron| neuron.incentive);
    let champion = entries.into_iter().filter(|entry| incentive(entry) > 0).max_by_key(|entry| {
        // The earlier commitment of two that earn the same.
        (incentive(entry), std::cmp::Reverse(entry.committed))
    });
    champion.ok_or_else(|| {
        Problem::new(
            ExitStatus::Source,
            format!("nobody with a commitment on subnet {} earns anything", snapshot.netuid),
        )
        .hint("`dethrone rank` shows the commitments")
    })
}
