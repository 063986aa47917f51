//! Charts of shares: bars lying on their side, and lines over a common axis.

use minijinja::Value;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, VPos};

use super::axes::{Axes, Axis};
use super::canvas::{Area, Drawn, draw, draw_mark, letters_at, line};
use super::palette::{GRID, ink_of};
use crate::report::percent;

/// Width of a picture that fills a page.
const WIDTH: u32 = 720;
/// Size of the marks of a series.
const MARK: i32 = 4;
/// Width of a letter of a label.
const LETTER: i32 = 6;
/// About so many marks on a line.
const MARKS_ON_A_LINE: usize = 12;

/// A line, or the bars of one kind.
#[derive(Debug)]
pub(crate) struct Series<P> {
    pub(crate) name: String,
    pub(crate) points: Vec<P>,
}

/// Axes of a line chart; the upright one begins at 0.
#[derive(Debug)]
pub(crate) struct LineAxes<'a> {
    pub(crate) x: &'a str,
    pub(crate) y: &'a str,
    /// Highest value of the upright axis; what is above is drawn there.
    pub(crate) top: f64,
    pub(crate) x_label: fn(f64) -> String,
    pub(crate) y_label: fn(f64) -> String,
}

/// Bars lying on their side, a group for each label, one bar a series; values are shares of one.
pub(crate) fn bars(labels: &[String], series: &[Series<f64>], about: &str) -> Value {
    let (bar, gap, top) = (15, 14, 40);
    let longest = labels.iter().map(|label| label.chars().count()).max().unwrap_or(0);
    let left = 16 + LETTER * longest.min(60) as i32;
    let group = bar * series.len() as i32 + gap;
    let height = (top + group * labels.len() as i32 + 30) as u32;
    let across = WIDTH as i32 - left - 70;
    let x = |share: f64| left + (share.clamp(0.0, 1.0) * f64::from(across)).round() as i32;
    draw((WIDTH, height), about, |area| {
        legend(area, &series.iter().map(|one| one.name.as_str()).collect::<Vec<_>>())?;
        for tenth in [0, 2, 4, 6, 8, 10] {
            let at = x(f64::from(tenth) / 10.0);
            area.draw(&line((at, top - 6), (at, height as i32 - 24), GRID, 1))?;
            let style = letters_at(HPos::Center, VPos::Top);
            area.draw(&Text::new(format!("{}%", 10 * tenth), (at, height as i32 - 18), style))?;
        }
        for (place, label) in labels.iter().enumerate() {
            let start = top + group * place as i32;
            let middle = start + bar * series.len() as i32 / 2;
            area.draw(&Text::new(label.clone(), (left - 8, middle), letters_at(HPos::Right, VPos::Center)))?;
            for (row, one) in series.iter().enumerate() {
                let (from, share) = (start + bar * row as i32, one.points[place]);
                let corners = [(x(0.0), from), (x(share).max(x(0.0) + 1), from + bar - 2)];
                area.draw(&Rectangle::new(corners, ink_of(row).light.filled()))?;
                let style = letters_at(HPos::Left, VPos::Center);
                area.draw(&Text::new(percent(share), (x(share) + 5, from + bar / 2 - 1), style))?;
            }
        }
        Ok(())
    })
}

/// Lines over a common axis, each with its own mark.
pub(crate) fn lines(series: &[Series<(f64, f64)>], axes: &LineAxes<'_>, about: &str) -> Value {
    let ends = |pick: fn(f64, f64) -> f64, start| {
        series.iter().flat_map(|one| one.points.iter().map(|(x, _)| *x)).fold(start, pick)
    };
    let (low, high) = (ends(f64::min, f64::INFINITY), ends(f64::max, f64::NEG_INFINITY));
    let (low, high) = if low < high { (low, high) } else { (0.0, 1.0) };
    draw((WIDTH, 360), about, |area| {
        legend(area, &series.iter().map(|one| one.name.as_str()).collect::<Vec<_>>())?;
        let x = Axis { range: low..high, title: axes.x, labels: 11, format: &axes.x_label, room: 40 };
        let y = Axis { range: 0.0..axes.top, title: axes.y, labels: 11, format: &axes.y_label, room: 60 };
        let frame = Axes { x, y, margin: 10, top: 36, right: 20 };
        let mut chart = frame.chart(area)?;
        frame.draw(&mut chart)?;
        for (place, one) in series.iter().enumerate() {
            let points = || one.points.iter().map(|(x, y)| (*x, y.min(axes.top)));
            chart.draw_series(LineSeries::new(points(), ink_of(place).light.stroke_width(2)))?;
            let step = (one.points.len() / MARKS_ON_A_LINE).max(1);
            for point in points().step_by(step) {
                draw_mark(area, place, chart.backend_coord(&point), MARK, ink_of(place))?;
            }
        }
        Ok(())
    })
}

