//! What the whole-program tests share: a small subnet on disk, and the program run on it.

#![forbid(unsafe_code)]

pub mod chain;
mod mutation;
pub mod postgres;
mod web_hub;
mod windows;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use harness::evidence::{HashChain, Record, ValidatorKey};
use serde_json::value::RawValue;
use serde_json::{Value, json};
use tempfile::TempDir;

pub use mutation::{MutableLog, Mutation, Way};
pub use web_hub::WebHub;
pub use windows::{Committed, Windows, reference};

/// A commit hash; folder hubs ask for nothing more.
pub const COMMIT: &str = "0123456789abcdef0123456789abcdef01234567";

/// A folder hub of tiny random models, a registry and a settings file, in a folder that vanishes with it.
#[derive(Debug)]
pub struct Subnet {
    folder: TempDir,
    program: PathBuf,
    entries: Vec<Value>,
}

/// The folder with the fixtures.
pub fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures")
}

/// Writes a file; the tests have no use for a failure but to stop.
fn write(path: &Path, text: &str) {
    fs::write(path, text).unwrap_or_else(|error| panic!("cannot write {}: {error}", path.display()));
}

impl Subnet {
    /// An empty subnet for this program.
    pub fn new(program: &str) -> Self {
        let folder = tempfile::tempdir().expect("the temporary folder is writable");
        let subnet = Self { folder, program: PathBuf::from(program), entries: Vec::new() };
        write(
            &subnet.path("dethrone.toml"),
            "registry = 'registry.json'\noutput = 'output'\nround = 4\n\
             [hub]\nkind = 'folder'\nfolder = 'hub'\n\
             [heat]\ntasks = 0\n\
             [duel]\nbudget = 12\nminimum_tasks = 4\n\
             [engine]\nrows = 16\npages = 512\nthreads = 1\n",
        );
        subnet
    }

    /// A subnet whose champion is a tiny llama, with a copy of it and two other tiny models as challengers.
    pub fn of_four(program: &str) -> Self {
        let mut subnet = Self::new(program);
        for (hotkey, family) in [("alice", "llama"), ("bob", "qwen2"), ("carol", "llama"), ("dave", "qwen3")] {
            subnet.enter(hotkey, family);
        }
        subnet
    }

    /// The same validator in every subnet that this is called for: a validator's prints of models follow from its key.
    pub fn same_validator(self) -> Self {
        fs::create_dir_all(self.path("output")).expect("the temporary folder is writable");
        write(&self.path("output/validator.key"), &"07".repeat(32));
        self
    }

    /// A path inside the subnet's folder.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The folder of an entry's model.
    pub fn model(&self, hotkey: &str) -> PathBuf {
        self.path("hub").join(hotkey).join("model").join(COMMIT).join("files")
    }

    /// Adds an entry with a tiny random model of this family, committed after those before it.
    pub fn enter(&mut self, hotkey: &str, family: &str) -> PathBuf {
        let to = self.model(hotkey);
        Self::lay_out(&to, family);
        self.register(hotkey, &format!("{hotkey}/model@{COMMIT}"));
        to
    }

    /// Lays out a tiny random model of this family in a folder.
    pub fn lay_out(to: &Path, family: &str) {
        fs::create_dir_all(to).expect("the temporary folder is writable");
        for name in ["config.json", "model.safetensors"] {
            copy(&fixtures().join("golden").join(family).join(name), &to.join(name));
        }
        for name in ["tokenizer.json", "tokenizer_config.json"] {
            copy(&fixtures().join("tokenizer").join(name), &to.join(name));
        }
    }

    /// Adds an entry with this model reference.
    pub fn register(&mut self, hotkey: &str, model: &str) {
        let uid = self.entries.len() + 1;
        self.entries.push(json!({ "uid": uid, "hotkey": hotkey, "model": model, "committed": 100 + uid }));
        let registry = json!({
            "version": 1,
            "netuid": 120,
            "seed_block": 1000,
            "seed_hash": "5e".repeat(32),
            "entries": self.entries,
        });
        write(&self.path("registry.json"), &registry.to_string());
    }

    /// Adds lines to the settings file.
    pub fn settings(&self, lines: &str) {
        let path = self.path("dethrone.toml");
        let before = fs::read_to_string(&path).unwrap_or_default();
        write(&path, &format!("{lines}\n{before}"));
    }

    /// The program with these arguments, to be started in the subnet's folder.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.program);
        command.args(arguments).current_dir(self.folder.path());
        command
    }

    /// `dethrone validate --once` with the settings file and these further arguments, to be started.
    pub fn validate(&self, arguments: &[&str]) -> Command {
        let mut command = self.command(&["validate", "--once", "--config", "dethrone.toml", "--format", "json"]);
        command.args(arguments);
        command
    }

    /// A result file of the window, if it is there.
    pub fn result(&self, name: &str) -> Option<String> {
        fs::read_to_string(self.path("output/window-1000").join(name)).ok()
    }
}

fn copy(from: &Path, to: &Path) {
    fs::copy(from, to).unwrap_or_else(|error| panic!("cannot copy {}: {error}", from.display()));
}

/// Runs a command to its end.
pub fn run(mut command: Command) -> Output {
    command.output().expect("the program starts")
}

/// What a command said on standard error.
pub fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// The bodies of an evidence log: what two runs must agree on, without signatures and hashes (which follow from a key).
pub fn bodies(evidence: &str) -> Vec<String> {
    let body = |line: &str| {
        let record: Value = serde_json::from_str(line).expect("a line of evidence is JSON");
        let mut body = record["body"].clone();
        if let Some(fields) = body.as_object_mut() {
            fields.remove("validator");
        }
        format!("{} {} {body}", record["index"], record["kind"])
    };
    evidence.lines().map(body).collect()
}

/// An evidence log with other bodies, linked and signed with the validator's own key: what a validator that lies writes.
pub fn signed_again(evidence: &str, key: &Path, change: impl Fn(&str, &str) -> String) -> String {
    let (key, _) = ValidatorKey::read_or_make(key).expect("the key is there");
    let mut chain = HashChain::default();
    let again = |line: &str| {
        let record: Record = serde_json::from_str(line).expect("a line of evidence is a record");
        let body = RawValue::from_string(change(&record.kind, record.body.get())).expect("a changed body is JSON");
        serde_json::to_string(&chain.link(&record.kind, body, &key)).expect("a record is plain data") + "\n"
    };
    evidence.lines().map(again).collect()
}

/// Writes into a database that a newer version of the program has been there.
pub fn newer(database: &Path) {
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime for one query");
    let options = sqlx::sqlite::SqliteConnectOptions::new().filename(database);
    let insert = "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time) \
                  VALUES (9999, 'of the future', TRUE, x'00', 0)";
    let done = runtime.block_on(async {
        let mut connection = sqlx::ConnectOptions::connect(&options).await?;
        sqlx::query(insert).execute(&mut connection).await?;
        sqlx::Connection::close(connection).await
    });
    done.unwrap_or_else(|error: sqlx::Error| panic!("cannot write into {}: {error}", database.display()));
}
