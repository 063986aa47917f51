//! `dethrone completions` and `dethrone man`: files for shells and for `man`, generated from the command line itself.

use std::io::Write;
use std::path::PathBuf;

use clap::{Args, CommandFactory};
use clap_complete::Shell;

use super::command_line::CommandLine;
use crate::exit_status::ExitStatus;
use crate::problem::Problem;

/// Arguments of `dethrone completions`.
#[derive(Debug, Args)]
pub(super) struct CompletionsArguments {
    /// The shell.
    #[arg(value_enum)]
    shell: Shell,
}

/// Arguments of `dethrone man`.
#[derive(Debug, Args)]
pub(super) struct ManArguments {
    /// Write a page for every command into this folder, instead of the first page to standard output.
    #[arg(long, value_name = "FOLDER")]
    folder: Option<PathBuf>,
}

/// Prints the completions of a shell.
pub(super) fn completions(arguments: &CompletionsArguments) -> Result<(), Problem> {
    let mut script = Vec::new();
    clap_complete::generate(arguments.shell, &mut CommandLine::command(), "dethrone", &mut script);
    print(&script)
}

/// Prints the manual's first page, or writes all pages.
pub(super) fn man(arguments: &ManArguments) -> Result<(), Problem> {
    let cannot = |place: String, cause: &std::io::Error| {
        Problem::new(ExitStatus::Store, format!("cannot write {place}: {cause}")).hint("choose another folder")
    };
    match &arguments.folder {
        Some(folder) => std::fs::create_dir_all(folder)
            .and_then(|()| clap_mangen::generate_to(CommandLine::command(), folder))
            .map_err(|cause| cannot(format!("the manual into {}", folder.display()), &cause)),
        None => {
            let mut page = Vec::new();
            clap_mangen::Man::new(CommandLine::command())
                .render(&mut page)
                .map_err(|cause| cannot("the manual".to_owned(), &cause))?;
            print(&page)
        }
    }
}

/// Writes what is text already to standard output, whatever `--format` says.
fn print(bytes: &[u8]) -> Result<(), Problem> {
    let mut out = std::io::stdout().lock();
    match out.write_all(bytes).and_then(|()| out.flush()) {
        // A reader such as `head` has what it wanted.
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => {
            Err(Problem::new(ExitStatus::Store, format!("cannot write to standard output: {error}"))
                .hint("check that the disk it goes to has room"))
        }
        _ => Ok(()),
    }
}
