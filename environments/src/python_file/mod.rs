//! A researcher's environment: one Python file, each call of it in a fresh instance of the sandbox.
//!
//! The file is hostile until reviewed. Its header is read without running it; what its functions return is checked here.
//! Conversations are replayed from the first reply, so that a verdict depends on nothing but task and conversation.

mod header;
mod returned;

use std::{fs, path::Path, sync::Arc};

use sandboxes::{Call, Ending, Limits, Outcome, Sandbox};
use serde_json::{Value, json};

use crate::{BoxFuture, Conversation, Environment, EnvironmentError, EnvironmentId, Role, Seed, Task, Turn};
use header::{Has, Header, Style, TakesLevel};

/// A file to start from, which passes the check.
pub const TEMPLATE: &str = include_str!("../../examples/addition.py");

const LONGEST_FILE: u64 = 256 << 10;

/// What one call may use.
fn limits() -> Limits {
    Limits { fuel: 4_000_000_000, memory_bytes: 128 << 20, output_bytes: 1 << 20, source_bytes: LONGEST_FILE }
}

/// Opens a file at a tier, the easiest unless told otherwise; tier 0 is level 1.
pub async fn open(path: &Path, tier: Option<u8>, sandbox: &Sandbox) -> Result<Arc<dyn Environment>, EnvironmentError> {
    let file = path.display().to_string();
    let refuse = |problem: String, hint: &str| {
        Err(EnvironmentError::File { file: file.clone(), problem, hint: hint.to_owned() })
    };
    let source = match fs::metadata(path) {
        Ok(metadata) if metadata.len() > LONGEST_FILE => {
            return refuse(format!("the file has {} bytes", metadata.len()), "at most 256 KiB are read");
        }
        Ok(_) => fs::read_to_string(path),
        Err(error) => Err(error),
    };
    match source {
        Ok(source) => from_source(&file, source, tier, sandbox).await,
        Err(error) => refuse(format!("the file cannot be read: {error}"), "name a Python file in UTF-8"),
    }
}

/// Opens the text of a file; `file` is what errors call it.
pub async fn from_source(
    file: &str,
    source: String,
    tier: Option<u8>,
    sandbox: &Sandbox,
) -> Result<Arc<dyn Environment>, EnvironmentError> {
    let header = header::read(file, &source, sandbox).await?;
    let tier = tier.unwrap_or(0);
    if tier >= header.levels {
        return Err(EnvironmentError::Tier { name: header.name, tier, highest: header.levels - 1 });
    }
    let id = EnvironmentId {
        name: header.name.clone(),
        version: header.version.clone(),
        tier,
        file: Some(blake3::hash(source.as_bytes()).to_hex().to_string()),
    };
    Ok(Arc::new(PythonFile { id, header, source, sandbox: sandbox.clone() }))
}

struct PythonFile {
    id: EnvironmentId,
    header: Header,
    source: String,
    sandbox: Sandbox,
}

impl PythonFile {
    /// Calls one of the file's functions; `Err` of the inner result says how the guest failed.
    async fn call(
        &self,
        function: &str,
        arguments: Value,
        seed: Seed,
    ) -> Result<Result<Value, String>, EnvironmentError> {
        let call = Call {
            source: self.source.clone(),
            function: function.to_owned(),
            arguments,
            seed: seed.0,
            limits: Some(limits()),
        };
        let outcome = self.sandbox.call(call).await;
        let outcome = outcome.map_err(|source| EnvironmentError::Sandbox { environment: self.id.clone(), source })?;
        Ok(value_of(function, outcome))
    }

    fn generator_fault(&self, seed: Seed) -> impl Fn(String) -> EnvironmentError {
        let environment = self.id.clone();
        move |problem| EnvironmentError::Generator { environment: environment.clone(), seed: seed.0, problem }
    }

    fn verifier_fault(&self, seed: Seed) -> impl Fn(String) -> EnvironmentError {
        let environment = self.id.clone();
        move |problem| EnvironmentError::Verifier { environment: environment.clone(), seed: seed.0, problem }
    }

    async fn generate(&self, seed: Seed) -> Result<Task, EnvironmentError> {
        let arguments = match self.header.takes_level {
            TakesLevel::Yes => json!([seed.0, u32::from(self.id.tier) + 1]),
            TakesLevel::No => json!([seed.0]),
        };
        let fault = self.generator_fault(seed);
        let value = self.call("generate", arguments, seed).await?.map_err(&fault)?;
        let public = returned::opening(&value).map_err(&fault)?;
        Ok(Task { seed, public, private: value })
    }

