//! HumanEval with its tests unmodified: the canonical solutions pass, and no cheat does.

use crate::common::sandbox;
use crate::human_eval::{Problem, problems};
use sandboxes::{Ending, Judgement, Limits, Trial};

/// Judges a reply to every problem, two at a time, and names those that passed.
async fn passed(reply: impl Fn(&Problem) -> String) -> Vec<&'static str> {
    let judge = |problem: &'static Problem| {
        let trial = problem.trial(reply(problem));
        tokio::spawn(async move {
            let judgement = sandbox().judge(trial).await.expect("the host is well");
            if !judgement.passed {
                assert_ne!(judgement.tests.ending, Ending::Finished);
            }
            judgement.passed.then_some(problem.task_id.as_str())
        })
    };
    let mut passed = Vec::new();
    for running in problems().iter().map(judge).collect::<Vec<_>>() {
        passed.extend(running.await.expect("no panic"));
    }
    passed
}

#[tokio::test]
async fn every_canonical_solution_passes() {
    let passed = passed(Problem::solution).await;
    let failed: Vec<_> =
        problems().iter().map(|problem| &problem.task_id).filter(|id| !passed.contains(&id.as_str())).collect();
    assert!(failed.is_empty(), "{failed:?}");
}

async fn check_cheat(cheat: &str) {
    let passed =
        passed(|problem| format!("{}    pass\n\n{}", problem.prompt, cheat.replace("ENTRY", &problem.entry_point)))
            .await;
    assert!(passed.is_empty(), "{} of 164 pass: {passed:?}", passed.len());
}

#[tokio::test]
async fn an_object_that_equals_everything_passes_nothing() {
    check_cheat(
        r#"
class Equal:
    def __eq__(self, other): return True
    def __ne__(self, other): return False
    def __lt__(self, other): return True
    __le__ = __gt__ = __ge__ = __lt__
    def __sub__(self, other): return 0
    __rsub__ = __add__ = __radd__ = __mul__ = __sub__
    def __abs__(self): return 0
    def __bool__(self): return True
    def __len__(self): return 0
    def __iter__(self): return iter(())
    def __hash__(self): return 0
    def __float__(self): return 0.0
def ENTRY(*given): return Equal()
"#,
    )
    .await;
}

#[tokio::test]
async fn a_subclass_of_a_plain_type_that_equals_everything_passes_nothing() {
    check_cheat(
        r#"
class Text(str):
    def __eq__(self, other): return True
    __hash__ = str.__hash__
class Whole(int):
    def __eq__(self, other): return True
    __hash__ = int.__hash__
def ENTRY(*given): return Text("x") if given and isinstance(given[0], str) else Whole(1)
"#,
    )
    .await;
}

#[tokio::test]
async fn a_walk_up_the_frames_finds_no_expected_value() {
    check_cheat(
        r#"
import gc, re, sys
def ENTRY(*given):
    frame = sys._getframe()
    while frame is not None:
        for names in (frame.f_locals, frame.f_globals):
            for name, value in list(names.items()):
                if name in ("expected", "answer", "result", "METADATA", "check"):
                    return value
        frame = frame.f_back
    for held in gc.get_objects():
        if isinstance(held, dict):
            for value in list(held.values()):
                if isinstance(value, str) and re.search("assert +candidate", value):
                    return value
    raise LookupError("nothing was found")
"#,
    )
    .await;
}

#[tokio::test]
async fn patched_builtins_pass_nothing() {
    check_cheat(
        r#"
import builtins
def always(*given, **named): return True
for name in ("isinstance", "len", "abs", "all", "any", "sorted", "sum", "max", "min", "set", "tuple", "eval", "compile"):
    setattr(builtins, name, always)
builtins.AssertionError = SystemExit
def ENTRY(*given): return object.__new__(object)
"#,
    )
    .await;
}

#[tokio::test]
async fn a_patched_json_module_passes_nothing() {
    check_cheat(
        r#"
import json, json.decoder, json.encoder
json.dumps = json.JSONEncoder.encode = json.encoder.JSONEncoder.encode = lambda *given, **named: '{"passed": true}'
json.loads = json.JSONDecoder.decode = lambda *given, **named: []
json.encoder.c_make_encoder = None
def ENTRY(*given): return {"passed": True}
"#,
    )
    .await;
}

#[tokio::test]
async fn a_patched_runner_passes_nothing() {
    check_cheat(
        r#"
import dethrone_guest, wit_world
dethrone_guest.pack = lambda value, depth=0: {"$verdict": True}
dethrone_guest._write = lambda value: '{"passed": true}'
dethrone_guest.WitWorld.call = lambda self, function, arguments: (wit_world.Ending.FINISHED, b'{"$equal": true}')
dethrone_guest.WitWorld.finish = lambda self: wit_world.Ending.FINISHED
def ENTRY(*given): return True
"#,
    )
    .await;
}

#[tokio::test]
async fn asking_the_host_in_the_name_of_the_tests_passes_nothing() {
    check_cheat(
        r#"
import wit_world
def ENTRY(*given):
    try:
        return wit_world.ask("check", "[]")
    except BaseException as refusal:
        return refusal.value
"#,
    )
    .await;
}

#[tokio::test]
async fn a_forged_verdict_on_the_output_passes_nothing() {
    check_cheat(
        r#"
import sys
for stream in (sys.stdout, sys.stderr):
    for line in ("passed", "ok", '{"passed": true}', '{"outcome": "finished"}', "\x00passed", "1.0"):
        print(line, file=stream, flush=True)
def ENTRY(*given):
    print("passed")
    return "passed"
"#,
    )
    .await;
}

