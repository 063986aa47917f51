//! The keys and values of one layer in pages of 32 tokens, laid out for the products of attention.

use std::fmt;

use super::aligned::AlignedFloats;

/// Tokens of a page.
pub const PAGE_TOKENS: usize = 32;
/// Values of a head are stored in whole multiples of this many.
const ALIGNMENT: usize = 32;

/// Where a token's key and value live.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Slot {
    /// Which page.
    pub page: u32,
    /// Which token of the page, below [`PAGE_TOKENS`].
    pub offset: u32,
}

/// The pages of one layer. Which page belongs to whom is the caller's affair.
pub struct PagedKeyValues {
    /// `[page][head][key_size][PAGE_TOKENS]`: neighbouring tokens are neighbouring values.
    keys: AlignedFloats,
    /// `[page][head][PAGE_TOKENS][stored_size]`.
    values: AlignedFloats,
    heads: usize,
    head_size: usize,
    stored_size: usize,
}

impl PagedKeyValues {
    /// `pages` pages for `heads` key-value heads of `head_size` values; memory is touched when written.
    pub fn new(pages: usize, heads: usize, head_size: usize) -> Self {
        let stored_size = head_size.next_multiple_of(ALIGNMENT);
        Self {
            keys: AlignedFloats::zeroed(pages * heads * head_size * PAGE_TOKENS),
            values: AlignedFloats::zeroed(pages * heads * stored_size * PAGE_TOKENS),
            heads,
            head_size,
            stored_size,
        }
    }

    /// Bytes that `pages` pages of such a layer take.
    pub fn bytes(pages: usize, heads: usize, head_size: usize) -> usize {
        let token = head_size + head_size.next_multiple_of(ALIGNMENT);
        pages * heads * PAGE_TOKENS * token * size_of::<f32>()
    }

    /// Key-value heads.
    pub fn heads(&self) -> usize {
        self.heads
    }

    /// Values of a head.
    pub fn head_size(&self) -> usize {
        self.head_size
    }

    /// Stores `keys [T, heads * head_size]` and `values`, one row a slot.
    ///
    /// # Panics
    /// If the lengths do not agree or a slot is outside the store.
    pub fn write(&mut self, slots: &[Slot], keys: &[f32], values: &[f32]) {
        let width = self.heads * self.head_size;
        assert_eq!(keys.len(), slots.len() * width, "a row of keys for each slot");
        assert_eq!(values.len(), slots.len() * width, "a row of values for each slot");
        let rows = keys.chunks_exact(width).zip(values.chunks_exact(width));
        for (slot, (keys, values)) in slots.iter().zip(rows) {
            let (page, offset) = (slot.page as usize, slot.offset as usize);
            assert!(offset < PAGE_TOKENS, "a page has 32 tokens");
            for head in 0..self.heads {
                let range = head * self.head_size..(head + 1) * self.head_size;
                let first = (page * self.heads + head) * self.head_size * PAGE_TOKENS;
                let target = self.keys[first..first + self.head_size * PAGE_TOKENS].chunks_exact_mut(PAGE_TOKENS);
                for (tokens, key) in target.zip(&keys[range.clone()]) {
                    tokens[offset] = *key;
                }
                let first = ((page * self.heads + head) * PAGE_TOKENS + offset) * self.stored_size;
                self.values[first..first + self.head_size].copy_from_slice(&values[range]);
            }
        }
    }

    /// The keys of a page and head, `[head_size][PAGE_TOKENS]`.
    #[inline(always)]
    pub(super) fn keys(&self, page: u32, head: usize) -> &[f32] {
        let length = self.head_size * PAGE_TOKENS;
        &self.keys[(page as usize * self.heads + head) * length..][..length]
    }

    /// The values of a page and head, `[PAGE_TOKENS][stored_size]`.
    #[inline(always)]
    pub(super) fn values(&self, page: u32, head: usize) -> &[f32] {
        let length = self.stored_size * PAGE_TOKENS;
        &self.values[(page as usize * self.heads + head) * length..][..length]
    }

    /// Values of a head as stored, the last ones unused.
    pub(super) fn stored_size(&self) -> usize {
        self.stored_size
    }
}

impl fmt::Debug for PagedKeyValues {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "PagedKeyValues[{} heads of {}]", self.heads, self.head_size)
    }
}
