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
        // Idle pages of the prefix count as available, and are no longer once they are claimed.
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

/// Extends `hashes` to those of the first `count` full pages of a text; keys of a long text are rotated otherwise than
/// those of a short one that begins alike.
pub(crate) fn extend_hashes(hashes: &mut Vec<PageHash>, tokens: &[u32], page_tokens: usize, count: usize, long: bool) {
    while hashes.len() < count {
        let start = hashes.len() * page_tokens;
        let mut hasher = blake3::Hasher::new();
        if long {
            hasher.update(b"long");
        }
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
mod tests;
