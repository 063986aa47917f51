use environments::EnvironmentId;

use super::*;
use crate::record::{AdmissionOutcome, FileRecord, ReignRecord};
use crate::registry::Hotkey;
use crate::store::BegunBout;
use crate::units::Unit;
use crate::window::fixtures::{registry, rollout, settings};

/// A window of three entries in one environment, of which so many are admitted.
async fn begun(admitted: usize) -> (Store, RunId, WindowTerms) {
    let environments = vec![EnvironmentId::built_in("sat", "1.0.0", 0)];
    let beginning = (ReignRecord::default(), None);
    let terms = WindowTerms::new(&registry(3), beginning, &settings(64, 4), environments, String::new());
    let store = Store::in_memory().await.unwrap();
    let (run, _) = store.open_run(&terms).await.unwrap();
    for entry in 0..admitted {
        store.add_admission(run, entry, &admission(entry)).await.unwrap();
    }
    (store, run, terms)
}

fn admission(entry: usize) -> Admission {
    let files = vec![FileRecord { name: "model.gguf".to_owned(), size: 1, sha256: format!("{entry:02x}") }];
    Admission { outcome: AdmissionOutcome::Admitted, files }
}

fn snapshot(terms: &WindowTerms, entry: usize) -> String {
    admission(entry).snapshot(&terms.entries[entry].model)
}

#[tokio::test]
async fn a_database_without_a_window_that_plays_shows_nothing() {
    let store = Store::in_memory().await.unwrap();
    assert!(matches!(live(&store).await.unwrap(), Live::Nothing));
    let (store, run, terms) = begun(3).await;
    let outcome = crate::store::Outcome { record: ReignRecord::default(), log: None };
    store.finish_run(run, &terms.entries[0].hotkey, &outcome).await.unwrap();
    assert!(matches!(live(&store).await.unwrap(), Live::Nothing));
}

#[tokio::test]
async fn models_that_are_still_checked_are_counted() {
    let (store, ..) = begun(2).await;
    let found = live(&store).await.unwrap();
    assert!(matches!(found, Live::Admitting { window: 100, admitted: 2, entries: 3 }), "{found:?}");
}

#[tokio::test]
async fn a_duel_is_shown_as_far_as_it_has_come_and_a_copy_is_none_of_it() {
    let (store, run, terms) = begun(3).await;
    let sighting = |entry: usize, origin: usize| Sighting {
        snapshot: snapshot(&terms, entry),
        committed: entry as u64,
        position: 0,
        hotkey: terms.entries[entry].hotkey.clone(),
        origin: terms.entries[origin].hotkey.clone(),
    };
    store.add_sightings(run, &[sighting(0, 0), sighting(1, 0), sighting(2, 2)]).await.unwrap();
    let bout = BegunBout { number: 1, champion: snapshot(&terms, 0), snapshot: snapshot(&terms, 2) };
    store.begin_bout(run, &bout).await.unwrap();
    for task in 0..8 {
        for (entry, score) in [(0, 0.25), (2, 0.75)] {
            store.add_rollout(run, &rollout(entry, Unit { task, environment: 0 }, score)).await.unwrap();
        }
    }
    let Live::Playing(conclusion) = live(&store).await.unwrap() else { panic!("a window plays") };
    let duel = conclusion.duels.last().unwrap();
    assert_eq!((duel.champion, duel.challenger, duel.decision.tasks_used), (0, 2, 8));
    assert_eq!(duel.decision.environments[0].difference, 0.5);
    assert_eq!(conclusion.verdict_of(1), "copy: its origin is 5Hot0");
    assert!(crate::report::latest_duel(&conclusion).is_some());
    assert_eq!(terms.entries[1].hotkey, Hotkey("5Hot1".to_owned()));
}
