//! Reference counts of KV-cache pages, and prefix lookup by token hash.
//!
//! The keys and values themselves are kept by the decoder's backend. A page is found by the hash of its tokens and all
//! tokens before them, also while another sequence is still filling it. The sequence that finds it waits, or fills it
//! itself if the other one is cancelled.

use std::collections::BTreeMap;

/// Hash of a page's tokens and of all tokens before them.
pub(crate) type PageHash = blake3::Hash;

/// Identifier of a running sequence.
pub(crate) type SequenceId = u64;

/// The state of all pages.
#[derive(Debug)]
pub(crate) struct Pages {
    pages: Vec<Page>,
    /// Pages without content to keep; the last one is taken first.
    free: Vec<u32>,
    /// Unreferenced pages that hold a known prefix, by the time of their release (LRU).
    idle: BTreeMap<u64, u32>,
    /// Pages by the hash of the prefix that they hold.
    known: BTreeMap<[u8; 32], u32>,
    ticks: u64,
}

#[derive(Debug, Clone, Default)]
struct Page {
    references: u32,
    hash: Option<PageHash>,
    filled: bool,
    /// The sequence that is filling it.
    writer: Option<SequenceId>,
    idle_since: u64,
}

/// Access of a sequence to one of its pages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Access {
    /// The page already holds the right keys and values.
    Filled,
    /// The sequence has to fill it.
    Write,
    /// Another sequence is filling it.
    Wait,
}

impl Pages {
    pub(crate) fn new(count: usize) -> Self {
        Self {
            pages: vec![Page::default(); count],
            free: (0..count as u32).rev().collect(),
            idle: BTreeMap::new(),
            known: BTreeMap::new(),
            ticks: 0,
        }
    }

    /// Number of pages that can be claimed.
    pub(crate) fn available(&self) -> usize {
        self.free.len() + self.idle.len()
    }

    /// Claims `count` pages for a sequence: those of the longest known prefix of `hashes`, then new ones, which become known
    /// under the remaining hashes. `None` if there are too few; then nothing changes.
    pub(crate) fn claim(&mut self, sequence: SequenceId, hashes: &[PageHash], count: usize) -> Option<Vec<u32>> {
        let found: Vec<u32> =
            hashes.iter().map_while(|hash| self.known.get(hash.as_bytes()).copied()).take(count).collect();
        let revived = found.iter().filter(|page| self.pages[**page as usize].references == 0).count();
        if self.available() < count - found.len() + revived {
            return None;
        }
        for page in &found {
            let page = &mut self.pages[*page as usize];
            if page.references == 0 {
                self.idle.remove(&page.idle_since);
            }
            page.references += 1;
        }
        let mut claimed = found;
        while claimed.len() < count {
            let page = self.take();
            let hash = hashes.get(claimed.len()).copied();
            self.pages[page as usize] =
                Page { references: 1, hash, filled: false, writer: Some(sequence), idle_since: 0 };
            if let Some(hash) = hash {
                self.known.insert(*hash.as_bytes(), page);
            }
            claimed.push(page);
        }
        Some(claimed)
    }

    /// Access of `sequence` to `page`. If no sequence is filling the page, this one becomes its writer.
    pub(crate) fn access(&mut self, page: u32, sequence: SequenceId) -> Access {
        let page = &mut self.pages[page as usize];
        if page.filled {
            return Access::Filled;
        }
        match page.writer {
            Some(writer) if writer != sequence => Access::Wait,
            _ => {
                page.writer = Some(sequence);
                Access::Write
            }
        }
    }

    /// Marks a page as complete. It becomes known under `hash` unless it or another page already is.
    pub(crate) fn fill(&mut self, page: u32, hash: Option<PageHash>) {
        let entry = &mut self.pages[page as usize];
        entry.filled = true;
        entry.writer = None;
        if let (None, Some(hash)) = (entry.hash, hash)
            && !self.known.contains_key(hash.as_bytes())
        {
            entry.hash = Some(hash);
            self.known.insert(*hash.as_bytes(), page);
        }
    }

    /// Releases a sequence's pages. Pages that are complete and known keep their content until they are needed.
    pub(crate) fn release(&mut self, sequence: SequenceId, pages: &[u32]) {
        // The end of a text is evicted first, since its pages cannot be found without those before them.
        for index in pages.iter().rev() {
            let page = &mut self.pages[*index as usize];
            if page.writer == Some(sequence) {
                page.writer = None;
            }
            page.references -= 1;
            if page.references > 0 {
                continue;
            }
            if page.filled && page.hash.is_some() {
                self.ticks += 1;
                page.idle_since = self.ticks;
                self.idle.insert(self.ticks, *index);
            } else {
                self.forget(*index);
                self.free.push(*index);
            }
        }
    }

