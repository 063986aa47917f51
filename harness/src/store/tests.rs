//! The database: what is written is read back, and what this program never writes is an error.

use std::collections::BTreeSet;
use std::path::Path;

use environments::EnvironmentId;
use models::fingerprint::Fingerprint;
use models::responder::Work;
use sqlx::migrate::Migrator;
use sqlx::sqlite::{SqliteConnectOptions, SqlitePoolOptions};

use super::database::{MIGRATIONS, POSTGRES_MIGRATIONS};
use super::error::StoreErrorKind;
use super::fixtures::{TestDatabase, on_every_database};
use super::statement::Statement;
use super::*;
use crate::database_location::DatabaseLocation;
use crate::record::{
    Admission, AdmissionOutcome, CrownedModel, Fault, FileRecord, ReignRecord, Reply, Rollout, Sighting, UnitScore,
    WindowTerms,
};
use crate::registry::{Hotkey, RegistryState};
use crate::settings::Settings;

fn terms(netuid: u16, seed_block: u64) -> WindowTerms {
    let registry = RegistryState {
        netuid,
        seed_block,
        seed_hash: [1; 32],
        snapshot: None,
        owners: Default::default(),
        champion: None,
        former: Vec::new(),
        tested: 0,
        entries: Vec::new(),
    };
    WindowTerms::new(
        &registry,
        Default::default(),
        &Settings::default(),
        vec![EnvironmentId::built_in("sat", "1.0.0", 0)],
        "c0de".into(),
    )
}

async fn open(folder: &Path) -> Store {
    Store::open(&folder.join("dethrone.sqlite")).await.unwrap()
}

async fn run(store: &Store) -> RunId {
    store.open_run(&terms(1, 9)).await.unwrap().0
}

/// Executes a statement that the program itself would not.
async fn execute(store: &Store, statement: &'static str) {
    store.execute("write to", Statement::new(statement)).await.unwrap();
}

fn rollout(entry: usize, environment: usize, task: u32) -> Rollout {
    let reply = Reply {
        prompt_tokens: 12,
        text: None,
        tokens: vec![1, 2, u32::MAX],
        logprob_bits: vec![(-0.5_f32).to_bits(), 0],
        finish: "stop token".to_owned(),
        work: Work { tokens: 7, bytes: 9, fuel: 11 },
    };
    Rollout {
        entry,
        environment,
        task,
        seed: u64::MAX - u64::from(task),
        replies: vec![reply],
        score: 0.1 + 0.2,
        reason: "it's \"right\"; ü".to_owned(),
        fault: None,
        reproducible: true,
        attempts: 2,
        seconds: 1.25,
    }
}

async fn an_absence_goes_before_the_admission_and_its_first_reason_stays(database: &TestDatabase) {
    let store = database.open().await;
    let id = run(&store).await;
    let files = vec![FileRecord { name: "m.gguf".to_owned(), size: 1, sha256: "aa".to_owned() }];
    let admitted = Admission { outcome: AdmissionOutcome::Admitted, files };
    store.add_admission(id, 0, &admitted).await.unwrap();
    let left = AdmissionOutcome::Left("killed".to_owned());
    store.add_absence(id, 0, &left).await.unwrap();
    store.add_absence(id, 0, &AdmissionOutcome::Left("again".to_owned())).await.unwrap();
    let absent = AdmissionOutcome::Absent("status 451".to_owned());
    store.add_absence(id, 3, &absent).await.unwrap();
    let found = store.admissions(id).await.unwrap();
    assert_eq!(found.keys().copied().collect::<Vec<_>>(), [0, 3]);
    assert_eq!(found[&0], Admission { outcome: left, ..admitted });
    assert_eq!(found[&3], Admission { outcome: absent, files: Vec::new() });
}

async fn work_is_counted_from_what_was_answered(database: &TestDatabase) {
    let store = database.open().await;
    let id = run(&store).await;
    store.add_rollout(id, &rollout(0, 1, 7)).await.unwrap();
    let unpaid = Rollout { fault: Some(Fault::Budget), replies: Vec::new(), ..rollout(0, 1, 8) };
    store.add_rollout(id, &unpaid).await.unwrap();
    let unit = crate::units::Unit { environment: 1, task: 7 };
    assert_eq!(store.works(id).await.unwrap(), [(0, unit, Work { tokens: 7, bytes: 9, fuel: 11 })]);
}

