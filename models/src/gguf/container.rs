//! GGUF container: metadata, and byte ranges of tensors.
//!
//! Every count and length is compared with the bytes that are left before anything of that size is made, so a file can
//! make us allocate a small multiple of its own length and no more.

use std::{collections::BTreeMap, ops::Range};

use super::{List, Value};
use crate::{refusal::Refusal, snapshot::is_lfs_pointer, tensors::Encoding, untrusted::UntrustedText};

const MAGIC: &[u8; 4] = b"GGUF";
/// Most metadata entries; real files have about forty.
const MOST_ENTRIES: u64 = 1 << 12;
/// Most tensors; real files have at most a few thousand.
const MOST_TENSORS: u64 = 1 << 16;
/// Most values in all lists; the largest vocabularies have about 300,000 tokens and half a million merges.
const MOST_VALUES: u64 = 1 << 22;
/// Longest single text; chat templates take up to 20 KiB.
const LONGEST_TEXT: u64 = 1 << 20;
/// Longest name of a tensor or a metadata entry.
const LONGEST_NAME: usize = 256;
/// GGML has no tensors of more dimensions.
const MOST_DIMENSIONS: u32 = 4;
/// Alignment of files that do not state one.
const USUAL_ALIGNMENT: u64 = 32;

/// Header of a GGUF file, checked against the file's length.
#[derive(Debug)]
pub struct Content<'a> {
    /// The metadata by key.
    pub metadata: BTreeMap<&'a str, Value<'a>>,
    /// The tensors under their GGML names.
    pub tensors: BTreeMap<&'a str, TensorInfo>,
}

/// One tensor of a GGUF file.
#[derive(Clone, Debug, PartialEq)]
pub struct TensorInfo {
    /// Encoding of its values.
    pub encoding: Encoding,
    /// Outermost dimension first (the file has it the other way round).
    pub shape: Vec<usize>,
    /// Byte range in the file.
    pub bytes: Range<usize>,
}

impl<'a> Content<'a> {
    /// Reads and checks everything before the tensors.
    ///
    /// # Errors
    /// If the file ends early or contradicts itself.
    pub fn parse(file: &str, bytes: &'a [u8]) -> Result<Self, Refusal> {
        if is_lfs_pointer(bytes) {
            return Err(Refusal::LfsPointer { file: file.to_owned() });
        }
        parse(bytes).map_err(|trouble| match trouble {
            Trouble::Reason(reason) => Refusal::Gguf { file: file.to_owned(), reason },
            Trouble::Refusal(refusal) => refusal,
        })
    }

    /// A text of the metadata.
    pub fn text(&self, key: &str) -> Option<&'a str> {
        match self.metadata.get(key)? {
            Value::Text(text) => Some(text),
            _ => None,
        }
    }

    /// A count of the metadata.
    pub fn count(&self, key: &str) -> Option<u64> {
        self.metadata.get(key)?.as_u64()
    }

    /// A number of the metadata.
    pub fn number(&self, key: &str) -> Option<f64> {
        self.metadata.get(key)?.as_f64()
    }

    /// A flag of the metadata.
    pub fn flag(&self, key: &str) -> Option<bool> {
        match self.metadata.get(key)? {
            Value::Bool(value) => Some(*value),
            _ => None,
        }
    }

    /// A list of texts of the metadata.
    pub fn texts(&self, key: &str) -> Option<&[&'a str]> {
        match self.metadata.get(key)? {
            Value::List(List::Texts(texts)) => Some(texts),
            _ => None,
        }
    }
}

enum Trouble {
    Reason(String),
    Refusal(Refusal),
}

impl From<String> for Trouble {
    fn from(reason: String) -> Self {
        Self::Reason(reason)
    }
}

