//! Metrics of the service, in Prometheus's text format.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

use crate::events::{Event, Reporter};

type Level = Gauge<f64, AtomicU64>;

/// Label of metrics that count by task.
#[derive(Debug, Clone, Hash, PartialEq, Eq, EncodeLabelSet)]
struct TaskLabel {
    task: String,
}

/// Counters and gauges of a validator.
#[derive(Debug)]
pub(crate) struct Metrics {
    registry: Registry,
    restarts: Family<TaskLabel, Counter>,
    rollouts: Counter,
    retries: Counter,
    submissions: Counter,
    refusals: Counter,
    /// The latest finalized block.
    pub(super) head: Level,
    /// Seconds since it was seen.
    pub(super) head_age: Level,
    /// Changes of the endpoint.
    pub(super) rotations: Level,
    /// First block of the window that plays; 0 where none does.
    pub(super) window: Level,
    /// Windows whose decision is due and not there.
    pub(super) behind: Level,
    /// First block of the window whose decision is in force.
    pub(super) in_force: Level,
    /// Blocks since this validator's weights were last taken.
    pub(super) weights_age: Level,
    /// The same in tempos.
    pub(super) weights_age_tempos: Level,
    /// 1 where the chain holds the row in force as it was read back, else 0.
    pub(super) applied: Level,
    /// 1 where the service is well, else 0.
    pub(super) healthy: Level,
}

impl Default for Metrics {
    fn default() -> Self {
        let mut registry = Registry::with_prefix("dethrone");
        let mut level = |name: &str, help: &str| {
            let level = Level::default();
            registry.register(name, help, level.clone());
            level
        };
        let head = level("finalized_block", "The latest finalized block");
        let head_age = level("finalized_block_age_seconds", "Seconds since a new finalized block was seen");
        let rotations = level("endpoint_changes", "Changes of the chain's endpoint since the start");
        let window = level("window_seed_block", "First block of the window that plays, 0 where none does");
        let behind = level("windows_behind", "Windows whose decision is due and not there");
        let in_force = level("decision_seed_block", "First block of the window whose decision is in force");
        let weights_age = level("weights_age_blocks", "Blocks since the chain last took this validator's weights");
        let weights_age_tempos =
            level("weights_age_tempos", "Tempos since the chain last took this validator's weights");
        let applied = level("weights_applied", "1 where the chain was seen to hold the latest row, else 0");
        let healthy = level("healthy", "1 where /healthz is green, else 0");
        let restarts = Family::<TaskLabel, Counter>::default();
        registry.register("task_restarts", "Tasks that failed and were begun again", restarts.clone());
        let mut counter = |name: &str, help: &str| {
            let counter = Counter::default();
            registry.register(name, help, counter.clone());
            counter
        };
        let rollouts = counter("rollouts", "Rollouts that ended");
        let retries = counter("retries", "Attempts that this machine failed at and made again");
        let submissions = counter("weight_submissions", "Rows of weights that finalized blocks hold");
        let refusals = counter("weight_refusals", "Rows of weights that were refused or failed");
        Self {
            registry,
            restarts,
            rollouts,
            retries,
            submissions,
            refusals,
            head,
            head_age,
            rotations,
            window,
            behind,
            in_force,
            weights_age,
            weights_age_tempos,
            applied,
            healthy,
        }
    }
}

impl Metrics {
    /// All metrics as text.
    pub(crate) fn text(&self) -> String {
        let mut text = String::new();
        encode(&mut text, &self.registry).expect("a text takes everything that is written to it");
        text
    }

    /// Counts a task that failed and is begun again.
    pub(super) fn restarted(&self, task: &str) {
        self.restarts.get_or_create(&TaskLabel { task: task.to_owned() }).inc();
    }

    /// Counts a row that a finalized block holds.
    pub(super) fn submitted(&self) {
        self.submissions.inc();
    }

    /// Counts a row that was refused or failed.
    pub(super) fn refused(&self) {
        self.refusals.inc();
    }

    fn count(&self, event: &Event) {
        match event {
            Event::RolloutEnded { .. } => {
                self.rollouts.inc();
            }
            Event::Retrying { .. } => {
                self.retries.inc();
            }
            _ => {}
        }
    }

    /// Rollouts that ended since the start.
    pub(super) fn rollouts(&self) -> u64 {
        self.rollouts.get()
    }
}

/// Counts events and logs those that a person would want to find again, then shows them to another reporter.
pub(super) struct MeteredReporter {
    metrics: Arc<Metrics>,
    shown: Arc<dyn Reporter>,
}

impl MeteredReporter {
    /// A reporter before another.
    pub(super) fn new(metrics: Arc<Metrics>, shown: Arc<dyn Reporter>) -> Self {
        Self { metrics, shown }
    }
}

impl Reporter for MeteredReporter {
    fn report(&self, event: Event) {
        self.metrics.count(&event);
        match &event {
            Event::Standing { entry, standing } => tracing::info!(entry, standing, "standing"),
            Event::Decided { sentence } => tracing::info!(sentence, "decided"),
            Event::Overridden { sentence } | Event::Served { sentence } => tracing::info!(sentence, "noted"),
            Event::Retrying { what } => tracing::warn!(what, "tried again"),
            _ => {}
        }
        self.shown.report(event);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::window::fixtures::Recorder;

    #[test]
    fn metrics_are_text_with_help_and_the_values_set() {
        let metrics = Arc::new(Metrics::default());
        metrics.head.set(7_200.0);
        metrics.weights_age_tempos.set(1.25);
        metrics.restarted("player");
        metrics.restarted("player");
        metrics.submitted();
        let shown = Arc::new(Recorder::default());
        let reporter = MeteredReporter::new(Arc::clone(&metrics), Arc::<Recorder>::clone(&shown));
        reporter.report(Event::RolloutEnded { entry: "alice".to_owned(), tokens: 5, score: Some(1.0) });
        reporter.report(Event::Retrying { what: "the hub".to_owned() });
        reporter.report(Event::Played { entry: "alice".to_owned() });
        let text = metrics.text();
        for line in [
            "# HELP dethrone_finalized_block The latest finalized block.",
            "dethrone_finalized_block 7200.0",
            "dethrone_weights_age_tempos 1.25",
            "dethrone_task_restarts_total{task=\"player\"} 2",
            "dethrone_rollouts_total 1",
            "dethrone_retries_total 1",
            "dethrone_weight_submissions_total 1",
            "dethrone_weight_refusals_total 0",
            "# EOF",
        ] {
            assert!(text.lines().any(|found| found == line), "{line} in\n{text}");
        }
        assert_eq!((shown.events().len(), metrics.rollouts()), (3, 1));
    }
}
