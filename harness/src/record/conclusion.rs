//! Conclusion of a window: the record from which evidence, weights, table and page are written.

use models::fingerprint::Fingerprint;
use pareto::{HeatReason, SavedDuel};
use serde::{Deserialize, Serialize};

use super::admission::{Admission, AdmissionOutcome};
use super::reign::{ReignRecord, Sighting};
use super::rollout::{Rollout, counted_score};
use super::standing::Standing;
use super::terms::WindowTerms;
use crate::registry::{Entry, Role};

/// A finished window. Evidence, report, table and weights are pure functions of it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Conclusion {
    /// The terms: registry, seed, settings, environments, runtime.
    pub terms: WindowTerms,
    /// The entries in order of commitment.
    pub entries: Vec<EntryConclusion>,
    /// The heats by order of commitment.
    pub heats: Vec<HeatRecord>,
    /// The duels in the order they were held.
    pub duels: Vec<DuelRecord>,
    /// Prints from which the findings of the screens follow.
    pub prints: Vec<PrintRecord>,
    /// Each duel before its first task of this window.
    pub starts: Vec<SavedDuel>,
    /// The champion's place in `entries`, or the regent's while the crown is vacant; none if no model was admitted.
    pub champion: Option<usize>,
    /// The share that goes to uid 0 to be burned, where no entry has that number.
    pub burned: f64,
    /// The record that it hands to the next window.
    pub record: ReignRecord,
    /// It came to no end, and was closed from what was stored when the next window began.
    pub interrupted: bool,
}

/// Conclusion about one entry.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct EntryConclusion {
    /// The submission.
    pub entry: Entry,
    /// Its admission.
    pub admission: Admission,
    /// The finding of a screen, if there is one.
    pub finding: Option<FindingRecord>,
    /// Its rollouts, by task, then environment.
    pub rollouts: Vec<Rollout>,
    /// Its share of emission; all shares and what is burned sum to one.
    pub weight: f64,
}

/// Finding of a screen about an entry.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct FindingRecord {
    /// The numbers.
    pub finding: pareto::screens::Finding,
    /// First commitment of the model that it repeats, which may have left the subnet.
    pub original: Sighting,
    /// The finding in one sentence.
    pub sentence: String,
}

impl FindingRecord {
    /// The record of a finding and of the model that the entry repeats.
    pub(crate) fn new(finding: pareto::screens::Finding, original: Sighting) -> Self {
        let sentence = finding.sentence(&format!("{} (committed at block {})", original.hotkey, original.committed));
        Self { finding, original, sentence }
    }
}

/// Print of a model that the screens compared.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct PrintRecord {
    /// Digest of its snapshot.
    pub snapshot: String,
    /// It is the public model that `screens.base` names.
    pub base: bool,
    /// The print.
    pub fingerprint: Fingerprint,
}

/// An ended heat.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct HeatRecord {
    /// The champion's place among the entries.
    pub champion: usize,
    /// The challenger's place among the entries.
    pub challenger: usize,
    /// The decision with its reasons.
    pub decision: pareto::HeatDecision,
    /// The decision in one sentence.
    pub sentence: String,
}

/// An ended duel.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct DuelRecord {
    /// Place in the window's order of duels, from 0.
    pub duel: usize,
    /// The champion's place among the entries.
    pub champion: usize,
    /// The challenger's place among the entries.
    pub challenger: usize,
    /// The place of the entry that stood guard, if there was one.
    pub guard: Option<usize>,
    /// The challenger's number within the reign, from 1.
    pub number: u64,
    /// The decision with its reasons.
    pub decision: pareto::Decision,
    /// The decision in one sentence.
    pub sentence: String,
}

impl EntryConclusion {
    /// True if the entry takes part in duels: admitted, and without a finding.
    pub(crate) fn plays(&self) -> bool {
        self.admission.outcome.plays(self.finding.is_some())
    }

    /// Mean score in an environment, and the number of tasks it is taken over; tasks that the environment failed to make
    /// do not count.
    pub(crate) fn mean(&self, environment: usize) -> (f64, usize) {
        let own = self.rollouts.iter().filter(|rollout| rollout.environment == environment);
        let scores: Vec<f64> = own.filter_map(|rollout| counted_score(rollout.score, rollout.fault)).collect();
        let total: f64 = scores.iter().sum();
        (if scores.is_empty() { 0.0 } else { total / scores.len() as f64 }, scores.len())
    }
}

impl Conclusion {
    /// The crowned entry's place; none if no model was admitted, or while a regent stands in for a vacant crown.
    pub(crate) fn holder(&self) -> Option<usize> {
        self.champion.filter(|_| self.record.regency == 0)
    }

    /// Number of rollouts that a server answered, which no other validator can reproduce.
    pub(crate) fn not_reproducible(&self) -> usize {
        let rollouts = self.entries.iter().flat_map(|concluded| &concluded.rollouts);
        rollouts.filter(|rollout| !rollout.reproducible).count()
    }

