//! Progress bars, where standard error is a terminal.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};
use pareto::count;

use super::pace::Pace;
use super::{add_bar, say};
use crate::events::{Event, Reporter};

/// Draws events as bars on standard error.
#[derive(Debug)]
pub(super) struct Bars {
    bars: Mutex<BTreeMap<String, ProgressBar>>,
    paces: Mutex<BTreeMap<String, Pace>>,
}

impl Bars {
    pub(super) fn new() -> Self {
        Self { bars: Mutex::default(), paces: Mutex::default() }
    }

    fn with_bar(&self, name: &str, make: impl FnOnce() -> ProgressBar, act: impl FnOnce(&ProgressBar)) {
        let mut bars = self.bars.lock().expect("no holder panics");
        let bar = bars.entry(name.to_owned()).or_insert_with(|| {
            let bar = add_bar(make());
            bar.set_message(name.to_owned());
            bar
        });
        act(bar);
    }

    fn remove(&self, name: &str) {
        if let Some(bar) = self.bars.lock().expect("no holder panics").remove(name) {
            bar.finish_and_clear();
        }
    }

    fn asset(&self, subject: &str, doing: &str, done: u64, total: Option<u64>) {
        self.with_bar(subject, spinner, |bar| {
            if let Some(total) = total.filter(|total| bar.length() != Some(*total)) {
                bar.set_length(total);
                bar.set_style(style("{msg:40!} {bar:24} {bytes}/{total_bytes} {bytes_per_sec}"));
            }
            bar.set_message(format!("{doing} {subject}"));
            bar.set_position(done);
        });
    }
}

impl Reporter for Bars {
    fn report(&self, event: Event) {
        match event {
            Event::Asset { subject, doing, done, total } => self.asset(&subject, doing, done, total),
            Event::AssetReady { subject } => {
                self.remove(&subject);
                say(&format!("ready: {subject}"));
            }
            Event::Opened { entries, resumed } => {
                let verb = if resumed { "resumed" } else { "opened" };
                say(&format!("{verb}: {}", count(entries, "entry")));
            }
            Event::Checking { entry } => self.with_bar(&format!("{entry}: checking"), spinner, |_| {}),
            Event::Standing { entry, standing } => {
                self.remove(&format!("{entry}: checking"));
                say(&format!("{entry}: {standing}"));
            }
            Event::Playing { entry, done, total } => {
                self.paces.lock().expect("no holder panics").insert(entry.clone(), Pace::new(done, total));
                self.with_bar(&entry, || rollout_bar(total), |bar| bar.set_position(done as u64));
            }
            Event::RolloutEnded { entry, tokens, score } => {
                let mut paces = self.paces.lock().expect("no holder panics");
                let pace = paces.get_mut(&entry).map(|pace| {
                    pace.end(tokens, score);
                    pace.text(pace.elapsed())
                });
                self.with_bar(&entry, spinner, |bar| {
                    bar.set_prefix(pace.unwrap_or_default());
                    bar.inc(1);
                });
            }
            Event::Played { entry } => self.remove(&entry),
            Event::Decided { sentence }
            | Event::Served { sentence }
            | Event::Overridden { sentence }
            | Event::Warned { sentence } => say(&sentence),
            Event::Retrying { what } => say(&format!("trying again: {what}")),
        }
    }
}

fn rollout_bar(total: usize) -> ProgressBar {
    ProgressBar::new(total as u64).with_style(style("{msg:32!} {bar:12} {pos}/{len} {prefix}"))
}

fn spinner() -> ProgressBar {
    let bar = ProgressBar::new_spinner().with_style(style("{msg:40} {spinner} {elapsed}"));
    bar.enable_steady_tick(Duration::from_millis(120));
    bar
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).expect("the templates are constants")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The bars that are left after these events, by name; nothing is drawn, since the tests have no terminal.
    #[track_caller]
    fn check(events: &[Event], expected: &[(&str, u64, Option<u64>)]) {
        let bars = Bars::new();
        for event in events {
            bars.report(event.clone());
        }
        let left = bars.bars.lock().unwrap();
        let left: Vec<_> = left.iter().map(|(name, bar)| (name.as_str(), bar.position(), bar.length())).collect();
        assert_eq!(left, expected, "{events:?}");
    }

    fn asset(done: u64, total: Option<u64>) -> Event {
        Event::Asset { subject: "model".to_owned(), doing: "fetching", done, total }
    }

    #[test]
    fn a_download_has_a_bar_until_it_is_ready() {
        check(&[asset(5, None)], &[("model", 5, None)]);
        check(&[asset(5, None), asset(7, Some(9))], &[("model", 7, Some(9))]);
        check(&[asset(5, Some(9)), Event::AssetReady { subject: "model".to_owned() }], &[]);
        check(&[Event::AssetReady { subject: "never begun".to_owned() }], &[]);
    }

    #[test]
    fn an_entry_has_a_bar_while_it_is_checked_and_while_it_plays() {
        let entry = || "alice".to_owned();
        let playing = Event::Playing { entry: entry(), done: 2, total: 8 };
        let ended = Event::RolloutEnded { entry: entry(), tokens: 5, score: None };
        check(&[Event::Checking { entry: entry() }], &[("alice: checking", 0, None)]);
        let standing = Event::Standing { entry: entry(), standing: "admitted".to_owned() };
        check(&[Event::Checking { entry: entry() }, standing], &[]);
        check(&[playing.clone(), ended.clone(), ended.clone()], &[("alice", 4, Some(8))]);
        check(&[playing, ended, Event::Played { entry: entry() }], &[]);
    }
}
