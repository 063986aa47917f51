//! `dethrone validate`: decides the weights of a window.

use std::path::PathBuf;

use clap::Args;

use super::runtime::block_on;
use crate::chain::WeightsFile;
use crate::clock::Stopwatch;
use crate::job::{self, Job, Ports};
use crate::printer::Printer;
use crate::problem::Problem;
use crate::registry::RegistryFile;
use crate::report::table;
use crate::reporter::for_this_terminal;
use crate::settings::{Settings, ShownSetting, Sources};
use crate::window::Unchallenged;

/// Arguments of `dethrone validate`.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// The settings file (TOML).
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Decide the registry's window and end.
    #[arg(long, required_unless_present = "show_settings")]
    once: bool,
    /// A setting, such as `engine.rows=16`; may be given several times.
    #[arg(long = "set", value_name = "KEY=VALUE")]
    set: Vec<String>,
    /// Print every setting with its value and its source, and end.
    #[arg(long)]
    show_settings: bool,
}

/// Decides the window of the registry.
pub(super) fn run(arguments: &Arguments, printer: &Printer) -> Result<(), Problem> {
    let watch = Stopwatch::start();
    let sources = Sources::new(&Settings::default(), arguments.config.as_deref(), &arguments.set)?;
    if arguments.show_settings {
        let shown = sources.show()?;
        return printer.data(&shown, |shown| settings_text(shown));
    }
    let settings = sources.settings()?;
    let registry = RegistryFile::new(settings.registry.clone());
    let chain = WeightsFile::new(settings.output.clone());
    let database = settings.output.join("dethrone.sqlite");
    let ports = Ports { registry: &registry, chain: &chain, reporter: for_this_terminal() };
    let finished = block_on(job::run(Job { settings, unchallenged: Unchallenged::Rests, database, watch }, ports))?;
    printer.data(&finished.summary, table)?;
    finished.conclusion.nothing_scored().map_or(Ok(()), |reason| Err(Problem::nothing_scored(&reason)))
}

fn settings_text(shown: &[ShownSetting]) -> String {
    let line = |setting: &ShownSetting| format!("{} = {}  ({})", setting.key, setting.value, setting.source);
    shown.iter().map(line).collect::<Vec<_>>().join("\n")
}
