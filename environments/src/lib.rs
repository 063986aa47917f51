//! Tasks as pure functions of a seed, and verifiers that score a model's replies.
//!
//! Reading order: the contract (`environment_id`, `environment`, `task`, `conversation`, `verdict`, `error`), its driver
//! (`agent`, `episode`), the tools of built-in environments (`seed`, `extract`, `program`, `tricks`), the environments themselves
//! (`catalog`, `python_file`), and the attack suite that an environment must pass before it is admitted (`check`).

mod agent;
pub mod catalog;
pub mod check;
mod conversation;
mod environment;
mod environment_id;
mod episode;
mod error;
mod extract;
mod program;
pub mod python_file;
mod seed;
mod task;
mod tricks;
mod verdict;

#[cfg(test)]
mod test_sandbox;

pub use agent::Agent;
pub use conversation::{Conversation, Message, Role};
pub use environment::{BoxFuture, Environment, ReplyKind};
pub use environment_id::EnvironmentId;
pub use episode::{Episode, EpisodeError, episode};
pub use error::{EnvironmentError, ErrorOrigin};
pub use seed::Seed;
pub use task::Task;
pub use verdict::{Extraction, Turn, Verdict, VerdictReason};
