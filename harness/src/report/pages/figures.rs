//! Pages of figures and tables for what was simulated or computed.

use std::path::Path;

use minijinja::Value;
use serde::Serialize;

use super::render;
use crate::exit_status::ExitStatus;
use crate::problem::Problem;
use crate::report::tables::Table;

const TEMPLATE: &str = include_str!("figures.html");

/// A page: a heading, a sentence, figures and tables.
#[derive(Debug, Serialize)]
pub(crate) struct FigurePage {
    pub(crate) title: String,
    pub(crate) lead: String,
    pub(crate) figures: Vec<Figure>,
    pub(crate) tables: Vec<Table>,
}

/// A chart with a caption.
#[derive(Debug, Serialize)]
pub(crate) struct Figure {
    pub(crate) title: String,
    pub(crate) caption: String,
    /// SVG from [`crate::report::svg`].
    pub(crate) picture: Value,
}

/// Writes a page.
///
/// # Errors
/// If the file cannot be written.
pub(crate) fn save(page: &FigurePage, path: &Path) -> Result<(), Problem> {
    std::fs::write(path, render(TEMPLATE, page)).map_err(|error| {
        Problem::new(ExitStatus::Store, format!("cannot write the page {}: {error}", path.display()))
            .hint("name a file in a folder that exists and can be written to")
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::percent;
    use crate::report::svg::{LineAxes, Series, bars, dark_colors, lines};

    fn page() -> FigurePage {
        let rising = Series { name: "a <b>".to_owned(), points: vec![(0.0, 0.1), (1.0, 0.9)] };
        let axes = LineAxes { x: "x", y: "y", top: 1.0, x_label: |x| format!("{x:.1}"), y_label: percent };
        let bar = Series { name: "wins".to_owned(), points: vec![0.25] };
        let figure = |picture| Figure { title: "t".to_owned(), caption: "c".to_owned(), picture };
        FigurePage {
            title: "Lab & plan".to_owned(),
            lead: "<script>".to_owned(),
            figures: vec![figure(lines(&[rising], &axes, "\"")), figure(bars(&["copy".to_owned()], &[bar], "bars"))],
            tables: vec![Table {
                title: "n".to_owned(),
                header: vec!["h".to_owned()],
                rows: vec![vec!["42".to_owned()], vec!["<i>".to_owned()]],
            }],
        }
    }

    #[test]
    fn a_page_shows_its_numbers_and_escapes_its_words() {
        let text = render(TEMPLATE, page());
        assert!(text.contains("Lab &amp; plan") && text.contains("&lt;script&gt;") && !text.contains("<script"));
        assert_eq!(text.matches("</svg>").count(), 2);
        assert!(text.contains(">42<") && text.contains("25%") && text.contains("a &lt;b&gt;") && !text.contains("NaN"));
        assert!(text.contains("&lt;i&gt;") && !text.contains("<i>"));
    }

    #[test]
    fn a_page_forbids_itself_to_load_anything_and_knows_every_color_of_the_dark() {
        let text = render(TEMPLATE, page());
        assert!(text.contains("default-src 'none'") && !text.contains("src="));
        assert!(!text.contains("http:") && !text.contains("https:") && !text.contains("url("));
        for (light, dark) in dark_colors() {
            assert!(text.contains(&format!("[fill=\"{light}\"] {{ fill: {dark}; }}")), "{light} has no rule");
        }
    }

    #[test]
    fn a_page_that_cannot_be_written_names_its_path() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("page.html");
        save(&page(), &path).unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), render(TEMPLATE, page()));
        let problem = save(&page(), &folder.path().join("none/page.html")).unwrap_err();
        assert!(problem.to_string().contains("none/page.html"), "{problem}");
    }
}
