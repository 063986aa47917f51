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

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    /// Writes a file of single-precision tensors with one value each.
    fn write(folder: &Path, file: &str, tensors: &[(&str, f32)]) {
        let entries: Vec<String> = tensors
            .iter()
            .enumerate()
            .map(|(at, (name, _))| {
                format!(r#""{name}":{{"dtype":"F32","shape":[1],"data_offsets":[{},{}]}}"#, 4 * at, 4 * at + 4)
            })
            .collect();
        let header = format!("{{{}}}", entries.join(","));
        let mut bytes = (header.len() as u64).to_le_bytes().to_vec();
        bytes.extend(header.as_bytes());
        bytes.extend(tensors.iter().flat_map(|(_, value)| value.to_le_bytes()));
        fs::write(folder.join(file), bytes).unwrap();
    }

    fn write_index(folder: &Path, places: &[(&str, &str)]) {
        let places: Vec<String> = places.iter().map(|(name, file)| format!(r#""{name}":"{file}""#)).collect();
        fs::write(folder.join(INDEX), format!(r#"{{"weight_map":{{{}}}}}"#, places.join(","))).unwrap();
    }

    fn open(folder: &Path) -> Result<Safetensors, String> {
        Safetensors::open(&Snapshot::of_folder(folder).unwrap()).map_err(|error| error.to_string())
    }

    #[test]
    fn tensors_of_all_shards_are_read_under_their_names() {
        let folder = tempfile::tempdir().unwrap();
        write(folder.path(), "one.safetensors", &[("b", 1.0), ("c", 2.0)]);
        write(folder.path(), "two.safetensors", &[("a", 3.0)]);
        write_index(folder.path(), &[("a", "two.safetensors"), ("b", "one.safetensors"), ("c", "one.safetensors")]);
        let source = open(folder.path()).unwrap();
        assert_eq!(source.names(), ["a", "b", "c"]);
        for (name, value) in [("a", 3.0), ("b", 1.0), ("c", 2.0)] {
            assert_eq!((source.shape(name), source.read(name).unwrap()), (Some(vec![1]), vec![value]));
            let stored = source.stored(name).unwrap();
            assert_eq!(stored.encoding.decode(&stored.bytes), [value]);
            source.release(name);
            assert_eq!(source.read(name).unwrap(), [value], "released memory comes back from the file");
        }
        assert_eq!((source.shape("d"), source.stored("d").is_none()), (None, true));
        assert!(matches!(source.read("d"), Err(LoadError::UnknownTensor { name }) if name == "d"));
        source.release("d");
    }

    #[test]
    fn an_index_that_contradicts_its_shards_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let check = |places: &[(&str, &str)], sentence: &str| {
            write_index(folder.path(), places);
            let error = open(folder.path()).unwrap_err();
            assert!(error.contains(sentence), "{error}");
        };
        write(folder.path(), "one.safetensors", &[("a", 1.0)]);
        write(folder.path(), "two.safetensors", &[("b", 2.0)]);
        let (one, two) = ("one.safetensors", "two.safetensors");
        check(&[("a", one), ("b", two), ("c", two)], "two.safetensors does not hold c");
        check(&[("b", one), ("a", two)], "one.safetensors holds a, which is not listed there");
        check(&[("a", one), ("b", "three.safetensors")], "three.safetensors is missing");
        check(&[("a", "../one.safetensors")], "not an acceptable file name");
        check(&[("a", "one.bin")], "not an acceptable file name");
        check(&[], "it lists no tensor");
        fs::write(folder.path().join(INDEX), "[]").unwrap();
        assert!(open(folder.path()).unwrap_err().contains("cannot be understood"));
    }

    #[test]
    fn a_single_file_needs_its_usual_name_and_data_types_that_are_decoded() {
        let folder = tempfile::tempdir().unwrap();
        write(folder.path(), "other.safetensors", &[("a", 1.0)]);
        assert!(open(folder.path()).unwrap_err().contains("there is no model here"));
        write(folder.path(), SINGLE, &[("a", 2.0)]);
        assert_eq!(open(folder.path()).unwrap().names(), ["a"], "the other file is not looked at");
        let bytes = fs::read(folder.path().join(SINGLE)).unwrap();
        let text = String::from_utf8(bytes).unwrap().replace("F32", "I32");
        fs::write(folder.path().join(SINGLE), text.as_bytes()).unwrap();
        let error = open(folder.path()).unwrap_err();
        assert!(error.contains("tensor a is stored as I32"), "{error}");
    }
}
