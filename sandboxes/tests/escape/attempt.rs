//! What is done with every hostile program, and what is looked at afterwards.

use std::fs;

use common::{program, sandbox};
use sandboxes::{Ending, Limits, Outcome, Program};
use tokio::sync::Mutex;

use crate::common;

/// Enough for anything honest in these tests, and spent in a fraction of a second.
const FUEL: u64 = 1_500_000_000;
/// What the guest itself takes, and about 40 MiB for the program.
const MEMORY: u64 = 80 << 20;
/// Far above what the process needs, far below what a program that got out of its memory would leave behind.
const MOST_RESIDENT: u64 = 1 << 30;

/// One hostile program at a time, so that what is left afterwards is left by it.
static ONE_AT_A_TIME: Mutex<()> = Mutex::const_new(());

/// Runs a hostile program, then looks at the host.
pub(crate) async fn attempt(source: &str) -> Outcome {
    let _alone = ONE_AT_A_TIME.lock().await;
    let before = probe().await;
    let limits = Limits { fuel: FUEL, memory_bytes: MEMORY, output_bytes: 1 << 16, source_bytes: 16 << 20 };
    let job = Program { limits: Some(limits), ..program(source, "secret\n") };
    let first = sandbox().run(job.clone()).await.expect("the host is well");
    assert!(first.fuel <= FUEL, "{first:?}");
    assert!(first.memory_bytes <= MEMORY, "{first:?}");
    assert!(first.stdout.len() + first.stderr.len() <= 3 * (1 << 16), "the output is bounded, replacements included");
    let second = sandbox().run(job).await.expect("the host is well");
    assert_eq!(first, second, "the same job comes out the same");
    assert_eq!(probe().await, before, "a harmless program afterwards is what it was before");
    assert_eq!(sandbox().occupied(), 0, "every instance is gone");
    assert!(resident() < MOST_RESIDENT, "{} bytes are resident", resident());
    first
}

/// A harmless program whose every detail must stay the same.
async fn probe() -> Outcome {
    let source =
        "import json, random\nprint(input(), sum(range(100)), random.random(), json.dumps([1, 'a']), {'x', 'y', 'z'})";
    let outcome = sandbox().run(program(source, "hello\n")).await.expect("the host is well");
    assert_eq!(outcome.ending, Ending::Finished);
    assert!(outcome.stdout.starts_with("hello 4950 0."), "{}", outcome.stdout);
    outcome
}

fn resident() -> u64 {
    // Where there is no such file there is nothing to compare; the other checks hold everywhere.
    let pages = fs::read_to_string("/proc/self/statm").ok();
    pages.and_then(|text| text.split(' ').nth(1)?.parse::<u64>().ok()).map_or(0, |pages| pages * 4096)
}

/// Defines named tests: what a program tries, how it ends, and what it prints.
macro_rules! attempts {
    ($($name:ident: $source:expr => $ending:ident $(, $stdout:expr)?;)*) => {$(
        #[tokio::test]
        async fn $name() {
            let source = String::from($source);
            let outcome = crate::attempt::attempt(&source).await;
            let shown = source.chars().take(500).collect::<String>();
            assert_eq!(outcome.ending, sandboxes::Ending::$ending, "{shown}\n{outcome:?}");
            $(assert_eq!(outcome.stdout, $stdout, "{shown}\n{outcome:?}");)?
        }
    )*};
}
pub(crate) use attempts;
