//! What an environment's conversation needs of a model.

use std::future::Future;

use crate::{Conversation, Message};

/// Whoever answers: a model behind an engine, a remote server, a script in a test.
///
/// An agent may keep notes of its own (token ids, timings); they are none of the environment's business.
pub trait Agent: Send {
    /// Why a reply could not be given.
    type Error: Send;

    /// The next reply to this conversation; its role must be `Assistant`.
    fn reply(&mut self, conversation: &Conversation) -> impl Future<Output = Result<Message, Self::Error>> + Send;
}
