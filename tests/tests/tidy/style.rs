//! Names, sizes, lints and the manner of doc comments.

use std::path::Path;

use syn::spanned::Spanned;
use syn::visit::{self, Visit};

use crate::tree::{CRATES, Source, none, shown};

const LONGEST_FILE: usize = 600;
const LONGEST_FUNCTION: usize = 100;
const VAGUE_NAMES: [&str; 7] = ["common", "core", "helpers", "imp", "types", "util", "utils"];
/// Lines of a `mod.rs` or `lib.rs` that are no docs, `mod` lines, imports, attributes or re-exports.
const LONGEST_CODE_IN_MOD_RS: usize = 15;
/// A doc sentence that begins so is a noun clause: it gives a reader no word to search for.
const CLAUSE_WORDS: [&str; 7] = ["What", "Whether", "Who", "How", "Where", "Why", "When"];

fn all_sources() -> Vec<Source> {
    CRATES.iter().flat_map(|member| member.sources()).collect()
}

fn complain(wrong: impl Fn(&Source) -> bool) {
    none(all_sources().iter().filter(|source| wrong(source)).map(|source| shown(&source.path)).collect());
}

#[test]
fn every_file_says_first_what_it_is_for() {
    complain(|source| !source.text.starts_with("//! "));
}

#[test]
fn no_module_has_a_name_that_says_nothing() {
    complain(|source| source.module.last().is_some_and(|name| VAGUE_NAMES.contains(&name.as_str())));
}

#[test]
fn lints_are_expected_with_a_reason_and_never_allowed() {
    complain(|source| source.text.contains("#[allow(") || source.text.contains("#![allow("));
}

#[test]
fn module_roots_hold_docs_module_lines_and_reexports() {
    let mut complaints = Vec::new();
    for source in all_sources() {
        let is_root = ["mod.rs", "lib.rs"].iter().any(|name| source.path.ends_with(name));
        let is_code = |item: &&syn::Item| {
            !matches!(item, syn::Item::Use(_)) && !matches!(item, syn::Item::Mod(module) if module.content.is_none())
        };
        let lines: usize = source.syntax.items.iter().filter(is_code).map(lines).sum();
        if is_root && lines > LONGEST_CODE_IN_MOD_RS {
            complaints.push(format!("{}: {lines} lines of code", shown(&source.path)));
        }
    }
    none(complaints);
}

#[test]
fn first_doc_sentences_begin_with_a_term_or_a_verb() {
    let mut complaints = Vec::new();
    for source in all_sources() {
        let mut inside = false;
        for (number, line) in source.text.lines().map(str::trim_start).enumerate() {
            let sentence = ["/// ", "//! "].iter().find_map(|sign| line.strip_prefix(sign));
            if let Some(sentence) = sentence.filter(|_| !inside) {
                let first = sentence.split([' ', ',']).next().unwrap_or_default();
                if CLAUSE_WORDS.contains(&first) {
                    complaints.push(format!("{}:{}: {sentence}", shown(&source.path), number + 1));
                }
            }
            inside = line.starts_with("///") || line.starts_with("//!");
        }
    }
    none(complaints);
}

fn lines(node: &impl Spanned) -> usize {
    let span = node.span();
    span.end().line - span.start().line + 1
}

/// Collects functions that are too long.
struct LongFunctions<'a> {
    path: &'a Path,
    complaints: Vec<String>,
}

impl LongFunctions<'_> {
    fn function(&mut self, signature: &syn::Signature, body: &syn::Block) {
        if lines(body) > LONGEST_FUNCTION {
            let (name, length) = (&signature.ident, lines(body));
            self.complaints.push(format!("{}: function {name} has {length} lines", shown(self.path)));
        }
    }
}

impl<'ast> Visit<'ast> for LongFunctions<'_> {
    fn visit_item_fn(&mut self, function: &'ast syn::ItemFn) {
        self.function(&function.sig, &function.block);
        visit::visit_item_fn(self, function);
    }

    fn visit_impl_item_fn(&mut self, function: &'ast syn::ImplItemFn) {
        self.function(&function.sig, &function.block);
        visit::visit_impl_item_fn(self, function);
    }
}

/// Lines of a file's items without what is compiled for tests only, and without comments between items.
fn production_lines(source: &Source) -> usize {
    source.syntax.items.iter().map(lines).sum()
}

#[test]
fn files_and_functions_stay_short() {
    let mut complaints = Vec::new();
    for source in all_sources() {
        let mut functions = LongFunctions { path: &source.path, complaints: Vec::new() };
        functions.visit_file(&source.syntax);
        complaints.append(&mut functions.complaints);
        let length = production_lines(&source);
        if length > LONGEST_FILE {
            complaints.push(format!("{}: {length} lines", shown(&source.path)));
        }
    }
    none(complaints);
}
