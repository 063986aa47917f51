//! Program abduction: find an input for which a program prints a given output.
//!
//! An answer is judged by running the program on it in an instance of its own and comparing the output in the host. A
//! draw is rejected if the program prints the same output for that output itself, for an input shown in the prompt, for a stock
//! input or for what a fixed rule makes of the output, so that neither an echo nor a constant nor a reversal is an answer.

use sandboxes::{Sandbox, SandboxError};
use serde::{Deserialize, Serialize};

use super::one_turn::{Drawn, Question, Tier, printed};
use super::prompt::{self, Phrasing};
use crate::{
    ReplyKind, Seed, Verdict, VerdictReason, extract,
    program::{GeneratedProgram, Probe, Purpose, ValueKind, draw_input, is_plain_line, limits},
    seed::Draws,
    tricks::tricks,
};

const MAX_OUTPUT: usize = 120;

const PHRASING: Phrasing = Phrasing {
    easy: "Which input makes the program print this output? Reply with one line: Answer: <input>",
    hard: "Which input makes the program print this output? It is one line of lower-case words, or of integers where \
           the program reads integers. Work it out, then end your reply with one line: Answer: <input>",
    given: "Output",
};

/// Asks for an input of a program.
pub(super) struct Abduction {
    tier: u8,
    sandbox: Sandbox,
    probe: Probe,
}

/// Data for the verifier only.
#[derive(Serialize, Deserialize)]
pub(super) struct Private {
    pub(super) program: String,
    pub(super) output: String,
    /// One input that prints the output; there may be others.
    pub(super) input: String,
    /// Kind of input; an answer must be of the same kind.
    pub(super) reads: ValueKind,
    /// Inputs for which the program printed something else.
    pub(super) wrong: Vec<String>,
}

impl Private {
    /// Longest answer that is looked at: twice the known one, with room for a longer one under a program that forgets much.
    fn most_bytes(&self) -> usize {
        2 * self.input.len() + 32
    }
}

impl Question for Abduction {
    const NAME: &'static str = "abduction";
    const VERSION: &'static str = "2.0.0";
    const TIERS: &'static [Tier] = &[
        Tier { floor: 0.05, max_new_tokens: 32 },
        Tier { floor: 0.05, max_new_tokens: 64 },
        Tier { floor: 0.05, max_new_tokens: 512 },
        Tier { floor: 0.05, max_new_tokens: 2_048 },
        Tier { floor: 0.05, max_new_tokens: 8_192 },
    ];
    const REPLIES: ReplyKind = ReplyKind::Data;
    const ATTEMPTS: u32 = 200;
    const UNUSABLE: &'static str = "gave its input away";

    type Private = Private;

    fn new(tier: u8, sandbox: &Sandbox) -> Self {
        Self { tier, sandbox: sandbox.clone(), probe: Probe::new(sandbox.clone()) }
    }

    async fn draw(&self, draws: &mut Draws) -> Result<Drawn<Self>, SandboxError> {
        let GeneratedProgram { source: program, reads, .. } = GeneratedProgram::draw(draws, self.tier, Purpose::Invert);
        let mut inputs: Vec<String> =
            (0..=prompt::examples(self.tier)).map(|_| draw_input(draws, reads, self.tier)).collect();
        let asked = inputs.len() - 1;
        inputs.extend(stock_inputs(reads).iter().map(|&input| input.to_owned()));
        let printed = self.probe.outputs(&program, &inputs).await?;
        let Some(shown) = printed[..=asked].iter().cloned().collect::<Option<Vec<String>>>() else { return Ok(None) };
        if !shown.iter().all(|output| is_plain_line(output, MAX_OUTPUT)) {
            return Ok(None);
        }
        let (input, output) = (inputs[asked].clone(), shown[asked].clone());
        // Answers of policies that copy the prompt or reply with a constant; none may print the output.
        let mut others: Vec<(String, Option<String>)> = inputs.iter().cloned().zip(printed).collect();
        // The asked input itself prints the output, of course.
        others.remove(asked);
        let mut echoes: Vec<String> = shown.to_vec();
        let made = tricks(&output, &program).into_iter().map(|(_, answer)| answer);
        echoes.extend(made.filter(|answer| is_of_kind(reads, answer) && *answer != input));
        echoes.sort_unstable();
        echoes.dedup();
        if tricks(&output, &program).iter().any(|(_, answer)| *answer == input) {
            return Ok(None);
        }
        let echoed = self.probe.outputs(&program, &echoes).await?;
        others.extend(echoes.into_iter().zip(echoed));
        if others.iter().any(|(_, printed)| printed.as_ref() == Some(&output)) {
            return Ok(None);
        }
        let pairs: Vec<(String, String)> = shown.into_iter().zip(inputs).collect();
        let public = prompt::ask(&PHRASING, &program, &pairs);
        let wrong = others.into_iter().map(|(input, _)| input).collect();
        Ok(Some((public, Private { program, output, input, reads, wrong })))
    }

    async fn judge(&self, private: &Private, seed: Seed, reply: &str) -> Result<Verdict, SandboxError> {
        let Some((answer, place)) = extract::found(reply) else { return Ok(Verdict::zero(VerdictReason::NoAnswer)) };
        if answer.len() > private.most_bytes() {
            return Ok(Verdict::zero(VerdictReason::TooLong).on(place));
        }
        if !is_of_kind(private.reads, answer) {
            return Ok(Verdict::zero(VerdictReason::Malformed).on(place));
        }
        let verdict = match printed(&self.sandbox, &private.program, answer, seed, limits(1)).await? {
            Ok(printed) if printed.strip_suffix('\n') == Some(&private.output) => Verdict::RIGHT,
            Ok(_) => Verdict::zero(VerdictReason::Wrong),
            Err(reason) => Verdict::zero(reason),
        };
        Ok(verdict.on(place))
    }

    fn oracle(private: &Private) -> String {
        format!("Answer: {}", private.input)
    }

    fn wrong(private: Private) -> Vec<String> {
        // Python's `int` reads digits of other scripts, so these would print the output.
        let digits = private.input.replace(|c: char| c.is_ascii_digit(), "٣");
        let mut wrong = private.wrong;
        wrong.retain(|text| !text.is_empty());
        wrong.extend([digits, format!("print({:?})", private.output), format!("{0}\u{0}", private.input)]);
        wrong.retain(|text| *text != private.input);
        wrong.into_iter().map(|text| format!("Answer: {text}")).collect()
    }
}

