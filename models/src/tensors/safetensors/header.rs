//! The JSON header of one safetensors file.
//!
//! Layout: eight bytes of little-endian header length, the header, the tensors. Offsets count from the end of the header,
//! and the tensors must cover the rest of the file exactly once, without holes.

use std::{collections::BTreeMap, fmt, ops::Range};

use serde::{
    Deserialize, Deserializer,
    de::{self, MapAccess, Visitor},
};

use crate::{refusal::Refusal, snapshot::is_lfs_pointer, tensors::Encoding, untrusted::UntrustedText};

/// No honest header is longer: 50,000 tensors take about 8 MiB.
const LONGEST_HEADER: u64 = 32 << 20;
/// No tensor of a language model has more dimensions.
const MOST_DIMENSIONS: usize = 8;
/// The key that holds remarks, not a tensor.
const METADATA: &str = "__metadata__";

/// A header whose every offset was checked against the length of its file.
#[derive(Debug, PartialEq)]
pub struct Header {
    /// The tensors by name.
    pub tensors: BTreeMap<String, HeaderEntry>,
}

/// One tensor of a file.
#[derive(Clone, Debug, PartialEq)]
pub struct HeaderEntry {
    /// Encoding of its values; `None` for a data type that is never decoded.
    pub encoding: Option<Encoding>,
    /// The data type as written.
    pub data_type: String,
    /// Outermost dimension first.
    pub shape: Vec<usize>,
    /// Byte range, counted from the file's first byte.
    pub bytes: Range<usize>,
}

impl Header {
    /// Reads and checks the header of a file given as bytes.
    ///
    /// # Errors
    /// If the header is malformed, or its tensors do not cover the file exactly.
    pub fn parse(file: &str, bytes: &[u8]) -> Result<Self, Refusal> {
        let refuse = |reason: String| Refusal::Safetensors { file: file.to_owned(), reason };
        if is_lfs_pointer(bytes) {
            return Err(Refusal::LfsPointer { file: file.to_owned() });
        }
        let (length, rest) = bytes
            .split_first_chunk::<8>()
            .ok_or_else(|| refuse(format!("it has {} bytes, too few for a header", bytes.len())))?;
        let length = u64::from_le_bytes(*length);
        if length > LONGEST_HEADER || length > rest.len() as u64 {
            return Err(refuse(format!(
                "its header claims {length} bytes, and {} are left in the file (at most {LONGEST_HEADER} are read)",
                rest.len()
            )));
        }
        let (header, tensors) = rest.split_at(length as usize);
        let written: Written =
            serde_json::from_slice(header).map_err(|error| refuse(format!("its header: {error}")))?;
        let start = 8 + header.len();
        let mut checked = BTreeMap::new();
        for (name, entry) in written.tensors {
            let entry = entry
                .check(start, tensors.len())
                .map_err(|reason| refuse(format!("tensor {}: {reason}", UntrustedText::name(&name))))?;
            checked.insert(name, entry);
        }
        check_cover(&checked, start, bytes.len()).map_err(refuse)?;
        Ok(Self { tensors: checked })
    }
}

/// The tensors must follow each other from the header to the end of the file.
fn check_cover(tensors: &BTreeMap<String, HeaderEntry>, start: usize, end: usize) -> Result<(), String> {
    let mut ranges: Vec<(&Range<usize>, &str)> =
        tensors.iter().map(|(name, entry)| (&entry.bytes, name.as_str())).collect();
    ranges.sort_by_key(|(range, _)| (range.start, range.end));
    let mut position = start;
    for (range, name) in ranges {
        if range.start != position {
            let trouble =
                if range.start < position { "overlaps the tensor before it" } else { "leaves a hole before it" };
            return Err(format!("tensor {} {trouble}", UntrustedText::name(name)));
        }
        position = range.end;
    }
    if position != end {
        return Err(format!("{} bytes follow the last tensor", end - position));
    }
    Ok(())
}

