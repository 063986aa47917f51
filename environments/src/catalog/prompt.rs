//! Prompts of questions about a program, with worked examples at the easy tiers.

use crate::{Conversation, Message};

/// Wording of a kind of question.
pub(super) struct Phrasing {
    /// Instruction at tiers with worked examples.
    pub(super) easy: &'static str,
    /// Instruction at the other tiers.
    pub(super) hard: &'static str,
    /// Name of the given value.
    pub(super) given: &'static str,
}

/// Number of worked examples at a tier.
pub(super) fn examples(tier: u8) -> usize {
    match tier {
        0 => 2,
        1 => 1,
        _ => 0,
    }
}

/// Builds a conversation from pairs of given value and answer. The last pair is asked; the others are worked examples.
pub(super) fn ask(phrasing: &Phrasing, program: &str, pairs: &[(String, String)]) -> Conversation {
    let instruction = if pairs.len() > 1 { phrasing.easy } else { phrasing.hard };
    let mut text = format!("{instruction}\n\nProgram:\n{program}\n\n");
    let mut messages = Vec::new();
    let (asked, shown) = pairs.split_last().expect("invariant: something is asked");
    for (given, answer) in shown {
        text.push_str(&format!("{}: {given}", phrasing.given));
        messages.push(Message::user(std::mem::take(&mut text)));
        messages.push(Message::assistant(format!("Answer: {answer}")));
    }
    text.push_str(&format!("{}: {}", phrasing.given, asked.0));
    messages.push(Message::user(text));
    Conversation::new(messages)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Role;

    const PHRASING: Phrasing = Phrasing { easy: "Easy.", hard: "Hard.", given: "Input" };

    fn pairs(items: &[(&str, &str)]) -> Vec<(String, String)> {
        items.iter().map(|&(given, answer)| (given.to_owned(), answer.to_owned())).collect()
    }

    #[test]
    fn examples_are_turns_and_the_last_answer_is_never_shown() {
        let conversation = ask(&PHRASING, "print(input())", &pairs(&[("1", "one"), ("2", "two"), ("3", "secret")]));
        let expected = [
            (Role::User, "Easy.\n\nProgram:\nprint(input())\n\nInput: 1"),
            (Role::Assistant, "Answer: one"),
            (Role::User, "Input: 2"),
            (Role::Assistant, "Answer: two"),
            (Role::User, "Input: 3"),
        ];
        let found: Vec<_> = conversation.messages().iter().map(|one| (one.role, one.content.as_str())).collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn without_examples_one_message_holds_the_whole_question() {
        let conversation = ask(&PHRASING, "pass", &pairs(&[("7", "secret")]));
        assert_eq!(conversation, Conversation::ask("Hard.\n\nProgram:\npass\n\nInput: 7"));
    }
}
