//! Pages with pictures for what was computed, not run: one file, no script, nothing loaded.

use std::error::Error;
use std::path::Path;

use comfy_table::{Cell, CellAlignment, ContentArrangement, presets};
use minijinja::syntax::SyntaxConfig;
use minijinja::value::Serde;
use minijinja::{AutoEscape, Environment, HtmlEscape, UndefinedBehavior};
use plotters::coord::Shift;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};
use serde::Serialize;

use crate::exit_status::ExitStatus;
use crate::printer::may_color;
use crate::problem::Problem;

const TEMPLATE: &str = include_str!("pictures.html");
const WIDTH: u32 = 720;
const TEXT: RGBColor = RGBColor(0x3D, 0x44, 0x4B);
const GRID: RGBColor = RGBColor(0xE3, 0xE7, 0xEB);
/// After Okabe and Ito, who chose them for colour-blind eyes.
const SERIES: [RGBColor; 6] = [
    RGBColor(0x00, 0x72, 0xB2),
    RGBColor(0xD5, 0x5E, 0x00),
    RGBColor(0x00, 0x8F, 0x68),
    RGBColor(0xB3, 0x5A, 0x8C),
    RGBColor(0xB8, 0x7E, 0x00),
    RGBColor(0x5B, 0x63, 0x6B),
];

type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;
type Drawn = Result<(), Box<dyn Error>>;

/// A page: a heading, a sentence, figures and tables.
#[derive(Debug, Serialize)]
pub(super) struct Page {
    pub(super) title: String,
    pub(super) lead: String,
    pub(super) figures: Vec<Figure>,
    pub(super) tables: Vec<Table>,
}

/// A picture with the sentence that says what it shows.
#[derive(Debug, Serialize)]
pub(super) struct Figure {
    pub(super) title: String,
    pub(super) caption: String,
    /// SVG of our own making.
    pub(super) picture: String,
}

/// The numbers behind the pictures.
#[derive(Debug, Serialize)]
pub(super) struct Table {
    pub(super) title: String,
    pub(super) header: Vec<String>,
    pub(super) rows: Vec<Vec<String>>,
}

/// A line or a kind of bar.
#[derive(Debug)]
pub(super) struct Series<P> {
    pub(super) name: String,
    pub(super) points: Vec<P>,
}

/// What the axes of a line chart are.
#[derive(Debug)]
pub(super) struct Axes<'a> {
    pub(super) x: &'a str,
    pub(super) y: &'a str,
    /// Highest value of the upright axis; its lowest is 0.
    pub(super) top: f64,
    pub(super) x_label: fn(f64) -> String,
    pub(super) y_label: fn(f64) -> String,
}

/// A table on a terminal.
pub(super) fn text(table: &Table) -> String {
    let mut drawn = comfy_table::Table::new();
    drawn.load_style(presets::UTF8_HORIZONTAL_ONLY).set_content_arrangement(ContentArrangement::Dynamic);
    if !may_color() {
        drawn.force_no_tty().set_width(140);
    }
    drawn.set_header(&table.header);
    for row in &table.rows {
        drawn.add_row(row.iter().enumerate().map(|(column, cell)| {
            let alignment = if column == 0 { CellAlignment::Left } else { CellAlignment::Right };
            Cell::new(cell).set_alignment(alignment)
        }));
    }
    drawn.to_string()
}

/// Writes a page.
pub(super) fn save(page: &Page, path: &Path) -> Result<(), Problem> {
    let mut environment = Environment::new();
    environment.set_auto_escape_callback(|_| AutoEscape::Html);
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    let syntax = SyntaxConfig::builder().trim_blocks(true).lstrip_blocks(true).build();
    environment.set_syntax(syntax.expect("the delimiters are the usual ones"));
    let rendered = environment
        .render_named_str("pictures.html", TEMPLATE, Serde(page))
        .expect("the template names only what the page has");
    std::fs::write(path, rendered).map_err(|error| {
        Problem::new(ExitStatus::Store, format!("cannot write the page {}: {error}", path.display()))
            .hint("name a file in a folder that exists and can be written to")
    })
}

