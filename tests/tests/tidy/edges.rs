//! Edges between crates, and the places where `unsafe` may stand.

use std::collections::BTreeSet;
use std::fs;

use crate::tree::{CRATES, none, root, shown};

/// I/O, clocks and unseeded randomness, none of which `pareto` may use.
const KEPT_FROM_PARETO: [&str; 7] =
    ["std::fs", "std::net", "std::time", "std::env", "std::process", "tokio", "getrandom"];

#[test]
fn crates_depend_only_on_what_the_table_allows() {
    let ours: BTreeSet<&str> = CRATES.iter().map(|member| member.name).collect();
    let mut complaints = Vec::new();
    for member in CRATES {
        let manifest = fs::read_to_string(root().join(member.folder).join("Cargo.toml")).unwrap();
        let manifest: toml::Table = manifest.parse().unwrap();
        for (dependency, _) in manifest["dependencies"].as_table().unwrap() {
            let dependency = dependency.replace('-', "_");
            if ours.contains(dependency.as_str()) && !member.may_use.contains(&dependency.as_str()) {
                complaints.push(format!("{} depends on {dependency}", member.name));
            }
        }
    }
    none(complaints);
}

#[test]
fn pareto_has_no_way_to_the_outside() {
    let mut complaints = Vec::new();
    for source in CRATES[0].sources() {
        for banned in KEPT_FROM_PARETO.iter().filter(|banned| source.text.contains(**banned)) {
            complaints.push(format!("{} uses {banned}", shown(&source.path)));
        }
    }
    none(complaints);
}

#[test]
fn unsafe_code_stays_in_the_files_named_for_it() {
    let mut complaints = Vec::new();
    for member in CRATES {
        for source in member.sources() {
            let stem = source.path.file_stem().unwrap().to_str().unwrap();
            let uses = ["unsafe {", "unsafe impl", "unsafe fn"].iter().any(|form| source.text.contains(form));
            if uses && !member.unsafe_files.contains(&stem) {
                complaints.push(format!("{} uses unsafe", shown(&source.path)));
            }
        }
    }
    none(complaints);
}
