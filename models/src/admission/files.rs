//! Small files of a snapshot, read within bounds.

use std::fs;

use serde_json::Value;

use crate::{
    error::LoadError,
    python_json,
    refusal::Refusal,
    snapshot::{Snapshot, is_lfs_pointer},
};

/// Endings of files that hold pickles.
const PICKLES: [&str; 6] = [".bin", ".pt", ".pth", ".pkl", ".ckpt", ".pickle"];
/// Beginning of the names of an adapter's files, as peft gives them.
const ADAPTER: &str = "adapter_";
/// Most bytes of a configuration file; the largest published `tokenizer_config.json` has about one million.
const LARGEST_CONFIG: u64 = 8 << 20;

/// Files that hold the tensors.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum TensorFiles {
    Safetensors,
    Gguf(String),
}

/// Decides by the names of the files alone.
pub(crate) fn tensor_files<'a>(names: impl Iterator<Item = &'a str> + Clone) -> Result<Option<String>, Refusal> {
    let ends = |ending: &'static str| names.clone().filter(move |name| name.to_ascii_lowercase().ends_with(ending));
    if ends(".safetensors").any(|name| !name.starts_with(ADAPTER)) {
        return Ok(None);
    }
    let mut gguf = ends(".gguf");
    match (gguf.next(), gguf.next()) {
        (Some(file), None) => Ok(Some(file.to_owned())),
        (Some(first), Some(second)) => Err(Refusal::Ambiguous { first: first.to_owned(), second: second.to_owned() }),
        (None, _) if names.clone().any(|name| name.starts_with(ADAPTER)) => {
            let file = names.clone().find(|name| name.starts_with(ADAPTER)).unwrap_or(ADAPTER).to_owned();
            Err(Refusal::AdapterOnly { file })
        }
        (None, _) => match names.clone().find(|name| PICKLES.iter().any(|ending| name.ends_with(ending))) {
            Some(file) => Err(Refusal::PickleOnly { file: file.to_owned() }),
            None => Err(Refusal::NoModel),
        },
    }
}

/// Reads a JSON file of a snapshot, if it is there.
pub(super) fn json(snapshot: &Snapshot, name: &str) -> Result<Option<Value>, LoadError> {
    let Some(bytes) = bytes(snapshot, name, LARGEST_CONFIG)? else { return Ok(None) };
    let malformed = |error: serde_json::Error| Refusal::Malformed { file: name.to_owned(), reason: error.to_string() };
    let value: Value = python_json::parse(&bytes).map_err(malformed)?;
    if !value.is_object() {
        let reason = "it is not a JSON object".to_owned();
        return Err(Refusal::Malformed { file: name.to_owned(), reason }.into());
    }
    Ok(Some(value))
}

/// Reads a text file of a snapshot, if it is there.
pub(super) fn text(snapshot: &Snapshot, name: &str) -> Result<Option<String>, LoadError> {
    let Some(bytes) = bytes(snapshot, name, LARGEST_CONFIG)? else { return Ok(None) };
    let malformed = || Refusal::Malformed { file: name.to_owned(), reason: "it is not UTF-8".to_owned() };
    Ok(Some(String::from_utf8(bytes).map_err(|_| malformed())?))
}

/// Reads a file of a snapshot, if it is there, unless it is larger than `limit`.
pub(super) fn bytes(snapshot: &Snapshot, name: &str, limit: u64) -> Result<Option<Vec<u8>>, LoadError> {
    let Some(file) = snapshot.file(name) else { return Ok(None) };
    if file.size > limit {
        return Err(Refusal::TooLarge { what: name.to_owned(), bytes: file.size, limit }.into());
    }
    let path = snapshot.root.join(name);
    let bytes = fs::read(&path).map_err(|source| LoadError::Read { path, source })?;
    if is_lfs_pointer(&bytes) {
        return Err(Refusal::LfsPointer { file: name.to_owned() }.into());
    }
    Ok(Some(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(names: &[&str], expected: Result<Option<&str>, &str>) {
        match (tensor_files(names.iter().copied()), expected) {
            (Ok(found), Ok(expected)) => assert_eq!(found.as_deref(), expected),
            (Err(found), Err(part)) => assert!(found.to_string().contains(part), "{found}"),
            (found, expected) => panic!("{found:?} instead of {expected:?}"),
        }
    }

    #[test]
    fn tensors_are_found_by_name_and_pickles_never_used() {
        check(&["config.json", "model.safetensors", "pytorch_model.bin"], Ok(None));
        check(&["a.gguf"], Ok(Some("a.gguf")));
        check(&["a.gguf", "model.safetensors"], Ok(None));
        check(&["a.gguf", "b.gguf"], Err("a.gguf and b.gguf"));
        check(&["config.json", "pytorch_model.bin"], Err("safe_serialization"));
        check(&["config.json"], Err("no model"));
        check(&["adapter_config.json", "adapter_model.safetensors"], Err("merge it into its base"));
        check(&["adapter_config.json", "adapter_model.bin", "config.json"], Err("adapter_config.json is part of"));
        check(&["adapter_config.json", "adapter_model.safetensors", "model.safetensors"], Ok(None));
        check(&["adapter_config.json", "a.gguf"], Ok(Some("a.gguf")));
    }
}