async fn rollouts_are_read_back_to_the_last_bit_in_task_order(database: &TestDatabase) {
    let store = database.open().await;
    let id = run(&store).await;
    let served = Reply {
        text: Some("words".into()),
        tokens: Vec::new(),
        logprob_bits: Vec::new(),
        ..rollout(0, 0, 0).replies[0].clone()
    };
    let rollouts = [
        rollout(0, 1, 7),
        Rollout { fault: Some(Fault::Model), score: 0.0, replies: Vec::new(), ..rollout(0, 0, 7) },
        Rollout { fault: Some(Fault::Environment), score: 0.0, ..rollout(0, 1, 3) },
        Rollout { reproducible: false, replies: vec![served], ..rollout(1, 0, 0) },
    ];
    for rollout in &rollouts {
        store.add_rollout(id, rollout).await.unwrap();
    }
    let [last, second, first, other] = rollouts;
    assert_eq!(store.rollouts(id, 0).await.unwrap(), [first, second, last]);
    assert_eq!(store.rollouts(id, 1).await.unwrap(), [other]);
    assert_eq!(store.rollouts(id, 2).await.unwrap(), []);
    assert_eq!(store.rollouts_read(), 4);
}

async fn scores_leave_out_what_the_environment_failed_to_make(database: &TestDatabase) {
    let store = database.open().await;
    let id = run(&store).await;
    store.add_rollout(id, &rollout(3, 1, 7)).await.unwrap();
    let failed = Rollout { fault: Some(Fault::Environment), score: 0.0, ..rollout(4, 0, 2) };
    store.add_rollout(id, &failed).await.unwrap();
    let mut scores = store.scores(id).await.unwrap();
    scores.sort_by_key(|(entry, _)| *entry);
    let expected = [
        (3, UnitScore { environment: 1, task: 7, score: Some(0.1 + 0.2) }),
        (4, UnitScore { environment: 0, task: 2, score: None }),
    ];
    assert_eq!(scores, expected);
}

async fn nothing_is_counted_twice_and_runs_do_not_mix(database: &TestDatabase) {
    let store = database.open().await;
    let id = run(&store).await;
    store.add_rollout(id, &rollout(0, 0, 0)).await.unwrap();
    // The same one took another time, where the answer to the first time was lost.
    let same = Rollout { attempts: 9, seconds: 7.0, ..rollout(0, 0, 0) };
    store.add_rollout(id, &same).await.unwrap();
    let again = Rollout { score: 1.0, ..rollout(0, 0, 0) };
    assert!(store.add_rollout(id, &again).await.is_err());
    let (other, existed) = store.open_run(&terms(1, 10)).await.unwrap();
    assert!(!existed && other != id);
    store.add_rollout(other, &again).await.unwrap();
    assert_eq!(store.rollouts(id, 0).await.unwrap(), [rollout(0, 0, 0)]);
}

async fn a_run_is_found_again_by_its_terms_after_the_database_was_closed(database: &TestDatabase) {
    let store = database.open().await;
    let (id, existed) = store.open_run(&terms(1, 9)).await.unwrap();
    assert!(!existed);
    store.close().await;
    let store = database.open().await;
    assert_eq!(store.open_run(&terms(1, 9)).await.unwrap(), (id, true));
    assert!(!store.open_run(&terms(2, 9)).await.unwrap().1);
}

async fn admissions_are_read_back_and_are_written_once(database: &TestDatabase) {
    let store = database.open().await;
    let id = run(&store).await;
    let files = vec![FileRecord { name: "config.json".into(), size: 3, sha256: "ab".repeat(32) }];
    let admissions = [
        Admission { outcome: AdmissionOutcome::Admitted, files: files.clone() },
        Admission { outcome: AdmissionOutcome::Refused("it's too large".into()), files },
        Admission { outcome: AdmissionOutcome::Late, files: Vec::new() },
    ];
    for (entry, admission) in admissions.iter().enumerate() {
        // Stored again where the answer to the first time was lost.
        store.add_admission(id, entry, admission).await.unwrap();
        store.add_admission(id, entry, admission).await.unwrap();
        let another = Admission { outcome: AdmissionOutcome::Reserve, files: Vec::new() };
        assert!(store.add_admission(id, entry, &another).await.is_err());
    }
    let read: Vec<Admission> = store.admissions(id).await.unwrap().into_values().collect();
    assert_eq!(read, admissions);
}

