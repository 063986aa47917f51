//! Pages: one file each, no script, nothing loaded from anywhere. Values are escaped unless they are charts of ours.

mod figures;

use minijinja::syntax::SyntaxConfig;
use minijinja::value::Serde;
use minijinja::{AutoEscape, Environment, UndefinedBehavior, context};
use serde::Serialize;

use super::svg::dark_colors;

pub(crate) use figures::{Figure, FigurePage, save};

/// The frame of all pages: security policy, colors in light and dark, and the charts' colors in the dark.
const BASE: &str = include_str!("base.html");

/// A page from a template that extends `base.html`.
pub(crate) fn render<T: Serialize>(template: &str, view: T) -> String {
    let mut environment = Environment::new();
    environment.set_auto_escape_callback(|_| AutoEscape::Html);
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    let syntax = SyntaxConfig::builder().trim_blocks(true).lstrip_blocks(true).build();
    environment.set_syntax(syntax.expect("the delimiters are the usual ones"));
    environment.add_template("base.html", BASE).expect("the template is constant and sound");
    environment.add_global("dark_colors", dark_colors());
    environment
        .render_named_str("page.html", template, context! { page => Serde(view) })
        .expect("the template names only what the view has")
}
