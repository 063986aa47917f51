//! The settings of a run: one plain structure, every field with a default.

use std::path::PathBuf;

use models::engine::EngineSettings;
use models::hub::HubSettings;
use models::remote::RemoteSettings;
use sandboxes::SandboxSettings;
use serde::{Deserialize, Serialize};

use super::chain::ChainSettings;
use super::deciding::Deciding;
use super::environments::environments;
use super::service::ServiceSettings;
use super::workers::WorkerSettings;
use crate::database_location::DatabaseLocation;

/// The settings of a run. [`super::Sources`] refuses keys that are not here.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Settings {
    /// The registry file: each entry's miner, model and block of commitment.
    pub registry: PathBuf,
    /// The folder for the database, the evidence, the weights and the report.
    pub output: PathBuf,
    /// The database: the path of a SQLite file, or the URL of a Postgres database (`postgres://user@host/name`, its password in
    /// the variable `PGPASSWORD` or in `~/.pgpass`). The file `dethrone.sqlite` in the output folder unless given.
    pub database: Option<DatabaseLocation>,
    /// The file with the validator's ed25519 secret key (32 bytes as hex); made on first use when it does not exist.
    /// Inside the output folder unless given.
    pub key: Option<PathBuf>,
    /// The file of the reign record that the window begins from, where validators have agreed on one. Otherwise the
    /// validator goes on from its own last window, unless the registry names another champion.
    pub record: Option<PathBuf>,
    /// Rollouts of each entry that its page beside the report shows as text, from the first task on; 0 writes no pages.
    pub report_rollouts: usize,
    /// The hub that models come from.
    pub hub: HubSettings,
    /// The environments whose tasks every model answers, in this order: tables, or short forms such as `"sat"` and `"sat:2"`.
    #[serde(deserialize_with = "environments")]
    pub environments: Vec<EnvironmentChoice>,
    /// The settings that decide a result.
    #[serde(flatten)]
    pub deciding: Deciding,
    /// The inference engine.
    pub engine: EngineSettings,
    /// Models that a server runs.
    pub remote: RemoteSettings,
    /// The sandbox in which programs run.
    pub sandbox: SandboxSettings,
    /// The chain: its nodes, the subnet, and the key that signs weights.
    pub chain: ChainSettings,
    /// The validator that runs for weeks.
    pub service: ServiceSettings,
    /// Processes on this and other machines that make rollouts.
    pub workers: WorkerSettings,
}

/// One environment and its difficulty.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct EnvironmentChoice {
    /// A name of the catalog, or the path of an environment's Python file.
    pub name: String,
    /// Difficulty, from 0.
    #[serde(default)]
    pub tier: u8,
}

impl Settings {
    /// The database.
    pub(crate) fn database(&self) -> DatabaseLocation {
        self.database.clone().unwrap_or_else(|| self.output.join("dethrone.sqlite").into())
    }
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            registry: PathBuf::from("registry.json"),
            output: PathBuf::from("dethrone-output"),
            database: None,
            key: None,
            record: None,
            report_rollouts: 60,
            hub: HubSettings::default(),
            environments: ["sat", "abduction", "deduction"]
                .map(|name| EnvironmentChoice { name: name.to_owned(), tier: 0 })
                .to_vec(),
            deciding: Deciding::default(),
            engine: EngineSettings::default(),
            remote: RemoteSettings::default(),
            sandbox: SandboxSettings::default(),
            chain: ChainSettings::default(),
            service: ServiceSettings::default(),
            workers: WorkerSettings::default(),
        }
    }
}
