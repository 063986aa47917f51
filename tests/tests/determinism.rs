//! The same registry, seed and files give the same bytes, whatever the batch size and the number of threads.

use std::fs;

use tests::{Subnet, bodies, run, said};

const PROGRAM: &str = env!("CARGO_BIN_EXE_dethrone-under-test");

#[test]
fn batch_size_and_threads_change_nothing() {
    let mut expected = None;
    for engine in [
        ["--set", "engine.rows=16", "--set", "engine.threads=1", "--set", "engine.chunk=512"],
        ["--set", "engine.rows=3", "--set", "engine.threads=2", "--set", "engine.chunk=512"],
        ["--set", "engine.rows=40", "--set", "engine.threads=2", "--set", "engine.chunk=7"],
        ["--set", "engine.prefix_cache=false", "--set", "engine.threads=1", "--set", "engine.chunk=64"],
    ] {
        let subnet = Subnet::of_four(PROGRAM).same_validator();
        let output = run(subnet.validate(&engine));
        assert!(output.status.success(), "{}", said(&output));
        let results = (bodies(&subnet.result("evidence.jsonl").unwrap()), subnet.result("weights.json").unwrap());
        match &expected {
            None => expected = Some(results),
            Some(expected) => assert_eq!(&results, expected, "{engine:?}"),
        }
    }
}

#[test]
fn another_seed_gives_other_tasks() {
    let subnet = Subnet::of_four(PROGRAM);
    assert!(run(subnet.validate(&[])).status.success());
    let first = subnet.result("evidence.jsonl").unwrap();
    let path = subnet.path("registry.json");
    let registry = fs::read_to_string(&path).unwrap().replace(&"5e".repeat(32), &"5f".repeat(32));
    fs::write(&path, registry).unwrap();
    let output = run(subnet.validate(&[]));
    assert!(output.status.success(), "{}", said(&output));
    assert_ne!(bodies(&subnet.result("evidence.jsonl").unwrap())[8..], bodies(&first)[8..]);
}

#[test]
fn eight_bit_blocks_are_another_function_and_the_evidence_says_so() {
    let evidence = |mode: &str| {
        let subnet = Subnet::of_four(PROGRAM);
        let output = run(subnet.validate(&["--set", mode]));
        assert!(output.status.success(), "{}", said(&output));
        bodies(&subnet.result("evidence.jsonl").unwrap())
    };
    let (exact, blocks) = (evidence("engine.mode=exact"), evidence("engine.mode=eight_bit"));
    assert!(exact[0].contains(r#""mode":"exact""#) && blocks[0].contains(r#""mode":"eight_bit""#));
    assert_ne!(exact[5..], blocks[5..]);
}
