//! A window that a script has played, decided again from its rollouts.

use super::*;
use crate::record::FileRecord;
use crate::window::fixtures::{Recorder, Scripted, opened, registry, settings};

/// A window of three entries, whose scores differ from task to task, and its facts.
async fn played(budget: usize) -> (Conclusion, Vec<Rollout>) {
    let store = Store::in_memory().await.unwrap();
    let reporter = Recorder::default();
    let window = opened(registry(3), &settings(budget, 4), 2, &store, &reporter).await;
    let file = |entry: usize| FileRecord { name: "m".to_owned(), size: 1, sha256: entry.to_string() };
    let admission = |entry| Admission { outcome: AdmissionOutcome::Admitted, files: vec![file(entry)] };
    let admissions: Vec<Admission> = (0..3).map(admission).collect();
    let executor = Scripted::new(3, usize::MAX, |entry, unit: Unit| {
        f64::from((unit.task * 13 + unit.environment as u32 * 5 + entry as u32 * 3) % 7 / 2) / 3.0
    });
    let field = Field { terms: &window.terms, admissions: &admissions, findings: &BTreeMap::new() };
    let duels = hold_duels(&window, &field, Some(&executor)).await.unwrap();
    let mut rollouts = Vec::new();
    for entry in 0..3 {
        rollouts.push(store.rollouts(window.run, entry).await.unwrap());
    }
    let all = rollouts.concat();
    let nothing = Screening { findings: BTreeMap::new(), prints: Vec::new() };
    let conclusion = conclude(window.terms, window.entries, (admissions, rollouts), nothing, duels, false).unwrap();
    (conclusion, all)
}

fn facts(conclusion: &Conclusion, rollouts: Vec<Rollout>, interrupted: Option<Vec<BegunBout>>) -> RecordedFacts {
    RecordedFacts {
        terms: conclusion.terms.clone(),
        admissions: conclusion.entries.iter().map(|concluded| concluded.admission.clone()).collect(),
        findings: BTreeMap::new(),
        prints: Vec::new(),
        rollouts,
        interrupted,
        unchallenged: Unchallenged::Rests,
    }
}

#[tokio::test]
async fn a_window_follows_from_its_rollouts_in_any_order_and_leaves_out_what_it_did_not_ask_for() {
    let (conclusion, mut rollouts) = played(24).await;
    assert!(!conclusion.duels.is_empty());
    rollouts.reverse();
    assert_eq!(decide_recorded(facts(&conclusion, rollouts.clone(), None)).await.unwrap(), conclusion);
    let further = Rollout { task: 1_000, ..rollouts[0].clone() };
    rollouts.push(further);
    assert_eq!(decide_recorded(facts(&conclusion, rollouts, None)).await.unwrap(), conclusion);
}

#[tokio::test]
async fn a_rollout_that_is_missing_is_named() {
    let (conclusion, rollouts) = played(24).await;
    for left_out in [0, rollouts.len() / 2, rollouts.len() - 1] {
        let mut others = rollouts.clone();
        let Rollout { entry, task, environment, .. } = others.remove(left_out);
        let missing = decide_recorded(facts(&conclusion, others, None)).await.unwrap_err().to_string();
        assert_eq!(
            missing,
            format!("there is no rollout of entry {entry} on task {task} in environment {environment}")
        );
    }
}

#[tokio::test]
async fn a_window_that_came_to_no_end_goes_as_far_as_its_rollouts_and_its_bouts() {
    let (conclusion, rollouts) = played(24).await;
    let begun = |number| BegunBout { number, champion: String::new(), snapshot: String::new() };
    let some = rollouts.into_iter().filter(|rollout| rollout.task < 6).collect();
    let closed = decide_recorded(facts(&conclusion, some, Some(vec![begun(1)]))).await.unwrap();
    assert_eq!((closed.duels.len(), closed.interrupted), (1, true));
    assert_eq!(closed.duels[0].decision.reason, pareto::Reason::MoreTasksNeeded);
    let none = decide_recorded(facts(&conclusion, Vec::new(), Some(Vec::new()))).await.unwrap();
    assert!(none.duels.is_empty());
}
