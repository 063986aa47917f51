//! Errors of the database.

use sqlx::migrate::MigrateError;
use sqlx::postgres::PgDatabaseError;

use crate::database_location::DatabaseLocation;
use crate::exit_status::ExitStatus;
use crate::problem::Problem;

/// The database could not be read or written.
#[derive(Debug, thiserror::Error)]
#[error("cannot {action} the database {location}: {cause}")]
pub(crate) struct StoreError {
    /// The database.
    pub location: DatabaseLocation,
    /// The attempted action, as a verb.
    pub action: &'static str,
    /// The kind.
    pub kind: StoreErrorKind,
    /// The database's own message.
    pub cause: String,
}

/// Kinds of errors of a database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum StoreErrorKind {
    /// Another process works on it.
    Busy,
    /// No room on the disk, or a quota or size limit was reached.
    Full,
    /// It may not be written.
    ReadOnly,
    /// It was written by a newer version of this program.
    Newer,
    /// It was written by an earlier version of this program.
    Older,
    /// It is not a database, or a row does not hold what was once written.
    Damaged,
    /// Its server does not answer, or refuses this user.
    Unreachable,
    /// The server's own tools do this.
    ServerTools,
    /// Anything else.
    Other,
}

impl StoreError {
    pub(super) fn of(location: &DatabaseLocation, action: &'static str, error: sqlx::Error) -> Self {
        Self { location: location.clone(), action, kind: kind_of(&error), cause: text_of(&error) }
    }

    pub(super) fn of_migration(location: &DatabaseLocation, error: MigrateError) -> Self {
        let (kind, cause) = match &error {
            MigrateError::VersionMissing(version) => {
                (StoreErrorKind::Newer, format!("it holds migration {version}, which this program does not know"))
            }
            MigrateError::VersionMismatch(version) => {
                (StoreErrorKind::Newer, format!("its migration {version} differs from this program's"))
            }
            MigrateError::Execute(cause) => (kind_of(cause), text_of(cause)),
            other => (StoreErrorKind::Other, other.to_string()),
        };
        Self { location: location.clone(), action: "prepare", kind, cause }
    }

    fn hint(&self) -> &'static str {
        let is_file = self.location.file().is_some();
        match self.kind {
            StoreErrorKind::Busy if is_file => "wait for the other process, or give this one another output folder",
            StoreErrorKind::Busy => "wait for the other process, or give this one another database",
            StoreErrorKind::Full => {
                "make room (or raise the limit) and run the same command again: what was stored is kept"
            }
            StoreErrorKind::ReadOnly if is_file => {
                "make the file and its folder writable for this user, or choose another output folder"
            }
            StoreErrorKind::ReadOnly => "let this user create and write tables, or name another database",
            StoreErrorKind::Newer if is_file => "use the version of dethrone that wrote it, or another output folder",
            StoreErrorKind::Newer => "use the version of dethrone that wrote it, or another database",
            StoreErrorKind::Older => "the next `dethrone validate` brings it up to date",
            StoreErrorKind::Damaged if is_file => "restore the file from a copy, or choose another output folder",
            StoreErrorKind::Damaged => "restore the database from a copy, or name another one",
            StoreErrorKind::Unreachable => {
                "see that the server runs and lets this user in, then run the same command again: what was stored is kept"
            }
            StoreErrorKind::ServerTools => "use the server's own tools, such as `pg_dump`",
            StoreErrorKind::Other if is_file => "check the path and the disk",
            StoreErrorKind::Other => "check the server and its log",
        }
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        let status = if error.kind == StoreErrorKind::Busy { ExitStatus::Busy } else { ExitStatus::Store };
        Self::new(status, error.to_string()).hint(error.hint())
    }
}

/// The kind of an error in making or locking the lock's file.
pub(super) fn kind_of_io(error: &std::io::Error) -> StoreErrorKind {
    match error.kind() {
        std::io::ErrorKind::PermissionDenied | std::io::ErrorKind::ReadOnlyFilesystem => StoreErrorKind::ReadOnly,
        std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded => StoreErrorKind::Full,
        _ => StoreErrorKind::Other,
    }
}

/// True of an error of the way to a server, or of a server that ends, begins or gives way: the statement may be tried again.
pub(super) fn is_lost(error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::Io(_) | sqlx::Error::PoolTimedOut => true,
        sqlx::Error::Database(database) => database.try_downcast_ref::<PgDatabaseError>().is_some_and(|error| {
            // Failed connections, a server that shuts down or starts, transactions that stood in each other's way.
            let (class, code) = (error.code().get(..2), error.code());
            class == Some("08") || matches!(code, "57P01" | "57P02" | "57P03" | "53300" | "40001" | "40P01")
        }),
        _ => false,
    }
}

fn kind_of(error: &sqlx::Error) -> StoreErrorKind {
    match error {
        _ if is_lost(error) => StoreErrorKind::Unreachable,
        sqlx::Error::Database(database) => match database.try_downcast_ref::<PgDatabaseError>() {
            Some(error) => kind_of_state(error.code()),
            None => kind_of_code(database.code().and_then(|code| code.parse::<u32>().ok()).unwrap_or(0)),
        },
        sqlx::Error::ColumnDecode { .. } | sqlx::Error::Decode(_) => StoreErrorKind::Damaged,
        _ => StoreErrorKind::Other,
    }
}

/// Conditions of Postgres, <https://www.postgresql.org/docs/current/errcodes-appendix.html>.
fn kind_of_state(code: &str) -> StoreErrorKind {
    match (code.get(..2).unwrap_or_default(), code) {
        ("53", _) | (_, "54000") => StoreErrorKind::Full,
        (_, "25006" | "42501") => StoreErrorKind::ReadOnly,
        ("28" | "3D", _) => StoreErrorKind::Unreachable,
        ("XX", _) => StoreErrorKind::Damaged,
        _ => StoreErrorKind::Other,
    }
}

/// Result codes of SQLite, <https://sqlite.org/rescode.html>; the primary code is the low byte.
fn kind_of_code(code: u32) -> StoreErrorKind {
    // A write cut short by a file-size limit is reported as an I/O error in writing, not as a full disk.
    const IOERR_WRITE: u32 = 778;
    match (code & 0xff, code) {
        (5 | 6, _) => StoreErrorKind::Busy,
        (13, _) | (_, IOERR_WRITE) => StoreErrorKind::Full,
        (8, _) => StoreErrorKind::ReadOnly,
        (11 | 26, _) => StoreErrorKind::Damaged,
        _ => StoreErrorKind::Other,
    }
}

fn text_of(error: &sqlx::Error) -> String {
    match error {
        sqlx::Error::Database(database) => database.message().to_owned(),
        other => other.to_string(),
    }
}
