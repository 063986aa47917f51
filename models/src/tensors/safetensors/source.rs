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
    untrusted::UntrustedText,
};

/// The name under which a checkpoint of one file is published.
const SINGLE: &str = "model.safetensors";
/// Ends of names of parameters, which are never integers.
const PARAMETERS: [&str; 2] = [".weight", ".bias"];

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
    /// The names of the tensor files of a snapshot: the whole file, else those of the index, else none. An index beside a
    /// whole file was left from before the shards were merged.
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
        let mut again = Vec::new();
        for file in Self::files(snapshot)? {
            if snapshot.file(&file).is_none() {
                let hint = format!("{INDEX} names it; publish all shards");
                return Err(Refusal::MissingFile { file, hint }.into());
            }
            again.extend(source.add(&file, Mapped::open(&snapshot.root.join(&file))?, index.as_ref())?);
        }
        if source.shards.is_empty() {
            return Err(Refusal::NoModel.into());
        }
        if let Some(index) = index
            && let Some((name, file)) = index.weight_map.iter().find(|(name, _)| !source.tensors.contains_key(*name))
        {
            return Err(contradiction(format!("{file} does not hold {}", UntrustedText::name(name))).into());
        }
        match again.iter().find(|(name, place)| !source.holds(name, place)) {
            Some((name, _)) => {
                Err(contradiction(format!("two shards hold {} with different values", UntrustedText::name(name)))
                    .into())
            }
            None => Ok(source),
        }
    }

    /// True if a tensor is the same as this copy of it.
    fn holds(&self, name: &str, copy: &Place) -> bool {
        self.tensors.get(name).is_some_and(|place| {
            (place.encoding, &place.shape) == (copy.encoding, &copy.shape) && self.bytes(place) == self.bytes(copy)
        })
    }

    fn index(snapshot: &Snapshot) -> Result<Option<Index>, LoadError> {
        if snapshot.file(SINGLE).is_some() {
            return Ok(None);
        }
        let Some(file) = snapshot.file(INDEX) else { return Ok(None) };
        if file.size > LARGEST_INDEX {
            return Err(Refusal::TooLarge { what: INDEX.to_owned(), bytes: file.size, limit: LARGEST_INDEX }.into());
        }
        let path = snapshot.root.join(INDEX);
        let bytes = fs::read(&path).map_err(|source| LoadError::Read { path, source })?;
        Ok(Some(Index::parse(&bytes)?))
    }

    /// Adds the tensors of a file; those that the index expects in another one are returned.
    fn add(&mut self, file: &str, mapped: Mapped, index: Option<&Index>) -> Result<Vec<(String, Place)>, Refusal> {
        let shard = self.shards.len();
        let mut elsewhere = Vec::new();
        for (name, entry) in Header::parse(file, mapped.bytes())?.tensors {
            let HeaderEntry { encoding, data_type, shape, bytes } = entry;
            let Some(encoding) = encoding else {
                // Positions and masks, which are computed anew.
                if is_integer(&data_type) && !PARAMETERS.iter().any(|end| name.ends_with(end)) {
                    continue;
                }
                return Err(Refusal::Encoding { tensor: name, encoding: data_type, supported: Encoding::supported() });
            };
            let place = Place { shard, encoding, shape, bytes };
            match index.map(|index| index.weight_map.get(&name).map(|listed| listed == file)) {
                None | Some(Some(true)) => drop(self.tensors.insert(name, place)),
                Some(Some(false)) => elsewhere.push((name, place)),
                Some(None) => {
                    return Err(contradiction(format!(
                        "{file} holds {}, which is not listed there",
                        UntrustedText::name(&name)
                    )));
                }
            }
        }
        self.shards.push(mapped);
        Ok(elsewhere)
    }

    fn bytes(&self, place: &Place) -> &[u8] {
        &self.shards[place.shard].bytes()[place.bytes.clone()]
    }
}

fn is_integer(data_type: &str) -> bool {
    matches!(data_type, "I64" | "U64" | "I32" | "U32" | "I16" | "U16" | "I8" | "U8" | "BOOL")
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
        write(folder.path(), "two.safetensors", &[("b", 2.0), ("d", 1.0)]);
        write(folder.path(), "three.safetensors", &[("c", 2.0), ("d", 1.0)]);
        write(folder.path(), "four.safetensors", &[("e", 2.0), ("d", 2.0)]);
        let (one, two) = ("one.safetensors", "two.safetensors");
        check(&[("a", one), ("b", two), ("d", two), ("c", two)], "two.safetensors does not hold c");
        check(&[("a", one), ("b", two), ("c", "three.safetensors")], "holds d, which is not listed there");
        check(&[("a", one), ("b", "five.safetensors")], "five.safetensors is missing");
        check(&[("b", two), ("d", two), ("e", "four.safetensors")], "two shards hold d with different values");
        // The same values twice do no harm.
        write_index(folder.path(), &[("b", two), ("d", two), ("c", "three.safetensors")]);
        assert_eq!(open(folder.path()).unwrap().names(), ["b", "c", "d"]);
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
        assert!(open(folder.path()).unwrap().names().is_empty(), "a buffer of integers is passed over");
        let text = text.replace("\"a\"", "\"a.weight\"").replace("F32", "I32");
        let header = (text.len() - 8 - 4) as u64;
        let mut bytes = text.into_bytes();
        bytes[..8].copy_from_slice(&header.to_le_bytes());
        fs::write(folder.path().join(SINGLE), bytes).unwrap();
        let error = open(folder.path()).unwrap_err();
        assert!(error.contains("tensor a.weight is stored as I32"), "{error}");
    }

    #[test]
    fn an_index_beside_a_whole_file_is_left_from_before() {
        let folder = tempfile::tempdir().unwrap();
        write(folder.path(), SINGLE, &[("a", 2.0)]);
        write_index(
            folder.path(),
            &[("a", "model-00001-of-00002.safetensors"), ("b", "model-00002-of-00002.safetensors")],
        );
        assert_eq!(open(folder.path()).unwrap().names(), ["a"]);
        write(folder.path(), "model-00001-of-00002.safetensors", &[("a", 3.0)]);
        write(folder.path(), "model-00002-of-00002.safetensors", &[("b", 3.0)]);
        assert_eq!(open(folder.path()).unwrap().read("a").unwrap(), [2.0], "as transformers chooses");
    }
}
