//! Linking the interpreter, its shared libraries and the bindings of our WIT world into one component.

use std::borrow::Cow;

use wasm_encoder::{CustomSection, Section};
use wit_component::{Linker, StringEncoding};
use wit_dylib::{AsyncFilterSet, DylibOpts, Metadata};
use wit_parser::Resolve;

use super::parts::Parts;
use super::sources::{STACK_BYTES, WORLD};

/// The library among the parts that calls the interpreter.
const INTERPRETER: &str = "libcomponentize_py_runtime.so";
/// Name of the library that is made here from the world.
const BINDINGS: &str = "libcomponentize_py_bindings.so";

/// Links the parts; also returns the metadata from which the interpreter learns the world.
pub(super) fn link(parts: &Parts) -> anyhow::Result<(Vec<u8>, Metadata)> {
    let mut resolve = Resolve::default();
    let package = resolve.push_str(WORLD.name, WORLD.text)?;
    let world = resolve.select_world(&[package], None)?;
    let mut options = DylibOpts { interpreter: Some(INTERPRETER.to_owned()), async_: AsyncFilterSet::default() };
    let (mut bindings, metadata) = wit_dylib::create_with_metadata(&resolve, world, Some(&mut options));
    let world = wit_component::metadata::encode(&resolve, world, StringEncoding::UTF8, None)?;
    CustomSection { name: Cow::Borrowed("component-type:guest"), data: Cow::Owned(world) }.append_to(&mut bindings);
    let mut linker = Linker::default().validate(true).use_built_in_libdl(true).stack_size(STACK_BYTES);
    for (name, bytes) in &parts.libraries {
        linker = Linker::library(linker, name, bytes, false)?;
    }
    let linker = Linker::library(linker, BINDINGS, &bindings, false)?;
    let linked = linker.adapter(parts.adapter.0, &parts.adapter.1)?.encode()?;
    Ok((linked, metadata))
}
