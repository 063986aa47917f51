//! Standard error: progress bars on a terminal, one line an event elsewhere, log lines between them, or nothing at all.

mod bars;
mod lines;
mod log;
mod screen;
mod verbosity;

use std::sync::Arc;

use crate::events::{Event, Reporter};
use crate::printer::is_watched;

pub(crate) use log::start as start_log;
pub(crate) use screen::{add_bar, say};
pub(crate) use verbosity::Verbosity;

/// The reporter that fits where standard error goes and what `--quiet` asks for.
pub(crate) fn for_this_terminal() -> Arc<dyn Reporter> {
    if verbosity::is_quiet() {
        Arc::new(Silence)
    } else if shows_bars() {
        Arc::new(bars::Bars::new())
    } else {
        Arc::new(lines::Lines::new())
    }
}

/// Whether progress is drawn as bars: standard error is a terminal outside of CI, and not `--quiet`.
pub(crate) fn shows_bars() -> bool {
    is_watched() && !verbosity::is_quiet()
}

/// Shows no event.
struct Silence;

impl Reporter for Silence {
    fn report(&self, _: Event) {}
}
