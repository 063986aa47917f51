//! The pictures of the page: numbers in, inline SVG out. No picture holds a word that a stranger wrote, except
//! environments' names in its label, which is escaped.
//!
//! Colours are roles: each has a light and a dark value. The SVG carries the light one as an attribute; the page's style
//! sheet replaces it by attribute in the dark. Whatever a colour says, a shape, a place or a word says too.

use std::error::Error;

use minijinja::{HtmlEscape, Value};
use plotters::coord::Shift;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

/// A role's colour on white and on black.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Ink {
    /// On a light page and on paper.
    pub(super) light: RGBColor,
    /// On a dark page.
    pub(super) dark: RGBColor,
}

/// Words and axes.
const TEXT: Ink = ink((0x3D, 0x44, 0x4B), (0xC3, 0xCA, 0xD2));
/// Grids.
const GRID: Ink = ink((0xE3, 0xE7, 0xEB), (0x2E, 0x35, 0x3D));
/// Thresholds and zero lines.
const RULE: Ink = ink((0x6B, 0x73, 0x7B), (0x98, 0xA2, 0xAD));
/// The champion.
const CHAMPION: Ink = ink((0xC2, 0x4E, 0x00), (0xFF, 0x9A, 0x57));
/// The challenger.
const CHALLENGER: Ink = ink((0x00, 0x6B, 0xA8), (0x5C, 0xB8, 0xF0));
/// Lines drawn beside one another (after Okabe and Ito, who chose them for colour-blind eyes).
const SERIES: [Ink; 6] = [
    ink((0x00, 0x72, 0xB2), (0x56, 0xB4, 0xE9)),
    ink((0xD5, 0x5E, 0x00), (0xFF, 0x8F, 0x45)),
    ink((0x00, 0x8F, 0x68), (0x2F, 0xC9, 0x9F)),
    ink((0xB3, 0x5A, 0x8C), (0xDE, 0x92, 0xBE)),
    ink((0xB8, 0x7E, 0x00), (0xE8, 0xAE, 0x2B)),
    ink((0x5B, 0x63, 0x6B), (0xB4, 0xBC, 0xC5)),
];

/// Width of a picture: a phone shows it at its own size, a desk shows several side by side.
const WIDTH: u32 = 360;
/// Letters of 11 units: the backend divides what it is given by 1.24.
const LETTERS: (&str, f64) = ("sans-serif", 13.7);
/// Evidence below this share of what is needed is drawn at the lower edge.
const LEAST_SHARE: f64 = -1.0;
/// Evidence above this share of what is needed is drawn at the upper edge.
const LARGEST_SHARE: f64 = 1.25;

type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;
type Drawn = Result<(), Box<dyn Error>>;

/// One test's evidence in the course of a duel.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Trace {
    /// Which line it is: decides its colour and its mark.
    pub(super) series: usize,
    /// Rounds, and the evidence as a share of what is needed.
    pub(super) points: Vec<(f64, f64)>,
    /// Whether the line ends because the test is settled.
    pub(super) settled: bool,
}

/// A difference at some time of a duel.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Difference {
    /// Tasks that counted so far.
    pub(super) tasks: usize,
    /// Mean of challenger minus champion.
    pub(super) mean: f64,
    /// Its interval.
    pub(super) interval: (f64, f64),
}

/// An entry's row among the mean scores of an environment.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct MeanRow {
    /// What the row is called: short and ours.
    pub(super) name: String,
    /// The champion's mean on the tasks compared.
    pub(super) champion: Option<f64>,
    /// The challenger's mean on the same tasks.
    pub(super) challenger: Option<f64>,
}

/// Every role, for the style sheet.
pub(super) fn palette() -> Vec<Ink> {
    [TEXT, GRID, RULE, CHAMPION, CHALLENGER].into_iter().chain(SERIES).collect()
}

/// A colour as the backend writes it.
pub(super) fn hexadecimal(colour: RGBColor) -> String {
    format!("#{:02X}{:02X}{:02X}", colour.0, colour.1, colour.2)
}

