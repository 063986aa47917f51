//! One cuBLASLt algorithm for each weight shape: chosen once, kept in a file, and forced from then on.
//!
//! The library's own choice depends on the number of rows, and with it a row's bits. An algorithm that never cuts the sum
//! and is valid for every number of rows gives a row the same bits in every batch, which is checked before one is taken.
//! The file holds the library's 64 bytes of each, which are good for one version of it and one kind of card; validators
//! that share the file get equal bits, on an H100 and an H200 alike.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};

use super::{
    card::{Card, CardIdentity, WeightShape},
    library::{Algorithm, Library},
    trial::Trial,
};
use crate::{atomic_file::AtomicFile, error::DeviceError};

/// Version of the file's form.
const VERSION: u32 = 1;

/// The file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct AlgorithmFile {
    version: u32,
    /// Compute capability that the algorithms are for.
    capability: String,
    /// Version of cuBLASLt that the bytes are for.
    library: String,
    /// Card on which they were chosen; others of the same capability may use them.
    card: String,
    products: Vec<Product>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct Product {
    outputs: usize,
    inputs: usize,
    wide: bool,
    algorithm: Algorithm,
}

/// Algorithms of a card, and the file that keeps them.
pub(super) struct AlgorithmStore {
    path: PathBuf,
    /// True if the settings name the file and it was there: nothing is added to it.
    binding: bool,
    identity: CardIdentity,
    chosen: BTreeMap<WeightShape, Algorithm>,
    /// Shapes whose algorithm was found to be valid here.
    checked: BTreeSet<WeightShape>,
}

fn trouble(operation: String, message: impl Into<String>) -> DeviceError {
    DeviceError { operation, message: message.into() }
}

impl AlgorithmStore {
    /// Reads the file that the settings name, or the cache's own.
    ///
    /// # Errors
    /// If the file is for another library or kind of card, or cannot be read.
    pub(super) fn open(cache: &Path, given: Option<&Path>, identity: &CardIdentity) -> Result<Self, DeviceError> {
        let own = || {
            let card: String = identity.card.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).collect();
            cache.join("cuda").join(format!("algorithms-{card}-{}.json", identity.library))
        };
        let path = given.map_or_else(own, Path::to_owned);
        let operation = || format!("reading the products' algorithms in {}", path.display());
        let bytes = match std::fs::read(&path) {
            Ok(bytes) => Some(bytes),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => None,
            Err(error) => return Err(trouble(operation(), error.to_string())),
        };
        let chosen = match &bytes {
            Some(bytes) => parse(bytes, identity).map_err(|message| trouble(operation(), message))?,
            None => BTreeMap::new(),
        };
        let binding = given.is_some() && bytes.is_some();
        Ok(Self { path, binding, identity: identity.clone(), chosen, checked: BTreeSet::new() })
    }

    /// Makes sure that every shape has an algorithm that is valid for all these numbers of rows.
    ///
    /// # Errors
    /// If the file that the settings name has none for a shape, one is not valid here, or none can be found.
    pub(super) fn prepare(
        &mut self,
        card: &dyn Card,
        library: &Library,
        shapes: &[WeightShape],
        rows: &[usize],
    ) -> Result<(), DeviceError> {
        let known = self.chosen.len();
        for shape in shapes {
            if self.checked.contains(shape) {
                continue;
            }
            let algorithm = match self.chosen.get(shape) {
                Some(algorithm) => *algorithm,
                None if self.binding => return Err(self.missing(*shape)),
                None => Trial::new(card, library, *shape, rows)?.best()?,
            };
            for rows in rows {
                if !library.can(*shape, *rows, &algorithm)? {
                    let message = format!("the algorithm in {} does not do {rows} rows here", self.path.display());
                    return Err(trouble(format!("preparing the product {shape}"), message));
                }
            }
            self.chosen.insert(*shape, algorithm);
            self.checked.insert(*shape);
        }
        if self.chosen.len() > known { self.save() } else { Ok(()) }
    }

    fn missing(&self, shape: WeightShape) -> DeviceError {
        let hint = "take the file of a validator that has run this kind of model, or agree on a new one";
        let message = format!(
            "{} has no algorithm for it, and another choice could give other bits; {hint}",
            self.path.display()
        );
        trouble(format!("preparing the product {shape}"), message)
    }

    /// The algorithm of a prepared shape.
    pub(super) fn of(&self, shape: WeightShape) -> Result<Algorithm, DeviceError> {
        let unprepared = || trouble(format!("the product {shape}"), "no algorithm was prepared for it");
        self.chosen.get(&shape).copied().ok_or_else(unprepared)
    }

    /// BLAKE3 of all algorithms, where nothing will be added to them.
    pub(super) fn digest(&self) -> Option<String> {
        self.binding.then(|| digest(&self.chosen))
    }

    fn save(&self) -> Result<(), DeviceError> {
        let product = |(shape, algorithm): (&WeightShape, &Algorithm)| Product {
            outputs: shape.outputs,
            inputs: shape.inputs,
            wide: shape.wide,
            algorithm: *algorithm,
        };
        let CardIdentity { capability, library, card, .. } = self.identity.clone();
        let products = self.chosen.iter().map(product).collect();
        let file = AlgorithmFile { version: VERSION, capability, library, card, products };
        let text = serde_json::to_string_pretty(&file).expect("the file is plain data") + "\n";
        let folder = self.path.parent().map_or(Ok(()), std::fs::create_dir_all);
        folder.and_then(|()| AtomicFile::write(&self.path, text.as_bytes())).map_err(|error| {
            trouble(format!("writing the products' algorithms to {}", self.path.display()), error.to_string())
        })
    }
}

