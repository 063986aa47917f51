//! A finished window: the page for browsers and the table for terminals.

mod duels;
mod progress;
mod terminal;
mod views;

use serde::Serialize;

use super::pages::render;
use super::summary::Summary;
use crate::record::Conclusion;

use duels::{DuelView, duel_view};
use views::PageView;

pub(crate) use terminal::{doubt, table};

const TEMPLATE: &str = include_str!("page.html");

/// The page of a finished window. Everything that a stranger wrote is escaped, and the page forbids itself to run
/// scripts or to load anything.
pub(crate) fn page(conclusion: &Conclusion, summary: &Summary) -> String {
    render(TEMPLATE, PageView::new(conclusion, summary))
}

/// A duel as it stands: who meets whom, and the evidence of every test against what settles it.
#[derive(Debug, Serialize)]
#[serde(transparent)]
pub(crate) struct LiveDuel(DuelView);

/// The latest duel of a window; none where none was begun.
pub(crate) fn latest_duel(conclusion: &Conclusion) -> Option<LiveDuel> {
    conclusion.duels.last().map(|duel| LiveDuel(duel_view(conclusion, duel)))
}

#[cfg(test)]
mod tests;
