//! Colors of all charts, as roles with a light and a dark value.
//!
//! The SVG carries the light value as an attribute; a page's style sheet replaces it by attribute in the dark. Whatever a
//! color says, a shape, a place or a word says too.

use plotters::style::RGBColor;

/// A role's color on white and on black.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Ink {
    /// On a light page and on paper.
    pub(super) light: RGBColor,
    /// On a dark page.
    pub(super) dark: RGBColor,
}

/// Words and axes.
pub(super) const TEXT: Ink = ink((0x3D, 0x44, 0x4B), (0xC3, 0xCA, 0xD2));
/// Grids.
pub(super) const GRID: Ink = ink((0xE3, 0xE7, 0xEB), (0x2E, 0x35, 0x3D));
/// Thresholds and zero lines.
pub(super) const RULE: Ink = ink((0x6B, 0x73, 0x7B), (0x98, 0xA2, 0xAD));
/// The champion.
pub(super) const CHAMPION: Ink = ink((0xC2, 0x4E, 0x00), (0xFF, 0x9A, 0x57));
/// The challenger.
pub(super) const CHALLENGER: Ink = ink((0x00, 0x6B, 0xA8), (0x5C, 0xB8, 0xF0));
/// Lines and bars drawn beside one another (after Okabe and Ito, who chose them for color-blind eyes).
const SERIES: [Ink; 8] = [
    ink((0x00, 0x72, 0xB2), (0x56, 0xB4, 0xE9)),
    ink((0xD5, 0x5E, 0x00), (0xFF, 0x8F, 0x45)),
    ink((0x00, 0x8F, 0x68), (0x2F, 0xC9, 0x9F)),
    ink((0xB3, 0x5A, 0x8C), (0xDE, 0x92, 0xBE)),
    ink((0xB8, 0x7E, 0x00), (0xE8, 0xAE, 0x2B)),
    ink((0x5B, 0x63, 0x6B), (0xB4, 0xBC, 0xC5)),
    ink((0x8A, 0x2B, 0xE2), (0xC7, 0x9B, 0xFF)),
    ink((0x6E, 0x3B, 0x12), (0xC9, 0x95, 0x66)),
];

const fn ink(light: (u8, u8, u8), dark: (u8, u8, u8)) -> Ink {
    Ink { light: RGBColor(light.0, light.1, light.2), dark: RGBColor(dark.0, dark.1, dark.2) }
}

/// The color of a series, by its place.
pub(super) fn ink_of(series: usize) -> Ink {
    SERIES[series % SERIES.len()]
}

/// Each color of the charts as they write it, with the color that takes its place on a dark page.
pub(crate) fn dark_colors() -> Vec<(String, String)> {
    palette().map(|ink| (hexadecimal(ink.light), hexadecimal(ink.dark))).collect()
}

fn palette() -> impl Iterator<Item = Ink> {
    [TEXT, GRID, RULE, CHAMPION, CHALLENGER].into_iter().chain(SERIES)
}

/// A color as the SVG backend writes it.
fn hexadecimal(color: RGBColor) -> String {
    format!("#{:02X}{:02X}{:02X}", color.0, color.1, color.2)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn roles_can_be_told_apart_by_their_color() {
        let palette: Vec<Ink> = palette().collect();
        for (place, ink) in palette.iter().enumerate() {
            assert!(palette[..place].iter().all(|other| other.light != ink.light), "{ink:?} is there twice");
        }
    }

    #[test]
    fn every_color_but_the_grids_stands_out_on_both_pages() {
        // Relative luminance and contrast as in WCAG 2: 3 to 1 is asked for graphics.
        let linear = |channel: u8| {
            let share = f64::from(channel) / 255.0;
            if share <= 0.040_45 { share / 12.92 } else { ((share + 0.055) / 1.055).powf(2.4) }
        };
        let luminance = |RGBColor(r, g, b)| 0.2126 * linear(r) + 0.7152 * linear(g) + 0.0722 * linear(b);
        let contrast = |one: f64, other: f64| (one.max(other) + 0.05) / (one.min(other) + 0.05);
        let (white, black) = (luminance(RGBColor(0xFF, 0xFF, 0xFF)), luminance(RGBColor(0x14, 0x18, 0x1D)));
        for ink in palette().filter(|ink| *ink != GRID) {
            assert!(contrast(luminance(ink.light), white) >= 3.0, "{ink:?} on white");
            assert!(contrast(luminance(ink.dark), black) >= 3.0, "{ink:?} on black");
        }
    }
}
