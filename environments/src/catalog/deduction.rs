//! Program deduction: find the output of a program for a given input.

use sandboxes::{Sandbox, SandboxError};
use serde::{Deserialize, Serialize};

use super::one_turn::{Drawn, Question, Tier};
use super::prompt::{self, Phrasing};
use crate::{
    ReplyKind, Seed, Verdict, VerdictReason, extract,
    program::{GeneratedProgram, Probe, Purpose, draw_input, is_plain_line},
    seed::Draws,
    tricks::tricks,
};

const MAX_OUTPUT: usize = 120;

const PHRASING: Phrasing = Phrasing {
    easy: "What does the program print? Reply with one line: Answer: <output>",
    hard: "What does the program print? Work it out, then end your reply with one line: Answer: <output>",
    given: "Input",
};

/// Asks for a program's output.
pub(super) struct Deduction {
    tier: u8,
    probe: Probe,
}

/// Data for the verifier only.
#[derive(Serialize, Deserialize)]
pub(super) struct Private {
    output: String,
    /// Outputs of the worked examples and the input itself: wrong answers that a careless model gives.
    wrong: Vec<String>,
}

impl Question for Deduction {
    const NAME: &'static str = "deduction";
    const VERSION: &'static str = "2.0.0";
    const TIERS: &'static [Tier] = &[
        Tier { floor: 0.03, max_new_tokens: 32 },
        Tier { floor: 0.03, max_new_tokens: 64 },
        Tier { floor: 0.03, max_new_tokens: 512 },
        Tier { floor: 0.03, max_new_tokens: 2_048 },
        Tier { floor: 0.03, max_new_tokens: 8_192 },
    ];
    const REPLIES: ReplyKind = ReplyKind::Data;
    const ATTEMPTS: u32 = 200;
    const UNUSABLE: &'static str = "did not print one plain line that a fixed rule does not make from the input";

    type Private = Private;

    fn new(tier: u8, sandbox: &Sandbox) -> Self {
        Self { tier, probe: Probe::new(sandbox.clone()) }
    }

    async fn draw(&self, draws: &mut Draws) -> Result<Drawn<Self>, SandboxError> {
        let program = GeneratedProgram::draw(draws, self.tier, Purpose::Deduce);
        let inputs: Vec<String> =
            (0..=prompt::examples(self.tier)).map(|_| draw_input(draws, program.reads, self.tier)).collect();
        let outputs = self.probe.outputs(&program.source, &inputs).await?;
        let Some(outputs) = outputs.into_iter().collect::<Option<Vec<String>>>() else { return Ok(None) };
        Ok(asks_something(&program.source, &inputs, &outputs).map(|(output, wrong)| {
            let pairs: Vec<(String, String)> = inputs.into_iter().zip(outputs).collect();
            (prompt::ask(&PHRASING, &program.source, &pairs), Private { output, wrong })
        }))
    }

    async fn judge(&self, private: &Private, _: Seed, reply: &str) -> Result<Verdict, SandboxError> {
        Ok(judge(&private.output, reply))
    }

    fn oracle(private: &Private) -> String {
        format!("Answer: {}", private.output)
    }

    fn wrong(Private { output, mut wrong }: Private) -> Vec<String> {
        // Near misses that a verifier by substring, prefix, number or `int()` would accept.
        wrong.extend([
            format!("{output}{output}"),
            format!("{output} {output}"),
            format!("{output}0"),
            format!("x{output}"),
            output.chars().take(output.chars().count() - 1).collect(),
            output.replace(|c: char| c.is_ascii_digit(), "٣"),
        ]);
        wrong.retain(|text| *text != output);
        wrong.into_iter().map(|text| format!("Answer: {text}")).collect()
    }
}

/// The output to ask for and some wrong ones; `None` if a copy of a part of the prompt or a fixed rule would be right.
fn asks_something(program: &str, inputs: &[String], outputs: &[String]) -> Option<(String, Vec<String>)> {
    let (input, shown) = inputs.split_last()?;
    let (output, shown_outputs) = outputs.split_last()?;
    // A shown input would make its shown output the answer.
    let mut wrong: Vec<String> = shown_outputs.to_vec();
    wrong.push(input.clone());
    let fresh = !wrong.contains(output) && !shown.contains(input);
    let tricked = || tricks(input, program).iter().any(|(_, answer)| answer == output);
    let plain = outputs.iter().all(|output| is_plain_line(output, MAX_OUTPUT));
    (fresh && plain && !tricked()).then(|| (output.clone(), wrong))
}

/// Accepts exactly the expected line; one pair of quotes around all of it is forgiven.
fn judge(expected: &str, reply: &str) -> Verdict {
    let Some((answer, place)) = extract::found(reply) else { return Verdict::zero(VerdictReason::NoAnswer) };
    // Twice the length of the right answer, in quotes.
    if answer.len() > 2 * expected.len() + 8 {
        return Verdict::zero(VerdictReason::TooLong).on(place);
    }
    let unquoted = [('"', '"'), ('\'', '\'')]
        .iter()
        .find_map(|&(open, close)| answer.strip_prefix(open).and_then(|rest| rest.strip_suffix(close)));
    let is_right = answer == expected || unquoted == Some(expected);
    if is_right { Verdict::RIGHT.on(place) } else { Verdict::zero(VerdictReason::Wrong).on(place) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_whole_line_is_right() {
        let cases = [
            ("12", "Answer: 12", VerdictReason::Right),
            ("12", "Answer: \"12\"", VerdictReason::Right),
            ("12", "12", VerdictReason::Right),
            ("12", "Answer: 1", VerdictReason::Wrong),
            ("12", "Answer: 123", VerdictReason::Wrong),
            ("12", "Answer: 12.0", VerdictReason::Wrong),
            ("12", "Answer: 012", VerdictReason::Wrong),
            ("12", "Answer: １２", VerdictReason::Wrong),
            ("12", "Answer: 10+2", VerdictReason::Wrong),
            ("12", "Answer: \"12", VerdictReason::Wrong),
            ("12", "Answer:", VerdictReason::NoAnswer),
            ("12", "", VerdictReason::NoAnswer),
            ("a b", "Answer: a  b", VerdictReason::Wrong),
        ];
        for (expected, reply, reason) in cases {
            assert_eq!(judge(expected, reply).reason, reason, "{reply:?}");
        }
    }

    #[test]
    fn a_task_that_a_copy_of_the_prompt_would_solve_is_drawn_again() {
        let text = |items: &[&str]| items.iter().map(|&item| item.to_owned()).collect::<Vec<_>>();
        let cases: [(&[&str], &[&str], bool); 7] = [
            (&["1", "2", "3"], &["2", "3", "47"], true),
            (&["ab", "cd", "ef"], &["ba", "dc", "fe"], false),
            (&["ab", "cd", "ef"], &["AB", "CD", "EF"], false),
            (&["a", "b", "c"], &["A", "B", "c"], false),
            (&["a", "b", "c"], &["A", "X", "X"], false),
            (&["a", "b", "b"], &["A", "B", "C"], false),
            (&["a", "b", "c"], &["A", "B", ""], false),
        ];
        for (inputs, outputs, accepted) in cases {
            let asked = asks_something("s = input()", &text(inputs), &text(outputs));
            assert_eq!(asked.is_some(), accepted, "{inputs:?}");
        }
    }
}
