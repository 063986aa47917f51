//! The interface through which an environment's conversation reaches a model.

use std::future::Future;

use crate::{Conversation, Message};

/// Source of replies: a model behind an engine, a remote server, or a script in a test.
///
/// An agent may record data of its own (token ids, timings); environments never see it.
pub trait Agent: Send {
    /// Cause of a missing reply.
    type Error: Send;

    /// Returns the next reply to this conversation; its role must be `Assistant`.
    fn reply(&mut self, conversation: &Conversation) -> impl Future<Output = Result<Message, Self::Error>> + Send;
}
