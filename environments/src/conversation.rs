//! Messages to and from a model.

use serde::{Deserialize, Serialize};

/// Author of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Instructions that hold for the whole conversation.
    System,
    /// The environment.
    User,
    /// The model.
    Assistant,
}

impl Role {
    /// Name in chat templates.
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
    /// Author.
    pub role: Role,
    /// Text.
    pub content: String,
}

impl Message {
    /// Creates a message of the environment.
    pub fn user(content: impl Into<String>) -> Self {
        Self { role: Role::User, content: content.into() }
    }

    /// Creates a reply of the model.
    pub fn assistant(content: impl Into<String>) -> Self {
        Self { role: Role::Assistant, content: content.into() }
    }

    /// Creates an instruction that holds for the whole conversation.
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
    /// Creates a conversation from messages, the oldest first.
    pub fn new(messages: Vec<Message>) -> Self {
        Self { messages }
    }

    /// Creates a conversation of one message of the environment.
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

    /// The last message, if it is a reply.
    pub fn reply(&self) -> Option<&str> {
        self.messages.last().filter(|message| message.role == Role::Assistant).map(|message| message.content.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_last_message_of_the_model_is_a_reply() {
        let rows = [
            (vec![], None),
            (vec![Message::user("a")], None),
            (vec![Message::system("a")], None),
            (vec![Message::assistant("a")], Some("a")),
            (vec![Message::assistant("")], Some("")),
            (vec![Message::user("a"), Message::assistant("b")], Some("b")),
            (vec![Message::assistant("a"), Message::user("b")], None),
        ];
        for (messages, reply) in rows {
            assert_eq!(Conversation::new(messages.clone()).reply(), reply, "{messages:?}");
        }
    }

    #[test]
    fn a_conversation_is_a_list_of_messages_in_a_record() {
        let mut conversation = Conversation::ask("é \u{0}\"");
        conversation.push(Message::assistant(""));
        conversation.push(Message { role: Role::System, content: "s".to_owned() });
        let json = r#"[{"role":"user","content":"é \u0000\""},{"role":"assistant","content":""},{"role":"system","content":"s"}]"#;
        assert_eq!(serde_json::to_string(&conversation).unwrap(), json);
        assert_eq!(serde_json::from_str::<Conversation>(json).unwrap(), conversation);
        for broken in [r#"{}"#, r#"[{"role":"User","content":""}]"#, r#"[{"role":"user"}]"#, r#"["user"]"#] {
            assert!(serde_json::from_str::<Conversation>(broken).is_err(), "{broken}");
        }
    }

    #[test]
    fn roles_have_the_names_of_chat_templates() {
        for role in [Role::System, Role::User, Role::Assistant] {
            assert_eq!(serde_json::to_value(role).unwrap(), role.as_str());
        }
    }
}
