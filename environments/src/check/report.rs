//! Results of a check.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::EnvironmentId;

/// Property that a check tests.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CheckItem {
    /// Every seed gives a task.
    Generates,
    /// The same seed gives the same bytes.
    SameBytes,
    /// Seeds give different questions, worked examples aside.
    Distinct,
    /// The oracle's reply scores 1, padded and fenced too.
    Oracle,
    /// Replies that the environment calls wrong score 0.
    Wrong,
    /// No constant reply scores above the floor.
    Constants,
    /// Another task's answer does not score above the floor.
    AnotherAnswer,
    /// The prompt, or a part of it, does not score above the floor.
    CopiedPrompt,
    /// Random bytes do not score above the floor.
    RandomBytes,
    /// No rule by the places of literals scores above the floor.
    Places,
    /// No rule by the signs of literals scores above the floor.
    Signs,
    /// No pass over clauses that never looks back scores above the floor.
    OnePass,
    /// No rule on letters, words and numbers of the question scores above the floor.
    Rules,
    /// No short program scores above the floor.
    ShortPrograms,
    /// A program that reads the question does not score above the floor.
    ConstantCompiler,
    /// Nonsensical replies get a verdict, the same one twice.
    Junk,
    /// Hostile replies are not executed and score 0.
    Hostile,
}

/// Outcome of an item.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CheckOutcome {
    /// The property holds.
    Passed,
    /// The property does not hold; the environment is not admitted.
    Failed,
    /// Not checked, because the environment lacks the optional function for it.
    Skipped,
}

/// Result for one item.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CheckFinding {
    /// Tested property.
    pub item: CheckItem,
    /// Outcome, recorded as `standing`.
    #[serde(rename = "standing")]
    pub outcome: CheckOutcome,
    /// A mean score in [0, 1], where one was measured.
    pub measured: Option<f64>,
    /// Description of the observation.
    pub sentence: String,
}

/// Results of a check, in the order of the attacks.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CheckReport {
    /// Identity of the environment.
    pub environment: EnvironmentId,
    /// Floor as stated by the environment.
    pub floor: f64,
    /// Results, one for each tested property.
    pub findings: Vec<CheckFinding>,
}

impl CheckReport {
    pub(super) fn new(environment: EnvironmentId, floor: f64) -> Self {
        Self { environment, floor, findings: Vec::new() }
    }

    /// True if no item failed, so that the environment may be admitted.
    pub fn passed(&self) -> bool {
        self.findings.iter().all(|finding| finding.outcome != CheckOutcome::Failed)
    }

    /// Adds a passed or failed item.
    pub(super) fn note(&mut self, item: CheckItem, good: bool, sentence: String) {
        let outcome = if good { CheckOutcome::Passed } else { CheckOutcome::Failed };
        self.findings.push(CheckFinding { item, outcome, measured: None, sentence });
    }

    /// Adds a failed item.
    pub(super) fn fail(&mut self, item: CheckItem, sentence: String) {
        self.findings.push(CheckFinding { item, outcome: CheckOutcome::Failed, measured: None, sentence });
    }

    /// Adds a skipped item.
    pub(super) fn skip(&mut self, item: CheckItem, sentence: String) {
        self.findings.push(CheckFinding { item, outcome: CheckOutcome::Skipped, measured: None, sentence });
    }

    /// Compares a mean score over some tasks with the stated floor; an excess within chance passes.
    pub(super) fn measure(&mut self, item: CheckItem, mean: f64, tasks: usize, sentence: String) {
        // An environment whose true mean equals its floor exceeds it on half of all samples.
        let failed = mean > self.floor && chance_of(mean * tasks as f64, tasks, self.floor) < SIGNIFICANCE;
        let outcome = if failed { CheckOutcome::Failed } else { CheckOutcome::Passed };
        let sentence =
            format!("{sentence} {mean:.3} on average over {tasks} tasks; the stated floor is {}", self.floor);
        self.findings.push(CheckFinding { item, outcome, measured: Some(mean), sentence });
    }
}

/// Significance level of an excess over the floor.
const SIGNIFICANCE: f64 = 0.02;

/// Upper tail of the binomial distribution: probability that at least `right` of `tasks` tasks are right.
fn chance_of(right: f64, tasks: usize, probability: f64) -> f64 {
    let mut chance = (1.0 - probability).powf(tasks as f64);
    let mut tail = 0.0;
    for count in 0..=tasks {
        // `right` is a mean times a count, so it may lie a rounding error above the whole number.
        if count as f64 >= right - 1e-9 {
            tail += chance;
        }
        chance *= (tasks - count) as f64 / (count + 1) as f64 * probability / (1.0 - probability);
    }
    tail
}

/// The beginning of a reply, in quotes.
pub(super) fn quoted(reply: &str) -> String {
    let text: String = reply.chars().take(80).collect();
    if text.len() < reply.len() { format!("{text:?}...") } else { format!("{text:?}") }
}

impl fmt::Display for CheckReport {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(out, "{}: {}", self.environment, if self.passed() { "passed" } else { "failed" })?;
        for CheckFinding { outcome, sentence, .. } in &self.findings {
            let mark = match outcome {
                CheckOutcome::Passed => "ok  ",
                CheckOutcome::Failed => "FAIL",
                CheckOutcome::Skipped => "skip",
            };
            writeln!(out, "  {mark} {sentence}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_excess_over_the_floor_fails_unless_chance_explains_it() {
        let cases = [
            (0.05, 0.0, 16, CheckOutcome::Passed),
            (0.05, 1.0 / 16.0, 16, CheckOutcome::Passed),
            (0.05, 4.0 / 16.0, 16, CheckOutcome::Failed),
            (0.05, 0.055, 200, CheckOutcome::Passed),
            (0.05, 0.1, 200, CheckOutcome::Failed),
            (0.0, 1.0 / 200.0, 200, CheckOutcome::Failed),
            (0.5, 1.0, 200, CheckOutcome::Failed),
        ];
        for (floor, mean, tasks, outcome) in cases {
            let mut report = CheckReport::new(EnvironmentId::built_in("x", "1.0.0", 0), floor);
            report.measure(CheckItem::Constants, mean, tasks, String::new());
            assert_eq!(report.findings[0].outcome, outcome, "{mean} of {tasks} against {floor}");
        }
    }

    #[test]
    fn the_chance_of_a_count_is_the_binomial_tail() {
        for (right, tasks, probability, expected) in [(1.0, 2, 0.5, 0.75), (2.0, 2, 0.5, 0.25), (0.0, 5, 0.3, 1.0)] {
            assert!((chance_of(right, tasks, probability) - expected).abs() < 1e-12);
        }
    }
}
