//! The flags `-v` and `-q`, and the events that are logged for them.

use std::sync::atomic::{AtomicBool, Ordering};

use clap::{ArgAction, Args};

/// Set once at the start: every reporter of the process is silent.
static QUIET: AtomicBool = AtomicBool::new(false);

/// Heading of the flags that every command takes.
pub(crate) const HEADING: &str = "Options of every command";

/// Our crates, whose events are logged first.
const CRATES: [&str; 5] = ["harness", "models", "environments", "sandboxes", "pareto"];

/// Amount of output on standard error.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Args)]
pub(crate) struct Verbosity {
    /// Log more to standard error: our own events, with -vv also the libraries', with -vvv all. `RUST_LOG` overrides it.
    #[arg(short, long, global = true, action = ArgAction::Count, conflicts_with = "quiet", help_heading = HEADING)]
    verbose: u8,
    /// No progress and no log on standard error, only errors.
    #[arg(short, long, global = true, help_heading = HEADING)]
    quiet: bool,
}

impl Verbosity {
    /// Makes the reporters of this process silent if `--quiet` asks for it.
    pub(crate) fn apply(self) {
        QUIET.store(self.quiet, Ordering::Relaxed);
    }

    /// The events that are logged, as `RUST_LOG` would say it.
    pub(super) fn directives(self) -> String {
        let ours = |level: &str| CRATES.map(|name| format!("{name}={level}")).join(",");
        match (self.quiet, self.verbose) {
            (true, _) => "off".to_owned(),
            (false, 0) => format!("off,{}", ours("warn")),
            (false, 1) => format!("warn,{}", ours("debug")),
            (false, 2) => "debug".to_owned(),
            (false, _) => "trace".to_owned(),
        }
    }
}

/// True if `--quiet` was given.
pub(super) fn is_quiet() -> bool {
    QUIET.load(Ordering::Relaxed)
}

#[cfg(test)]
mod tests {
    use tracing_subscriber::EnvFilter;

    use super::*;

    #[test]
    fn every_verbosity_is_a_filter_and_says_more_than_the_one_before() {
        let loudest = |verbose, quiet| {
            let filter = EnvFilter::try_new(Verbosity { verbose, quiet }.directives()).unwrap();
            filter.max_level_hint()
        };
        let levels = [loudest(0, true), loudest(0, false), loudest(1, false), loudest(2, false), loudest(3, false)];
        assert!(levels.iter().all(Option::is_some) && levels.is_sorted(), "{levels:?}");
        assert_eq!(loudest(9, false), loudest(3, false));
    }

    #[test]
    fn only_our_warnings_are_logged_unless_more_is_asked_for() {
        let directives = |verbose, quiet| Verbosity { verbose, quiet }.directives();
        let quiet = directives(0, true);
        let usual = directives(0, false);
        let verbose = directives(1, false);
        assert_eq!(quiet, "off");
        for name in CRATES {
            assert!(usual.contains(&format!("{name}=warn")) && verbose.contains(&format!("{name}=debug")), "{name}");
        }
        assert!(usual.starts_with("off,") && verbose.starts_with("warn,"), "{usual} {verbose}");
    }
}
