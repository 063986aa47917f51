//! Program deduction: what does this program print for this input?

use sandboxes::Sandbox;
use serde::{Deserialize, Serialize};

use super::{Tier, question};
use crate::{
    BoxFuture, Conversation, Environment, EnvironmentError, EnvironmentId, Reason, Seed, Task, Turn, Verdict, extract,
    program::{Probe, Program, Purpose, draw_input, is_plain_line},
    seed::Draws,
};

pub(super) const NAME: &str = "deduction";
const VERSION: &str = "1.0.0";

/// The tiers, the easiest first.
pub(super) const TIERS: &[Tier] = &[
    Tier { floor: 0.04, max_new_tokens: 24 },
    Tier { floor: 0.04, max_new_tokens: 48 },
    Tier { floor: 0.03, max_new_tokens: 512 },
    Tier { floor: 0.03, max_new_tokens: 2_048 },
    Tier { floor: 0.03, max_new_tokens: 8_192 },
];

const MOST_ATTEMPTS: u32 = 200;
const LONGEST_OUTPUT: usize = 120;

const WORDS: question::Words = question::Words {
    easy: "What does the program print? Reply with one line: Answer: <output>",
    hard: "What does the program print? Work it out, then end your reply with one line: Answer: <output>",
    given: "Input",
};

/// The environment.
pub(super) struct Deduction {
    id: EnvironmentId,
    tier: Tier,
    probe: Probe,
}

/// What the judge knows.
#[derive(Serialize, Deserialize)]
struct Private {
    output: String,
    /// Outputs of the worked examples and the input itself: right for something else.
    wrong: Vec<String>,
}

impl Deduction {
    pub(super) fn new(tier: u8, sandbox: &Sandbox) -> Self {
        Self {
            id: EnvironmentId::built_in(NAME, VERSION, tier),
            tier: TIERS[usize::from(tier)],
            probe: Probe::new(sandbox.clone()),
        }
    }

    async fn make(&self, seed: Seed) -> Result<Task, EnvironmentError> {
        for attempt in 0..MOST_ATTEMPTS {
            let mut draws = Draws::new("deduction", seed, attempt);
            let program = Program::draw(&mut draws, self.id.tier, Purpose::Deduce);
            let examples = question::examples(self.id.tier);
            let inputs: Vec<String> =
                (0..=examples).map(|_| draw_input(&mut draws, program.reads, self.id.tier)).collect();
            let outputs = (self.probe.outputs(&program.source, &inputs).await)
                .map_err(|source| EnvironmentError::Sandbox { environment: self.id.clone(), source })?;
            let Some(outputs) = outputs.into_iter().collect::<Option<Vec<String>>>() else { continue };
            if let Some((output, wrong)) = asks_something(&inputs, &outputs) {
                let pairs: Vec<(String, String)> = inputs.into_iter().zip(outputs).collect();
                let public = question::ask(&WORDS, &program.source, &pairs);
                return Ok(Task::sealed(seed, public, &Private { output, wrong }));
            }
        }
        Err(EnvironmentError::Generator {
            environment: self.id.clone(),
            seed: seed.0,
            problem: format!("none of {MOST_ATTEMPTS} programs printed one plain line that is not its input"),
        })
    }
}

/// The output to ask for and outputs that are wrong, unless a copy of something in the prompt would be right.
fn asks_something(inputs: &[String], outputs: &[String]) -> Option<(String, Vec<String>)> {
    let (input, shown) = inputs.split_last()?;
    let (output, shown_outputs) = outputs.split_last()?;
    let mut wrong: Vec<String> = shown_outputs.to_vec();
    wrong.push(input.clone());
    let fresh = !wrong.contains(output) && !shown.contains(input);
    (fresh && outputs.iter().all(|output| is_plain_line(output, LONGEST_OUTPUT))).then(|| (output.clone(), wrong))
}

impl Environment for Deduction {
    fn id(&self) -> &EnvironmentId {
        &self.id
    }

    fn floor(&self) -> f64 {
        self.tier.floor
    }

