//! Files that misbehave when they are called, and conversations whose state travels as data.

use std::sync::Arc;

use crate::{
    Conversation, Environment, EnvironmentError, ErrorOrigin, Message, Seed, Task, Turn, Verdict, VerdictReason,
    python_file::from_source,
    test_sandbox::{block_on, sandbox},
};

fn open(env: &str, body: &str) -> Arc<dyn Environment> {
    let source = format!("ENV = {{'name': 'me.game', 'version': '1.0.0', 'abi': 1, {env}}}\n{body}");
    block_on(from_source("game.py", source, None, sandbox())).expect("the header is right")
}

/// A file whose `verify` has this body.
fn verifier(body: &str) -> Arc<dyn Environment> {
    let generate = "def generate(seed): return {'prompt': 'Hi.', 'private': {'n': 5}}\n";
    open("", &format!("{generate}def verify(task, reply):\n    {body}\n"))
}

fn after(environment: &dyn Environment, task: &Task, messages: &[Message]) -> Result<Turn, EnvironmentError> {
    let mut conversation = environment.opening(task);
    messages.iter().for_each(|message| conversation.push(message.clone()));
    block_on(environment.turn(task, &conversation))
}

#[test]
fn a_verifier_gets_the_task_and_the_latest_reply() {
    let environment =
        verifier("return 1.0 if (task['private'], task['prompt'], reply) == ({'n': 5}, 'Hi.', 'é\\n') else 0");
    let task = block_on(environment.task(Seed(3))).unwrap();
    let judged = |replies: &[&str]| {
        let replies: Vec<Message> = replies.iter().map(|&reply| Message::assistant(reply)).collect();
        after(&*environment, &task, &replies).unwrap()
    };
    assert_eq!(judged(&["é\n"]), Turn::Done(Verdict::RIGHT));
    assert_eq!(judged(&["first", "é\n"]), Turn::Done(Verdict::RIGHT));
    assert_eq!(judged(&["é\n", "last"]), Turn::Done(Verdict::zero(VerdictReason::Wrong)));
    assert_eq!(judged(&[]), Turn::Done(Verdict::zero(VerdictReason::Wrong)));
}

#[test]
fn files_as_people_write_them_are_read() {
    let body = "import argparse, dataclasses\n\n\
        @dataclasses.dataclass\nclass Point:\n    x: 'int' = 1\n\n\
        def generate(seed): return {'prompt': 'Hi.', 'private': {'n': Point().x}}\n\
        def verify(task, reply):\n    print('judging')\n    return reply == 'OK'\n\
        if __name__ == '__main__':\n    argparse.ArgumentParser().parse_args(['--no'])\n";
    let env = "{'name': 'me.game', 'version': '1.0.0', 'abi': 1}";
    for head in [
        format!("ENV = {env}\n"),
        format!("\u{feff}ENV = {env}\n"),
        format!("ENV: dict = {env}\n"),
        format!("\"\"\"A file.\"\"\"\nfrom __future__ import annotations\nENV: dict[str, object] = {env}\n"),
        format!("#!/usr/bin/env python3\r\n# -*- coding: utf-8 -*-\r\nENV = {env}\r\n"),
    ] {
        let environment = block_on(from_source("game.py", format!("{head}{body}"), None, sandbox())).expect(&head);
        let task = block_on(environment.task(Seed(3))).expect(&head);
        for (reply, verdict) in [("OK", Verdict::RIGHT), ("no", Verdict::zero(VerdictReason::Wrong))] {
            let found = after(&*environment, &task, &[Message::assistant(reply)]).unwrap();
            assert_eq!(found, Turn::Done(verdict), "{head}");
        }
    }
}

