//! What the runs learned, in one SQLite file: rows are inserted once and never changed.

mod admissions;
mod decisions;
mod error;
mod lock;
mod rollouts;
mod runs;

use std::path::{Path, PathBuf};

use sqlx::migrate::Migrator;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteSynchronous};

pub use error::{StoreError, StoreErrorKind};
pub use runs::{Outcome, RunId};

use lock::Lock;

static MIGRATIONS: Migrator = sqlx::migrate!("../migrations");

/// The database, held by this process alone.
#[derive(Debug)]
pub struct Store {
    pool: SqlitePool,
    path: PathBuf,
    _lock: Lock,
}

impl Store {
    /// Opens the database at `path`, making it if it is not there, and brings its schema up to date.
    ///
    /// # Errors
    /// If another process holds it, it cannot be written, is not a database, or comes from a newer version.
    pub async fn open(path: &Path) -> Result<Self, StoreError> {
        let lock = Lock::take(path)?;
        let options = SqliteConnectOptions::new()
            .filename(path)
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Normal)
            .foreign_keys(true);
        let store_error = |error| StoreError::of(path, "open", error);
        let pool = SqlitePoolOptions::new().max_connections(1).connect_with(options).await.map_err(store_error)?;
        MIGRATIONS.run(&pool).await.map_err(|error| StoreError::of_migration(path, error))?;
        Ok(Self { pool, path: path.to_owned(), _lock: lock })
    }

    /// Where the database is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Closes the database, folding its write-ahead log into the file.
    pub async fn close(self) {
        self.pool.close().await;
    }

    fn failed(&self, action: &'static str) -> impl Fn(sqlx::Error) -> StoreError + '_ {
        move |error| StoreError::of(&self.path, action, error)
    }

    fn damaged<E: std::error::Error>(&self, what: &'static str) -> impl Fn(E) -> StoreError + '_ {
        move |error| StoreError {
            path: self.path.clone(),
            action: what,
            kind: StoreErrorKind::Damaged,
            cause: error.to_string(),
        }
    }
}
