use super::*;

/// A world of this seed with room for ten bytes of output.
fn world(seed: u64) -> World {
    let limits = Limits { output_bytes: 10, memory_bytes: 1 << 20, ..Limits::default() };
    World::new(limits, seed, "first line\nsecond".to_owned(), Arc::default(), Duration::MAX)
}

/// The first bytes of entropy, and the clock's start, of a seed.
fn drawn(seed: u64) -> (Vec<u8>, u64) {
    let mut world = world(seed);
    (world.random_bytes(32).unwrap(), world.random_u64())
}

#[test]
fn entropy_is_a_function_of_the_seed() {
    for seed in [0, 1, 2, u64::MAX] {
        assert_eq!(drawn(seed), drawn(seed), "{seed}");
        assert_ne!(drawn(seed), drawn(seed ^ 1), "{seed}");
    }
    // The same stream, whatever the pieces it is taken in.
    let (mut whole, mut pieces) = (world(7), world(7));
    let expected = whole.random_bytes(100).unwrap();
    let mut taken = Vec::new();
    for length in [0, 1, 31, 8, 60] {
        taken.extend(pieces.random_bytes(length).unwrap());
    }
    assert_eq!(taken, expected);
    assert_eq!(whole.random_u64(), u64::from_le_bytes(pieces.random_bytes(8).unwrap().try_into().unwrap()));
}

/// Entropy is held to a value, since other validators repeat what one of them judged.
#[test]
fn entropy_of_a_seed_is_the_same_everywhere() {
    assert_eq!(world(7).random_u64(), 1_760_295_013_771_563_198);
}

#[test]
fn one_request_for_entropy_is_bounded() {
    let mut world = world(0);
    assert_eq!(world.random_bytes(0).unwrap(), b"");
    assert_eq!(world.random_bytes(LARGEST_TRANSFER).unwrap().len() as u64, LARGEST_TRANSFER);
    for length in [LARGEST_TRANSFER + 1, u64::MAX] {
        assert_eq!(world.random_bytes(length), Err(Stop::RequestTooLarge), "{length}");
    }
}

#[test]
fn standard_input_is_read_once_and_then_ends() {
    let mut world = world(0);
    assert_eq!(world.read_stdin(0), b"");
    assert_eq!(world.read_stdin(6), b"first ");
    assert_eq!(world.read_stdin(u64::MAX), b"line\nsecond");
    assert_eq!(world.read_stdin(1), b"");
    let long = "x".repeat(100_000);
    let mut world = World::new(Limits::default(), 0, long, Arc::default(), Duration::MAX);
    let pieces: Vec<usize> = (0..3).map(|_| world.read_stdin(u64::MAX).len()).collect();
    assert_eq!(pieces, [1 << 16, 100_000 - (1 << 16), 0]);
}

/// Writes to the two streams, and what is kept of it.
#[track_caller]
fn check_written(writes: &[(Output, &str)], stdout: &str, stderr: &str, last: Result<(), Stop>) {
    let mut world = world(0);
    let mut ended = Ok(());
    for (stream, text) in writes {
        ended = world.write(*stream, text.as_bytes());
    }
    assert_eq!((world.stdout.as_slice(), world.stderr()), (stdout.as_bytes(), stderr.as_bytes()), "{writes:?}");
    assert_eq!(ended, last, "{writes:?}");
}

#[test]
fn output_is_cut_where_both_streams_together_reach_the_limit() {
    use Output::{Stderr, Stdout};
    let too_long = Err(Stop::OutputTooLong);
    check_written(&[], "", "", Ok(()));
    check_written(&[(Stdout, "0123456789")], "0123456789", "", Ok(()));
    check_written(&[(Stdout, "01234"), (Stderr, "56789")], "01234", "56789", Ok(()));
    check_written(&[(Stdout, "0123456789a")], "0123456789", "", too_long);
    check_written(&[(Stderr, "0123456"), (Stdout, "789a")], "789", "0123456", too_long);
    check_written(&[(Stdout, "0123456789"), (Stderr, "a")], "0123456789", "", too_long);
    check_written(&[(Stdout, "0123456789"), (Stderr, "")], "0123456789", "", Ok(()));
}

#[test]
fn handles_are_counted_and_returned() {
    let mut world = world(0);
    for number in 0..MOST_HANDLES {
        assert_eq!(world.new_handle::<()>(number).unwrap().rep(), number);
    }
    let refused = world.new_handle::<()>(0).unwrap_err();
    assert_eq!(refused.downcast_ref::<Stop>(), Some(&Stop::RequestTooLarge));
    let mut world = self::world(0);
    for _ in 0..3 * MOST_HANDLES {
        world.new_handle::<()>(0).unwrap();
        world.drop_handle();
    }
    // More dropped than were handed out does not make room for more than there may be.
    world.drop_handle();
    let granted = (0..=MOST_HANDLES).filter(|_| world.new_handle::<()>(0).is_ok()).count();
    assert_eq!(granted, MOST_HANDLES as usize);
}

/// The answer to a guest that wants its memory to grow: granted, refused, or the guest's end.
#[track_caller]
fn check_growth(desired: usize, most: Option<usize>, expected: Result<bool, Stop>, peak: u64) {
    let mut world = world(0);
    world.memory_growing(0, 1 << 10, None).unwrap();
    let answer = world.memory_growing(1 << 10, desired, most).map_err(|error| *error.downcast_ref::<Stop>().unwrap());
    assert_eq!((answer, world.peak_memory), (expected, peak), "{desired} of {most:?}");
}

#[test]
fn memory_grows_up_to_the_limit_and_its_peak_is_kept() {
    check_growth(1 << 20, None, Ok(true), 1 << 20);
    check_growth(1 << 9, None, Ok(true), 1 << 10);
    check_growth((1 << 20) + 1, None, Err(Stop::OutOfMemory), 1 << 10);
    check_growth(usize::MAX, None, Err(Stop::OutOfMemory), 1 << 10);
    // What no memory can have is refused by the rules of WebAssembly, which is no end of the guest.
    check_growth(1 << 20, Some(1 << 19), Ok(false), 1 << 10);
    check_growth(usize::MAX, Some(1 << 19), Ok(false), 1 << 10);
    assert!(world(0).table_growing(0, usize::MAX, None).unwrap());
}

#[test]
fn memory_that_was_granted_and_cannot_be_had_is_trouble_of_the_host() {
    let mut world = world(0);
    let trouble = world.memory_grow_failed(wasmtime::Error::msg("cannot allocate memory")).unwrap_err();
    assert!(matches!(trouble.downcast_ref::<SandboxError>(), Some(SandboxError::Runtime(_))));
    assert!(world.memory_grow_failed(wasmtime::Error::msg("it exceeds memory type's limits")).is_ok());
}

#[test]
fn a_guest_is_interrupted_when_it_is_cancelled_or_late() {
    let cancelled = Arc::new(AtomicBool::new(false));
    let world = |deadline| World::new(Limits::default(), 0, String::new(), Arc::clone(&cancelled), deadline);
    assert_eq!(world(Duration::MAX).interruption(), None);
    assert_eq!(world(Duration::ZERO).interruption(), Some(Stop::Deadline));
    cancelled.store(true, Ordering::Relaxed);
    assert_eq!(world(Duration::MAX).interruption(), Some(Stop::Cancelled));
    assert_eq!(world(Duration::ZERO).interruption(), Some(Stop::Cancelled), "no error is made for nobody");
}
