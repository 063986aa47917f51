//! Symbol table of our WIT world, for the runtime library that calls the Python functions.

use wasmtime::component::Val;
use wit_dylib::Metadata;

/// The argument of the runtime library's initializer: the Python names of the world's functions and types.
pub(super) fn symbols(metadata: &Metadata) -> Val {
    let text = |text: &str| Val::String(text.to_owned());
    let record = |fields: &[(&str, Val)]| {
        Val::Record(fields.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect())
    };
    let export = |name: &str| {
        let function = record(&[("protocol", text("WitWorld")), ("name", text(name))]);
        let kind = Val::Variant("freestanding".to_owned(), Some(Box::new(function)));
        record(&[("kind", kind), ("return-style", Val::Variant("normal".to_owned(), None))])
    };
    let count = |length: usize| Val::U32(u32::try_from(length).expect("types have few parts"));
    let ending =
        |names: usize| record(&[("package", text("wit_world")), ("name", text("Ending")), ("count", count(names))]);
    let result = || record(&[("has-ok", Val::Bool(true)), ("has-err", Val::Bool(true))]);
    let none = || Val::List(Vec::new());
    record(&[
        ("exports", Val::List(metadata.export_funcs.iter().map(|function| export(&function.name)).collect())),
        ("resources", none()),
        ("records", none()),
        ("flags", none()),
        ("tuples", Val::List(metadata.tuples.iter().map(|ty| record(&[("count", count(ty.types.len()))])).collect())),
        ("variants", none()),
        ("enums", Val::List(metadata.enums.iter().map(|ty| ending(ty.names.len())).collect())),
        ("options", none()),
        ("results", Val::List(metadata.results.iter().map(|_| result()).collect())),
    ])
}
