//! Choice of the reporter: by where standard error goes, and by `--quiet`.

use std::io::IsTerminal;
use std::sync::Arc;

use super::bars::Bars;
use super::lines::Lines;
use super::verbosity::is_quiet;
use crate::events::{Event, Reporter};
use crate::settings::Variables;

/// The reporter that fits where standard error goes and what `--quiet` asks for.
pub(crate) fn for_this_terminal() -> Arc<dyn Reporter> {
    if is_quiet() {
        Arc::new(Silence)
    } else if shows_bars() {
        Arc::new(Bars::new())
    } else {
        Arc::new(Lines::new())
    }
}

/// True where progress is drawn as bars: standard error is a terminal outside of CI, and `--quiet` is not given.
pub(crate) fn shows_bars() -> bool {
    std::io::stderr().is_terminal() && !Variables::of_process().is_unattended && !is_quiet()
}

/// Shows no event.
struct Silence;

impl Reporter for Silence {
    fn report(&self, _: Event) {}
}
