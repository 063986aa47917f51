//! The page of a finished window: one file, no script, nothing loaded from anywhere.

mod duels;
mod progress;
mod views;

use minijinja::syntax::SyntaxConfig;
use minijinja::value::Serde;
use minijinja::{AutoEscape, Environment, UndefinedBehavior};

use super::summary::Summary;
use crate::record::Conclusion;

use views::PageView;

const TEMPLATE: &str = include_str!("page.html");

/// The page. Whatever a stranger wrote is escaped, and the page forbids itself to run scripts or to load anything.
pub fn page(conclusion: &Conclusion, summary: &Summary) -> String {
    let mut environment = Environment::new();
    environment.set_auto_escape_callback(|_| AutoEscape::Html);
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    let syntax = SyntaxConfig::builder().trim_blocks(true).lstrip_blocks(true).build();
    environment.set_syntax(syntax.expect("the delimiters are the usual ones"));
    environment
        .render_named_str("page.html", TEMPLATE, Serde(PageView::new(conclusion, summary)))
        .expect("the template names only what the view has")
}

#[cfg(test)]
mod tests;
