//! Validators that say the same, that lie, and that say nothing.

use environments::EnvironmentId;

use super::*;
use crate::evidence::RolloutBody;
use crate::record::{AdmissionOutcome, FileRecord};
use crate::window::fixtures::{registry, settings};

/// A validator's log of a window of two entries in one environment; entry 1 scores `score` on its tasks, entry 0 scores 0.5.
fn revealed(validator: &str, stake: u64, tasks: u32, score: impl Fn(u32) -> f64) -> Revealed {
    let environments = vec![EnvironmentId::built_in("sat", "1.0.0", 0)];
    let terms = WindowTerms::new(&registry(2), Default::default(), &settings(64, 8), environments, String::new());
    let file = |entry: usize| FileRecord { name: format!("m{entry}"), size: 1, sha256: String::new() };
    let admission = |entry| Admission { outcome: AdmissionOutcome::Admitted, files: vec![file(entry)] };
    let rollout = |entry: usize, task: u32, score: f64| RolloutBody {
        entry,
        environment: 0,
        task,
        seed: 0,
        replies: Vec::new(),
        score,
        reason: String::new(),
        fault: None,
        work: Default::default(),
        reproducible: true,
    };
    let log = Log {
        terms,
        admissions: vec![admission(0), admission(1)],
        findings: BTreeMap::new(),
        rollouts: (0..tasks).flat_map(|task| [rollout(0, task, 0.5), rollout(1, task, score(task))]).collect(),
        record: ReignRecord::default(),
        interrupted: false,
        hash: format!("hash of {validator}"),
    };
    Revealed { validator: validator.to_owned(), stake, log }
}

#[track_caller]
fn check(revealed: &[Revealed], absent: u64, champion: &str, bouts: u64, carried: bool) -> Agreement {
    let agreement = agree(revealed, absent).unwrap();
    assert_eq!(agreement.champion, Some(Hotkey(champion.to_owned())));
    let record = &agreement.record.record;
    assert_eq!(record.bouts, bouts, "{record:?}");
    assert_eq!(record.models.iter().any(|bout| bout.carried.is_some()), carried, "{record:?}");
    assert_eq!(agreement.weights.iter().map(|share| share.weight).sum::<f64>() + agreement.burned, 1.0);
    agreement
}

#[test]
fn validators_that_say_the_same_decide_as_each_of_them() {
    let better = |validator| revealed(validator, 10, 64, |_| 1.0);
    let agreement = check(&[better("a"), better("b")], 0, "5Hot1", 0, false);
    assert_eq!((agreement.dethroned, agreement.scores, agreement.disputed, agreement.bouts), (true, 128, 0, 1));
    let alone = check(&[better("a")], 0, "5Hot1", 0, false);
    assert_eq!(agreement, alone);
}

#[test]
fn less_than_half_of_the_stake_changes_nothing() {
    let honest = |validator, stake| revealed(validator, stake, 64, |_| 1.0);
    let liar = |validator, stake| revealed(validator, stake, 64, |_| 0.0);
    let agreed = check(&[honest("a", 30), honest("b", 30), liar("c", 50)], 0, "5Hot1", 0, false);
    assert_eq!(agreed.disputed, 64);
    let record = agreed.record.text();
    let shuffled = check(&[liar("c", 50), honest("b", 30), honest("a", 30)], 0, "5Hot1", 0, false);
    assert_eq!(shuffled.record.text(), record, "the order of the logs leaves a trace");
    // With more than half of the stake a liar is the subnet.
    check(&[honest("a", 30), liar("c", 50)], 0, "5Hot0", 1, false);
}

#[test]
fn noise_of_single_validators_does_not_reach_the_agreed_scores() {
    let noisy = |validator: &str, place: u32| {
        revealed(validator, 10, 64, move |task| if task % 5 == place { 0.0 } else { 1.0 })
    };
    let three: Vec<Revealed> = ["a", "b", "c"].into_iter().zip(0..).map(|(name, place)| noisy(name, place)).collect();
    let agreement = check(&three, 0, "5Hot1", 0, false);
    assert!(agreement.disputed > 30);
    let exact = check(&[revealed("a", 10, 64, |_| 1.0)], 0, "5Hot1", 0, false);
    assert_eq!(agreement.record, exact.record);
}

#[test]
fn scores_that_most_of_the_stake_is_silent_on_decide_nothing() {
    let better = |validator, tasks| revealed(validator, 10, tasks, |_| 1.0);
    let silent = check(&[better("a", 64)], 10, "5Hot0", 0, false);
    assert_eq!((silent.scores, silent.bouts), (0, 0));
    // A bout goes as far as most of them have come, and on from there in the next window.
    check(&[better("a", 64), better("b", 6)], 0, "5Hot0", 1, true);
}

#[test]
fn an_entry_is_what_most_of_the_stake_says_of_it() {
    let refusing = |validator, stake| {
        let mut one = revealed(validator, stake, 64, |_| 1.0);
        one.log.admissions[1].outcome = AdmissionOutcome::Refused("a pickle".to_owned());
        one
    };
    let honest = revealed("a", 30, 64, |_| 1.0);
    check(&[honest, refusing("b", 20)], 0, "5Hot1", 0, false);
    check(&[revealed("a", 10, 64, |_| 1.0), refusing("b", 20)], 0, "5Hot0", 0, false);
}

#[test]
fn logs_that_cannot_be_put_together_are_named() {
    #[track_caller]
    fn refused(revealed: &[Revealed], expected: &str) {
        let error = agree(revealed, 0).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    }
    refused(&[], "no log");
    let one = |validator| revealed(validator, 1, 8, |_| 1.0);
    refused(&[one("a"), one("b"), one("a")], "signed by a");
    let mut other = one("b");
    other.log.terms.record.bouts = 3;
    refused(&[one("a"), other], "a and b differ in their terms: record");
    let mut other = one("b");
    other.log.terms.seed_block += 1;
    refused(&[one("a"), other], "seed_block");
    let mut wrong = one("a");
    wrong.log.rollouts[0].score = 1.5;
    refused(&[wrong], "scores lie within [0, 1]");
}
