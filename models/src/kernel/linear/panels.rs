//! Panels of output columns: the unit of storage and of parallel work.

use std::ops::Range;

/// Output columns of one panel. Common layer widths are multiples of it.
pub(super) const PANEL: usize = 48;

/// Adjacent panels of a layer, and the columns of the product that they give.
pub(in crate::kernel) struct Part<'a> {
    pub(super) panels: Range<usize>,
    pub(super) bias: Option<&'a [f32]>,
    /// The part's columns of each row of the product.
    pub(super) y: Vec<&'a mut [f32]>,
}

/// Sets the columns of a row, the first of which is output `first`, to their bias, or to zero without one.
#[inline(always)]
pub(super) fn start_row(y: &mut [f32], bias: Option<&[f32]>, first: usize) {
    match bias {
        Some(bias) => y.copy_from_slice(&bias[first..first + y.len()]),
        None => y.fill(0.0),
    }
}
