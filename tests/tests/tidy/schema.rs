//! The database schema: an explanation for every table and column.

use std::fs;

use crate::tree::{files_below, none, root, shown};

#[test]
fn every_table_and_column_of_the_schema_is_explained() {
    let mut complaints = Vec::new();
    for path in files_below(&root().join("migrations"), "sql") {
        let text = fs::read_to_string(&path).unwrap();
        let mut explained = false;
        for (number, line) in text.lines().map(str::trim).enumerate() {
            let needs = !line.is_empty()
                && !line.starts_with("--")
                && !["PRIMARY KEY", "UNIQUE"].iter().any(|word| line.starts_with(word))
                && !line.starts_with(')');
            if needs && !explained {
                complaints.push(format!("{}:{}: {line}", shown(&path), number + 1));
            }
            explained = line.starts_with("--");
        }
    }
    none(complaints);
}
