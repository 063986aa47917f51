//! Connections to a database: their options, and what is done at the beginning of each.

use std::sync::Once;
use std::time::Duration;

use sqlx::any::AnyConnectOptions;
use sqlx::{AnyConnection, ConnectOptions, Connection, Row};

use super::error::{StoreError, StoreErrorKind, is_lost};
use crate::database_location::DatabaseLocation;

/// Key of the advisory lock of the one validator that works on a Postgres database.
const LOCK: &str = "SELECT pg_try_advisory_lock(7234314650416245605) AS held";

/// A server forgets a client that went away without a word, and the lock that it held, within about 40 seconds.
const FORGET: &str = "SET tcp_keepalives_idle = 20; SET tcp_keepalives_interval = 5; SET tcp_keepalives_count = 4; \
                      SET tcp_user_timeout = 40000";

/// Attempts to get a lock that another session holds, and the pause between them: a process that was killed is
/// survived by its session for a moment.
const ATTEMPTS: u32 = 20;
const PAUSE: Duration = Duration::from_millis(250);

/// Kind of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Access {
    /// To a file, or a database in memory.
    File,
    /// To a server, as the one validator that works on it.
    Server,
}

impl Access {
    pub(super) fn of(location: &DatabaseLocation) -> Self {
        match location {
            DatabaseLocation::File(_) => Self::File,
            DatabaseLocation::Postgres(_) => Self::Server,
        }
    }
}

/// Options of a connection to a database in memory.
///
/// # Errors
/// None that can be met.
pub(super) fn options_in_memory(location: &DatabaseLocation) -> Result<AnyConnectOptions, StoreError> {
    install_drivers();
    "sqlite::memory:".parse().map_err(|error| StoreError::of(location, "open", error))
}

/// Makes both kinds of database known; without it every connection panics.
fn install_drivers() {
    static DRIVERS: Once = Once::new();
    DRIVERS.call_once(sqlx::any::install_default_drivers);
}

/// Options of a connection to a database, whose file is created if it does not exist.
///
/// # Errors
/// If a path is not Unicode, or a URL is none.
pub(super) fn options(location: &DatabaseLocation) -> Result<AnyConnectOptions, StoreError> {
    install_drivers();
    let parsed = match location {
        DatabaseLocation::Postgres(url) => url.parse(),
        DatabaseLocation::File(path) => {
            let Some(path) = path.to_str() else {
                let cause = "its path is not Unicode".to_owned();
                return Err(StoreError {
                    location: location.clone(),
                    action: "open",
                    kind: StoreErrorKind::Other,
                    cause,
                });
            };
            // Every byte that means something in a URL is escaped, so that the path stays as it is.
            let escaped: String = path.bytes().map(escape).collect();
            format!("sqlite:{escaped}?mode=rwc").parse()
        }
    };
    parsed.map_err(|error| StoreError::of(location, "open", error))
}

/// Options of a connection that only reads; a file has to be there.
///
/// # Errors
/// As [`options`].
pub(super) fn options_to_read(location: &DatabaseLocation) -> Result<AnyConnectOptions, StoreError> {
    let mut options = options(location)?;
    match location {
        DatabaseLocation::File(_) => options.database_url.set_query(Some("mode=ro")),
        DatabaseLocation::Postgres(_) => {
            options.database_url.query_pairs_mut().append_pair("options[default_transaction_read_only]", "on");
        }
    }
    Ok(options)
}

fn escape(byte: u8) -> String {
    if byte.is_ascii_alphanumeric() { char::from(byte).to_string() } else { format!("%{byte:02X}") }
}

/// Prepares a new connection of the validator that works on the database.
pub(super) async fn prepared(connection: &mut AnyConnection, access: Access) -> Result<(), sqlx::Error> {
    match access {
        Access::File => {
            sqlx::raw_sql("PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA foreign_keys = ON")
                .execute(connection)
                .await?;
        }
        Access::Server => {
            sqlx::raw_sql(FORGET).execute(&mut *connection).await?;
            if !try_lock(connection).await? {
                return Err(sqlx::Error::Protocol("another process works on the database".to_owned()));
            }
        }
    }
    Ok(())
}

/// Takes the lock of a server's database for this connection; false if another session holds it.
async fn try_lock(connection: &mut AnyConnection) -> Result<bool, sqlx::Error> {
    sqlx::query(LOCK).fetch_one(connection).await?.try_get("held")
}

/// Waits a moment for the lock of a server's database, and lets it go again for the connection that is to hold it.
///
/// # Errors
/// If the server cannot be reached, or another process works on the database.
pub(super) async fn wait_for_lock(location: &DatabaseLocation) -> Result<(), StoreError> {
    let failed = |error| StoreError::of(location, "open", error);
    let options = options(location)?;
    let mut last = None;
    for _ in 0..ATTEMPTS {
        let held = async {
            let mut connection = options.connect().await?;
            let held = try_lock(&mut connection).await?;
            connection.close().await?;
            Ok(held)
        };
        match held.await {
            Ok(true) => return Ok(()),
            Err(error) if !is_lost(&error) => return Err(failed(error)),
            held => last = held.err(),
        }
        tokio::time::sleep(PAUSE).await;
    }
    let busy = || {
        let cause = "another process works on it".to_owned();
        StoreError { location: location.clone(), action: "lock", kind: StoreErrorKind::Busy, cause }
    };
    Err(last.map_or_else(busy, failed))
}
