//! `dethrone completions` and `dethrone man`: files for shells and for `man`, generated from the command line itself.

use std::path::PathBuf;

use clap::{Args, CommandFactory};
use clap_complete::Shell;

use super::command_line::CommandLine;
use crate::exit_status::ExitStatus;
use crate::printer::Printer;
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
pub(super) fn completions(arguments: &CompletionsArguments, printer: &Printer) -> Result<(), Problem> {
    let mut script = Vec::new();
    clap_complete::generate(arguments.shell, &mut CommandLine::command(), "dethrone", &mut script);
    printer.file(&script)
}

/// Prints the manual's first page, or writes all pages.
pub(super) fn man(arguments: &ManArguments, printer: &Printer) -> Result<(), Problem> {
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
            printer.file(&page)
        }
    }
}
