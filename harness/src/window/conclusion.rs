//! What a window came to: everything the evidence, the report and the weights are made of.

use serde::{Deserialize, Serialize};

use crate::evidence::Opened;
use crate::registry::{Entry, Hotkey};
use crate::store::{Admission, Fault, RolloutRecord, Standing};

/// A finished window. Evidence, report, table and weights are pure functions of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Conclusion {
    /// What the window was opened with: registry, seed, settings, environments, runtime.
    pub opened: Opened,
    /// The entries in order of commitment.
    pub entries: Vec<EntryConclusion>,
    /// The duels in the order they were held.
    pub duels: Vec<DuelRecord>,
    /// Who holds the weight now: a place in `entries`; none if no model was admitted.
    pub champion: Option<usize>,
    /// What goes to uid 0 to be burned, where no entry has that number.
    pub burned: f64,
    /// Who held the weight before the champion, the latest first.
    pub former: Vec<Hotkey>,
    /// How many challengers the champion's reign has tested.
    pub tested: u64,
}

/// What became of one entry.
#[derive(Debug, Clone, PartialEq)]
pub struct EntryConclusion {
    /// The submission.
    pub entry: Entry,
    /// What became of it at the door.
    pub admission: Admission,
    /// What the screens found, if anything.
    pub finding: Option<FindingRecord>,
    /// Its rollouts, by task, then environment.
    pub rollouts: Vec<RolloutRecord>,
    /// Its share of emission; all shares and what is burned sum to one.
    pub weight: f64,
}

/// What a screen found about an entry.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FindingRecord {
    /// The numbers.
    pub finding: pareto::screens::Finding,
    /// The finding in one sentence.
    pub sentence: String,
}

/// An ended duel.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DuelRecord {
    /// Place in the window's order of duels, from 0.
    pub duel: usize,
    /// The champion's place among the entries.
    pub champion: usize,
    /// The challenger's place among the entries.
    pub challenger: usize,
    /// The challenger's number within the reign, from 1.
    pub number: u64,
    /// The decision with its reasons.
    pub decision: pareto::Decision,
    /// The decision in one sentence.
    pub sentence: String,
}

impl EntryConclusion {
    /// Whether the entry was let in and nothing was found against it.
    pub fn plays(&self) -> bool {
        self.admission.standing == Standing::Admitted && self.finding.is_none()
    }

    /// Mean score in an environment over the tasks it answered, and their number; a task that could not be made counts
    /// for nobody.
    pub fn mean(&self, environment: usize) -> (f64, usize) {
        let scores: Vec<f64> = self
            .rollouts
            .iter()
            .filter(|rollout| rollout.environment == environment && rollout.fault != Some(Fault::Environment))
            .map(|rollout| rollout.score)
            .collect();
        let total: f64 = scores.iter().sum();
        (if scores.is_empty() { 0.0 } else { total / scores.len() as f64 }, scores.len())
    }
}

impl Conclusion {
    /// Rollouts that a server made, so that nobody can make them again.
    pub fn not_reproducible(&self) -> usize {
        let rollouts = self.entries.iter().flat_map(|concluded| &concluded.rollouts);
        rollouts.filter(|rollout| !rollout.reproducible).count()
    }

    /// The duel in which this entry was the challenger.
    pub fn duel_of(&self, entry: usize) -> Option<&DuelRecord> {
        self.duels.iter().find(|duel| duel.challenger == entry)
    }

    /// Whether an entry was champion and lost to a challenger of this window.
    pub fn was_dethroned(&self, entry: usize) -> bool {
        self.duels.iter().any(|duel| duel.champion == entry) && self.champion != Some(entry)
    }

    /// Whether an entry plays and had no duel, since the champion changed before it.
    pub fn waits(&self, entry: usize) -> bool {
        let met = self.champion == Some(entry) || self.was_dethroned(entry) || self.duel_of(entry).is_some();
        self.entries[entry].plays() && !met
    }

    /// What became of an entry in one sentence.
    pub fn verdict_of(&self, entry: usize) -> String {
        let concluded = &self.entries[entry];
        match (&concluded.admission.standing, &concluded.finding, self.duel_of(entry)) {
            (Standing::Refused(reason), ..) => format!("refused: {reason}"),
            (Standing::Late, ..) => {
                "late: committed after the window's seed was known; it plays in the next window".into()
            }
            (_, Some(finding), _) => finding.sentence.clone(),
            (_, _, Some(duel)) => duel.sentence.clone(),
            _ if self.champion == Some(entry) => "champion".to_owned(),
            _ if self.was_dethroned(entry) => "former champion".to_owned(),
            _ => "waits: the champion changed before its duel; it meets the new one in the next window".to_owned(),
        }
    }
}
