//! The command line: flags of all commands, and the commands.

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use super::{
    agree, audit, cache, compare, completions, consensus, decide, demo, env, eval, init, lab, plan, sandbox, score,
    screen, serve, settings, show, store, validate, version, work,
};
#[cfg(feature = "chain")]
use super::{chain, commit, ctl, doctor, follow, pull, rank, signer, weights};
use crate::exit_status::ExitStatus;
use crate::printer::{Format, Printer};
use crate::problem::Problem;
use crate::reporter::{HEADING, Verbosity, start_log};
use crate::settings::Variables;

/// Judges open models fairly: runs each miner's model over reinforcement-learning environments, screens out copies and
/// gives all weight to the one that Pareto-dominates.
#[derive(Debug, Parser)]
#[command(name = "dethrone", version, arg_required_else_help = true)]
pub(super) struct CommandLine {
    /// Form of the data on standard output.
    #[arg(long, global = true, value_enum, default_value_t, help_heading = HEADING)]
    format: Format,
    #[command(flatten)]
    verbosity: Verbosity,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Shows the whole job on real models, setting everything up by itself.
    Demo(demo::Arguments),
    /// Decides who earns the weight of a window.
    Validate(validate::Arguments),
    /// Asks a validator that runs on this machine: its status, to pause, to end.
    #[cfg(feature = "chain")]
    Ctl(ctl::Arguments),
    /// Serves windows, champions, the live duel and every rollout as pages and JSON, for this machine's browsers.
    Serve(serve::ServeArguments),
    /// Serves the same from evidence alone.
    View(serve::ViewArguments),
    /// Makes rollouts for a validator, on this or another machine, until it is ended.
    Work(work::Arguments),
    /// Checks, copies and prunes a validator's database.
    Store(store::Arguments),
    /// Scores a model, alone or against another, before a submission is paid for.
    Eval(eval::Arguments),
    /// Shows prompts, replies, what was looked for and found, and verdicts.
    Show(show::Arguments),
    /// Scores given token ids under a model.
    Score(score::Arguments),
    /// Tells how a model relates to an earlier one: a copy, a derivative, or neither.
    Screen(screen::Arguments),
    /// Checks an evidence file and decides everything in it again.
    Audit(audit::Arguments),
    /// Compares two validators' evidence of a window and names the first difference.
    Compare(compare::Arguments),
    /// Decides a window once for several validators, on the stake-weighted median of their logs' scores.
    Agree(agree::Arguments),
    /// Checks environments, and starts new ones.
    Env(env::Arguments),
    /// Runs programs in the sandbox, for researchers, for bug reports, and for anyone who wants to attack it.
    Sandbox(sandbox::Arguments),
    /// Decides given scores by a rule: ours, or one that the subnet has had.
    Decide(decide::Arguments),
    /// Plays attacks against the rules and shows which of them work.
    Lab(lab::Arguments),
    /// Says how many tasks a duel will take and what it can promise.
    Plan(plan::Arguments),
    /// Shows what setting other weights than the other validators would cost.
    Consensus(consensus::Arguments),
    /// Reads a subnet's chain: records a snapshot.
    #[cfg(feature = "chain")]
    Chain(chain::Arguments),
    /// Shows, submits and verifies a validator's row of weights.
    #[cfg(feature = "chain")]
    Weights(weights::Arguments),
    /// Checks everything that setting weights needs.
    #[cfg(feature = "chain")]
    Doctor(doctor::Arguments),
    /// Holds the hotkey in a process of its own and signs weight calls alone.
    #[cfg(feature = "chain")]
    Signer(signer::Arguments),
    /// Checks a model as a validator would, and publishes it on chain under a timelock.
    #[cfg(feature = "chain")]
    Commit(commit::Arguments),
    /// Holds another validator's published decision against its evidence and against this validator's own.
    #[cfg(feature = "chain")]
    Follow(follow::Arguments),
    /// Shows the places of the subnet's models.
    #[cfg(feature = "chain")]
    Rank(rank::Arguments),
    /// Fetches the champion's model.
    #[cfg(feature = "chain")]
    Pull(pull::Arguments),
    /// Starts a settings file with every key explained, and a registry.
    Init(init::Arguments),
    /// Prints settings with value, source and explanation, or the schema of their file.
    Settings(settings::Arguments),
    /// Shows and clears the folder of models, packages and sandbox guests.
    #[command(subcommand)]
    Cache(cache::Arguments),
    /// Prints the completions of a shell.
    Completions(completions::CompletionsArguments),
    /// Prints the manual page, or writes one for every command.
    Man(completions::ManArguments),
    /// Prints the versions of all that results depend on.
    Version,
    /// Reads one model's files for the program that started this one.
    #[command(name = crate::subprocess::COMMAND, hide = true)]
    ModelProcess,
}

/// Runs the command that this process was started with.
pub fn run() -> ExitCode {
    let command_line = match CommandLine::try_parse() {
        Ok(command_line) => command_line,
        Err(error) => {
            let status = if error.use_stderr() { ExitStatus::Usage } else { ExitStatus::Success };
            // Nothing is lost when help cannot be printed.
            let _ = error.print();
            return status.into();
        }
    };
    if matches!(command_line.command, Command::ModelProcess) {
        return crate::subprocess::serve();
    }
    let printer = Printer::new(command_line.format);
    match command_line.start(&printer) {
        Ok(()) => ExitStatus::Success.into(),
        Err(problem) => {
            printer.problem(&problem);
            problem.status.into()
        }
    }
}

