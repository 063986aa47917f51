//! Coding: write a program that fits a description.
//!
//! Descriptions vary in form and wording and name steps that are not to be done. A program may have twice the bytes of the reference
//! and some more, which is too little for a program that reads descriptions.
//!
//! A candidate runs on hidden inputs, each in a fresh instance; its output is compared in the host, so that expected
//! outputs never enter a guest in which a candidate runs. All cases must be right: there is no partial score.

use std::collections::{BTreeMap, BTreeSet};

use sandboxes::{Call, Limits, Sandbox, SandboxError};
use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::json;

use super::one_turn::{Drawn, Question, Tier, printed};
use crate::{
    Conversation, ReplyKind, Seed, Verdict, VerdictReason,
    extract::{self, Program},
    program::{GeneratedProgram, Probe, Purpose, candidate_limits, draw_input, is_plain_line, limits},
    seed::Draws,
    tricks::tricks,
};

const HIDDEN_CASES: usize = 8;
const SHOWN_CASES: usize = 2;
const MAX_LINE: usize = 160;

/// Asks for a program.
pub(super) struct Coding {
    tier: u8,
    sandbox: Sandbox,
    probe: Probe,
}

/// Data for the verifier only.
#[derive(Serialize, Deserialize)]
pub(super) struct Private {
    pub(super) program: String,
    #[serde(deserialize_with = "some_cases")]
    pub(super) cases: Vec<Case>,
}

impl Private {
    /// Longest program that is run: twice the reference, with room for functions and comments, rounded up.
    pub(super) fn most_bytes(&self) -> usize {
        (2 * self.program.len() + 480).next_multiple_of(80)
    }
}

#[derive(Clone, Serialize, Deserialize)]
pub(super) struct Case {
    pub(super) input: String,
    pub(super) output: String,
}

/// Refuses an empty list, by which every program would be right.
fn some_cases<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Case>, D::Error> {
    let cases = Vec::deserialize(deserializer)?;
    if cases.is_empty() { Err(D::Error::custom("it holds no case to judge by")) } else { Ok(cases) }
}

impl Question for Coding {
    const NAME: &'static str = "coding";
    const VERSION: &'static str = "2.0.0";
    const TIERS: &'static [Tier] = &[
        Tier { floor: 0.02, max_new_tokens: 192 },
        Tier { floor: 0.02, max_new_tokens: 256 },
        Tier { floor: 0.02, max_new_tokens: 768 },
        Tier { floor: 0.02, max_new_tokens: 2_048 },
        Tier { floor: 0.02, max_new_tokens: 4_096 },
    ];
    const REPLIES: ReplyKind = ReplyKind::Program;
    const ATTEMPTS: u32 = 200;
    const UNUSABLE: &'static str = "had no cases that tell a program from a constant and from an echo";

    type Private = Private;

    fn new(tier: u8, sandbox: &Sandbox) -> Self {
        Self { tier, sandbox: sandbox.clone(), probe: Probe::new(sandbox.clone()) }
    }

    async fn draw(&self, draws: &mut Draws) -> Result<Drawn<Self>, SandboxError> {
        let program = GeneratedProgram::draw(draws, self.tier, Purpose::Specify);
        let inputs: Vec<String> =
            (0..SHOWN_CASES + HIDDEN_CASES).map(|_| draw_input(draws, program.reads, self.tier)).collect();
        let outputs = self.probe.outputs(&program.source, &inputs).await?;
        let Some(outputs) = outputs.into_iter().collect::<Option<Vec<String>>>() else { return Ok(None) };
        let mut cases: Vec<Case> =
            inputs.into_iter().zip(outputs).map(|(input, output)| Case { input, output }).collect();
        if !tells_programs_apart(&cases) {
            return Ok(None);
        }
        let hidden = cases.split_off(SHOWN_CASES);
        let private = Private { program: program.source, cases: hidden };
        Ok(Some((opening(&program.description, &cases, private.most_bytes()), private)))
    }

    async fn judge(&self, private: &Private, seed: Seed, reply: &str) -> Result<Verdict, SandboxError> {
        let programs = extract::programs(reply);
        if programs.is_empty() {
            return Ok(Verdict::zero(VerdictReason::NoAnswer));
        }
        let most = private.most_bytes();
        let mut short: Vec<_> = programs.into_iter().filter(|program| program.source.trim().len() <= most).collect();
        if short.is_empty() {
            return Ok(Verdict::zero(VerdictReason::TooLong));
        }
        let chosen = choose(&self.sandbox, &short).await?;
        let Program { source, place } = short.swap_remove(chosen);
        for case in &private.cases {
            match printed(&self.sandbox, &source, &case.input, seed, candidate_limits()).await? {
                // Trailing blanks and line breaks are forgiven; leading ones belong to the output.
                Ok(printed) if printed.trim_ascii_end() == case.output => {}
                Ok(_) => return Ok(Verdict::zero(VerdictReason::Wrong).on(place)),
                Err(reason) => return Ok(Verdict::zero(reason).on(place)),
            }
        }
        Ok(Verdict::RIGHT.on(place))
    }

    fn oracle(private: &Private) -> String {
        format!("```python\n{}\n```", private.program)
    }

    fn wrong(private: Private) -> Vec<String> {
        let known = private.cases.first().map(|case| case.output.clone()).unwrap_or_default();
        let program = &private.program;
        // An echo, nothing, a constant, and the right program with output, an error or an endless loop added to it.
        vec![
            "```python\nprint(input())\n```".to_owned(),
            "```python\n```".to_owned(),
            "```python\npass\n```".to_owned(),
            format!("```python\nprint({known:?})\n```"),
            format!("```python\nprint(\"debug\")\n{program}\n```"),
            format!("```python\n{program}\nprint(\"done\")\n```"),
            format!("```python\n{program}\nraise ValueError\n```"),
            format!("```python\n{program}\nwhile True: pass\n```"),
            format!("```python\n{program}\nimport sys\nsys.exit(3)\n```"),
            "```python\nimport os\nos._exit(0)\n```".to_owned(),
        ]
    }
}

