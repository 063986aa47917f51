//! Ranges of the settings' values.

use models::engine::EngineSettings;
use models::hub::{HubKind, HubSettings};
use models::remote::RemoteSettings;
use pareto::DuelError;
use pareto::weights::{WeightError, WeightSettings};

use super::chain::ChainSettings;
use super::deciding::{Deciding, SamplingSettings};
use super::error::SettingsError;
use super::schema::{EnvironmentChoice, Settings};
use super::service::ServiceSettings;
use super::workers::WorkerSettings;

/// A round's units are listed before they are made.
const MOST_TASKS_A_ROUND: u32 = 1_000_000;
/// Numbers of tasks have 32 bits.
const MOST_TASKS: usize = 1_000_000_000;
/// Reference tasks of one task, which a champion answers beside it.
const MOST_REFERENCES: usize = 1_000;

/// Checks the values that a type alone does not.
///
/// # Errors
/// If a value is outside its range, with its key and the range.
pub(super) fn check(settings: &Settings) -> Result<(), SettingsError> {
    let Settings { environments, deciding, engine, remote, hub, chain, service, workers, .. } = settings;
    require(!environments.is_empty(), "environments", "empty", "a list of at least one environment")?;
    check_environments(environments)?;
    deciding.check()?;
    check_engine(engine, deciding.sampling.context)?;
    check_remote(remote)?;
    check_hub(hub)?;
    check_chain(chain)?;
    check_service(service)?;
    check_workers(workers)?;
    let on_server = settings.database.as_ref().is_some_and(|database| database.file().is_none());
    require(
        on_server || !workers.enabled,
        "workers.enabled",
        workers.enabled,
        "false unless `database` is a Postgres database",
    )
}

/// Refuses an environment that is named twice: its tasks would count twice.
fn check_environments(environments: &[EnvironmentChoice]) -> Result<(), SettingsError> {
    let named = |choice: &EnvironmentChoice| format!("{} at tier {} more than once", choice.name, choice.tier);
    let twice = environments.iter().enumerate().find(|(place, choice)| environments[..*place].contains(choice));
    require(
        twice.is_none(),
        "environments",
        twice.map(|(_, choice)| named(choice)).unwrap_or_default(),
        "a list of different ones",
    )
}

impl Deciding {
    /// Checks the values that a type alone does not.
    ///
    /// # Errors
    /// If a value is outside its range, with its key and the range.
    pub(crate) fn check(&self) -> Result<(), SettingsError> {
        let Self { round, alpha, sampling, weights, duel, heat, work, .. } = self;
        require((1..=MOST_TASKS_A_ROUND).contains(round), "round", round, "between 1 and 1000000")?;
        require(*alpha >= 1e-60 && *alpha <= 0.5, "alpha", alpha, "between 1e-60 and 0.5")?;
        require(duel.budget <= MOST_TASKS, "duel.budget", duel.budget, "at most 1000000000")?;
        require(heat.tasks <= MOST_TASKS, "heat.tasks", heat.tasks, "at most 1000000000")?;
        require(duel.references <= MOST_REFERENCES, "duel.references", duel.references, "at most 1000")?;
        check_sampling(sampling)?;
        let least = work.tokens.min(work.bytes).min(work.fuel);
        require(least > 0, "work", least, "at least 1 of each")?;
        check_duel(duel.validate(), "duel")?;
        check_duel(heat.validate(), "heat")?;
        check_weights(weights)
    }
}

/// Refuses, before anything is fetched, values that a duel or a heat would refuse later.
fn check_duel(checked: Result<(), DuelError>, section: &'static str) -> Result<(), SettingsError> {
    checked.map_err(|error| SettingsError::Duel { section, error })
}

fn check_sampling(sampling: &SamplingSettings) -> Result<(), SettingsError> {
    let SamplingSettings { context, temperature, top_k, top_p } = *sampling;
    require(temperature.is_finite() && temperature >= 0.0, "sampling.temperature", temperature, "0 or more")?;
    if let Some(top_p) = top_p {
        require(top_p > 0.0 && top_p <= 1.0, "sampling.top_p", top_p, "above 0 and at most 1")?;
    }
    require(top_k != Some(0), "sampling.top_k", 0, "at least 1")?;
    require(context > 0, "sampling.context", context, "at least 1")
}