/// A difference as a dot with its interval as whiskers, on a scale from `-limit` to `limit`.
pub(super) fn whisker(difference: &Difference, limit: f64, tolerance: f64) -> Value {
    let (width, height) = (132, 22);
    let x = |value: f64| 66 + (value.clamp(-limit, limit) / limit * 62.0).round() as i32;
    let (low, high) = difference.interval;
    let label = format!("{:+.3}, between {low:+.3} and {high:+.3}", difference.mean);
    draw((width, height), &label, |area| {
        area.draw(&Rectangle::new([(x(-tolerance), 2), (x(0.0), 20)], GRID.light.filled()))?;
        area.draw(&line((x(0.0), 1), (x(0.0), 21), RULE, 1))?;
        area.draw(&line((x(low), 11), (x(high), 11), CHALLENGER, 2))?;
        for end in [low, high] {
            area.draw(&line((x(end), 7), (x(end), 15), CHALLENGER, 2))?;
        }
        draw_mark(area, 0, (x(difference.mean), 11), 4, CHALLENGER)
    })
}

/// The evidence of tests round by round, on a scale where 100% settles a test.
pub(super) fn evidence(traces: &[Trace], rounds: usize, label: &str) -> Value {
    let values = || traces.iter().flat_map(|trace| trace.points.iter().map(|(_, share)| *share));
    let low = (values().fold(0.0, f64::min).max(LEAST_SHARE) * 4.0).floor() / 4.0;
    let high = values().fold(1.1, f64::max).min(LARGEST_SHARE);
    draw((WIDTH, 220), label, |area| {
        let mut chart = ChartBuilder::on(area)
            .margin(8)
            .margin_right(14)
            .x_label_area_size(34)
            .y_label_area_size(44)
            .build_cartesian_2d(0.0..rounds.max(1) as f64, low..high)?;
        chart
            .configure_mesh()
            .light_line_style(TRANSPARENT)
            .bold_line_style(GRID.light)
            .axis_style(RULE.light)
            .label_style(letters())
            .x_labels(6)
            .y_labels(6)
            .x_desc("rounds")
            .x_label_formatter(&|value| format!("{value:.0}"))
            .y_label_formatter(&|value| format!("{:.0}%", value * 100.0))
            .draw()?;
        let end = rounds.max(1) as f64;
        for (level, thickness) in [(0.0, 1), (1.0, 2)] {
            chart.draw_series(LineSeries::new([(0.0, level), (end, level)], RULE.light.stroke_width(thickness)))?;
        }
        for (place, trace) in traces.iter().enumerate() {
            let points: Vec<(f64, f64)> =
                trace.points.iter().map(|(round, share)| (*round, share.clamp(low, high))).collect();
            let ink = ink_of(trace.series);
            chart.draw_series(LineSeries::new(points.iter().copied(), ink.light.stroke_width(2)))?;
            for point in marked(&points, place, traces.len()) {
                draw_mark(area, trace.series, chart.backend_coord(&point), 4, ink)?;
            }
            if let (true, Some(last)) = (trace.settled, points.last()) {
                draw_mark(area, trace.series, chart.backend_coord(last), 6, ink)?;
            }
        }
        Ok(())
    })
}

/// An environment's difference task by task, with the interval around it.
pub(super) fn difference(points: &[Difference], limit: f64, tolerance: f64, label: &str) -> Value {
    let tasks = points.last().map_or(1, |point| point.tasks.max(1)) as f64;
    let within = |value: f64| value.clamp(-limit, limit);
    draw((WIDTH, 180), label, |area| {
        let mut chart = ChartBuilder::on(area)
            .margin(8)
            .margin_right(14)
            .x_label_area_size(34)
            .y_label_area_size(44)
            .build_cartesian_2d(0.0..tasks, -limit..limit)?;
        chart.draw_series([Rectangle::new([(0.0, 0.0), (tasks, within(-tolerance))], GRID.light.filled())])?;
        let upper = points.iter().map(|point| (point.tasks as f64, within(point.interval.1)));
        let lower = points.iter().rev().map(|point| (point.tasks as f64, within(point.interval.0)));
        let band: Vec<(f64, f64)> = upper.chain(lower).collect();
        chart.draw_series([Polygon::new(band, CHALLENGER.light.mix(0.18))])?;
        chart
            .configure_mesh()
            .light_line_style(TRANSPARENT)
            .bold_line_style(GRID.light)
            .axis_style(RULE.light)
            .label_style(letters())
            .x_labels(6)
            .y_labels(5)
            .x_desc("tasks")
            .x_label_formatter(&|value| format!("{value:.0}"))
            .y_label_formatter(&|value| signed(*value))
            .draw()?;
        chart.draw_series(LineSeries::new([(0.0, 0.0), (tasks, 0.0)], RULE.light.stroke_width(2)))?;
        let means = points.iter().map(|point| (point.tasks as f64, within(point.mean)));
        chart.draw_series(LineSeries::new(means, CHALLENGER.light.stroke_width(2)))?;
        if let Some(last) = points.last() {
            let place = chart.backend_coord(&(last.tasks as f64, within(last.mean)));
            draw_mark(area, 0, place, 4, CHALLENGER)?;
        }
        Ok(())
    })
}

