//! Tensors of a GGUF file, under the names and in the row order of the Hugging Face convention.

use std::{borrow::Cow, collections::BTreeMap, ops::Range, path::Path};

use serde_json::Value as Json;

use super::{Content, config_json};
use crate::{
    config::{FeedForward, ModelConfig},
    error::LoadError,
    layout::ggml::{self, Architecture, Change},
    refusal::Refusal,
    tensors::{Encoding, Stored, TensorSource, mapped::Mapped},
    untrusted::UntrustedText,
};

/// A GGUF file.
#[derive(Debug)]
pub struct Gguf {
    mapped: Mapped,
    file: String,
    config: Json,
    tensors: BTreeMap<String, Place>,
}

#[derive(Debug)]
struct Place {
    encoding: Encoding,
    shape: Vec<usize>,
    bytes: Range<usize>,
    change: Change,
    heads: usize,
}

impl Gguf {
    /// Maps a file and checks its header.
    ///
    /// # Errors
    /// If the file cannot be read, contradicts itself or is of an unknown architecture.
    pub fn open(path: &Path) -> Result<Self, LoadError> {
        let mapped = Mapped::open(path)?;
        let file = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        let content = Content::parse(&file, mapped.bytes())?;
        let config = config_json(&content, mapped.bytes())?;
        let tensors = counterparts(&content, &ModelConfig::parse(&config)?, &config)?;
        drop(content);
        Ok(Self { mapped, file, config, tensors })
    }

    /// The configuration in the form of a `config.json`.
    pub fn config(&self) -> &Json {
        &self.config
    }

    /// Reads the header again, for the tokenizer and the template.
    ///
    /// # Errors
    /// None after [`Gguf::open`], which has read it before.
    pub fn content(&self) -> Result<Content<'_>, Refusal> {
        Content::parse(&self.file, self.mapped.bytes())
    }

    fn bytes(&self, place: &Place) -> &[u8] {
        &self.mapped.bytes()[place.bytes.clone()]
    }
}

/// The tensors by their conventional names: no more than the configuration has layers and experts for.
fn counterparts(content: &Content<'_>, config: &ModelConfig, json: &Json) -> Result<BTreeMap<String, Place>, Refusal> {
    let architecture = Architecture::of(content.text("general.architecture").unwrap_or_default())?;
    let count = |key: &str| json[key].as_u64().and_then(|count| usize::try_from(count).ok()).unwrap_or(0);
    let mut tensors = BTreeMap::new();
    for (name, info) in &content.tensors {
        if ggml::is_rope_factors(name) {
            continue;
        }
        let extra = || Refusal::ExtraTensor { tensor: (*name).to_owned() };
        let counterpart = architecture.counterpart(name).ok_or_else(extra)?;
        if counterpart.layer.is_some_and(|layer| layer >= config.layers.len()) {
            return Err(extra());
        }
        let heads = match counterpart.change {
            Change::QueryRows => count("num_attention_heads"),
            Change::KeyRows => count("num_key_value_heads"),
            Change::None | Change::PlusOne => 0,
        };
        if matches!(counterpart.change, Change::QueryRows | Change::KeyRows) {
            let rows = info.shape.first().copied().unwrap_or(0);
            if heads == 0 || rows == 0 || rows % (2 * heads) != 0 {
                let value = heads.to_string();
                let hint =
                    format!("{} has {rows} rows, which is no even number for each head", UntrustedText::name(name));
                return Err(Refusal::Setting { key: "num_attention_heads".to_owned(), value, hint });
            }
        }
        let mut add = |name: String, shape: &[usize], bytes: Range<usize>| {
            let place =
                Place { encoding: info.encoding, shape: shape.to_owned(), bytes, change: counterpart.change, heads };
            tensors.insert(name, place);
        };
        if !counterpart.is_stacked() {
            add(counterpart.of_expert(0), &info.shape, info.bytes.clone());
            continue;
        }
        let feed_forward = counterpart.layer.map(|layer| &config.layers[layer].feed_forward);
        let (Some(FeedForward::Experts(experts)), Some((found, shape))) = (feed_forward, info.shape.split_first())
        else {
            return Err(extra());
        };
        if *found != experts.count {
            let expected = [&[experts.count], shape].concat();
            return Err(Refusal::TensorShape { tensor: (*name).to_owned(), expected, found: info.shape.clone() });
        }
        let length = info.bytes.len() / experts.count;
        for expert in 0..experts.count {
            let from = info.bytes.start + expert * length;
            add(counterpart.of_expert(expert), shape, from..from + length);
        }
    }
    Ok(tensors)
}

/// Restores the order of query or key rows: the file interleaves the two halves of every head.
///
/// `row` is the length of a row in whatever unit `values` has.
fn restore_rows<T: Copy>(values: &[T], row: usize, heads: usize) -> Vec<T> {
    let half = values.len() / row / heads / 2;
    let mut restored = Vec::with_capacity(values.len());
    for head in 0..heads {
        for part in 0..2 {
            for index in 0..half {
                let from = (head * 2 * half + 2 * index + part) * row;
                restored.extend_from_slice(&values[from..from + row]);
            }
        }
    }
    restored
}

impl TensorSource for Gguf {
    fn names(&self) -> Vec<String> {
        self.tensors.keys().cloned().collect()
    }

    fn shape(&self, name: &str) -> Option<Vec<usize>> {
        self.tensors.get(name).map(|place| place.shape.clone())
    }

    fn read(&self, name: &str) -> Result<Vec<f32>, LoadError> {
        let place = self.tensors.get(name).ok_or_else(|| LoadError::UnknownTensor { name: name.to_owned() })?;
        let mut values = place.encoding.decode(self.bytes(place));
        match place.change {
            Change::None => {}
            Change::QueryRows | Change::KeyRows => {
                let row = place.shape[1..].iter().product::<usize>();
                values = restore_rows(&values, row, place.heads);
            }
            Change::PlusOne => values.iter_mut().for_each(|value| *value -= 1.0),
        }
        Ok(values)
    }

    fn stored(&self, name: &str) -> Option<Stored<'_>> {
        let place = self.tensors.get(name)?;
        let bytes = self.bytes(place);
        let bytes = match place.change {
            Change::None => Cow::Borrowed(bytes),
            Change::QueryRows | Change::KeyRows => {
                let row = bytes.len() / place.shape[0];
                Cow::Owned(restore_rows(bytes, row, place.heads))
            }
            Change::PlusOne => return None,
        };
        Some(Stored { encoding: place.encoding, shape: place.shape.clone(), bytes })
    }

    fn release(&self, name: &str) {
        if let Some(place) = self.tensors.get(name) {
            self.mapped.release(place.bytes.clone());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn interleaved_halves_come_apart_again() {
        // Two heads of four rows, written as half 0 and half 1 in turn
        let stored = [0, 2, 1, 3, 4, 6, 5, 7];
        assert_eq!(restore_rows(&stored, 1, 2), [0, 1, 2, 3, 4, 5, 6, 7]);
        let stored = ["a0", "a1", "c0", "c1", "b0", "b1", "d0", "d1"];
        assert_eq!(restore_rows(&stored, 2, 1), ["a0", "a1", "b0", "b1", "c0", "c1", "d0", "d1"]);
    }
}
