//! Upkeep of the database: check, backup, and pruning of what finished windows no longer need.

use std::path::{Path, PathBuf};

use serde::Serialize;
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{AnyConnection, ConnectOptions, Connection};

use super::Store;
use super::connection::{options, options_to_read};
use super::database::migrations;
use super::error::{StoreError, StoreErrorKind};
use super::statement::Statement;
use crate::database_location::DatabaseLocation;

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

/// Checks a database, also while another process works on it: pages, references between rows, and the schema's version. A
/// server checks its own pages and refuses rows without what they refer to.
///
/// # Errors
/// If it cannot be read at all.
pub(crate) async fn check(location: &DatabaseLocation) -> Result<Checked, StoreError> {
    let failed = |error| StoreError::of(location, "check", error);
    let mut faults = match location {
        DatabaseLocation::File(path) => {
            let mut connection = reading(path).await.map_err(failed)?;
            let faults = file_faults(&mut connection).await.map_err(failed)?;
            connection.close().await.map_err(failed)?;
            faults
        }
        DatabaseLocation::Postgres(_) => Vec::new(),
    };
    let mut connection = options_to_read(location)?.connect().await.map_err(failed)?;
    let schema = version(location, &mut connection).await.map_err(failed)?.unwrap_or(0);
    let newest = newest(location);
    if schema > newest {
        faults.push(format!("its schema has version {schema}, and this program knows {newest}"));
    }
    let mut rows = Vec::new();
    if schema >= newest {
        for (table, count) in COUNTS {
            let count = sqlx::query_scalar::<_, i64>(count).fetch_one(&mut connection).await.map_err(failed)?;
            rows.push((table, count));
        }
    }
    connection.close().await.map_err(failed)?;
    Ok(Checked { schema, rows, faults })
}

/// Faults in the pages of a file, and rows that refer to none.
async fn file_faults(connection: &mut SqliteConnection) -> Result<Vec<String>, sqlx::Error> {
    let mut faults: Vec<String> = sqlx::query_scalar("PRAGMA integrity_check").fetch_all(&mut *connection).await?;
    faults.retain(|line| line != "ok");
    let orphans: i64 =
        sqlx::query_scalar("SELECT count(*) FROM pragma_foreign_key_check").fetch_one(connection).await?;
    if orphans > 0 {
        faults.push(format!("{orphans} rows refer to rows that are not there"));
    }
    Ok(faults)
}

/// Copies a database file into a new one as it stands, also while another process works on it.
///
/// # Errors
/// If the file exists, the database cannot be read, is a server's, or the disk has no room.
pub(crate) async fn backup(location: &DatabaseLocation, to: &Path) -> Result<(), StoreError> {
    let Some(path) = location.file() else {
        let cause = "it is on a server".to_owned();
        let (location, kind) = (location.clone(), StoreErrorKind::ServerTools);
        return Err(StoreError { location, action: "back up", kind, cause });
    };
    let failed = |error| StoreError::of(location, "back up", error);
    let mut connection = reading(path).await.map_err(failed)?;
    copy(&mut connection, path, to).await?;
    connection.close().await.map_err(failed)
}

/// Copies a database file of an earlier version before its schema is brought up to date; the file of the copy, if one was made.
pub(super) async fn before_migration(path: &Path) -> Result<Option<PathBuf>, StoreError> {
    if !path.exists() {
        return Ok(None);
    }
    let location = DatabaseLocation::from(path);
    let failed = |action| {
        let location = &location;
        move |error| StoreError::of(location, action, error)
    };
    let mut connection = options(&location)?.connect().await.map_err(failed("open"))?;
    let found = version(&location, &mut connection).await.map_err(failed("open"))?;
    connection.close().await.map_err(failed("open"))?;
    let Some(found) = found.filter(|found| *found < newest(&location)) else { return Ok(None) };
    let mut name = path.as_os_str().to_owned();
    name.push(format!(".version-{found}"));
    let to = PathBuf::from(name);
    if !to.exists() {
        let mut connection = reading(path).await.map_err(failed("back up"))?;
        copy(&mut connection, path, &to).await?;
        connection.close().await.map_err(failed("back up"))?;
    }
    Ok(Some(to))
}

