//! What a sandbox promises to those who use it.

use crate::common::{program, sandbox};
use sandboxes::{Call, Ending, Limits, plain};
use serde_json::{Value, json};

#[tokio::test]
async fn a_program_reads_its_input_and_prints_its_output() {
    let outcome = sandbox().run(program("print(int(input()) * 2)", "21\n")).await.unwrap();
    assert_eq!((outcome.ending, outcome.stdout.as_str(), outcome.stderr.as_str()), (Ending::Finished, "42\n", ""));
}

async fn check_ending(source: &str, expected: Ending) {
    let outcome = sandbox().run(program(source, "")).await.unwrap();
    assert_eq!(outcome.ending, expected, "{source}\n{outcome:?}");
}

#[tokio::test]
async fn every_ending_is_told_from_the_others() {
    check_ending("", Ending::Finished).await;
    check_ending("import sys; sys.exit()", Ending::Finished).await;
    check_ending("import sys; sys.exit(3)", Ending::Raised).await;
    check_ending("import os; os._exit(0)", Ending::Finished).await;
    check_ending("import os; os._exit(3)", Ending::Raised).await;
    check_ending("1 / 0", Ending::Raised).await;
    check_ending("(", Ending::Raised).await;
    check_ending("while True: pass", Ending::OutOfFuel).await;
    check_ending("held = [0]\nwhile True: held *= 2", Ending::OutOfMemory).await;
    check_ending("while True: print('x' * 1000)", Ending::OutputTooLong).await;
}

async fn check_returned(expression: &str, expected: Value) {
    let job = Call {
        source: format!("def f(): return {expression}"),
        function: "f".to_owned(),
        arguments: json!([]),
        ..Call::default()
    };
    let outcome = sandbox().call(job).await.unwrap();
    assert_eq!(outcome.value.as_ref(), Some(&expected), "{expression}\n{outcome:?}");
}

#[tokio::test]
async fn plain_data_has_one_form_each() {
    check_returned("None", json!(null)).await;
    check_returned("[True, 1, 1.0, -2.5e300, 'é\\n']", json!([true, 1, 1.0, -2.5e300, "é\n"])).await;
    check_returned("2**64 - 1, -2**63", json!({"$tuple": [u64::MAX, i64::MIN]})).await;
    check_returned("[2**64, -2**63 - 1]", json!([{"$int": "0x10000000000000000"}, {"$int": "-0x8000000000000001"}]))
        .await;
    check_returned("[float('nan'), float('-inf')]", json!([{"$float": "nan"}, {"$float": "-inf"}])).await;
    check_returned("{'a': {1: 2}, '$b': 3}", json!({"$dict": [["a", {"$dict": [[1, 2]]}], ["$b", 3]]})).await;
    check_returned("{3, 1, 2}", json!({"$set": [1, 2, 3]})).await;
    check_returned("b'\\x00\\xff'", json!({"$bytes": "00ff"})).await;
    check_returned("1 + 2j", json!({"$complex": [1.0, 2.0]})).await;
}

#[tokio::test]
async fn arguments_arrive_as_they_were_sent() {
    let sent =
        json!([null, true, 1, 1.0, "x", [1], {"$tuple": [1, {"$int": "0x10000000000000000"}]}, {"$dict": [[1, 2]]}]);
    let echo = "def f(*given):\n    print(given)\n    return list(given)";
    let job = Call { source: echo.to_owned(), function: "f".to_owned(), arguments: sent.clone(), ..Call::default() };
    let outcome = sandbox().call(job).await.unwrap();
    assert_eq!(outcome.stdout, "(None, True, 1, 1.0, 'x', [1], (1, 18446744073709551616), {1: 2})\n");
    assert_eq!(outcome.value, Some(sent));
}

async fn check_refused(body: &str, note: &str) {
    let source = format!("class Text(str): pass\ndef f():\n    {body}");
    let job = Call { source, function: "f".to_owned(), arguments: json!([]), ..Call::default() };
    let outcome = sandbox().call(job).await.unwrap();
    assert_eq!((outcome.ending, outcome.value.as_ref()), (Ending::Raised, None), "{body}");
    assert!(outcome.stderr.contains(note), "{body}\n{}", outcome.stderr);
}

/// Whatever the kinds, what is nested up to the stated depth leaves, and what is nested deeper is refused by the guest.
#[tokio::test]
async fn the_depth_of_plain_data_is_counted_in_json() {
    for (kind, levels) in [("[{}]", 1), ("({},)", 2), ("{{1: {}}}", 3), ("{{'a': {}}}", 1)] {
        let nested = |times: usize| {
            let body = format!(
                "x = 0\n    for _ in range({times}): x = {}\n    return x",
                kind.replace("{}", "x").replace("{{", "{").replace("}}", "}")
            );
            Call {
                source: format!("def f():\n    {body}"),
                function: "f".to_owned(),
                arguments: json!([]),
                ..Call::default()
            }
        };
        let deepest = plain::DEEPEST / levels;
        let outcome = sandbox().call(nested(deepest)).await.unwrap();
        assert!(outcome.value.is_some(), "{kind} {outcome:?}");
        let outcome = sandbox().call(nested(deepest + 1)).await.unwrap();
        assert!(outcome.stderr.contains("nested too deeply"), "{kind} {outcome:?}");
    }
}

#[tokio::test]
async fn what_is_not_plain_data_does_not_leave() {
    check_refused("return object()", "type object cannot leave").await;
    check_refused("return Text('x')", "type Text cannot leave").await;
    check_refused("return '\\ud800'", "surrogates not allowed").await;
    check_refused("x = []; x.append(x); return x", "nested too deeply").await;
    check_refused("return lambda: 1", "type function cannot leave").await;
    check_refused("raise KeyError('k')", "KeyError: 'k'").await;
    check_refused("raise SystemExit(0)", "").await;
}

#[tokio::test]
async fn a_program_that_is_too_long_is_refused_unseen() {
    let mut job = program(&"#".repeat(101), "");
    job.limits = Some(Limits { source_bytes: 100, ..Limits::default() });
    let outcome = sandbox().run(job).await.unwrap();
    assert_eq!((outcome.ending, outcome.fuel), (Ending::Raised, 0));
    assert!(outcome.stderr.contains("101 bytes long"), "{}", outcome.stderr);
}
