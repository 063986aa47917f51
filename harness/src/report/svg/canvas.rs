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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::svg::palette::ink_of;

    fn drawn(label: &str, paint: impl FnOnce(&Area<'_>) -> Drawn) -> String {
        draw((20, 10), label, paint).to_string()
    }

    #[test]
    fn a_picture_tells_its_size_and_its_label_or_that_it_has_none() {
        let told = drawn("a < b", |_| Ok(()));
        let start = "<svg viewBox=\"0 0 20 10\" width=\"20\" height=\"10\" role=\"img\" aria-label=\"a &lt; b\">";
        assert!(told.starts_with(start), "{told}");
        let silent = drawn("", |_| Ok(()));
        assert!(silent.contains("aria-hidden=\"true\"") && !silent.contains("role="), "{silent}");
    }

    #[test]
    fn every_series_has_a_mark_of_its_own_shape() {
        let shape = |shape| {
            let text = drawn("", |area| draw_mark(area, shape, (10, 5), 4, ink_of(0)));
            text.split_once('>').unwrap().1.to_owned()
        };
        let shapes: std::collections::BTreeSet<String> = (0..MARKS).map(shape).collect();
        assert_eq!(shapes.len(), MARKS);
        assert_eq!(shape(MARKS), shape(0));
    }

    #[test]
    fn an_opaque_line_does_not_say_that_it_is_opaque() {
        let text = drawn("", |area| Ok(area.draw(&line((0, 0), (9, 9), ink_of(1), 2))?));
        assert!(text.contains("points=\"0,0 9,9 \"") || text.contains("x2=\"9\""), "{text}");
        assert!(text.contains("#D55E00") && !text.contains("opacity=\"1\""), "{text}");
    }
}
