//! Values that a researcher's functions return, in the form in which they leave the sandbox.

use serde_json::{Value, json};

use super::{opening, replies, score, step};
use crate::{Conversation, Message, Turn, Verdict, VerdictReason};

#[test]
fn only_numbers_from_zero_to_one_are_scores() {
    let rows = [
        (json!(0), Ok((0.0, VerdictReason::Wrong))),
        (json!(-0.0), Ok((0.0, VerdictReason::Wrong))),
        (json!(0.25), Ok((0.25, VerdictReason::Partial))),
        (json!(1), Ok((1.0, VerdictReason::Right))),
        (json!(1.0), Ok((1.0, VerdictReason::Right))),
        (json!(1e-300), Ok((1e-300, VerdictReason::Partial))),
        (json!(true), Ok((1.0, VerdictReason::Right))),
        (json!(false), Ok((0.0, VerdictReason::Wrong))),
        (json!("1.0"), Err("a str \"1.0\"")),
        (json!(1.000_000_1), Err("a number 1.0000001")),
        (json!(-1), Err("a number -1")),
        (json!(u64::MAX), Err("a number 18446744073709551615")),
        (json!(null), Err("None null")),
        (json!([1]), Err("a list [1]")),
        (json!({"score": 1}), Err("a dict {\"score\":1}")),
        (json!({"$float": "nan"}), Err("a special value {\"$float\":\"nan\"}")),
        (json!({"$float": "inf"}), Err("a special value {\"$float\":\"inf\"}")),
        (json!({"$int": "0xfffffffffffffffff"}), Err("a special value")),
        (json!({"$tuple": [1.0]}), Err("a special value")),
        (json!({"$complex": [1.0, 0.0]}), Err("a special value")),
    ];
    for (value, expected) in rows {
        match (score(&value), expected) {
            (Ok(verdict), Ok((score, reason))) => {
                assert_eq!((verdict.score.to_bits(), verdict.reason), (f64::to_bits(score), reason), "{value}");
            }
            (Err(problem), Err(part)) => {
                assert!(problem.starts_with(part), "{problem:?} does not begin with {part:?}");
                assert!(problem.ends_with(", not a float from 0.0 to 1.0 or a bool"), "{problem}");
            }
            (found, _) => panic!("{value}: {found:?}"),
        }
    }
    let huge = score(&json!("x".repeat(100_000))).unwrap_err();
    assert!(huge.len() < 120, "an error quotes only the beginning of a huge value");
}

#[test]
fn a_prompt_is_a_text_or_messages_that_end_with_the_users() {
    let message = |role: &str| json!({"role": role, "content": "hi"});
    let (user, assistant, system) = (message("user"), message("assistant"), message("system"));
    let asked = Conversation::ask("hi");
    let rows: Vec<(Value, Result<usize, &str>)> = vec![
        (json!({"prompt": "hi", "private": null}), Ok(1)),
        (json!({"prompt": "hi", "private": {"$float": "nan"}, "state": []}), Ok(1)),
        (json!({"prompt": [user], "private": {}}), Ok(1)),
        (json!({"prompt": [system, user, assistant, user], "private": {}}), Ok(4)),
        (json!({"prompt": "x".repeat(256 << 10), "private": {}}), Ok(1)),
        (
            json!({"prompt": "x".repeat((256 << 10) + 1), "private": {}}),
            Err("generate returned a prompt of 262145 bytes"),
        ),
        (json!({"prompt": [user, assistant], "private": {}}), Err("it must end with a user's message")),
        (json!({"prompt": [system], "private": {}}), Err("it must end with a user's message")),
        (json!({"prompt": [], "private": {}}), Err("a prompt of 0 bytes")),
        (json!({"prompt": "", "private": {}}), Err("a prompt of 0 bytes")),
        (json!({"prompt": [{"role": "tool", "content": "x"}], "private": {}}), Err("unknown variant `tool`")),
        (json!({"prompt": [{"role": "user"}], "private": {}}), Err("missing field `content`")),
        (json!({"prompt": [{"role": "user", "content": 5}], "private": {}}), Err("no list of messages")),
        (json!({"prompt": ["hi"], "private": {}}), Err("no list of messages")),
        (json!({"prompt": {"$tuple": [user]}, "private": {}}), Err("neither a str nor a list of messages")),
        (json!({"prompt": 1, "private": {}}), Err("neither a str nor a list of messages")),
        (json!({"private": {}}), Err("neither a str nor a list of messages")),
        (json!({"prompt": "hi"}), Err("generate returned no \"private\"")),
        (json!({"prompt": "hi", "private": {}, "answer": 1}), Err("an unknown key \"answer\"")),
        (json!({"$dict": [[1, 2]]}), Err("an unknown key \"$dict\"")),
        (json!("hi"), Err("generate returned a str, not a dict")),
        (json!(null), Err("generate returned None, not a dict")),
        (json!([["prompt", "hi"]]), Err("generate returned a list, not a dict")),
    ];
    for (value, expected) in rows {
        match (opening(&value), expected) {
            (Ok(conversation), Ok(count)) => {
                assert_eq!(conversation.messages().len(), count);
                assert_eq!(
                    conversation.messages().last().map(|last| last.role),
                    asked.messages().last().map(|last| last.role)
                );
            }
            (Err(problem), Err(part)) => assert!(problem.contains(part), "{problem:?} does not say {part:?}"),
            (found, _) => panic!("{found:?}"),
        }
    }
}