    /// The duel in which this entry was the challenger.
    pub(crate) fn duel_of(&self, entry: usize) -> Option<&DuelRecord> {
        self.duels.iter().find(|duel| duel.challenger == entry)
    }

    /// The heat that this entry has played.
    fn heat_of(&self, entry: usize) -> Option<&HeatRecord> {
        self.heats.iter().find(|heat| heat.challenger == entry)
    }

    /// True if the entry's model has had its bout earlier in the reign of a champion that has met challengers here or stays.
    fn is_spent(&self, entry: usize) -> bool {
        let concluded = &self.entries[entry];
        let snapshot = concluded.admission.snapshot(&concluded.entry.model.to_string());
        let reigns_on = self.record.champion.is_some() && self.record.champion == self.terms.record.champion;
        reigns_on && self.record.models.iter().any(|bout| bout.snapshot == snapshot)
    }

    /// The standing of an entry.
    pub(crate) fn standing(&self, entry: usize) -> Standing {
        let concluded = &self.entries[entry];
        match (&concluded.admission.outcome, &concluded.finding, self.duel_of(entry)) {
            (AdmissionOutcome::Refused(_), ..) => Standing::Refused,
            (AdmissionOutcome::Late, ..) => Standing::Late,
            (AdmissionOutcome::Reserve, ..) => Standing::Reserve,
            (AdmissionOutcome::Absent(_), ..) => Standing::Absent,
            (AdmissionOutcome::Admitted | AdmissionOutcome::Left(_), Some(record), _) => {
                Standing::Screened(record.finding.word())
            }
            _ if self.holder() == Some(entry) => Standing::Champion,
            _ if self.champion == Some(entry) => Standing::Regent,
            (AdmissionOutcome::Left(_), ..) => Standing::Absent,
            (_, _, Some(duel)) => match duel.decision.verdict {
                pareto::Verdict::Dethroned => unreachable!("the winner of the last duel is champion"),
                pareto::Verdict::Defended => Standing::Lost,
                pareto::Verdict::Undecided => Standing::Undecided,
            },
            _ if self.duels.iter().any(|duel| duel.champion == entry) => Standing::Deposed,
            _ if self.heat_of(entry).is_some_and(|heat| heat.decision.reason != HeatReason::Passed) => {
                Standing::Dropped
            }
            _ if concluded.entry.role == Role::Former => Standing::Guard,
            _ if self.is_spent(entry) => Standing::Spent,
            _ => Standing::Waiting,
        }
    }

    /// The conclusion about an entry in one sentence.
    pub(crate) fn verdict_of(&self, entry: usize) -> String {
        let concluded = &self.entries[entry];
        if let AdmissionOutcome::Refused(reason) = &concluded.admission.outcome {
            return format!("refused: {reason}");
        }
        if let (Standing::Absent, Some(reason)) = (self.standing(entry), concluded.admission.outcome.reason()) {
            return format!("absent from this window: {reason}");
        }
        if let Some(finding) = &concluded.finding {
            return finding.sentence.clone();
        }
        if let Some(duel) = self.duel_of(entry) {
            return duel.sentence.clone();
        }
        if let (Standing::Dropped, Some(heat)) = (self.standing(entry), self.heat_of(entry)) {
            return heat.sentence.clone();
        }
        match self.standing(entry) {
            Standing::Late => "late: committed after the window's seed was known; it plays in the next window",
            Standing::Champion => "champion",
            Standing::Regent => {
                "regent: no model that was crowned plays, and all weight is burned until one is better in a bout or it has \
                 beaten all"
            }
            Standing::Reserve => "former champion: called upon where the champion does not play",
            Standing::Guard => "champion of ten reigns ago: no winner may be worse than it by more than the tolerance",
            Standing::Deposed => "former champion",
            Standing::Spent => "had its bout in this reign: another model, or another champion, gives it another",
            _ => "waits: this window's bouts were held without it; it tries again in the next window",
        }
        .to_owned()
    }
}

#[cfg(test)]
mod tests {
    use pareto::{DuelSettings, Verdict};

    use super::*;
    use crate::record::{Fault, UnitScore, paired};
    use crate::registry::{Hotkey, RegistryState, Uid};
    use crate::settings::Settings;

    fn entry(place: usize) -> Entry {
        Entry {
            hotkey: Hotkey(format!("5Hot{place}")),
            uid: Some(Uid(place as u16)),
            model: format!("o/m{place}@{}", "0".repeat(40)).parse().unwrap(),
            committed: place as u64,
            position: 0,
            role: Role::Committed,
        }
    }

    fn concluded(place: usize, outcome: AdmissionOutcome) -> EntryConclusion {
        let admission = Admission { outcome, files: Vec::new() };
        EntryConclusion { entry: entry(place), admission, finding: None, rollouts: Vec::new(), weight: 0.0 }
    }

