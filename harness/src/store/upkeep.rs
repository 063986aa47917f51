//! Upkeep of the database: check, backup, and pruning of what finished windows no longer need.

use std::path::{Path, PathBuf};

use serde::Serialize;
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{ConnectOptions, Connection};

use super::Store;
use super::database::MIGRATIONS;
use super::error::{StoreError, StoreErrorKind};

/// Contents of a database, and what is wrong with it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Checked {
    /// Version of the schema.
    pub(crate) schema: i64,
    /// Rows by table.
    pub(crate) rows: Vec<(&'static str, i64)>,
    /// Faults, as sentences; none in a sound database.
    pub(crate) faults: Vec<String>,
}

/// Counts of what pruning has removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub(crate) struct Pruned {
    /// Rollouts.
    pub(crate) rollouts: u64,
    /// Recorded beginnings of windows.
    pub(crate) windows: u64,
}

/// Rows of a table.
macro_rules! counts {
    ($($table:literal),*) => { [$(($table, concat!("SELECT count(*) FROM ", $table))),*] };
}

const COUNTS: [(&str, &str); 7] =
    counts!("runs", "admissions", "rollouts", "outcomes", "sightings", "windows", "decisions");

/// Checks a database, also while another process works on it: pages, references between rows, and the schema's version.
///
/// # Errors
/// If it cannot be read at all.
pub(crate) async fn check(path: &Path) -> Result<Checked, StoreError> {
    let mut connection = reading(path, "check").await?;
    let failed = |error| StoreError::of(path, "check", error);
    let mut faults: Vec<String> =
        sqlx::query_scalar("PRAGMA integrity_check").fetch_all(&mut connection).await.map_err(failed)?;
    faults.retain(|line| line != "ok");
    let orphans: i64 = sqlx::query_scalar("SELECT count(*) FROM pragma_foreign_key_check")
        .fetch_one(&mut connection)
        .await
        .map_err(failed)?;
    if orphans > 0 {
        faults.push(format!("{orphans} rows refer to rows that are not there"));
    }
    let schema = version(&mut connection).await.map_err(failed)?.unwrap_or(0);
    let newest = newest();
    if schema > newest {
        faults.push(format!("its schema has version {schema}, and this program knows {newest}"));
    }
    let mut rows = Vec::new();
    if schema >= newest {
        for (table, count) in COUNTS {
            rows.push((table, sqlx::query_scalar(count).fetch_one(&mut connection).await.map_err(failed)?));
        }
    }
    connection.close().await.map_err(failed)?;
    Ok(Checked { schema, rows, faults })
}

/// Copies a database into a new file as it stands, also while another process works on it.
///
/// # Errors
/// If the file exists, the database cannot be read, or the disk has no room.
pub(crate) async fn backup(path: &Path, to: &Path) -> Result<(), StoreError> {
    let mut connection = reading(path, "back up").await?;
    copy(&mut connection, path, to).await?;
    connection.close().await.map_err(|error| StoreError::of(path, "back up", error))
}

/// Copies a database of an earlier version before its schema is brought up to date; the file of the copy, if one was made.
pub(super) async fn before_migration(path: &Path) -> Result<Option<PathBuf>, StoreError> {
    if !path.exists() {
        return Ok(None);
    }
    let failed = |error| StoreError::of(path, "back up", error);
    let options = SqliteConnectOptions::new().filename(path);
    let mut connection = options.connect().await.map_err(|error| StoreError::of(path, "open", error))?;
    let found = version(&mut connection).await.map_err(|error| StoreError::of(path, "open", error))?;
    let mut copied = None;
    if let Some(found) = found.filter(|found| *found < newest()) {
        let mut name = path.as_os_str().to_owned();
        name.push(format!(".version-{found}"));
        let to = PathBuf::from(name);
        if !to.exists() {
            copy(&mut connection, path, &to).await?;
        }
        copied = Some(to);
    }
    connection.close().await.map_err(failed)?;
    Ok(copied)
}