#[test]
fn a_step_continues_or_ends_and_never_both() {
    let go_on = || Turn::Continue(Message::user("go on"));
    let rows = [
        (json!({"score": 1}), Ok((json!(null), Turn::Done(Verdict::RIGHT)))),
        (
            json!({"score": 0.0, "state": {"a": 1}}),
            Ok((json!({"a": 1}), Turn::Done(Verdict::zero(VerdictReason::Wrong)))),
        ),
        (json!({"state": 1, "message": "go on"}), Ok((json!(1), go_on()))),
        (json!({"message": "go on"}), Ok((json!(null), go_on()))),
        (json!({}), Err("neither a \"score\" nor a \"message\"")),
        (json!({"state": 1}), Err("neither a \"score\" nor a \"message\"")),
        (json!({"score": 1, "message": "x"}), Err("or both")),
        (json!({"message": 1}), Err("neither a \"score\" nor a \"message\" that is a str")),
        (json!({"message": null, "score": 1}), Err("or both")),
        (json!({"score": true}), Ok((json!(null), Turn::Done(Verdict::RIGHT)))),
        (json!({"score": "true"}), Err("step returned the score a str \"true\"")),
        (json!({"score": 2}), Err("step returned the score a number 2")),
        (json!({"score": null}), Err("step returned the score None")),
        (json!({"done": true, "score": 1}), Err("an unknown key \"done\"")),
        (json!([]), Err("step returned a list, not a dict")),
        (json!(1.0), Err("step returned a number, not a dict")),
        (json!({"$tuple": [{}, "x"]}), Err("an unknown key \"$tuple\"")),
    ];
    for (value, expected) in rows {
        match (step(value.clone()), expected) {
            (Ok(found), Ok(expected)) => assert_eq!(found, expected, "{value}"),
            (Err(problem), Err(part)) => assert!(problem.contains(part), "{value}: {problem:?} does not say {part:?}"),
            (found, _) => panic!("{value}: {found:?}"),
        }
    }
}

#[test]
fn replies_are_a_text_or_a_list_of_texts() {
    let rows = [
        (json!("a"), Ok(vec!["a"])),
        (json!(""), Ok(vec![""])),
        (json!(["a", "b"]), Ok(vec!["a", "b"])),
        (json!([]), Err("a list, not a str or a list of str")),
        (json!(["a", 1]), Err("a list that holds a number")),
        (json!(["a", null]), Err("a list that holds None")),
        (json!(null), Err("None, not a str or a list of str")),
        (json!({"$tuple": ["a"]}), Err("a special value, not a str or a list of str")),
    ];
    for (value, expected) in rows {
        let found = replies(&value);
        let found = found.as_ref().map(|list| list.iter().map(String::as_str).collect::<Vec<_>>());
        assert_eq!(found.map_err(String::as_str), expected, "{value}");
    }
}