async fn copy(connection: &mut SqliteConnection, path: &Path, to: &Path) -> Result<(), StoreError> {
    let failed = |kind, cause: String| StoreError { location: path.into(), action: "back up", kind, cause };
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
        .map_err(|error| StoreError::of(&path.into(), "back up", error))?;
    Ok(())
}

/// Version of a database's schema; 0 of one without.
pub(super) async fn schema(location: &DatabaseLocation) -> Result<i64, StoreError> {
    let failed = |error| StoreError::of(location, "read", error);
    let mut connection = options_to_read(location)?.connect().await.map_err(failed)?;
    let found = version(location, &mut connection).await.map_err(failed)?.unwrap_or(0);
    connection.close().await.map_err(failed)?;
    Ok(found)
}

async fn reading(path: &Path) -> Result<SqliteConnection, sqlx::Error> {
    SqliteConnectOptions::new().filename(path).read_only(true).connect().await
}

/// The version of a database's schema; none of a new one.
async fn version(location: &DatabaseLocation, connection: &mut AnyConnection) -> Result<Option<i64>, sqlx::Error> {
    let known = match location {
        DatabaseLocation::File(_) => "SELECT count(*) FROM sqlite_master WHERE name = '_sqlx_migrations'",
        DatabaseLocation::Postgres(_) => {
            "SELECT count(*) FROM information_schema.tables \
             WHERE table_schema = current_schema() AND table_name = '_sqlx_migrations'"
        }
    };
    if sqlx::query_scalar::<_, i64>(known).fetch_one(&mut *connection).await? == 0 {
        return Ok(None);
    }
    sqlx::query_scalar("SELECT max(version) FROM _sqlx_migrations").fetch_one(connection).await
}

/// Version of the schema that this program knows.
pub(super) fn newest(location: &DatabaseLocation) -> i64 {
    migrations(location).iter().map(|migration| migration.version).max().unwrap_or(0)
}

impl Store {
    /// Removes the rollouts and beginnings of a subnet's windows but for those of the latest `keep` finished ones and of all
    /// after them, then gives the room back to the disk. Evidence, first commitments and fingerprints stay.
    ///
    /// # Errors
    /// If the database cannot be written.
    pub(crate) async fn prune(&self, netuid: u16, keep: u32) -> Result<Pruned, StoreError> {
        let oldest = "SELECT seed_block FROM runs JOIN outcomes ON runs.id = outcomes.run_id WHERE netuid = $1 \
                      GROUP BY seed_block ORDER BY seed_block DESC LIMIT $2";
        let kept = self.rows("prune", Statement::new(oldest).with(netuid).with(keep.max(1))).await?;
        let Some(oldest) = kept.last() else { return Ok(Pruned { rollouts: 0, windows: 0 }) };
        let oldest = self.bits(oldest, "seed_block")?;
        let delete = |sql| Statement::new(sql).with(netuid).with(oldest);
        let answers = self.answers("prune", &[delete(PRUNE_ROLLOUTS), delete(PRUNE_WINDOWS)]).await?;
        let [rollouts, windows] = [0, 1].map(|place: usize| answers.get(place).map_or(0, |answer| answer.changed));
        // A server does this by itself.
        if self.location.file().is_some() {
            self.execute("prune", Statement::new("VACUUM")).await?;
        }
        Ok(Pruned { rollouts, windows })
    }
}

const PRUNE_ROLLOUTS: &str =
    "DELETE FROM rollouts WHERE run_id IN (SELECT id FROM runs WHERE netuid = $1 AND seed_block < $2)";
const PRUNE_WINDOWS: &str = "DELETE FROM windows WHERE netuid = $1 AND seed_block < $2 \
                             AND (seed_block IN (SELECT seed_block FROM decisions WHERE netuid = $1) \
                                  OR seed_block IN (SELECT seed_block FROM skipped_windows WHERE netuid = $1))";

#[cfg(test)]
mod tests;
