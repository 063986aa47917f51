//! Standard error: progress bars on a terminal, one line an event elsewhere, log lines between them, or nothing at all.

mod bars;
mod choice;
mod lines;
mod log;
mod pace;
mod screen;
mod verbosity;

pub(crate) use choice::{for_this_terminal, shows_bars};
pub(crate) use log::{start as start_log, start_files as start_log_files};
pub(crate) use screen::{add_bar, say};
pub(crate) use verbosity::{HEADING, Verbosity};
