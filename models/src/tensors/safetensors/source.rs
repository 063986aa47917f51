//! The tensors of a checkpoint of one or many safetensors files, mapped into memory.

use std::{borrow::Cow, collections::BTreeMap, fs, ops::Range};

use super::{
    Header, HeaderEntry, Index,
    index::{INDEX, LARGEST_INDEX},
};
use crate::{
    error::LoadError,
    refusal::Refusal,
    snapshot::Snapshot,
    tensors::{Encoding, Stored, TensorSource, mapped::Mapped},
};

/// The name under which a checkpoint of one file is published.
const SINGLE: &str = "model.safetensors";

/// A checkpoint in the Hugging Face layout.
#[derive(Debug)]
pub struct Safetensors {
    shards: Vec<Mapped>,
    tensors: BTreeMap<String, Place>,
}

#[derive(Debug)]
struct Place {
    shard: usize,
    encoding: Encoding,
    shape: Vec<usize>,
    bytes: Range<usize>,
}

impl Safetensors {
    /// The names of the tensor files of a snapshot: those of its index, else the single one, else none.
    pub fn files(snapshot: &Snapshot) -> Result<Vec<String>, LoadError> {
        Ok(match Self::index(snapshot)? {
            Some(index) => index.files().into_iter().map(str::to_owned).collect(),
            None if snapshot.file(SINGLE).is_some() => vec![SINGLE.to_owned()],
            None => Vec::new(),
        })
    }

    /// Maps the tensor files of a snapshot and checks every header.
    pub fn open(snapshot: &Snapshot) -> Result<Self, LoadError> {
        let index = Self::index(snapshot)?;
        let mut source = Self { shards: Vec::new(), tensors: BTreeMap::new() };
        for file in Self::files(snapshot)? {
            if snapshot.file(&file).is_none() {
                let hint = format!("{INDEX} names it; publish all shards");
                return Err(Refusal::MissingFile { file, hint }.into());
            }
            source.add(&file, Mapped::open(&snapshot.root.join(&file))?, index.as_ref())?;
        }
        if source.shards.is_empty() {
            return Err(Refusal::NoModel.into());
        }
        if let Some(index) = index
            && let Some((name, file)) = index.weight_map.iter().find(|(name, _)| !source.tensors.contains_key(*name))
        {
            return Err(contradiction(format!("{file} does not hold {name}")).into());
        }
        Ok(source)
    }

    fn index(snapshot: &Snapshot) -> Result<Option<Index>, LoadError> {
        let Some(file) = snapshot.file(INDEX) else { return Ok(None) };
        if file.size > LARGEST_INDEX {
            return Err(Refusal::TooLarge { what: INDEX.to_owned(), bytes: file.size, limit: LARGEST_INDEX }.into());
        }
        let path = snapshot.root.join(INDEX);
        let bytes = fs::read(&path).map_err(|source| LoadError::Read { path, source })?;
        Ok(Some(Index::parse(&bytes)?))
    }

    fn add(&mut self, file: &str, mapped: Mapped, index: Option<&Index>) -> Result<(), Refusal> {
        let shard = self.shards.len();
        for (name, entry) in Header::parse(file, mapped.bytes())?.tensors {
            if index.is_some_and(|index| index.weight_map.get(&name).is_none_or(|listed| listed != file)) {
                return Err(contradiction(format!("{file} holds {name}, which is not listed there")));
            }
            let HeaderEntry { encoding, data_type, shape, bytes } = entry;
            let encoding = encoding.ok_or_else(|| Refusal::Encoding {
                tensor: name.clone(),
                encoding: data_type,
                supported: Encoding::supported(),
            })?;
            self.tensors.insert(name, Place { shard, encoding, shape, bytes });
        }
        self.shards.push(mapped);
        Ok(())
    }

    fn bytes(&self, place: &Place) -> &[u8] {
        &self.shards[place.shard].bytes()[place.bytes.clone()]
    }
}

fn contradiction(reason: String) -> Refusal {
    Refusal::Index { file: INDEX.to_owned(), reason }
}

impl TensorSource for Safetensors {
    fn names(&self) -> Vec<String> {
        self.tensors.keys().cloned().collect()
    }

    fn shape(&self, name: &str) -> Option<Vec<usize>> {
        self.tensors.get(name).map(|place| place.shape.clone())
    }

    fn read(&self, name: &str) -> Result<Vec<f32>, LoadError> {
        let place = self.tensors.get(name).ok_or_else(|| LoadError::UnknownTensor { name: name.to_owned() })?;
        Ok(place.encoding.decode(self.bytes(place)))
    }

    fn stored(&self, name: &str) -> Option<Stored<'_>> {
        let place = self.tensors.get(name)?;
        Some(Stored { encoding: place.encoding, shape: place.shape.clone(), bytes: Cow::Borrowed(self.bytes(place)) })
    }

    fn release(&self, name: &str) {
        if let Some(place) = self.tensors.get(name) {
            self.shards[place.shard].release(place.bytes.clone());
        }
    }
}