fn parse(bytes: &[u8]) -> Result<Content<'_>, Trouble> {
    let mut reader = Reader { bytes, position: 0, values: MOST_VALUES };
    if &reader.array::<4>()? != MAGIC {
        return Err("it does not begin with GGUF".to_owned().into());
    }
    let version = reader.u32()?;
    if (2..=3).contains(&version.swap_bytes()) {
        return Err("it is big-endian, and only little-endian files are read: convert the model for this byte order"
            .to_owned()
            .into());
    }
    if !(2..=3).contains(&version) {
        return Err(format!("version {version} is not 2 or 3").into());
    }
    let (tensors, entries) = (reader.u64()?, reader.u64()?);
    if tensors > MOST_TENSORS || entries > MOST_ENTRIES {
        return Err(format!("{tensors} tensors and {entries} metadata entries are beyond reason").into());
    }
    let mut metadata = BTreeMap::new();
    for _ in 0..entries {
        let key = reader.name()?;
        let value = Value::read(&mut reader).map_err(|reason| format!("metadata {key:?}: {reason}"))?;
        if metadata.insert(key, value).is_some() {
            return Err(format!("metadata {key:?} appears twice").into());
        }
    }
    let mut places = Vec::new();
    for _ in 0..tensors {
        places.push(Place::read(&mut reader)?);
    }
    let alignment = match metadata.get("general.alignment") {
        None => USUAL_ALIGNMENT,
        Some(value) => value
            .as_u64()
            .filter(|alignment| alignment.is_power_of_two() && (8..=1 << 16).contains(alignment))
            .ok_or_else(|| "general.alignment is not a power of two from 8 to 65536".to_owned())?,
    };
    let start = (reader.position as u64).next_multiple_of(alignment);
    let tensors = locate(places, start, alignment, bytes.len() as u64)?;
    Ok(Content { metadata, tensors })
}

/// Published names of the encodings that are not decoded here, by GGML's number.
fn ggml_name(number: u32) -> Option<&'static str> {
    const NAMES: [(u32, &str); 18] = [
        (9, "Q8_1"),
        (15, "Q8_K"),
        (16, "IQ2_XXS"),
        (17, "IQ2_XS"),
        (18, "IQ3_XXS"),
        (19, "IQ1_S"),
        (21, "IQ3_S"),
        (22, "IQ2_S"),
        (24, "I8"),
        (25, "I16"),
        (26, "I32"),
        (27, "I64"),
        (28, "F64"),
        (29, "IQ1_M"),
        (34, "TQ1_0"),
        (35, "TQ2_0"),
        (40, "NVFP4"),
        (41, "Q1_0"),
    ];
    NAMES.iter().find(|row| row.0 == number).map(|row| row.1)
}

/// A tensor as written.
struct Place<'a> {
    name: &'a str,
    encoding: Encoding,
    shape: Vec<usize>,
    offset: u64,
    length: u64,
}

impl<'a> Place<'a> {
    fn read(reader: &mut Reader<'a>) -> Result<Self, Trouble> {
        let name = reader.name()?;
        let dimensions = reader.u32()?;
        if dimensions > MOST_DIMENSIONS {
            return Err(format!("tensor {} has {dimensions} dimensions", UntrustedText::name(name)).into());
        }
        let mut shape = (0..dimensions).map(|_| reader.u64()).collect::<Result<Vec<_>, _>>()?;
        if shape.contains(&0) {
            return Err(format!("tensor {} is empty", UntrustedText::name(name)).into());
        }
        let number = reader.u32()?;
        let offset = reader.u64()?;
        let encoding = Encoding::from_ggml(number).ok_or_else(|| {
            let encoding = ggml_name(number).map_or_else(|| format!("GGML type {number}"), str::to_owned);
            Trouble::Refusal(Refusal::Encoding { tensor: name.to_owned(), encoding, supported: Encoding::supported() })
        })?;
        let row = shape.first().copied().unwrap_or(1);
        let elements = shape.iter().try_fold(1u64, |product, dimension| product.checked_mul(*dimension));
        let length = elements.filter(|_| encoding.bytes_for(row).is_some()).and_then(|all| encoding.bytes_for(all));
        let length = length.ok_or_else(|| {
            format!(
                "tensor {} of shape {shape:?} is no whole number of {} blocks a row",
                UntrustedText::name(name),
                encoding.name()
            )
        })?;
        shape.reverse();
        let shape = shape.into_iter().map(|dimension| usize::try_from(dimension).ok()).collect::<Option<_>>();
        let shape = shape.ok_or_else(|| format!("tensor {} is larger than any memory", UntrustedText::name(name)))?;
        Ok(Self { name, encoding, shape, offset, length })
    }
}

