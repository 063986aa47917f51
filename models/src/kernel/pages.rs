//! The paged KV cache of one layer, laid out for the products of attention.

use std::fmt;

use super::aligned::AlignedFloats;

/// Tokens per page are a multiple of this, so that register tiles fit.
pub const PAGE_STEP: usize = 32;
/// Values per head are padded to a multiple of this.
pub(crate) const ALIGNMENT: usize = 32;

/// The place of a token's key and value in the cache.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Slot {
    /// Index of the page.
    pub page: u32,
    /// Index of the token within the page.
    pub offset: u32,
}

/// Keys and values of one layer in pages. Allocation of pages to sequences is up to the caller.
pub struct PagedKeyValues {
    /// `[page][head][head_size][page_tokens]`: keys are transposed, so that one vector holds adjacent tokens.
    keys: AlignedFloats,
    /// `[page][head][page_tokens][stored_size]`.
    values: AlignedFloats,
    page_tokens: usize,
    heads: usize,
    head_size: usize,
    stored_size: usize,
}

impl PagedKeyValues {
    /// `pages` pages of `page_tokens` tokens for `heads` key-value heads of `head_size` values; memory is committed only
    /// where it is written.
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

    /// Bytes of `tokens` tokens of such a layer.
    pub fn bytes(tokens: usize, heads: usize, head_size: usize) -> usize {
        let token_size = head_size + head_size.next_multiple_of(ALIGNMENT);
        tokens * heads * token_size * size_of::<f32>()
    }

    /// Tokens per page.
    pub fn page_tokens(&self) -> usize {
        self.page_tokens
    }

    /// Key-value heads.
    pub fn heads(&self) -> usize {
        self.heads
    }

    /// Values per head.
    pub fn head_size(&self) -> usize {
        self.head_size
    }

    /// Stores `keys [T, heads * head_size]` and `values` of the same shape, one row per slot.
    ///
    /// # Panics
    /// If the lengths do not agree or a slot is outside the cache.
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

    /// Values per head as stored, padding included.
    pub(super) fn stored_size(&self) -> usize {
        self.stored_size
    }
}

impl fmt::Debug for PagedKeyValues {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "PagedKeyValues[{} heads of {}]", self.heads, self.head_size)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::fixtures::{refuses, values};

    /// Writes tokens to scattered slots and compares every stored value with its place in the rows.
    fn check(page_tokens: usize, heads: usize, head_size: usize) {
        let mut pages = PagedKeyValues::new(3, page_tokens, heads, head_size);
        let width = heads * head_size;
        let slots: Vec<Slot> = (0..2 * page_tokens as u32)
            .map(|token| Slot { page: 2 - token % 2, offset: (token * 5 / 2) % page_tokens as u32 })
            .collect();
        let (keys, kept) = (values(1, slots.len() * width), values(2, slots.len() * width));
        pages.write(&slots, &keys, &kept);
        for (row, slot) in slots.iter().enumerate() {
            if slots[row + 1..].contains(slot) {
                continue;
            }
            let offset = slot.offset as usize;
            for head in 0..heads {
                let range = row * width + head * head_size..row * width + (head + 1) * head_size;
                let column: Vec<f32> =
                    pages.keys(slot.page, head).chunks(page_tokens).map(|tokens| tokens[offset]).collect();
                assert_eq!(column, keys[range.clone()], "the key of {slot:?}, head {head}");
                let stored = &pages.values(slot.page, head)[offset * pages.stored_size()..][..pages.stored_size()];
                assert_eq!(stored[..head_size], kept[range], "the value of {slot:?}, head {head}");
                assert!(stored[head_size..].iter().all(|value| *value == 0.0), "padding stays zero");
            }
        }
        let untouched = (0..heads).all(|head| pages.keys(0, head).iter().all(|value| *value == 0.0));
        assert!(untouched, "a page that no slot names stays as it is");
        let bytes = (pages.keys.len() + pages.values.len()) * size_of::<f32>();
        assert_eq!(PagedKeyValues::bytes(3 * page_tokens, heads, head_size), bytes);
    }

    #[test]
    fn every_value_lies_at_its_own_page_head_and_token() {
        for (page_tokens, heads, head_size) in [(32, 1, 1), (32, 3, 64), (64, 2, 80), (96, 1, 31), (160, 4, 33)] {
            check(page_tokens, heads, head_size);
        }
    }

    #[test]
    fn a_slot_written_twice_holds_the_later_token() {
        let mut pages = PagedKeyValues::new(1, 32, 1, 2);
        let slot = Slot { page: 0, offset: 9 };
        pages.write(&[slot, slot], &[1.0, 2.0, 3.0, 4.0], &[5.0, 6.0, 7.0, 8.0]);
        assert_eq!((pages.keys(0, 0)[9], pages.keys(0, 0)[41]), (3.0, 4.0));
        assert_eq!(pages.values(0, 0)[9 * 32..][..2], [7.0, 8.0]);
    }

    #[test]
    fn pages_and_slots_of_wrong_sizes_are_refused() {
        for page_tokens in [0, 1, 31, 48] {
            refuses("a multiple of 32 tokens", || drop(PagedKeyValues::new(1, page_tokens, 1, 1)));
        }
        let write = |page, offset, keys: usize, values: usize| {
            let mut pages = PagedKeyValues::new(2, 32, 2, 3);
            pages.write(&[Slot { page, offset }], &vec![0.0; keys], &vec![0.0; values]);
        };
        write(1, 31, 6, 6);
        refuses("a row of keys", || write(1, 0, 5, 6));
        refuses("a row of values", || write(1, 0, 6, 7));
        refuses("a page has 32 tokens", || write(1, 32, 6, 6));
        refuses("out of range", || write(2, 0, 6, 6));
    }
}
