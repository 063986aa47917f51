//! Throws arbitrary bytes at the sandbox as program, input, function, arguments and candidate, for so many seconds:
//! `cargo run --release -p sandboxes --example fuzz-sandbox -- SECONDS [SEED]`.
//!
//! Whatever they are, the host stays well, a second run comes out the same, and a harmless program afterwards is what it was
//! before. The first case that breaks this is printed with its seed, from which it can be made again.

use std::collections::BTreeMap;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use sandbox_builder::{cache_folder, ensure_artifact};
use sandboxes::{Call, Limits, Outcome, Program, Sandbox, SandboxSettings, Trial};
use serde_json::{Value, json};

/// Pieces that hostile programs are made of; arbitrary bytes go between them.
const PIECES: [&str; 40] = [
    "import sys\n",
    "import gc, os, json\n",
    "def f(*given):\n    return given\n",
    "print(",
    "exec(",
    "eval(",
    "(lambda: 0)()",
    "while True: ",
    "for n in range(10 ** 9): ",
    "[0] * 10 ** 8",
    "'x' * 10 ** 7",
    "10 ** 10 ** 5",
    "class A:\n    ",
    "__del__",
    "__eq__",
    "    ",
    "\n",
    ")",
    "]",
    "}",
    "{",
    "[",
    "\"",
    "'''",
    "\\",
    "\0",
    "\u{feff}",
    "é",
    "await ",
    "yield ",
    "sys.setrecursionlimit(2**31-1)\n",
    "gc.collect()\n",
    "os._exit(0)\n",
    "import dethrone_guest as g\n",
    "g._names.clear()\n",
    "g.Ending.RAISED",
    "raise ",
    "json.loads('[' * 10 ** 5)",
    "f.__code__ = f.__code__.replace(co_code=bytes(range(256)))\n",
    "lambda x: ",
];

/// Whole statements, so that programs get further than the parser; what they use may or may not exist.
const STATEMENTS: [&str; 44] = [
    "import sys, gc, os, json, re, random, threading, asyncio, weakref, itertools, functools, collections, ctypes",
    "import sys",
    "import gc",
    "import dethrone_guest as g",
    "import wit_world",
    "x = [x for x in range(1000)]",
    "x = {str(n): [n] * 50 for n in range(500)}",
    "x = [x, x, x]",
    "x.append(x)",
    "x = x * 3",
    "y = (x, y)",
    "y = str(x)",
    "y = repr(y)[::-1]",
    "y = json.dumps(x)",
    "y = json.loads(y)",
    "y = memoryview(bytearray(10 ** 6))",
    "y = 7 ** 5000 % 10 ** 300",
    "y = re.sub('(a|b)*c', 'd', 'ab' * 30)",
    "y = sorted(x, key=lambda each: random.random())",
    "y = weakref.WeakValueDictionary()",
    "class A(dict): __del__ = lambda self: print(len(x)); __eq__ = lambda self, other: 1 / 0; __hash__ = lambda self: 1",
    "x = A(); x['x'] = x",
    "x = {A(): A(), 1: 2}",
    "y = type('B', (A, collections.UserDict), {'__slots__': ('z',)})()",
    "def f(*given): return f(*given, 1)",
    "def f(*given): yield from f(1)",
    "f()",
    "x = list(itertools.islice(f(), 3))",
    "sys.setrecursionlimit(10 ** 9)",
    "functools.reduce(lambda a, b: [a, b], range(3000))",
    "exec(compile('y = 1' + ' + 1' * 500, 'x', 'exec'))",
    "gc.collect(); gc.unfreeze(); gc.set_threshold(1)",
    "for each in gc.get_objects()[::97]: each.clear()",
    "sys.modules.pop('sys', None); sys.modules.pop('builtins', None)",
    "g._names.clear(); g._ballast.clear()",
    "g.Ending.FINISHED._value_ = 200",
    "print(wit_world.ask('f', '[]'))",
    "asyncio.run(asyncio.sleep(0.1))",
    "threading.Thread(target=print).start()",
    "sys.stdout.close()",
    "sys.stdout = None",
    "print(x)",
    "print(input())",
    "os._exit(len(str(x)) % 2)",
];

/// A stream of numbers that is a function of its seed (splitmix64).
struct Numbers(u64);

impl Numbers {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, bound: usize) -> usize {
        usize::try_from(self.next() % bound as u64).expect("below a usize")
    }

    fn text(&mut self, longest: usize) -> String {
        let mut text = String::new();
        for _ in 0..self.below(longest) {
            match self.below(4) {
                0 => text.push(char::from(u8::try_from(self.below(256)).expect("below 256"))),
                1 => {
                    text.push(char::from_u32(u32::try_from(self.below(0x11_0000)).expect("below 2^21")).unwrap_or(' '));
                }
                _ => text.push_str(PIECES[self.below(PIECES.len())]),
            }
        }
        text
    }

    /// Statements, some of them guarded, and sometimes a character that does not belong there.
    fn program(&mut self) -> String {
        let mut program = String::new();
        for _ in 0..self.below(16) {
            let statement = STATEMENTS[self.below(STATEMENTS.len())];
            // Each in a text of its own, so that one that does not compile leaves the others alone.
            let guarded =
                format!("try: exec(compile({statement:?}, 'x', 'exec'))\nexcept BaseException as error: y = error\n");
            program.push_str(&guarded);
        }
        if self.below(2) == 0 {
            program.push_str(STATEMENTS[self.below(STATEMENTS.len())]);
        }
        if self.below(4) == 0 {
            let places: Vec<usize> = program.char_indices().map(|(place, _)| place).collect();
            if !places.is_empty() {
                program.insert_str(places[self.below(places.len())], &self.text(3));
            }
        }
        program
    }

    fn value(&mut self, depth: usize) -> Value {
        match self.below(if depth > 4 { 5 } else { 8 }) {
            0 => Value::Null,
            1 => json!(self.next()),
            2 => json!(f64::from_bits(self.next())),
            3 => json!(self.text(8)),
            4 => json!({"$int": self.text(4)}),
            5 => (0..self.below(4)).map(|_| self.value(depth + 1)).collect(),
            6 => json!({"$dict": [self.value(depth + 1), [self.value(depth + 1), self.value(depth + 1)]]}),
            _ => json!({self.text(4): self.value(depth + 1), "$tuple": self.value(depth + 1)}),
        }
    }
}

