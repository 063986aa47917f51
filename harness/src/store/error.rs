//! Errors of the database.

use std::path::{Path, PathBuf};

use sqlx::migrate::MigrateError;

use crate::exit_status::ExitStatus;
use crate::problem::Problem;

/// The database could not be read or written.
#[derive(Debug, thiserror::Error)]
#[error("cannot {action} the database {}: {cause}", path.display())]
pub(crate) struct StoreError {
    /// The database file.
    pub path: PathBuf,
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
    /// Anything else.
    Other,
}

impl StoreError {
    pub(super) fn of(path: &Path, action: &'static str, error: sqlx::Error) -> Self {
        Self { path: path.to_owned(), action, kind: kind_of(&error), cause: text_of(&error) }
    }

    pub(super) fn of_migration(path: &Path, error: MigrateError) -> Self {
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
        Self { path: path.to_owned(), action: "prepare", kind, cause }
    }

    fn hint(&self) -> &'static str {
        match self.kind {
            StoreErrorKind::Busy => "wait for the other process, or give this one another output folder",
            StoreErrorKind::Full => {
                "make room (or raise the limit) and run the same command again: what was stored is kept"
            }
            StoreErrorKind::ReadOnly => {
                "make the file and its folder writable for this user, or choose another output folder"
            }
            StoreErrorKind::Newer => "use the version of dethrone that wrote it, or another output folder",
            StoreErrorKind::Older => "the next `dethrone validate` brings it up to date",
            StoreErrorKind::Damaged => "restore the file from a copy, or choose another output folder",
            StoreErrorKind::Other => "check the path and the disk",
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

fn kind_of(error: &sqlx::Error) -> StoreErrorKind {
    match error {
        sqlx::Error::Database(database) => {
            let code = database.code().and_then(|code| code.parse::<u32>().ok()).unwrap_or(0);
            kind_of_code(code)
        }
        sqlx::Error::ColumnDecode { .. } | sqlx::Error::Decode(_) => StoreErrorKind::Damaged,
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
