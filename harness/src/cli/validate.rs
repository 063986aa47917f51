//! `dethrone validate`: who earns the weight of this window?

use std::path::PathBuf;

use clap::Args;

use super::common::{block_on, decide, settings_problem};
use crate::clock::Stopwatch;
use crate::exit_status::ExitStatus;
use crate::printer::Printer;
use crate::problem::Problem;
use crate::registry;
use crate::report::table;
use crate::reporter::for_this_terminal;
use crate::settings::{Settings, ShownSetting, Sources};

/// What to decide, and how.
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
    let sources = Sources::new(&Settings::default(), arguments.config.as_deref(), &arguments.set)
        .map_err(|error| settings_problem(&error))?;
    if arguments.show_settings {
        let shown = sources.show().map_err(|error| settings_problem(&error))?;
        return printer.data(&shown, |shown| settings_text(shown));
    }
    let settings = sources.settings().map_err(|error| settings_problem(&error))?;
    let registry = registry::read(&settings.registry).map_err(|error| {
        Problem::from_error(ExitStatus::Source, &error)
            .hint("the setting `registry` names the file; the README shows one")
    })?;
    let output = settings.output.clone();
    let database = output.join("dethrone.sqlite");
    let (_, summary) = block_on(decide(settings, registry, &database, &output, for_this_terminal(), watch))?;
    printer.data(&summary, table)
}

fn settings_text(shown: &[ShownSetting]) -> String {
    let line = |setting: &ShownSetting| format!("{} = {}  ({})", setting.key, setting.value, setting.source);
    shown.iter().map(line).collect::<Vec<_>>().join("\n")
}
