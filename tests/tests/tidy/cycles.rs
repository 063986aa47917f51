//! Cycles between the top-level modules of a crate. Every path is followed to the file that defines what it names, through
//! re-exports.

use std::collections::{BTreeMap, BTreeSet};

use syn::visit::{self, Visit};

use crate::tree::{CRATES, Crate, none, shown};

type ModulePath = Vec<String>;

/// Names in the scope of a module.
#[derive(Default)]
struct Scope {
    /// Items that the module defines itself.
    defined: BTreeSet<String>,
    /// Imports and re-exports: name in scope, path as written.
    imported: BTreeMap<String, Vec<String>>,
    /// Paths of glob imports.
    globs: Vec<Vec<String>>,
}

/// All modules of a crate.
struct Modules(BTreeMap<ModulePath, Scope>);

impl Modules {
    fn of(sources: &[crate::tree::Source]) -> Self {
        let mut modules = BTreeMap::new();
        for source in sources {
            collect(&source.module, &source.syntax.items, &mut modules);
        }
        Self(modules)
    }

    /// The module that defines what `path`, written in `module`, names; none outside the crate.
    fn resolve(&self, module: &[String], path: &[String], depth: usize) -> Option<ModulePath> {
        let mut at: ModulePath;
        let mut rest = path;
        match path.first()?.as_str() {
            "crate" => (at, rest) = (Vec::new(), &rest[1..]),
            "self" => (at, rest) = (module.to_vec(), &rest[1..]),
            "super" => {
                at = module.to_vec();
                while rest.first().is_some_and(|segment| segment == "super") {
                    at.pop();
                    rest = &rest[1..];
                }
            }
            _ => at = module.to_vec(),
        }
        let mut inside = rest.len() < path.len();
        for segment in rest {
            let child = [at.clone(), vec![segment.clone()]].concat();
            if self.0.contains_key(&child) {
                (at, inside) = (child, true);
                continue;
            }
            let scope = self.0.get(&at)?;
            if scope.defined.contains(segment) {
                return Some(at);
            }
            if depth > 20 {
                return None;
            }
            if let Some(target) = scope.imported.get(segment)
                && target != path
            {
                return self.resolve(&at, target, depth + 1);
            }
            let through_glob = scope.globs.iter().find_map(|glob| {
                let target = [glob.clone(), vec![segment.clone()]].concat();
                self.resolve(&at, &target, depth + 1)
            });
            return through_glob.or_else(|| inside.then_some(at));
        }
        inside.then_some(at)
    }
}

fn collect(module: &[String], items: &[syn::Item], modules: &mut BTreeMap<ModulePath, Scope>) {
    let mut scope = Scope::default();
    for item in items {
        match item {
            syn::Item::Use(item) => flatten(&item.tree, &mut Vec::new(), &mut |path, name| match name {
                Some(name) => drop(scope.imported.insert(name, path)),
                None => scope.globs.push(path),
            }),
            syn::Item::Mod(item) => {
                if let Some((_, items)) = &item.content {
                    collect(&[module.to_vec(), vec![item.ident.to_string()]].concat(), items, modules);
                }
            }
            syn::Item::Const(item) => drop(scope.defined.insert(item.ident.to_string())),
            syn::Item::Enum(item) => drop(scope.defined.insert(item.ident.to_string())),
            syn::Item::Fn(item) => drop(scope.defined.insert(item.sig.ident.to_string())),
            syn::Item::Static(item) => drop(scope.defined.insert(item.ident.to_string())),
            syn::Item::Struct(item) => drop(scope.defined.insert(item.ident.to_string())),
            syn::Item::Trait(item) => drop(scope.defined.insert(item.ident.to_string())),
            syn::Item::Type(item) => drop(scope.defined.insert(item.ident.to_string())),
            _ => {}
        }
    }
    modules.insert(module.to_vec(), scope);
}

/// Calls `found` with every path of an import and its name in scope; a glob has none.
fn flatten(tree: &syn::UseTree, path: &mut Vec<String>, found: &mut impl FnMut(Vec<String>, Option<String>)) {
    let leaf = |path: &[String], segment: &syn::Ident, name: &syn::Ident| {
        let segment = (segment != "self").then(|| segment.to_string());
        let full: Vec<String> = path.iter().cloned().chain(segment).collect();
        let name = if name == "self" { full.last().cloned() } else { Some(name.to_string()) };
        (full, name)
    };
    match tree {
        syn::UseTree::Path(tree) => {
            path.push(tree.ident.to_string());
            flatten(&tree.tree, path, found);
            path.pop();
        }
        syn::UseTree::Name(tree) => {
            let (full, name) = leaf(path, &tree.ident, &tree.ident);
            found(full, name);
        }
        syn::UseTree::Rename(tree) => {
            let (full, name) = leaf(path, &tree.ident, &tree.rename);
            found(full, name);
        }
        syn::UseTree::Glob(_) => found(path.clone(), None),
        syn::UseTree::Group(tree) => tree.items.iter().for_each(|tree| flatten(tree, path, found)),
    }
}

