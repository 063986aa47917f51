//! Messages to and from a model.

use serde::{Deserialize, Serialize};

/// Who speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Standing instructions.
    System,
    /// The environment.
    User,
    /// The model.
    Assistant,
}

impl Role {
    /// The name that chat templates use.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::System => "system",
            Self::User => "user",
            Self::Assistant => "assistant",
        }
    }
}

/// One message.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Message {
    /// Who speaks.
    pub role: Role,
    /// What is said.
    pub content: String,
}

impl Message {
    /// A message of the environment.
    pub fn user(content: impl Into<String>) -> Self {
        Self { role: Role::User, content: content.into() }
    }

    /// A reply of the model.
    pub fn assistant(content: impl Into<String>) -> Self {
        Self { role: Role::Assistant, content: content.into() }
    }

    /// A standing instruction.
    pub fn system(content: impl Into<String>) -> Self {
        Self { role: Role::System, content: content.into() }
    }
}

/// Messages in order, the oldest first.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Conversation {
    messages: Vec<Message>,
}

impl Conversation {
    /// A conversation that holds these messages.
    pub fn new(messages: Vec<Message>) -> Self {
        Self { messages }
    }

    /// A conversation opened by one message of the environment.
    pub fn ask(content: impl Into<String>) -> Self {
        Self::new(vec![Message::user(content)])
    }

    /// All messages, the oldest first.
    pub fn messages(&self) -> &[Message] {
        &self.messages
    }

    /// Adds a message at the end.
    pub fn push(&mut self, message: Message) {
        self.messages.push(message);
    }

    /// The same conversation with a reply at its end.
    #[must_use]
    pub fn with_reply(mut self, reply: impl Into<String>) -> Self {
        self.push(Message::assistant(reply));
        self
    }

    /// The model's latest message, where the conversation ends with one.
    pub fn reply(&self) -> Option<&str> {
        self.messages.last().filter(|message| message.role == Role::Assistant).map(|message| message.content.as_str())
    }
}
