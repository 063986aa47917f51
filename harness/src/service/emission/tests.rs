//! The emission rule at its edges, and over whole runs of blocks.

use proptest::prelude::*;

use super::*;

const RULE: EmissionRule = EmissionRule { tempo: 360, rate_limit: 100 };

/// Checks when a row is due: the decision in force, the latest one sent with its block, the chain's last update.
#[track_caller]
fn check(in_force: Option<u64>, sent: Option<(u64, u64)>, last_update: u64, due: Option<u64>) {
    let sent = sent.map(|(seed_block, block)| Sent { seed_block, block });
    let state = Emission { in_force, next_switch: 14_400, sent, last_update };
    assert_eq!(RULE.due(&state), due);
}

#[test]
fn nothing_is_due_without_a_decision_and_a_new_one_is_due_at_once() {
    check(None, None, 0, None);
    check(None, Some((0, 9_000)), 9_000, None);
    check(Some(0), None, 0, Some(0));
    check(Some(7_200), Some((0, 9_990)), 9_990, Some(10_090));
    check(Some(7_200), Some((0, 9_000)), 9_000, Some(9_100));
}

#[test]
fn the_same_decision_is_due_again_after_a_tempo() {
    check(Some(0), Some((0, 9_900)), 9_900, Some(10_260));
    // Somebody has used the key beside the service: what the chain says counts.
    check(Some(0), Some((0, 9_900)), 9_950, Some(10_310));
    check(Some(0), Some((0, 9_900)), 0, Some(10_260));
}

#[test]
fn a_refresh_that_would_delay_the_switch_waits_for_it_unless_it_would_get_too_old() {
    let due = |last_update| {
        let sent = Some(Sent { seed_block: 0, block: last_update });
        RULE.due(&Emission { in_force: Some(0), next_switch: 14_400, sent, last_update })
    };
    assert_eq!(due(13_900), Some(14_260));
    assert_eq!(due(13_940), Some(14_300));
    assert_eq!(due(13_941), Some(14_301), "460 blocks without an update are more than a tempo and a quarter");
    assert_eq!(due(13_951), Some(14_400));
    assert_eq!(due(14_040), Some(14_400));
    assert_eq!(due(14_041), Some(14_401));
}

#[test]
fn weights_are_stale_after_one_and_a_half_tempos() {
    assert_eq!([0, 540, 541, u64::MAX].map(|age| RULE.is_stale(age)), [false, false, true, true]);
    assert!(!EmissionRule { tempo: 1, rate_limit: 0 }.is_stale(1));
}

proptest! {
    /// Over a run of blocks with decisions at arbitrary delays: rows are never too fast for the chain, never older than
    /// the one before, never stale once there is one, and a decision that is there in time is sent near the switch.
    #[test]
    fn rows_are_sent_in_time_and_never_too_fast(
        tempo in 20..400_u64,
        limit in 0..100_u64,
        length in 200..2_000_u64,
        delays in prop::collection::vec(0..3_000_u64, 12),
    ) {
        let rule = EmissionRule { tempo, rate_limit: limit.min(tempo / 2) };
        let (mut sent, mut last_update): (Option<Sent>, u64) = (None, 0);
        for head in 1..length * 12 {
            let decided = |window: u64| delays[window as usize] + window * length <= head && (window + 1) * length <= head;
            // Windows are decided in order.
            let in_force = (0..12).take_while(|window| decided(*window)).last().map(|window| window * length);
            let next_switch = (head / length + 1) * length;
            let state = Emission { in_force, next_switch, sent, last_update };
            if rule.due(&state).is_some_and(|due| due <= head) {
                let seed_block = in_force.unwrap();
                prop_assert!(last_update == 0 || head - last_update >= rule.rate_limit);
                prop_assert!(sent.is_none_or(|before| before.seed_block <= seed_block));
                sent = Some(Sent { seed_block, block: head });
                last_update = head;
            }
            if let Some(sent) = sent {
                prop_assert!(!rule.is_stale(head - last_update), "{head}: {last_update}");
                let waited = head.saturating_sub(in_force.unwrap() + length + rule.rate_limit);
                prop_assert!(Some(sent.seed_block) == in_force || waited == 0 || head - last_update < rule.rate_limit);
            }
        }
    }
}