#[tokio::test]
async fn rows_that_this_program_never_writes_are_errors_and_not_guesses() {
    // The schema's checks keep most of them out; a file that was written to by hand has none.
    let damages: [(&str, bool); 5] = [
        ("UPDATE rollouts SET fault = 'weather'", true),
        ("UPDATE rollouts SET replies = '[{'", true),
        ("UPDATE rollouts SET score = 'much'", true),
        ("UPDATE admissions SET standing = 'welcome'", false),
        ("UPDATE admissions SET standing = 'refused', reason = NULL", false),
    ];
    for (damage, of_rollouts) in damages {
        let folder = tempfile::tempdir().unwrap();
        let store = open(folder.path()).await;
        let id = run(&store).await;
        store.add_rollout(id, &rollout(0, 0, 0)).await.unwrap();
        let admitted = Admission { outcome: AdmissionOutcome::Admitted, files: Vec::new() };
        store.add_admission(id, 0, &admitted).await.unwrap();
        execute(&store, "PRAGMA ignore_check_constraints = ON").await;
        let written = store.execute("write to", Statement::new(damage)).await;
        if written.is_err() {
            continue; // A strict table does not take it at all.
        }
        let error = match of_rollouts {
            true => store.rollouts(id, 0).await.map(drop).unwrap_err(),
            false => store.admissions(id).await.map(drop).unwrap_err(),
        };
        assert_eq!(error.kind, StoreErrorKind::Damaged, "{damage}: {error}");
    }
}

async fn fingerprints_belong_to_files_and_the_first_one_stays(database: &TestDatabase) {
    let store = database.open().await;
    let print = |byte| Fingerprint { files: [byte; 32], key: "key".to_owned(), tensors: Vec::new(), outputs: None };
    assert_eq!(store.fingerprint("snapshot", "key").await.unwrap(), None);
    store.add_fingerprint(("snapshot", "key"), &print(1)).await.unwrap();
    store.add_fingerprint(("snapshot", "key"), &print(2)).await.unwrap();
    assert_eq!(store.fingerprint("snapshot", "key").await.unwrap(), Some(print(1)));
    assert_eq!(store.fingerprint("snapshot", "other").await.unwrap(), None);
    assert_eq!(store.fingerprint("another", "key").await.unwrap(), None);
    // One that was taken by other rules is none.
    execute(&store, "UPDATE fingerprints SET snapshot = 'snapshot.0'").await;
    assert_eq!(store.fingerprint("snapshot", "key").await.unwrap(), None);
}

async fn the_outcome_before_is_that_of_the_latest_earlier_window_of_the_subnet(database: &TestDatabase) {
    let store = database.open().await;
    let outcome = |name: &str, bouts| {
        let crowned = |name: &str| CrownedModel {
            hotkey: Hotkey(name.to_owned()),
            model: format!("o/{name}"),
            snapshot: Some(name.to_owned()),
            committed: 7,
            position: 1,
        };
        let former = vec![crowned("old"), crowned("older")];
        let record = ReignRecord { champion: Some(crowned(name)), former, bouts, ..ReignRecord::default() };
        Outcome { record, log: Some(format!("hash of {name}")) }
    };
    for (netuid, seed_block, name) in [(1, 10, "ten"), (1, 20, "twenty"), (2, 15, "other")] {
        let (id, _) = store.open_run(&terms(netuid, seed_block)).await.unwrap();
        let champion = Hotkey(name.to_owned());
        store.finish_run(id, &champion, &outcome(name, seed_block)).await.unwrap();
        // A window that is told again keeps its outcome.
        store.finish_run(id, &champion, &outcome("another", 0)).await.unwrap();
    }
    store.open_run(&terms(1, 25)).await.unwrap();
    let before = async |netuid, seed_block| store.outcome_before(netuid, seed_block).await.unwrap();
    assert_eq!(before(1, 10).await, None);
    assert_eq!(before(1, 20).await, Some(outcome("ten", 10)));
    assert_eq!(before(1, 1_000).await, Some(outcome("twenty", 20)));
    assert_eq!(before(2, 1_000).await, Some(outcome("other", 15)));
    assert_eq!(before(3, 1_000).await, None);
}

async fn a_second_validator_is_told_that_the_database_is_busy(database: &TestDatabase) {
    let held = database.open().await;
    let error = Store::open(&database.location).await.unwrap_err();
    assert_eq!(error.kind, StoreErrorKind::Busy);
    assert!(error.to_string().contains("another process"), "{error}");
    held.close().await;
    database.open().await;
}

