//! `dethrone doctor`: checks everything that setting weights needs, with the way out of each failure.

use std::path::Path;
use std::time::Duration;

use clap::Args;
use models::cuda::Accelerator;
use models::hub::HubKind;
use serde::Serialize;

use super::connection::{ChainArguments, hotkey_or_own};
use super::runtime::block_on;
use crate::chain::{Endpoint, SCHEME, first_round_after, snapshot};
use crate::clock::unix_seconds;
use crate::exit_status::ExitStatus;
use crate::printer::Printer;
use crate::problem::Problem;
use crate::registry::{Hotkey, Neuron, SubnetSnapshot};
use crate::report::tables::Table;
use crate::settings::{Settings, Variables};
use crate::store::check;

/// Seconds that a head's time and this machine's may differ.
const CLOCK_SKEW: u64 = 60;

/// Rounds of drand that the chain may lag behind.
const DRAND_LAG: u64 = 40;

/// Room that a window's models and database may need, in gigabytes.
const DISK_GIGABYTES: u64 = 50;

/// Tempos after which weights are stale.
const STALE_TEMPOS: u64 = 2;

/// Arguments of `dethrone doctor`.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// The validator's address; that of the hotkey file unless given.
    #[arg(long, value_name = "ADDRESS")]
    hotkey: Option<String>,
    #[command(flatten)]
    chain: ChainArguments,
}

/// Result of a check.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum Status {
    Good,
    Warning,
    Bad,
}

/// A check.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
struct Check {
    name: String,
    status: Status,
    /// The finding.
    found: String,
    /// The way out, where it is not good.
    fix: Option<String>,
}

impl Check {
    fn new(name: &str, status: Status, found: impl Into<String>, fix: &str) -> Self {
        let fix = (status != Status::Good).then(|| fix.to_owned());
        Self { name: name.to_owned(), status, found: found.into(), fix }
    }

    /// A check that is good or bad.
    fn holds(name: &str, holds: bool, found: impl Into<String>, fix: &str) -> Self {
        Self::new(name, if holds { Status::Good } else { Status::Bad }, found, fix)
    }
}

/// Checks everything, and fails if something is bad.
pub(super) fn run(arguments: &Arguments, printer: &Printer) -> Result<(), Problem> {
    let settings = arguments.chain.settings()?;
    let mut checks = Vec::new();
    let hotkey = match hotkey_or_own(arguments.hotkey.as_deref(), &settings) {
        Ok(hotkey) => {
            checks.push(Check::holds("hotkey", true, hotkey.0.clone(), ""));
            Some(hotkey)
        }
        Err(problem) => {
            checks.push(Check::holds(
                "hotkey",
                false,
                problem.summary,
                "name the file with chain.wallet and chain.hotkey, or give --hotkey",
            ));
            None
        }
    };
    block_on(async {
        checks.extend(of_chain(&settings, hotkey.as_ref()).await);
        checks.push(of_hub(&settings).await);
        checks.extend(of_machine(&settings));
        checks.push(database(&settings).await);
        Ok(())
    })?;
    printer.data(&checks, |checks| text(checks))?;
    let bad = checks.iter().filter(|check| check.status == Status::Bad).count();
    if bad == 0 {
        return Ok(());
    }
    Err(Problem::new(ExitStatus::CheckFailed, format!("{bad} of {} checks failed", checks.len()))
        .hint("each row of the table says what to do"))
}

/// Tries every node, then reads the subnet from the first that answers.
async fn of_chain(settings: &Settings, hotkey: Option<&Hotkey>) -> Vec<Check> {
    let limit = Duration::from_secs(settings.chain.timeout_seconds);
    let (mut checks, mut working) = (Vec::new(), None);
    for url in &settings.chain.endpoints {
        let tried = match Endpoint::connect(url, limit).await {
            Ok(endpoint) => endpoint.finalized_head().await.map(|head| (endpoint, head)),
            Err(error) => Err(error),
        };
        match tried {
            Ok((endpoint, head)) => {
                let found = format!("{url}: finalized block {}", head.number);
                checks.push(Check::holds("endpoint", true, found, ""));
                working.get_or_insert((endpoint, head));
            }
            Err(error) => checks.push(Check::holds(
                "endpoint",
                false,
                error.to_string(),
                "remove it from chain.endpoints, or start the node",
            )),
        }
    }
    let Some((endpoint, head)) = working else { return checks };
    match snapshot(&endpoint, &head, (settings.chain.netuid, settings.chain.mechanism)).await {
        Ok(snapshot) => {
            let now = unix_seconds().unsigned_abs();
            checks.extend(of_subnet(&snapshot, now, settings.chain.version_key));
            if let Some(hotkey) = hotkey {
                checks.extend(of_validator(&snapshot, hotkey));
            }
        }
        Err(error) => checks.push(Check::holds(
            "subnet",
            false,
            error.to_string(),
            "name the subnet with chain.netuid and chain.mechanism",
        )),
    }
    checks
}

