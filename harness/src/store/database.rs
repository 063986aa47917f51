//! The database: a SQLite file or a Postgres database, worked on by one validator at a time, with its schema up to date.

use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use sqlx::any::{AnyConnectOptions, AnyPoolOptions, AnyRow};
use sqlx::migrate::Migrator;
use sqlx::{AnyConnection, AnyPool, Connection};

use super::connection::{Access, options, options_in_memory, options_to_read, prepared, wait_for_lock};
use super::error::{StoreError, StoreErrorKind, is_lost, kind_of_io};
use super::statement::{Answer, Statement};
use super::upkeep::{before_migration, newest, schema};
use crate::database_location::DatabaseLocation;
use crate::files::Lock;

/// Migrations of SQLite.
pub(super) static MIGRATIONS: Migrator = sqlx::migrate!("../migrations");

/// Migrations of Postgres: each brings its schema to where the one of the same number brings that of SQLite.
pub(super) static POSTGRES_MIGRATIONS: Migrator = sqlx::migrate!("../migrations/postgres");

/// Time that a statement may take on a server before its connection is given up.
const STATEMENT: Duration = Duration::from_secs(120);

/// Time for which a server that is lost is waited for, beside the attempts to reach it.
const PATIENCE: Duration = Duration::from_secs(60);

/// First and longest pause between two attempts.
const PAUSES: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(2));

/// Connections of those who read or work beside the validator.
const BESIDE: u32 = 4;

/// The database, held by this process alone unless it is opened to read or to work beside it.
#[derive(Debug)]
pub(crate) struct Store {
    /// Statements go through the methods below, which take none that one of the databases does not know.
    pool: AnyPool,
    pub(super) location: DatabaseLocation,
    /// Rows of rollouts that were read, whole or as scores.
    pub(super) rollouts_read: AtomicU64,
    /// None of a database in memory, which no other process can reach, and of a server, which knows who holds it.
    _lock: Option<Lock>,
}

impl Store {
    /// Opens the database at this location, creating its file if it does not exist, and brings its schema up to date; a copy
    /// of a file of an earlier version is kept beside it.
    ///
    /// # Errors
    /// If another process holds it, it cannot be reached or written, is not a database, or comes from a newer version.
    pub(crate) async fn open(location: impl Into<DatabaseLocation>) -> Result<Self, StoreError> {
        let location = location.into();
        let lock = match &location {
            DatabaseLocation::File(path) => {
                let lock = lock(path)?;
                if let Some(copy) = before_migration(path).await? {
                    let copy = copy.display();
                    tracing::warn!(%copy, "the database is of an earlier version: a copy of it is kept");
                }
                Some(lock)
            }
            DatabaseLocation::Postgres(_) => {
                wait_for_lock(&location).await?;
                None
            }
        };
        let options = options(&location)?;
        Self::connect(location, options, lock).await
    }

    /// Opens the database at this location for reading, also while another process works on it.
    ///
    /// # Errors
    /// If it is not there, is not a database, or its schema is of another version.
    pub(crate) async fn open_to_read(location: impl Into<DatabaseLocation>) -> Result<Self, StoreError> {
        let location = location.into();
        let options = options_to_read(&location)?;
        Self::open_beside(location, options, "read").await
    }

    /// Opens a server's database as a worker does, which adds rows beside the validator that works on it.
    ///
    /// # Errors
    /// If it cannot be reached, or its schema is of another version.
    pub(crate) async fn open_to_work(location: impl Into<DatabaseLocation>) -> Result<Self, StoreError> {
        let location = location.into();
        let options = options(&location)?;
        Self::open_beside(location, options, "open").await
    }

    async fn open_beside(
        location: DatabaseLocation,
        options: AnyConnectOptions,
        action: &'static str,
    ) -> Result<Self, StoreError> {
        let failed = |kind, cause: String| StoreError { location: location.clone(), action, kind, cause };
        if location.file().is_some_and(|path| !path.is_file()) {
            return Err(failed(StoreErrorKind::Other, "there is none".to_owned()));
        }
        let (found, newest) = (schema(&location).await?, newest(&location));
        if found != newest {
            let kind = if found > newest { StoreErrorKind::Newer } else { StoreErrorKind::Older };
            return Err(failed(kind, format!("its schema has version {found}, and this program reads {newest}")));
        }
        let pool = AnyPoolOptions::new().max_connections(BESIDE).connect_with(options).await;
        let pool = pool.map_err(|error| StoreError::of(&location, action, error))?;
        Ok(Self { pool, location, rollouts_read: AtomicU64::new(0), _lock: None })
    }

    /// Opens an empty database in memory, which vanishes with it.
    ///
    /// # Errors
    /// If there is no memory for it.
    pub(crate) async fn in_memory() -> Result<Self, StoreError> {
        let location = DatabaseLocation::File(":memory:".into());
        let options = options_in_memory(&location)?;
        Self::connect(location, options, None).await
    }

