//! Reference pages generated from doc comments and compared with the files in `docs/`: settings and exit codes.
//!
//! `UPDATE_DOCS=1 cargo test -p harness reference` writes the files anew.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::{Path, PathBuf};

use serde_json::Value;
use syn::punctuated::Punctuated;
use syn::{Attribute, Expr, Fields, GenericArgument, Item, ItemEnum, ItemStruct, Meta, PathArguments, Token, Type};

use super::{Deciding, Settings, toml_of};

/// Settings outside of [`Deciding`] that are part of a window's terms.
const ALSO_DECIDING: [&str; 4] = ["environments", "engine.mode", "remote.interface", "remote.served"];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

/// Compares a generated file with the one in the repository, or writes it where that is asked for.
fn compare(name: &str, generated: &str) {
    let path = root().join(name);
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, generated).unwrap();
    }
    let found = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        found == generated,
        "{name} is not what the doc comments say; run `UPDATE_DOCS=1 cargo test -p harness reference`"
    );
}

/// Structs and enums of our crates, by crate and name.
#[derive(Default)]
struct Types {
    structs: BTreeMap<(String, String), ItemStruct>,
    enums: BTreeMap<(String, String), ItemEnum>,
}

impl Types {
    /// All of the crates whose settings the file holds.
    fn read() -> Self {
        let mut types = Self::default();
        for name in ["harness", "models", "pareto", "sandboxes"] {
            types.read_folder(name, &root().join(name).join("src"));
        }
        types
    }

    fn read_folder(&mut self, name: &str, folder: &Path) {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                self.read_folder(name, &path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let file = syn::parse_file(&std::fs::read_to_string(&path).unwrap()).unwrap();
                for item in file.items {
                    self.add(name, item);
                }
            }
        }
    }

    /// Keeps what serde reads: other types of the same name are no settings.
    fn add(&mut self, name: &str, item: Item) {
        match item {
            Item::Struct(item) if derives_deserialize(&item.attrs) => {
                self.structs.insert((name.to_owned(), item.ident.to_string()), item);
            }
            Item::Enum(item) if derives_deserialize(&item.attrs) || item.ident == "ExitStatus" => {
                self.enums.insert((name.to_owned(), item.ident.to_string()), item);
            }
            _ => {}
        }
    }

    /// The type of a path such as `models::admission::Limits` or `DuelSettings`, seen from `here`.
    fn find<'a, T>(all: &'a BTreeMap<(String, String), T>, here: &str, path: &[String]) -> Option<(&'a str, &'a T)> {
        let last = path.last()?;
        let named = |name: &str| all.get_key_value(&(name.to_owned(), last.clone()));
        let found = named(&path[0]).or_else(|| named(here)).or_else(|| {
            let mut others = all.iter().filter(|((_, name), _)| name == last);
            others.next().filter(|_| others.next().is_none())
        });
        found.map(|((name, _), item)| (name.as_str(), item))
    }
}

fn derives_deserialize(attributes: &[Attribute]) -> bool {
    attributes.iter().any(|attribute| {
        attribute.path().is_ident("derive")
            && attribute
                .parse_args_with(Punctuated::<syn::Path, Token![,]>::parse_terminated)
                .is_ok_and(|paths| paths.iter().any(|path| path.is_ident("Deserialize")))
    })
}

/// The words of a doc comment, as one line.
fn doc(attributes: &[Attribute]) -> String {
    let lines = attributes.iter().filter_map(|attribute| match &attribute.meta {
        Meta::NameValue(pair) if pair.path.is_ident("doc") => match &pair.value {
            Expr::Lit(literal) => match &literal.lit {
                syn::Lit::Str(text) => Some(text.value().trim().to_owned()),
                _ => None,
            },
            _ => None,
        },
        _ => None,
    });
    lines.filter(|line| !line.is_empty()).collect::<Vec<_>>().join(" ")
}