/// Checks that an answer looks like an input that the generator draws. Python's `int` reads digits of every script,
/// underscores and signs, and many odd texts have the same output under a lossy program; neither is accepted.
fn is_of_kind(kind: ValueKind, answer: &str) -> bool {
    let word = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_lowercase());
    let number = |text: &str| {
        let digits = text.strip_prefix('-').unwrap_or(text);
        !digits.is_empty() && digits.len() <= 18 && digits.bytes().all(|byte| byte.is_ascii_digit())
    };
    match kind {
        ValueKind::Number => number(answer),
        ValueKind::Text => word(answer),
        ValueKind::Numbers => answer.split(' ').all(number),
        ValueKind::Words => answer.split(' ').all(word),
    }
}

/// Inputs that a policy would try without reading the task.
fn stock_inputs(kind: ValueKind) -> &'static [&'static str] {
    match kind {
        ValueKind::Number => &["0", "1", "-1", "2", "3", "5", "10", "42", "100"],
        ValueKind::Text => &["", "a", "abc", "hello", "cat", "0", "1"],
        ValueKind::Numbers => &["", "0", "1", "0 0 0", "1 1 1", "1 2 3", "3 2 1"],
        ValueKind::Words => &["", "a", "a b", "a b c", "hello world", "cat dog"],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_must_look_like_an_input() {
        let cases = [
            (ValueKind::Number, "5", true),
            (ValueKind::Number, "-5", true),
            (ValueKind::Number, "+5", false),
            (ValueKind::Number, "1_0", false),
            (ValueKind::Number, "٥", false),
            (ValueKind::Number, "5 5", false),
            (ValueKind::Number, "9999999999999999999999", false),
            (ValueKind::Text, "dog", true),
            (ValueKind::Text, "dog cat", false),
            (ValueKind::Text, "eval(1)", false),
            (ValueKind::Text, "dög", false),
            (ValueKind::Numbers, "1 -2 3", true),
            (ValueKind::Numbers, "1  2", false),
            (ValueKind::Numbers, "[1, 2]", false),
            (ValueKind::Words, "dog cat", true),
            (ValueKind::Words, "dog  cat", false),
            (ValueKind::Words, "dog 1", false),
        ];
        for (kind, answer, accepted) in cases {
            assert_eq!(is_of_kind(kind, answer), accepted, "{kind:?} {answer:?}");
        }
    }
}
