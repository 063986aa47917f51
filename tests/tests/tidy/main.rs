//! The rules of the house that no lint knows: crate edges, module cycles, sizes, names, public items, papers, schema.

#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod cycles;
mod edges;
mod papers;
mod public;
mod schema;
mod style;
mod tree;
mod untrusted;
