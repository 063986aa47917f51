//! Progress bars with sizes: for terminals.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::time::Duration;

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};

use crate::events::{Event, Reporter};

/// Draws events as bars on standard error.
#[derive(Debug)]
pub(super) struct Bars {
    screen: MultiProgress,
    bars: Mutex<BTreeMap<String, ProgressBar>>,
}

impl Bars {
    pub(super) fn new() -> Self {
        Self { screen: MultiProgress::new(), bars: Mutex::default() }
    }

    fn line(&self, text: &str) {
        // A terminal that went away must not end the run.
        let _ = self.screen.println(text);
    }

    fn with_bar(&self, name: &str, make: impl FnOnce() -> ProgressBar, act: impl FnOnce(&ProgressBar)) {
        let mut bars = self.bars.lock().expect("no holder panics");
        let bar = bars.entry(name.to_owned()).or_insert_with(|| {
            let bar = self.screen.add(make());
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
                self.line(&format!("ready: {subject}"));
            }
            Event::Opened { entries, resumed } => {
                let verb = if resumed { "resumed" } else { "opened" };
                self.line(&format!("{verb}: {entries} entries"));
            }
            Event::Checking { entry } => self.with_bar(&format!("{entry}: checking"), spinner, |_| {}),
            Event::Standing { entry, standing } => {
                self.remove(&format!("{entry}: checking"));
                self.line(&format!("{entry}: {standing}"));
            }
            Event::Playing { entry, done, total } => {
                self.with_bar(&entry, || rollout_bar(total), |bar| bar.set_position(done as u64));
            }
            Event::RolloutEnded { entry } => self.with_bar(&entry, spinner, |bar| bar.inc(1)),
            Event::Played { entry } => self.remove(&entry),
            Event::Decided { sentence } | Event::Served { sentence } => self.line(&sentence),
            Event::Retrying { what } => self.line(&format!("trying again: {what}")),
        }
    }
}

fn rollout_bar(total: usize) -> ProgressBar {
    ProgressBar::new(total as u64).with_style(style("{msg:40} {bar:24} {pos}/{len} rollouts, {per_sec}"))
}

fn spinner() -> ProgressBar {
    let bar = ProgressBar::new_spinner().with_style(style("{msg:40} {spinner} {elapsed}"));
    bar.enable_steady_tick(Duration::from_millis(120));
    bar
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).expect("the templates are constants")
}
