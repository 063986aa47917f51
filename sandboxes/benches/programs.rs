//! How fast programs run, beside `python3` processes in the same run; prints the table of the README at its end.

use std::fs;
use std::io::Write;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use criterion::{Criterion, SamplingMode, Throughput};
use sandbox_builder::{cache_folder, ensure_artifact};
use sandboxes::{Artifact, Ending, Limits, Program, Sandbox, SandboxSettings, Trial};
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
/// Programs of one iteration.
const PROGRAMS: u64 = 100;
/// `python3` processes of one iteration.
const PROCESSES: u64 = 20;
/// How often all of HumanEval is judged in one iteration.
const ROUNDS: u64 = 2;

fn main() {
    let mut criterion = Criterion::default()
        .configure_from_args()
        .sample_size(20)
        .warm_up_time(Duration::from_secs(1))
        .measurement_time(Duration::from_secs(10));
    let runtime = Runtime::new().expect("threads can be started");
    let artifact = ensure_artifact(&cache_folder().expect("a home folder"), &|step| eprintln!("{step:?}"))
        .expect("the guest can be built");
    let open = |slots| {
        let limits = Limits { fuel: 1 << 40, ..Limits::default() };
        Sandbox::open(SandboxSettings { slots, limits, deadline_seconds: 120 }, &artifact).expect("it opens")
    };
    let (one, two) = (open(1), open(2));

    let mut rows = Vec::new();
    let mut row = |what: &str, figure: String| rows.push(format!("| {what} | {figure} |"));
    let processes = measure(&mut criterion, "python3 processes, 2 at a time", PROCESSES, |count| processes(2, count));
    if let Some(rate) = processes {
        row("`python3 -I -S` processes, 2 at a time", format!("{rate:.0} a second"));
    }
    let alone = |count| runtime.block_on(tiny(&one, 1, count)).0;
    if let Some(rate) = measure(&mut criterion, "tiny program, 1 thread", PROGRAMS, alone) {
        row("tiny program, 1 thread", format!("{rate:.0} a second"));
    }
    let mut latencies = Vec::new();
    let both = |count| {
        let (time, took) = runtime.block_on(tiny(&two, 2, count));
        latencies.extend(took);
        time
    };
    if let Some(rate) = measure(&mut criterion, "tiny program, 2 threads", PROGRAMS, both) {
        let ratio =
            processes.map_or(String::new(), |processes| format!(", {:.1} times the processes", rate / processes));
        row("tiny program, 2 threads", format!("{rate:.0} a second{ratio}"));
        latencies.sort();
        let (median, worst) = (latencies[latencies.len() / 2], latencies[latencies.len() * 99 / 100]);
        row("its median and 99th percentile, 2 threads busy", format!("{median:.2?}, {worst:.2?}"));
        row("resident memory of a warm slot", format!("{:.1} MiB", resident_per_slot(&artifact, &runtime)));
    }
    criterion = criterion.sample_size(10);
    let problems = human_eval::problems().len() as u64 * ROUNDS;
    let judged = |count| runtime.block_on(judged(&two, count));
    if let Some(rate) = measure(&mut criterion, "HumanEval, 2 threads", problems, judged) {
        row("HumanEval solutions with their tests, 2 threads", format!("{rate:.0} problems a second"));
    }
    let native = measure(&mut criterion, "compute-bound program, python3", 1, native);
    let sandboxed = |count| runtime.block_on(sandboxed(&one, count));
    if let Some(rate) = measure(&mut criterion, "compute-bound program, sandbox", 1, sandboxed) {
        let ratio = native.map_or(String::new(), |native| format!(", {:.2} times native CPython", native / rate));
        row("compute-bound program", format!("{:.2?}{ratio}", Duration::from_secs_f64(1.0 / rate)));
    }
    criterion.final_summary();
    println!("\n{}", rows.join("\n"));
}

