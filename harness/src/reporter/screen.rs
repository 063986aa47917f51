//! The process's standard error, which bars, messages and log lines share.

use std::io::{IsTerminal, Write};
use std::sync::LazyLock;

use indicatif::{MultiProgress, ProgressBar};
use models::untrusted::printable;

/// One set of bars, since a process has one standard error: what is written passes above them.
static BARS: LazyLock<MultiProgress> = LazyLock::new(MultiProgress::new);

/// Writes a line to standard error, above the bars.
pub(crate) fn say(line: &str) {
    write(format!("{line}\n").as_bytes());
}

/// Writes bytes to standard error, above the bars.
pub(super) fn write(bytes: &[u8]) {
    let shown = printable(&String::from_utf8_lossy(bytes));
    let write = || {
        // A run of a week must not fail because a terminal was closed.
        let _ = std::io::stderr().lock().write_all(shown.as_bytes());
    };
    if std::io::stderr().is_terminal() { BARS.suspend(write) } else { write() }
}

/// Adds a bar below the others.
pub(crate) fn add_bar(bar: ProgressBar) -> ProgressBar {
    BARS.add(bar)
}