    /// A duel that ended so, on made-up scores.
    fn duel(duel: usize, champion: usize, challenger: usize, ended: Verdict) -> DuelRecord {
        let settings = DuelSettings { budget: 60, ..DuelSettings::default() };
        let scores = |score: f64| -> Vec<UnitScore> {
            (0..60).map(|task| UnitScore { environment: 0, task, score: Some(score) }).collect()
        };
        let (champions, challengers) = match ended {
            Verdict::Dethroned => (0.0, 1.0),
            Verdict::Defended => (1.0, 0.0),
            Verdict::Undecided => (0.5, 0.5),
        };
        let pairs = paired(1, &scores(champions), &scores(challengers));
        let decision = pareto::duel(&pairs, &settings, 0.01).unwrap();
        assert_eq!(decision.verdict, ended);
        DuelRecord { duel, champion, challenger, guard: None, number: 1, decision, sentence: format!("duel {duel}") }
    }

    fn window(outcomes: Vec<AdmissionOutcome>, champion: Option<usize>, duels: Vec<DuelRecord>) -> Conclusion {
        let registry = RegistryState {
            netuid: 1,
            seed_block: 9,
            seed_hash: [0; 32],
            snapshot: None,
            owners: Default::default(),
            champion: None,
            former: Vec::new(),
            tested: 0,
            entries: (0..outcomes.len()).map(entry).collect(),
        };
        let terms = WindowTerms::new(&registry, Default::default(), &Settings::default(), Vec::new(), String::new());
        let entries = outcomes.into_iter().enumerate().map(|(place, outcome)| concluded(place, outcome)).collect();
        Conclusion {
            terms,
            entries,
            heats: Vec::new(),
            duels,
            prints: Vec::new(),
            starts: Vec::new(),
            champion,
            burned: 0.0,
            record: ReignRecord::default(),
            interrupted: false,
        }
    }

    fn copied(place: usize) -> FindingRecord {
        use pareto::screens::{Finding, FindingKind, Yardstick};
        let (kind, yardstick) = (FindingKind::SameFiles, Yardstick::Whole);
        let finding = Finding { entry: place, kind, of: Some(0), measure: 0.0, threshold: 0.0, yardstick };
        let hotkey = Hotkey("5Hot0".to_owned());
        let original = Sighting { snapshot: String::new(), committed: 0, position: 0, origin: hotkey.clone(), hotkey };
        FindingRecord { finding, original, sentence: "copy: of an earlier entry".to_owned() }
    }

    #[test]
    fn every_standing_follows_from_admissions_findings_and_duels() {
        use AdmissionOutcome::{Admitted, Late, Refused};
        let outcomes =
            vec![Admitted, Admitted, Admitted, Admitted, Refused("too large".to_owned()), Late, Admitted, Admitted];
        let duels = vec![
            duel(0, 0, 1, Verdict::Defended),
            duel(1, 0, 2, Verdict::Undecided),
            duel(2, 0, 3, Verdict::Dethroned),
        ];
        let mut conclusion = window(outcomes, Some(3), duels);
        conclusion.entries[6].finding = Some(copied(6));
        let expected = [
            (Standing::Deposed, "former champion"),
            (Standing::Lost, "duel 0"),
            (Standing::Undecided, "duel 1"),
            (Standing::Champion, "duel 2"),
            (Standing::Refused, "refused: too large"),
            (Standing::Late, "late: committed after the window's seed was known; it plays in the next window"),
            (Standing::Screened("copy"), "copy: of an earlier entry"),
            (Standing::Waiting, "waits: this window's bouts were held without it; it tries again in the next window"),
        ];
        for (place, (standing, verdict)) in expected.into_iter().enumerate() {
            assert_eq!((conclusion.standing(place), conclusion.verdict_of(place).as_str()), (standing, verdict));
        }
    }

    #[test]
    fn a_champion_without_a_challenger_has_no_duel_to_tell_of() {
        let conclusion = window(vec![AdmissionOutcome::Admitted], Some(0), Vec::new());
        assert_eq!((conclusion.standing(0), conclusion.verdict_of(0)), (Standing::Champion, "champion".to_owned()));
    }

    #[test]
    fn a_mean_leaves_out_what_the_environment_failed_to_make() {
        let rollout = |task, environment, score, fault| Rollout {
            task,
            environment,
            score,
            fault,
            reproducible: task != 2,
            ..Rollout::blank()
        };
        let mut conclusion = window(vec![AdmissionOutcome::Admitted], Some(0), Vec::new());
        conclusion.entries[0].rollouts = vec![
            rollout(0, 0, 1.0, None),
            rollout(1, 0, 0.0, Some(Fault::Model)),
            rollout(2, 0, 0.0, Some(Fault::Environment)),
            rollout(0, 1, 0.25, None),
        ];
        let concluded = &conclusion.entries[0];
        assert_eq!([0, 1, 2].map(|place| concluded.mean(place)), [(0.5, 2), (0.25, 1), (0.0, 0)]);
        assert_eq!(conclusion.not_reproducible(), 1);
    }
}
