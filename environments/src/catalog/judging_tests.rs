//! Right, wrong and hostile replies to questions whose judge runs something, in the real sandbox.

use super::{
    abduction::{self, Abduction},
    coding::{self, Coding},
    deduction::Deduction,
    one_turn::{OneTurn, Question},
};
use crate::{
    Conversation, Environment, EnvironmentError, ErrorOrigin, Message, Seed, Task, Turn, VerdictReason,
    program::ValueKind,
    test_sandbox::{block_on, sandbox},
};

/// Judges replies to a task with this private part.
fn check<Q: Question>(private: &Q::Private, rows: &[(&str, VerdictReason)]) {
    let environment = OneTurn::<Q>::new(0, sandbox());
    let task = Task::sealed(Seed(1), Conversation::ask("The question."), private);
    for (reply, expected) in rows {
        let mut conversation = environment.opening(&task);
        conversation.push(Message::assistant(*reply));
        let Turn::Done(verdict) = block_on(environment.turn(&task, &conversation)).unwrap() else {
            panic!("{reply:?} goes on")
        };
        assert_eq!(verdict.reason, *expected, "{reply:?}");
        assert_eq!(verdict.score, f64::from(*expected == VerdictReason::Right), "{reply:?}");
    }
}

#[test]
fn a_coding_reply_must_be_right_on_every_hidden_input() {
    let case = |input: &str, output: &str| coding::Case { input: input.to_owned(), output: output.to_owned() };
    let private = coding::Private {
        program: "n = int(input())\nprint(n + 1)".to_owned(),
        cases: vec![case("1", "2"), case("-1", "0"), case("99", "100")],
    };
    let endless_output = "```python\nwhile True: print('x' * 1000)\n```";
    check::<Coding>(
        &private,
        &[
            ("```python\nprint(int(input()) + 1)\n```", VerdictReason::Right),
            ("Sure:\n```py\nimport sys\nprint(int(sys.stdin.read()) + 1)\n```\nThat is all.", VerdictReason::Right),
            ("print(int(input()) + 1)", VerdictReason::Right),
            (
                "<think>\n```python\nprint(0)\n```\n</think>\n```python\nprint(int(input()) + 1)\n```",
                VerdictReason::Right,
            ),
            ("```python\nprint(1)\n```\nBetter:\n```python\nprint(int(input()) + 1)\n```", VerdictReason::Right),
            ("```python\nprint(int(input()) + 1, end='\\n\\n')\n```", VerdictReason::Right),
            ("```python\nimport sys\nprint(int(input()) + 1)\nsys.exit(0)\n```", VerdictReason::Right),
            ("```python\nprint(int(input()) + 1)\nprint('done')\n```", VerdictReason::Wrong),
            ("```python\nprint('', int(input()) + 1)\n```", VerdictReason::Wrong),
            ("```python\nprint(float(input()) + 1)\n```", VerdictReason::Wrong),
            ("```python\nn = int(input())\nprint(n + 1 if n != 99 else 0)\n```", VerdictReason::Wrong),
            ("```python\nprint(2)\n```", VerdictReason::Wrong),
            ("```python\npass\n```", VerdictReason::Wrong),
            ("```python\nprint(int(input()) + 1)", VerdictReason::Right),
            ("```python\nprint(int(input()) + 1)\n```\nPrints:\n```\n8\n```", VerdictReason::Right),
            ("First `x`:\n```\nprint(int(input()) + 1)\n```\nPrints:\n```\nred\n```", VerdictReason::Right),
            ("1. So:\n   ```python\n   print(int(input()) + 1)\n   ```", VerdictReason::Right),
            ("```python\nprint(int(input()) + 1)```", VerdictReason::Right),
            ("print(int(input()) + 1)\n```", VerdictReason::Right),
            ("```python\nprint(int(input()) + 1)\n```\n```bash\npython main.py\n```", VerdictReason::Right),
            ("```python\n```", VerdictReason::NoAnswer),
            ("", VerdictReason::NoAnswer),
            ("<think>print(int(input()) + 1)", VerdictReason::NoAnswer),
            ("I cannot do that.", VerdictReason::Raised),
            ("```python\nprint(int(input()) + 1\n```", VerdictReason::Raised),
            ("```python\nraise SystemError\n```", VerdictReason::Raised),
            ("```python\nimport sys\nprint(int(input()) + 1)\nsys.exit(3)\n```", VerdictReason::Raised),
            ("```python\nopen('/etc/passwd').read()\n```", VerdictReason::Raised),
            ("```python\nimport socket\nsocket.create_connection(('127.0.0.1', 80))\n```", VerdictReason::Raised),
            ("```python\nwhile True: pass\n```", VerdictReason::OutOfFuel),
            ("```python\nx = []\nwhile True: x.append('y' * 10_000_000)\n```", VerdictReason::OutOfMemory),
            (endless_output, VerdictReason::OutputTooLong),
        ],
    );
    let most = private.most_bytes();
    let program = |bytes: usize| format!("```python\nprint(int(input()) + 1)\n{}\n```", "#".repeat(bytes - 24));
    check::<Coding>(&private, &[(&program(most), VerdictReason::Right), (&program(most + 1), VerdictReason::TooLong)]);
}

