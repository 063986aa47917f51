//! `dethrone demo`: the whole job on real models.

use std::path::PathBuf;

use clap::Args;

use super::common::{block_on, cache_folder, decide, settings_problem};
use crate::clock::Stopwatch;
use crate::demo::{DemoError, lay_out, settings};
use crate::exit_status::ExitStatus;
use crate::printer::Printer;
use crate::problem::Problem;
use crate::registry;
use crate::report::table;
use crate::reporter::for_this_terminal;
use crate::settings::Sources;

/// Where the demonstration's results go.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// The folder for the database, the evidence, the weights and the report.
    #[arg(long, value_name = "FOLDER", default_value = "dethrone-output")]
    output: PathBuf,
    /// A setting, such as `duel.budget=100`; may be given several times.
    #[arg(long = "set", value_name = "KEY=VALUE")]
    set: Vec<String>,
}

/// Sets up the sandbox, the models, a hub and a registry, and decides the window as `validate --once` does.
pub(super) fn run(arguments: &Arguments, printer: &Printer) -> Result<(), Problem> {
    let watch = Stopwatch::start();
    let reporter = for_this_terminal();
    let hub = lay_out(&cache_folder()?, &*reporter).map_err(|error| layout_problem(&error))?;
    let settings = Sources::new(&settings(&hub, &arguments.output), None, &arguments.set)
        .and_then(|sources| sources.settings())
        .map_err(|error| settings_problem(&error))?;
    let registry =
        registry::read(&settings.registry).map_err(|error| Problem::from_error(ExitStatus::Source, &error))?;
    let (output, database) = (settings.output.clone(), settings.output.join("dethrone.sqlite"));
    let (_, summary) = block_on(decide(settings, registry, &database, &output, reporter, watch))?;
    printer.data(&summary, table)
}

fn layout_problem(error: &DemoError) -> Problem {
    let status = match error {
        DemoError::Asset(_) => ExitStatus::Assets,
        DemoError::File { .. } => ExitStatus::Store,
        _ => ExitStatus::Unexpected,
    };
    Problem::from_error(status, error).hint(
        "the demonstration needs Python 3 with pip, and about 2 GB in the cache folder (DETHRONE_CACHE names another)",
    )
}
