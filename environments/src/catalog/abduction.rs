//! Program abduction: which input makes this program print this output?
//!
//! An answer is judged by running the program on it in an instance of its own and comparing what it prints here. An
//! output that the program also prints for itself, for an input shown in the prompt or for a stock input is drawn again,
//! so that neither an echo nor a constant is an answer.

use sandboxes::{Sandbox, SandboxError};
use serde::{Deserialize, Serialize};

use super::one_turn::{Drawn, Question, printed};
use super::{Tier, question};
use crate::{
    Reason, ReplyKind, Seed, Verdict, extract,
    program::{Kind, Probe, Program, Purpose, draw_input, is_plain_line},
    seed::Draws,
};

const LONGEST_OUTPUT: usize = 120;
const LONGEST_ANSWER: usize = 160;

const WORDS: question::Words = question::Words {
    easy: "Which input makes the program print this output? Reply with one line: Answer: <input>",
    hard: "Which input makes the program print this output? It is one line of lower-case words, or of integers where \
           the program reads integers. Work it out, then end your reply with one line: Answer: <input>",
    given: "Output",
};

/// The question.
pub(super) struct Abduction {
    tier: u8,
    sandbox: Sandbox,
    probe: Probe,
}

/// What the judge knows.
#[derive(Serialize, Deserialize)]
pub(super) struct Private {
    program: String,
    output: String,
    /// One input that prints the output; there may be others.
    input: String,
    /// What the input holds; an answer must hold the same.
    reads: Kind,
    /// Inputs that were seen to print something else.
    wrong: Vec<String>,
}

impl Question for Abduction {
    const NAME: &'static str = "abduction";
    const VERSION: &'static str = "1.0.0";
    const TIERS: &'static [Tier] = &[
        Tier { floor: 0.06, max_new_tokens: 24 },
        Tier { floor: 0.06, max_new_tokens: 48 },
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
        let Program { source: program, reads, .. } = Program::draw(draws, self.tier, Purpose::Invert);
        let mut inputs: Vec<String> =
            (0..=question::examples(self.tier)).map(|_| draw_input(draws, reads, self.tier)).collect();
        let asked = inputs.len() - 1;
        inputs.extend(stock_inputs(reads).iter().map(|&input| input.to_owned()));
        let printed = self.probe.outputs(&program, &inputs).await?;
        let Some(shown) = printed[..=asked].iter().cloned().collect::<Option<Vec<String>>>() else { return Ok(None) };
        if !shown.iter().all(|output| is_plain_line(output, LONGEST_OUTPUT)) {
            return Ok(None);
        }
        let (input, output) = (inputs[asked].clone(), shown[asked].clone());
        // What a copy of the prompt or a constant would propose; none of it may print the output.
        let mut others: Vec<(String, Option<String>)> = inputs.iter().cloned().zip(printed).collect();
        others.remove(asked);
        let echoes: Vec<String> = shown.to_vec();
        let echoed = self.probe.outputs(&program, &echoes).await?;
        others.extend(echoes.into_iter().zip(echoed));
        if others.iter().any(|(_, printed)| printed.as_ref() == Some(&output)) {
            return Ok(None);
        }
        let pairs: Vec<(String, String)> = shown.into_iter().zip(inputs).collect();
        let public = question::ask(&WORDS, &program, &pairs);
        let wrong = others.into_iter().map(|(input, _)| input).collect();
        Ok(Some((public, Private { program, output, input, reads, wrong })))
    }

    async fn judge(&self, private: &Private, seed: Seed, reply: &str) -> Result<Verdict, SandboxError> {
        let Some(answer) = extract::answer(reply) else { return Ok(Verdict::zero(Reason::NoAnswer)) };
        if answer.len() > LONGEST_ANSWER {
            return Ok(Verdict::zero(Reason::TooLong));
        }
        if !is_of_kind(private.reads, answer) {
            return Ok(Verdict::zero(Reason::Malformed));
        }
        Ok(match printed(&self.sandbox, &private.program, answer, seed).await? {
            Ok(printed) if printed.strip_suffix('\n') == Some(&private.output) => Verdict::RIGHT,
            Ok(_) => Verdict::zero(Reason::Wrong),
            Err(reason) => Verdict::zero(reason),
        })
    }

    fn oracle(private: &Private) -> String {
        format!("Answer: {}", private.input)
    }

    fn wrong(private: Private) -> Vec<String> {
        let digits = private.input.replace(|c: char| c.is_ascii_digit(), "٣");
        let mut wrong = private.wrong;
        wrong.retain(|text| !text.is_empty());
        wrong.extend([digits, format!("print({:?})", private.output), format!("{0}\u{0}", private.input)]);
        wrong.retain(|text| *text != private.input);
        wrong.into_iter().map(|text| format!("Answer: {text}")).collect()
    }
}

/// Whether an answer looks like an input that the generator draws. Python's `int` reads digits of every script,
/// underscores and signs, and a program that forgets much prints the same for many odd texts; none of that is asked for.
fn is_of_kind(kind: Kind, answer: &str) -> bool {
    let word = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_lowercase());
    let number = |text: &str| {
        let digits = text.strip_prefix('-').unwrap_or(text);
        !digits.is_empty() && digits.len() <= 18 && digits.bytes().all(|byte| byte.is_ascii_digit())
    };
    match kind {
        Kind::Number => number(answer),
        Kind::Text => word(answer),
        Kind::Numbers => answer.split(' ').all(number),
        Kind::Words => answer.split(' ').all(word),
    }
}

/// Inputs that somebody would try unseen.
fn stock_inputs(kind: Kind) -> &'static [&'static str] {
    match kind {
        Kind::Number => &["0", "1", "-1", "2", "3", "5", "10", "42", "100"],
        Kind::Text => &["", "a", "abc", "hello", "cat", "0", "1"],
        Kind::Numbers => &["", "0", "1", "0 0 0", "1 1 1", "1 2 3", "3 2 1"],
        Kind::Words => &["", "a", "a b", "a b c", "hello world", "cat dog"],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_must_look_like_an_input() {
        let cases = [
            (Kind::Number, "5", true),
            (Kind::Number, "-5", true),
            (Kind::Number, "+5", false),
            (Kind::Number, "1_0", false),
            (Kind::Number, "٥", false),
            (Kind::Number, "5 5", false),
            (Kind::Number, "9999999999999999999999", false),
            (Kind::Text, "dog", true),
            (Kind::Text, "dog cat", false),
            (Kind::Text, "eval(1)", false),
            (Kind::Text, "dög", false),
            (Kind::Numbers, "1 -2 3", true),
            (Kind::Numbers, "1  2", false),
            (Kind::Numbers, "[1, 2]", false),
            (Kind::Words, "dog cat", true),
            (Kind::Words, "dog  cat", false),
            (Kind::Words, "dog 1", false),
        ];
        for (kind, answer, accepted) in cases {
            assert_eq!(is_of_kind(kind, answer), accepted, "{kind:?} {answer:?}");
        }
    }
}
