//! Windows, decisions and events of weights that come back as they were written, and entries that are admitted again.

use super::*;
use crate::record::{Admission, AdmissionOutcome, WindowTerms};
use crate::registry::{
    BlockRef, DrandPulse, EpochState, Hash32, Ledger, RecordedSnapshot, RegistryState, SubnetParameters, SubnetSnapshot,
};
use crate::settings::Settings;
use crate::store::fixtures::{TestDatabase, on_every_database};
use crate::store::{CapturedWindow, Requeued, SkippedWindow};
use crate::units::Unit;
use crate::window::fixtures::{registry, rollout};

fn captured(number: u64) -> CapturedWindow {
    let snapshot = SubnetSnapshot {
        version: SubnetSnapshot::VERSION,
        genesis: Hash32([1; 32]),
        spec_version: 461,
        netuid: 1,
        mechanism: 0,
        block: BlockRef { number, hash: Hash32([2; 32]), unix_ms: 3 },
        parameters: SubnetParameters {
            tempo: 360,
            weights_rate_limit: 100,
            min_allowed_weights: 1,
            max_weights_limit: u16::MAX,
            weights_version: 0,
            commit_reveal: None,
            epoch: EpochState::default(),
            stake_threshold: None,
            owner_hotkey: None,
            mechanisms: None,
            drand_round: None,
        },
        neurons: Vec::new(),
        commitments: Vec::new(),
    };
    let pulse = Some(DrandPulse { round: number, randomness: Hash32([4; 32]) });
    let used = [(Hotkey(format!("5Hot{number}")), Vec::new())].into();
    CapturedWindow { recorded: RecordedSnapshot { snapshot, pulse }, ledger: Ledger { used, slots: Vec::new() } }
}

fn decision(seed_block: u64, hotkey: &str) -> VerifiedDecision {
    let weights = serde_json::json!({
        "version": 2,
        "netuid": 1,
        "seed_block": seed_block,
        "weights": [{ "hotkey": hotkey, "uid": 3, "weight": 1.0 }],
        "burned": 0.0,
        "chain": [{ "uid": 3, "value": 65_535 }],
        "not_reproducible": 0,
    });
    let (champion, weights) = (Some(Hotkey(hotkey.to_owned())), serde_json::from_value(weights).unwrap());
    VerifiedDecision { log: format!("log {seed_block}"), champion, weights }
}

async fn the_first_record_of_a_window_stays_and_its_ledger_is_that_of_the_next(database: &TestDatabase) {
    let store = database.open().await;
    for window in [captured(20), captured(10)] {
        store.add_window(1, &window).await.unwrap();
    }
    let mut other = captured(10);
    other.ledger = Ledger::default();
    store.add_window(1, &other).await.unwrap();
    assert_eq!(store.captured_windows(1).await.unwrap(), [10, 20]);
    assert_eq!(store.captured_windows(2).await.unwrap(), [0; 0]);
    assert_eq!(store.window(1, 10).await.unwrap(), Some(captured(10)));
    assert_eq!(store.window(1, 11).await.unwrap(), None);
    assert_eq!(store.ledger_before(1, 10).await.unwrap(), Ledger::default());
    assert_eq!(store.ledger_before(1, 20).await.unwrap(), captured(10).ledger);
    assert_eq!(store.ledger_before(1, u64::MAX >> 1).await.unwrap(), captured(20).ledger);
}

async fn the_first_reason_and_the_first_decision_of_a_window_stay(database: &TestDatabase) {
    let store = database.open().await;
    let skipped = |seed_block, reason: &str| SkippedWindow { seed_block, reason: reason.to_owned() };
    for window in [skipped(20, "late"), skipped(10, "nobody"), skipped(10, "somebody")] {
        store.skip_window(1, &window).await.unwrap();
    }
    assert_eq!(store.skipped_windows(1).await.unwrap(), [skipped(10, "nobody"), skipped(20, "late")]);
    for one in [decision(40, "ada"), decision(30, "bob"), decision(40, "cid")] {
        store.add_decision(&one).await.unwrap();
    }
    assert_eq!(store.decisions(1).await.unwrap(), [decision(30, "bob"), decision(40, "ada")]);
    assert_eq!(store.decisions(2).await.unwrap(), []);
    let vacant = VerifiedDecision { champion: None, ..decision(50, "ada") };
    store.add_decision(&vacant).await.unwrap();
    assert_eq!(store.decisions(1).await.unwrap().last(), Some(&vacant));
}

