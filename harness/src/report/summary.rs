//! A finished window in a few numbers and sentences.

use std::path::PathBuf;
use std::time::Duration;

use serde::Serialize;

use crate::database_location::DatabaseLocation;
use crate::record::{Conclusion, EntryConclusion, ReasonCount, Standing, Timings};
use crate::registry::{Hotkey, Uid};
use crate::report::percent_trimmed;

/// The version of the summary's schema.
const VERSION: u32 = 2;

/// A finished window.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct Summary {
    /// The version of this schema.
    pub version: u32,
    /// The champion, which holds the weight.
    pub champion: Option<Hotkey>,
    /// The regent, if the crown is vacant: all weight is burned.
    pub regent: Option<Hotkey>,
    /// The environments' names, versions and tiers.
    pub environments: Vec<String>,
    /// The entries in order of commitment.
    pub entries: Vec<EntrySummary>,
    /// Share that goes to uid 0 to be burned, where no entry has that number; with the entries' shares it sums to one.
    pub burned: f64,
    /// Reasons of the scores of all entries, one list for each environment.
    pub reasons: Vec<EnvironmentReasons>,
    /// One plain sentence a decision.
    pub decisions: Vec<String>,
    /// Number of rollouts answered by a server: nobody can check that its models gave these replies.
    pub not_reproducible: usize,
    /// Paths of the results.
    pub files: Files,
    /// Time of this process by use.
    pub timing: Timing,
}

/// One entry.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct EntrySummary {
    /// The miner's address.
    pub hotkey: Hotkey,
    /// The miner's number; none where it has left the subnet.
    pub uid: Option<Uid>,
    /// The model reference.
    pub model: String,
    /// Its standing at the end.
    pub standing: Standing,
    /// Its fate in one sentence.
    pub verdict: String,
    /// Its scores, one for each environment.
    pub scores: Vec<EnvironmentSummary>,
    /// Its share of emission.
    pub weight: f64,
}

/// An entry's score in one environment.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct EnvironmentSummary {
    /// Tasks answered.
    pub tasks: usize,
    /// Mean score over them; none without any.
    pub mean: Option<f64>,
    /// Challenger minus champion over the tasks of its duel; none without a duel.
    pub difference: Option<f64>,
    /// The interval of that difference, which holds at all times at once.
    pub interval: Option<(f64, f64)>,
}

/// Reasons of scores in one environment.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct EnvironmentReasons {
    /// The environment's name, version and tier.
    pub environment: String,
    /// Its file, where it has one.
    pub file: Option<String>,
    /// The reasons, the most frequent first.
    pub reasons: Vec<ReasonCount>,
}

/// Paths of the results.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Files {
    /// The weights.
    pub weights: PathBuf,
    /// The signed evidence.
    pub evidence: PathBuf,
    /// The page.
    pub report: PathBuf,
    /// The folder with a page for each entry; none where the settings want none.
    pub entries: Option<PathBuf>,
    /// The database.
    pub database: DatabaseLocation,
}

/// Time of a command by use, in seconds.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub(crate) struct Timing {
    /// From the start of the command to its end.
    pub wall: f64,
    /// In the models' forward passes.
    pub forward: f64,
    /// Everything else.
    pub harness: f64,
    /// The part of it in which models were fetched, hashed, checked and fingerprinted.
    pub checking: f64,
    /// The part of it in which models were loaded.
    pub loading: f64,
}

impl Timing {
    /// The split of a command's time.
    pub(crate) fn new(wall: Duration, timings: &Timings) -> Self {
        Self {
            wall: wall.as_secs_f64(),
            forward: timings.forward.as_secs_f64(),
            harness: wall.saturating_sub(timings.forward).as_secs_f64(),
            checking: timings.checking.as_secs_f64(),
            loading: timings.loading.as_secs_f64(),
        }
    }

    /// The part of everything else that has no name of its own: starting up, tasks, sandbox, database, decisions.
    pub(crate) fn remaining(&self) -> f64 {
        (self.harness - self.checking - self.loading).max(0.0)
    }

    /// The harness's share of all the time.
    pub(crate) fn harness_share(&self) -> f64 {
        if self.wall > 0.0 { self.harness / self.wall } else { 0.0 }
    }
}

impl Summary {
    /// The summary of a finished window; `names` are those of the environments in the settings.
    pub(crate) fn new(conclusion: &Conclusion, names: &[String], files: Files, timing: Timing) -> Self {
        let entries = conclusion.entries.iter().enumerate();
        let reasons = conclusion.terms.environments.iter().enumerate().map(|(place, id)| EnvironmentReasons {
            environment: id.to_string(),
            file: id.file.as_ref().and_then(|_| names.get(place).cloned()),
            reasons: conclusion.reasons_in(place),
        });
        let hotkey = |place: usize| conclusion.entries[place].entry.hotkey.clone();
        Self {
            version: VERSION,
            champion: conclusion.holder().map(hotkey),
            regent: conclusion.champion.filter(|_| conclusion.holder().is_none()).map(hotkey),
            environments: conclusion.terms.environments.iter().map(ToString::to_string).collect(),
            entries: entries.map(|(place, concluded)| entry_summary(conclusion, place, concluded)).collect(),
            burned: conclusion.burned,
            reasons: reasons.collect(),
            decisions: conclusion.duels.iter().map(|duel| duel.sentence.clone()).collect(),
            not_reproducible: conclusion.not_reproducible(),
            files,
            timing,
        }
    }

    /// The champion's share, the others' and the burned one: the end of a sentence about the champion.
    pub(crate) fn held(&self) -> String {
        let own =
            self.entries.iter().find(|entry| entry.standing == Standing::Champion).map_or(0.0, |entry| entry.weight);
        if own >= 1.0 {
            return "holds all the weight".to_owned();
        }
        let others: f64 = self.entries.iter().map(|entry| entry.weight).sum::<f64>() - own;
        let mut text = format!("holds {} of the weight", percent_trimmed(own));
        if others > 0.0 {
            text.push_str(&format!(", other entries hold {}", percent_trimmed(others)));
        }
        if self.burned > 0.0 {
            text.push_str(&format!(", {} is burned", percent_trimmed(self.burned)));
        }
        text
    }
}

fn entry_summary(conclusion: &Conclusion, place: usize, concluded: &EntryConclusion) -> EntrySummary {
    let duel = conclusion.duel_of(place);
    let scores = (0..conclusion.terms.environments.len()).map(|environment| {
        let (mean, tasks) = concluded.mean(environment);
        let evidence = duel.and_then(|duel| duel.decision.environments.get(environment));
        EnvironmentSummary {
            tasks,
            mean: (tasks > 0).then_some(mean),
            difference: evidence.map(|evidence| evidence.difference),
            interval: evidence.map(|evidence| evidence.interval),
        }
    });
    EntrySummary {
        hotkey: concluded.entry.hotkey.clone(),
        uid: concluded.entry.uid,
        model: concluded.entry.model.to_string(),
        standing: conclusion.standing(place),
        verdict: conclusion.verdict_of(place),
        scores: scores.collect(),
        weight: concluded.weight,
    }
}
