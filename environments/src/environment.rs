//! The contract: what every environment, built in or brought along, gives the harness.

use std::{fmt, future::Future, pin::Pin};

use serde::{Deserialize, Serialize};

use crate::{Conversation, EnvironmentError, Seed, Task, Turn};

/// A future in a box, so that [`Environment`] can be used behind a pointer.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// A family of tasks together with its judge.
///
/// Everything is a function of its arguments: two validators with the same seed hold the same task, and the same
/// conversation gets the same verdict. The environment never learns who is being judged.
pub trait Environment: Send + Sync {
    /// Name, version and tier; part of every record.
    fn id(&self) -> &EnvironmentId;

    /// The highest mean score, in [0, 1], that a policy which does not read the task may reach.
    fn floor(&self) -> f64;

    /// How many new tokens a reply needs at most when it is as short as the prompt asks for.
    fn max_new_tokens(&self) -> u32;

    /// How many replies a conversation may hold before it is scored 0.
    fn turn_cap(&self) -> u32 {
        1
    }

    /// What a reply is to the judge.
    fn replies(&self) -> ReplyKind {
        ReplyKind::Data
    }

    /// The task of a seed. Asynchronous because a generator may run in the sandbox; still a pure function.
    fn task(&self, seed: Seed) -> BoxFuture<'_, Result<Task, EnvironmentError>>;

    /// What the model is told first: the public part of the task and nothing else.
    fn opening(&self, task: &Task) -> Conversation {
        task.public.clone()
    }

    /// Judges the conversation, or continues it. The last message must be a reply.
    fn turn<'a>(
        &'a self,
        task: &'a Task,
        conversation: &'a Conversation,
    ) -> BoxFuture<'a, Result<Turn, EnvironmentError>>;

    /// Replies, one a turn, that must score 1; `None` where the environment knows none.
    fn oracle<'a>(&'a self, task: &'a Task) -> BoxFuture<'a, Result<Option<Vec<String>>, EnvironmentError>>;

    /// Single replies that must score 0.
    fn wrong<'a>(&'a self, task: &'a Task) -> BoxFuture<'a, Result<Vec<String>, EnvironmentError>>;
}

/// What a reply is to the judge.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReplyKind {
    /// Data: nothing in it is ever run, so that no reply can reach a limit of the sandbox.
    Data,
    /// A program, run in the sandbox within its limits.
    Program,
}

/// Which environment, in which version and at which difficulty.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct EnvironmentId {
    /// The name people type, such as `sat`.
    pub name: String,
    /// Changes whenever a task's bytes or a verdict may change.
    pub version: String,
    /// Difficulty, 0 the easiest.
    pub tier: u8,
    /// BLAKE3 of the file that defines the environment, in hexadecimal; `None` for built-in ones.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
}

impl EnvironmentId {
    /// The identity of a built-in environment.
    pub fn built_in(name: &str, version: &str, tier: u8) -> Self {
        Self { name: name.to_owned(), version: version.to_owned(), tier, file: None }
    }
}

impl fmt::Display for EnvironmentId {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}@{} tier {}", self.name, self.version, self.tier)
    }
}
