//! Messages of a conversation.

use serde::{Deserialize, Serialize};

/// Role of a message's author.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Instructions for the whole conversation.
    System,
    /// The model's counterpart.
    User,
    /// The model.
    Assistant,
}

/// Message of a conversation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Message {
    /// Role of its author.
    pub role: Role,
    /// Its text.
    pub content: String,
}
