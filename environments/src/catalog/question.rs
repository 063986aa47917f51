//! How a question about a program is put, with worked examples of the same program where the tier has them.

use crate::{Conversation, Message};

/// What differs between asking for an output and asking for an input.
pub(super) struct Words {
    /// The instruction of tiers with worked examples.
    pub(super) easy: &'static str,
    /// The instruction of tiers without.
    pub(super) hard: &'static str,
    /// The name of what is given.
    pub(super) given: &'static str,
}

/// How many worked examples a tier shows.
pub(super) fn examples(tier: u8) -> usize {
    match tier {
        0 => 2,
        1 => 1,
        _ => 0,
    }
}

/// A conversation in which every pair but the last, (given, answer), is a worked example and the last one is asked.
pub(super) fn ask(words: &Words, program: &str, pairs: &[(String, String)]) -> Conversation {
    let instruction = if pairs.len() > 1 { words.easy } else { words.hard };
    let mut text = format!("{instruction}\n\nProgram:\n{program}\n\n");
    let mut messages = Vec::new();
    let (asked, shown) = pairs.split_last().expect("invariant: something is asked");
    for (given, answer) in shown {
        text.push_str(&format!("{}: {given}", words.given));
        messages.push(Message::user(std::mem::take(&mut text)));
        messages.push(Message::assistant(format!("Answer: {answer}")));
    }
    text.push_str(&format!("{}: {}", words.given, asked.0));
    messages.push(Message::user(text));
    Conversation::new(messages)
}
