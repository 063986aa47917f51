//! Lets CPython's parser nest as deeply as on Linux: `MAXSTACK` in `Parser/parser.c` is 4,000 for WebAssembly, where stacks are
//! small, and 6,000 elsewhere. The guest's stack is that of a process on Linux, and the parser looks at its end as well.

/// `i32.const 4000` and `i32.eq`, with which every rule of the parser compares the depth.
const SHALLOW: [u8; 4] = [0x41, 0xa0, 0x1f, 0x46];
/// `i32.const 6000` and `i32.eq`.
const DEEP: [u8; 4] = [0x41, 0xf0, 0x2e, 0x46];
/// Number of comparisons in the pinned library.
const COMPARISONS: usize = 485;

/// Raises the depth in the interpreter's library; `None` if it is not the library whose comparisons were counted.
pub(super) fn raise(library: &mut [u8]) -> Option<()> {
    let places: Vec<usize> = (0..library.len().saturating_sub(SHALLOW.len() - 1))
        .filter(|at| library[*at..].starts_with(&SHALLOW))
        .collect();
    if places.len() != COMPARISONS {
        return None;
    }
    for at in places {
        library[at..at + DEEP.len()].copy_from_slice(&DEEP);
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(comparisons: usize, raised: bool) {
        let before = [&[0x41, 0xa0, 0x1f, 0x6a][..], &SHALLOW.repeat(comparisons)].concat();
        let mut library = before.clone();
        assert_eq!(raise(&mut library).is_some(), raised, "{comparisons}");
        let after = [&[0x41, 0xa0, 0x1f, 0x6a][..], &DEEP.repeat(comparisons)].concat();
        assert_eq!(library, if raised { after } else { before }, "{comparisons}");
    }

    #[test]
    fn only_the_counted_comparisons_are_changed_and_nothing_of_another_library() {
        check(COMPARISONS, true);
        check(COMPARISONS - 1, false);
        check(COMPARISONS + 1, false);
        check(0, false);
        assert!(raise(&mut []).is_none());
    }
}
