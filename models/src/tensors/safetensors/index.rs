//! The index of a sharded checkpoint: which tensor is in which file.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;

use crate::{python_json, refusal::Refusal, snapshot};

/// The name under which an index is published.
pub(crate) const INDEX: &str = "model.safetensors.index.json";

/// Largest acceptable index in bytes; those of the largest published models have about ten million.
pub(crate) const LARGEST_INDEX: u64 = 64 << 20;

/// `model.safetensors.index.json`, with file names that stay in their folder.
#[derive(Debug, Deserialize)]
pub struct Index {
    /// Tensor name to file name.
    pub weight_map: BTreeMap<String, String>,
}

impl Index {
    /// Reads and checks an index.
    pub fn parse(bytes: &[u8]) -> Result<Self, Refusal> {
        let index: Self = python_json::parse(bytes)
            .map_err(|error| Refusal::Malformed { file: INDEX.to_owned(), reason: error.to_string() })?;
        if index.weight_map.is_empty() {
            return Err(Refusal::Index { file: INDEX.to_owned(), reason: "it lists no tensor".to_owned() });
        }
        for file in index.files() {
            if !snapshot::is_plain_name(file) || !file.ends_with(".safetensors") {
                return Err(Refusal::FileName { file: file.to_owned() });
            }
        }
        Ok(index)
    }

    /// The shards, sorted, each once.
    pub fn files(&self) -> BTreeSet<&str> {
        self.weight_map.values().map(String::as_str).collect()
    }
}
