//! Overview: the first page of the site, from weights to downloads.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Value;

use super::archive::Archive;
use super::live::Live;
use crate::evidence::LogDigest;
use crate::record::{Conclusion, Fault, Standing};
use crate::registry::Hotkey;
use crate::report::pages::render;
use crate::report::{LiveDuel, latest_duel};
use crate::turns::in_turns;

const TEMPLATE: &str = include_str!("overview.html");

/// Windows that are listed, the latest first.
const LISTED: usize = 50;

/// The states of a row of weights, in order.
const STATES: [&str; 4] = ["decided", "submitted", "revealed", "applied"];

/// The first page, and its JSON.
#[derive(Debug, Serialize)]
pub(super) struct Overview {
    /// Status of the validator; null where none runs here.
    status: Value,
    /// The four states of the row in force.
    states: Vec<State>,
    /// Whoever reigns now.
    champion: Option<Champion>,
    /// Windows in which the crown changed, the latest first.
    lineage: Vec<Champion>,
    /// The state of the window that plays, in one sentence.
    playing: String,
    /// The latest duel of the window that plays, or of the last one.
    duel: Option<LiveDuel>,
    /// Entries that wait, by place.
    queue: Vec<Place>,
    /// Refusals and findings of the window.
    left_out: Vec<LeftOut>,
    /// Rollouts by the side at fault.
    failures: Vec<Failure>,
    /// Rollouts in all.
    rollouts: usize,
    /// Windows, the latest first.
    windows: Vec<WindowRow>,
    /// The window that findings, queue and failures are of.
    window: Option<u64>,
    /// It plays still, so that its pages are not written yet.
    is_playing: bool,
}

#[derive(Debug, Serialize)]
struct State {
    name: &'static str,
    /// `done`, `now` or `open`.
    is: &'static str,
}

#[derive(Debug, Serialize)]
struct Champion {
    window: u64,
    hotkey: Hotkey,
    model: String,
    committed: u64,
    before: Option<Hotkey>,
    gains: Vec<String>,
    tasks: usize,
}

#[derive(Debug, Serialize)]
struct Place {
    place: usize,
    uid: String,
    hotkey: Hotkey,
    model: String,
    committed: u64,
    standing: String,
}

#[derive(Debug, Serialize)]
struct LeftOut {
    entry: usize,
    uid: String,
    hotkey: Hotkey,
    model: String,
    standing: String,
    sentence: String,
}

#[derive(Debug, Serialize)]
struct Failure {
    side: &'static str,
    rollouts: usize,
    /// The most frequent reason.
    reason: String,
}

#[derive(Debug, Serialize)]
struct WindowRow {
    window: u64,
    /// None where its log says nothing.
    digest: Option<LogDigest>,
    /// The reason for which its log says nothing.
    broken: Option<String>,
    report: bool,
}

impl Overview {
    /// The overview of an archive, of the window that plays, and of a validator's status.
    pub(super) async fn new(archive: &Archive, live: &Live, status: Value) -> Self {
        let windows = archive.windows();
        let digests: Vec<(u64, Result<LogDigest, String>)> =
            windows.iter().rev().take(LISTED).map(|window| (*window, archive.digest(*window))).collect();
        let last = match windows.last() {
            Some(window) => archive.conclusion(*window).await.ok(),
            None => None,
        };
        let (conclusion, playing) = match live {
            Live::Playing(conclusion) => {
                (Some(&**conclusion), format!("Window {} plays.", conclusion.terms.seed_block))
            }
            Live::Admitting { window, admitted, entries } => {
                (last.as_deref(), format!("Window {window} begins: {admitted} of {entries} models are checked."))
            }
            Live::Nothing => (last.as_deref(), "No window plays.".to_owned()),
        };
        let is_playing = matches!(live, Live::Playing(_));
        let lineage = lineage(&digests);
        Self {
            states: states(status["weights"]["state"].as_str()),
            champion: digests.iter().find_map(|(_, digest)| champion(digest.as_ref().ok()?)),
            lineage,
            playing,
            duel: conclusion.and_then(latest_duel),
            queue: conclusion.map(queue).unwrap_or_default(),
            left_out: conclusion.map(left_out).unwrap_or_default(),
            failures: conclusion.map(failures).unwrap_or_default(),
            rollouts: conclusion.map_or(0, |conclusion| conclusion.entries.iter().map(|one| one.rollouts.len()).sum()),
            window: conclusion.map(|conclusion| conclusion.terms.seed_block),
            is_playing,
            windows: digests
                .into_iter()
                .map(|(window, digest)| WindowRow {
                    window,
                    broken: digest.as_ref().err().cloned(),
                    digest: digest.ok(),
                    report: archive.file(window, "report.html").is_some(),
                })
                .collect(),
            status,
        }
    }
}

