//! Charts of duels: evidence, differences and mean scores. No chart holds a word that a stranger wrote, except
//! environments' names in its label, which is escaped.

use minijinja::Value;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, VPos};

use super::axes::{Axes, Axis};
use super::canvas::{DIAMOND, draw, draw_mark, letters_at, line};
use super::palette::{CHALLENGER, CHAMPION, GRID, RULE, ink_of};

/// Width of a picture: a phone shows it at its own size, a desk shows several side by side.
const WIDTH: u32 = 360;
/// Evidence below this share of what is needed is drawn at the lower edge.
const LEAST_SHARE: f64 = -1.0;
/// Evidence above this share of what is needed is drawn at the upper edge.
const LARGEST_SHARE: f64 = 1.25;

/// One test's evidence in the course of a duel.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Trace {
    /// Place of the line: decides its color and its mark.
    pub(crate) series: usize,
    /// Rounds, and the evidence as a share of what is needed.
    pub(crate) points: Vec<(f64, f64)>,
    /// True where the line ends because the test is settled.
    pub(crate) settled: bool,
}

/// A difference at some time of a duel.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Difference {
    /// Tasks that counted so far.
    pub(crate) tasks: usize,
    /// Mean of challenger minus champion.
    pub(crate) mean: f64,
    /// Its interval.
    pub(crate) interval: (f64, f64),
}

/// An entry's row among the mean scores of an environment.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct MeanRow {
    /// The row's label: short and ours.
    pub(crate) name: String,
    /// The champion's mean on the tasks compared.
    pub(crate) champion: Option<f64>,
    /// The challenger's mean on the same tasks.
    pub(crate) challenger: Option<f64>,
}

/// A difference as a dot with its interval as whiskers, on a scale from `-limit` to `limit`.
pub(crate) fn whisker(difference: &Difference, limit: f64, tolerance: f64) -> Value {
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
pub(crate) fn evidence(traces: &[Trace], rounds: usize, label: &str) -> Value {
    let values = || traces.iter().flat_map(|trace| trace.points.iter().map(|(_, share)| *share));
    let low = (values().fold(0.0, f64::min).max(LEAST_SHARE) * 4.0).floor() / 4.0;
    let high = values().fold(1.1, f64::max).min(LARGEST_SHARE);
    draw((WIDTH, 220), label, |area| {
        let end = rounds.max(1) as f64;
        let x = Axis { range: 0.0..end, title: "rounds", labels: 6, format: &whole, room: 34 };
        let share = |value: f64| format!("{:.0}%", value * 100.0);
        let y = Axis { range: low..high, title: "", labels: 6, format: &share, room: 44 };
        let axes = Axes { x, y, margin: 8, top: 8, right: 14 };
        let mut chart = axes.chart(area)?;
        axes.draw(&mut chart)?;
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
pub(crate) fn difference(points: &[Difference], limit: f64, tolerance: f64, label: &str) -> Value {
    let tasks = points.last().map_or(1, |point| point.tasks.max(1)) as f64;
    let within = |value: f64| value.clamp(-limit, limit);
    draw((WIDTH, 180), label, |area| {
        let x = Axis { range: 0.0..tasks, title: "tasks", labels: 6, format: &whole, room: 34 };
        let y = Axis { range: -limit..limit, title: "", labels: 5, format: &signed, room: 44 };
        let axes = Axes { x, y, margin: 8, top: 8, right: 14 };
        let mut chart = axes.chart(area)?;
        // Below the grid, which has to show through.
        chart.draw_series([Rectangle::new([(0.0, 0.0), (tasks, within(-tolerance))], GRID.light.filled())])?;
        let upper = points.iter().map(|point| (point.tasks as f64, within(point.interval.1)));
        let lower = points.iter().rev().map(|point| (point.tasks as f64, within(point.interval.0)));
        let band: Vec<(f64, f64)> = upper.chain(lower).collect();
        chart.draw_series([Polygon::new(band, CHALLENGER.light.mix(0.18))])?;
        axes.draw(&mut chart)?;
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
pub(crate) fn means(rows: &[MeanRow], label: &str) -> Value {
    let values = || rows.iter().flat_map(|row| [row.champion, row.challenger]).flatten();
    let low = (values().fold(1.0, f64::min) * 10.0 - 0.3).floor().max(0.0) / 10.0;
    let high = (values().fold(0.0, f64::max) * 10.0 + 0.3).ceil().min(10.0) / 10.0;
    let high = high.max(low + 0.1);
    let height = 44 + 20 * rows.len() as u32;
    draw((WIDTH, height), label, |area| {
        let last = rows.len().max(1) as f64;
        let tenths = |value: f64| format!("{value:.1}");
        let x = Axis { range: low..high, title: "mean score", labels: 6, format: &tenths, room: 34 };
        let y = Axis { range: last - 0.5..-0.5, title: "", labels: 0, format: &whole, room: 64 };
        let axes = Axes { x, y, margin: 4, top: 4, right: 14 };
        let mut chart = axes.chart(area)?;
        axes.draw(&mut chart)?;
        for (place, row) in rows.iter().enumerate() {
            let at = |mean: f64| chart.backend_coord(&(mean, place as f64));
            let (edge, y) = at(low);
            area.draw(&Text::new(row.name.clone(), (edge - 6, y), letters_at(HPos::Right, VPos::Center)))?;
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
pub(crate) fn mark(series: usize) -> Value {
    draw((30, 14), "", |area| {
        area.draw(&line((1, 7), (29, 7), ink_of(series), 2))?;
        draw_mark(area, series, (15, 7), 4, ink_of(series))
    })
}

/// The marks of champion and challenger, for a legend.
pub(crate) fn party_marks() -> (Value, Value) {
    let mark = |shape, ink| draw((14, 14), "", |area| draw_mark(area, shape, (7, 7), 5, ink));
    (mark(DIAMOND, CHAMPION), mark(0, CHALLENGER))
}

/// Marks on a line.
const MARKS_ON_A_LINE: usize = 4;

fn whole(value: f64) -> String {
    format!("{value:.0}")
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_color_that_is_drawn_has_a_role_with_a_dark_value() {
        let point = Difference { tasks: 40, mean: 0.1, interval: (-0.1, 0.3) };
        let trace = |series| Trace { series, points: vec![(1.0, 0.1), (40.0, 1.2)], settled: true };
        let traces: Vec<Trace> = (0..9).map(trace).collect();
        let row = MeanRow { name: "uid 1".to_owned(), champion: Some(0.4), challenger: Some(0.5) };
        let known: Vec<String> = super::super::dark_colors().into_iter().map(|(light, _)| light).collect();
        for picture in [
            whisker(&point, 0.5, 0.02),
            evidence(&traces, 40, "evidence"),
            difference(&[point], 0.5, 0.02, "difference"),
            means(&[row], "means"),
            mark(4),
        ] {
            let text = picture.to_string();
            assert!(text.starts_with("<svg ") && text.trim_end().ends_with("</svg>"), "{text}");
            for color in text.split("=\"#").skip(1) {
                let color = format!("#{}", &color[..6]);
                assert!(known.contains(&color), "{color} has no role: {text}");
            }
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
