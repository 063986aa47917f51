//! The rules of the house that no lint knows: crate edges, sizes, names, comments in the schema.

#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use syn::spanned::Spanned;
use syn::visit::{self, Visit};

/// What each crate may depend on of ours, and the files in which it may use `unsafe`.
const CRATES: [(&str, &[&str], &[&str]); 6] = [
    ("pareto", &[], &[]),
    ("sandboxes", &[], &["artifact"]),
    ("sandboxes/builder", &["sandboxes"], &["artifact"]),
    ("models", &[], &["mapped", "dispatch"]),
    ("environments", &["sandboxes"], &[]),
    ("harness", &["pareto", "sandboxes", "sandbox-builder", "models", "environments"], &[]),
];

/// What `pareto` must never see: it has no I/O, no clock and no unseeded randomness.
const KEPT_FROM_PARETO: [&str; 7] =
    ["std::fs", "std::net", "std::time", "std::env", "std::process", "tokio", "getrandom"];

const LONGEST_FILE: usize = 600;
const LONGEST_FUNCTION: usize = 100;
const BANNED_MODULES: [&str; 6] = ["utils", "util", "helpers", "types", "core", "imp"];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

fn files_below(folder: &Path, ending: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() && path.file_name().is_none_or(|name| name != "target") {
            found.extend(files_below(&path, ending));
        } else if path.extension().is_some_and(|extension| extension == ending) {
            found.push(path);
        }
    }
    found.sort();
    found
}

fn sources(name: &str) -> Vec<PathBuf> {
    files_below(&root().join(name).join("src"), "rs")
}

fn all_sources() -> Vec<PathBuf> {
    CRATES.iter().flat_map(|(name, ..)| sources(name)).collect()
}

/// Fails with every complaint at once.
fn none(complaints: Vec<String>) {
    assert!(complaints.is_empty(), "{}", complaints.join("\n"));
}

#[test]
fn crates_depend_only_on_what_the_table_allows() {
    let folders = CRATES.iter().map(|(folder, ..)| *folder);
    let ours: BTreeSet<&str> =
        folders.map(|folder| if folder == "sandboxes/builder" { "sandbox-builder" } else { folder }).collect();
    let mut complaints = Vec::new();
    for (name, allowed, _) in CRATES {
        let manifest = fs::read_to_string(root().join(name).join("Cargo.toml")).unwrap();
        let manifest: toml::Table = manifest.parse().unwrap();
        for (dependency, _) in manifest["dependencies"].as_table().unwrap() {
            if ours.contains(dependency.as_str()) && !allowed.contains(&dependency.as_str()) {
                complaints.push(format!("{name} depends on {dependency}"));
            }
        }
    }
    none(complaints);
}

#[test]
fn pareto_has_no_way_to_the_outside() {
    let mut complaints = Vec::new();
    for path in sources("pareto") {
        let text = fs::read_to_string(&path).unwrap();
        for banned in KEPT_FROM_PARETO.iter().filter(|banned| text.contains(**banned)) {
            complaints.push(format!("{} uses {banned}", path.display()));
        }
    }
    none(complaints);
}

#[test]
fn unsafe_code_stays_in_the_files_named_for_it() {
    let mut complaints = Vec::new();
    for (name, _, files) in CRATES {
        for path in sources(name) {
            let stem = path.file_stem().unwrap().to_str().unwrap();
            let text = fs::read_to_string(&path).unwrap();
            let uses = text.contains("unsafe {") || text.contains("unsafe impl") || text.contains("unsafe fn");
            if uses && !files.contains(&stem) {
                complaints.push(format!("{} uses unsafe", path.display()));
            }
        }
    }
    none(complaints);
}

#[test]
fn every_file_says_first_what_it_is_for() {
    let silent = |path: &PathBuf| !fs::read_to_string(path).unwrap().starts_with("//! ");
    none(all_sources().iter().filter(|path| silent(path)).map(|path| path.display().to_string()).collect());
}

#[test]
fn no_module_has_a_name_that_says_nothing() {
    let vague = |path: &PathBuf| BANNED_MODULES.iter().any(|name| path.file_stem().is_some_and(|stem| stem == *name));
    none(all_sources().iter().filter(|path| vague(path)).map(|path| path.display().to_string()).collect());
}

#[test]
fn lints_are_expected_with_a_reason_and_never_allowed() {
    let silenced = |path: &PathBuf| {
        let text = fs::read_to_string(path).unwrap();
        text.contains("#[allow(") || text.contains("#![allow(")
    };
    none(all_sources().iter().filter(|path| silenced(path)).map(|path| path.display().to_string()).collect());
}

/// Measures files and functions without their tests.
struct Sizes<'a> {
    path: &'a Path,
    complaints: Vec<String>,
    test_lines: usize,
}

fn is_test(attributes: &[syn::Attribute]) -> bool {
    attributes.iter().any(|attribute| {
        attribute.path().is_ident("cfg") && attribute.parse_args::<syn::Path>().is_ok_and(|path| path.is_ident("test"))
    })
}

fn lines(node: &impl Spanned) -> usize {
    let span = node.span();
    span.end().line - span.start().line + 1
}

impl Sizes<'_> {
    fn function(&mut self, signature: &syn::Signature, body: &syn::Block) {
        if lines(body) > LONGEST_FUNCTION {
            let (name, length) = (&signature.ident, lines(body));
            self.complaints.push(format!("{}: function {name} has {length} lines", self.path.display()));
        }
    }
}

impl<'ast> Visit<'ast> for Sizes<'_> {
    fn visit_item_mod(&mut self, module: &'ast syn::ItemMod) {
        if is_test(&module.attrs) {
            self.test_lines += lines(module);
        } else {
            visit::visit_item_mod(self, module);
        }
    }

    fn visit_item_fn(&mut self, function: &'ast syn::ItemFn) {
        self.function(&function.sig, &function.block);
        visit::visit_item_fn(self, function);
    }

    fn visit_impl_item_fn(&mut self, function: &'ast syn::ImplItemFn) {
        self.function(&function.sig, &function.block);
        visit::visit_impl_item_fn(self, function);
    }
}

#[test]
fn files_and_functions_stay_short() {
    let mut complaints = Vec::new();
    for path in all_sources() {
        let text = fs::read_to_string(&path).unwrap();
        let file = syn::parse_file(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let mut sizes = Sizes { path: &path, complaints: Vec::new(), test_lines: 0 };
        sizes.visit_file(&file);
        complaints.append(&mut sizes.complaints);
        let length = text.lines().count() - sizes.test_lines;
        if length > LONGEST_FILE {
            complaints.push(format!("{}: {length} lines", path.display()));
        }
    }
    none(complaints);
}

#[test]
fn every_table_and_column_of_the_schema_is_explained() {
    let mut complaints = Vec::new();
    for path in files_below(&root().join("migrations"), "sql") {
        let text = fs::read_to_string(&path).unwrap();
        let mut explained = false;
        for (number, line) in text.lines().map(str::trim).enumerate() {
            let needs = !line.is_empty()
                && !line.starts_with("--")
                && !line.starts_with("PRIMARY KEY")
                && !line.starts_with(')');
            if needs && !explained {
                complaints.push(format!("{}:{}: {line}", path.display(), number + 1));
            }
            explained = line.starts_with("--");
        }
    }
    none(complaints);
}
