//! Digests and numbers as hexadecimal digits: short, and the same to the last bit.

use serde::{Deserialize, Deserializer, de::Error};

fn bytes<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<u8>, D::Error> {
    hex::decode(String::deserialize(deserializer)?).map_err(D::Error::custom)
}

fn words<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<[u8; 4]>, D::Error> {
    let bytes = bytes(deserializer)?;
    match bytes.as_chunks::<4>() {
        (words, []) => Ok(words.to_vec()),
        _ => Err(D::Error::custom("numbers of 32 bits have eight digits each")),
    }
}

/// A digest of 32 bytes.
pub(super) mod digest {
    use serde::{Deserializer, Serializer, de::Error};

    pub(crate) fn serialize<S: Serializer>(digest: &[u8; 32], serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&hex::encode(digest))
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<[u8; 32], D::Error> {
        super::bytes(deserializer)?.try_into().map_err(|_| D::Error::custom("a digest has 64 digits"))
    }
}

/// Numbers of single precision, by their bytes.
pub(super) mod floats {
    use serde::{Deserializer, Serializer};

    pub(crate) fn serialize<S: Serializer>(values: &[f32], serializer: S) -> Result<S::Ok, S::Error> {
        let bytes: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        serializer.serialize_str(&hex::encode(bytes))
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<f32>, D::Error> {
        Ok(super::words(deserializer)?.into_iter().map(f32::from_le_bytes).collect())
    }
}

/// Whole numbers of 32 bits, by their bytes.
pub(super) mod integers {
    use serde::{Deserializer, Serializer};

    pub(crate) fn serialize<S: Serializer>(values: &[u32], serializer: S) -> Result<S::Ok, S::Error> {
        let bytes: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        serializer.serialize_str(&hex::encode(bytes))
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<u32>, D::Error> {
        Ok(super::words(deserializer)?.into_iter().map(u32::from_le_bytes).collect())
    }
}

#[cfg(test)]
mod tests {
    use serde::Serialize;

    use super::*;

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Bits {
        #[serde(with = "digest")]
        digest: [u8; 32],
        #[serde(with = "floats")]
        floats: Vec<f32>,
        #[serde(with = "integers")]
        integers: Vec<u32>,
    }

    #[test]
    fn bits_survive_being_written_and_nothing_else_is_read() {
        let bits = Bits { digest: [7; 32], floats: vec![-0.0, 1e-45, f32::MAX], integers: vec![0, u32::MAX] };
        let text = serde_json::to_string(&bits).unwrap();
        let read: Bits = serde_json::from_str(&text).unwrap();
        assert_eq!(read, bits);
        assert!(read.floats[0].is_sign_negative());
        for (from, to) in [("ffffffff", "ffffff"), ("07", "7"), ("07", "0g"), ("07070707\"", "070707\"")] {
            assert!(serde_json::from_str::<Bits>(&text.replacen(from, to, 1)).is_err(), "{from} {to}");
        }
    }
}