/// Elements a second of work that is done `elements` at a time, over all that was run, or nothing if it was left out.
/// `work` does so many elements and says how long that took.
fn measure(criterion: &mut Criterion, name: &str, elements: u64, mut work: impl FnMut(u64) -> Duration) -> Option<f64> {
    let (mut done, mut time) = (0, Duration::ZERO);
    let mut group = criterion.benchmark_group("sandbox");
    group.throughput(Throughput::Elements(elements)).sampling_mode(SamplingMode::Flat);
    group.bench_function(name, |bencher| {
        bencher.iter_custom(|iterations| {
            let took = work(iterations * elements);
            done += iterations * elements;
            time += took;
            took
        });
    });
    group.finish();
    (done > 0).then(|| done as f64 / time.as_secs_f64())
}

#[expect(clippy::disallowed_methods, reason = "a benchmark measures time")]
fn now() -> Instant {
    Instant::now()
}

/// Keeps `at_once` programs in flight; how long it took in all and for each.
async fn tiny(sandbox: &Sandbox, at_once: u64, programs: u64) -> (Duration, Vec<Duration>) {
    let run = |sandbox: Sandbox, count: u64| async move {
        let mut took = Vec::new();
        for _ in 0..count {
            let job = Program { source: TINY.to_owned(), stdin: "21\n".to_owned(), ..Program::default() };
            let started = now();
            let outcome = sandbox.run(job).await.expect("the host is well");
            took.push(started.elapsed());
            assert_eq!((outcome.ending, outcome.stdout.as_str()), (Ending::Finished, "21\n42\n"));
        }
        took
    };
    let started = now();
    let running: Vec<_> = (0..at_once).map(|_| tokio::spawn(run(sandbox.clone(), programs / at_once))).collect();
    let mut took = Vec::new();
    for task in running {
        took.extend(task.await.expect("no panic"));
    }
    (started.elapsed(), took)
}

/// Runs the tiny program in `python3` processes.
fn processes(at_once: u64, programs: u64) -> Duration {
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
    started.elapsed()
}

/// Judges so many solutions, the same ones again after the last.
async fn judged(sandbox: &Sandbox, count: u64) -> Duration {
    let problems = human_eval::problems();
    let problems: Vec<_> = problems.iter().cycle().take(usize::try_from(count).expect("few")).collect();
    let trials: Vec<Trial> = problems.iter().map(|problem| problem.trial(problem.solution())).collect();
    let started = now();
    let running: Vec<_> = trials
        .into_iter()
        .map(|trial| {
            let sandbox = sandbox.clone();
            tokio::spawn(async move { sandbox.judge(trial).await.expect("the host is well").passed })
        })
        .collect();
    for (task, problem) in running.into_iter().zip(problems) {
        assert!(task.await.expect("no panic"), "{}", problem.task_id);
    }
    started.elapsed()
}

/// What the compute-bound program prints.
const COMPUTED: &str = "17984 ('w0', 60) 28657\n";

/// Runs the compute-bound program in `python3`, whose start is not counted.
fn native(count: u64) -> Duration {
    let timed = format!(
        "import sys, time\nstarted = time.perf_counter()\n{COMPUTE}\nprint(time.perf_counter() - started, file=sys.stderr)\n"
    );
    let one = |_| {
        let output = Command::new("python3").args(["-I", "-S", "-c", &timed]).output().expect("python3 runs");
        assert_eq!(output.stdout, COMPUTED.as_bytes());
        let seconds = String::from_utf8(output.stderr).expect("a number");
        Duration::from_secs_f64(seconds.trim().parse().expect("a number"))
    };
    (0..count).map(one).sum()
}

/// Runs the compute-bound program in the sandbox.
async fn sandboxed(sandbox: &Sandbox, count: u64) -> Duration {
    let started = now();
    for _ in 0..count {
        let outcome = sandbox.run(Program { source: COMPUTE.to_owned(), ..Program::default() }).await;
        assert_eq!(outcome.expect("the host is well").stdout, COMPUTED);
    }
    started.elapsed()
}

/// What a slot that has run programs keeps: resident memory of a sandbox with many slots over one with few.
fn resident_per_slot(artifact: &Artifact, runtime: &Runtime) -> f64 {
    let used = |slots: usize| {
        let settings = SandboxSettings { slots, ..SandboxSettings::default() };
        let before = anonymous();
        let sandbox = Arc::new(Sandbox::open(settings, artifact).expect("it opens"));
        runtime.block_on(tiny(&sandbox, slots as u64, slots as u64 * 50));
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
