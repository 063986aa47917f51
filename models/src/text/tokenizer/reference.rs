//! Token ids of random texts, a kind of tokenizer a row, against the reference implementation.
//!
//! `tests/reference/token_ids.py` wrote the table, with the same generator of texts.

use serde_json::Value;
use sha2::{Digest, Sha256};

use super::{SpecialTokens, Tokenizer};
use crate::splitmix::splitmix;

/// Ranges of code points, and how often each is drawn from.
const RANGES: [(u32, u32, usize); 22] = [
    (0x20, 0x7F, 12),
    (0x30, 0x3A, 6),
    (0x41, 0x5B, 4),
    (0x61, 0x7B, 10),
    (0x09, 0x0E, 3),
    (0x20, 0x21, 8),
    (0xA0, 0x180, 4),
    (0x300, 0x330, 2),
    (0x391, 0x3CA, 2),
    (0x400, 0x460, 3),
    (0x5D0, 0x5EB, 1),
    (0x660, 0x66A, 1),
    (0x905, 0x93A, 1),
    (0x1F00, 0x2000, 1),
    (0x2010, 0x2040, 2),
    (0x2150, 0x2190, 1),
    (0x3000, 0x3100, 3),
    (0x4E00, 0x4F00, 4),
    (0xAC00, 0xAC80, 2),
    (0xFF01, 0xFF60, 2),
    (0x1F600, 0x1F640, 2),
    (0x27, 0x28, 2),
];
const WORDS: [&str; 12] =
    ["'s", "'LL", "don't", "I'VE", "12345", "x = 1\n", "\r\n\r\n", "    ", "...", "http://a.b/c?d=1", "<|x|>", "\t\t"];

struct Numbers(u64);

impl Numbers {
    fn below(&mut self, bound: usize) -> usize {
        let number = splitmix(self.0);
        self.0 = self.0.wrapping_add(crate::splitmix::INCREMENT);
        (number % bound as u64) as usize
    }
}

fn texts() -> Vec<String> {
    let table: Vec<(u32, u32)> =
        RANGES.iter().flat_map(|(low, high, often)| std::iter::repeat_n((*low, *high), *often)).collect();
    let mut numbers = Numbers(7);
    let mut text = || {
        let mut text = String::new();
        for _ in 0..numbers.below(40) {
            if numbers.below(8) == 0 {
                text.push_str(WORDS[numbers.below(WORDS.len())]);
            } else {
                let (low, high) = table[numbers.below(table.len())];
                text.push(char::from_u32(low + numbers.below((high - low) as usize) as u32).unwrap());
            }
        }
        text
    };
    (0..2000).map(|_| text()).collect()
}

#[test]
fn random_texts_have_the_ids_that_they_have_in_the_reference() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/fixtures/tokenizer/reference.jsonl");
    let (texts, mut kinds) = (texts(), 0);
    for line in std::fs::read_to_string(path).unwrap().lines() {
        let row: Value = serde_json::from_str(line).unwrap();
        let tokenizer = Tokenizer::parse(row["tokenizer"].to_string().as_bytes()).unwrap();
        let mut hasher = Sha256::new();
        for text in &texts {
            for id in tokenizer.encode(text, SpecialTokens::Skip).unwrap().into_iter().chain([u32::MAX]) {
                hasher.update(id.to_le_bytes());
            }
        }
        assert_eq!(hex::encode(hasher.finalize()), row["digest"].as_str().unwrap(), "{}", row["kind"]);
        kinds += 1;
    }
    assert!(kinds >= 17);
}