/// Bars lying on their side, a group for each label, one bar a series; values are shares of one.
pub(super) fn bars(labels: &[String], series: &[Series<f64>], about: &str) -> String {
    let (bar, gap, left, top) = (15, 14, 250, 40);
    let group = bar * series.len() as i32 + gap;
    let height = (top + group * labels.len() as i32 + 30) as u32;
    let across = WIDTH as i32 - left - 70;
    let x = |share: f64| left + (share.clamp(0.0, 1.0) * f64::from(across)).round() as i32;
    draw((WIDTH, height), about, |area| {
        legend(area, &series.iter().map(|one| one.name.as_str()).collect::<Vec<_>>())?;
        for tenth in [0, 2, 4, 6, 8, 10] {
            let at = x(f64::from(tenth) / 10.0);
            area.draw(&PathElement::new([(at, top - 6), (at, height as i32 - 24)], GRID))?;
            let style = letters(HPos::Center, VPos::Top);
            area.draw(&Text::new(format!("{}%", 10 * tenth), (at, height as i32 - 18), style))?;
        }
        for (place, label) in labels.iter().enumerate() {
            let start = top + group * place as i32;
            let middle = start + bar * series.len() as i32 / 2;
            area.draw(&Text::new(label.clone(), (left - 8, middle), letters(HPos::Right, VPos::Center)))?;
            for (row, one) in series.iter().enumerate() {
                let (from, share) = (start + bar * row as i32, one.points[place]);
                let corners = [(x(0.0), from), (x(share).max(x(0.0) + 1), from + bar - 2)];
                area.draw(&Rectangle::new(corners, colour(row).filled()))?;
                let style = letters(HPos::Left, VPos::Center);
                area.draw(&Text::new(percent(share), (x(share) + 5, from + bar / 2 - 1), style))?;
            }
        }
        Ok(())
    })
}

/// Lines over a common axis, each with its own mark.
pub(super) fn lines(series: &[Series<(f64, f64)>], axes: &Axes<'_>, about: &str) -> String {
    let ends = |pick: fn(f64, f64) -> f64, start| {
        series.iter().flat_map(|one| one.points.iter().map(|(x, _)| *x)).fold(start, pick)
    };
    let (low, high) = (ends(f64::min, f64::INFINITY), ends(f64::max, f64::NEG_INFINITY));
    let (low, high) = if low < high { (low, high) } else { (0.0, 1.0) };
    draw((WIDTH, 360), about, |area| {
        legend(area, &series.iter().map(|one| one.name.as_str()).collect::<Vec<_>>())?;
        let mut chart = ChartBuilder::on(area)
            .margin(10)
            .margin_top(36)
            .margin_right(20)
            .x_label_area_size(40)
            .y_label_area_size(60)
            .build_cartesian_2d(low..high, 0.0..axes.top)?;
        chart
            .configure_mesh()
            .light_line_style(TRANSPARENT)
            .bold_line_style(GRID)
            .label_style(letters(HPos::Left, VPos::Top))
            .x_desc(axes.x)
            .y_desc(axes.y)
            .x_label_formatter(&|value| (axes.x_label)(*value))
            .y_label_formatter(&|value| (axes.y_label)(*value))
            .draw()?;
        for (place, one) in series.iter().enumerate() {
            let points = || one.points.iter().map(|(x, y)| (*x, y.min(axes.top)));
            chart.draw_series(LineSeries::new(points(), colour(place).stroke_width(2)))?;
            let step = (one.points.len() / 12).max(1);
            for point in points().step_by(step) {
                mark(area, place, chart.backend_coord(&point))?;
            }
        }
        Ok(())
    })
}

