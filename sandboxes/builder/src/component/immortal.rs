//! Makes the objects of a captured heap immortal: their reference counts are never written again, so that the pages they
//! lie in stay shared between instances (copy-on-write).
//!
//! The heap is that of dlmalloc, as in wasi-libc: a block begins at a multiple of 16, the word before it holds its size and
//! two bits, and the block behind it repeats whether it is in use. An object begins with its reference count and the address
//! of its type, at the start of a block or after the header of the garbage collector (8 bytes) and of a managed dictionary
//! (8 more).

use std::collections::BTreeSet;

/// Reference count of an immortal object in CPython 3.14 where pointers have 32 bits (`Include/refcount.h`).
const IMMORTAL: u32 = 5 << 28;
/// No object lies below this address. The first word of an object on a free list is the address of the next one or null, so
/// that a reference count from one up to here marks a living object.
const FIRST_ADDRESS: u32 = 1 << 16;
/// Possible sizes in bytes of the headers between the start of a block and its object.
const BEFORE: [usize; 3] = [0, 8, 16];
/// Bit of dlmalloc's size word: this block is in use.
const IN_USE: u32 = 2;
/// Bit of dlmalloc's size word: the block before this one is in use.
const PREVIOUS_IN_USE: u32 = 1;

/// Makes every object immortal whose type is one of `kinds`.
pub(super) fn make_immortal(memory: &mut [u8], kinds: &BTreeSet<u32>) {
    for block in (FIRST_ADDRESS as usize..memory.len()).step_by(16) {
        if !is_block(memory, block) {
            continue;
        }
        // The first match is the object: words inside an object may look like another, as a tuple's length and first item.
        let mut places = BEFORE.iter().map(|before| block + before);
        let is_object = |at: &usize| word(memory, at + 4).is_some_and(|kind| kinds.contains(&kind));
        if let Some(at) = places.find(is_object)
            && word(memory, at).is_some_and(|count| (1..FIRST_ADDRESS).contains(&count))
        {
            memory[at..at + 4].copy_from_slice(&IMMORTAL.to_le_bytes());
        }
    }
}

/// True if a block that is in use begins here.
fn is_block(memory: &[u8], at: usize) -> bool {
    let Some(head) = word(memory, at - 4) else { return false };
    let size = head & !7;
    let next = word(memory, (at - 4).saturating_add(size as usize));
    head & IN_USE != 0 && size >= 16 && size.is_multiple_of(16) && next.is_some_and(|next| next & PREVIOUS_IN_USE != 0)
}

fn word(memory: &[u8], at: usize) -> Option<u32> {
    memory.get(at..)?.first_chunk().map(|bytes| u32::from_le_bytes(*bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    const KIND: u32 = 0x2_0000;
    const AT: usize = 0x1_0000;

    /// A block that holds these words, and the block behind it.
    fn heap(head: u32, words: [u32; 7], next: u32) -> Vec<u8> {
        let mut memory = vec![0; AT];
        memory[AT - 4..].copy_from_slice(&head.to_le_bytes());
        memory.extend(words.into_iter().chain([next, 0, 0, 0, 0]).flat_map(u32::to_le_bytes));
        memory
    }

    #[track_caller]
    fn check(head: u32, words: [u32; 7], next: u32, immortal: Option<usize>) {
        let mut memory = heap(head, words, next);
        make_immortal(&mut memory, &BTreeSet::from([KIND]));
        let mut expected = words;
        if let Some(at) = immortal {
            expected[at] = IMMORTAL;
        }
        assert_eq!(memory, heap(head, expected, next));
    }

    #[test]
    fn only_living_objects_in_blocks_in_use_become_immortal() {
        check(0x23, [1, KIND, 7, 7, 7, 7, 7], 0x33, Some(0));
        check(0x23, [9, 9, 3, KIND, 7, 7, 7], 0x33, Some(2));
        check(0x23, [9, 9, 9, 9, 3, KIND, 7], 0x33, Some(4));
        // an object kept for reuse: the last one, and one before another
        check(0x23, [0, KIND, 7, 7, 7, 7, 7], 0x33, None);
        check(0x23, [0x3_0000, KIND, 7, 7, 7, 7, 7], 0x33, None);
        // a block that is free, by its own word and by the next one's
        check(0x21, [1, KIND, 7, 7, 7, 7, 7], 0x33, None);
        check(0x23, [1, KIND, 7, 7, 7, 7, 7], 0x32, None);
        // no object of a type that is known
        check(0x23, [1, KIND + 8, 7, 7, 7, 7, 7], 0x33, None);
    }

    #[test]
    fn what_a_tuple_holds_is_not_taken_for_an_object() {
        // the collector's words, count, type, length, and a type as the first item
        check(0x23, [9, 9, 1, KIND, 2, KIND, 7], 0x33, Some(2));
        check(0x23, [9, 9, IMMORTAL, KIND, 2, KIND, 7], 0x33, None);
    }

    #[test]
    fn a_heap_of_any_length_is_walked_to_its_end_and_not_beyond() {
        let whole = heap(0x23, [1, KIND, 7, 7, 7, 7, 7], 0x33);
        for length in (0..=whole.len()).rev().take(64) {
            let mut memory = whole[..length].to_vec();
            make_immortal(&mut memory, &BTreeSet::from([KIND]));
            assert_eq!(memory.len(), length);
            // Cut before the word that says whether the block is in use, it is no block.
            let known = length >= AT + 0x20;
            let changed = memory != whole[..length];
            assert_eq!(changed, known, "{length}");
        }
        // Sizes that point far beyond the memory, or around it.
        for head in [0xffff_fff3, 0x8000_0003, 0x0fff_fff3] {
            check(head, [1, KIND, 7, 7, 7, 7, 7], 0x33, None);
        }
    }

    #[test]
    fn a_block_below_the_smallest_size_is_none() {
        check(0x03, [1, KIND, 7, 7, 7, 7, 7], 0x33, None);
        check(0x0b, [1, KIND, 7, 7, 7, 7, 7], 0x33, None);
        // A size that is no multiple of 16.
        check(0x1b, [1, KIND, 7, 7, 7, 7, 7], 0x33, None);
    }

    #[test]
    fn an_immortal_heap_stays_as_it_is() {
        let mut memory = heap(0x23, [9, 9, 1, KIND, 2, KIND, 7], 0x33);
        make_immortal(&mut memory, &BTreeSet::from([KIND]));
        let once = memory.clone();
        make_immortal(&mut memory, &BTreeSet::from([KIND]));
        assert_eq!(memory, once);
    }
}
