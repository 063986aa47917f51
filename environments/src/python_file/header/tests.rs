//! Malformed headers, one a row, with what the researcher is told.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{Declared, Header, Style, checked, read};
use crate::{EnvironmentError, ErrorOrigin, test_sandbox::block_on, test_sandbox::sandbox};

/// `ENV` with some keys replaced, added or, by null, removed.
fn env(changes: Value) -> Value {
    let mut env = json!({"name": "me.game", "version": "1.0.0", "abi": 1});
    for (key, value) in changes.as_object().expect("an object") {
        env[key] = value.clone();
    }
    env.as_object_mut().expect("an object").retain(|_, value| !value.is_null());
    env
}

fn header(env: Value, functions: &[(&str, u64)]) -> Result<Header, String> {
    let declared: Declared = serde_json::from_value(env).map_err(|error| error.to_string())?;
    let functions: BTreeMap<String, u64> = functions.iter().map(|&(name, count)| (name.to_owned(), count)).collect();
    checked(declared, &functions).map_err(|(problem, hint)| format!("{problem}; {hint}"))
}

const VERIFY: &[(&str, u64)] = &[("generate", 2), ("verify", 2)];
const STEP: &[(&str, u64)] = &[("generate", 2), ("step", 3)];

#[test]
fn what_is_left_out_has_its_documented_value() {
    let expected = Header {
        name: "me.game".to_owned(),
        version: "1.0.0".to_owned(),
        floor: 0.05,
        max_new_tokens: 256,
        turns: 1,
        levels: 1,
        style: Style::Verify,
        takes_level: true,
        has_oracle: false,
        has_wrong: false,
    };
    assert_eq!(header(env(json!({})), VERIFY).unwrap(), expected);
    let full = json!({"floor": 0, "max_new_tokens": 65_536, "turns": 64, "levels": 16});
    let functions = [("generate", 2), ("step", 3), ("oracle", 1), ("wrong", 1), ("helper", 9)];
    let found = header(env(full), &functions).unwrap();
    let expected = Header {
        floor: 0.0,
        max_new_tokens: 65_536,
        turns: 64,
        levels: 16,
        style: Style::Step,
        has_oracle: true,
        has_wrong: true,
        ..expected
    };
    assert_eq!(found, expected);
    assert!(!header(env(json!({})), &[("generate", 1), ("verify", 2)]).unwrap().takes_level);
}

#[test]
fn every_malformed_key_is_refused_with_its_name() {
    let long = format!("me.{}", "x".repeat(62));
    let rows = [
        (json!({"name": null}), "missing field `name`"),
        (json!({"version": null}), "missing field `version`"),
        (json!({"abi": null}), "missing field `abi`"),
        (json!({"author": "me"}), "unknown field `author`"),
        (json!({"name": 5}), "invalid type: integer `5`, expected a string"),
        (json!({"name": "game"}), "not of the form owner.name"),
        (json!({"name": "Me.game"}), "not of the form owner.name"),
        (json!({"name": "me.game.py/../x"}), "not of the form owner.name"),
        (json!({"name": ".game"}), "not of the form owner.name"),
        (json!({"name": "me..game"}), "not of the form owner.name"),
        (json!({"name": "mé.game"}), "not of the form owner.name"),
        (json!({"name": "me.game\n"}), "not of the form owner.name"),
        (json!({"name": long}), "64 characters at most"),
        (json!({"version": "1.0"}), "not of the form 1.0.0"),
        (json!({"version": "1.0.0.0"}), "not of the form 1.0.0"),
        (json!({"version": "1.0.0-rc1"}), "not of the form 1.0.0"),
        (json!({"version": "1..0"}), "not of the form 1.0.0"),
        (json!({"version": "1.0.1234567"}), "use three numbers"),
        (json!({"version": 1.0}), "expected a string"),
        (json!({"abi": 0}), "abi 0 is not known; use 1"),
        (json!({"abi": true}), "invalid type: boolean `true`"),
        (json!({"floor": -0.1}), "the floor -0.1 is not between 0 and 0.5"),
        (json!({"floor": 0.51}), "the floor 0.51 is not between 0 and 0.5"),
        (json!({"floor": {"$float": "nan"}}), "invalid type: map"),
        (json!({"floor": "0.1"}), "invalid type: string"),
        (json!({"max_new_tokens": 0}), "max_new_tokens 0, turns 1 or levels 1 is out of range"),
        (json!({"max_new_tokens": 65_537}), "use 1 to 65536 tokens"),
        (json!({"max_new_tokens": -1}), "invalid value: integer `-1`"),
        (json!({"turns": 0}), "turns 0"),
        (json!({"turns": 65}), "1 to 64 turns"),
        (json!({"levels": 0}), "levels 0"),
        (json!({"levels": 17}), "1 to 16 levels"),
        (json!({"levels": 1.5}), "invalid type: floating point"),
    ];
    for (changes, part) in rows {
        let problem = header(env(changes.clone()), STEP).expect_err(&changes.to_string());
        assert!(problem.contains(part), "{changes}: {problem:?} does not say {part:?}");
    }
}