/// Mean scores in one environment: a row an entry, the champion a diamond, the challenger a dot.
pub(super) fn means(rows: &[MeanRow], label: &str) -> Value {
    let values = || rows.iter().flat_map(|row| [row.champion, row.challenger]).flatten();
    let low = (values().fold(1.0, f64::min) * 10.0 - 0.3).floor().max(0.0) / 10.0;
    let high = (values().fold(0.0, f64::max) * 10.0 + 0.3).ceil().min(10.0) / 10.0;
    let high = high.max(low + 0.1);
    let height = 44 + 20 * rows.len() as u32;
    draw((WIDTH, height), label, |area| {
        let last = rows.len().max(1) as f64;
        let mut chart = ChartBuilder::on(area)
            .margin(4)
            .margin_right(14)
            .x_label_area_size(34)
            .y_label_area_size(64)
            .build_cartesian_2d(low..high, last - 0.5..-0.5)?;
        chart
            .configure_mesh()
            .disable_y_mesh()
            .light_line_style(TRANSPARENT)
            .bold_line_style(GRID.light)
            .axis_style(RULE.light)
            .label_style(letters())
            .x_labels(6)
            .y_labels(0)
            .x_desc("mean score")
            .x_label_formatter(&|value| format!("{value:.1}"))
            .draw()?;
        for (place, row) in rows.iter().enumerate() {
            let at = |mean: f64| chart.backend_coord(&(mean, place as f64));
            let (edge, y) = at(low);
            let style = letters().pos(Pos::new(HPos::Right, VPos::Center));
            area.draw(&Text::new(row.name.clone(), (edge - 6, y), style))?;
            if let (Some(champion), Some(challenger)) = (row.champion, row.challenger) {
                area.draw(&line(at(champion), at(challenger), RULE, 1))?;
            }
            if let Some(champion) = row.champion {
                draw_mark(area, DIAMOND, at(champion), 5, CHAMPION)?;
            }
            if let Some(challenger) = row.challenger {
                draw_mark(area, 0, at(challenger), 4, CHALLENGER)?;
            }
        }
        Ok(())
    })
}

/// A line's mark, for a legend.
pub(super) fn mark(series: usize) -> Value {
    draw((30, 14), "", |area| {
        area.draw(&line((1, 7), (29, 7), ink_of(series), 2))?;
        draw_mark(area, series, (15, 7), 4, ink_of(series))
    })
}

/// The marks of champion and challenger, for a legend.
pub(super) fn party_marks() -> (Value, Value) {
    let mark = |shape, ink| draw((14, 14), "", |area| draw_mark(area, shape, (7, 7), 5, ink));
    (mark(DIAMOND, CHAMPION), mark(0, CHALLENGER))
}

/// The mark that is a diamond.
const DIAMOND: usize = 1;
/// How many marks there are.
const MARKS: usize = 5;
/// Marks on a line.
const MARKS_ON_A_LINE: usize = 4;

const fn ink(light: (u8, u8, u8), dark: (u8, u8, u8)) -> Ink {
    Ink { light: RGBColor(light.0, light.1, light.2), dark: RGBColor(dark.0, dark.1, dark.2) }
}

fn ink_of(series: usize) -> Ink {
    SERIES[series % SERIES.len()]
}

fn letters() -> TextStyle<'static> {
    LETTERS.into_font().color(&TEXT.light)
}

fn line(from: (i32, i32), to: (i32, i32), ink: Ink, thickness: u32) -> PathElement<(i32, i32)> {
    PathElement::new([from, to], ink.light.stroke_width(thickness))
}

/// A difference on an axis, where a rounding error is no sign.
fn signed(value: f64) -> String {
    if value.abs() < 0.005 { "0".to_owned() } else { format!("{value:+.2}") }
}

/// Some points of a line, shifted so that lines on top of each other show their marks in turn.
fn marked(points: &[(f64, f64)], line: usize, lines: usize) -> Vec<(f64, f64)> {
    let share = |mark: usize| (mark as f64 + (line as f64 + 0.5) / lines as f64) / MARKS_ON_A_LINE as f64;
    let place = |mark: usize| ((share(mark) * points.len() as f64) as usize).min(points.len().saturating_sub(1));
    (0..MARKS_ON_A_LINE).filter_map(|mark| points.get(place(mark)).copied()).collect()
}