#[tokio::test]
async fn the_folders_of_a_file_are_made_and_its_name_may_hold_anything_but_what_no_text_holds() {
    let folder = tempfile::tempdir().unwrap();
    for name in ["deep/er/dethrone.sqlite", "a b?mode=ro#%41&c.sqlite", "\u{fc}/../:memory:"] {
        let path = folder.path().join(name);
        let store = Store::open(&path).await.unwrap();
        let (id, _) = store.open_run(&terms(1, 9)).await.unwrap();
        store.close().await;
        assert!(path.is_file(), "{name}");
        assert_eq!(Store::open(&path).await.unwrap().open_run(&terms(1, 9)).await.unwrap(), (id, true), "{name}");
    }
    use std::os::unix::ffi::OsStrExt;
    let path = folder.path().join(std::ffi::OsStr::from_bytes(b"\xff"));
    assert!(Store::open(&path).await.unwrap_err().to_string().contains("not Unicode"));
}

#[tokio::test]
async fn a_database_of_the_first_schema_is_brought_up_to_date_and_keeps_its_rows() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("dethrone.sqlite");
    let options = SqliteConnectOptions::new().filename(&path).create_if_missing(true);
    let pool = SqlitePoolOptions::new().max_connections(1).connect_with(options).await.unwrap();
    let first = Migrator { migrations: MIGRATIONS.iter().take(1).cloned().collect(), ..Migrator::DEFAULT };
    first.run(&pool).await.unwrap();
    let identity = terms(1, 9).identity();
    let run = sqlx::query("INSERT INTO runs (identity, netuid, seed_block, opened, created_at) VALUES (?, 1, 9, ?, 0)");
    let opened = r#"{"champion":null,"entries":[{"uid":1,"hotkey":"ada","model":"o/m","committed":4,"position":2}]}"#;
    run.bind(identity).bind(opened).execute(&pool).await.unwrap();
    for row in [
        "INSERT INTO rollouts VALUES (1, 0, 0, 5, 7, '[]', 0.5, 'half', NULL, 1, 0.25)",
        "INSERT INTO admissions VALUES (1, 0, 'admitted', NULL, '[]')",
        "INSERT INTO findings VALUES (1, 0, '{}')",
        "INSERT INTO outcomes (run_id, champion, tested, finished_at) VALUES (1, 'ada', 3, 0)",
    ] {
        sqlx::query(row).execute(&pool).await.unwrap();
    }
    pool.close().await;
    let store = Store::open(&path).await.unwrap();
    let (id, existed) = store.open_run(&terms(1, 9)).await.unwrap();
    assert!(existed);
    let rollouts = store.rollouts(id, 0).await.unwrap();
    assert_eq!((rollouts.len(), rollouts[0].task, rollouts[0].reproducible), (1, 5, true));
    assert_eq!(store.admissions(id).await.unwrap()[&0].outcome, AdmissionOutcome::Admitted);
    let Outcome { record, log } = store.outcome_before(1, 10).await.unwrap().unwrap();
    let champion = record.champion.unwrap();
    assert_eq!((champion.hotkey.0.as_str(), champion.model.as_str(), champion.snapshot), ("ada", "o/m", None));
    assert_eq!((champion.committed, champion.position), (4, 2));
    assert_eq!((record.former.len(), record.bouts, log), (0, 3, None));
}

async fn what_was_seen_stays_seen_and_counts_from_the_next_window_on(database: &TestDatabase) {
    let store = database.open().await;
    let sighting = |snapshot: &str, committed| Sighting {
        snapshot: snapshot.to_owned(),
        committed,
        position: 0,
        hotkey: Hotkey("ada".to_owned()),
        origin: Hotkey("eve".to_owned()),
    };
    let (ten, _) = store.open_run(&terms(1, 10)).await.unwrap();
    let (other, _) = store.open_run(&terms(2, 10)).await.unwrap();
    store.add_sightings(ten, &[sighting("a", 5), sighting("b", u64::MAX)]).await.unwrap();
    // A resumed run sees the same again.
    store.add_sightings(ten, &[sighting("a", 5)]).await.unwrap();
    store.add_sightings(other, &[sighting("c", 1)]).await.unwrap();
    assert_eq!(store.sightings_before(1, 10).await.unwrap(), []);
    assert_eq!(store.sightings_before(1, 11).await.unwrap(), [sighting("a", 5), sighting("b", u64::MAX)]);
}

