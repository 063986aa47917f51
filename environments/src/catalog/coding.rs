//! Coding: write a program that does what the description says.
//!
//! A candidate runs on hidden inputs, a fresh instance each; what it prints is compared here, so that expected outputs
//! never enter a guest in which a candidate runs. All cases must be right: there are no marks for some.

use std::collections::BTreeSet;

use sandboxes::{Ending, Program as Job, Sandbox};
use serde::{Deserialize, Serialize};

use super::Tier;
use crate::{
    BoxFuture, Conversation, Environment, EnvironmentError, EnvironmentId, Reason, ReplyKind, Seed, Task, Turn,
    Verdict, extract,
    program::{Probe, Program, Purpose, draw_input, is_plain_line, limits},
    seed::Draws,
};

pub(super) const NAME: &str = "coding";
const VERSION: &str = "1.0.0";

/// The tiers, the easiest first. At tier 0 one program that reverses a list is right for two kinds of input.
pub(super) const TIERS: &[Tier] = &[
    Tier { floor: 0.18, max_new_tokens: 96 },
    Tier { floor: 0.05, max_new_tokens: 160 },
    Tier { floor: 0.02, max_new_tokens: 512 },
    Tier { floor: 0.02, max_new_tokens: 1_024 },
    Tier { floor: 0.02, max_new_tokens: 4_096 },
];

const MOST_ATTEMPTS: u32 = 200;
const HIDDEN_CASES: usize = 8;
const SHOWN_CASES: usize = 2;
const LONGEST_LINE: usize = 160;
const LONGEST_PROGRAM: usize = 16 << 10;

/// The environment.
pub(super) struct Coding {
    id: EnvironmentId,
    tier: Tier,
    sandbox: Sandbox,
    probe: Probe,
}

/// What the judge knows.
#[derive(Serialize, Deserialize)]
struct Private {
    program: String,
    cases: Vec<Case>,
}

#[derive(Clone, Serialize, Deserialize)]
struct Case {
    input: String,
    output: String,
}

impl Coding {
    pub(super) fn new(tier: u8, sandbox: &Sandbox) -> Self {
        Self {
            id: EnvironmentId::built_in(NAME, VERSION, tier),
            tier: TIERS[usize::from(tier)],
            sandbox: sandbox.clone(),
            probe: Probe::new(sandbox.clone()),
        }
    }

    async fn make(&self, seed: Seed) -> Result<Task, EnvironmentError> {
        for attempt in 0..MOST_ATTEMPTS {
            let mut draws = Draws::new("coding", seed, attempt);
            let program = Program::draw(&mut draws, self.id.tier, Purpose::Specify);
            let inputs: Vec<String> =
                (0..SHOWN_CASES + HIDDEN_CASES).map(|_| draw_input(&mut draws, program.reads, self.id.tier)).collect();
            let outputs = (self.probe.outputs(&program.source, &inputs).await)
                .map_err(|source| EnvironmentError::Sandbox { environment: self.id.clone(), source })?;
            let Some(outputs) = outputs.into_iter().collect::<Option<Vec<String>>>() else { continue };
            let mut cases: Vec<Case> =
                inputs.into_iter().zip(outputs).map(|(input, output)| Case { input, output }).collect();
            if tells_programs_apart(&cases) {
                let hidden = cases.split_off(SHOWN_CASES);
                let public = opening(&program.says, &cases);
                return Ok(Task::sealed(seed, public, &Private { program: program.source, cases: hidden }));
            }
        }
        Err(EnvironmentError::Generator {
            environment: self.id.clone(),
            seed: seed.0,
            problem: format!(
                "none of {MOST_ATTEMPTS} programs had cases that tell it from a constant and from an echo"
            ),
        })
    }

    async fn judge(&self, private: &Private, seed: Seed, reply: &str) -> Result<Verdict, EnvironmentError> {
        let Some(source) = extract::code(reply) else { return Ok(Verdict::zero(Reason::NoAnswer)) };
        if source.len() > LONGEST_PROGRAM {
            return Ok(Verdict::zero(Reason::TooLong));
        }
        if private.cases.is_empty() {
            return Err(EnvironmentError::Verifier {
                environment: self.id.clone(),
                seed: seed.0,
                problem: "the task holds no case to judge by".to_owned(),
            });
        }
        for case in &private.cases {
            let job = Job {
                source: source.to_owned(),
                stdin: format!("{}\n", case.input),
                seed: seed.0,
                limits: Some(limits(1)),
            };
            let outcome = (self.sandbox.run(job).await)
                .map_err(|source| EnvironmentError::Sandbox { environment: self.id.clone(), source })?;
            let reason = match outcome.ending {
                Ending::Finished if outcome.stdout.trim_ascii_end() == case.output => continue,
                Ending::Finished => Reason::Wrong,
                Ending::Raised | Ending::Trapped => Reason::Raised,
                Ending::OutOfFuel => Reason::OutOfFuel,
                Ending::OutOfMemory | Ending::StackOverflow => Reason::OutOfMemory,
                Ending::OutputTooLong => Reason::OutputTooLong,
            };
            return Ok(Verdict::zero(reason));
        }
        Ok(Verdict::RIGHT)
    }
}

/// Whether a program that prints one constant or its input would fail.
fn tells_programs_apart(cases: &[Case]) -> bool {
    let lines_are_plain = cases.iter().all(|case| is_plain_line(&case.output, LONGEST_LINE));
    let distinct: BTreeSet<&str> = cases[SHOWN_CASES..].iter().map(|case| case.output.as_str()).collect();
    let changed = cases[SHOWN_CASES..].iter().filter(|case| case.input != case.output).count();
    lines_are_plain && distinct.len() * 2 >= HIDDEN_CASES && changed * 2 >= HIDDEN_CASES
}

fn opening(says: &str, shown: &[Case]) -> Conversation {
    let mut text =
        format!("Write a Python program. Reply with one fenced block of Python and nothing else.\n\n{says}\n");
    for Case { input, output } in shown {
        text.push_str(&format!("\nInput: {input}\nPrints: {output}\n"));
    }
    Conversation::ask(text.trim_end())
}

impl Environment for Coding {
    fn id(&self) -> &EnvironmentId {
        &self.id
    }

    fn floor(&self) -> f64 {
        self.tier.floor
    }

    fn max_new_tokens(&self) -> u32 {
        self.tier.max_new_tokens
    }

    fn replies(&self) -> ReplyKind {
        ReplyKind::Program
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
            self.judge(&private, task.seed, conversation.reply().unwrap_or_default()).await.map(Turn::Done)
        })
    }

    fn oracle<'a>(&'a self, task: &'a Task) -> BoxFuture<'a, Result<Option<Vec<String>>, EnvironmentError>> {
        Box::pin(async move {
            let private: Private = task.unseal(&self.id)?;
            Ok(Some(vec![format!("```python\n{}\n```", private.program)]))
        })
    }

    fn wrong<'a>(&'a self, task: &'a Task) -> BoxFuture<'a, Result<Vec<String>, EnvironmentError>> {
        Box::pin(async move {
            let private: Private = task.unseal(&self.id)?;
            let known = private.cases.first().map(|case| case.output.clone()).unwrap_or_default();
            let program = &private.program;
            Ok(vec![
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
            ])
        })
    }
}