/// A header as written, before any check but that names are unique.
struct Written {
    tensors: BTreeMap<String, WrittenEntry>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenEntry {
    dtype: String,
    shape: Vec<u64>,
    data_offsets: [u64; 2],
}

impl WrittenEntry {
    fn check(self, start: usize, available: usize) -> Result<HeaderEntry, String> {
        let [from, to] = self.data_offsets;
        if from > to || to > available as u64 {
            return Err(format!("bytes {from} to {to} are not all among the {available} that follow the header"));
        }
        if self.shape.len() > MOST_DIMENSIONS {
            return Err(format!("{} dimensions", self.shape.len()));
        }
        let elements = self
            .shape
            .iter()
            .try_fold(1u64, |product, dimension| product.checked_mul(*dimension))
            .ok_or_else(|| format!("shape {:?} is larger than any memory", self.shape))?;
        let (bits, encoding) = data_type(&self.dtype)
            .ok_or_else(|| format!("unknown data type {:?}", UntrustedText::words(&self.dtype).as_str()))?;
        let needed = elements.checked_mul(bits).map(|bits| bits.div_ceil(8));
        if needed != Some(to - from) {
            return Err(format!("shape {:?} of {} does not take {} bytes", self.shape, self.dtype, to - from));
        }
        let shape = self.shape.into_iter().map(|dimension| usize::try_from(dimension).ok()).collect::<Option<Vec<_>>>();
        Ok(HeaderEntry {
            encoding,
            data_type: self.dtype,
            shape: shape.ok_or("a dimension is larger than any memory")?,
            bytes: start + from as usize..start + to as usize,
        })
    }
}

/// Bits of an element, and the encoding where we decode it.
fn data_type(name: &str) -> Option<(u64, Option<Encoding>)> {
    Some(match name {
        "F32" => (32, Some(Encoding::F32)),
        "F16" => (16, Some(Encoding::F16)),
        "BF16" => (16, Some(Encoding::BF16)),
        "F64" | "I64" | "U64" | "C64" => (64, None),
        "I32" | "U32" => (32, None),
        "I16" | "U16" => (16, None),
        "BOOL" | "U8" | "I8" | "F8_E5M2" | "F8_E4M3" | "F8_E8M0" | "F8_E4M3FNUZ" | "F8_E5M2FNUZ" => (8, None),
        "F6_E2M3" | "F6_E3M2" => (6, None),
        "F4" => (4, None),
        _ => return None,
    })
}

impl<'de> Deserialize<'de> for Written {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Entries;
        impl<'de> Visitor<'de> for Entries {
            type Value = Written;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("an object of tensors")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Written, A::Error> {
                let mut tensors = BTreeMap::new();
                let mut remarks = false;
                while let Some(name) = map.next_key::<String>()? {
                    let again = if name == METADATA {
                        map.next_value::<BTreeMap<String, String>>()?;
                        std::mem::replace(&mut remarks, true)
                    } else {
                        tensors.insert(name.clone(), map.next_value::<WrittenEntry>()?).is_some()
                    };
                    if again {
                        return Err(de::Error::custom(format_args!("{name:?} appears twice")));
                    }
                }
                Ok(Written { tensors })
            }
        }
        deserializer.deserialize_map(Entries)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(header: &str, data: usize) -> Vec<u8> {
        let mut bytes = (header.len() as u64).to_le_bytes().to_vec();
        bytes.extend_from_slice(header.as_bytes());
        bytes.resize(bytes.len() + data, 0);
        bytes
    }

    #[track_caller]
    fn check(header: &str, data: usize, expected: Result<usize, &str>) {
        let found = Header::parse("model.safetensors", &file(header, data));
        match (found, expected) {
            (Ok(found), Ok(tensors)) => assert_eq!(found.tensors.len(), tensors),
            (Err(Refusal::Safetensors { reason, .. }), Err(part)) => assert!(reason.contains(part), "{reason}"),
            (found, expected) => panic!("{found:?} instead of {expected:?}"),
        }
    }

    #[test]
    fn sound_headers_are_read() {
        check(r#"{}"#, 0, Ok(0));
        check(
            r#"{"__metadata__":{"format":"pt"},"a":{"dtype":"F32","shape":[2,1],"data_offsets":[0,8]}}   "#,
            8,
            Ok(1),
        );
        check(
            r#"{"b":{"dtype":"BF16","shape":[2],"data_offsets":[4,8]},"a":{"dtype":"F16","shape":[2],"data_offsets":[0,4]}}"#,
            8,
            Ok(2),
        );
        check(
            r#"{"scalar":{"dtype":"F32","shape":[],"data_offsets":[0,4]},"empty":{"dtype":"F32","shape":[0],"data_offsets":[0,0]}}"#,
            4,
            Ok(2),
        );
    }

    #[test]
    fn every_lie_in_a_header_is_refused_by_name() {
        check(r#"{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}"#, 7, Err("not all among the 7"));
        check(r#"{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}"#, 9, Err("1 bytes follow"));
        check(r#"{"a":{"dtype":"F32","shape":[2],"data_offsets":[8,0]}}"#, 8, Err("bytes 8 to 0"));
        check(r#"{"a":{"dtype":"F32","shape":[3],"data_offsets":[0,8]}}"#, 8, Err("does not take 8 bytes"));
        check(
            r#"{"a":{"dtype":"F32","shape":[4294967296,4294967296],"data_offsets":[0,8]}}"#,
            8,
            Err("larger than any memory"),
        );
        check(r#"{"a":{"dtype":"F32","shape":[4611686018427387904],"data_offsets":[0,8]}}"#, 8, Err("does not take"));
        check(r#"{"a":{"dtype":"F32","shape":[-1],"data_offsets":[0,8]}}"#, 8, Err("invalid value"));
        check(r#"{"a":{"dtype":"Q9","shape":[2],"data_offsets":[0,8]}}"#, 8, Err("unknown data type"));
        check(r#"{"a":{"dtype":"F32","shape":[1,1,1,1,1,1,1,1,2],"data_offsets":[0,8]}}"#, 8, Err("9 dimensions"));
        check(
            r#"{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"b":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}"#,
            4,
            Err("overlaps"),
        );
        check(
            r#"{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"b":{"dtype":"F32","shape":[1],"data_offsets":[8,12]}}"#,
            12,
            Err("hole"),
        );
        check(
            r#"{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}"#,
            4,
            Err("twice"),
        );
        check(r#"{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4],"code":1}}"#, 4, Err("unknown field"));
        check(r#"{"a":"#, 4, Err("EOF"));
        check(&"[".repeat(100_000), 0, Err("invalid type"));
    }

    #[test]
    fn a_length_beyond_the_file_is_refused_without_reading_it() {
        for length in [u64::MAX, 1 << 40, 100] {
            let mut bytes = length.to_le_bytes().to_vec();
            bytes.extend_from_slice(b"{}");
            assert!(matches!(Header::parse("m", &bytes), Err(Refusal::Safetensors { .. })));
        }
        assert!(matches!(Header::parse("m", b"1234567"), Err(Refusal::Safetensors { .. })));
        let pointer = b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 7\n";
        assert_eq!(Header::parse("m", pointer), Err(Refusal::LfsPointer { file: "m".to_owned() }));
    }
}