/// Python that defines `choose(sources)`: the place of the program among texts, the likeliest last.
const CHOOSER: &str = include_str!("choose.py");

/// The place of the last program that compiles and calls something; that of the last one if none does.
async fn choose(sandbox: &Sandbox, programs: &[Program]) -> Result<usize, SandboxError> {
    let last = programs.len() - 1;
    if last == 0 {
        return Ok(last);
    }
    let call = Call {
        source: CHOOSER.to_owned(),
        function: "choose".to_owned(),
        arguments: json!([programs.iter().map(|program| &program.source).collect::<Vec<_>>()]),
        seed: 0,
        limits: Some(Limits { source_bytes: 64 << 10, ..limits(2) }),
    };
    // A text that breaks the parser is chosen, and breaks the program's own run.
    let value = sandbox.call(call).await?.value;
    let chosen = value.and_then(|value| value.as_u64()).and_then(|place| usize::try_from(place).ok());
    Ok(chosen.filter(|place| *place <= last).unwrap_or(last))
}

/// Checks that a program which prints one constant, or what a fixed rule makes of its input, would fail.
fn tells_programs_apart(cases: &[Case]) -> bool {
    // Half of the cases suffice: all must be right, so one that differs already fails a constant.
    let lines_are_plain = cases.iter().all(|case| is_plain_line(&case.output, MAX_LINE));
    let hidden = &cases[SHOWN_CASES..];
    let distinct: BTreeSet<&str> = hidden.iter().map(|case| case.output.as_str()).collect();
    let mut rules: BTreeMap<String, usize> = BTreeMap::new();
    for case in hidden {
        let right = tricks(&case.input, "").into_iter().filter(|(_, answer)| *answer == case.output);
        for (rule, _) in right {
            *rules.entry(rule).or_default() += 1;
        }
    }
    let ruled = rules.into_values().max().unwrap_or(0);
    lines_are_plain && distinct.len() * 2 >= HIDDEN_CASES && ruled * 2 <= HIDDEN_CASES
}

fn opening(description: &str, shown: &[Case], most_bytes: usize) -> Conversation {
    let mut text = format!(
        "Write a Python program of at most {most_bytes} bytes. Reply with one fenced block of Python and nothing else.\n\n\
         {description}\n"
    );
    for Case { input, output } in shown {
        text.push_str(&format!("\nInput: {input}\nPrints: {output}\n"));
    }
    Conversation::ask(text.trim_end())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_task_without_cases_is_no_task() {
        let read = |cases: &str| serde_json::from_str::<Private>(&format!("{{\"program\":\"\",\"cases\":{cases}}}"));
        assert!(read("[{\"input\":\"1\",\"output\":\"2\"}]").is_ok());
        assert!(read("[]").is_err_and(|error| error.to_string().contains("no case to judge by")));
    }
}
