//! Check that a template repeats messages verbatim and lets nothing else depend on their content.
//!
//! A template is a program that the miner wrote and that sees the task: one that works answers out, or tells one task
//! from another, would speak where the model should. So a conversation is laid out twice, once with marks in place of
//! what its messages say, and the two texts have to be the same but for the marks. A template may look at a mark as long
//! as it likes: what it then writes has to fit both, and which marks a window has is not known before its seed is.
//!
//! Honest templates do look at a message: they trim blanks around it, cut thoughts out of earlier replies or lay them out
//! anew, and obey a switch for thinking. What they look at for that stays as it is beside the marks: blanks at both ends
//! of a message, tags around thoughts and the blanks around those, in replies alone, and switches that stand as words.
//! None of it tells one task from another.

use crate::text::{Message, Role};

/// Tags that reply formats put around thoughts and around what follows them.
const THOUGHTS: [&str; 50] = [
    "<think>",
    "</think>",
    "[THINK]",
    "[/THINK]",
    "<thinking>",
    "</thinking>",
    "<thought>",
    "</thought>",
    "<thoughts>",
    "</thoughts>",
    "<reasoning>",
    "</reasoning>",
    "<reflection>",
    "</reflection>",
    "<seed:think>",
    "</seed:think>",
    "<mm:think>",
    "</mm:think>",
    "<|begin_of_thought|>",
    "<|end_of_thought|>",
    "<|begin_of_solution|>",
    "<|end_of_solution|>",
    "<|START_THINKING|>",
    "<|END_THINKING|>",
    "<|START_RESPONSE|>",
    "<|END_RESPONSE|>",
    "<|start_thinking|>",
    "<|end_thinking|>",
    "<|inner_prefix|>",
    "<|inner_suffix|>",
    "<|channel|>",
    "<|message|>",
    "<|start|>",
    "<|end|>",
    "<|thinking|>",
    "\u{25c1}think\u{25b7}",
    "\u{25c1}/think\u{25b7}",
    "[BEGIN FINAL RESPONSE]",
    "[END FINAL RESPONSE]",
    "<answer>",
    "</answer>",
    "<response>",
    "</response>",
    "<final>",
    "</final>",
    "<tool_call>",
    "</tool_call>",
    "<unused94>",
    "<unused95>",
    "<|assistant|>",
];
/// Switches by which a system or a user message turns thinking on or off.
const SWITCHES: [&str; 3] = ["/no_think", "/nothink", "/think"];

/// A conversation's marks.
pub(super) struct Marks<'a> {
    messages: Vec<(Role, Vec<Part<'a>>)>,
}

/// Part of a message.
enum Part<'a> {
    /// Left as it is in both conversations.
    Kept(&'a str),
    /// Text that the message says, and the mark in its place.
    Said(&'a str, String),
}

impl<'a> Marks<'a> {
    pub(super) fn new(messages: &'a [Message], key: u64) -> Self {
        let mut place = 0_u64;
        let mut mark = |said: &str| {
            let mut hasher = blake3::Hasher::new_derive_key("dethrone template marks");
            hasher.update(&key.to_le_bytes()).update(&place.to_le_bytes()).update(said.as_bytes());
            place += 1;
            format!("Mark{}", &hasher.finalize().to_hex()[..32])
        };
        let mut parts = |message: &'a Message| {
            let cut = cut(message).into_iter();
            cut.map(|(said, text)| if said { Part::Said(text, mark(text)) } else { Part::Kept(text) }).collect()
        };
        Self { messages: messages.iter().map(|message| (message.role, parts(message))).collect() }
    }

    /// The conversation with the marks in it.
    pub(super) fn conversation(&self) -> Vec<Message> {
        let text = |part: &Part<'a>| match part {
            Part::Kept(text) => (*text).to_owned(),
            Part::Said(_, mark) => mark.clone(),
        };
        let marked =
            |(role, parts): &(Role, Vec<Part<'a>>)| Message { role: *role, content: parts.iter().map(text).collect() };
        self.messages.iter().map(marked).collect()
    }

    /// True if replacing every mark in `marked` by what it stands for gives `text`.
    pub(super) fn explain(&self, text: &str, marked: &str) -> bool {
        let parts = self.messages.iter().flat_map(|(_, parts)| parts);
        let said = parts.filter_map(|part| match part {
            Part::Kept(_) => None,
            Part::Said(said, mark) => Some((mark, *said)),
        });
        said.fold(marked.to_owned(), |text, (mark, said)| text.replace(mark, said)) == text
    }
}

