//! `dethrone env`: starts a new environment, and runs the check that every environment has to pass.

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use environments::check::{CheckReport, CheckSettings, check};

use super::runtime::block_on;
use crate::exit_status::ExitStatus;
use crate::printer::Printer;
use crate::problem::{MEND_SETTINGS, Problem};
use crate::reporter::for_this_terminal;
use crate::rollout::open_environment;
use crate::sandbox::open_sandbox;
use crate::settings::Settings;

/// Arguments of `dethrone env`.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Attacks an environment's verifier before a miner does.
    Check(Check),
    /// Writes an environment to start from.
    New(New),
}

#[derive(Debug, Args)]
struct Check {
    /// A name of the catalog, or a Python file.
    environment: String,
    /// Difficulty, from 0.
    #[arg(long, value_name = "N", default_value_t = 0)]
    tier: u8,
}

#[derive(Debug, Args)]
struct New {
    /// The Python file to write; it must not exist.
    file: PathBuf,
}

/// Checks an environment or starts a new one.
pub(super) fn run(arguments: &Arguments, printer: &Printer) -> Result<(), Problem> {
    match &arguments.command {
        Command::Check(check) => run_check(check, printer),
        Command::New(new) => run_new(&new.file, printer),
    }
}

fn run_check(arguments: &Check, printer: &Printer) -> Result<(), Problem> {
    let report = block_on(async {
        let (sandbox, _) = open_sandbox(&Settings::default(), &*for_this_terminal())?;
        let environment = open_environment(&arguments.environment, arguments.tier, &sandbox)
            .await
            .map_err(|error| Problem::from_error(ExitStatus::Usage, &error).hint(MEND_SETTINGS))?;
        check(&*environment, &CheckSettings::default()).await.map_err(|error| {
            Problem::from_error(ExitStatus::CheckFailed, &error).hint("mend the environment and check it again")
        })
    })?;
    printer.data(&report, CheckReport::to_string)?;
    if report.passed() {
        return Ok(());
    }
    Err(Problem::new(ExitStatus::CheckFailed, format!("{} did not pass its check", report.environment))
        .hint("every finding above that does not hold says what a miner could do; mend the verifier"))
}

fn run_new(file: &Path, printer: &Printer) -> Result<(), Problem> {
    let written = std::fs::File::create_new(file)
        .and_then(|mut to| std::io::Write::write_all(&mut to, environments::python_file::TEMPLATE.as_bytes()));
    written.map_err(|error| {
        Problem::new(ExitStatus::Usage, format!("cannot write {}: {error}", file.display()))
            .hint("give the name of a file that does not exist, in a folder that does")
    })?;
    printer.say(&format!("wrote {0}; `dethrone env check {0}` attacks it", file.display()));
    Ok(())
}