#[test]
fn a_candidate_finds_no_expected_output_in_its_guest() {
    let private = coding::Private {
        program: "print('sesame' + input())".to_owned(),
        cases: vec![coding::Case { input: "1".to_owned(), output: "sesame1".to_owned() }],
    };
    // Looks through everything that the interpreter holds for the word that it must print.
    let search = "```python\nimport gc, sys\nhits = [o for o in gc.get_objects() if isinstance(o, (str, list, dict)) and \
                  'sesame1' in str(o)[:2000]]\nline = input()\nfound = [f for f in sys._getframe().f_globals]\n\
                  print(len(hits))\n```";
    check::<Coding>(
        &private,
        &[(search, VerdictReason::Wrong), ("```python\nprint('sesame' + input())\n```", VerdictReason::Right)],
    );
}

#[test]
fn an_input_is_right_if_the_program_prints_the_output_for_it() {
    let private = |program: &str, output: &str, input: &str, reads| abduction::Private {
        program: program.to_owned(),
        output: output.to_owned(),
        input: input.to_owned(),
        reads,
        wrong: Vec::new(),
    };
    let square = private("n = int(input())\nprint(n * n)", "49", "7", ValueKind::Number);
    check::<Abduction>(
        &square,
        &[
            ("Answer: 7", VerdictReason::Right),
            ("Answer: -7", VerdictReason::Right),
            ("7", VerdictReason::Right),
            ("7 * 7 = 49, so\n**Answer: `7`**", VerdictReason::Right),
            ("Answer: 8", VerdictReason::Wrong),
            ("Answer: 49", VerdictReason::Wrong),
            ("Answer: 7.0", VerdictReason::Malformed),
            ("Answer: +7", VerdictReason::Malformed),
            ("Answer: ７", VerdictReason::Malformed),
            ("Answer: 7 or 8", VerdictReason::Malformed),
            ("Answer: int('7')", VerdictReason::Malformed),
            ("Answer: __import__('os')._exit(0)", VerdictReason::Malformed),
            ("Answer: ", VerdictReason::NoAnswer),
            ("<think>Answer: 7", VerdictReason::NoAnswer),
        ],
    );
    check::<Abduction>(&square, &[(&format!("Answer: {}", "7".repeat(35)), VerdictReason::TooLong)]);
    let second = private("ws = input().split()\nprint(ws[1])", "cat", "dog cat", ValueKind::Words);
    check::<Abduction>(
        &second,
        &[
            ("Answer: a cat", VerdictReason::Right),
            ("Answer: a cat cat", VerdictReason::Right),
            ("Answer: cat", VerdictReason::Raised),
            ("Answer: Cat cat", VerdictReason::Malformed),
            ("Answer: a  cat", VerdictReason::Malformed),
        ],
    );
    let trimmed = private("print(input() + ' ')", "a", "a", ValueKind::Text);
    check::<Abduction>(&trimmed, &[("Answer: a", VerdictReason::Wrong)]);
}

/// Every question, at every tier, on tasks that it draws itself.
fn drawn<Q: Question>(seeds: u64) {
    for tier in 0..u8::try_from(Q::TIERS.len()).unwrap() {
        let environment = OneTurn::<Q>::new(tier, sandbox());
        for seed in 0..seeds {
            let task = block_on(environment.task(Seed(seed))).unwrap();
            let judged = |reply: &str| {
                let mut conversation = environment.opening(&task);
                conversation.push(Message::assistant(reply));
                block_on(environment.turn(&task, &conversation)).unwrap()
            };
            for reply in block_on(environment.oracle(&task)).unwrap().unwrap() {
                let Turn::Done(verdict) = judged(&reply) else { panic!("it goes on") };
                assert_eq!(verdict.reason, VerdictReason::Right, "{} seed {seed}: {reply}", environment.id());
                assert!(verdict.extraction.is_some(), "{} says where the answer stood", environment.id());
            }
            for reply in ["", "I do not know.", "Answer: ?"] {
                let Turn::Done(verdict) = judged(reply) else { panic!("it goes on") };
                assert_eq!(verdict.score, 0.0, "{reply:?}");
            }
        }
    }
}

#[test]
fn oracles_are_right_on_every_tier_of_every_question() {
    drawn::<Deduction>(3);
    drawn::<Abduction>(3);
    drawn::<Coding>(2);
    drawn::<super::sat::Sat>(5);
}

#[test]
fn a_task_of_another_environment_is_the_callers_mistake() {
    let environment = OneTurn::<Deduction>::new(0, sandbox());
    let foreign = Task { seed: Seed(9), public: Conversation::ask("?"), private: serde_json::json!({"sum": 5}) };
    let mut conversation = environment.opening(&foreign);
    conversation.push(Message::assistant("Answer: 5"));
    let errors: [EnvironmentError; 3] = [
        block_on(environment.turn(&foreign, &conversation)).unwrap_err(),
        block_on(environment.oracle(&foreign)).unwrap_err(),
        block_on(environment.wrong(&foreign)).unwrap_err(),
    ];
    for error in errors {
        assert_eq!(error.origin(), ErrorOrigin::Caller);
        let expected = "deduction@2.0.0 tier 0 does not recognise the task of seed 9: missing field `output`";
        assert_eq!(error.to_string(), expected);
    }
}

#[test]
fn a_seed_gives_the_same_task_however_often_it_is_asked() {
    for seed in [0, 7, u64::MAX] {
        let (one, two) = (OneTurn::<Coding>::new(1, sandbox()), OneTurn::<Coding>::new(1, sandbox()));
        let (first, second) = (block_on(one.task(Seed(seed))).unwrap(), block_on(two.task(Seed(seed))).unwrap());
        assert_eq!(first.canonical(), second.canonical());
        let shown = serde_json::to_string(&first.public).unwrap();
        let program = first.private["program"].as_str().unwrap();
        assert!(!shown.contains(&serde_json::to_string(program).unwrap()), "the program stands in the prompt");
    }
}
