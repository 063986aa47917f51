//! A finished window: the page for browsers and the table for terminals.

mod duels;
mod progress;
mod terminal;
mod views;

use super::pages::render;
use super::summary::Summary;
use crate::record::Conclusion;

use views::PageView;

pub(crate) use terminal::{doubt, table};

const TEMPLATE: &str = include_str!("page.html");

/// The page of a finished window. Everything that a stranger wrote is escaped, and the page forbids itself to run
/// scripts or to load anything.
pub(crate) fn page(conclusion: &Conclusion, summary: &Summary) -> String {
    render(TEMPLATE, PageView::new(conclusion, summary))
}

#[cfg(test)]
mod tests;