    /// Takes a free page, or else evicts the idle one that was released first.
    fn take(&mut self) -> u32 {
        if let Some(page) = self.free.pop() {
            return page;
        }
        let (_, page) = self.idle.pop_first().expect("a claim is checked against what is available");
        self.forget(page);
        page
    }

    /// Removes a page from the lookup, unless another page took over its hash. That happens where an earlier page of the
    /// same prefix was evicted, so that the whole prefix is computed anew.
    fn forget(&mut self, page: u32) {
        if let Some(hash) = self.pages[page as usize].hash.take()
            && self.known.get(hash.as_bytes()) == Some(&page)
        {
            self.known.remove(hash.as_bytes());
        }
    }
}

/// Extends `hashes` to those of the first `count` full pages of a text.
pub(crate) fn extend_hashes(hashes: &mut Vec<PageHash>, tokens: &[u32], page_tokens: usize, count: usize) {
    while hashes.len() < count {
        let start = hashes.len() * page_tokens;
        let mut hasher = blake3::Hasher::new();
        if let Some(last) = hashes.last() {
            hasher.update(last.as_bytes());
        }
        for token in &tokens[start..start + page_tokens] {
            hasher.update(&token.to_le_bytes());
        }
        hashes.push(hasher.finalize());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hashes(tokens: &[u32]) -> Vec<PageHash> {
        let mut hashes = Vec::new();
        extend_hashes(&mut hashes, tokens, 2, tokens.len() / 2);
        hashes
    }

    #[test]
    fn a_page_is_named_by_all_tokens_up_to_its_end() {
        assert_eq!(hashes(&[1, 2, 3, 4])[0], hashes(&[1, 2, 9, 9])[0]);
        assert_ne!(hashes(&[1, 2, 3, 4])[1], hashes(&[9, 9, 3, 4])[1]);
    }

    #[test]
    fn a_common_beginning_is_shared_and_waited_for() {
        let mut pages = Pages::new(8);
        let first = pages.claim(1, &hashes(&[1, 2, 3, 4]), 3).unwrap();
        let second = pages.claim(2, &hashes(&[1, 2, 5, 6]), 3).unwrap();
        assert_eq!(first[0], second[0]);
        assert_ne!(first[1], second[1]);
        assert_eq!(pages.available(), 3);
        assert_eq!(pages.access(second[0], 2), Access::Wait);
        assert_eq!(pages.access(first[0], 1), Access::Write);
        pages.fill(first[0], None);
        assert_eq!(pages.access(second[0], 2), Access::Filled);
    }

    #[test]
    fn a_cancelled_sequence_leaves_its_pages_to_the_next() {
        let mut pages = Pages::new(4);
        let first = pages.claim(1, &hashes(&[1, 2]), 2).unwrap();
        let second = pages.claim(2, &hashes(&[1, 2]), 2).unwrap();
        assert_eq!(pages.access(second[0], 2), Access::Wait);
        pages.release(1, &first);
        assert_eq!(pages.access(second[0], 2), Access::Write);
    }

    #[test]
    fn complete_pages_are_kept_until_their_room_is_needed_and_the_end_goes_first() {
        let mut pages = Pages::new(3);
        let text = hashes(&[1, 2, 3, 4]);
        let first = pages.claim(1, &text, 2).unwrap();
        pages.fill(first[0], None);
        pages.fill(first[1], None);
        pages.release(1, &first);
        assert_eq!(pages.available(), 3);
        let other = pages.claim(2, &[], 2).unwrap();
        let again = pages.claim(3, &text[..1], 1).unwrap();
        assert_eq!(again[0], first[0]);
        assert_eq!(pages.access(again[0], 3), Access::Filled);
        assert!(!other.contains(&first[0]));
    }

    #[test]
    fn a_claim_that_cannot_be_met_changes_nothing() {
        let mut pages = Pages::new(2);
        assert!(pages.claim(1, &hashes(&[1, 2]), 3).is_none());
        assert_eq!(pages.available(), 2);
        assert!(pages.claim(1, &hashes(&[1, 2]), 2).is_some());
    }

    #[test]
    fn an_incomplete_page_is_forgotten_when_it_is_let_go() {
        let mut pages = Pages::new(2);
        let text = hashes(&[1, 2]);
        let first = pages.claim(1, &text, 1).unwrap();
        pages.release(1, &first);
        let second = pages.claim(2, &text, 1).unwrap();
        assert_eq!(pages.access(second[0], 2), Access::Write);
    }
}
