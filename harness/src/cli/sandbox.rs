//! `dethrone sandbox run`: runs one program the way the verifiers do, for bug reports and for anyone who wants to attack it.

use std::fs;
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use sandbox_builder::ensure_artifact;
use sandboxes::{Ending, Limits, Outcome, Program, Sandbox, SandboxSettings};
use serde::Serialize;

use super::common::{block_on, cache_folder, guest_problem, sandbox_problem};
use crate::events::Event;
use crate::exit_status::ExitStatus;
use crate::printer::Printer;
use crate::problem::Problem;
use crate::reporter::for_this_terminal;

/// Seconds that a program has at least.
const SHORTEST_DEADLINE: u64 = 120;
/// Units of fuel a second on a machine far slower than any.
const SLOWEST: u64 = 20_000_000;

/// What to do with the sandbox.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Runs a Python program and says how it ended and what it used; the exit code is 0 however it ended.
    Run(Run),
}

#[derive(Debug, Args)]
struct Run {
    /// The program's file.
    program: PathBuf,
    /// A file that the program reads as standard input; nothing otherwise.
    #[arg(long, value_name = "FILE")]
    stdin: Option<PathBuf>,
    /// What its clock, its entropy and its `random` are functions of.
    #[arg(long, value_name = "N", default_value_t = 0)]
    seed: u64,
    /// Units of work, about one for each WebAssembly instruction.
    #[arg(long, value_name = "N", default_value_t = Limits::default().fuel)]
    fuel: u64,
    /// Bytes of memory, the interpreter's own included.
    #[arg(long, value_name = "BYTES", default_value_t = Limits::default().memory_bytes)]
    memory: u64,
    /// Bytes of output.
    #[arg(long, value_name = "BYTES", default_value_t = Limits::default().output_bytes)]
    output: u64,
}

/// What is printed.
#[derive(Debug, Serialize)]
struct Report {
    outcome: Ending,
    stdout: String,
    stderr: String,
    fuel: u64,
    memory_bytes: u64,
}

/// Runs the program.
pub(super) fn run(arguments: &Arguments, printer: &Printer) -> Result<(), Problem> {
    let Command::Run(run) = &arguments.command;
    let source = read(&run.program)?;
    let stdin = run.stdin.as_deref().map_or(Ok(String::new()), read)?;
    let (fuel, memory_bytes, output_bytes) = (run.fuel, run.memory, run.output);
    let limits = Limits { fuel, memory_bytes, output_bytes, ..Limits::default() };
    let reporter = for_this_terminal();
    let progress = |progress: sandbox_builder::Progress| reporter.report(Event::from(progress));
    let artifact = ensure_artifact(&cache_folder()?, &progress).map_err(|error| guest_problem(&error))?;
    let settings = SandboxSettings { slots: 1, limits, deadline_seconds: deadline(fuel) };
    let sandbox = Sandbox::open(settings, &artifact).map_err(|error| sandbox_problem(&error))?;
    let program = Program { source, stdin, seed: run.seed, limits: None };
    let outcome = block_on(async { sandbox.run(program).await.map_err(|error| sandbox_problem(&error)) })?;
    let Outcome { ending: outcome, stdout, stderr, fuel, memory_bytes, .. } = outcome;
    printer.data(&Report { outcome, stdout, stderr, fuel, memory_bytes }, text)
}

/// Seconds that suffice for the fuel on any machine: the net must not catch what the fuel bounds.
fn deadline(fuel: u64) -> u64 {
    SHORTEST_DEADLINE.max(fuel / SLOWEST)
}

/// Reads a file as the interpreter would if it were lenient: what is not UTF-8 becomes the replacement character.
fn read(path: &Path) -> Result<String, Problem> {
    let bytes = fs::read(path).map_err(|error| {
        Problem::new(ExitStatus::Usage, format!("cannot read {}: {error}", path.display()))
            .hint("name a file that holds a Python program, or its input")
    })?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

fn text(report: &Report) -> String {
    let part = |title: &str, text: &str| match text.trim_end_matches('\n') {
        "" => String::new(),
        text => format!("{title}\n{text}\n"),
    };
    let ending = serde_json::to_string(&report.outcome).expect("an ending is a word");
    format!(
        "{}{}{} with {} units of fuel and {} bytes of memory",
        part("standard output:", &report.stdout),
        part("standard error:", &report.stderr),
        ending.trim_matches('"'),
        report.fuel,
        report.memory_bytes
    )
}