/// A share of one, short; near none and near all of it a decimal more, so that neither is said of what only comes close.
pub(super) fn percent(share: f64) -> String {
    let value = 100.0 * share;
    let close = (value > 0.0 && value < 10.0) || (value > 90.0 && value < 100.0);
    if close { format!("{value:.1}%") } else { format!("{value:.0}%") }
}

fn legend(area: &Area<'_>, names: &[&str]) -> Drawn {
    let mut x = 12;
    for (place, name) in names.iter().enumerate() {
        mark(area, place, (x, 14))?;
        area.draw(&Text::new((*name).to_owned(), (x + 10, 14), letters(HPos::Left, VPos::Center)))?;
        x += 30 + 7 * name.chars().count() as i32;
    }
    Ok(())
}

/// Not by colour alone: every series has a shape of its own.
fn mark(area: &Area<'_>, series: usize, (x, y): (i32, i32)) -> Drawn {
    let filled = colour(series).filled();
    match series % 4 {
        0 => area.draw(&Circle::new((x, y), 4, filled))?,
        1 => area.draw(&Polygon::new([(x, y - 5), (x + 5, y), (x, y + 5), (x - 5, y)], filled))?,
        2 => area.draw(&Rectangle::new([(x - 4, y - 4), (x + 4, y + 4)], filled))?,
        _ => area.draw(&Polygon::new([(x, y - 5), (x + 5, y + 4), (x - 5, y + 4)], filled))?,
    }
    Ok(())
}

fn colour(series: usize) -> RGBColor {
    SERIES[series % SERIES.len()]
}

fn letters(horizontal: HPos, vertical: VPos) -> TextStyle<'static> {
    ("sans-serif", 14).into_font().color(&TEXT).pos(Pos::new(horizontal, vertical))
}

fn draw(size: (u32, u32), about: &str, paint: impl FnOnce(&Area<'_>) -> Drawn) -> String {
    let mut drawn = String::new();
    {
        let area = SVGBackend::with_string(&mut drawn, size).into_drawing_area();
        let painted = paint(&area).and_then(|()| Ok(area.present()?));
        painted.expect("drawing into a string cannot fail");
    }
    let (_, body) = drawn.split_once('>').expect("the backend opens with a tag");
    let (width, height) = size;
    format!("<svg viewBox=\"0 0 {width} {height}\" role=\"img\" aria-label=\"{}\">{body}", HtmlEscape(about))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_shows_its_numbers_and_escapes_its_words() {
        let rising = Series { name: "a <b>".to_owned(), points: vec![(0.0, 0.1), (1.0, 0.9)] };
        let axes = Axes { x: "x", y: "y", top: 1.0, x_label: |x| format!("{x:.1}"), y_label: percent };
        let bar = Series { name: "wins".to_owned(), points: vec![0.25] };
        let figure = |picture| Figure { title: "t".to_owned(), caption: "c".to_owned(), picture };
        let page = Page {
            title: "Lab & plan".to_owned(),
            lead: "<script>".to_owned(),
            figures: vec![figure(lines(&[rising], &axes, "\"")), figure(bars(&["copy".to_owned()], &[bar], "bars"))],
            tables: vec![Table {
                title: "n".to_owned(),
                header: vec!["h".to_owned()],
                rows: vec![vec!["42".to_owned()]],
            }],
        };
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("page.html");
        save(&page, &path).expect("written");
        let text = std::fs::read_to_string(&path).expect("read");
        assert!(
            text.contains("Lab &amp; plan") && text.contains("&lt;script&gt;") && !text.contains("<script"),
            "{text}"
        );
        assert_eq!(text.matches("</svg>").count(), 2);
        assert!(text.contains(">42<") && text.contains("25%") && text.contains("a &lt;b&gt;") && !text.contains("NaN"));
        assert!(save(&page, &folder.path().join("none/page.html")).is_err());
    }
}