/// Checks of the subnet and of the chain's health.
fn of_subnet(snapshot: &SubnetSnapshot, now: u64, version_key: u64) -> Vec<Check> {
    let parameters = &snapshot.parameters;
    let time = snapshot.block.unix_ms / 1000;
    let skew = now.abs_diff(time);
    let mut checks = vec![Check::holds(
        "clock",
        skew <= CLOCK_SKEW,
        format!("{skew} s from the time of block {}", snapshot.block.number),
        "set this machine's clock by NTP; if it is right, the node lags behind",
    )];
    let lag = parameters.drand_round.map(|round| first_round_after(snapshot.block.unix_ms).saturating_sub(round));
    checks.push(match lag {
        Some(lag) => Check::holds(
            "drand",
            lag <= DRAND_LAG,
            format!("the chain is {lag} rounds behind"),
            "wait: rows are not revealed until the chain has their round",
        ),
        None => Check::new(
            "drand",
            Status::Warning,
            "the runtime stores no rounds",
            "windows cannot be seeded on this chain",
        ),
    });
    let (status, found) = match parameters.commit_reveal {
        None => (Status::Good, "off: rows are set in the open".to_owned()),
        Some(scheme) if scheme.version == SCHEME => {
            (Status::Good, format!("version {}, revealed after {} epochs", scheme.version, scheme.period))
        }
        Some(scheme) => (Status::Bad, format!("version {}; this program writes {SCHEME}", scheme.version)),
    };
    checks.push(Check::new("commit-reveal", status, found, "upgrade this program"));
    checks.push(Check::holds(
        "version key",
        parameters.weights_version <= version_key,
        format!("the subnet asks for {}, chain.version_key is {version_key}", parameters.weights_version),
        "upgrade this program, then set chain.version_key to the subnet's",
    ));
    let is_free = parameters.max_weights_limit == u16::MAX;
    let found = format!("one uid may have {} of 65535", parameters.max_weights_limit);
    checks.push(Check::holds(
        "weight limit",
        is_free,
        found,
        "the owner has to set MaxWeightsLimit to 65535: one model gets all the weight",
    ));
    checks
}

/// Checks of the validator's slot.
fn of_validator(snapshot: &SubnetSnapshot, hotkey: &Hotkey) -> Vec<Check> {
    let netuid = snapshot.netuid;
    let Some(neuron) = snapshot.neuron(hotkey) else {
        let found = format!("{hotkey} has no uid on subnet {netuid}");
        return vec![Check::holds("registered", false, found, "register the hotkey on the subnet")];
    };
    let Neuron { uid, permit, stake, last_update, .. } = neuron;
    let parameters = &snapshot.parameters;
    let is_owner = parameters.owner_hotkey.as_ref() == Some(hotkey);
    let mut checks = vec![
        Check::holds("registered", true, format!("uid {}", uid.0), ""),
        Check::holds(
            "permit",
            *permit || is_owner,
            if *permit { "yes" } else { "no" },
            "add stake: the permit comes one tempo after it",
        ),
    ];
    checks.push(match (stake, parameters.stake_threshold) {
        (Some(stake), Some(threshold)) => Check::holds(
            "stake",
            *stake >= threshold || is_owner,
            format!("{stake}, the threshold is {threshold}"),
            "add stake to the hotkey",
        ),
        _ => Check::new("stake", Status::Warning, "the runtime does not tell it", "look it up with a wallet tool"),
    });
    let block = snapshot.block.number;
    let age = block.saturating_sub(*last_update);
    let tempo = u64::from(parameters.tempo).max(1);
    let is_stale = *last_update == 0 || age > STALE_TEMPOS * tempo;
    let status = if is_stale { Status::Warning } else { Status::Good };
    checks.push(Check::new(
        "weights",
        status,
        format!("last set {age} blocks ago, the tempo is {tempo}"),
        "start `dethrone validate`, or submit a window's weights",
    ));
    let next = last_update + parameters.weights_rate_limit;
    let found = if *last_update == 0 || next <= block {
        "a row may be set now".to_owned()
    } else {
        format!("the next row from block {next} on")
    };
    checks.push(Check::new("rate limit", Status::Good, found, ""));
    checks
}

