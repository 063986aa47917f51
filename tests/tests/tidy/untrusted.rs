//! Text of strangers: errors show it through `UntrustedText`, and only guarded writers reach standard output and error.

use quote::ToTokens;
use syn::visit::{self, Visit};

use crate::tree::{CRATES, none, shown};

/// Files whose errors hold text out of a model's files, a hub or a server.
const ERRORS: [&str; 4] =
    ["models/src/error.rs", "models/src/hub/error.rs", "models/src/refusal.rs", "models/src/remote/error.rs"];

/// Fields with our own words, or with those of whoever runs the program.
const OURS: [&str; 7] = ["endpoint", "hint", "hub", "message", "operation", "server", "supported"];

/// Files that write to standard output or standard error, after a guard, or only ask about them.
const WRITERS: [&str; 4] = [
    "harness/src/cli/command_line.rs",
    "harness/src/printer.rs",
    "harness/src/reporter/choice.rs",
    "harness/src/reporter/screen.rs",
];

/// Collects texts that an error's sentence shows as they are.
#[derive(Default)]
struct Shown {
    raw: Vec<String>,
}

impl Shown {
    fn check(&mut self, name: &str, attributes: &[syn::Attribute], fields: &syn::Fields) {
        let sentence = attributes.iter().find(|attribute| attribute.path().is_ident("error"));
        let Some(sentence) = sentence.map(|attribute| attribute.to_token_stream().to_string()) else { return };
        for field in fields {
            let (Some(field), kind) = (&field.ident, field.ty.to_token_stream().to_string()) else { continue };
            let field = field.to_string();
            let is_raw = sentence.contains(&format!("{{{field}}}")) && !sentence.contains(&format!("{{{field}:?}}"));
            if kind == "String" && is_raw && !OURS.contains(&field.as_str()) {
                self.raw.push(format!("{name} shows {field} as it is: write UntrustedText::name({field})"));
            }
        }
    }
}

impl<'ast> Visit<'ast> for Shown {
    fn visit_variant(&mut self, variant: &'ast syn::Variant) {
        self.check(&variant.ident.to_string(), &variant.attrs, &variant.fields);
        visit::visit_variant(self, variant);
    }

    fn visit_item_struct(&mut self, item: &'ast syn::ItemStruct) {
        self.check(&item.ident.to_string(), &item.attrs, &item.fields);
        visit::visit_item_struct(self, item);
    }
}

#[test]
fn errors_about_what_strangers_wrote_show_it_escaped_and_cut() {
    let (mut complaints, mut seen) = (Vec::new(), 0);
    for source in CRATES.iter().flat_map(|member| member.sources()) {
        let path = shown(&source.path);
        if ERRORS.contains(&path.as_str()) {
            seen += 1;
            let mut errors = Shown::default();
            errors.visit_file(&source.syntax);
            complaints.extend(errors.raw.into_iter().map(|complaint| format!("{path}: {complaint}")));
        }
    }
    assert_eq!(seen, ERRORS.len(), "a file is gone");
    none(complaints);
}

#[test]
fn only_guarded_writers_reach_standard_output_and_standard_error() {
    let mut complaints = Vec::new();
    for source in CRATES.iter().flat_map(|member| member.sources()) {
        let path = shown(&source.path);
        let tokens = source.syntax.to_token_stream().to_string();
        let ways = ["println !", "eprintln !", "print !", "eprint !", "io :: stdout", "io :: stderr"];
        for way in ways.iter().filter(|way| tokens.contains(&format!(" {way}")) && !WRITERS.contains(&path.as_str())) {
            complaints.push(format!("{path} uses {way}: print through Printer or the reporter"));
        }
    }
    none(complaints);
}
