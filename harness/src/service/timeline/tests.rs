//! The timeline on blocks that come in time, late, in leaps, and after restarts.

use proptest::prelude::*;

use super::*;

const LENGTH: u64 = 10;

fn timeline(states: &[(u64, WindowState<u64>)]) -> Timeline<u64> {
    Timeline::new(WindowLength::new(LENGTH).unwrap(), states.iter().cloned().collect())
}

fn decided(seed_block: u64) -> (u64, WindowState<u64>) {
    (seed_block, WindowState::Decided(seed_block))
}

fn captured(seed_block: u64) -> (u64, WindowState<u64>) {
    (seed_block, WindowState::Captured)
}

fn without(seed_block: u64) -> (u64, WindowState<u64>) {
    (seed_block, WindowState::Without("nobody has committed".to_owned()))
}

/// Checks, with the head at a block, the window to capture, the one to play, whose decision is in force, and who is late.
#[track_caller]
fn check(states: &[(u64, WindowState<u64>)], head: u64, expected: (Option<u64>, Option<u64>, Option<u64>, &[u64])) {
    let timeline = timeline(states);
    let in_force = timeline.in_force(head).map(|(seed_block, _)| seed_block);
    let (capture, play, force, late) = expected;
    assert_eq!((timeline.to_capture(head), timeline.to_play(), in_force), (capture, play, force));
    assert_eq!(timeline.late(head), late);
}

#[test]
fn the_first_window_is_the_one_that_the_head_lies_in() {
    check(&[], 0, (Some(0), None, None, &[]));
    check(&[], 57, (Some(50), None, None, &[]));
}

#[test]
fn a_decision_comes_into_force_with_the_next_window() {
    check(&[decided(50)], 59, (None, None, None, &[]));
    check(&[decided(50)], 60, (Some(60), None, Some(50), &[]));
    check(&[decided(50), captured(60)], 69, (None, Some(60), Some(50), &[]));
    check(&[decided(50), decided(60)], 69, (None, None, Some(50), &[]));
    check(&[decided(50), decided(60)], 70, (Some(70), None, Some(60), &[]));
}

#[test]
fn whoever_falls_behind_keeps_the_last_decision_and_plays_the_windows_in_order() {
    check(&[decided(50), captured(60), captured(70)], 75, (None, Some(60), Some(50), &[60]));
    check(&[decided(50), captured(60), captured(70)], 91, (Some(80), Some(60), Some(50), &[60, 70]));
    check(&[decided(50), decided(60), captured(70)], 75, (None, Some(70), Some(60), &[]));
}

#[test]
fn a_window_without_a_decision_leaves_the_one_before_it_in_force() {
    check(&[decided(50), without(60)], 75, (Some(70), None, Some(50), &[]));
    check(&[without(60)], 75, (Some(70), None, None, &[]));
}

#[test]
fn another_length_of_windows_goes_on_at_its_own_multiples() {
    let before: BTreeMap<u64, WindowState<u64>> = [decided(14)].into();
    let timeline = Timeline::new(WindowLength::new(LENGTH).unwrap(), before);
    assert_eq!((timeline.to_capture(19), timeline.to_capture(20)), (None, Some(20)));
}

#[test]
fn a_decision_is_never_replaced() {
    let mut timeline = timeline(&[decided(50)]);
    timeline.end(50, WindowState::Decided(51));
    timeline.end(50, WindowState::Without(String::new()));
    timeline.capture(50);
    assert_eq!(timeline.latest().collect::<Vec<_>>(), [(50, &WindowState::Decided(50))]);
}

/// Something that happens to a validator.
#[derive(Debug, Clone, Copy)]
enum Step {
    /// The head moves on by so many blocks.
    Blocks(u64),
    /// The window to capture is captured.
    Capture,
    /// The window to capture cannot be.
    Miss,
    /// The window that plays is decided.
    Decide,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step =
        prop_oneof![(0..2 * LENGTH).prop_map(Step::Blocks), Just(Step::Capture), Just(Step::Decide), Just(Step::Miss),];
    prop::collection::vec(step, 1..200)
}

proptest! {
    /// Whatever comes in whatever order: what is in force is due, never goes back, and is the latest that is decided and due.
    #[test]
    fn what_is_in_force_is_due_and_never_an_older_one(steps in steps(), start in 0..1_000_u64) {
        let (mut timeline, mut head, mut before) = (timeline(&[]), start, None);
        for step in steps {
            let next = timeline.to_capture(head);
            match (step, next) {
                (Step::Blocks(blocks), _) => head += blocks,
                (Step::Capture, Some(next)) => timeline.capture(next),
                (Step::Miss, Some(next)) => timeline.end(next, WindowState::Without(String::new())),
                (Step::Decide, _) => if let Some(playing) = timeline.to_play() {
                    timeline.end(playing, WindowState::Decided(playing));
                },
                _ => {}
            }
            let in_force = timeline.in_force(head).map(|(seed_block, decision)| {
                assert_eq!(seed_block, *decision);
                seed_block
            });
            prop_assert!(in_force >= before, "{in_force:?} after {before:?}");
            prop_assert!(in_force.is_none_or(|seed_block| seed_block + LENGTH <= head));
            let due = timeline.latest().filter(|(seed_block, _)| seed_block + LENGTH <= head);
            let decided = due.filter(|(_, state)| matches!(state, WindowState::Decided(_))).map(|(seed_block, _)| seed_block);
            prop_assert_eq!(in_force, decided.max());
            before = in_force;
        }
    }

    /// Windows are captured in order and without a gap, and played in order.
    #[test]
    fn windows_follow_one_another(steps in steps(), start in 0..1_000_u64) {
        let (mut timeline, mut head, mut captured, mut played) = (timeline(&[]), start, Vec::new(), Vec::new());
        for step in steps {
            match step {
                Step::Blocks(blocks) => head += blocks,
                Step::Capture | Step::Miss => if let Some(next) = timeline.to_capture(head) {
                    timeline.capture(next);
                    captured.push(next);
                },
                Step::Decide => if let Some(playing) = timeline.to_play() {
                    timeline.end(playing, WindowState::Decided(playing));
                    played.push(playing);
                },
            }
        }
        prop_assert!(captured.windows(2).all(|pair| pair[0] + LENGTH == pair[1]), "{captured:?}");
        prop_assert!(captured.starts_with(&played), "{played:?} of {captured:?}");
        prop_assert_eq!(timeline.late(head).iter().filter(|late| played.contains(late)).count(), 0);
    }
}
