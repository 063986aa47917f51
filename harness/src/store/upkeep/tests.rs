//! Databases that are checked, copied, pruned, and brought up to date.

use environments::EnvironmentId;
use sqlx::migrate::Migrator;

use super::*;
use crate::record::{ReignRecord, WindowTerms};
use crate::registry::Hotkey;
use crate::settings::Settings;
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
async fn with_windows(path: &Path, windows: &[u64], finished: &[u64]) -> Store {
    let store = Store::open(path).await.unwrap();
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

#[tokio::test]
async fn a_database_is_checked_and_copied_while_another_process_holds_it() {
    let folder = tempfile::tempdir().unwrap();
    let (path, copy) = (folder.path().join("dethrone.sqlite"), folder.path().join("copy.sqlite"));
    let store = with_windows(&path, &[10, 20], &[10]).await;
    let checked = check(&path).await.unwrap();
    assert_eq!((checked.schema, checked.faults.as_slice()), (newest(), [].as_slice()));
    let rows = |checked: &Checked, name| checked.rows.iter().find(|row| row.0 == name).map(|row| row.1);
    assert_eq!((rows(&checked, "runs"), rows(&checked, "rollouts")), (Some(2), Some(4)));
    backup(&path, &copy).await.unwrap();
    assert_eq!(check(&copy).await.unwrap(), checked);
    let again = backup(&path, &copy).await.unwrap_err().to_string();
    assert!(again.contains("exists already"), "{again}");
    store.close().await;
    assert!(check(&folder.path().join("nothing.sqlite")).await.is_err());
}

#[tokio::test]
async fn a_damaged_database_and_rows_without_their_run_are_found() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("dethrone.sqlite");
    with_windows(&path, &[10], &[10]).await.close().await;
    let mut connection = SqliteConnectOptions::new().filename(&path).foreign_keys(false).connect().await.unwrap();
    sqlx::query("DELETE FROM runs").execute(&mut connection).await.unwrap();
    connection.close().await.unwrap();
    assert_eq!(check(&path).await.unwrap().faults, ["3 rows refer to rows that are not there"]);
    std::fs::write(&path, "no database at all, but long enough to be read as one".repeat(100)).unwrap();
    assert!(check(&path).await.is_err());
}

#[tokio::test]
async fn pruning_keeps_the_latest_finished_windows_and_all_after_them() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("dethrone.sqlite");
    let store = with_windows(&path, &[10, 20, 30, 40, 50], &[10, 20, 40]).await;
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
    assert_eq!(check(&path).await.unwrap().faults, Vec::<String>::new());
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
    assert_eq!((check(&copy).await.unwrap().schema, check(&path).await.unwrap().schema), (5, newest()));
    // One that is up to date is not copied, and a new one neither.
    assert_eq!(before_migration(&path).await.unwrap(), None);
    assert_eq!(before_migration(&folder.path().join("new.sqlite")).await.unwrap(), None);
}