#[test]
fn whatever_a_verifier_does_instead_of_scoring_is_named() {
    let rows = [
        ("return 'True'", "verify returned a str \"True\", not a float from 0.0 to 1.0 or a bool"),
        ("return task['no']", "verify raised: KeyError: 'no' (line 4: return task['no'])"),
        ("return None", "verify returned None null, not a float"),
        ("return float('nan')", "verify returned a special value"),
        ("return 10 ** 400", "verify returned a special value"),
        ("return -0.1", "verify returned a number -0.1"),
        ("return (1.0,)", "verify returned a special value"),
        ("return object()", "verify raised"),
        ("return lambda: 1", "verify raised"),
        ("class Score(float): pass\n    return Score(1)", "verify raised"),
        ("raise KeyError('sum')", "verify raised: KeyError: 'sum'"),
        ("raise SystemExit(0)", "verify ended the program, as sys.exit does"),
        ("raise SystemExit('not today')", "verify raised: not today"),
        ("return task['sum']", "verify raised: KeyError: 'sum'"),
        ("return open('/etc/passwd').read()", "verify raised"),
        ("while True: pass", "verify ran out of fuel"),
        ("held = [0]\n    while True: held *= 2", "verify ran out of memory"),
        ("while True: print('x' * 1000)", "verify printed or returned too much"),
        ("return 'x' * (2 << 20)", "verify "),
    ];
    for (body, part) in rows {
        let environment = verifier(body);
        let task = block_on(environment.task(Seed(3))).unwrap();
        let error = after(&*environment, &task, &[Message::assistant("5")]).expect_err(body);
        assert!(matches!(error, EnvironmentError::Verifier { seed: 3, .. }), "{body}: {error:?}");
        assert_eq!(error.origin(), ErrorOrigin::Environment);
        let said = error.to_string();
        assert!(said.contains(&format!("to the task of seed 3: {part}")), "{body}: {said}");
        assert!(said.len() < 400, "{body}: {said}");
    }
}

#[test]
fn whatever_a_generator_does_instead_of_a_task_is_named() {
    let rows = [
        ("return {}", "generate returned no \"private\""),
        ("return {'prompt': 'a', 'private': 1, 'x': 2}", "generate returned an unknown key \"x\""),
        ("return ('a', 1)", "generate returned an unknown key \"$tuple\""),
        ("return 'a'", "generate returned a str, not a dict"),
        ("return {'prompt': '', 'private': 1}", "generate returned a prompt of 0 bytes"),
        ("return {'prompt': '\\ud800', 'private': 1}", "generate raised"),
        ("return {'prompt': 'a', 'private': object()}", "generate raised"),
        ("raise ValueError(seed)", "generate raised: ValueError: 18446744073709551615"),
        ("while True: pass", "generate ran out of fuel"),
    ];
    for (body, part) in rows {
        let environment = open("", &format!("def generate(seed):\n    {body}\ndef verify(task, reply): return 0\n"));
        let error = block_on(environment.task(Seed(u64::MAX))).expect_err(body);
        assert!(matches!(error, EnvironmentError::Generator { seed: u64::MAX, .. }), "{body}: {error:?}");
        assert!(error.to_string().contains(part), "{body}: {error}");
    }
}

#[test]
fn oracle_and_wrong_are_optional_and_checked_like_everything_else() {
    let base = "def generate(seed): return {'prompt': 'a', 'private': 'secret'}\ndef verify(task, reply): return 0\n";
    let known = |more: &str| {
        let environment = open("", &format!("{base}{more}"));
        let task = block_on(environment.task(Seed(1))).unwrap();
        let shown = |error: EnvironmentError| error.to_string().rsplit_once("seed 1: ").unwrap().1.to_owned();
        (block_on(environment.oracle(&task)).map_err(shown), block_on(environment.wrong(&task)).map_err(shown))
    };
    assert_eq!(known(""), (Ok(None), Ok(Vec::new())));
    let both = "def oracle(task): return task['private']\ndef wrong(task): return ['a', 'b']\n";
    let expected = (Ok(Some(vec!["secret".to_owned()])), Ok(vec!["a".to_owned(), "b".to_owned()]));
    assert_eq!(known(both), expected);
    let bad = "def oracle(task): return 5\ndef wrong(task): return []\n";
    let expected = (
        Err("oracle returned a number, not a str or a list of str".to_owned()),
        Err("wrong returned a list, not a str or a list of str".to_owned()),
    );
    assert_eq!(known(bad), expected);
    let (oracle, wrong) = known("def oracle(): return 'a'\ndef wrong(task): raise ValueError('no')\n");
    assert!(oracle.unwrap_err().starts_with("oracle raised: TypeError"));
    assert_eq!(wrong, Err("wrong raised: ValueError: no (line 5: def wrong(task): raise ValueError('no'))".to_owned()));
}