async fn copy(connection: &mut SqliteConnection, path: &Path, to: &Path) -> Result<(), StoreError> {
    let failed = |kind, cause: String| StoreError { path: path.to_owned(), action: "back up", kind, cause };
    if to.exists() {
        return Err(failed(StoreErrorKind::Other, format!("{} exists already", to.display())));
    }
    let Some(name) = to.to_str() else {
        return Err(failed(StoreErrorKind::Other, "the copy's name is not Unicode".to_owned()));
    };
    sqlx::query("VACUUM INTO ?")
        .bind(name)
        .execute(connection)
        .await
        .map_err(|error| StoreError::of(path, "back up", error))?;
    Ok(())
}

/// Version of the schema of the database at `path`; 0 of one without.
pub(super) async fn schema(path: &Path) -> Result<i64, StoreError> {
    let failed = |error| StoreError::of(path, "read", error);
    let mut connection = reading(path, "read").await?;
    let found = version(&mut connection).await.map_err(failed)?.unwrap_or(0);
    connection.close().await.map_err(failed)?;
    Ok(found)
}

async fn reading(path: &Path, action: &'static str) -> Result<SqliteConnection, StoreError> {
    let options = SqliteConnectOptions::new().filename(path).read_only(true);
    options.connect().await.map_err(|error| StoreError::of(path, action, error))
}

/// The version of a database's schema; none of a new one.
async fn version(connection: &mut SqliteConnection) -> Result<Option<i64>, sqlx::Error> {
    let known: i64 = sqlx::query_scalar("SELECT count(*) FROM sqlite_master WHERE name = '_sqlx_migrations'")
        .fetch_one(&mut *connection)
        .await?;
    if known == 0 {
        return Ok(None);
    }
    sqlx::query_scalar("SELECT max(version) FROM _sqlx_migrations").fetch_one(connection).await
}

/// Version of the schema that this program knows.
pub(super) fn newest() -> i64 {
    MIGRATIONS.iter().map(|migration| migration.version).max().unwrap_or(0)
}

impl Store {
    /// Removes the rollouts and beginnings of a subnet's windows but for those of the latest `keep` finished ones and of all
    /// after them, then gives the room back to the disk. Evidence, first commitments and fingerprints stay.
    ///
    /// # Errors
    /// If the database cannot be written.
    pub(crate) async fn prune(&self, netuid: u16, keep: u32) -> Result<Pruned, StoreError> {
        let failed = self.failed("prune");
        let oldest: Option<i64> = sqlx::query_scalar(
            "SELECT min(seed_block) FROM (SELECT DISTINCT seed_block FROM runs JOIN outcomes ON runs.id = outcomes.run_id \
             WHERE netuid = ? ORDER BY seed_block DESC LIMIT ?)",
        )
        .bind(i64::from(netuid))
        .bind(keep.max(1))
        .fetch_one(&self.pool)
        .await
        .map_err(&failed)?;
        let Some(oldest) = oldest else { return Ok(Pruned { rollouts: 0, windows: 0 }) };
        let mut transaction = self.pool.begin().await.map_err(&failed)?;
        let rollouts = sqlx::query(
            "DELETE FROM rollouts WHERE run_id IN (SELECT id FROM runs WHERE netuid = ? AND seed_block < ?)",
        )
        .bind(i64::from(netuid))
        .bind(oldest)
        .execute(&mut *transaction)
        .await
        .map_err(&failed)?;
        let windows = sqlx::query(
            "DELETE FROM windows WHERE netuid = ?1 AND seed_block < ?2 \
             AND (seed_block IN (SELECT seed_block FROM decisions WHERE netuid = ?1) \
                  OR seed_block IN (SELECT seed_block FROM skipped_windows WHERE netuid = ?1))",
        )
        .bind(i64::from(netuid))
        .bind(oldest)
        .execute(&mut *transaction)
        .await
        .map_err(&failed)?;
        transaction.commit().await.map_err(&failed)?;
        sqlx::query("VACUUM").execute(&self.pool).await.map_err(&failed)?;
        Ok(Pruned { rollouts: rollouts.rows_affected(), windows: windows.rows_affected() })
    }
}

#[cfg(test)]
mod tests;
