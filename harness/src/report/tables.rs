//! Tables for terminals: one set-up for all of them.

use comfy_table::{Cell, CellAlignment, ContentArrangement, presets};
use serde::Serialize;

use crate::printer::may_color;

/// A table of words and numbers, for a terminal or a page.
#[derive(Debug, Serialize)]
pub(crate) struct Table {
    pub(crate) title: String,
    pub(crate) header: Vec<String>,
    pub(crate) rows: Vec<Vec<String>>,
}

impl Table {
    /// The table for a terminal: the first column to the left, numbers to the right.
    pub(crate) fn text(&self) -> String {
        let mut drawn = grid(140);
        drawn.set_header(&self.header);
        for row in &self.rows {
            drawn.add_row(row.iter().enumerate().map(|(column, cell)| {
                let alignment = if column == 0 { CellAlignment::Left } else { CellAlignment::Right };
                Cell::new(cell).set_alignment(alignment)
            }));
        }
        drawn.to_string()
    }
}

/// An empty table as wide as the terminal, or of this width where standard output is none.
pub(crate) fn grid(width: u16) -> comfy_table::Table {
    let mut table = comfy_table::Table::new();
    table.load_style(presets::UTF8_HORIZONTAL_ONLY).set_content_arrangement(ContentArrangement::Dynamic);
    if !may_color() {
        table.force_no_tty().set_width(width);
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(rows: &[&[&str]]) -> String {
        let owned = |row: &[&str]| row.iter().map(|cell| (*cell).to_owned()).collect();
        let rows = rows.iter().map(|row| owned(row)).collect();
        Table { title: String::new(), header: owned(&["name", "share"]), rows }.text()
    }

    #[test]
    fn numbers_stand_below_one_another_at_the_right() {
        let drawn = table(&[&["a", "5%"], &["long name", "100%"]]);
        let lines: Vec<&str> = drawn.lines().map(str::trim_end).collect();
        let end = |part: &str| lines.iter().find(|line| line.contains(part)).unwrap().chars().count();
        assert_eq!(end(" 5%"), end("100%"), "{drawn}");
        assert!(drawn.contains("name") && drawn.contains("share"), "{drawn}");
    }

    #[test]
    fn a_table_is_no_wider_than_it_may_be_and_needs_no_rows() {
        let long = "word ".repeat(80);
        let drawn = table(&[&[&long, "1%"]]);
        assert!(drawn.lines().all(|line| line.chars().count() <= 140), "{drawn}");
        assert!(table(&[]).contains("share"));
    }
}