/// A value of serde's attributes, such as the name in `rename = "cuda"`; empty for a word such as `skip`.
fn serde(attributes: &[Attribute], wanted: &str) -> Option<String> {
    let mut found = None;
    for attribute in attributes.iter().filter(|attribute| attribute.path().is_ident("serde")) {
        let metas = attribute.parse_args_with(Punctuated::<Meta, Token![,]>::parse_terminated).unwrap();
        for meta in metas.iter().filter(|meta| meta.path().is_ident(wanted)) {
            found = Some(match meta {
                Meta::NameValue(pair) => match &pair.value {
                    Expr::Lit(syn::ExprLit { lit: syn::Lit::Str(text), .. }) => text.value(),
                    _ => String::new(),
                },
                _ => String::new(),
            });
        }
    }
    found
}

/// The names of a type's path, and the type inside `Option` or `Vec`.
fn path_of(of: &Type) -> (Vec<String>, Option<&Type>) {
    let Type::Path(path) = of else { panic!("settings are plain types") };
    let last = path.path.segments.last().unwrap();
    let inner = match &last.arguments {
        PathArguments::AngleBracketed(arguments) => arguments.args.iter().find_map(|argument| match argument {
            GenericArgument::Type(inner) => Some(inner),
            _ => None,
        }),
        _ => None,
    };
    (path.path.segments.iter().map(|segment| segment.ident.to_string()).collect(), inner)
}

/// `EightBit` as `eight_bit`.
fn snake_case(name: &str) -> String {
    let mut snake = String::new();
    for letter in name.chars() {
        if letter.is_uppercase() && !snake.is_empty() {
            snake.push('_');
        }
        snake.extend(letter.to_lowercase());
    }
    snake
}

/// One row of the reference.
struct Row {
    key: String,
    kind: String,
    default: String,
    doc: String,
}

/// A table of the file: its key, its doc and its rows.
struct Table {
    key: String,
    doc: String,
    rows: Vec<Row>,
}

/// Walks the structs of the settings.
struct Reference {
    types: Types,
    defaults: Value,
    deciding: Vec<String>,
    tables: Vec<Table>,
}

impl Reference {
    fn new() -> Self {
        let deciding = serde_json::to_value(Deciding::default()).unwrap();
        let mut reference = Self {
            types: Types::read(),
            defaults: serde_json::to_value(Settings::default()).unwrap(),
            deciding: deciding.as_object().unwrap().keys().cloned().collect(),
            tables: vec![Table { key: String::new(), doc: String::new(), rows: Vec::new() }],
        };
        let settings = reference.types.structs[&("harness".to_owned(), "Settings".to_owned())].clone();
        reference.walk("harness", &settings, 0, "");
        reference
    }

    fn walk(&mut self, here: &str, item: &ItemStruct, table: usize, prefix: &str) {
        let Fields::Named(fields) = &item.fields else { panic!("settings have named fields") };
        for field in &fields.named {
            if serde(&field.attrs, "skip").is_some() {
                continue;
            }
            let name = field.ident.as_ref().unwrap().to_string();
            let name = serde(&field.attrs, "rename").unwrap_or(name);
            let (path, inner) = path_of(&field.ty);
            let found = Types::find(&self.types.structs, here, &path);
            let found = found.map(|(name, item)| (name.to_owned(), item.clone()));
            let key = if prefix.is_empty() { name } else { format!("{prefix}.{name}") };
            match found.filter(|(_, item)| serde(&item.attrs, "into").is_none()) {
                Some((home, item)) if serde(&field.attrs, "flatten").is_some() => {
                    self.walk(&home, &item, table, prefix);
                }
                Some((home, item)) => {
                    self.tables.push(Table { key: key.clone(), doc: doc(&field.attrs), rows: Vec::new() });
                    let table = self.tables.len() - 1;
                    self.walk(&home, &item, table, &key);
                }
                None => {
                    let (kind, choices) = self.kind(here, &path, inner);
                    let default = self.default_of(&key);
                    let doc = format!("{}{choices}", doc(&field.attrs));
                    self.tables[table].rows.push(Row { key, kind, default, doc });
                }
            }
        }
    }