#[test]
fn functions_decide_the_style_and_must_fit_it() {
    const NEITHER: &str = "neither or both of verify and step, or one with other parameters";
    const GENERATE: &str = "generate is missing or has other parameters";
    type Row<'a> = (Value, &'a [(&'a str, u64)], &'a str);
    let rows: &[Row<'_>] = &[
        (json!({}), &[("generate", 2)], NEITHER),
        (json!({}), &[("generate", 2), ("verify", 2), ("step", 3)], NEITHER),
        (json!({}), &[("generate", 2), ("verify", 1)], NEITHER),
        (json!({}), &[("generate", 2), ("verify", 3)], NEITHER),
        (json!({}), &[("generate", 2), ("step", 2)], NEITHER),
        (json!({}), &[("verify", 2)], GENERATE),
        (json!({}), &[("generate", 0), ("verify", 2)], GENERATE),
        (json!({}), &[("generate", 3), ("verify", 2)], GENERATE),
        (json!({"levels": 2}), &[("generate", 1), ("verify", 2)], GENERATE),
        (json!({"turns": 2}), VERIFY, "verify ends the conversation, but ENV allows 2 turns; define step instead"),
    ];
    for (changes, functions, part) in rows {
        let problem = header(env(changes.clone()), functions).expect_err(part);
        assert!(problem.contains(part), "{functions:?}: {problem:?} does not say {part:?}");
    }
}

#[test]
fn a_file_is_parsed_and_never_executed() {
    const FUNCTIONS: &str = "\ndef generate(seed, level=1): pass\ndef verify(task, reply): pass\n";
    let env = "ENV = {'name': 'me.game', 'version': '1.0.0', 'abi': 1}";
    let rows: &[(String, Option<&str>)] = &[
        (format!("{env}{FUNCTIONS}"), None),
        (format!("# coding: utf-8\nimport nothing_like_this\n{env}{FUNCTIONS}"), None),
        (format!("{env}{FUNCTIONS}while True: pass\n"), None),
        (format!("{env}{FUNCTIONS}raise SystemExit\n"), None),
        (format!("{env}\ndef generate(seed, /, level): pass\ndef verify(task, reply, *, x=1): pass\n"), None),
        (format!("{env}\ndef generate(seed): pass\ndef verify(task, reply, strict=True): pass\n"), None),
        (format!("{env}\ndef generate(seed): pass\ndef step(*given): pass\n"), None),
        (format!("{env}\ngenerate = lambda seed: 1\nverify = lambda task, reply: 1\n"), None),
        (format!("ENV = dict(name='me.game', version='1.0.0', abi=1){FUNCTIONS}"), None),
        (format!("ENV = dict(name=input(), version='1.0.0', abi=1){FUNCTIONS}"), Some("ENV is not a literal")),
        (format!("ENV = dict([('abi', 1)]){FUNCTIONS}"), Some("ENV is not a literal")),
        (format!("{env}\ndef generate(seed): pass\ndef verify(task, reply, more): pass\n"), Some("other parameters")),
        (
            format!("{env}\nclass A:\n    def generate(s, l): pass\n    def verify(t, r): pass\n"),
            Some("verify and step"),
        ),
        (format!("{env}\nasync def generate(s, l): pass\ndef verify(t, r): pass\n"), Some("generate is missing")),
        (format!("if True:\n    {env}{FUNCTIONS}"), Some("ENV is assigned 0 times")),
        (format!("{env}\n{env}{FUNCTIONS}"), Some("ENV is assigned 2 times")),
        (format!("ENV = OTHER = 1{FUNCTIONS}"), Some("invalid type: integer")),
        (format!("ENV = {{'abi': 1 + 1}}{FUNCTIONS}"), Some("ENV is not a literal")),
        (format!("ENV = {{'name': f'me.{{1}}'}}{FUNCTIONS}"), Some("ENV is not a literal")),
        (format!("ENV = {{**{{}}}}{FUNCTIONS}"), Some("ENV is not a literal")),
        (format!("ENV = {{1: 2}}{FUNCTIONS}"), Some("unknown field `$dict`")),
        (format!("ENV = None{FUNCTIONS}"), Some("invalid type: null")),
        ("print('hi'\n".to_owned(), Some("line 1 is not Python: '(' was never closed")),
        ("x = 1\n\0".to_owned(), Some("the file is not Python: source code string cannot contain null bytes")),
        ("x = 1\n  y = 2\n".to_owned(), Some("line 2 is not Python: unexpected indent")),
        ("\0".to_owned(), Some("")),
        (String::new(), Some("ENV is assigned 0 times at the top level, and must be once")),
    ];
    for (source, expected) in rows {
        match (block_on(read("game.py", source, sandbox())), expected) {
            (Ok(header), None) => assert_eq!(header.name, "me.game"),
            (Err(error @ EnvironmentError::File { .. }), Some(part)) => {
                assert!(error.to_string().contains(part), "{source}: {error} does not say {part:?}");
                assert!(error.to_string().starts_with("game.py: "), "{error}");
                assert_eq!(error.origin(), ErrorOrigin::Caller);
            }
            (found, expected) => panic!("{source}\n{found:?} in place of {expected:?}"),
        }
    }
}
