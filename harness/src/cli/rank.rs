//! `dethrone rank`: shows the places of a subnet's commitments, and why one has none.

use clap::Args;
use serde::Serialize;

use super::connection::{ChainArguments, reader};
use super::runtime::block_on;
use crate::chain::Subnet;
use crate::exit_status::ExitStatus;
use crate::printer::Printer;
use crate::problem::Problem;
use crate::registry::{DrandPulse, Entry, Hash32, Ledger, NotTaken, SubnetSnapshot, Uid, read_commitments};
use crate::report::tables::Table;

/// Arguments of `dethrone rank`.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// A miner's address; the whole queue unless given.
    #[arg(long, value_name = "ADDRESS")]
    hotkey: Option<String>,
    #[command(flatten)]
    chain: ChainArguments,
}

/// The queue of a subnet's models.
#[derive(Debug, Serialize)]
struct Queue {
    /// The finalized block at which it was read.
    block: u64,
    /// The models by place.
    places: Vec<Place>,
    /// The commitments that have no place.
    not_taken: Vec<NotTaken>,
}

#[derive(Debug, Serialize)]
struct Place {
    /// The place, from 1.
    place: usize,
    uid: Option<Uid>,
    hotkey: String,
    model: String,
    /// The block of its reveal.
    revealed: u64,
    /// Its share of the miners' emission in the latest epoch.
    incentive: f64,
}

/// Shows the queue, or a miner's place in it.
pub(super) fn run(arguments: &Arguments, printer: &Printer) -> Result<(), Problem> {
    let subnet = reader(&arguments.chain.settings()?)?;
    let snapshot = block_on(async { Ok(subnet.snapshot(&subnet.finalized_head().await?).await?) })?;
    let queue = queue(&snapshot, arguments.hotkey.as_deref());
    if let (Some(hotkey), true) = (&arguments.hotkey, queue.places.is_empty() && queue.not_taken.is_empty()) {
        let what = format!("{hotkey} has no revealed commitment on subnet {}", snapshot.netuid);
        return Err(Problem::new(ExitStatus::Source, what)
            .hint("`dethrone commit MODEL` makes one; it is revealed about a minute later"));
    }
    printer.data(&queue, text)
}

fn queue(snapshot: &SubnetSnapshot, only: Option<&str>) -> Queue {
    // The places need no seed.
    let pulse = DrandPulse { round: 0, randomness: Hash32([0; 32]) };
    let reading = read_commitments(snapshot, &pulse, &Ledger::default());
    let is_wanted = |hotkey: &str| only.is_none_or(|only| only == hotkey);
    let place = |(place, entry): (usize, &Entry)| Place {
        place: place + 1,
        uid: entry.uid,
        hotkey: entry.hotkey.0.clone(),
        model: entry.model.to_string(),
        revealed: entry.committed,
        incentive: snapshot
            .neuron(&entry.hotkey)
            .map_or(0.0, |neuron| f64::from(neuron.incentive) / f64::from(u16::MAX)),
    };
    let places = reading.registry.entries.iter().enumerate().map(place);
    Queue {
        block: snapshot.block.number,
        places: places.filter(|place| is_wanted(&place.hotkey)).collect(),
        not_taken: reading.not_taken.into_iter().filter(|one| is_wanted(&one.hotkey.0)).collect(),
    }
}

fn text(queue: &Queue) -> String {
    let row = |place: &Place| {
        let Place { place, uid, hotkey, model, revealed, incentive } = place;
        [
            place.to_string(),
            uid.map_or_else(String::new, |uid| uid.0.to_string()),
            hotkey.clone(),
            model.clone(),
            revealed.to_string(),
            format!("{incentive:.4}"),
        ]
        .to_vec()
    };
    let header = ["place", "uid", "hotkey", "model", "revealed", "incentive"].map(str::to_owned).to_vec();
    let table = Table { title: String::new(), header, rows: queue.places.iter().map(row).collect() };
    let mut text = format!("block {}\n{}", queue.block, table.text());
    for not_taken in &queue.not_taken {
        text.push_str(&format!("\nno place: {not_taken}"));
    }
    text
}