fn legend(area: &Area<'_>, names: &[&str]) -> Drawn {
    let mut x = 12;
    for (place, name) in names.iter().enumerate() {
        draw_mark(area, place, (x, 14), MARK, ink_of(place))?;
        area.draw(&Text::new((*name).to_owned(), (x + 10, 14), letters_at(HPos::Left, VPos::Center)))?;
        x += 30 + 7 * name.chars().count() as i32;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::svg::dark_colors;

    fn axes(top: f64) -> LineAxes<'static> {
        LineAxes { x: "x", y: "y", top, x_label: |x| format!("{x:.1}"), y_label: percent }
    }

    fn series<P>(name: &str, points: Vec<P>) -> Series<P> {
        Series { name: name.to_owned(), points }
    }

    #[track_caller]
    fn check(picture: &Value, inside: &[&str]) {
        let text = picture.to_string();
        assert!(text.starts_with("<svg ") && text.trim_end().ends_with("</svg>") && !text.contains("NaN"), "{text}");
        for part in inside {
            assert!(text.contains(part), "{part} is missing in {text}");
        }
        let known: Vec<String> = dark_colors().into_iter().map(|(light, _)| light).collect();
        for color in text.split("=\"#").skip(1).map(|rest| format!("#{}", &rest[..6])) {
            assert!(known.contains(&color), "{color} has no dark value: {text}");
        }
    }

    #[test]
    fn bars_and_lines_show_names_and_values_in_colors_that_have_a_dark_value() {
        let wins = series("wins", vec![0.25, 1.0]);
        check(
            &bars(&["copy".to_owned(), "gain".to_owned()], &[wins], "bars"),
            &["copy", "gain", "wins", "25%", "100%"],
        );
        let rising = series("rising", vec![(0.0, 0.1), (1.0, 0.9)]);
        check(&lines(&[rising], &axes(1.0), "lines"), &["rising", "polyline", "\nx\n", "\ny\n", "\n100%\n"]);
        let many: Vec<Series<f64>> = (0..9).map(|place| series(&place.to_string(), vec![0.5])).collect();
        check(&bars(&["all".to_owned()], &many, "nine"), &[]);
    }

    #[test]
    fn a_name_or_label_cannot_break_out_of_the_picture() {
        let odd = "\"><script>alert(1)</script>";
        for picture in [
            bars(&[odd.to_owned()], &[series(odd, vec![0.5])], odd),
            lines(&[series(odd, vec![(0.0, 0.5), (1.0, 0.5)])], &axes(1.0), odd),
        ] {
            let text = picture.to_string();
            assert!(!text.contains("<script>") && text.contains("&lt;script&gt;"), "{text}");
        }
    }

    #[test]
    fn values_that_are_out_of_range_or_absent_stay_inside_the_picture() {
        check(&bars(&[], &[], "none"), &[]);
        check(&lines(&[], &axes(1.0), "none"), &[]);
        check(&lines(&[series("one", vec![(3.0, 0.5)])], &axes(1.0), "one point"), &["one"]);
        let text = lines(&[series("high", vec![(0.0, 0.0), (1.0, 900.0)])], &axes(1.0), "high").to_string();
        for points in text.split("points=\"").skip(1) {
            let points = points.split('"').next().unwrap();
            for number in points.split([',', ' ']).filter(|number| !number.is_empty()) {
                assert!((0..=720).contains(&number.parse::<i32>().unwrap()), "{number} in {points}");
            }
        }
        let text = bars(&["x".to_owned()], &[series("odd", vec![-3.0])], "odd").to_string();
        assert!(!text.contains("x=\"-") && !text.contains("width=\"-"), "{text}");
    }
}
