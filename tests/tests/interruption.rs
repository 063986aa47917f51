//! Kill it anywhere, run the same command again: nothing is lost, nothing counted twice.

use std::process::Stdio;
use std::time::Duration;

use tests::{Subnet, bodies, run, said};

const PROGRAM: &str = env!("CARGO_BIN_EXE_dethrone-under-test");
const KILLS: u64 = 20;

/// Moments of death: a multiplicative sequence spread over the run's length, different for each kill.
fn moment(kill: u64, whole: Duration) -> Duration {
    let fraction = kill.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32;
    whole.mul_f64(fraction as f64 / f64::from(u32::MAX))
}

#[test]
fn a_run_killed_at_twenty_moments_ends_as_one_that_was_left_alone() {
    let undisturbed = Subnet::of_four(PROGRAM).same_validator();
    let (output, whole) = timed(&undisturbed);
    assert!(output.status.success(), "{}", said(&output));
    let evidence = undisturbed.result("evidence.jsonl").unwrap();

    let killed = Subnet::of_four(PROGRAM).same_validator();
    let mut died = 0;
    for kill in 1..=KILLS {
        let mut child = killed.validate(&[]).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        std::thread::sleep(moment(kill, whole));
        if child.try_wait().unwrap().is_none() {
            died += 1;
        }
        child.kill().unwrap();
        child.wait().unwrap();
    }
    assert!(died > 0, "every run ended before it could be killed");
    let output = run(killed.validate(&[]));
    assert!(output.status.success(), "{}", said(&output));
    assert_eq!(killed.result("weights.json"), undisturbed.result("weights.json"));
    assert_eq!(bodies(&killed.result("evidence.jsonl").unwrap()), bodies(&evidence));
}

#[test]
fn a_finished_run_is_told_again_and_not_made_again() {
    let subnet = Subnet::of_four(PROGRAM);
    let first = run(subnet.validate(&[]));
    assert!(first.status.success(), "{}", said(&first));
    let evidence = subnet.result("evidence.jsonl").unwrap();
    let again = run(subnet.validate(&[]));
    assert!(again.status.success(), "{}", said(&again));
    assert!(!said(&again).contains("plays"), "{}", said(&again));
    assert_eq!(subnet.result("evidence.jsonl").unwrap(), evidence);
}

#[expect(clippy::disallowed_methods, reason = "the length of a run decides only when the others are killed")]
fn timed(subnet: &Subnet) -> (std::process::Output, Duration) {
    let start = std::time::Instant::now();
    let output = run(subnet.validate(&[]));
    (output, start.elapsed())
}