    async fn judge(&self, task: &Task, conversation: &Conversation) -> Result<Turn, EnvironmentError> {
        let fault = self.verifier_fault(task.seed);
        // Worked examples in the opening are not replies.
        let mut replies = (conversation.messages().iter().skip(task.public.messages().len()))
            .filter(|message| message.role == Role::Assistant)
            .map(|message| message.content.as_str());
        if self.header.style == Style::Verify {
            let arguments = json!([task.private, replies.next_back().unwrap_or_default()]);
            let value = self.call("verify", arguments, task.seed).await?.map_err(&fault)?;
            return returned::score(&value)
                .map(Turn::Done)
                .map_err(|problem| fault(format!("verify returned {problem}")));
        }
        let mut state = task.private.get("state").cloned().unwrap_or_default();
        let mut turn = None;
        for reply in replies {
            let value = self.call("step", json!([task.private, state, reply]), task.seed).await?.map_err(&fault)?;
            let (next, said) = returned::step(value).map_err(&fault)?;
            state = next;
            let over = matches!(said, Turn::Done(_));
            turn = Some(said);
            if over {
                break;
            }
        }
        turn.ok_or_else(|| EnvironmentError::Task {
            environment: self.id.clone(),
            seed: task.seed.0,
            problem: "the conversation holds no reply".to_owned(),
        })
    }

    async fn known(&self, function: &str, has: Has, task: &Task) -> Result<Option<Value>, EnvironmentError> {
        if has == Has::No {
            return Ok(None);
        }
        let fault = self.verifier_fault(task.seed);
        self.call(function, json!([task.private]), task.seed).await?.map(Some).map_err(fault)
    }
}

fn value_of(function: &str, outcome: Outcome) -> Result<Value, String> {
    let how = match (outcome.ending, outcome.value) {
        (Ending::Finished, Some(value)) => return Ok(value),
        (Ending::Finished, None) => "returned nothing",
        (Ending::Raised, _) => "raised",
        (Ending::OutOfFuel, _) => "ran out of fuel",
        (Ending::OutOfMemory, _) => "ran out of memory",
        (Ending::OutputTooLong, _) => "printed or returned too much",
        (Ending::StackOverflow, _) => "nested calls too deeply",
        (Ending::Trapped, _) => "broke the interpreter",
    };
    let said: String =
        outcome.stderr.lines().rfind(|line| !line.trim().is_empty()).unwrap_or("").chars().take(200).collect();
    Err(if said.is_empty() { format!("{function} {how}") } else { format!("{function} {how}: {said}") })
}

impl Environment for PythonFile {
    fn id(&self) -> &EnvironmentId {
        &self.id
    }

    fn floor(&self) -> f64 {
        self.header.floor
    }

    fn max_new_tokens(&self) -> u32 {
        self.header.max_new_tokens
    }

    fn turn_cap(&self) -> u32 {
        self.header.turns
    }

    fn task(&self, seed: Seed) -> BoxFuture<'_, Result<Task, EnvironmentError>> {
        Box::pin(self.generate(seed))
    }

    fn turn<'a>(
        &'a self,
        task: &'a Task,
        conversation: &'a Conversation,
    ) -> BoxFuture<'a, Result<Turn, EnvironmentError>> {
        Box::pin(self.judge(task, conversation))
    }

    fn oracle<'a>(&'a self, task: &'a Task) -> BoxFuture<'a, Result<Option<Vec<String>>, EnvironmentError>> {
        Box::pin(async move {
            let Some(value) = self.known("oracle", self.header.has_oracle, task).await? else { return Ok(None) };
            returned::replies(&value)
                .map(Some)
                .map_err(|problem| self.verifier_fault(task.seed)(format!("oracle returned {problem}")))
        })
    }

    fn wrong<'a>(&'a self, task: &'a Task) -> BoxFuture<'a, Result<Vec<String>, EnvironmentError>> {
        Box::pin(async move {
            let Some(value) = self.known("wrong", self.header.has_wrong, task).await? else { return Ok(Vec::new()) };
            returned::replies(&value)
                .map_err(|problem| self.verifier_fault(task.seed)(format!("wrong returned {problem}")))
        })
    }
}
