//! `dethrone validate`: decides the weights of a window, or of window after window of a chain.

use std::path::PathBuf;
#[cfg(feature = "chain")]
use std::{sync::Arc, time::Duration};

use clap::Args;

use super::runtime::block_on;
#[cfg(feature = "chain")]
use super::{
    connection::writer,
    nodes::{Access, Nodes},
    runtime::block_on_service,
};
use crate::chain::WeightsFile;
use crate::clock::Stopwatch;
use crate::exit_status::ExitStatus;
use crate::job::{self, Job, Ports};
use crate::printer::Printer;
use crate::problem::Problem;
use crate::registry::RegistryFile;
use crate::report::table;
use crate::reporter::for_this_terminal;
#[cfg(feature = "chain")]
use crate::reporter::start_log_files;
#[cfg(feature = "chain")]
use crate::service::{Identity, Link, Parts, serve};
use crate::settings::{Settings, ShownSetting, Sources};
use crate::window::Unchallenged;

/// Time that threads which compute have for their end after the tasks.
#[cfg(feature = "chain")]
const LIMIT: Duration = Duration::from_secs(2);

/// Arguments of `dethrone validate`.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// The settings file (TOML).
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Decide the window of the registry file and end, in place of window after window of the chain.
    #[arg(long)]
    once: bool,
    /// Decide windows of the chain and set no weights; no hotkey is needed.
    #[arg(long, conflicts_with = "once")]
    no_weights: bool,
    /// A setting, such as `engine.rows=16`; may be given several times.
    #[arg(long = "set", value_name = "KEY=VALUE")]
    set: Vec<String>,
    /// Print every setting with its value and its source, and end.
    #[arg(long)]
    show_settings: bool,
}

/// Decides the window of the registry file, or window after window of the chain.
pub(super) fn run(arguments: &Arguments, printer: &Printer) -> Result<(), Problem> {
    let watch = Stopwatch::start();
    let sources = Sources::new(&Settings::default(), arguments.config.as_deref(), &arguments.set)?;
    if arguments.show_settings {
        let shown = sources.show()?;
        return printer.data(&shown, |shown| settings_text(shown));
    }
    let settings = sources.settings()?;
    if !arguments.once {
        return follow_chain(arguments, settings);
    }
    let registry = RegistryFile::new(settings.registry.clone());
    let chain = WeightsFile::new(settings.output.clone());
    let database = settings.database();
    let ports = Ports { registry: &registry, chain: &chain, reporter: for_this_terminal() };
    let job = Job { settings, unchallenged: Unchallenged::Rests, database, watch };
    let finished = block_on(job::run(job, ports))?.decided()?;
    printer.data(&finished.summary, table)?;
    finished.conclusion.nothing_scored().map_or(Ok(()), |reason| Err(Problem::nothing_scored(&reason)))
}

/// Validates the subnet of the settings until the process is asked to end.
#[cfg(feature = "chain")]
fn follow_chain(arguments: &Arguments, settings: Settings) -> Result<(), Problem> {
    let service = &settings.service;
    let logs = service.logs.clone().unwrap_or_else(|| settings.output.join("logs"));
    start_log_files(&logs, service.log_files).map_err(|error| {
        Problem::from_error(ExitStatus::Store, &error).hint("the setting `service.logs` names the folder of the log")
    })?;
    let access = if arguments.no_weights { Access::Reads } else { Access::Signs };
    let (config, set) = (arguments.config.clone(), arguments.set.clone());
    let read_settings = move |changed: &[String]| {
        let flags = [set.as_slice(), changed].concat();
        Sources::new(&Settings::default(), config.as_deref(), &flags)?.settings()
    };
    block_on_service(LIMIT, async {
        let hotkey = match access {
            Access::Signs => writer(&settings).await?.hotkey(),
            Access::Reads => None,
        };
        let chain = &settings.chain;
        let identity = Identity { netuid: chain.netuid, hotkey, version_key: chain.version_key };
        // A snapshot takes several requests.
        let limit = Duration::from_secs(chain.timeout_seconds.saturating_mul(4));
        let link = Link::new(Nodes::new(settings.clone(), access), chain.endpoints.clone(), limit);
        let parts = Parts {
            identity,
            read_settings: Arc::new(read_settings),
            link,
            database: settings.database(),
            reporter: for_this_terminal(),
            settings,
        };
        Box::pin(serve(parts, asked_to_end()?)).await
    })
}

/// Refuses to follow a chain in a build that knows none.
#[cfg(not(feature = "chain"))]
fn follow_chain(arguments: &Arguments, _: Settings) -> Result<(), Problem> {
    let weights = if arguments.no_weights { "follows no chain" } else { "sets no weights" };
    Err(Problem::new(ExitStatus::Usage, format!("this build has no feature `chain` and {weights}"))
        .hint("give `--once` to decide the window of a registry file, or build with the default features"))
}

/// Ready when the process is asked to end: SIGTERM, or Ctrl-C.
#[cfg(feature = "chain")]
fn asked_to_end() -> Result<impl Future<Output = ()> + Send, Problem> {
    use tokio::signal::unix::{SignalKind, signal};
    let listen = |kind| {
        signal(kind).map_err(|error| Problem::new(ExitStatus::Unexpected, format!("cannot listen to signals: {error}")))
    };
    let (mut terminated, mut interrupted) = (listen(SignalKind::terminate())?, listen(SignalKind::interrupt())?);
    Ok(async move {
        tokio::select! {
            _ = terminated.recv() => {}
            _ = interrupted.recv() => {}
        }
    })
}

fn settings_text(shown: &[ShownSetting]) -> String {
    let line = |setting: &ShownSetting| format!("{} = {}  ({})", setting.key, setting.value, setting.source);
    shown.iter().map(line).collect::<Vec<_>>().join("\n")
}
