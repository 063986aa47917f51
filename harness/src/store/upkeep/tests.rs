//! Databases that are checked, copied, pruned, and brought up to date.

use environments::EnvironmentId;
use sqlx::migrate::Migrator;

use super::*;
use crate::record::{ReignRecord, WindowTerms};
use crate::registry::Hotkey;
use crate::settings::Settings;
use crate::store::database::MIGRATIONS;
use crate::store::fixtures::{TestDatabase, on_every_database};
use crate::store::{Outcome, RunId};
use crate::units::Unit;
use crate::window::fixtures::{registry, rollout};

async fn run(store: &Store, seed_block: u64) -> RunId {
    let registry = crate::registry::RegistryState { seed_block, ..registry(2) };
    let environments = vec![EnvironmentId::built_in("sat", "1.0.0", 0)];
    let terms = WindowTerms::new(&registry, Default::default(), &Settings::default(), environments, "c0de".to_owned());
    store.open_run(&terms).await.unwrap().0
}

/// A database with windows at these seed blocks, each with two rollouts; those in the second list are finished.
async fn with_windows(database: &TestDatabase, windows: &[u64], finished: &[u64]) -> Store {
    let store = database.open().await;
    for seed_block in windows {
        let run = run(&store, *seed_block).await;
        for task in 0..2 {
            store.add_rollout(run, &rollout(0, Unit { task, environment: 0 }, 1.0)).await.unwrap();
        }
        if finished.contains(seed_block) {
            let outcome = Outcome { record: ReignRecord::default(), log: None };
            store.finish_run(run, &Hotkey("ada".to_owned()), &outcome).await.unwrap();
        }
    }
    store
}

async fn rollouts_of(store: &Store, seed_block: u64) -> usize {
    store.rollouts(run(store, seed_block).await, 0).await.unwrap().len()
}

async fn a_database_is_checked_while_another_process_holds_it(database: &TestDatabase) {
    let store = with_windows(database, &[10, 20], &[10]).await;
    let checked = check(&database.location).await.unwrap();
    assert_eq!((checked.schema, checked.faults.as_slice()), (newest(&database.location), [].as_slice()));
    let rows = |name| checked.rows.iter().find(|row| row.0 == name).map(|row| row.1);
    assert_eq!((rows("runs"), rows("rollouts")), (Some(2), Some(4)));
    let copy = database.path("copy.sqlite");
    match backup(&database.location, &copy).await {
        Ok(()) => {
            assert_eq!(check(&copy.clone().into()).await.unwrap(), checked);
            let again = backup(&database.location, &copy).await.unwrap_err().to_string();
            assert!(again.contains("exists already"), "{again}");
        }
        Err(error) => assert_eq!((error.kind, database.location.file()), (StoreErrorKind::ServerTools, None)),
    }
    store.close().await;
}

async fn a_database_of_a_newer_version_is_found_and_left_alone(database: &TestDatabase) {
    database.open().await.close().await;
    let mut connection = database.connection().await;
    let insert = "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time) \
                  SELECT 9999, 'of the future', success, checksum, 0 FROM _sqlx_migrations LIMIT 1";
    sqlx::query(insert).execute(&mut connection).await.unwrap();
    connection.close().await.unwrap();
    assert_eq!(Store::open(&database.location).await.unwrap_err().kind, StoreErrorKind::Newer);
    let Checked { schema, faults, .. } = check(&database.location).await.unwrap();
    assert!(schema == 9999 && faults[0].contains("version 9999"), "{faults:?}");
}

#[tokio::test]
async fn a_damaged_database_and_rows_without_their_run_are_found() {
    let database = TestDatabase::sqlite();
    let path = database.path("dethrone.sqlite");
    with_windows(&database, &[10], &[10]).await.close().await;
    assert!(check(&database.path("nothing.sqlite").into()).await.is_err());
    let mut connection = SqliteConnectOptions::new().filename(&path).foreign_keys(false).connect().await.unwrap();
    sqlx::query("DELETE FROM runs").execute(&mut connection).await.unwrap();
    connection.close().await.unwrap();
    assert_eq!(check(&path.clone().into()).await.unwrap().faults, ["3 rows refer to rows that are not there"]);
    std::fs::write(&path, "no database at all, but long enough to be read as one".repeat(100)).unwrap();
    assert!(check(&path.into()).await.is_err());
}

async fn pruning_keeps_the_latest_finished_windows_and_all_after_them(database: &TestDatabase) {
    let store = with_windows(database, &[10, 20, 30, 40, 50], &[10, 20, 40]).await;
    assert_eq!(store.prune(2, 1).await.unwrap(), Pruned { rollouts: 0, windows: 0 });
    assert_eq!(store.prune(1, 2).await.unwrap(), Pruned { rollouts: 2, windows: 0 });
    assert_eq!([rollouts_of(&store, 10).await, rollouts_of(&store, 20).await], [0, 2]);
    // Fewer than one finished window is never kept: the next begins from it.
    assert_eq!(store.prune(1, 0).await.unwrap(), Pruned { rollouts: 4, windows: 0 });
    assert_eq!(
        [rollouts_of(&store, 30).await, rollouts_of(&store, 40).await, rollouts_of(&store, 50).await],
        [0, 2, 2]
    );
    assert!(store.outcome_before(1, 50).await.unwrap().is_some());
    store.close().await;
    assert_eq!(check(&database.location).await.unwrap().faults, Vec::<String>::new());
}

#[tokio::test]
async fn a_database_of_an_earlier_version_is_copied_before_it_is_brought_up_to_date() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("dethrone.sqlite");
    let options = SqliteConnectOptions::new().filename(&path).create_if_missing(true);
    let pool = sqlx::sqlite::SqlitePoolOptions::new().connect_with(options).await.unwrap();
    let before = Migrator { migrations: MIGRATIONS.iter().take(5).cloned().collect(), ..Migrator::DEFAULT };
    before.run(&pool).await.unwrap();
    pool.close().await;
    Store::open(&path).await.unwrap().close().await;
    let copy = folder.path().join("dethrone.sqlite.version-5");
    let schema = async |path: &Path| check(&path.into()).await.unwrap().schema;
    assert_eq!((schema(&copy).await, schema(&path).await), (5, newest(&path.as_path().into())));
    // One that is up to date is not copied, and a new one neither.
    assert_eq!(before_migration(&path).await.unwrap(), None);
    assert_eq!(before_migration(&folder.path().join("new.sqlite")).await.unwrap(), None);
}

on_every_database!(
    a_database_is_checked_while_another_process_holds_it,
    a_database_of_a_newer_version_is_found_and_left_alone,
    pruning_keeps_the_latest_finished_windows_and_all_after_them,
);