impl Overview {
    /// The page.
    pub(super) fn page(&self) -> String {
        render(TEMPLATE, self)
    }
}

/// The states up to the one that a row has come to.
fn states(now: Option<&str>) -> Vec<State> {
    let place = now.and_then(|now| STATES.iter().position(|state| *state == now));
    let is = |index: usize| match place {
        Some(place) if index < place => "done",
        Some(place) if index == place => "now",
        _ => "open",
    };
    STATES.into_iter().enumerate().map(|(index, name)| State { name, is: is(index) }).collect()
}

fn champion(digest: &LogDigest) -> Option<Champion> {
    let crowned = digest.champion.as_ref()?;
    let won = digest.dethronement.as_ref();
    let gain =
        |(name, mean, (low, high)): &(String, f64, (f64, f64))| format!("{name} {mean:+.3} [{low:+.3}, {high:+.3}]");
    Some(Champion {
        window: digest.window,
        hotkey: crowned.hotkey.clone(),
        model: crowned.model.clone(),
        committed: crowned.committed,
        before: won.map(|won| won.before.clone()),
        gains: won.map(|won| won.gains.iter().map(gain).collect()).unwrap_or_default(),
        tasks: won.map_or(0, |won| won.tasks),
    })
}

/// The windows in which another model was crowned, the latest first.
fn lineage(digests: &[(u64, Result<LogDigest, String>)]) -> Vec<Champion> {
    let mut lineage: Vec<Champion> = Vec::new();
    for (_, digest) in digests.iter().rev() {
        let Some(next) = digest.as_ref().ok().and_then(champion) else { continue };
        let is_same = lineage.last().is_some_and(|last| (&last.hotkey, &last.model) == (&next.hotkey, &next.model));
        if !is_same {
            lineage.push(next);
        }
    }
    lineage.reverse();
    lineage
}

/// Entries that wait for their duel, in the order of their turns, then those that came too late for this window.
fn queue(conclusion: &Conclusion) -> Vec<Place> {
    let waits = |standing: Standing| {
        let places = 0..conclusion.entries.len();
        let waiting: Vec<(usize, Option<&Hotkey>)> = places
            .filter(|place| conclusion.standing(*place) == standing)
            .map(|place| (place, conclusion.terms.owners.get(&conclusion.entries[place].entry.hotkey)))
            .collect();
        in_turns(&waiting)
    };
    let order = waits(Standing::Waiting).into_iter().chain(waits(Standing::Late));
    let row = |(number, place): (usize, usize)| {
        let entry = &conclusion.entries[place].entry;
        Place {
            place: number + 1,
            uid: entry.number(),
            hotkey: entry.hotkey.clone(),
            model: entry.model.to_string(),
            committed: entry.committed,
            standing: conclusion.standing(place).to_string(),
        }
    };
    order.enumerate().map(row).collect()
}

/// Entries that were refused or found to be copies, with the sentence for their miners.
fn left_out(conclusion: &Conclusion) -> Vec<LeftOut> {
    let row = |(place, one): (usize, &crate::record::EntryConclusion)| {
        let is_out = one.finding.is_some() || one.admission.outcome.reason().is_some();
        is_out.then(|| LeftOut {
            entry: place,
            uid: one.entry.number(),
            hotkey: one.entry.hotkey.clone(),
            model: one.entry.model.to_string(),
            standing: conclusion.standing(place).to_string(),
            sentence: conclusion.verdict_of(place),
        })
    };
    conclusion.entries.iter().enumerate().filter_map(row).collect()
}

/// Failed rollouts by the side at fault.
fn failures(conclusion: &Conclusion) -> Vec<Failure> {
    let mut reasons: BTreeMap<&'static str, BTreeMap<&str, usize>> = BTreeMap::new();
    for rollout in conclusion.entries.iter().flat_map(|one| &one.rollouts) {
        if let Some(side) = rollout.fault.map(Fault::side) {
            *reasons.entry(side).or_default().entry(&rollout.reason).or_default() += 1;
        }
    }
    let failure = |(side, reasons): (&'static str, BTreeMap<&str, usize>)| Failure {
        side,
        rollouts: reasons.values().sum(),
        reason: reasons
            .into_iter()
            .max_by_key(|(_, count)| *count)
            .map_or_else(String::new, |(text, _)| text.to_owned()),
    };
    reasons.into_iter().map(failure).collect()
}

#[cfg(test)]
mod tests;