async fn a_run_that_has_begun_a_bout_and_has_no_outcome_is_unfinished(database: &TestDatabase) {
    let store = database.open().await;
    let bout = |number| BegunBout { number, champion: "c".to_owned(), snapshot: "s".to_owned() };
    let mut runs = Vec::new();
    for (netuid, seed_block) in [(1, 10), (1, 20), (1, 30), (1, 40), (2, 30)] {
        runs.push(store.open_run(&terms(netuid, seed_block)).await.unwrap().0);
    }
    let outcome = Outcome { record: ReignRecord::default(), log: None };
    store.finish_run(runs[1], &Hotkey("ada".to_owned()), &outcome).await.unwrap();
    // Before the latest finished window, in it, after it, after it without a bout, and of another subnet.
    for run in [runs[0], runs[1], runs[2], runs[4]] {
        store.begin_bout(run, &bout(1)).await.unwrap();
        store.begin_bout(run, &bout(1)).await.unwrap();
    }
    let unfinished = async |netuid, seed_block| {
        let runs = store.unfinished_runs(netuid, seed_block).await.unwrap();
        runs.into_iter().map(|(run, terms)| (run, terms.seed_block)).collect::<Vec<_>>()
    };
    assert_eq!(unfinished(1, 50).await, [(runs[2], 30)]);
    assert_eq!(unfinished(1, 30).await, [], "the window itself is resumed");
    assert_eq!(unfinished(1, 20).await, [(runs[0], 10)]);
    assert_eq!((store.bouts_begun(runs[2]).await.unwrap(), store.bouts_begun(runs[3]).await.unwrap()), (1, 0));
}

async fn every_outcome_of_an_admission_is_stored_and_read_back(database: &TestDatabase) {
    let store = database.open().await;
    let (run, _) = store.open_run(&terms(1, 10)).await.unwrap();
    use AdmissionOutcome::{Admitted, Late, Refused, Reserve};
    let all = [Admitted, Refused("no".to_owned()), Late, Reserve];
    let all = all.map(|outcome| Admission { outcome, files: Vec::new() });
    for (place, admission) in all.iter().enumerate() {
        store.add_admission(run, place, admission).await.unwrap();
    }
    assert!(store.admissions(run).await.unwrap().into_values().eq(all));
}

async fn both_kinds_of_database_have_the_same_columns(database: &TestDatabase) {
    let (ours, theirs) = (database.open().await, Store::in_memory().await.unwrap());
    assert_eq!(columns(&ours).await, columns(&theirs).await);
    let numbers = |migrations: &Migrator| migrations.iter().map(|migration| migration.version).max();
    assert_eq!(numbers(&MIGRATIONS), numbers(&POSTGRES_MIGRATIONS), "a migration has a number in both folders");
}

/// Table, name and need of every column.
async fn columns(store: &Store) -> BTreeSet<(String, String, bool)> {
    let select = match store.location {
        DatabaseLocation::File(_) => {
            "SELECT tables.name AS place, columns.name AS name, \"notnull\" + pk AS needed FROM sqlite_master AS tables \
             JOIN pragma_table_info(tables.name) AS columns WHERE tables.type = 'table'"
        }
        DatabaseLocation::Postgres(_) => {
            "SELECT table_name::text AS place, column_name::text AS name, \
             CASE is_nullable WHEN 'YES' THEN 0::bigint ELSE 1::bigint END AS needed \
             FROM information_schema.columns WHERE table_schema = current_schema()"
        }
    };
    let rows = store.rows("read", Statement::new(select)).await.unwrap();
    let column = |row| {
        let needed = store.integer::<i64>(row, "needed").unwrap() > 0;
        (store.text(row, "place").unwrap(), store.text(row, "name").unwrap(), needed)
    };
    let ours = |(place, _, _): &(String, _, _)| !place.starts_with("_sqlx") && !place.starts_with("sqlite_");
    rows.iter().map(column).filter(ours).collect()
}

