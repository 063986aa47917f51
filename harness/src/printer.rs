//! Output of commands: data to standard output, messages to standard error.

use std::io::{IsTerminal, Write};
use std::sync::atomic::{AtomicBool, Ordering};

use clap::ValueEnum;
use models::untrusted::printable;
use serde::Serialize;

use crate::exit_status::ExitStatus;
use crate::problem::Problem;
use crate::settings::Variables;

/// Set once a command's data went to standard output.
static PRINTED: AtomicBool = AtomicBool::new(false);

/// Form of a command's data.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// For people.
    #[default]
    Text,
    /// For programs: one JSON document on standard output.
    Json,
    /// For programs that read lines: JSON without line breaks, each thing on a line.
    Jsonl,
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
        PRINTED.store(true, Ordering::Relaxed);
        self.write(&mut std::io::stdout().lock(), value, text)
    }

    fn write<T: Serialize>(
        &self,
        out: &mut impl Write,
        value: &T,
        text: impl FnOnce(&T) -> String,
    ) -> Result<(), Problem> {
        let unexpected = |error: serde_json::Error| Problem::from_error(ExitStatus::Unexpected, &error);
        let rendered = match self.format {
            Format::Text => printable(&text(value)),
            Format::Json => serde_json::to_string_pretty(value).map_err(unexpected)?,
            Format::Jsonl => serde_json::to_string(value).map_err(unexpected)?,
        };
        outcome(writeln!(out, "{}", rendered.trim_end()).and_then(|()| out.flush()))
    }

    /// The form the user asked for.
    pub(crate) fn format(&self) -> Format {
        self.format
    }

    /// Prints a file of our own making, such as a manual page, as it is and whatever the format.
    ///
    /// # Errors
    /// If standard output is closed or full.
    pub(crate) fn file(&self, bytes: &[u8]) -> Result<(), Problem> {
        let mut out = std::io::stdout().lock();
        outcome(out.write_all(bytes).and_then(|()| out.flush()))
    }

    /// Prints a message to standard error.
    pub(crate) fn say(&self, text: &str) {
        crate::reporter::say(text);
    }

    /// Prints the failure of a command to standard error, and for programs on standard output, too, unless the command's data
    /// is there: they read one JSON document however the command ends.
    pub(crate) fn problem(&self, problem: &Problem) {
        self.say(&problem.to_string());
        if self.format != Format::Text && !PRINTED.load(Ordering::Relaxed) {
            // The exit code says it too, where standard output is closed.
            drop(self.write(&mut std::io::stdout().lock(), &problem.document(), |_| String::new()));
        }
    }
}

/// The problem of a failed write to standard output.
fn outcome(written: std::io::Result<()>) -> Result<(), Problem> {
    match written {
        // A reader such as `head` has what it wanted.
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(()),
        Err(error) => Err(Problem::new(ExitStatus::Store, format!("cannot write to standard output: {error}"))
            .hint("check that the disk it goes to has room")),
        Ok(()) => Ok(()),
    }
}

/// True where standard output may carry color: it is a terminal, and `NO_COLOR` is not set (<https://no-color.org>).
pub(crate) fn may_color() -> bool {
    std::io::stdout().is_terminal() && !Variables::of_process().is_colorless
}

#[cfg(test)]
mod tests {
    use std::io::{Error, ErrorKind};

    use super::*;

    /// A file on which every write fails in this way.
    struct Failing(ErrorKind);

    impl Write for Failing {
        fn write(&mut self, _: &[u8]) -> std::io::Result<usize> {
            Err(Error::from(self.0))
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    fn printed(format: Format) -> String {
        let mut out = Vec::new();
        let words = |numbers: &Vec<u32>| format!("{} numbers\n\n", numbers.len());
        Printer::new(format).write(&mut out, &vec![1_u32, 2], words).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn data_is_text_or_json_and_ends_with_one_line_break() {
        assert_eq!(printed(Format::Text), "2 numbers\n");
        assert_eq!(printed(Format::Json), "[\n  1,\n  2\n]\n");
        assert_eq!(printed(Format::Jsonl), "[1,2]\n");
    }

    #[test]
    fn a_reader_that_is_gone_is_no_problem_and_a_full_disk_is_one() {
        let print = |kind| Printer::new(Format::Text).write(&mut Failing(kind), &1, |_| "1".to_owned());
        assert!(print(ErrorKind::BrokenPipe).is_ok());
        let problem = print(ErrorKind::StorageFull).unwrap_err();
        assert_eq!(problem.status, ExitStatus::Store);
        assert!(problem.to_string().contains("hint: check that the disk it goes to has room"), "{problem}");
    }
}