#[test]
fn every_call_begins_in_a_fresh_interpreter() {
    let environment = open(
        "",
        "import random\ncalls = []\ndef generate(seed):\n    calls.append(1)\n    \
         return {'prompt': f'{len(calls)} {random.random()}', 'private': seed}\n\
         def verify(task, reply):\n    calls.append(1)\n    return 1 if len(calls) == 1 else 0\n",
    );
    let prompts: Vec<_> = [4, 4, 5].map(|seed| block_on(environment.task(Seed(seed))).unwrap().public).into();
    assert_eq!(prompts[0], prompts[1], "the same seed gives the same random numbers");
    assert_ne!(prompts[0], prompts[2], "another seed gives others");
    assert!(prompts[2].messages()[0].content.starts_with("1 "), "a call sees nothing of the ones before");
    let task = block_on(environment.task(Seed(4))).unwrap();
    for _ in 0..2 {
        let verdict = after(&*environment, &task, &[Message::assistant("x")]).unwrap();
        assert_eq!(verdict, Turn::Done(Verdict::RIGHT));
    }
}

const COUNTER: &str = "
def generate(seed):
    return {'prompt': [{'role': 'user', 'content': 'Example?'}, {'role': 'assistant', 'content': 'stop'},
                       {'role': 'user', 'content': 'Count.'}], 'private': seed, 'state': {'said': []}}

def step(task, state, action):
    said = state['said'] + [action]
    if action == 'stop':
        return {'score': len(said) / 4}
    if action == 'raise':
        raise ValueError(said)
    return {'state': {'said': said}, 'message': '+'.join(said)}
";

#[test]
fn state_travels_from_step_to_step_and_worked_examples_are_no_replies() {
    let environment = open("'turns': 8", COUNTER);
    let task = block_on(environment.task(Seed(1))).unwrap();
    assert_eq!(environment.turn_cap(), 8);
    let said = |text: &str| Message::assistant(text);
    let turn = |messages: &[Message]| after(&*environment, &task, messages).unwrap();
    assert_eq!(turn(&[said("a")]), Turn::Continue(Message::user("a")));
    assert_eq!(turn(&[said("a"), Message::user("a"), said("b")]), Turn::Continue(Message::user("a+b")));
    let scored = |score| Turn::Done(Verdict::scored(score).unwrap());
    assert_eq!(turn(&[said("stop")]), scored(0.25));
    assert_eq!(turn(&[said("a"), Message::user("a"), said("stop")]), scored(0.5));
    // A conversation is over with its first score, whatever stands behind it.
    assert_eq!(turn(&[said("stop"), Message::user("?"), said("a"), Message::user("?"), said("stop")]), scored(0.25));
}

#[test]
fn a_step_that_fails_is_the_verifiers_fault_and_no_reply_the_callers() {
    let environment = open("'turns': 8", COUNTER);
    let task = block_on(environment.task(Seed(1))).unwrap();
    let error = after(&*environment, &task, &[Message::assistant("raise")]).unwrap_err();
    assert!(error.to_string().contains("step raised: ValueError: ['raise'] (line 12: raise"), "{error}");
    assert_eq!(error.origin(), ErrorOrigin::Environment);
    let error = after(&*environment, &task, &[]).unwrap_err();
    assert!(error.to_string().ends_with("the conversation holds no reply"), "{error}");
    assert_eq!(error.origin(), ErrorOrigin::Caller);
    let changed = Task { private: serde_json::json!(null), public: Conversation::ask("Count."), ..task };
    let error = after(&*environment, &changed, &[Message::assistant("a")]).unwrap_err();
    assert_eq!(error.origin(), ErrorOrigin::Environment, "a task without its state breaks the step: {error}");
}

#[test]
fn a_tier_is_a_level_from_one() {
    let source = "ENV = {'name': 'me.game', 'version': '1.0.0', 'abi': 1, 'levels': 3}\n\
                  def generate(seed, level=1): return {'prompt': f'{seed} {level}', 'private': 0}\n\
                  def verify(task, reply): return 0\n";
    for (tier, prompt) in [(None, "9 1"), (Some(0), "9 1"), (Some(2), "9 3")] {
        let environment = block_on(from_source("game.py", source.to_owned(), tier, sandbox())).unwrap();
        let task = block_on(environment.task(Seed(9))).unwrap();
        assert_eq!(task.public, Conversation::ask(prompt), "{tier:?}");
        assert_eq!(environment.id().tier, tier.unwrap_or(0));
    }
    let error = block_on(from_source("game.py", source.to_owned(), Some(3), sandbox())).err().unwrap();
    assert_eq!(error.to_string(), "environment 'me.game' has no tier 3; its tiers are 0 to 2");
}
