use super::*;

const FUEL: u64 = 10_000_000_000;

/// Seconds of the wall clock at the start of a guest, for a draw of its seed.
#[track_caller]
fn check_start(draw: u64, seconds: u64) {
    let clock = Clock::new(FUEL, draw);
    assert_eq!(clock.wall_time(FUEL), Datetime { seconds, nanoseconds: 0 }, "{draw}");
}

#[test]
fn a_guest_starts_at_a_second_of_the_year_2026() {
    check_start(0, 1_767_225_600);
    check_start(1, 1_767_225_601);
    check_start(YEAR_SECONDS - 1, 1_798_761_599);
    check_start(YEAR_SECONDS, 1_767_225_600);
    check_start(u64::MAX, 1_767_225_600 + u64::MAX % YEAR_SECONDS);
}

/// A step of a guest's life.
enum Do {
    /// It uses so many units of fuel.
    Work(u64),
    /// It waits until so many nanoseconds after its start.
    SleepUntil(u64),
}

#[track_caller]
fn check_elapsed(steps: &[Do], expected: u64) {
    let mut clock = Clock::new(FUEL, 0);
    let mut left = FUEL;
    let mut before = 0;
    for step in steps {
        match step {
            Do::Work(fuel) => left -= fuel,
            Do::SleepUntil(due) => clock.sleep_until(*due, left),
        }
        let now = clock.elapsed(left);
        assert!(now >= before, "the clock never goes back");
        before = now;
    }
    assert_eq!(before, expected);
    let total = 1_767_225_600_000_000_000_u64.saturating_add(expected);
    let nanoseconds = u32::try_from(total % NANOSECONDS).unwrap();
    assert_eq!(clock.wall_time(left), Datetime { seconds: total / NANOSECONDS, nanoseconds });
}

#[test]
fn fuel_is_time_and_sleeping_moves_the_clock() {
    use Do::{SleepUntil, Work};
    check_elapsed(&[], 0);
    check_elapsed(&[Work(1)], 1);
    check_elapsed(&[Work(FUEL)], FUEL);
    check_elapsed(&[SleepUntil(5_000_000_001)], 5_000_000_001);
    check_elapsed(&[Work(100), SleepUntil(150), Work(10)], 160);
    // A time that has passed is not waited for.
    check_elapsed(&[Work(100), SleepUntil(99)], 100);
    check_elapsed(&[SleepUntil(50), SleepUntil(20), SleepUntil(60)], 60);
    // The end of time is an end, not an overflow.
    check_elapsed(&[Work(1), SleepUntil(u64::MAX), Work(1)], u64::MAX);
}

fn handle(number: u32) -> Resource<Pollable> {
    Resource::new_own(number)
}

#[test]
fn numbers_of_timers_are_used_again_and_never_twice_at_once() {
    let mut timers = Timers::default();
    assert_eq!([timers.add(10), timers.add(20), timers.add(30)], [0, 1, 2]);
    timers.remove(1);
    assert!(timers.due(&handle(1)).is_err(), "it was dropped");
    assert_eq!(timers.add(40), 1);
    assert_eq!(timers.due(&handle(1)).unwrap(), 40);
    // Freed twice by a guest that forges handles, a number is still handed out once.
    timers.remove(2);
    timers.remove(2);
    assert_eq!([timers.add(50), timers.add(60)], [2, 3]);
    assert_eq!(timers.due(&handle(0)).unwrap(), 10);
}

#[test]
fn timers_that_do_not_exist_are_refused() {
    let mut timers = Timers::default();
    for number in [0, 1, u32::MAX] {
        timers.remove(number);
        assert!(timers.due(&handle(number)).is_err(), "{number}");
    }
}