fn digest(chosen: &BTreeMap<WeightShape, Algorithm>) -> String {
    let mut hasher = blake3::Hasher::new_derive_key("dethrone 2026-11 product algorithms");
    for (shape, algorithm) in chosen {
        for size in [shape.outputs as u64, shape.inputs as u64, u64::from(shape.wide)] {
            hasher.update(&size.to_le_bytes());
        }
        for word in algorithm.0 {
            hasher.update(&word.to_le_bytes());
        }
    }
    hasher.finalize().to_hex().to_string()
}

/// The algorithms of a file, where they are for this library and kind of card.
fn parse(bytes: &[u8], identity: &CardIdentity) -> Result<BTreeMap<WeightShape, Algorithm>, String> {
    let file: AlgorithmFile = serde_json::from_slice(bytes).map_err(|error| error.to_string())?;
    if file.version != VERSION {
        return Err(format!("it has version {} and this program reads {VERSION}", file.version));
    }
    for (what, there, here) in [
        ("version of cuBLASLt", &file.library, &identity.library),
        ("compute capability", &file.capability, &identity.capability),
    ] {
        if there != here {
            return Err(format!(
                "it is for {what} {there} and this machine has {here}; install that one, or agree on a new file"
            ));
        }
    }
    let shape =
        |product: &Product| WeightShape { outputs: product.outputs, inputs: product.inputs, wide: product.wide };
    Ok(file.products.iter().map(|product| (shape(product), product.algorithm)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn identity() -> CardIdentity {
        let text = str::to_owned;
        let (card, capability, driver) = (text("NVIDIA H100 80GB HBM3"), text("9.0"), text("13000"));
        CardIdentity { card, capability, driver, kernels: text("00"), library: text("130100") }
    }

    fn shape(outputs: usize) -> WeightShape {
        WeightShape { outputs, inputs: 64, wide: false }
    }

    fn store(path: &Path, given: bool) -> Result<AlgorithmStore, DeviceError> {
        AlgorithmStore::open(path.parent().unwrap(), given.then_some(path), &identity())
    }

    #[test]
    fn algorithms_survive_a_file_and_one_that_settings_name_is_binding() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("algorithms.json");
        let mut first = store(&path, true).unwrap();
        assert!(!first.binding, "a file that is not there yet is written");
        first.chosen.insert(shape(128), Algorithm([1, 2, 3, 4, 5, 6, 7, u64::MAX]));
        first.save().unwrap();
        let second = store(&path, true).unwrap();
        assert!(second.binding);
        assert_eq!(second.of(shape(128)).unwrap(), Algorithm([1, 2, 3, 4, 5, 6, 7, u64::MAX]));
        assert_eq!((first.digest(), second.digest()), (None, Some(digest(&first.chosen))));
        first.chosen.insert(shape(256), Algorithm([0; 8]));
        assert_ne!(second.digest(), Some(digest(&first.chosen)));
        assert!(second.of(shape(256)).is_err());
        assert!(second.missing(shape(256)).to_string().contains("[256, 64] to bf16"));
    }

    #[test]
    fn a_file_for_another_library_or_card_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("algorithms.json");
        store(&path, true).unwrap().save().unwrap();
        let good = std::fs::read_to_string(&path).unwrap();
        for (from, to, expected) in [
            ("130100", "130200", "it is for version of cuBLASLt 130200 and this machine has 130100"),
            ("\"9.0\"", "\"8.0\"", "it is for compute capability 8.0"),
            ("\"version\": 1", "\"version\": 2", "it has version 2"),
            (
                "\"products\": []",
                "\"products\": [{\"outputs\":8,\"inputs\":8,\"wide\":false,\"algorithm\":\"00\"}]",
                "64 bytes in hex",
            ),
            ("{", "", "reading the products' algorithms"),
        ] {
            std::fs::write(&path, good.replacen(from, to, 1)).unwrap();
            let error = store(&path, true).err().expect("refused").to_string();
            assert!(error.contains(expected), "{error}");
        }
    }
}
