//! `dethrone env`: lists environments, shows and serves their tasks, starts a new one, and runs the check that every one has
//! to pass.

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use environments::catalog;
use environments::check::{CheckReport, CheckSettings, check};
use environments::{Environment, EnvironmentError, Message, Seed};
use serde::Serialize;

use super::runtime::block_on;
use crate::exit_status::ExitStatus;
use crate::printer::Printer;
use crate::problem::Problem;
use crate::reporter::for_this_terminal;
use crate::rollout::open_environment;
use crate::sandbox::open_sandbox;
use crate::settings::{EnvironmentChoice, Settings};
use crate::training::TrainingTasks;

mod export;
mod play;
mod serve;

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
    /// Lists the built-in environments with their tiers.
    List,
    /// Writes numbered training tasks as JSON lines.
    Export(export::Arguments),
    /// Writes an environment to start from.
    New(New),
    /// Lets a person answer a training task in the terminal.
    Play(play::Arguments),
    /// Serves training tasks and verdicts over HTTP.
    Serve(serve::Arguments),
    /// Shows a task as a model gets it, and a right reply.
    Show(Show),
}

#[derive(Debug, Args)]
struct Show {
    /// A name of the catalog, or a Python file.
    environment: String,
    /// Difficulty, from 0.
    #[arg(long, value_name = "N", default_value_t = 0)]
    tier: u8,
    /// Seed that the task is made of.
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
}

/// Printed tier of an environment.
#[derive(Debug, Serialize)]
struct TierRow {
    environment: String,
    floor: f64,
    max_new_tokens: u32,
}

/// Printed task.
#[derive(Debug, Serialize)]
struct ShownTask {
    environment: String,
    seed: u64,
    digest: String,
    messages: Vec<Message>,
    /// Replies that score 1, one for each turn; none if the environment knows none.
    oracle: Option<Vec<String>>,
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

/// Runs a command on environments.
pub(super) fn run(arguments: &Arguments, printer: &Printer) -> Result<(), Problem> {
    match &arguments.command {
        Command::Check(check) => run_check(check, printer),
        Command::Export(export) => export::run(export, printer),
        Command::Play(play) => play::run(play, printer),
        Command::Serve(serve) => serve::run(serve, printer),
        Command::List => run_list(printer),
        Command::New(new) => run_new(&new.file, printer),
        Command::Show(show) => run_show(show, printer),
    }
}

/// Training tasks of the environments that these short forms name.
async fn training_tasks(names: &[String]) -> Result<TrainingTasks, Problem> {
    let (sandbox, _) = open_sandbox(&Settings::default(), &*for_this_terminal())?;
    let mut environments = Vec::new();
    for name in names {
        let choice = EnvironmentChoice::parse(name).map_err(|error| Problem::new(ExitStatus::Usage, error))?;
        environments.push((name.clone(), open_environment(&choice.name, choice.tier, &sandbox).await?));
    }
    Ok(TrainingTasks::new(environments))
}

fn run_list(printer: &Printer) -> Result<(), Problem> {
    let (sandbox, _) = open_sandbox(&Settings::default(), &*for_this_terminal())?;
    let known = |error: EnvironmentError| Problem::from_error(ExitStatus::Usage, &error);
    let mut rows = Vec::new();
    for name in catalog::names() {
        for tier in 0..catalog::tiers(name).map_err(known)? {
            let environment = catalog::open(name, Some(tier), &sandbox).map_err(known)?;
            rows.push(TierRow {
                environment: environment.id().to_string(),
                floor: environment.floor(),
                max_new_tokens: environment.max_new_tokens(),
            });
        }
    }
    printer.data(&rows, |rows| {
        let row = |row: &TierRow| {
            format!("{:<26} floor {:.2}  at most {} tokens a reply\n", row.environment, row.floor, row.max_new_tokens)
        };
        rows.iter().map(row).collect()
    })
}

fn run_show(arguments: &Show, printer: &Printer) -> Result<(), Problem> {
    let shown = block_on(async {
        let (sandbox, _) = open_sandbox(&Settings::default(), &*for_this_terminal())?;
        let environment =
            open_environment(&arguments.environment, arguments.tier, &sandbox).await.map_err(Problem::from)?;
        shown_task(&*environment, Seed(arguments.seed)).await.map_err(|error| {
            Problem::from_error(ExitStatus::CheckFailed, &error)
                .hint("`dethrone env check` says more about its generator")
        })
    })?;
    printer.data(&shown, |shown| {
        let said = |message: &Message| format!("[{}]\n{}\n\n", message.role.as_str(), message.content);
        let replies = shown.oracle.iter().flatten().map(|reply| format!("[a right reply]\n{reply}\n"));
        shown.messages.iter().map(said).chain(replies).collect()
    })
}

async fn shown_task(environment: &dyn Environment, seed: Seed) -> Result<ShownTask, EnvironmentError> {
    let task = environment.task(seed).await?;
    Ok(ShownTask {
        environment: environment.id().to_string(),
        seed: seed.0,
        digest: task.digest(),
        messages: environment.opening(&task).messages().to_vec(),
        oracle: environment.oracle(&task).await?,
    })
}

fn run_check(arguments: &Check, printer: &Printer) -> Result<(), Problem> {
    let report = block_on(async {
        let (sandbox, _) = open_sandbox(&Settings::default(), &*for_this_terminal())?;
        let environment =
            open_environment(&arguments.environment, arguments.tier, &sandbox).await.map_err(Problem::from)?;
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
