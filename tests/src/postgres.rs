//! Postgres servers and databases for tests, by `tests/postgres/server.sh` and the variable `TEST_POSTGRES_URL`.

use std::path::{Path, PathBuf};
use std::process::Command;

use sqlx::postgres::PgConnectOptions;
use sqlx::{AssertSqlSafe, ConnectOptions, Connection};
use tempfile::TempDir;

/// The variable with the URL of a server on which tests make databases.
const SERVER: &str = "TEST_POSTGRES_URL";

/// A database of its own on a server.
#[derive(Debug)]
pub struct Database {
    url: String,
}

impl Database {
    /// A new database on the server of the variable; none, with the reason printed, where it is not set.
    pub fn make() -> Option<Self> {
        Some(Self::on(&server()?))
    }

    fn on(server: &str) -> Self {
        let random = tempfile::NamedTempFile::new().expect("the temporary folder is writable");
        let random = random.path().file_name().unwrap_or_default().to_string_lossy().to_lowercase();
        let name = format!("test_{}_{}", std::process::id(), random.trim_start_matches("."));
        let connector = if server.contains('?') { '&' } else { '?' };
        let url = format!("{server}{connector}dbname={name}");
        let made = block_on(async {
            let mut connection = options(server).connect().await?;
            sqlx::raw_sql(AssertSqlSafe(format!("CREATE DATABASE {name}"))).execute(&mut connection).await?;
            connection.close().await
        });
        made.unwrap_or_else(|error| panic!("cannot make a database on {server}: {error}"));
        Self { url }
    }

    /// Its URL.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The number that a statement gives; none where it fails, as before there are tables.
    pub fn count(&self, statement: &'static str) -> Option<i64> {
        block_on(async {
            let mut connection = options(&self.url).connect().await?;
            let count = sqlx::query_scalar(statement).fetch_one(&mut connection).await?;
            connection.close().await?;
            Ok(count)
        })
        .ok()
    }
}

/// A server of its own, which can be restarted; it ends with the test.
#[derive(Debug)]
pub struct Server {
    folder: TempDir,
    url: String,
}

impl Server {
    /// A new server; none, with the reason printed, where the variable is not set.
    pub fn start() -> Option<Self> {
        server()?;
        // A socket's path is short, and the server's user has to reach it.
        let folder = tempfile::Builder::new().prefix("dethrone-").tempdir_in("/tmp").expect("/tmp is writable");
        let open = std::os::unix::fs::PermissionsExt::from_mode(0o755);
        std::fs::set_permissions(folder.path(), open).expect("the folder is ours");
        let url = script("start", folder.path());
        Some(Self { folder, url })
    }

    /// A new database on it.
    pub fn database(&self) -> Database {
        Database::on(&self.url)
    }

    /// Breaks off whatever it does, and starts it again.
    pub fn restart(&self) {
        script("stop", self.folder.path());
        script("start", self.folder.path());
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        script("stop", self.folder.path());
    }
}

fn server() -> Option<String> {
    let server = std::env::var(SERVER).ok();
    if server.is_none() {
        eprintln!("skipped: {SERVER} names no Postgres server");
    }
    server
}

fn script(wish: &str, folder: &Path) -> String {
    let script: PathBuf = Path::new(env!("CARGO_MANIFEST_DIR")).join("postgres/server.sh");
    let output = Command::new(script).arg(wish).arg(folder).output().expect("the script can be run");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

fn options(url: &str) -> PgConnectOptions {
    url.parse().unwrap_or_else(|error| panic!("{url} is no URL of a server: {error}"))
}

fn block_on<T>(future: impl Future<Output = Result<T, sqlx::Error>>) -> Result<T, sqlx::Error> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime for one query");
    runtime.block_on(future)
}
