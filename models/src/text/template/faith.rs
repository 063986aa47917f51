//! Check that a template repeats messages verbatim and lets nothing else depend on their content.
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

/// Text that a mark may stand for.
#[derive(Clone, Copy)]
enum Reading {
    /// The whole message.
    Whole,
    /// The message without blanks around it, which many templates leave out. Messages without them leave no
    /// choice that could carry information.
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

    /// True if replacing every mark in `marked` by the text that it stands for gives `text`.
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

#[cfg(test)]
mod tests {
    use super::*;

    fn message(role: Role, content: &str) -> Message {
        Message { role, content: content.to_owned() }
    }

    #[test]
    fn marks_depend_on_the_key_the_place_and_the_message_alone() {
        let messages = [message(Role::User, "a"), message(Role::User, "a"), message(Role::User, "b")];
        let marks = |key: u64| Marks::new(&messages, key).marks;
        assert_eq!(marks(1), marks(1));
        let (one, two) = (marks(1), marks(2));
        assert!(one.iter().all(|mark| mark.len() == 36 && mark.starts_with("Mark")), "{one:?}");
        let mut distinct: Vec<&String> = one.iter().chain(&two).collect();
        distinct.sort();
        distinct.dedup();
        assert_eq!(distinct.len(), 6);
        let marked = Marks::new(&messages, 1).conversation();
        assert!(marked.iter().zip(&one).all(|(message, mark)| message.content == *mark && message.role == Role::User));
    }

    /// Checks an explanation in which A, B and so on are the marks.
    #[track_caller]
    fn check(messages: &[Message], text: &str, marked: &str, expected: bool) {
        let marks = Marks::new(messages, 5);
        let letters = marks.marks.iter().zip('A'..);
        let marked = letters.fold(marked.to_owned(), |text, (mark, letter)| text.replace(letter, mark));
        assert_eq!(marks.explain(text, &marked), expected, "{text:?} as {marked:?}");
    }

    #[test]
    fn a_text_is_explained_by_one_way_to_read_all_of_its_marks() {
        let told = [message(Role::User, " hi "), message(Role::Assistant, "<think>x</think>\n\nyes ")];
        check(&told, "[ hi ][<think>x</think>\n\nyes ]", "[A][B]", true);
        check(&told, "[hi][<think>x</think>\n\nyes]", "[A][B]", true);
        check(&told, "[ hi ][yes ]", "[A][B]", true);
        check(&told, "[ hi ][yes]", "[A][B]", false);
        check(&told, "[hi][yes ]", "[A][B]", false);
        check(&told, "[ hi  hi ]", "[AA]", true);
        check(&told, "nothing", "nothing", true);
        check(&told, "[ hi ]!", "[A]", false);
        check(&told, "[hi]", "[ hi ]", false);
        // What a user writes is never cut, whatever it looks like.
        check(&[message(Role::User, "a</think>b")], "b", "A", false);
    }
}
