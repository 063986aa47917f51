//! Charts as inline SVG: numbers in, pictures out. All words in them are escaped.

mod axes;
mod canvas;
mod duels;
mod palette;
mod shares;

pub(crate) use duels::{Difference, MeanRow, Trace, difference, evidence, mark, means, party_marks, whisker};
pub(crate) use palette::dark_colors;
pub(crate) use shares::{LineAxes, Series, bars, lines};