    async fn connect(
        location: DatabaseLocation,
        options: AnyConnectOptions,
        lock: Option<Lock>,
    ) -> Result<Self, StoreError> {
        let access = Access::of(&location);
        // A database in memory lives as long as its one connection, and a server's lock belongs to one.
        let pool = AnyPoolOptions::new().max_connections(1).idle_timeout(None).max_lifetime(None);
        let pool = pool.after_connect(move |connection, _| Box::pin(prepared(connection, access)));
        let pool = pool.connect_with(options).await.map_err(|error| StoreError::of(&location, "open", error))?;
        let migrated = migrations(&location).run(&pool).await;
        migrated.map_err(|error| StoreError::of_migration(&location, error))?;
        Ok(Self { pool, location, rollouts_read: AtomicU64::new(0), _lock: lock })
    }

    /// Closes the database, folding its write-ahead log into the file.
    pub(crate) async fn close(self) {
        tracing::debug!(database = %self.location, rows = self.rollouts_read(), "rollouts read");
        self.pool.close().await;
    }

    /// The database's location.
    pub(crate) fn location(&self) -> &DatabaseLocation {
        &self.location
    }

    /// Rows of rollouts read since the database was opened.
    pub(crate) fn rollouts_read(&self) -> u64 {
        self.rollouts_read.load(Ordering::Relaxed)
    }

    /// Executes a statement; the number of rows that it changed. It may be executed again where a connection is lost before
    /// the server's answer, so that a second time must change nothing.
    pub(super) async fn execute(&self, action: &'static str, statement: Statement) -> Result<u64, StoreError> {
        let answers = self.answers(action, &[statement]).await?;
        Ok(answers.iter().map(|answer| answer.changed).sum())
    }

    /// Executes a statement; its rows.
    pub(super) async fn rows(&self, action: &'static str, statement: Statement) -> Result<Vec<AnyRow>, StoreError> {
        let answers = self.answers(action, &[statement]).await?;
        Ok(answers.into_iter().flat_map(|answer| answer.rows).collect())
    }

    /// Executes a statement; its first row.
    pub(super) async fn row(&self, action: &'static str, statement: Statement) -> Result<Option<AnyRow>, StoreError> {
        Ok(self.rows(action, statement).await?.into_iter().next())
    }

    /// Executes statements, more than one of them in a transaction, trying for a while to reach a server that is lost.
    pub(super) async fn answers(
        &self,
        action: &'static str,
        statements: &[Statement],
    ) -> Result<Vec<Answer>, StoreError> {
        let (mut pause, longest) = PAUSES;
        let mut waited = Duration::ZERO;
        loop {
            match self.attempt(statements).await {
                Err(error) if self.location.file().is_none() && is_lost(&error) && waited < PATIENCE => {
                    tracing::warn!(database = %self.location, %error, "the database server is lost: trying again");
                    tokio::time::sleep(pause).await;
                    waited += pause;
                    pause = longest.min(pause * 2);
                }
                answers => return answers.map_err(self.failed(action)),
            }
        }
    }

    async fn attempt(&self, statements: &[Statement]) -> Result<Vec<Answer>, sqlx::Error> {
        let mut connection = self.pool.acquire().await?;
        if self.location.file().is_some() {
            return executed(statements, &mut connection).await;
        }
        // A server that went away without a word would keep the connection, and with it the pool, for hours.
        let limited = tokio::time::timeout(STATEMENT, executed(statements, &mut connection)).await;
        let answers = limited.unwrap_or_else(|_| Err(sqlx::Error::Io(std::io::ErrorKind::TimedOut.into())));
        if answers.as_ref().is_err_and(is_lost) {
            drop(connection.detach());
        }
        answers
    }

    pub(super) fn failed(&self, action: &'static str) -> impl Fn(sqlx::Error) -> StoreError + '_ {
        move |error| StoreError::of(&self.location, action, error)
    }

    pub(super) fn damaged<E: std::error::Error>(&self, action: &'static str) -> impl Fn(E) -> StoreError + '_ {
        move |error| self.error(action, StoreErrorKind::Damaged, error.to_string())
    }

    pub(super) fn error(&self, action: &'static str, kind: StoreErrorKind, cause: String) -> StoreError {
        StoreError { location: self.location.clone(), action, kind, cause }
    }
}

/// The migrations of a location's kind of database.
pub(super) fn migrations(location: &DatabaseLocation) -> &'static Migrator {
    match location {
        DatabaseLocation::File(_) => &MIGRATIONS,
        DatabaseLocation::Postgres(_) => &POSTGRES_MIGRATIONS,
    }
}

async fn executed(statements: &[Statement], connection: &mut AnyConnection) -> Result<Vec<Answer>, sqlx::Error> {
    if let [statement] = statements {
        return Ok(vec![statement.execute(connection).await?]);
    }
    let mut transaction = connection.begin().await?;
    let mut answers = Vec::with_capacity(statements.len());
    for statement in statements {
        answers.push(statement.execute(&mut transaction).await?);
    }
    transaction.commit().await?;
    Ok(answers)
}

/// Locks the database at `path` against other processes, by a file beside it.
fn lock(path: &Path) -> Result<Lock, StoreError> {
    let mut name = path.as_os_str().to_owned();
    name.push(".lock");
    let failed = |kind, cause: String| StoreError { location: path.into(), action: "lock", kind, cause };
    Lock::try_take(Path::new(&name))
        .map_err(|error| failed(kind_of_io(&error), error.to_string()))?
        .ok_or_else(|| failed(StoreErrorKind::Busy, "another process works on it".to_owned()))
}