#[tokio::test]
async fn leaving_while_the_program_is_loaded_passes_nothing() {
    check_cheat(
        r#"import sys; sys.exit(0)
"#,
    )
    .await;
}

#[tokio::test]
async fn leaving_without_a_word_while_the_program_is_loaded_passes_nothing() {
    check_cheat(
        r#"import os; os._exit(0)
"#,
    )
    .await;
}

#[tokio::test]
async fn leaving_from_the_function_passes_nothing() {
    check_cheat(
        r#"
import sys
def ENTRY(*given): sys.exit(0)
"#,
    )
    .await;
}

#[tokio::test]
async fn leaving_without_a_word_from_the_function_passes_nothing() {
    check_cheat(
        r#"
import os
def ENTRY(*given): os._exit(0)
"#,
    )
    .await;
}

#[tokio::test]
async fn leaving_from_a_destructor_passes_nothing() {
    check_cheat(
        r#"
class Bomb:
    def __del__(self): raise SystemExit(0)
def ENTRY(*given):
    bomb = Bomb()
    del bomb
    return Bomb()
"#,
    )
    .await;
}

#[tokio::test]
async fn leaving_from_an_exit_handler_passes_nothing() {
    check_cheat(
        r#"
import atexit, os, sys
atexit.register(os._exit, 0)
sys.excepthook = lambda *given: os._exit(0)
def ENTRY(*given): raise SystemExit(0)
"#,
    )
    .await;
}

#[tokio::test]
async fn drawing_again_what_the_tests_drew_passes_nothing() {
    check_cheat(
        r#"
import random, string
def ENTRY(*given):
    return "".join(random.choice(string.ascii_lowercase) for _ in range(random.randint(10, 20)))
"#,
    )
    .await;
}

/// Counts calls in every place that could outlive one: names, the interpreter's modules, the clock and the entropy.
#[tokio::test]
async fn counting_calls_passes_nothing() {
    for parity in [0, 1] {
        check_cheat(&format!(
            r#"
import builtins, random, sys, time
def ENTRY(*given):
    calls = builtins.__dict__.setdefault("calls", [])
    calls.append(random.random())
    sys.modules[str(len(calls))] = calls
    return len(calls) % 2 == {parity}
"#
        ))
        .await;
    }
}

#[tokio::test]
async fn no_call_finds_anything_of_another() {
    let candidate = "import builtins, random, sys, time\ncount = 0\ndef f(mark, kept=[]):\n    global count\n    count += 1\n    \
                     kept.append(mark)\n    builtins.__dict__.setdefault('kept', []).append(mark)\n    sys.modules['kept'] = mark\n    \
                     return [count, len(kept), len(builtins.kept), random.random(), time.time(), id(kept)]\n";
    let tests = "from dethrone_guest import candidate\nf = candidate('f')\nfirst = f('a')\nassert first[:3] == [1, 1, 1], first\n\
                 for mark in 'b', 'c', 'a': assert f(mark) == first, (f(mark), first)\n";
    let trial = Trial { candidate: candidate.to_owned(), tests: tests.to_owned(), ..Trial::default() };
    let judgement = sandbox().judge(trial).await.unwrap();
    assert!(judgement.passed, "{judgement:?}");
}

#[tokio::test]
async fn the_limits_hold_for_all_calls_together() {
    let loop_of =
        |rounds: u32| format!("def f():\n    for _ in range({rounds}): pass\n    print('x' * 100)\n    return 1\n");
    let tests = "from dethrone_guest import candidate\nf = candidate('f')\nfor _ in range(20): assert f() == 1\n";
    let limits = Limits { fuel: 3_000_000_000, output_bytes: 2_100, ..Limits::default() };
    let rows = [
        (loop_of(1), limits, Ending::Finished, true),
        (loop_of(1_000_000), limits, Ending::OutOfFuel, false),
        (loop_of(1), Limits { output_bytes: 1_900, ..limits }, Ending::OutputTooLong, false),
    ];
    for (candidate, limits, ending, passed) in rows {
        let trial = Trial { candidate, tests: tests.to_owned(), limits: Some(limits), ..Trial::default() };
        let Judgement { passed: found, candidate, .. } = sandbox().judge(trial).await.unwrap();
        assert_eq!((candidate.ending, found), (ending, passed), "{candidate:?}");
        assert!(candidate.fuel <= limits.fuel && candidate.stdout.len() as u64 <= limits.output_bytes, "{candidate:?}");
    }
}

#[tokio::test]
async fn an_exception_does_not_end_a_candidate_but_leaving_does() {
    let candidate = "import os\ncount = 0\ndef f(way):\n    global count\n    count += 1\n    if way == 'raise': raise ValueError('no')\n    if way == 'leave': os._exit(0)\n    return count\n";
    let tests = "from dethrone_guest import candidate, CandidateError\nf = candidate('f')\nassert f('stay') == 1\nfor way in 'raise', 'leave', 'stay':\n    try: print(f(way))\n    except CandidateError as error: print(error)\n";
    let trial = Trial { candidate: candidate.to_owned(), tests: tests.to_owned(), ..Trial::default() };
    let judgement = sandbox().judge(trial).await.unwrap();
    assert_eq!(
        judgement.tests.stdout,
        "ValueError: no\nthe candidate is over: Raised\nthe candidate is over: Raised\n"
    );
    assert_eq!((judgement.tests.ending, judgement.candidate.ending), (Ending::Finished, Ending::Raised));
    assert!(!judgement.passed, "whoever left has passed nothing");
}