async fn a_window_that_has_ended_is_known_to_its_other_runs(database: &TestDatabase) {
    let store = database.open().await;
    let first = run(&store).await;
    let (second, _) = store.open_run(&WindowTerms { runtime: "0ther".to_owned(), ..terms(1, 9) }).await.unwrap();
    assert_eq!(store.latest_decided(1).await.unwrap(), None);
    let outcome = Outcome { record: ReignRecord::default(), log: None };
    store.finish_run(first, &Hotkey("ada".to_owned()), &outcome).await.unwrap();
    assert_eq!((store.latest_decided(1).await.unwrap(), store.latest_decided(2).await.unwrap()), (Some(9), None));
    let otherwise = [store.was_decided_otherwise(first).await, store.was_decided_otherwise(second).await];
    assert_eq!(otherwise.map(Result::unwrap), [false, true]);
}

async fn what_workers_make_is_kept_by_worker_until_one_is_dismissed(database: &TestDatabase) {
    let store = database.open().await;
    let id = run(&store).await;
    let wrong = Rollout { score: 0.0, ..rollout(0, 1, 7) };
    store.add_worker_rollout(id, "ada", &rollout(0, 1, 7)).await.unwrap();
    store.add_worker_rollout(id, "bob", &wrong).await.unwrap();
    store.add_worker_rollout(id, "bob", &rollout(0, 1, 8)).await.unwrap();
    store.add_worker_rollout(id, "bob", &rollout(0, 1, 7)).await.unwrap();
    let ids = store.worker_rollout_ids(id, 0).await.unwrap();
    let (first, last) = (*ids.first().unwrap(), *ids.last().unwrap());
    let all = store.worker_rollouts(id, (first, last)).await.unwrap();
    let all: Vec<_> = all.iter().map(|row| (row.worker.as_str(), row.rollout.clone())).collect();
    assert_eq!(all, [("ada", rollout(0, 1, 7)), ("bob", wrong.clone()), ("bob", rollout(0, 1, 8))]);
    assert_eq!(store.worker_rollout_ids(id, last).await.unwrap(), BTreeSet::new());
    assert_eq!(store.makers(id, 0).await.unwrap().len(), 3);
    // The window had taken one of bob's rollouts and one of ada's.
    store.add_rollout(id, &rollout(0, 1, 8)).await.unwrap();
    store.add_rollout(id, &rollout(0, 0, 3)).await.unwrap();
    let evidence = Disagreement { theirs: wrong, ours: rollout(0, 1, 7) };
    assert_eq!(store.dismiss_worker(id, "bob", &evidence).await.unwrap(), 1);
    assert_eq!(store.rollouts(id, 0).await.unwrap(), [rollout(0, 0, 3)]);
    assert_eq!(store.worker_rollout_ids(id, 0).await.unwrap(), BTreeSet::from([first]));
    assert_eq!((store.is_dismissed("bob").await.unwrap(), store.is_dismissed("ada").await.unwrap()), (true, false));
}

async fn an_entry_that_a_worker_could_not_run_is_known_once(database: &TestDatabase) {
    let store = database.open().await;
    let id = run(&store).await;
    assert_eq!(store.worker_failures(id).await.unwrap(), BTreeSet::new());
    for reason in ["no memory", "no disk"] {
        store.add_worker_failure((id, 3), "ada", reason).await.unwrap();
    }
    assert_eq!(store.worker_failures(id).await.unwrap(), BTreeSet::from([3]));
    assert_eq!(store.terms(id).await.unwrap(), Some(terms(1, 9)));
}

on_every_database!(
    a_window_that_has_ended_is_known_to_its_other_runs,
    what_workers_make_is_kept_by_worker_until_one_is_dismissed,
    an_entry_that_a_worker_could_not_run_is_known_once,
    an_absence_goes_before_the_admission_and_its_first_reason_stays,
    work_is_counted_from_what_was_answered,
    rollouts_are_read_back_to_the_last_bit_in_task_order,
    scores_leave_out_what_the_environment_failed_to_make,
    nothing_is_counted_twice_and_runs_do_not_mix,
    a_run_is_found_again_by_its_terms_after_the_database_was_closed,
    admissions_are_read_back_and_are_written_once,
    fingerprints_belong_to_files_and_the_first_one_stays,
    the_outcome_before_is_that_of_the_latest_earlier_window_of_the_subnet,
    what_was_seen_stays_seen_and_counts_from_the_next_window_on,
    a_run_that_has_begun_a_bout_and_has_no_outcome_is_unfinished,
    every_outcome_of_an_admission_is_stored_and_read_back,
    a_second_validator_is_told_that_the_database_is_busy,
    both_kinds_of_database_have_the_same_columns,
);
