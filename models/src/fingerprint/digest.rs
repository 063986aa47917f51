//! Digest of a tensor's values, the same for every encoding.

/// Values hashed at a time.
const PIECE: usize = 1 << 14;

/// BLAKE3 of the values as little-endian `f32`; both zeros count as one, and so do all that are not numbers.
pub(super) fn of_values(values: &[f32]) -> [u8; 32] {
    let mut hasher = blake3::Hasher::new();
    let mut bytes = vec![0; 4 * PIECE];
    for values in values.chunks(PIECE) {
        let (words, _) = bytes.as_chunks_mut::<4>();
        for (word, value) in words.iter_mut().zip(values) {
            // Adding zero turns minus zero into zero and changes nothing else.
            let value = if value.is_nan() { f32::NAN } else { *value + 0.0 };
            *word = value.to_le_bytes();
        }
        hasher.update(&bytes[..4 * values.len()]);
    }
    *hasher.finalize().as_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_values_count() {
        assert_eq!(of_values(&[0.0, 1.0]), of_values(&[-0.0, 1.0]));
        assert_ne!(of_values(&[0.0, 1.0]), of_values(&[1.0, 0.0]));
        let mut values = vec![0.5; PIECE + 3];
        let before = of_values(&values);
        values[PIECE + 2] = 0.5 + f32::EPSILON;
        assert_ne!(before, of_values(&values));
        assert_eq!(of_values(&[1.0]), *blake3::hash(&1.0f32.to_le_bytes()).as_bytes());
    }
}
