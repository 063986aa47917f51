//! Output of commands: data to standard output, messages to standard error.

use std::io::{IsTerminal, Write};

use clap::ValueEnum;
use serde::Serialize;

use crate::exit_status::ExitStatus;
use crate::problem::Problem;
use crate::settings::Variables;

/// Form of a command's data.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// For people.
    #[default]
    Text,
    /// For programs: one JSON document on standard output.
    Json,
}

/// Prints a command's data and its messages.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Printer {
    format: Format,
}

impl Printer {
    /// A printer for the form the user asked for.
    pub(crate) fn new(format: Format) -> Self {
        Self { format }
    }

    /// Prints `value` as JSON, or the text that `text` makes of it.
    ///
    /// # Errors
    /// If standard output is closed or full.
    pub(crate) fn data<T: Serialize>(&self, value: &T, text: impl FnOnce(&T) -> String) -> Result<(), Problem> {
        let rendered = match self.format {
            Format::Text => text(value),
            Format::Json => serde_json::to_string_pretty(value)
                .map_err(|error| Problem::from_error(ExitStatus::Unexpected, &error))?,
        };
        let mut out = std::io::stdout().lock();
        match writeln!(out, "{}", rendered.trim_end()).and_then(|()| out.flush()) {
            Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => {
                Err(Problem::new(ExitStatus::Store, format!("cannot write to standard output: {error}"))
                    .hint("check that the disk it goes to has room"))
            }
            _ => Ok(()),
        }
    }

    /// Prints a message to standard error.
    pub(crate) fn say(&self, text: &str) {
        crate::reporter::say(text);
    }
}

/// Whether a person watches standard error: progress bars there, one line an event elsewhere.
pub(crate) fn is_watched() -> bool {
    std::io::stderr().is_terminal() && !Variables::of_process().is_unattended
}

/// Whether standard output may carry color: a terminal, and `NO_COLOR` not set (<https://no-color.org>).
pub(crate) fn may_color() -> bool {
    std::io::stdout().is_terminal() && !Variables::of_process().is_colorless
}