/// Collects the paths that a file names, imports included.
#[derive(Default)]
struct Named(Vec<Vec<String>>);

impl<'ast> Visit<'ast> for Named {
    fn visit_item_use(&mut self, item: &'ast syn::ItemUse) {
        flatten(&item.tree, &mut Vec::new(), &mut |path, _| self.0.push(path));
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        self.0.push(path.segments.iter().map(|segment| segment.ident.to_string()).collect());
        visit::visit_path(self, path);
    }
}

/// Edges between top-level modules, each with a file that it stands in.
fn edges(member: &Crate) -> BTreeMap<String, BTreeMap<String, String>> {
    let sources = member.sources();
    let modules = Modules::of(&sources);
    let mut edges: BTreeMap<String, BTreeMap<String, String>> = BTreeMap::new();
    for source in &sources {
        let Some(from) = source.module.first() else { continue };
        let mut named = Named::default();
        named.visit_file(&source.syntax);
        for path in named.0 {
            let target = modules.resolve(&source.module, &path, 0);
            if let Some(to) = target.as_ref().and_then(|target| target.first())
                && to != from
            {
                let example = format!("{} names {}", shown(&source.path), path.join("::"));
                edges.entry(from.clone()).or_default().entry(to.clone()).or_insert(example);
            }
        }
    }
    edges
}

/// The edges on a way from `from` to `to`, shortest first.
fn way<'a>(
    edges: &'a BTreeMap<String, BTreeMap<String, String>>,
    from: &'a str,
    to: &'a str,
) -> Option<Vec<(&'a str, &'a str, &'a str)>> {
    let mut ways = vec![(from, Vec::new())];
    let mut seen = BTreeSet::new();
    while !ways.is_empty() {
        let mut next = Vec::new();
        for (at, way) in ways {
            for (target, example) in edges.get(at).into_iter().flatten() {
                let longer = [way.clone(), vec![(at, target.as_str(), example.as_str())]].concat();
                if target == to {
                    return Some(longer);
                }
                if seen.insert(target.as_str()) {
                    next.push((target.as_str(), longer));
                }
            }
        }
        ways = next;
    }
    None
}

#[test]
fn no_module_depends_on_itself_through_others() {
    let mut complaints = BTreeSet::new();
    for member in CRATES {
        let edges = edges(&member);
        for module in edges.keys() {
            if let Some(way) = way(&edges, module, module) {
                // A cycle is reported once, from its first module in the alphabet.
                if way.iter().all(|(from, ..)| *from >= module.as_str()) {
                    let steps: Vec<String> =
                        way.iter().map(|(from, to, example)| format!("  {from} -> {to}: {example}")).collect();
                    complaints.insert(format!("{}\n{}", member.name, steps.join("\n")));
                }
            }
        }
    }
    none(complaints.into_iter().collect());
}

#[test]
fn imports_are_followed_through_reexports() {
    let source = |module: &[&str], text: &str| crate::tree::Source {
        path: module.iter().collect(),
        text: text.to_owned(),
        syntax: syn::parse_str(text).unwrap(),
        module: module.iter().map(|part| (*part).to_owned()).collect(),
    };
    let modules = Modules::of(&[
        source(&[], "mod a; mod b; pub use a::inner::Deep; pub use b::*;"),
        source(&["a"], "pub mod inner;"),
        source(&["a", "inner"], "pub struct Deep; pub enum Kind { One }"),
        source(&["b"], "pub fn work() {} use std::fs::File;"),
    ]);
    let check = |module: &[&str], path: &str, expected: Option<&[&str]>| {
        let module: Vec<String> = module.iter().map(|part| (*part).to_owned()).collect();
        let path: Vec<String> = path.split("::").map(str::to_owned).collect();
        let found = modules.resolve(&module, &path, 0).map(|found| found.join("/"));
        assert_eq!(found, expected.map(|expected| expected.join("/")), "{path:?}");
    };
    check(&["b"], "crate::Deep", Some(&["a", "inner"]));
    check(&["b"], "crate::a::inner::Kind::One", Some(&["a", "inner"]));
    check(&["a", "inner"], "super::super::work", Some(&["b"]));
    check(&["a", "inner"], "super::inner::Deep", Some(&["a", "inner"]));
    check(&["b"], "std::fs::File", None);
    check(&["b"], "File", None);
    check(&["b"], "work", Some(&["b"]));
}
