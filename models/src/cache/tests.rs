use std::collections::BTreeMap;

use proptest::prelude::*;
use proptest::test_runner::RngSeed;

use super::*;

fn hashes(tokens: &[u32]) -> Vec<PageHash> {
    let mut hashes = Vec::new();
    extend_hashes(&mut hashes, tokens, 2, tokens.len() / 2, false);
    hashes
}

#[test]
fn a_page_is_named_by_all_tokens_up_to_its_end() {
    assert_eq!(hashes(&[1, 2, 3, 4])[0], hashes(&[1, 2, 9, 9])[0]);
    assert_ne!(hashes(&[1, 2, 3, 4])[1], hashes(&[9, 9, 3, 4])[1]);
}

#[test]
fn a_common_prefix_is_shared_and_waited_for() {
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
fn complete_pages_are_kept_until_they_are_needed_and_the_end_goes_first() {
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
fn an_incomplete_page_is_forgotten_when_it_is_released() {
    let mut pages = Pages::new(2);
    let text = hashes(&[1, 2]);
    let first = pages.claim(1, &text, 1).unwrap();
    pages.release(1, &first);
    let second = pages.claim(2, &text, 1).unwrap();
    assert_eq!(pages.access(second[0], 2), Access::Write);
}

#[test]
fn an_evicted_page_does_not_hide_the_page_that_took_over_its_hash() {
    let mut pages = Pages::new(6);
    let text = hashes(&[1, 2, 3, 4]);
    // The first sequence computes the first page, the second one does so too, unaware of it, and goes on.
    let first = pages.claim(1, &text[..1], 1).unwrap();
    pages.fill(first[0], None);
    let second = pages.claim(2, &[], 2).unwrap();
    pages.fill(second[0], Some(text[0]));
    pages.fill(second[1], Some(text[1]));
    pages.release(1, &first);
    pages.release(2, &second);
    // Three free pages and the evicted first page: the second page is known, its beginning is not.
    let filler = pages.claim(3, &[], 5).unwrap();
    assert!(filler.contains(&first[0]) && !filler.contains(&second[1]));
    pages.release(3, &filler);
    let third = pages.claim(4, &text, 2).unwrap();
    third.iter().for_each(|page| pages.fill(*page, None));
    // The old second page is evicted while the new one is in use, and the new one is still found.
    let filler = pages.claim(5, &[], 4).unwrap();
    assert!(filler.contains(&second[1]));
    assert_eq!(pages.claim(6, &text, 2), Some(third));
}

/// A running sequence of the model, and how many of its pages it knows to be filled.
#[derive(Debug, Clone)]
struct Running {
    tokens: Vec<u32>,
    pages: Vec<u32>,
    done: usize,
}

impl Running {
    /// Tokens up to the end of one of its pages; tokens that were generated are numbered by the sequence.
    fn prefix(&self, page: usize, id: SequenceId) -> Vec<u32> {
        let mut prefix = self.tokens.clone();
        prefix.extend((prefix.len()..(page + 1) * 2).map(|token| 1000 * id as u32 + token as u32));
        prefix.truncate((page + 1) * 2);
        prefix
    }
}

/// A naive model of the pages: who holds which page, and which tokens were written to it.
struct Model {
    pages: Pages,
    count: usize,
    running: BTreeMap<SequenceId, Running>,
    written: BTreeMap<u32, Vec<u32>>,
    next: SequenceId,
}

impl Model {
    fn new(count: usize) -> Self {
        Self { pages: Pages::new(count), count, running: BTreeMap::new(), written: BTreeMap::new(), next: 1 }
    }

    fn claim(&mut self, tokens: Vec<u32>, more: usize) {
        let text = hashes(&tokens);
        let count = text.len() + more;
        let (id, before) = (self.next, self.pages.available());
        self.next += 1;
        match self.pages.claim(id, &text, count) {
            None => {
                assert_eq!(self.pages.available(), before, "a refused claim takes nothing");
                assert!(before < count, "{before} pages were free, {count} were asked for");
            }
            Some(pages) => {
                assert_eq!(pages.len(), count);
                self.running.insert(id, Running { tokens, pages, done: 0 });
            }
        }
    }

    /// Lets a sequence compute its next page, if no other one is computing it.
    fn advance(&mut self, index: usize) {
        let Some((id, running)) = nth(&self.running, index) else { return };
        let Some(page) = running.pages.get(running.done).copied() else { return };
        let expected = running.prefix(running.done, id);
        match self.pages.access(page, id) {
            Access::Wait => return,
            Access::Filled => assert_eq!(self.written[&page], expected, "a found page holds another text"),
            Access::Write => {
                let hash = *hashes(&expected).last().unwrap();
                self.pages.fill(page, Some(hash));
                self.written.insert(page, expected);
            }
        }
        self.running.get_mut(&id).unwrap().done += 1;
    }

    fn release(&mut self, index: usize) {
        let Some((id, running)) = nth(&self.running, index) else { return };
        self.pages.release(id, &running.pages);
        self.running.remove(&id);
    }

    fn check(&mut self) {
        let mut held = vec![0; self.count];
        self.running.values().flat_map(|running| &running.pages).for_each(|page| held[*page as usize] += 1);
        for (page, held) in self.pages.pages.iter().zip(&held) {
            assert_eq!(page.references, *held, "reference counts are the numbers of holders");
        }
        assert_eq!(self.pages.available(), held.iter().filter(|held| **held == 0).count());
        for (hash, page) in &self.pages.known {
            assert_eq!(self.pages.pages[*page as usize].hash.map(|hash| *hash.as_bytes()), Some(*hash));
        }
        for (id, running) in &self.running {
            for page in &running.pages[..running.done] {
                assert_eq!(
                    self.pages.access(*page, *id),
                    Access::Filled,
                    "a filled page stays filled while it is held"
                );
            }
        }
    }

    /// Every sequence can be completed by letting them all go on in turns: no two wait for each other.
    fn finish(mut self) {
        for _ in 0..3 * self.count {
            (0..self.running.len()).for_each(|index| self.advance(index));
        }
        assert!(self.running.values().all(|running| running.done == running.pages.len()), "a sequence waits for ever");
        while !self.running.is_empty() {
            self.release(0);
            self.check();
        }
        assert_eq!(self.pages.available(), self.count);
    }
}

fn nth(running: &BTreeMap<SequenceId, Running>, index: usize) -> Option<(SequenceId, Running)> {
    let (id, running) = running.iter().nth(index.checked_rem(running.len())?)?;
    Some((*id, running.clone()))
}

#[derive(Debug, Clone)]
enum Operation {
    Claim(Vec<u32>, usize),
    Advance(usize),
    Release(usize),
}

fn operation() -> impl Strategy<Value = Operation> {
    // Few different tokens, so that beginnings are common.
    let tokens = proptest::collection::vec(0..2_u32, 0..5).prop_map(|halves| halves.repeat(2));
    prop_oneof![
        2 => (tokens, 0..3_usize).prop_map(|(tokens, more)| Operation::Claim(tokens, more)),
        5 => (0..8_usize).prop_map(Operation::Advance),
        2 => (0..8_usize).prop_map(Operation::Release),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, rng_seed: RngSeed::Fixed(3), failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn pages_agree_with_a_naive_model_whatever_is_done(
        count in 1..14_usize,
        operations in proptest::collection::vec(operation(), 1..120),
    ) {
        let mut model = Model::new(count);
        for operation in operations {
            match operation {
                Operation::Claim(tokens, more) => model.claim(tokens, more),
                Operation::Advance(index) => model.advance(index),
                Operation::Release(index) => model.release(index),
            }
            model.check();
        }
        model.finish();
    }
}
