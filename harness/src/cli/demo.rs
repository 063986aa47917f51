//! `dethrone demo`: a window on real models, set up from nothing.

use std::path::PathBuf;

use clap::Args;

use super::runtime::block_on;
use crate::chain::WeightsFile;
use crate::clock::Stopwatch;
use crate::demo::{DemoError, lay_out, settings};
use crate::exit_status::ExitStatus;
use crate::job::{self, Job, Ports};
use crate::printer::Printer;
use crate::problem::Problem;
use crate::registry::RegistryFile;
use crate::report::table;
use crate::reporter::for_this_terminal;
use crate::sandbox::cache_folder;
use crate::settings::Sources;
use crate::window::Unchallenged;

/// Arguments of `dethrone demo`.
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
        .and_then(|sources| sources.settings())?;
    let registry = RegistryFile::new(settings.registry.clone());
    let chain = WeightsFile::new(settings.output.clone());
    let database = settings.database();
    let ports = Ports { registry: &registry, chain: &chain, reporter };
    let job = Job { settings, unchallenged: Unchallenged::Rests, database, watch };
    let finished = block_on(job::run(job, ports))?.decided()?;
    printer.data(&finished.summary, table)
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
