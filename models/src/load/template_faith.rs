//! Whether a template repeats what it is told and lets nothing else depend on it.
//!
//! A template is a program that the miner wrote and that sees the task: one that works answers out, or tells one task
//! from another, would speak where the model should. So a conversation is laid out twice, once with a mark in place of
//! what is said to the model, and the two texts have to be the same but for the marks. A mark is a digest of what it
//! stands for: a template may look at it as long as it likes, but what it then writes has to fit both.

use super::template::{Message, Role};

/// The conversation with marks in place of what the system and the user say. What the model has said stays as it is,
/// since templates may leave out the parts in which it thought.
pub(super) fn marked(messages: &[Message]) -> Vec<Message> {
    let mark = |(place, message): (usize, &Message)| match message.role {
        Role::Assistant => message.clone(),
        role => Message { role, content: mark_of(place, &message.content) },
    };
    messages.iter().enumerate().map(mark).collect()
}

/// Whether `text` is what `marked_text` becomes when every mark is replaced by what it stands for, as it is or without
/// the blanks around it.
pub(super) fn is_faithful(messages: &[Message], text: &str, marked_text: &str) -> bool {
    [|content: &str| content.to_owned(), |content: &str| content.trim().to_owned()].iter().any(|as_said| {
        let told = messages.iter().enumerate().filter(|(_, message)| message.role != Role::Assistant);
        let replaced = told.fold(marked_text.to_owned(), |text, (place, message)| {
            text.replace(&mark_of(place, &message.content), &as_said(&message.content))
        });
        replaced == text
    })
}

fn mark_of(place: usize, content: &str) -> String {
    let mut hasher = blake3::Hasher::new_derive_key("dethrone template marks");
    hasher.update(&(place as u64).to_le_bytes()).update(content.as_bytes());
    format!("Mark{}", &hasher.finalize().to_hex()[..32])
}
