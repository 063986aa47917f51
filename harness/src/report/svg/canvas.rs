//! Drawing surface: an SVG with a label for screen readers, letters, lines and marks.

use std::error::Error;

use minijinja::{HtmlEscape, Value};
use plotters::coord::Shift;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use super::palette::{Ink, TEXT};

/// Letters of 11 units: the backend divides the size by 1.24.
const LETTERS: (&str, f64) = ("sans-serif", 13.7);
/// The mark that is a diamond.
pub(super) const DIAMOND: usize = 1;
/// Number of different marks.
const MARKS: usize = 5;

pub(super) type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;
pub(super) type Drawn<T = ()> = Result<T, Box<dyn Error>>;

/// Draws a picture and gives it a label for screen readers, or hides it from them where the label is empty.
pub(super) fn draw(size: (u32, u32), label: &str, paint: impl FnOnce(&Area<'_>) -> Drawn) -> Value {
    let mut drawn = String::new();
    {
        let area = SVGBackend::with_string(&mut drawn, size).into_drawing_area();
        let painted = paint(&area).and_then(|()| Ok(area.present()?));
        painted.expect("drawing into a string cannot fail");
    }
    // The default opacity is a tenth of a page with hundreds of duels.
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

/// The letters of axes.
pub(super) fn letters() -> TextStyle<'static> {
    LETTERS.into_font().color(&TEXT.light)
}

/// Letters placed by an edge or their middle.
pub(super) fn letters_at(horizontal: HPos, vertical: VPos) -> TextStyle<'static> {
    letters().pos(Pos::new(horizontal, vertical))
}

/// A straight line.
pub(super) fn line(from: (i32, i32), to: (i32, i32), ink: Ink, thickness: u32) -> PathElement<(i32, i32)> {
    PathElement::new([from, to], ink.light.stroke_width(thickness))
}

/// The mark of a series: a shape of its own, since not everybody sees colors.
pub(super) fn draw_mark(area: &Area<'_>, shape: usize, (x, y): (i32, i32), size: i32, ink: Ink) -> Drawn {
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