    /// The words for a type, and what there is to say of its choices or fields.
    fn kind(&self, here: &str, path: &[String], inner: Option<&Type>) -> (String, String) {
        match (path.last().unwrap().as_str(), inner) {
            ("Option", Some(inner)) => {
                let (path, inner) = path_of(inner);
                let (kind, choices) = self.kind(here, &path, inner);
                (format!("{kind}, optional"), choices)
            }
            ("Vec", Some(inner)) if path_of(inner).0 == ["String"] => ("list of texts".to_owned(), String::new()),
            ("Vec", Some(inner)) => {
                let (path, _) = path_of(inner);
                let (_, item) = Types::find(&self.types.structs, here, &path).expect("lists hold tables");
                let Fields::Named(fields) = &item.fields else { panic!("tables have named fields") };
                let field = |field: &syn::Field| format!(" `{}`: {}", field.ident.as_ref().unwrap(), doc(&field.attrs));
                ("list of tables".to_owned(), fields.named.iter().map(field).collect())
            }
            ("bool", _) => ("true or false".to_owned(), String::new()),
            ("u8" | "u16" | "u32" | "u64" | "usize", _) => ("integer".to_owned(), String::new()),
            ("f32" | "f64", _) => ("number".to_owned(), String::new()),
            ("PathBuf", _) => ("path".to_owned(), String::new()),
            ("DatabaseLocation", _) => ("path or URL".to_owned(), String::new()),
            ("String", _) => ("text".to_owned(), String::new()),
            ("ModelRef", _) => ("model reference".to_owned(), String::new()),
            _ => {
                let found = Types::find(&self.types.enums, here, path);
                let (_, item) = found.unwrap_or_else(|| panic!("the type {path:?} has no words here"));
                let choice = |variant: &syn::Variant| {
                    let name =
                        serde(&variant.attrs, "rename").unwrap_or_else(|| snake_case(&variant.ident.to_string()));
                    format!(" `\"{name}\"`: {}", doc(&variant.attrs))
                };
                ("choice".to_owned(), item.variants.iter().map(choice).collect())
            }
        }
    }

    fn default_of(&self, key: &str) -> String {
        let value = key.split('.').fold(&self.defaults, |value, name| &value[name]);
        match value {
            Value::Null => "none".to_owned(),
            value => format!("`{}`", toml_of(value)),
        }
    }

    /// Whether a setting is part of a window's terms.
    fn decides(&self, key: &str) -> bool {
        let table = key.split('.').next().unwrap();
        self.deciding.iter().any(|name| name == table) || ALSO_DECIDING.contains(&key)
    }

    /// The table that `dethrone settings` and `dethrone init` read.
    fn table(&self) -> String {
        let setting = |row: &Row| {
            serde_json::json!({
                "key": row.key,
                "kind": row.kind,
                "default": row.key.split('.').fold(&self.defaults, |value, name| &value[name]),
                "decides": self.decides(&row.key),
                "doc": row.doc,
            })
        };
        let table = |table: &Table| {
            let settings: Vec<Value> = table.rows.iter().map(setting).collect();
            serde_json::json!({ "key": table.key, "doc": table.doc, "settings": settings })
        };
        let tables: Vec<Value> = self.tables.iter().filter(|table| !table.rows.is_empty()).map(table).collect();
        serde_json::to_string_pretty(&tables).unwrap() + "\n"
    }

    fn page(&self) -> String {
        let mut page = String::from(PREFACE);
        for table in self.tables.iter().filter(|table| !table.rows.is_empty()) {
            match table.key.as_str() {
                "" => page.push_str("\n## Outside of any table\n"),
                key => write!(page, "\n## `[{key}]`\n\n{}\n", table.doc).unwrap(),
            }
            page.push_str("\n| key | type | default | decides | |\n|---|---|---|---|---|\n");
            for Row { key, kind, default, doc } in &table.rows {
                let decides = if self.decides(key) { "yes" } else { "no" };
                let (default, doc) = (default.replace('|', "\\|"), doc.replace('|', "\\|"));
                writeln!(page, "| `{key}` | {kind} | {default} | {decides} | {doc} |").unwrap();
            }
        }
        page.push_str("\n## Environment variables that are not settings\n\n| variable | |\n|---|---|\n");
        page + &variables_page()
    }
}