/// Turns offsets into ranges of the file and checks that they are inside and apart from each other.
fn locate(
    mut places: Vec<Place<'_>>,
    start: u64,
    alignment: u64,
    size: u64,
) -> Result<BTreeMap<&str, TensorInfo>, String> {
    places.sort_by_key(|place| (place.offset, place.length));
    let mut tensors = BTreeMap::new();
    let mut free = start;
    for Place { name, encoding, shape, offset, length } in places {
        if !offset.is_multiple_of(alignment) {
            return Err(format!("tensor {} is not aligned to {alignment} bytes", UntrustedText::name(name)));
        }
        let from = start.checked_add(offset);
        let to = from.and_then(|from| from.checked_add(length));
        let (Some(from), Some(to)) = (from, to) else {
            return Err(format!("tensor {} lies beyond any file", UntrustedText::name(name)));
        };
        if to > size {
            return Err(format!(
                "tensor {} ends at byte {to} but the file ends at {size}, so it is not complete",
                UntrustedText::name(name)
            ));
        }
        if from < free {
            return Err(format!("tensor {} overlaps another", UntrustedText::name(name)));
        }
        free = to;
        let info = TensorInfo { encoding, shape, bytes: from as usize..to as usize };
        if tensors.insert(name, info).is_some() {
            return Err(format!("tensor {} appears twice", UntrustedText::name(name)));
        }
    }
    Ok(tensors)
}

/// Bytes read from front to back, never past their end.
pub(super) struct Reader<'a> {
    bytes: &'a [u8],
    position: usize,
    /// Values of lists that may still be read.
    values: u64,
}

impl<'a> Reader<'a> {
    pub(super) fn array<const N: usize>(&mut self) -> Result<[u8; N], String> {
        let (array, _) = self.rest().split_first_chunk::<N>().ok_or_else(|| self.early())?;
        let array = *array;
        self.position += N;
        Ok(array)
    }

    pub(super) fn u32(&mut self) -> Result<u32, String> {
        self.array().map(u32::from_le_bytes)
    }

    pub(super) fn u64(&mut self) -> Result<u64, String> {
        self.array().map(u64::from_le_bytes)
    }

    /// A count of items that take at least `width` bytes each.
    pub(super) fn count(&mut self, width: u64) -> Result<u64, String> {
        let count = self.u64()?;
        self.values = self
            .values
            .checked_sub(count)
            .ok_or_else(|| format!("a list of {count} values makes more than {MOST_VALUES} in all"))?;
        if count * width > self.rest().len() as u64 { Err(self.early()) } else { Ok(count) }
    }

    pub(super) fn text(&mut self) -> Result<&'a str, String> {
        let length = self.u64()?;
        if length > LONGEST_TEXT {
            return Err(format!("a text of {length} bytes is longer than {LONGEST_TEXT}"));
        }
        let text = self.rest().get(..length as usize).ok_or_else(|| self.early())?;
        self.position += text.len();
        std::str::from_utf8(text).map_err(|error| format!("a text is not UTF-8: {error}"))
    }

    fn name(&mut self) -> Result<&'a str, String> {
        let name = self.text()?;
        if name.is_empty() || name.len() > LONGEST_NAME {
            return Err(format!("a name of {} bytes (1 to {LONGEST_NAME} are allowed)", name.len()));
        }
        Ok(name)
    }

    fn rest(&self) -> &'a [u8] {
        &self.bytes[self.position..]
    }

    fn early(&self) -> String {
        format!("it ends at byte {} in the middle of its header, so it is not complete", self.bytes.len())
    }
}
