//! Public items that no other crate names. They hide dead code from the compiler, and a crate's surface is a promise.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use proc_macro2::{TokenStream, TokenTree};
use quote::ToTokens;
use syn::visit::{self, Visit};

use crate::tree::{CRATES, Crate, files_below, none, root, shown};

/// All identifiers of a token stream, with how often each stands there.
fn words(tokens: TokenStream, found: &mut BTreeMap<String, usize>) {
    for token in tokens {
        match token {
            TokenTree::Ident(word) => *found.entry(word.to_string()).or_default() += 1,
            TokenTree::Group(group) => words(group.stream(), found),
            _ => {}
        }
    }
}

fn words_of_file(path: &std::path::Path, found: &mut BTreeMap<String, usize>) {
    let text = fs::read_to_string(path).unwrap();
    words(text.parse().unwrap_or_else(|error| panic!("{}: {error}", path.display())), found);
}

/// Identifiers that stand outside of a crate's `src`: in other crates, and in its own tests, benches and examples.
fn named_outside(member: &Crate) -> BTreeMap<String, usize> {
    let own = root().join(member.folder).join("src");
    let mut found = BTreeMap::new();
    for folder in ["pareto", "sandboxes", "models", "environments", "harness", "tests"] {
        for path in files_below(&root().join(folder), "rs").iter().filter(|path| !path.starts_with(&own)) {
            words_of_file(path, &mut found);
        }
    }
    found
}

/// A public item of a module: its name and the identifiers of its signature.
struct Item {
    name: String,
    place: String,
    signature: BTreeSet<String>,
}

#[derive(Default)]
struct Public {
    place: String,
    items: Vec<Item>,
    /// Types, with the identifiers of their public methods' signatures.
    methods: BTreeMap<String, BTreeSet<String>>,
}

fn is_public(visibility: &syn::Visibility) -> bool {
    matches!(visibility, syn::Visibility::Public(_))
}

impl Public {
    fn add(&mut self, visibility: &syn::Visibility, name: &syn::Ident, signature: impl ToTokens) {
        if is_public(visibility) {
            let mut found = BTreeMap::new();
            words(signature.to_token_stream(), &mut found);
            let (name, place) = (name.to_string(), self.place.clone());
            self.items.push(Item { name, place, signature: found.into_keys().collect() });
        }
    }
}

impl<'ast> Visit<'ast> for Public {
    fn visit_item_struct(&mut self, item: &'ast syn::ItemStruct) {
        self.add(&item.vis, &item.ident, item);
    }

    fn visit_item_enum(&mut self, item: &'ast syn::ItemEnum) {
        self.add(&item.vis, &item.ident, item);
    }

    fn visit_item_trait(&mut self, item: &'ast syn::ItemTrait) {
        self.add(&item.vis, &item.ident, item);
    }

    fn visit_item_type(&mut self, item: &'ast syn::ItemType) {
        self.add(&item.vis, &item.ident, item);
    }

    fn visit_item_const(&mut self, item: &'ast syn::ItemConst) {
        self.add(&item.vis, &item.ident, &item.ty);
    }

    fn visit_item_fn(&mut self, item: &'ast syn::ItemFn) {
        self.add(&item.vis, &item.sig.ident, &item.sig);
    }

    fn visit_item_impl(&mut self, item: &'ast syn::ItemImpl) {
        if let syn::Type::Path(path) = &*item.self_ty {
            let mut found = BTreeMap::new();
            for part in &item.items {
                match part {
                    syn::ImplItem::Fn(function) if item.trait_.is_some() || is_public(&function.vis) => {
                        words(function.sig.to_token_stream(), &mut found);
                    }
                    syn::ImplItem::Type(associated) => words(associated.to_token_stream(), &mut found),
                    _ => {}
                }
            }
            if let Some(segment) = path.path.segments.last() {
                self.methods.entry(segment.ident.to_string()).or_default().extend(found.into_keys());
            }
        }
    }

    fn visit_item_mod(&mut self, item: &'ast syn::ItemMod) {
        visit::visit_item_mod(self, item);
    }
}

#[test]
fn every_public_item_is_named_outside_its_crate_or_in_a_signature_that_is() {
    let mut complaints = Vec::new();
    for member in CRATES {
        let outside = named_outside(&member);
        let mut public = Public::default();
        for source in member.sources() {
            public.place = shown(&source.path);
            public.visit_file(&source.syntax);
        }
        let mut needed: BTreeSet<String> = BTreeSet::new();
        let mut fresh: Vec<String> =
            public.items.iter().map(|item| &item.name).filter(|name| outside.contains_key(*name)).cloned().collect();
        while let Some(name) = fresh.pop() {
            if needed.insert(name.clone()) {
                let items = public.items.iter().filter(|item| item.name == name);
                fresh.extend(items.flat_map(|item| &item.signature).cloned());
                fresh.extend(public.methods.get(&name).into_iter().flatten().cloned());
            }
        }
        let unused = public.items.iter().filter(|item| !needed.contains(&item.name));
        complaints.extend(unused.map(|item| format!("{}: {}", item.place, item.name)));
    }
    none(complaints);
}
