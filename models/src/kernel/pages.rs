//! The keys and values of one layer in pages of some tokens, laid out for the products of attention.

use std::fmt;

use super::aligned::AlignedFloats;

/// The tokens of a page are a multiple of this, so that a register tile fits.
pub const PAGE_STEP: usize = 32;
/// Values of a head are stored in whole multiples of this many.
pub const ALIGNMENT: usize = 32;

/// Where a token's key and value live.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Slot {
    /// Which page.
    pub page: u32,
    /// Which token of the page, below the tokens of a page.
    pub offset: u32,
}

/// The pages of one layer. Which page belongs to whom is the caller's affair.
pub struct PagedKeyValues {
    /// `[page][head][head_size][page_tokens]`: neighbouring tokens are neighbouring values.
    keys: AlignedFloats,
    /// `[page][head][page_tokens][stored_size]`.
    values: AlignedFloats,
    page_tokens: usize,
    heads: usize,
    head_size: usize,
    stored_size: usize,
}

impl PagedKeyValues {
    /// `pages` pages of `page_tokens` tokens for `heads` key-value heads of `head_size` values; memory is touched when
    /// written.
    ///
    /// # Panics
    /// If the tokens of a page are not a multiple of [`PAGE_STEP`].
    pub fn new(pages: usize, page_tokens: usize, heads: usize, head_size: usize) -> Self {
        assert!(
            page_tokens > 0 && page_tokens.is_multiple_of(PAGE_STEP),
            "a page has a multiple of {PAGE_STEP} tokens"
        );
        let stored_size = head_size.next_multiple_of(ALIGNMENT);
        Self {
            keys: AlignedFloats::zeroed(pages * heads * head_size * page_tokens),
            values: AlignedFloats::zeroed(pages * heads * stored_size * page_tokens),
            page_tokens,
            heads,
            head_size,
            stored_size,
        }
    }

    /// Bytes that `tokens` tokens of such a layer take.
    pub fn bytes(tokens: usize, heads: usize, head_size: usize) -> usize {
        let token_size = head_size + head_size.next_multiple_of(ALIGNMENT);
        tokens * heads * token_size * size_of::<f32>()
    }

    /// Tokens of a page.
    pub fn page_tokens(&self) -> usize {
        self.page_tokens
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
            assert!(offset < self.page_tokens, "a page has {} tokens", self.page_tokens);
            for head in 0..self.heads {
                let range = head * self.head_size..(head + 1) * self.head_size;
                let first = (page * self.heads + head) * self.head_size * self.page_tokens;
                let target =
                    self.keys[first..first + self.head_size * self.page_tokens].chunks_exact_mut(self.page_tokens);
                for (tokens, key) in target.zip(&keys[range.clone()]) {
                    tokens[offset] = *key;
                }
                let first = ((page * self.heads + head) * self.page_tokens + offset) * self.stored_size;
                self.values[first..first + self.head_size].copy_from_slice(&values[range]);
            }
        }
    }

    /// The keys of a page and head, `[head_size][page_tokens]`.
    #[inline(always)]
    pub(super) fn keys(&self, page: u32, head: usize) -> &[f32] {
        let length = self.head_size * self.page_tokens;
        &self.keys[(page as usize * self.heads + head) * length..][..length]
    }

    /// The values of a page and head, `[page_tokens][stored_size]`.
    #[inline(always)]
    pub(super) fn values(&self, page: u32, head: usize) -> &[f32] {
        let length = self.stored_size * self.page_tokens;
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
