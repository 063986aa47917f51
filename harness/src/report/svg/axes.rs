//! Axes: one set-up of margins, grid and labels for every chart that has them.

use std::ops::Range;

use plotters::coord::types::RangedCoordf64;
use plotters::prelude::*;

use super::canvas::{Area, Drawn, letters};
use super::palette::{GRID, RULE};

/// A chart with two axes of numbers.
pub(super) type Chart<'a, 'b> = ChartContext<'a, SVGBackend<'b>, Cartesian2d<RangedCoordf64, RangedCoordf64>>;

/// One axis.
pub(super) struct Axis<'a> {
    /// Its values, from the left or from the bottom.
    pub(super) range: Range<f64>,
    /// Its title; none where empty.
    pub(super) title: &'a str,
    /// About so many labels, each with a line of the grid; 0 leaves both out.
    pub(super) labels: usize,
    /// The label of a value.
    pub(super) format: &'a dyn Fn(f64) -> String,
    /// Units of the picture that labels and title take.
    pub(super) room: u32,
}

/// Both axes of a chart and the margins around it: on three sides, at the top, and on the right.
pub(super) struct Axes<'a> {
    pub(super) x: Axis<'a>,
    pub(super) y: Axis<'a>,
    pub(super) margin: u32,
    pub(super) top: u32,
    pub(super) right: u32,
}

impl Axes<'_> {
    /// Lays the chart out on the area; nothing is drawn yet.
    pub(super) fn chart<'a, 'b>(&self, area: &'a Area<'b>) -> Drawn<Chart<'a, 'b>> {
        let chart = ChartBuilder::on(area)
            .margin(self.margin)
            .margin_top(self.top)
            .margin_right(self.right)
            .x_label_area_size(self.x.room)
            .y_label_area_size(self.y.room)
            .build_cartesian_2d(self.x.range.clone(), self.y.range.clone())?;
        Ok(chart)
    }

    /// Draws grid, axes, labels and titles.
    pub(super) fn draw(&self, chart: &mut Chart<'_, '_>) -> Drawn {
        let (x_format, y_format) = (|value: &f64| (self.x.format)(*value), |value: &f64| (self.y.format)(*value));
        let mut mesh = chart.configure_mesh();
        mesh.light_line_style(TRANSPARENT)
            .bold_line_style(GRID.light)
            .axis_style(RULE.light)
            .label_style(letters())
            .x_labels(self.x.labels)
            .y_labels(self.y.labels)
            .x_label_formatter(&x_format)
            .y_label_formatter(&y_format);
        if self.y.labels == 0 {
            mesh.disable_y_mesh();
        }
        if !self.x.title.is_empty() {
            mesh.x_desc(self.x.title);
        }
        if !self.y.title.is_empty() {
            mesh.y_desc(self.y.title);
        }
        mesh.draw()?;
        Ok(())
    }
}