#[derive(Debug, Clone)]
enum Case {
    Run(Program),
    Call(Call),
    Judge(Trial),
}

/// Tests that ask a candidate a few things and that nothing can pass.
const TESTS: &str = "
from dethrone_guest import candidate
for given in [(), (1,), ('x', [1.5, None]), ({(1, 2): {3}},)]:
    try: print(candidate('f')(*given) == given)
    except Exception as error: print(error)
assert False
";

impl Case {
    fn new(seed: u64) -> Self {
        let mut numbers = Numbers(seed);
        let limits =
            Some(Limits { fuel: 300_000_000, memory_bytes: 76 << 20, output_bytes: 1 << 16, ..Limits::default() });
        let source = if numbers.below(4) == 0 { numbers.text(60) } else { numbers.program() };
        if numbers.below(3) == 0 {
            let source = format!("{source}\ndef f(*given): return given\n{}", numbers.text(10));
            let function = if numbers.below(4) == 0 { numbers.text(4) } else { "f".to_owned() };
            match numbers.below(2) {
                0 => Self::Call(Call { source, function, arguments: numbers.value(0), seed, limits }),
                _ => Self::Judge(Trial { candidate: source, tests: TESTS.to_owned(), seed, limits }),
            }
        } else {
            Self::Run(Program { source, stdin: numbers.text(30), seed, limits })
        }
    }

    /// How it ended, and how the candidate did where there is one.
    async fn outcome(&self, sandbox: &Sandbox) -> Result<(Outcome, Option<Outcome>), String> {
        let ended = match self.clone() {
            Self::Run(program) => sandbox.run(program).await.map(|outcome| (outcome, None)),
            Self::Call(call) => sandbox.call(call).await.map(|outcome| (outcome, None)),
            Self::Judge(trial) => match sandbox.judge(trial).await {
                Ok(judgement) if judgement.passed => return Err(format!("it passed: {judgement:?}")),
                judgement => judgement.map(|judgement| (judgement.tests, Some(judgement.candidate))),
            },
        };
        ended.map_err(|error| format!("host trouble: {error}"))
    }
}

async fn attempt(case: &Case, sandbox: &Sandbox, harmless: &Outcome) -> Result<Outcome, String> {
    let first = case.outcome(sandbox).await?;
    let second = case.outcome(sandbox).await?;
    if first != second {
        return Err(format!("two runs differ:\n{first:?}\n{second:?}"));
    }
    if probe(sandbox).await? != *harmless {
        return Err("a harmless program is not what it was".to_owned());
    }
    Ok(first.1.unwrap_or(first.0))
}

async fn probe(sandbox: &Sandbox) -> Result<Outcome, String> {
    let source = "print(input(), sum(range(100)), {'x', 'y'}, [n for n in 'abc'])".to_owned();
    Case::Run(Program { source, stdin: "hello\n".to_owned(), ..Program::default() })
        .outcome(sandbox)
        .await
        .map(|ended| ended.0)
}

#[tokio::main]
async fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1).map(|argument| argument.parse::<u64>());
    let (Some(Ok(seconds)), first) = (arguments.next(), arguments.next().and_then(Result::ok).unwrap_or(0)) else {
        eprintln!("usage: fuzz-sandbox SECONDS [SEED]");
        return ExitCode::from(2);
    };
    let artifact = ensure_artifact(&cache_folder().expect("a home folder"), &|step| eprintln!("{step:?}"))
        .expect("the guest can be built");
    let sandbox =
        Sandbox::open(SandboxSettings { slots: 1, deadline_seconds: 120, ..SandboxSettings::default() }, &artifact)
            .expect("the sandbox opens");
    let harmless = probe(&sandbox).await.expect("the host is well");
    let started = now();
    let mut endings = BTreeMap::<String, u64>::new();
    for seed in first.. {
        if started.elapsed() >= Duration::from_secs(seconds) {
            break;
        }
        let case = Case::new(seed);
        match attempt(&case, &sandbox, &harmless).await {
            Ok(outcome) => *endings.entry(format!("{:?}", outcome.ending)).or_default() += 1,
            Err(reason) => {
                eprintln!("seed {seed}: {reason}\n{case:?}");
                return ExitCode::FAILURE;
            }
        }
    }
    println!("{} cases, all well: {endings:?}", endings.values().sum::<u64>());
    ExitCode::SUCCESS
}

#[expect(clippy::disallowed_methods, reason = "how long to go on is up to the person")]
fn now() -> Instant {
    Instant::now()
}