impl CommandLine {
    fn start(&self, printer: &Printer) -> Result<(), Problem> {
        self.verbosity.apply();
        start_log(self.verbosity, Variables::of_process().log.as_deref()).map_err(|error| {
            Problem::new(ExitStatus::Usage, format!("cannot use the variable RUST_LOG: {error}"))
                .hint("it is a list such as models=debug,warn; without it, -v and -q decide")
        })?;
        self.command.run(printer)
    }
}

impl Command {
    fn run(&self, printer: &Printer) -> Result<(), Problem> {
        match self {
            Self::Demo(arguments) => demo::run(arguments, printer),
            Self::Validate(arguments) => validate::run(arguments, printer),
            #[cfg(feature = "chain")]
            Self::Ctl(arguments) => ctl::run(arguments, printer),
            Self::Serve(arguments) => serve::serve(arguments, printer),
            Self::View(arguments) => serve::view(arguments, printer),
            Self::Work(arguments) => work::run(arguments, printer),
            Self::Store(arguments) => store::run(arguments, printer),
            Self::Eval(arguments) => eval::run(arguments, printer),
            Self::Show(arguments) => show::run(arguments, printer),
            Self::Score(arguments) => score::run(arguments, printer),
            Self::Screen(arguments) => screen::run(arguments, printer),
            Self::Audit(arguments) => audit::run(arguments, printer),
            Self::Compare(arguments) => compare::run(arguments, printer),
            Self::Agree(arguments) => agree::run(arguments, printer),
            Self::Env(arguments) => env::run(arguments, printer),
            Self::Sandbox(arguments) => sandbox::run(arguments, printer),
            Self::Decide(arguments) => decide::run(arguments, printer),
            Self::Lab(arguments) => lab::run(arguments, printer),
            Self::Plan(arguments) => plan::run(arguments, printer),
            Self::Consensus(arguments) => consensus::run(arguments, printer),
            #[cfg(feature = "chain")]
            Self::Chain(arguments) => chain::run(arguments, printer),
            #[cfg(feature = "chain")]
            Self::Weights(arguments) => weights::run(arguments, printer),
            #[cfg(feature = "chain")]
            Self::Doctor(arguments) => doctor::run(arguments, printer),
            #[cfg(feature = "chain")]
            Self::Signer(arguments) => signer::run(arguments, printer),
            #[cfg(feature = "chain")]
            Self::Commit(arguments) => commit::run(arguments, printer),
            #[cfg(feature = "chain")]
            Self::Follow(arguments) => follow::run(arguments, printer),
            #[cfg(feature = "chain")]
            Self::Rank(arguments) => rank::run(arguments, printer),
            #[cfg(feature = "chain")]
            Self::Pull(arguments) => pull::run(arguments, printer),
            Self::Init(arguments) => init::run(arguments, printer),
            Self::Settings(arguments) => settings::run(arguments, printer),
            Self::Cache(arguments) => cache::run(arguments, printer),
            Self::Completions(arguments) => completions::completions(arguments, printer),
            Self::Man(arguments) => completions::man(arguments, printer),
            Self::Version => version::run(printer),
            // It has nothing to print and was served before.
            Self::ModelProcess => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[track_caller]
    fn check(arguments: &[&str], expected: Result<(), clap::error::ErrorKind>) {
        let found = CommandLine::try_parse_from(std::iter::once(&"dethrone").chain(arguments));
        assert_eq!(found.map(|_| ()).map_err(|error| error.kind()), expected, "{arguments:?}");
    }

    #[test]
    fn no_two_flags_of_a_command_are_the_same() {
        CommandLine::command().debug_assert();
    }

    #[test]
    fn the_options_of_every_command_may_stand_before_and_after_it() {
        use clap::error::ErrorKind::{ArgumentConflict, InvalidValue, UnknownArgument};
        check(&["plan", "-vv", "--format", "json"], Ok(()));
        check(&["-q", "--format=text", "plan"], Ok(()));
        check(&["env", "check", "sat", "--quiet"], Ok(()));
        check(&["plan", "-q", "-v"], Err(ArgumentConflict));
        check(&["plan", "--format", "xml"], Err(InvalidValue));
        check(&["plan", "--loud"], Err(UnknownArgument));
    }

    #[test]
    fn a_command_names_what_it_cannot_do_without() {
        use clap::error::ErrorKind::{
            ArgumentConflict, DisplayHelp, DisplayHelpOnMissingArgumentOrSubcommand, InvalidSubcommand,
            MissingRequiredArgument,
        };
        check(&[], Err(DisplayHelpOnMissingArgumentOrSubcommand));
        check(&["valdate"], Err(InvalidSubcommand));
        check(&["validate"], Ok(()));
        check(&["validate", "--once", "--no-weights"], Err(ArgumentConflict));
        check(&["validate", "--show-settings"], Ok(()));
        check(&["validate", "--once"], Ok(()));
        check(&["score", "model"], Err(MissingRequiredArgument));
        check(&["eval"], Err(MissingRequiredArgument));
        check(&["lab", "--help"], Err(DisplayHelp));
    }
}