/// Checks that the hub can be reached.
async fn of_hub(settings: &Settings) -> Check {
    if settings.hub.kind == HubKind::Folder {
        let folder = settings.hub.folder.as_deref().unwrap_or(Path::new("."));
        return Check::holds("hub", folder.is_dir(), folder.display().to_string(), "hub.folder has to be a folder");
    }
    let address = Variables::of_process().hub_endpoint.unwrap_or_else(|| "https://huggingface.co".to_owned());
    let fix = "check the network; the variable HF_ENDPOINT names another hub";
    let Some(host) = host_and_port(&address) else {
        return Check::holds("hub", false, format!("{address} is not an address"), fix);
    };
    let connected = tokio::time::timeout(Duration::from_secs(10), tokio::net::TcpStream::connect(&host)).await;
    match connected {
        Ok(Ok(_)) => Check::holds("hub", true, address, ""),
        Ok(Err(error)) => Check::holds("hub", false, format!("{address}: {error}"), fix),
        Err(_) => Check::holds("hub", false, format!("{address} does not answer"), fix),
    }
}

/// Host and port of a web address.
fn host_and_port(address: &str) -> Option<String> {
    let (scheme, rest) = address.split_once("://")?;
    let host = rest.split('/').next().filter(|host| !host.is_empty())?;
    let port = if scheme == "http" { 80 } else { 443 };
    let has_port = host.rsplit_once(':').is_some_and(|(_, port)| port.parse::<u16>().is_ok());
    Some(if has_port { host.to_owned() } else { format!("{host}:{port}") })
}

/// Checks of this machine.
fn of_machine(settings: &Settings) -> Vec<Check> {
    let folder = existing(&settings.output);
    let room = rustix::fs::statvfs(folder).map(|status| status.f_bavail * status.f_frsize / 1_000_000_000);
    let disk = match room {
        Ok(gigabytes) => {
            let status = if gigabytes >= DISK_GIGABYTES { Status::Good } else { Status::Warning };
            Check::new(
                "disk",
                status,
                format!("{gigabytes} GB free at {}", folder.display()),
                "free some, or name another folder with `output`",
            )
        }
        Err(error) => {
            Check::holds("disk", false, format!("{}: {error}", folder.display()), "name another folder with `output`")
        }
    };
    let is_there = Accelerator::is_present();
    let card = if is_there { "found" } else { "none: models run on the processor" };
    let card_status = if is_there { Status::Good } else { Status::Warning };
    vec![disk, Check::new("graphics card", card_status, card, "large models need one: install NVIDIA's driver")]
}

/// The check of the database: a folder for a file, an answer of a server.
async fn database(settings: &Settings) -> Check {
    let location = settings.database();
    if let Some(path) = location.file() {
        let folder = existing(path.parent().unwrap_or(path));
        let writable = !std::fs::metadata(folder).is_ok_and(|it| it.permissions().readonly());
        return Check::holds("database", writable, location.to_string(), "make its folder writable");
    }
    match check(&location).await {
        Ok(checked) if checked.faults.is_empty() => Check::holds("database", true, location.to_string(), ""),
        Ok(checked) => Check::holds("database", false, checked.faults.join("; "), "restore it from a copy"),
        Err(error) => {
            let fix = "see that its server runs and lets this user in; the setting `database` names it";
            Check::holds("database", false, error.to_string(), fix)
        }
    }
}

/// The nearest folder above a path that is there.
fn existing(path: &Path) -> &Path {
    path.ancestors().find(|folder| !folder.as_os_str().is_empty() && folder.exists()).unwrap_or(Path::new("."))
}

fn text(checks: &[Check]) -> String {
    let row = |check: &Check| {
        let word = match check.status {
            Status::Good => "good",
            Status::Warning => "look",
            Status::Bad => "BAD",
        };
        vec![check.name.clone(), word.to_owned(), check.found.clone(), check.fix.clone().unwrap_or_default()]
    };
    let header = ["check", "", "found", "what to do"].map(str::to_owned).to_vec();
    Table { title: String::new(), header, rows: checks.iter().map(row).collect() }.text()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hubs_address_gives_host_and_port() {
        for (address, expected) in [
            ("https://huggingface.co", Some("huggingface.co:443")),
            ("http://127.0.0.1:8080/x", Some("127.0.0.1:8080")),
            ("http://hub/", Some("hub:80")),
            ("hub", None),
            ("https:///x", None),
        ] {
            assert_eq!(host_and_port(address).as_deref(), expected, "{address}");
        }
    }

    #[test]
    fn a_good_check_has_no_fix_and_any_other_has_one() {
        assert_eq!(Check::holds("a", true, "x", "do").fix, None);
        assert_eq!(Check::holds("a", false, "x", "do").fix.as_deref(), Some("do"));
        assert_eq!(Check::new("a", Status::Warning, "x", "do").fix.as_deref(), Some("do"));
    }

    #[test]
    fn the_folder_above_a_path_that_is_not_there_is_looked_at() {
        assert_eq!(existing(Path::new("/nowhere/at/all")), Path::new("/"));
        assert_eq!(existing(Path::new("nowhere/at/all")), Path::new("."));
    }
}
