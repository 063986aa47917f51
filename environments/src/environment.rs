//! The contract of every environment, built in or from a file.

use std::{future::Future, pin::Pin};

use crate::{Conversation, EnvironmentError, EnvironmentId, Seed, Task, Turn};

/// A boxed future, so that [`Environment`] can be a trait object.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// A family of tasks together with its verifier.
///
/// Every method is a function of its arguments: two validators with the same seed get the same task, and the same
/// conversation gets the same verdict. The environment never learns which model is being judged.
pub trait Environment: Send + Sync {
    /// Name, version and tier; part of every record.
    fn id(&self) -> &EnvironmentId;

    /// Highest mean score, in [0, 1], that a policy which does not read the task may reach.
    fn floor(&self) -> f64;

    /// Token budget of a reply that is as short as the prompt asks for.
    fn max_new_tokens(&self) -> u32;

    /// Maximum number of replies in a conversation; without a verdict by then it scores 0.
    fn turn_cap(&self) -> u32 {
        1
    }

    /// Treatment of replies: data or programs.
    fn replies(&self) -> ReplyKind {
        ReplyKind::Data
    }

    /// Makes the task of a seed. Asynchronous because a generator may run in the sandbox; still a pure function.
    ///
    /// # Errors
    /// If the generator gives no usable task, or the sandbox is in trouble.
    fn task(&self, seed: Seed) -> BoxFuture<'_, Result<Task, EnvironmentError>>;

    /// First messages to the model: the public part of the task and nothing else.
    fn opening(&self, task: &Task) -> Conversation {
        task.public.clone()
    }

    /// Judges the conversation, or continues it. The last message must be a reply.
    ///
    /// # Errors
    /// If the task is not of this environment, its verifier gives no usable verdict, or the sandbox is in trouble.
    fn turn<'a>(
        &'a self,
        task: &'a Task,
        conversation: &'a Conversation,
    ) -> BoxFuture<'a, Result<Turn, EnvironmentError>>;

    /// Replies, one for each turn, that must score 1; `None` if the environment has no oracle.
    ///
    /// # Errors
    /// As [`Environment::turn`].
    fn oracle<'a>(&'a self, task: &'a Task) -> BoxFuture<'a, Result<Option<Vec<String>>, EnvironmentError>>;

    /// Single replies that must score 0.
    ///
    /// # Errors
    /// As [`Environment::turn`].
    fn wrong<'a>(&'a self, task: &'a Task) -> BoxFuture<'a, Result<Vec<String>, EnvironmentError>>;
}

/// Treatment of replies by the verifier.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReplyKind {
    /// Data: nothing in a reply is ever executed, so no reply can reach a limit of the sandbox.
    Data,
    /// A program, run in the sandbox within its limits.
    Program,
}
