//! The source tree that the checks read: crates, files, syntax without tests.

use std::fs;
use std::path::{Path, PathBuf};

use syn::visit_mut::{self, VisitMut};

/// A crate of the workspace: its name in code, its folder, the crates of ours that it may depend on, and the stems of the
/// files in which it may use `unsafe`.
pub(crate) struct Crate {
    pub(crate) name: &'static str,
    pub(crate) folder: &'static str,
    pub(crate) may_use: &'static [&'static str],
    pub(crate) unsafe_files: &'static [&'static str],
}

/// The libraries and the program, lowest first.
pub(crate) const CRATES: [Crate; 6] = [
    Crate { name: "pareto", folder: "pareto", may_use: &[], unsafe_files: &[] },
    Crate { name: "sandboxes", folder: "sandboxes", may_use: &[], unsafe_files: &["artifact"] },
    Crate {
        name: "sandbox_builder",
        folder: "sandboxes/builder",
        may_use: &["sandboxes"],
        unsafe_files: &["artifact"],
    },
    Crate {
        name: "models",
        folder: "models",
        may_use: &[],
        unsafe_files: &["mapped", "dispatch", "driver", "compiler", "library", "profile"],
    },
    Crate { name: "environments", folder: "environments", may_use: &["sandboxes"], unsafe_files: &[] },
    Crate {
        name: "harness",
        folder: "harness",
        may_use: &["pareto", "sandboxes", "sandbox_builder", "models", "environments"],
        unsafe_files: &[],
    },
];

/// The root of the repository.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

/// All files below a folder with this ending, sorted; build outputs are left out.
pub(crate) fn files_below(folder: &Path, ending: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).into_iter().flatten() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            if path.file_name().is_none_or(|name| name != "target" && name != ".git") {
                found.extend(files_below(&path, ending));
            }
        } else if path.extension().is_some_and(|extension| extension == ending) {
            found.push(path);
        }
    }
    found.sort();
    found
}

/// A path below the root of the repository, for a complaint.
pub(crate) fn shown(path: &Path) -> String {
    path.strip_prefix(root()).unwrap_or(path).display().to_string()
}

/// A file of a crate's `src` folder.
pub(crate) struct Source {
    pub(crate) path: PathBuf,
    pub(crate) text: String,
    /// Its syntax without what is compiled for tests only.
    pub(crate) syntax: syn::File,
    /// The path of its module in the crate; empty for `lib.rs` and `main.rs`.
    pub(crate) module: Vec<String>,
}

impl Crate {
    /// The files of the crate but those of its test modules, with their syntax.
    pub(crate) fn sources(&self) -> Vec<Source> {
        let folder = root().join(self.folder).join("src");
        let mut tests = Vec::new();
        let mut sources = Vec::new();
        for path in files_below(&folder, "rs") {
            let text = fs::read_to_string(&path).unwrap();
            let mut syntax = syn::parse_file(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
            let module = module_of(path.strip_prefix(&folder).unwrap());
            let out_of_line = syntax.items.iter().filter_map(|item| match item {
                syn::Item::Mod(item) if item.content.is_none() && is_test(&item.attrs) => Some(item.ident.to_string()),
                _ => None,
            });
            tests.extend(out_of_line.map(|name| [module.clone(), vec![name]].concat()));
            WithoutTests.visit_file_mut(&mut syntax);
            sources.push(Source { path, text, syntax, module });
        }
        sources.retain(|source| !tests.iter().any(|test| source.module.starts_with(test)));
        sources
    }
}

/// The module of a file given by its path below `src`.
fn module_of(path: &Path) -> Vec<String> {
    let mut module: Vec<String> =
        path.with_extension("").iter().map(|part| part.to_str().unwrap().to_owned()).collect();
    if ["lib", "main", "mod"].contains(&module.last().unwrap().as_str()) {
        module.pop();
    }
    module
}

/// Whether an item is compiled for tests only.
pub(crate) fn is_test(attributes: &[syn::Attribute]) -> bool {
    attributes.iter().any(|attribute| {
        attribute.path().is_ident("test")
            || attribute.path().is_ident("cfg")
                && attribute.parse_args::<syn::Path>().is_ok_and(|path| path.is_ident("test"))
    })
}

/// Removes what is compiled for tests only.
struct WithoutTests;

impl VisitMut for WithoutTests {
    fn visit_file_mut(&mut self, file: &mut syn::File) {
        file.items.retain(|item| !is_test(attributes(item)));
        visit_mut::visit_file_mut(self, file);
    }

    fn visit_item_mod_mut(&mut self, module: &mut syn::ItemMod) {
        if let Some((_, items)) = &mut module.content {
            items.retain(|item| !is_test(attributes(item)));
        }
        visit_mut::visit_item_mod_mut(self, module);
    }

    fn visit_item_impl_mut(&mut self, item: &mut syn::ItemImpl) {
        item.items.retain(|item| !matches!(item, syn::ImplItem::Fn(function) if is_test(&function.attrs)));
        visit_mut::visit_item_impl_mut(self, item);
    }
}

fn attributes(item: &syn::Item) -> &[syn::Attribute] {
    match item {
        syn::Item::Const(item) => &item.attrs,
        syn::Item::Enum(item) => &item.attrs,
        syn::Item::Fn(item) => &item.attrs,
        syn::Item::Impl(item) => &item.attrs,
        syn::Item::Macro(item) => &item.attrs,
        syn::Item::Mod(item) => &item.attrs,
        syn::Item::Static(item) => &item.attrs,
        syn::Item::Struct(item) => &item.attrs,
        syn::Item::Trait(item) => &item.attrs,
        syn::Item::Type(item) => &item.attrs,
        syn::Item::Use(item) => &item.attrs,
        _ => &[],
    }
}

/// Fails with every complaint at once.
#[track_caller]
pub(crate) fn none(complaints: Vec<String>) {
    assert!(complaints.is_empty(), "{} complaints\n{}", complaints.len(), complaints.join("\n"));
}