async fn events_of_weights_come_back_in_order_the_latest_of_them(database: &TestDatabase) {
    let store = database.open().await;
    let row = WeightRow { netuid: 1, mechanism: 0, version_key: 7, pairs: vec![(Uid(3), 65_535)] };
    let reveal = Some(RevealTarget { round: 9, block: 90 });
    let events = [
        WeightEvent::Refused { block: 50, reason: "no permit".to_owned() },
        WeightEvent::Submitted { block: 60, row, reveal },
        WeightEvent::Revealed { block: 91 },
        WeightEvent::Applied { block: 91 },
        WeightEvent::Differs { block: 95, row: vec![(Uid(1), 2)] },
    ];
    assert_eq!(events.each_ref().map(WeightEvent::word), ["refused", "submitted", "revealed", "applied", "differs"]);
    for event in &events {
        store.add_weight_event(1, 40, event).await.unwrap();
        store.add_weight_event(1, 40, event).await.unwrap();
    }
    let all = events.map(|event| (40, event)).to_vec();
    assert_eq!(store.weight_events(1, 9).await.unwrap(), all);
    assert_eq!(store.weight_events(1, 2).await.unwrap(), all[3..]);
    assert_eq!(store.weight_events(2, 9).await.unwrap(), []);
}

async fn a_refused_or_absent_entry_is_admitted_again_until_its_window_has_rollouts(database: &TestDatabase) {
    let store = database.open().await;
    let hotkey = |place: usize| Hotkey(format!("5Hot{place}"));
    let requeue = async |place| store.requeue(1, 100, &hotkey(place)).await.unwrap();
    assert_eq!(requeue(0).await, Requeued::NotRefused, "there is no such window");
    let registry: RegistryState = registry(3);
    let terms = WindowTerms::new(&registry, Default::default(), &Settings::default(), Vec::new(), "c0de".to_owned());
    let (run, _) = store.open_run(&terms).await.unwrap();
    let refused = AdmissionOutcome::Refused("it is not there".to_owned());
    for (place, outcome) in [(0, AdmissionOutcome::Admitted), (1, refused)] {
        store.add_admission(run, place, &Admission { outcome, files: Vec::new() }).await.unwrap();
    }
    store.add_absence(run, 2, &AdmissionOutcome::Absent("it cannot be fetched".to_owned())).await.unwrap();
    assert_eq!(
        [requeue(0).await, requeue(1).await, requeue(1).await],
        [Requeued::NotRefused, Requeued::Done, Requeued::NotRefused]
    );
    assert_eq!(store.admissions(run).await.unwrap().into_keys().collect::<Vec<_>>(), [0, 2]);
    let kept = store.row("read", Statement::new("SELECT reason FROM requeued_admissions")).await.unwrap().unwrap();
    assert_eq!(store.text(&kept, "reason").unwrap(), "it is not there");
    // So is one that is absent.
    assert_eq!([requeue(2).await, requeue(2).await], [Requeued::Done, Requeued::NotRefused]);
    let kept = store.row("read", Statement::new("SELECT reason FROM requeued_admissions WHERE entry = 2")).await;
    assert_eq!(store.text(&kept.unwrap().unwrap(), "reason").unwrap(), "it cannot be fetched");
    store.add_rollout(run, &rollout(0, Unit { task: 0, environment: 0 }, 0.0)).await.unwrap();
    assert_eq!(requeue(1).await, Requeued::Playing);
}

on_every_database!(
    the_first_record_of_a_window_stays_and_its_ledger_is_that_of_the_next,
    the_first_reason_and_the_first_decision_of_a_window_stay,
    events_of_weights_come_back_in_order_the_latest_of_them,
    a_refused_or_absent_entry_is_admitted_again_until_its_window_has_rollouts,
);