    fn max_new_tokens(&self) -> u32 {
        self.tier.max_new_tokens
    }

    fn task(&self, seed: Seed) -> BoxFuture<'_, Result<Task, EnvironmentError>> {
        Box::pin(self.make(seed))
    }

    fn turn<'a>(
        &'a self,
        task: &'a Task,
        conversation: &'a Conversation,
    ) -> BoxFuture<'a, Result<Turn, EnvironmentError>> {
        Box::pin(async move {
            let private: Private = task.unseal(&self.id)?;
            Ok(Turn::Done(judge(&private.output, conversation.reply().unwrap_or_default())))
        })
    }

    fn oracle<'a>(&'a self, task: &'a Task) -> BoxFuture<'a, Result<Option<Vec<String>>, EnvironmentError>> {
        Box::pin(async move {
            let private: Private = task.unseal(&self.id)?;
            Ok(Some(vec![format!("Answer: {}", private.output)]))
        })
    }

    fn wrong<'a>(&'a self, task: &'a Task) -> BoxFuture<'a, Result<Vec<String>, EnvironmentError>> {
        Box::pin(async move {
            let Private { output, mut wrong } = task.unseal(&self.id)?;
            wrong.extend([
                format!("{output}{output}"),
                format!("{output} {output}"),
                format!("{output}0"),
                format!("x{output}"),
                output.chars().take(output.chars().count() - 1).collect(),
                output.replace(|c: char| c.is_ascii_digit(), "٣"),
            ]);
            wrong.retain(|text| *text != output);
            Ok(wrong.into_iter().map(|text| format!("Answer: {text}")).collect())
        })
    }
}

/// Exactly the expected line; one pair of quotes around all of it is forgiven.
fn judge(expected: &str, reply: &str) -> Verdict {
    let Some(answer) = extract::answer(reply) else { return Verdict::zero(Reason::NoAnswer) };
    let unquoted = [('"', '"'), ('\'', '\'')]
        .iter()
        .find_map(|&(open, close)| answer.strip_prefix(open).and_then(|rest| rest.strip_suffix(close)));
    if answer == expected || unquoted == Some(expected) { Verdict::RIGHT } else { Verdict::zero(Reason::Wrong) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_whole_line_is_right() {
        let cases = [
            ("12", "Answer: 12", Reason::Right),
            ("12", "Answer: \"12\"", Reason::Right),
            ("12", "12", Reason::Right),
            ("12", "Answer: 1", Reason::Wrong),
            ("12", "Answer: 123", Reason::Wrong),
            ("12", "Answer: 12.0", Reason::Wrong),
            ("12", "Answer: 012", Reason::Wrong),
            ("12", "Answer: １２", Reason::Wrong),
            ("12", "Answer: 10+2", Reason::Wrong),
            ("12", "Answer: \"12", Reason::Wrong),
            ("12", "Answer:", Reason::NoAnswer),
            ("12", "", Reason::NoAnswer),
            ("a b", "Answer: a  b", Reason::Wrong),
        ];
        for (expected, reply, reason) in cases {
            assert_eq!(judge(expected, reply).reason, reason, "{reply:?}");
        }
    }

    #[test]
    fn a_task_that_a_copy_of_the_prompt_would_solve_is_drawn_again() {
        let text = |items: &[&str]| items.iter().map(|&item| item.to_owned()).collect::<Vec<_>>();
        let cases: [(&[&str], &[&str], bool); 5] = [
            (&["1", "2", "3"], &["2", "3", "4"], true),
            (&["a", "b", "c"], &["A", "B", "c"], false),
            (&["a", "b", "c"], &["A", "X", "X"], false),
            (&["a", "b", "b"], &["A", "B", "C"], false),
            (&["a", "b", "c"], &["A", "B", ""], false),
        ];
        for (inputs, outputs, accepted) in cases {
            assert_eq!(asks_something(&text(inputs), &text(outputs)).is_some(), accepted, "{inputs:?}");
        }
    }
}
