//! One line an event: for logs.

use std::collections::BTreeMap;
use std::sync::Mutex;

use indicatif::HumanBytes;

use crate::events::{Event, Reporter};

/// Prints events as lines on standard error.
#[derive(Debug, Default)]
pub(super) struct Lines {
    played: Mutex<BTreeMap<String, (usize, usize)>>,
    assets: Mutex<BTreeMap<String, (&'static str, u64)>>,
}

impl Lines {
    pub(super) fn new() -> Self {
        Self::default()
    }

    fn count(&self, entry: &str) -> Option<String> {
        let mut played = self.played.lock().expect("no holder panics");
        let (done, total) = played.get_mut(entry)?;
        *done += 1;
        let step = (*total / 4).max(1);
        done.is_multiple_of(step).then(|| format!("{entry}: {done} of at most {total} rollouts"))
    }

    /// A line when something new is done to an asset and at every further quarter of it.
    fn asset(&self, subject: &str, doing: &'static str, done: u64, total: Option<u64>) -> Option<String> {
        let quarter = total.map_or(0, |total| done * 4 / total.max(1));
        let mut assets = self.assets.lock().expect("no holder panics");
        if assets.get(subject) == Some(&(doing, quarter)) {
            return None;
        }
        assets.insert(subject.to_owned(), (doing, quarter));
        let size = total.map(|total| format!(": {} of {}", HumanBytes(done), HumanBytes(total)));
        Some(format!("{doing} {subject}{}", size.unwrap_or_default()))
    }
}

impl Reporter for Lines {
    fn report(&self, event: Event) {
        let line = match event {
            Event::Asset { subject, doing, done, total } => self.asset(&subject, doing, done, total),
            Event::AssetReady { subject } => Some(format!("ready: {subject}")),
            Event::Opened { entries, resumed: false } => Some(format!("opened: {entries} entries")),
            Event::Opened { entries, resumed: true } => Some(format!("resumed: {entries} entries")),
            Event::Checking { .. } | Event::Played { .. } => None,
            Event::Standing { entry, standing } => Some(format!("{entry}: {standing}")),
            Event::Playing { entry, done, total } => {
                let line = format!("{entry}: plays, {done} of at most {total} rollouts are there");
                self.played.lock().expect("no holder panics").insert(entry, (done, total));
                Some(line)
            }
            Event::RolloutEnded { entry } => self.count(&entry),
            Event::Decided { sentence } | Event::Served { sentence } => Some(sentence),
            Event::Retrying { what } => Some(format!("trying again: {what}")),
        };
        if let Some(line) = line {
            eprintln!("{line}");
        }
    }
}