/// Cuts a message into what it says (true) and what templates look at (false).
fn cut(message: &Message) -> Vec<(bool, &str)> {
    let text = message.content.as_str();
    let mut parts = Vec::new();
    let mut from = 0;
    let mut at = 0;
    while at < text.len() {
        match kept_at(message.role, text, at) {
            Some(length) => {
                said(&text[from..at], &mut parts);
                parts.push((false, &text[at..at + length]));
                at += length;
                from = at;
            }
            None => at += text[at..].chars().next().map_or(1, char::len_utf8),
        }
    }
    said(&text[from..], &mut parts);
    parts
}

/// A run between two tags: its blanks at both ends are kept.
fn said<'a>(text: &'a str, parts: &mut Vec<(bool, &'a str)>) {
    let begun = text.trim_start();
    let inner = begun.trim_end();
    let before = &text[..text.len() - begun.len()];
    let behind = &begun[inner.len()..];
    parts.extend([(false, before), (true, inner), (false, behind)].into_iter().filter(|(_, part)| !part.is_empty()));
}

/// Bytes of the tag or switch at this place, if there is one.
fn kept_at(role: Role, text: &str, at: usize) -> Option<usize> {
    let rest = &text[at..];
    if role == Role::Assistant {
        return THOUGHTS.iter().find(|tag| rest.starts_with(**tag)).map(|tag| tag.len());
    }
    let switch = SWITCHES.iter().find(|switch| rest.starts_with(**switch))?;
    let alone = text[..at].chars().next_back().is_none_or(char::is_whitespace)
        && rest[switch.len()..].chars().next().is_none_or(char::is_whitespace);
    alone.then_some(switch.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(role: Role, content: &str) -> Message {
        Message { role, content: content.to_owned() }
    }

    fn marks_of(marks: &Marks<'_>) -> Vec<String> {
        let parts = marks.messages.iter().flat_map(|(_, parts)| parts);
        let mark = |part: &Part<'_>| if let Part::Said(_, mark) = part { Some(mark.clone()) } else { None };
        parts.filter_map(mark).collect()
    }

    #[test]
    fn marks_depend_on_the_key_the_place_and_the_message_alone() {
        let messages = [message(Role::User, "a"), message(Role::User, "a"), message(Role::User, "b")];
        let marks = |key: u64| marks_of(&Marks::new(&messages, key));
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

    /// The conversation with a letter for each mark.
    #[track_caller]
    fn check_parts(role: Role, content: &str, expected: &str) {
        let messages = [message(role, content)];
        let marks = Marks::new(&messages, 5);
        let text = marks.conversation()[0].content.clone();
        let letters = marks_of(&marks).into_iter().zip('A'..);
        assert_eq!(letters.fold(text, |text, (mark, letter)| text.replace(&mark, &letter.to_string())), expected);
    }

    #[test]
    fn blanks_tags_and_switches_stay_beside_the_marks() {
        check_parts(Role::User, " hi there\n", " A\n");
        check_parts(Role::User, " \n ", " \n ");
        check_parts(Role::User, "", "");
        check_parts(Role::Assistant, "<think>\nhm, so\n</think>\n\ntwo", "<think>\nA\n</think>\n\nB");
        check_parts(Role::Assistant, "[THINK]hm[/THINK]two", "[THINK]A[/THINK]B");
        check_parts(Role::Assistant, "no tags <b>at</b> all", "A");
        check_parts(Role::System, "/no_think Be brief.", "/no_think A");
        check_parts(Role::User, "Why?\n/think", "A\n/think");
        // A switch is a word of its own, and tags are those of replies.
        check_parts(Role::User, "cat /think/x a/no_think /thinker", "A");
        check_parts(Role::User, "a</think>b <think>c", "A");
        check_parts(Role::Assistant, "say /no_think", "A");
    }

    /// Checks an explanation in which A, B and so on are the marks.
    #[track_caller]
    fn check(messages: &[Message], text: &str, marked: &str, expected: bool) {
        let marks = Marks::new(messages, 5);
        let letters = marks_of(&marks).into_iter().zip('A'..);
        let marked = letters.fold(marked.to_owned(), |text, (mark, letter)| text.replace(letter, &mark));
        assert_eq!(marks.explain(text, &marked), expected, "{text:?} as {marked:?}");
    }

    #[test]
    fn a_text_is_explained_by_what_its_marks_stand_for() {
        let told = [message(Role::User, " hi "), message(Role::Assistant, "<think>x</think>\n\nyes ")];
        check(&told, "[ hi ][<think>x</think>\n\nyes ]", "[ A ][<think>B</think>\n\nC ]", true);
        check(&told, "[hi][yes]", "[A][C]", true);
        check(&told, "[hi hi]", "[A A]", true);
        check(&told, "nothing", "nothing", true);
        check(&told, "[hi]!", "[A]", false);
        check(&told, "[hi]", "[ A ]", false);
        check(&told, "[hi][yes]", "[A][B]", false);
        check(&told, "[HI]", "[A]", false);
        check(&told, "[h]", "[A]", false);
    }
}
