//! The database file: opened by one process at a time, with its schema up to date.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use sqlx::migrate::Migrator;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteSynchronous};

use super::error::{StoreError, StoreErrorKind, kind_of_io};
use super::upkeep::{before_migration, newest, schema};
use crate::files::Lock;

pub(super) static MIGRATIONS: Migrator = sqlx::migrate!("../migrations");

/// The database, held by this process alone.
#[derive(Debug)]
pub(crate) struct Store {
    pub(super) pool: SqlitePool,
    path: PathBuf,
    /// Rows of rollouts that were read, whole or as scores.
    pub(super) rollouts_read: AtomicU64,
    /// None of a database in memory, which no other process can reach.
    _lock: Option<Lock>,
}

impl Store {
    /// Opens the database at `path`, creating it if it does not exist, and brings its schema up to date; a copy
    /// of one of an earlier version is kept beside it.
    ///
    /// # Errors
    /// If another process holds it, it cannot be written, is not a database, or comes from a newer version.
    pub(crate) async fn open(path: &Path) -> Result<Self, StoreError> {
        let lock = lock(path)?;
        if let Some(copy) = before_migration(path).await? {
            tracing::warn!(copy = %copy.display(), "the database is of an earlier version: a copy of it is kept");
        }
        let options = SqliteConnectOptions::new()
            .filename(path)
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Normal)
            .foreign_keys(true);
        Self::connect(path, options, Some(lock)).await
    }

    /// Opens the database at `path` for reading, also while another process works on it.
    ///
    /// # Errors
    /// If it is not there, is not a database, or its schema is of another version.
    pub(crate) async fn open_to_read(path: &Path) -> Result<Self, StoreError> {
        let failed = |kind, cause: String| StoreError { path: path.to_owned(), action: "read", kind, cause };
        if !path.is_file() {
            return Err(failed(StoreErrorKind::Other, "there is none".to_owned()));
        }
        let (found, newest) = (schema(path).await?, newest());
        if found != newest {
            let kind = if found > newest { StoreErrorKind::Newer } else { StoreErrorKind::Older };
            return Err(failed(kind, format!("its schema has version {found}, and this program reads {newest}")));
        }
        let options = SqliteConnectOptions::new().filename(path).read_only(true);
        let pool = SqlitePoolOptions::new().max_connections(4).connect_with(options).await;
        let pool = pool.map_err(|error| StoreError::of(path, "read", error))?;
        Ok(Self { pool, path: path.to_owned(), rollouts_read: AtomicU64::new(0), _lock: None })
    }

    /// Opens an empty database in memory, which vanishes with it.
    ///
    /// # Errors
    /// If there is no memory for it.
    pub(crate) async fn in_memory() -> Result<Self, StoreError> {
        let options = SqliteConnectOptions::new().in_memory(true).foreign_keys(true);
        Self::connect(Path::new(":memory:"), options, None).await
    }

    async fn connect(path: &Path, options: SqliteConnectOptions, lock: Option<Lock>) -> Result<Self, StoreError> {
        let store_error = |error| StoreError::of(path, "open", error);
        // A database in memory lives as long as its one connection.
        let pool = SqlitePoolOptions::new().max_connections(1).idle_timeout(None).max_lifetime(None);
        let pool = pool.connect_with(options).await.map_err(store_error)?;
        MIGRATIONS.run(&pool).await.map_err(|error| StoreError::of_migration(path, error))?;
        Ok(Self { pool, path: path.to_owned(), rollouts_read: AtomicU64::new(0), _lock: lock })
    }

    /// Closes the database, folding its write-ahead log into the file.
    pub(crate) async fn close(self) {
        tracing::debug!(database = %self.path.display(), rows = self.rollouts_read(), "rollouts read");
        self.pool.close().await;
    }

    /// Rows of rollouts read since the database was opened.
    pub(crate) fn rollouts_read(&self) -> u64 {
        self.rollouts_read.load(Ordering::Relaxed)
    }

    pub(super) fn failed(&self, action: &'static str) -> impl Fn(sqlx::Error) -> StoreError + '_ {
        move |error| StoreError::of(&self.path, action, error)
    }

    pub(super) fn damaged<E: std::error::Error>(&self, what: &'static str) -> impl Fn(E) -> StoreError + '_ {
        move |error| StoreError {
            path: self.path.clone(),
            action: what,
            kind: StoreErrorKind::Damaged,
            cause: error.to_string(),
        }
    }
}

/// Locks the database at `path` against other processes, by a file beside it.
fn lock(path: &Path) -> Result<Lock, StoreError> {
    let mut name = path.as_os_str().to_owned();
    name.push(".lock");
    let failed = |kind, cause: String| StoreError { path: path.to_owned(), action: "lock", kind, cause };
    Lock::try_take(Path::new(&name))
        .map_err(|error| failed(kind_of_io(&error), error.to_string()))?
        .ok_or_else(|| failed(StoreErrorKind::Busy, "another process works on it".to_owned()))
}
