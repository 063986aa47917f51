//! How fast programs run, beside `python3` processes in the same run; prints the table of the README.

use std::fs;
use std::io::Write;
use std::iter;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use sandboxes::{Artifact, Ending, Limits, Program, Sandbox, SandboxSettings, Trial, cache_folder};
use tokio::runtime::Runtime;

#[path = "../tests/suite/human_eval.rs"]
mod human_eval;

/// Reads an integer and prints twice.
const TINY: &str = "n = int(input())\nprint(n)\nprint(n * 2)\n";
/// Arithmetic, containers, strings and calls in about the proportions of a programming exercise.
const COMPUTE: &str = "
def primes(limit):
    sieve = [True] * limit
    for n in range(2, int(limit ** 0.5) + 1):
        if sieve[n]:
            for multiple in range(n * n, limit, n):
                sieve[multiple] = False
    return [n for n in range(2, limit) if sieve[n]]

def words(count):
    seen = {}
    for n in range(count):
        word = 'w' + str(n * 7919 % 1000)
        seen[word] = seen.get(word, 0) + 1
    return sorted(seen.items(), key=lambda item: (-item[1], item[0]))

def fibonacci(n):
    return n if n < 2 else fibonacci(n - 1) + fibonacci(n - 2)

print(len(primes(200_000)), words(60_000)[0], fibonacci(23))
";
/// Programs for each figure.
const PROGRAMS: usize = 3000;
/// How often all of HumanEval is judged.
const ROUNDS: usize = 5;

fn main() {
    let runtime = Runtime::new().expect("threads can be started");
    let artifact = Artifact::ensure(&cache_folder().expect("a home folder"), &|step| eprintln!("{step:?}"))
        .expect("the guest can be built");
    let open = |slots| {
        let limits = Limits { fuel: 1 << 40, ..Limits::default() };
        Sandbox::open(SandboxSettings { slots, limits, ..SandboxSettings::default() }, &artifact).expect("it opens")
    };
    let (one, two) = (open(1), open(2));

    let processes = processes_at_a_time(2, 300);
    let alone = runtime.block_on(tiny(&one, 1, PROGRAMS));
    let both = runtime.block_on(tiny(&two, 2, PROGRAMS));
    row("`python3 -I -S` processes, 2 at a time", format!("{processes:.0} a second"));
    row("tiny program, 1 thread", format!("{:.0} a second", alone.rate));
    row(
        "tiny program, 2 threads",
        format!("{:.0} a second, {:.1} times the processes", both.rate, both.rate / processes),
    );
    row("tiny program, 2 threads busy, median and 99th percentile", format!("{:.2?}, {:.2?}", both.median, both.worst));
    row("resident memory of a warm slot", format!("{:.1} MiB", resident_per_slot(&artifact, &runtime)));
    let judged = runtime.block_on(judged(&two));
    row("HumanEval solutions with their tests, 2 threads", format!("{judged:.0} problems a second"));
    let (native, sandboxed) = compute(&runtime, &one);
    row(
        "compute-bound program",
        format!("{sandboxed:.2?}, {:.2} times native", sandboxed.as_secs_f64() / native.as_secs_f64()),
    );
}

fn row(what: &str, figure: String) {
    println!("| {what} | {figure} |");
}

struct Figures {
    rate: f64,
    median: Duration,
    worst: Duration,
}

#[expect(clippy::disallowed_methods, reason = "a benchmark measures time")]
fn now() -> Instant {
    Instant::now()
}

/// Keeps `at_once` programs in flight.
async fn tiny(sandbox: &Sandbox, at_once: usize, programs: usize) -> Figures {
    let run = |sandbox: Sandbox, count: usize| async move {
        let mut took = Vec::with_capacity(count);
        for _ in 0..count {
            let job = Program { source: TINY.to_owned(), stdin: "21\n".to_owned(), ..Program::default() };
            let started = now();
            let outcome = sandbox.run(job).await.expect("the host is well");
            took.push(started.elapsed());
            assert_eq!((outcome.ending, outcome.stdout.as_str()), (Ending::Finished, "21\n42\n"));
        }
        took
    };
    run(sandbox.clone(), 200).await;
    let started = now();
    let running: Vec<_> = (0..at_once).map(|_| tokio::spawn(run(sandbox.clone(), programs / at_once))).collect();
    let mut took = Vec::new();
    for task in running {
        took.extend(task.await.expect("no panic"));
    }
    let rate = took.len() as f64 / started.elapsed().as_secs_f64();
    took.sort();
    Figures { rate, median: took[took.len() / 2], worst: took[took.len() * 99 / 100] }
}

