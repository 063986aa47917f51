//! Lines: one for each event, where standard error is no terminal.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::time::Duration;

use indicatif::HumanBytes;
use pareto::count;

use super::pace::Pace;
use super::say;
use crate::events::{Event, Reporter};

/// Longest silence of an entry that plays.
const SILENCE: Duration = Duration::from_mins(1);

/// Prints events as lines on standard error.
#[derive(Debug, Default)]
pub(super) struct Lines {
    played: Mutex<BTreeMap<String, (Pace, Duration)>>,
    assets: Mutex<BTreeMap<String, (&'static str, u64)>>,
}

impl Lines {
    pub(super) fn new() -> Self {
        Self::default()
    }

    /// A line at every quarter of what is asked for, and after a minute without one.
    fn count(&self, entry: &str, tokens: usize, score: Option<f64>) -> Option<String> {
        let mut played = self.played.lock().expect("no holder panics");
        let (pace, told) = played.get_mut(entry)?;
        pace.end(tokens, score);
        let (done, total, elapsed) = (pace.done(), pace.total(), pace.elapsed());
        let step = (total / 4).max(1);
        (done.is_multiple_of(step) || elapsed - *told >= SILENCE).then(|| {
            *told = elapsed;
            format!("{entry}: {done} of at most {total} rollouts, {}", pace.text(elapsed))
        })
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

impl Lines {
    /// The line of an event, if it has one.
    fn line(&self, event: Event) -> Option<String> {
        match event {
            Event::Asset { subject, doing, done, total } => self.asset(&subject, doing, done, total),
            Event::AssetReady { subject } => Some(format!("ready: {subject}")),
            Event::Opened { entries, resumed: false } => Some(format!("opened: {}", count(entries, "entry"))),
            Event::Opened { entries, resumed: true } => Some(format!("resumed: {}", count(entries, "entry"))),
            Event::Checking { .. } | Event::Played { .. } => None,
            Event::Standing { entry, standing } => Some(format!("{entry}: {standing}")),
            Event::Playing { entry, done, total } => {
                let line = format!("{entry}: plays, {done} of at most {total} rollouts are there");
                let pace = (Pace::new(done, total), Duration::ZERO);
                self.played.lock().expect("no holder panics").insert(entry, pace);
                Some(line)
            }
            Event::RolloutEnded { entry, tokens, score } => self.count(&entry, tokens, score),
            Event::Decided { sentence }
            | Event::Served { sentence }
            | Event::Overridden { sentence }
            | Event::Warned { sentence } => Some(sentence),
            Event::Retrying { what } => Some(format!("trying again: {what}")),
        }
    }
}

impl Reporter for Lines {
    fn report(&self, event: Event) {
        let line = self.line(event);
        if let Some(line) = line {
            say(&line);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asset(doing: &'static str, done: u64, total: Option<u64>) -> Event {
        Event::Asset { subject: "a model".to_owned(), doing, done, total }
    }

    fn ended() -> Event {
        Event::RolloutEnded { entry: "alice".to_owned(), tokens: 5, score: Some(0.5) }
    }

    #[track_caller]
    fn check(events: Vec<Event>, expected: &[&str]) {
        let lines = Lines::new();
        // Speed and time left are the machine's.
        let timeless = |line: String| line.split(", score 0.500, ").next().unwrap_or_default().to_owned();
        let said: Vec<String> = events.into_iter().filter_map(|event| lines.line(event)).map(timeless).collect();
        assert_eq!(said, expected);
    }

    #[test]
    fn a_download_is_told_at_its_beginning_and_at_every_quarter() {
        let downloads = (0..=100).map(|done| asset("fetching", done, Some(100)));
        let quarters =
            ["0 B", "25 B", "50 B", "75 B", "100 B"].map(|done| format!("fetching a model: {done} of 100 B"));
        check(downloads.collect(), &quarters.each_ref().map(String::as_str));
        let unknown = vec![asset("fetching", 1, None), asset("fetching", 9, None), asset("unpacking", 9, None)];
        check(unknown, &["fetching a model", "unpacking a model"]);
        check(vec![asset("fetching", 0, Some(0))], &["fetching a model: 0 B of 0 B"]);
    }

    #[test]
    fn rollouts_are_counted_by_quarters_of_what_is_asked_for() {
        let playing = Event::Playing { entry: "alice".to_owned(), done: 2, total: 8 };
        let events = std::iter::once(playing).chain((0..6).map(|_| ended()));
        check(
            events.collect(),
            &[
                "alice: plays, 2 of at most 8 rollouts are there",
                "alice: 4 of at most 8 rollouts",
                "alice: 6 of at most 8 rollouts",
                "alice: 8 of at most 8 rollouts",
            ],
        );
        check(vec![ended()], &[]);
        let one = Event::Playing { entry: "alice".to_owned(), done: 0, total: 1 };
        let lines = ["alice: plays, 0 of at most 1 rollouts are there", "alice: 1 of at most 1 rollouts"];
        check(vec![one, ended()], &lines);
    }

    #[test]
    fn events_that_say_nothing_new_have_no_line() {
        let entry = || "alice".to_owned();
        check(vec![Event::Checking { entry: entry() }, Event::Played { entry: entry() }], &[]);
        check(vec![Event::Standing { entry: entry(), standing: "admitted".to_owned() }], &["alice: admitted"]);
        check(vec![Event::Opened { entries: 2, resumed: true }], &["resumed: 2 entries"]);
        check(vec![Event::Opened { entries: 1, resumed: false }], &["opened: 1 entry"]);
        check(vec![Event::Retrying { what: "the hub".to_owned() }], &["trying again: the hub"]);
    }
}
