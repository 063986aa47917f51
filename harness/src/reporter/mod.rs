//! How a person sees a run: progress bars on a terminal, one line an event elsewhere.

mod bars;
mod lines;

use std::sync::Arc;

use crate::events::Reporter;
use crate::printer::is_watched;

/// The reporter that fits where standard error goes.
pub(crate) fn for_this_terminal() -> Arc<dyn Reporter> {
    if is_watched() { Arc::new(bars::Bars::new()) } else { Arc::new(lines::Lines::new()) }
}