/// How many `python3` processes a second run the tiny program.
fn processes_at_a_time(at_once: usize, programs: usize) -> f64 {
    let one = || {
        let mut child = Command::new("python3")
            .args(["-I", "-S", "-c", TINY])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("python3 runs");
        child.stdin.take().expect("piped").write_all(b"21\n").expect("it reads");
        assert_eq!(child.wait_with_output().expect("it ends").stdout, b"21\n42\n");
    };
    let started = now();
    thread::scope(|scope| {
        for _ in 0..at_once {
            scope.spawn(|| (0..programs / at_once).for_each(|_| one()));
        }
    });
    programs as f64 / started.elapsed().as_secs_f64()
}

async fn judged(sandbox: &Sandbox) -> f64 {
    // In several rounds, since one long problem at the end of one would leave a thread idle.
    let problems: Vec<_> = iter::repeat_n(human_eval::problems(), ROUNDS).flatten().collect();
    let trials: Vec<Trial> = problems.iter().map(|problem| problem.trial(problem.solution())).collect();
    let started = now();
    let running: Vec<_> = trials
        .into_iter()
        .map(|trial| {
            let sandbox = sandbox.clone();
            tokio::spawn(async move { sandbox.judge(trial).await.expect("the host is well").passed })
        })
        .collect();
    let total = running.len();
    for (task, problem) in running.into_iter().zip(problems) {
        assert!(task.await.expect("no panic"), "{}", problem.task_id);
    }
    total as f64 / started.elapsed().as_secs_f64()
}

/// The compute-bound program: in a process, and in the sandbox.
fn compute(runtime: &Runtime, sandbox: &Sandbox) -> (Duration, Duration) {
    let timed = format!(
        "import time\nstarted = time.perf_counter()\n{COMPUTE}\nimport sys\nprint(time.perf_counter() - started, file=sys.stderr)\n"
    );
    let native = || {
        let output = Command::new("python3").args(["-I", "-S", "-c", &timed]).output().expect("python3 runs");
        let seconds = String::from_utf8(output.stderr).expect("a number");
        (Duration::from_secs_f64(seconds.trim().parse().expect("a number")), output.stdout)
    };
    let sandboxed = || {
        let started = now();
        let outcome = runtime.block_on(sandbox.run(Program { source: COMPUTE.to_owned(), ..Program::default() }));
        (started.elapsed(), outcome.expect("the host is well").stdout)
    };
    let (mut best_native, mut best_sandboxed) = (Duration::MAX, Duration::MAX);
    for _ in 0..5 {
        let ((native, expected), (sandboxed, printed)) = (native(), sandboxed());
        assert_eq!(expected, printed.as_bytes());
        best_native = best_native.min(native);
        best_sandboxed = best_sandboxed.min(sandboxed);
    }
    (best_native, best_sandboxed)
}

/// What a slot that has run programs keeps: resident memory of a sandbox with many slots over one with few.
fn resident_per_slot(artifact: &Artifact, runtime: &Runtime) -> f64 {
    let used = |slots: usize| {
        let settings = SandboxSettings { slots, ..SandboxSettings::default() };
        let before = anonymous();
        let sandbox = Arc::new(Sandbox::open(settings, artifact).expect("it opens"));
        runtime.block_on(tiny(&sandbox, slots, slots * 50));
        anonymous().saturating_sub(before)
    };
    let (few, many) = (used(1), used(9));
    many.saturating_sub(few) as f64 / 8.0 / f64::from(1 << 20)
}

/// Anonymous resident memory of this process in bytes, where the system tells.
fn anonymous() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:"));
    line.and_then(|line| line.trim().strip_suffix(" kB")?.trim().parse::<u64>().ok()).map_or(0, |kib| kib << 10)
}
