//! Tasks as pure functions of a seed, and how a reply to one is judged.
//!
//! Reading order: the contract (`environment`, `task`, `conversation`, `verdict`, `error`), what drives it (`agent`,
//! `episode`), what variants are made of (`seed`, `extract`, `program`), the variants (`catalog`, `python_file`) and
//! the attack that each must survive before it is admitted (`check`).

pub mod agent;
pub mod catalog;
pub mod check;
pub mod conversation;
pub mod environment;
pub mod episode;
pub mod error;
pub mod extract;
mod program;
pub mod python_file;
pub mod seed;
pub mod task;
pub mod verdict;

pub use agent::Agent;
pub use conversation::{Conversation, Message, Role};
pub use environment::{BoxFuture, Environment, EnvironmentId, ReplyKind};
pub use episode::{Episode, EpisodeError, episode};
pub use error::{EnvironmentError, Fault};
pub use seed::Seed;
pub use task::Task;
pub use verdict::{Reason, Turn, Verdict};
