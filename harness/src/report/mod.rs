//! What people see of a finished window: a summary for terminals and programs, a page for everybody.

mod html;
mod plots;
mod summary;
mod table;

pub use html::page;
pub use summary::{EntrySummary, EnvironmentSummary, Files, Summary, Timing};
pub use table::{doubt, table};
