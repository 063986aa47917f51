//! Results for people: tables for terminals, pages for browsers, and the charts on them.
//!
//! There is one of each: `svg` draws every chart from one palette, `pages` sets up the templates of every page, `tables`
//! every table. The summary of a window is both printed and put on the page in `window`.

mod numbers;
pub(crate) mod pages;
mod reasons;
mod replies;
mod summary;
pub(crate) mod svg;
pub(crate) mod tables;
mod window;

pub(crate) use numbers::{percent, percent_exact, percent_trimmed};
pub(crate) use reasons::reason_lines;
pub(crate) use replies::{RepliesPage, replies_page, transcript_text};
pub(crate) use summary::{Files, Summary, Timing};
pub(crate) use window::{LiveDuel, doubt, latest_duel, page, table};