fn check_weights(weights: &WeightSettings) -> Result<(), SettingsError> {
    let Err(WeightError::Setting { name, value, allowed }) = weights.check() else { return Ok(()) };
    let key = match name {
        "burn" => "weights.burn",
        "decay" => "weights.decay",
        _ => "weights.champions",
    };
    require(false, key, value, allowed)
}

fn check_engine(engine: &EngineSettings, context: usize) -> Result<(), SettingsError> {
    let EngineSettings { rows, chunk, pages, page_tokens, .. } = *engine;
    require(rows > 0, "engine.rows", rows, "at least 1")?;
    require(chunk > 0, "engine.chunk", chunk, "at least 1")?;
    let is_paged = page_tokens > 0 && page_tokens.is_multiple_of(models::kernel::PAGE_STEP);
    require(is_paged, "engine.page_tokens", page_tokens, "a multiple of 32")?;
    let has_room = pages == 0 || pages.saturating_mul(page_tokens) >= context;
    require(has_room, "engine.pages", pages, "0, or enough pages for a text of sampling.context tokens")
}

fn check_remote(remote: &RemoteSettings) -> Result<(), SettingsError> {
    let at_least_one = [
        ("remote.in_flight", remote.in_flight > 0),
        ("remote.per_minute", remote.per_minute != Some(0)),
        ("remote.timeout_seconds", remote.timeout_seconds > 0),
        ("remote.attempts", remote.attempts > 0),
    ];
    at_least_one.into_iter().try_for_each(|(key, holds)| require(holds, key, 0, "at least 1"))
}

fn check_hub(hub: &HubSettings) -> Result<(), SettingsError> {
    let is_rooted = hub.kind != HubKind::Folder || hub.folder.is_some();
    require(is_rooted, "hub.folder", "missing", "a folder, since hub.kind is \"folder\"")
}

fn check_chain(chain: &ChainSettings) -> Result<(), SettingsError> {
    require(!chain.endpoints.is_empty(), "chain.endpoints", "empty", "a list of at least one node's address")?;
    let odd = chain.endpoints.iter().find(|url| !url.starts_with("ws://") && !url.starts_with("wss://"));
    require(odd.is_none(), "chain.endpoints", format!("{odd:?}"), "addresses that begin with ws:// or wss://")?;
    let genesis = chain.genesis.as_deref().map(|genesis| genesis.strip_prefix("0x").unwrap_or(genesis));
    let is_hash = genesis.is_none_or(|digits| digits.len() == 64 && digits.bytes().all(|it| it.is_ascii_hexdigit()));
    require(is_hash, "chain.genesis", genesis.unwrap_or_default(), "64 hexadecimal digits")?;
    require(chain.timeout_seconds > 0, "chain.timeout_seconds", 0, "at least 1")
}

fn check_workers(workers: &WorkerSettings) -> Result<(), SettingsError> {
    let WorkerSettings { block, compared, idle_seconds, job_seconds, heartbeat_seconds, .. } = workers;
    require((1..=10_000).contains(block), "workers.block", block, "between 1 and 10000")?;
    require(*compared <= 100, "workers.compared", compared, "at most 100")?;
    for (name, seconds) in [
        ("workers.idle_seconds", idle_seconds),
        ("workers.job_seconds", job_seconds),
        ("workers.heartbeat_seconds", heartbeat_seconds),
    ] {
        require(*seconds > 0, name, seconds, "at least 1")?;
    }
    Ok(())
}

fn check_service(service: &ServiceSettings) -> Result<(), SettingsError> {
    let ServiceSettings { window_blocks, block_milliseconds, submit_seconds, log_files, listen, .. } = service;
    require(*window_blocks > 0, "service.window_blocks", window_blocks, "at least 1")?;
    require(*block_milliseconds > 0, "service.block_milliseconds", block_milliseconds, "at least 1")?;
    require(*submit_seconds > 0, "service.submit_seconds", submit_seconds, "at least 1")?;
    require(*log_files > 0, "service.log_files", log_files, "at least 1")?;
    let is_address = listen.is_empty() || listen.parse::<std::net::SocketAddr>().is_ok();
    require(is_address, "service.listen", listen, "an address such as 127.0.0.1:9464, or empty")
}

fn require(
    holds: bool,
    key: &'static str,
    value: impl std::fmt::Display,
    expected: &'static str,
) -> Result<(), SettingsError> {
    if holds { Ok(()) } else { Err(SettingsError::OutOfRange { key, value: value.to_string(), expected }) }
}