/// The rows of the variables, from their docs, which begin with the name.
fn variables_page() -> String {
    let path = root().join("harness/src/settings/variables.rs");
    let file = syn::parse_file(&std::fs::read_to_string(path).unwrap()).unwrap();
    let mut rows = String::from(
        "| `DETHRONE_CACHE` | The folder for models and the sandbox guest; else `$XDG_CACHE_HOME/dethrone`, else \
         `~/.cache/dethrone`. |\n",
    );
    for item in file.items {
        let Item::Struct(item) = item else { continue };
        for field in &item.fields {
            let doc = doc(&field.attrs);
            let (name, rest) = doc.split_once([' ', ':']).unwrap();
            let (first, rest) = rest.trim().split_at(1);
            writeln!(rows, "| {name} | {}{rest} |", first.to_uppercase()).unwrap();
        }
    }
    rows
}

const PREFACE: &str = "# Settings

<!-- Generated from the doc comments; `UPDATE_DOCS=1 cargo test -p harness reference` writes this file anew. -->

`dethrone validate --config FILE` reads a TOML file; every key has a default, so that the file holds only what differs.
What is given later overrides what is given earlier: defaults, file, variables such as `DETHRONE_ENGINE__ROWS=16` (two
underscores stand for a dot), flags such as `--set engine.rows=16`. `dethrone settings` prints every setting with its value
and its source, `dethrone settings KEY` explains one, `dethrone init` starts a file. An unknown key is an error. Relative paths of the file are taken from the file's folder.

A setting that *decides* is part of a window's terms: it is recorded in the evidence, and validators that are to come to
the same result have to choose the same. The others change speed and places, and no result.
";

#[test]
fn the_page_of_settings_is_what_the_doc_comments_say() {
    let reference = Reference::new();
    compare("docs/settings.md", &reference.page());
    compare("harness/src/settings/explained.json", &reference.table());
}

#[test]
fn the_page_of_settings_has_every_setting_once() {
    let reference = Reference::new();
    let shown = super::Sources::new(&Settings::default(), None, &[]).unwrap().show().unwrap();
    let mut keys: Vec<&str> = shown.iter().map(|setting| setting.key.as_str()).collect();
    let mut rows: Vec<&str> =
        reference.tables.iter().flat_map(|table| table.rows.iter().map(|row| row.key.as_str())).collect();
    keys.sort_unstable();
    rows.sort_unstable();
    assert_eq!(rows, keys);
}

#[test]
fn every_exit_code_is_on_its_page_with_its_number() {
    let types = Types::read();
    let item = &types.enums[&("harness".to_owned(), "ExitStatus".to_owned())];
    let mut page = String::from(
        "# Exit codes\n\n<!-- Generated from `harness/src/exit_status.rs`; `UPDATE_DOCS=1 cargo test -p harness \
         reference` writes this file anew. -->\n\nThe numbers keep their meaning in all releases, and none is used \
         twice.\n\n| code | name | |\n|---|---|---|\n",
    );
    for variant in &item.variants {
        let (_, Expr::Lit(code)) = variant.discriminant.as_ref().unwrap() else { panic!("codes are numbers") };
        let syn::Lit::Int(code) = &code.lit else { panic!("codes are whole numbers") };
        writeln!(
            page,
            "| {} | {} | {} |",
            code.base10_digits(),
            snake_case(&variant.ident.to_string()),
            doc(&variant.attrs)
        )
        .unwrap();
    }
    compare("docs/exit-codes.md", &page);
}
