//! Databases for tests: a file, and a database of the server that `TEST_POSTGRES_URL` names.

use sqlx::any::AnyConnectOptions;
use sqlx::{AnyConnection, AssertSqlSafe, ConnectOptions, Connection};
use tempfile::TempDir;

use super::Store;
use super::connection::options;
use crate::database_location::DatabaseLocation;

/// The variable with the URL of a Postgres server on which tests make databases.
const SERVER: &str = "TEST_POSTGRES_URL";

/// An empty database.
pub(crate) struct TestDatabase {
    pub(crate) location: DatabaseLocation,
    /// The folder of a file.
    folder: TempDir,
    /// Server and name of a server's database.
    on_server: Option<(AnyConnectOptions, String)>,
}

impl TestDatabase {
    /// A file that is not there yet.
    pub(crate) fn sqlite() -> Self {
        let folder = tempfile::tempdir().unwrap();
        Self { location: folder.path().join("dethrone.sqlite").into(), folder, on_server: None }
    }

    /// A new database on the server of the variable; none, with the reason printed, where it is not set.
    pub(crate) async fn postgres() -> Option<Self> {
        let Ok(server) = std::env::var(SERVER) else {
            eprintln!("skipped: {SERVER} names no Postgres server");
            return None;
        };
        let options = options(&server.parse().unwrap()).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let name = format!("test_{:016x}", getrandom::u64().unwrap());
        let connector = if server.contains('?') { '&' } else { '?' };
        let location = format!("{server}{connector}dbname={name}").parse().unwrap();
        let database = Self { location, folder, on_server: Some((options, name)) };
        database.on_server("CREATE DATABASE").await;
        Some(database)
    }

    /// Opens it as a validator does.
    pub(crate) async fn open(&self) -> Store {
        Store::open(&self.location).await.unwrap()
    }

    /// A connection beside that of the store.
    pub(crate) async fn connection(&self) -> AnyConnection {
        options(&self.location).unwrap().connect().await.unwrap()
    }

    /// A path in a folder that vanishes with it.
    pub(crate) fn path(&self, name: &str) -> std::path::PathBuf {
        self.folder.path().join(name)
    }

    /// Removes a server's database.
    pub(crate) async fn remove(self) {
        self.on_server("DROP DATABASE").await;
    }

    async fn on_server(&self, what: &str) {
        let Some((options, name)) = &self.on_server else { return };
        let force = if what.starts_with("DROP") { " WITH (FORCE)" } else { "" };
        let mut connection = options.connect().await.unwrap();
        sqlx::raw_sql(AssertSqlSafe(format!("{what} {name}{force}"))).execute(&mut connection).await.unwrap();
        connection.close().await.unwrap();
    }
}

/// Makes each of these functions a test with a file, and one with a server's database.
macro_rules! on_every_database {
    ($($test:ident),* $(,)?) => {
        mod sqlite {
            $(#[tokio::test]
            async fn $test() {
                super::$test(&crate::store::fixtures::TestDatabase::sqlite()).await;
            })*
        }

        mod postgres {
            $(#[tokio::test]
            async fn $test() {
                if let Some(database) = crate::store::fixtures::TestDatabase::postgres().await {
                    super::$test(&database).await;
                    database.remove().await;
                }
            })*
        }
    };
}

pub(crate) use on_every_database;
