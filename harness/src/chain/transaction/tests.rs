//! Answers of a pool, as nodes give them.

use super::*;

#[track_caller]
fn check((code, message, data): (i32, &str, &str), expected: &str) {
    let shown = match pool_answer(code, message, data) {
        PoolAnswer::Taken => "taken".to_owned(),
        PoolAnswer::TooEarly => "too early".to_owned(),
        PoolAnswer::Refused(reason) => reason,
    };
    assert!(shown.contains(expected), "{shown:?} does not say {expected:?}");
}

#[test]
fn a_pools_refusal_is_explained() {
    let invalid = "Invalid Transaction";
    check((1010, invalid, "Custom error: 6"), "too early");
    check((1010, invalid, "Custom error: 1"), "the stake is below the chain's threshold");
    check((1010, invalid, "Custom error: 15"), "the reveal's round of drand has passed");
    check(
        (1010, invalid, "Custom error: 19"),
        "the hotkey is not registered (1010 Invalid Transaction: Custom error: 19)",
    );
    check((1010, invalid, "Custom error: 255"), "the node's pool refused it (1010");
    check((1010, invalid, "Transaction is outdated"), "its nonce or its life is over");
    check((1013, "Transaction Already Imported", ""), "taken");
    check((1014, "Priority is too low: (1 vs 1)", "The transaction has too low priority"), "has the same nonce");
    check((1012, "Transaction is temporarily banned", ""), "the node has banned this transaction");
    check((-32601, "Method not found", ""), "the node's pool refused it (-32601 Method not found)");
}
