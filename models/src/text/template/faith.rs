//! Whether a template repeats what it is told and lets nothing else depend on it.
//!
//! A template is a program that the miner wrote and that sees the task: one that works answers out, or tells one task
//! from another, would speak where the model should. So a conversation is laid out twice, once with a mark in place of
//! each message, and the two texts have to be the same but for the marks. A template may look at a mark as long as it
//! likes: what it then writes has to fit both, and which marks a window has is not known before its seed is.

use crate::text::{Message, Role};

/// Ends the part of a reply in which a model thought.
const THOUGHT: &str = "</think>";

/// A conversation's marks.
pub(super) struct Marks<'a> {
    messages: &'a [Message],
    marks: Vec<String>,
}

/// What a mark may stand for.
#[derive(Clone, Copy)]
enum Reading {
    /// The whole message.
    Whole,
    /// The message without blanks around it, which many templates leave out. Whoever gives messages without them leaves no
    /// choice that could tell something.
    Trimmed,
    /// Of what a model said, what it said after it had thought; templates leave the rest out of earlier turns.
    AfterThought,
}

impl<'a> Marks<'a> {
    pub(super) fn new(messages: &'a [Message], key: u64) -> Self {
        let mark = |(place, message): (usize, &Message)| {
            let mut hasher = blake3::Hasher::new_derive_key("dethrone template marks");
            hasher.update(&key.to_le_bytes()).update(&(place as u64).to_le_bytes()).update(message.content.as_bytes());
            format!("Mark{}", &hasher.finalize().to_hex()[..32])
        };
        Self { messages, marks: messages.iter().enumerate().map(mark).collect() }
    }

    /// The conversation with the marks in it.
    pub(super) fn conversation(&self) -> Vec<Message> {
        let marked = |(message, mark): (&Message, &String)| Message { role: message.role, content: mark.clone() };
        self.messages.iter().zip(&self.marks).map(marked).collect()
    }

    /// Whether `text` is what `marked` becomes when every mark is replaced by what it stands for.
    pub(super) fn explain(&self, text: &str, marked: &str) -> bool {
        [Reading::Whole, Reading::Trimmed, Reading::AfterThought].into_iter().any(|reading| {
            let replaced = self.messages.iter().zip(&self.marks).fold(marked.to_owned(), |text, (message, mark)| {
                let stands_for = match (message.role, reading) {
                    (Role::Assistant, Reading::AfterThought) => {
                        message.content.rsplit(THOUGHT).next().unwrap_or_default().trim_start_matches('\n')
                    }
                    (_, Reading::Trimmed) => message.content.trim(),
                    _ => message.content.as_str(),
                };
                text.replace(mark, stands_for)
            });
            replaced == text
        })
    }
}
