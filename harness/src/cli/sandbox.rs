//! `dethrone sandbox`: runs programs and judges candidates the way the verifiers do, for bug reports and for anyone who
//! wants to attack the sandbox.

use std::fs;
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use sandboxes::{Ending, Judgement, Limits, Outcome, Program, Sandbox, SandboxSettings, Trial};
use serde::Serialize;

use super::runtime::block_on;
use crate::exit_status::ExitStatus;
use crate::printer::Printer;
use crate::problem::Problem;
use crate::reporter::for_this_terminal;
use crate::sandbox::{open_sandbox, sandbox_problem};
use crate::settings::Settings;

/// Seconds that a program has at least.
const SHORTEST_DEADLINE: u64 = 120;
/// Units of fuel a second on a machine far slower than any.
const SLOWEST: u64 = 20_000_000;

/// Arguments of `dethrone sandbox`.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Runs a Python program and says how it ended and what it used; the exit code is 0 however it ended.
    Run(Run),
    /// Judges a candidate with tests that call its functions; the exit code is 0 if it passes and 10 if it does not.
    ///
    /// The tests and the candidate run in two interpreters that share nothing; arguments and answers pass between them as
    /// plain data. `from dethrone_guest import candidate` in the tests gives `candidate("f")`, the candidate's function
    /// `f`; an exception that it raises arrives as `CandidateError`. The candidate passes if the tests run to their end
    /// and it has not ended before them.
    Judge(Judge),
}

#[derive(Debug, Args)]
struct Run {
    /// The program's file.
    program: PathBuf,
    /// A file that the program reads as standard input; nothing otherwise.
    #[arg(long, value_name = "FILE")]
    stdin: Option<PathBuf>,
    #[command(flatten)]
    bounds: Bounds,
}

#[derive(Debug, Args)]
struct Judge {
    /// The file with the candidate's functions, which may be hostile.
    candidate: PathBuf,
    /// The file with the tests, which are trusted.
    tests: PathBuf,
    #[command(flatten)]
    bounds: Bounds,
}

/// Seed and limits of a program; of a candidate and its tests each.
#[derive(Debug, Args)]
struct Bounds {
    /// Seed of its clock, its entropy and its `random`.
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

/// Printed outcome of a program.
#[derive(Debug, Serialize)]
struct Report {
    outcome: Ending,
    stdout: String,
    stderr: String,
    fuel: u64,
    memory_bytes: u64,
}

/// Printed judgement of a candidate.
#[derive(Debug, Serialize)]
struct JudgeReport {
    passed: bool,
    tests: Report,
    candidate: Report,
}

/// Runs a program or judges a candidate.
pub(super) fn run(arguments: &Arguments, printer: &Printer) -> Result<(), Problem> {
    match &arguments.command {
        Command::Run(run) => run_program(run, printer),
        Command::Judge(judge) => judge_candidate(judge, printer),
    }
}

fn run_program(run: &Run, printer: &Printer) -> Result<(), Problem> {
    let source = read(&run.program)?;
    let stdin = run.stdin.as_deref().map_or(Ok(String::new()), read)?;
    let sandbox = run.bounds.open(1)?;
    let program = Program { source, stdin, seed: run.bounds.seed, limits: None };
    let outcome = block_on(async { sandbox.run(program).await.map_err(|error| sandbox_problem(&error)) })?;
    printer.data(&Report::from(outcome), text)
}

fn judge_candidate(judge: &Judge, printer: &Printer) -> Result<(), Problem> {
    let (candidate, tests) = (read(&judge.candidate)?, read(&judge.tests)?);
    let sandbox = judge.bounds.open(2)?;
    let trial = Trial { candidate, tests, seed: judge.bounds.seed, limits: None };
    let judgement = block_on(async { sandbox.judge(trial).await.map_err(|error| sandbox_problem(&error)) })?;
    let Judgement { passed, tests, candidate } = judgement;
    let report = JudgeReport { passed, tests: tests.into(), candidate: candidate.into() };
    printer.data(&report, judge_text)?;
    if passed {
        return Ok(());
    }
    Err(Problem::new(ExitStatus::CheckFailed, format!("{} did not pass its tests", judge.candidate.display()))
        .hint("standard error of the tests, above, says which of them failed"))
}

impl Bounds {
    /// The sandbox for jobs of so many programs, each of which may use up its fuel.
    fn open(&self, programs: u64) -> Result<Sandbox, Problem> {
        let limits =
            Limits { fuel: self.fuel, memory_bytes: self.memory, output_bytes: self.output, ..Limits::default() };
        let deadline_seconds = deadline(self.fuel.saturating_mul(programs));
        let sandbox = SandboxSettings { slots: 1, limits, deadline_seconds };
        let settings = Settings { sandbox, ..Settings::default() };
        Ok(open_sandbox(&settings, &*for_this_terminal())?.0)
    }
}

impl From<Outcome> for Report {
    fn from(outcome: Outcome) -> Self {
        let Outcome { ending: outcome, stdout, stderr, fuel, memory_bytes, value: _ } = outcome;
        Self { outcome, stdout, stderr, fuel, memory_bytes }
    }
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

fn judge_text(report: &JudgeReport) -> String {
    let verdict = if report.passed { "passed" } else { "not passed" };
    format!("candidate:\n{}\n\ntests:\n{}\n\n{verdict}", text(&report.candidate), text(&report.tests))
}
