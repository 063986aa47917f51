//! Fuzzes the parsers of untrusted files: `fuzz [TARGET] [SECONDS]`.

#[path = "../fuzz/mutate.rs"]
mod mutate;
#[path = "../fuzz/targets.rs"]
mod targets;

use std::{
    fs,
    panic::catch_unwind,
    process::exit,
    time::{Duration, Instant},
};

/// Time limit of a file.
const SLOW: Duration = Duration::from_secs(1);

#[expect(clippy::disallowed_methods, reason = "a program that runs for a given time needs a clock")]
fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let only = arguments.first().map(String::as_str).unwrap_or("all");
    let seconds = arguments.get(1).map_or(10, |seconds| seconds.parse().expect("SECONDS is a number"));
    for target in targets::TARGETS.iter().filter(|target| only == "all" || only == target.name) {
        let seeds = (target.seeds)();
        let mut random = mutate::Random::new(target.name);
        let (start, mut rounds, mut slowest) = (Instant::now(), 0u64, Duration::ZERO);
        while rounds < target.rounds as u64 || start.elapsed() < Duration::from_secs(seconds) {
            let bytes = mutate::mutate(&seeds, &mut random);
            let keep = |what: &str| {
                let kept = std::env::temp_dir().join(format!("fuzz-{}-{rounds}", target.name));
                fs::write(&kept, &bytes).expect("the temporary folder can be written");
                println!("{}: file {rounds} {what} and is kept as {}", target.name, kept.display());
                exit(1);
            };
            let read = || {
                let began = Instant::now();
                match catch_unwind(|| (target.read)(&bytes)) {
                    Ok(()) => began.elapsed(),
                    Err(_) => keep("made it panic"),
                }
            };
            let mut took = read();
            if took > SLOW {
                // A busy machine does not delay every repetition.
                took = (0..3).map(|_| read()).fold(took, Duration::min);
                if took > SLOW {
                    keep(&format!("takes {took:?}"));
                }
            }
            slowest = slowest.max(took);
            rounds += 1;
        }
        let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
        let peak = status.lines().find(|line| line.starts_with("VmHWM")).unwrap_or("").replace(char::is_whitespace, "");
        println!("{}: {rounds} files, none made it panic; the slowest took {slowest:?}; {peak}", target.name);
    }
}