fn draw_mark(area: &Area<'_>, shape: usize, (x, y): (i32, i32), size: i32, ink: Ink) -> Drawn {
    let filled = ink.light.filled();
    match shape % MARKS {
        0 => area.draw(&Circle::new((x, y), size, filled))?,
        DIAMOND => {
            let reach = size + 1;
            area.draw(&Polygon::new([(x, y - reach), (x + reach, y), (x, y + reach), (x - reach, y)], filled))?;
        }
        2 => area.draw(&Rectangle::new([(x - size, y - size), (x + size, y + size)], filled))?,
        3 => area.draw(&Polygon::new([(x, y - size), (x + size, y + size), (x - size, y + size)], filled))?,
        _ => area.draw(&Cross::new((x, y), size, ink.light.stroke_width(2)))?,
    }
    Ok(())
}

/// Draws a picture and gives it a label, or hides it from those who listen where the label is empty.
fn draw(size: (u32, u32), label: &str, paint: impl FnOnce(&Area<'_>) -> Drawn) -> Value {
    let mut drawn = String::new();
    {
        let area = SVGBackend::with_string(&mut drawn, size).into_drawing_area();
        let painted = paint(&area).and_then(|()| Ok(area.present()?));
        painted.expect("drawing into a string cannot fail");
    }
    // A page with hundreds of duels is a tenth smaller without what is so anyway.
    let drawn = drawn.replace(" opacity=\"1\"", "");
    let (_, body) = drawn.split_once('>').expect("the backend opens with a tag");
    let (width, height) = size;
    let told = if label.is_empty() {
        "aria-hidden=\"true\"".to_owned()
    } else {
        format!("role=\"img\" aria-label=\"{}\"", HtmlEscape(label))
    };
    Value::from_safe_string(format!(
        "<svg viewBox=\"0 0 {width} {height}\" width=\"{width}\" height=\"{height}\" {told}>{body}"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_colour_that_is_drawn_has_a_role_with_a_dark_value() {
        let point = Difference { tasks: 40, mean: 0.1, interval: (-0.1, 0.3) };
        let trace = |series| Trace { series, points: vec![(1.0, 0.1), (40.0, 1.2)], settled: true };
        let traces: Vec<Trace> = (0..9).map(trace).collect();
        let row = MeanRow { name: "uid 1".to_owned(), champion: Some(0.4), challenger: Some(0.5) };
        let known: Vec<String> = palette().iter().map(|ink| hexadecimal(ink.light)).collect();
        for picture in [
            whisker(&point, 0.5, 0.02),
            evidence(&traces, 40, "evidence"),
            difference(&[point], 0.5, 0.02, "difference"),
            means(&[row], "means"),
            mark(4),
        ] {
            let text = picture.to_string();
            assert!(text.starts_with("<svg ") && text.trim_end().ends_with("</svg>"), "{text}");
            for colour in text.split("=\"#").skip(1) {
                let colour = format!("#{}", &colour[..6]);
                assert!(known.contains(&colour), "{colour} has no role: {text}");
            }
        }
    }

    #[test]
    fn roles_can_be_told_apart_by_their_colour() {
        let palette = palette();
        for (place, ink) in palette.iter().enumerate() {
            assert!(palette[..place].iter().all(|other| other.light != ink.light), "{ink:?} is there twice");
        }
    }

    #[test]
    fn values_out_of_range_stay_inside_the_picture() {
        let trace = Trace { series: 0, points: vec![(0.0, -80.0), (5.0, 900.0)], settled: false };
        let point = Difference { tasks: 0, mean: 0.0, interval: (-1.0, 1.0) };
        for picture in [evidence(&[trace], 5, "x"), evidence(&[], 0, "x"), difference(&[point], 0.1, 0.0, "x")] {
            let text = picture.to_string();
            assert!(!text.contains("NaN"), "{text}");
            for points in text.split("points=\"").skip(1) {
                let points = points.split('"').next().unwrap();
                for number in points.split([',', ' ']).filter(|number| !number.is_empty()) {
                    assert!((0..=360).contains(&number.parse::<i32>().unwrap()), "{number} in {points}");
                }
            }
        }
    }

    #[test]
    fn a_label_cannot_break_out() {
        let text = means(&[], "\"><script>alert(1)</script>").to_string();
        assert!(!text.contains("<script>") && text.contains("&lt;script&gt;"), "{text}");
    }
}
