//! Formats of Python: texts with `%` codes, and `str.format`.

mod fill;
mod layout;
#[cfg(test)]
mod tests;

pub(super) use fill::{braces, braces_of_map, percent, percent_filter};
