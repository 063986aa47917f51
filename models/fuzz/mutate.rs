//! Mutates sound files with a seeded generator.

/// Extreme lengths and offsets.
const NUMBERS: [u64; 9] =
    [0, 1, 7, 0x7F, 0xFFFF, 0x7FFF_FFFF, 0xFFFF_FFFF, 0x7FFF_FFFF_FFFF_FFFF, 0xFFFF_FFFF_FFFF_FFFF];
/// Pieces of text that parsers may trip over.
const TEXTS: [&str; 26] = [
    "\"",
    "{",
    "}",
    "[",
    "]",
    "null",
    "-1",
    "1e999",
    "18446744073709551615",
    "\\u0000",
    "\u{10FFFF}",
    "..",
    "{{",
    "}}",
    "{%",
    "%}",
    "{% for a in range(99999) %}",
    "~ messages",
    "{% set messages = [messages, messages, messages, messages, messages, messages, messages, messages] %}",
    "* 99 == messages",
    "| tojson",
    "* 999999999",
    "\"type\":",
    "<0x0A>",
    "\u{2581}",
    "(",
];

/// A pseudo-random generator (xorshift).
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(name: &str) -> Self {
        Self(
            name.bytes()
                .fold(0x9E37_79B9_7F4A_7C15, |state, byte| (state ^ u64::from(byte)).wrapping_mul(0x100_0000_01B3)),
        )
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    pub(crate) fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound.max(1) as u64) as usize
    }
}

/// One of the files with one to six changes.
pub(crate) fn mutate(seeds: &[Vec<u8>], random: &mut Random) -> Vec<u8> {
    let mut bytes = seeds[random.below(seeds.len())].clone();
    for _ in 0..=random.below(6) {
        // Headers are where the lengths are.
        let reach = if random.below(2) == 0 { bytes.len() } else { bytes.len().min(4096) };
        let at = random.below(reach);
        match random.below(8) {
            0 => bytes.truncate(at),
            1 if !bytes.is_empty() => bytes[at] ^= 1 << random.below(8),
            2 if !bytes.is_empty() => bytes[at] = random.next() as u8,
            3 => {
                let number = NUMBERS[random.below(NUMBERS.len())].to_le_bytes();
                let width = [1, 2, 4, 8][random.below(4)].min(bytes.len() - at);
                bytes[at..at + width].copy_from_slice(&number[..width]);
            }
            4 => {
                let text = TEXTS[random.below(TEXTS.len())];
                bytes.splice(at..at, text.bytes());
            }
            5 => {
                let end = at + random.below((bytes.len() - at).min(64));
                bytes.drain(at..end);
            }
            6 => {
                let end = at + random.below((bytes.len() - at).min(256));
                let copy = bytes[at..end].to_vec();
                let to = random.below(bytes.len());
                bytes.splice(to..to, copy);
            }
            _ => {
                let other = &seeds[random.below(seeds.len())];
                let from = random.below(other.len());
                let end = from + random.below((other.len() - from).min(256));
                bytes.splice(at..at, other[from..end].iter().copied());
            }
        }
    }
    bytes
}
