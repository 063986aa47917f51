//! The environment of a file: calls its functions in the sandbox.

use sandboxes::{Call, Ending, Limits, Outcome, Sandbox};
use serde_json::{Value, json};

use super::{
    header::{Header, Style},
    returned,
};
use crate::{BoxFuture, Conversation, Environment, EnvironmentError, EnvironmentId, Role, Seed, Task, Turn};

/// Maximum size of a file in bytes.
pub(super) const MAX_FILE: u64 = 256 << 10;

/// Limits of one call.
pub(super) fn limits() -> Limits {
    // Ten runs of a small program: generators may search, and verifiers may simulate.
    Limits { fuel: 4_000_000_000, memory_bytes: 128 << 20, output_bytes: 1 << 20, source_bytes: MAX_FILE }
}

/// A file opened at a tier.
pub(super) struct PythonFile {
    id: EnvironmentId,
    header: Header,
    source: String,
    /// Python that executes the source as a module.
    module: String,
    sandbox: Sandbox,
}

impl PythonFile {
    pub(super) fn new(id: EnvironmentId, header: Header, source: String, sandbox: Sandbox) -> Self {
        let module = imported(&source);
        Self { id, header, source, module, sandbox }
    }

    /// Calls one of the file's functions. The inner error describes a failure of the guest, the outer one of the host.
    async fn call(
        &self,
        function: &str,
        arguments: Value,
        seed: Seed,
    ) -> Result<Result<Value, String>, EnvironmentError> {
        let call = Call {
            source: self.module.clone(),
            function: function.to_owned(),
            arguments,
            seed: seed.0,
            limits: Some(Limits { source_bytes: 8 * MAX_FILE, ..limits() }),
        };
        let outcome = self.sandbox.call(call).await;
        let outcome = outcome.map_err(|source| EnvironmentError::Sandbox { environment: self.id.clone(), source })?;
        Ok(value_of(function, outcome, &self.source))
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
        let arguments =
            if self.header.takes_level { json!([seed.0, u32::from(self.id.tier) + 1]) } else { json!([seed.0]) };
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
        // Replayed from the first reply, so that a verdict depends on nothing but task and conversation.
        let mut state = task.private.get("state").cloned().unwrap_or_default();
        let mut turn = None;
        for reply in replies {
            let value = self.call("step", json!([task.private, state, reply]), task.seed).await?.map_err(&fault)?;
            let (next, said) = returned::step(value).map_err(&fault)?;
            state = next;
            let over = matches!(said, Turn::Done(_));
            turn = Some(said);
            // Replies after the verdict cannot change it.
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

    /// Calls `oracle` or `wrong` and reads the replies that it returns.
    async fn known_replies(&self, function: &str, task: &Task) -> Result<Vec<String>, EnvironmentError> {
        let fault = self.verifier_fault(task.seed);
        let value = self.call(function, json!([task.private]), task.seed).await?.map_err(&fault)?;
        returned::replies(&value).map_err(|problem| fault(format!("{function} returned {problem}")))
    }
}

/// Python that executes a file as a module that is imported and not as a script, so that its main block is left alone.
fn imported(source: &str) -> String {
    // A string of JSON is one of Python.
    let text = Value::from(source);
    format!(
        "import sys\n__name__ = {FILE:?}.removesuffix(\".py\")\nsys.modules[__name__] = sys.modules[\"__main__\"]\nexec(compile({text}, {FILE:?}, \"exec\", dont_inherit=True), globals())\n"
    )
}

/// Name of the file in tracebacks.
const FILE: &str = "environment.py";

/// The innermost line of the file in a traceback: its number and its text.
fn line_of<'a>(stderr: &str, source: &'a str) -> Option<(usize, &'a str)> {
    let mark = format!("File \"{FILE}\", line ");
    let (_, rest) = stderr.rsplit_once(&mark)?;
    let number: usize = rest.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()?;
    Some((number, source.lines().nth(number.checked_sub(1)?)?.trim()))
}

/// The value that a call returned, or a description of its failure with the last line of its traceback and the line of the
/// file that it is about.
fn value_of(function: &str, outcome: Outcome, source: &str) -> Result<Value, String> {
    let how = match (outcome.ending, outcome.value) {
        (Ending::Finished, Some(value)) => return Ok(value),
        (Ending::Finished, None) => "returned nothing",
        // Every other exception leaves a traceback.
        (Ending::Raised, _) if outcome.stderr.trim().is_empty() => "ended the program, as sys.exit does",
        (Ending::Raised, _) => "raised",
        (Ending::OutOfFuel, _) => "ran out of fuel",
        (Ending::OutOfMemory, _) => "ran out of memory",
        (Ending::OutputTooLong, _) => "printed or returned too much",
        (Ending::StackOverflow, _) => "nested calls too deeply",
        (Ending::Trapped, _) => "broke the interpreter",
    };
    let said: String =
        outcome.stderr.lines().rfind(|line| !line.trim().is_empty()).unwrap_or("").chars().take(200).collect();
    let place = line_of(&outcome.stderr, source).map_or(String::new(), |(number, text)| {
        let text: String = text.chars().take(80).collect();
        format!(" (line {number}: {text})")
    });
    Err(if said.is_empty() { format!("{function} {how}{place}") } else { format!("{function} {how}: {said}{place}") })
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
            if !self.header.has_oracle {
                return Ok(None);
            }
            self.known_replies("oracle", task).await.map(Some)
        })
    }

    fn wrong<'a>(&'a self, task: &'a Task) -> BoxFuture<'a, Result<Vec<String>, EnvironmentError>> {
        Box::pin(async move {
            if !self.header.has_wrong {
                return Ok(Vec::new());
            }
            self.known_replies("wrong", task).await
        })
    }
}

#[cfg(test)]
mod tests;
