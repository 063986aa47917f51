//! What a check found.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::EnvironmentId;

/// What was checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Item {
    /// Every seed gives a task.
    Generates,
    /// The same seed gives the same bytes.
    SameBytes,
    /// Seeds give different tasks.
    Distinct,
    /// The oracle's reply scores 1, padded and fenced too.
    Oracle,
    /// Replies that the environment calls wrong score 0.
    Wrong,
    /// No constant reply scores above the floor.
    Constants,
    /// Nor does another task's answer.
    AnotherAnswer,
    /// Nor does the prompt or a part of it.
    CopiedPrompt,
    /// Nor do random bytes.
    RandomBytes,
    /// Nonsense is judged, and alike twice.
    Junk,
    /// Hostile replies run nothing and score 0.
    Hostile,
}

/// How an item came out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Standing {
    /// As it should be.
    Passed,
    /// Not as it should be; the environment is not admitted.
    Failed,
    /// Not checked, because the environment gives nothing to check it with.
    Skipped,
}

/// One item of a report.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Finding {
    /// What was checked.
    pub item: Item,
    /// How it came out.
    pub standing: Standing,
    /// A mean score in [0, 1], where one was measured.
    pub measured: Option<f64>,
    /// What happened, as a sentence.
    pub sentence: String,
}

/// What a check found, in the order in which it looked.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// What was checked.
    pub environment: EnvironmentId,
    /// The floor that the environment states.
    pub floor: f64,
    /// One finding an item.
    pub findings: Vec<Finding>,
}

impl Report {
    pub(super) fn new(environment: EnvironmentId, floor: f64) -> Self {
        Self { environment, floor, findings: Vec::new() }
    }

    /// Whether the environment may be admitted.
    pub fn passed(&self) -> bool {
        self.findings.iter().all(|finding| finding.standing != Standing::Failed)
    }

    /// The highest mean score of any policy that does not read the task.
    pub fn measured_floor(&self) -> f64 {
        self.findings.iter().filter_map(|finding| finding.measured).fold(0.0, f64::max)
    }

    pub(super) fn note(&mut self, item: Item, good: bool, sentence: String) {
        let standing = if good { Standing::Passed } else { Standing::Failed };
        self.findings.push(Finding { item, standing, measured: None, sentence });
    }

    pub(super) fn fail(&mut self, item: Item, sentence: String) {
        self.findings.push(Finding { item, standing: Standing::Failed, measured: None, sentence });
    }

    pub(super) fn skip(&mut self, item: Item, sentence: String) {
        self.findings.push(Finding { item, standing: Standing::Skipped, measured: None, sentence });
    }

    /// Holds a mean score over some tasks against the stated floor; an excess that chance explains is no failure.
    pub(super) fn measure(&mut self, item: Item, mean: f64, tasks: usize, sentence: String) {
        let failed = mean > self.floor && chance_of(mean * tasks as f64, tasks, self.floor) < SIGNIFICANCE;
        let standing = if failed { Standing::Failed } else { Standing::Passed };
        let sentence =
            format!("{sentence} {mean:.3} on average over {tasks} tasks; the stated floor is {}", self.floor);
        self.findings.push(Finding { item, standing, measured: Some(mean), sentence });
    }
}

/// Below this chance an excess over the floor is taken for real.
const SIGNIFICANCE: f64 = 0.02;

/// The chance that at least this many of so many tasks are right when each is with the given probability.
fn chance_of(right: f64, tasks: usize, probability: f64) -> f64 {
    let mut chance = (1.0 - probability).powf(tasks as f64);
    let mut tail = 0.0;
    for count in 0..=tasks {
        if count as f64 >= right - 1e-9 {
            tail += chance;
        }
        chance *= (tasks - count) as f64 / (count + 1) as f64 * probability / (1.0 - probability);
    }
    tail
}

impl fmt::Display for Report {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(out, "{}: {}", self.environment, if self.passed() { "passed" } else { "failed" })?;
        for Finding { standing, sentence, .. } in &self.findings {
            let mark = match standing {
                Standing::Passed => "ok  ",
                Standing::Failed => "FAIL",
                Standing::Skipped => "skip",
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
            (0.05, 0.0, 16, Standing::Passed),
            (0.05, 1.0 / 16.0, 16, Standing::Passed),
            (0.05, 4.0 / 16.0, 16, Standing::Failed),
            (0.05, 0.055, 200, Standing::Passed),
            (0.05, 0.1, 200, Standing::Failed),
            (0.0, 1.0 / 200.0, 200, Standing::Failed),
            (0.5, 1.0, 200, Standing::Failed),
        ];
        for (floor, mean, tasks, standing) in cases {
            let mut report = Report::new(EnvironmentId::built_in("x", "1.0.0", 0), floor);
            report.measure(Item::Constants, mean, tasks, String::new());
            assert_eq!(report.findings[0].standing, standing, "{mean} of {tasks} against {floor}");
        }
    }

    #[test]
    fn the_chance_of_a_count_is_the_binomial_tail() {
        for (right, tasks, probability, expected) in [(1.0, 2, 0.5, 0.75), (2.0, 2, 0.5, 0.25), (0.0, 5, 0.3, 1.0)] {
            assert!((chance_of(right, tasks, probability) - expected).abs() < 1e-12);
        }
    }
}
