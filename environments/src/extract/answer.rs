//! The one-line answer of a reply.

use super::fences::{after_bullet, blocks};
use super::thought::after_thought;
use crate::Extraction;

/// Extracts the one-line answer of a reply, and says where it stood.
///
/// The last line that begins with `Answer:` counts, wherever it stands, then the last heading `Answer`; the value may follow on the
/// next line or in a fenced block. Without them the last `\boxed{}` counts, then the last fenced block if it holds one line, and
/// without a block the reply itself if it is one line. Everything else is no answer: nothing is guessed from the middle of a text.
/// Marks of lists, asterisks, backquotes, dollar signs, `\boxed{}` and blanks around the value are decoration.
pub(crate) fn found(reply: &str) -> Option<(&str, Extraction)> {
    let body = after_thought(reply)?;
    let lines: Vec<&str> = body.lines().collect();
    // From the end: a model that corrects itself states its final answer last.
    let labels = [(after_label as fn(&str) -> Option<&str>, Extraction::Label), (after_heading, Extraction::Heading)];
    for (label, place) in labels {
        if let Some((index, rest)) = lines.iter().enumerate().rev().find_map(|(n, line)| Some((n, label(line)?))) {
            return value(rest, &lines[index + 1..]).map(|value| (value, place));
        }
    }
    let filled = |text: &'_ str| !text.is_empty() && !text.contains('\n');
    if let Some(boxed) = boxed(body).map(undecorated).filter(|text| filled(text)) {
        return Some((boxed, Extraction::Boxed));
    }
    let (text, place) = match blocks(body).last() {
        Some(block) => (block.content, Extraction::Block),
        None => (body, Extraction::WholeReply),
    };
    only_line(text).map(undecorated).filter(|text| filled(text)).map(|text| (text, place))
}

/// Extracts the one-line answer of a reply, as [`found`].
pub(crate) fn answer(reply: &str) -> Option<&str> {
    found(reply).map(|(answer, _)| answer)
}

/// The value behind a label, or on the first filled line below it that is no fence.
fn value<'a>(rest: &'a str, below: &[&'a str]) -> Option<&'a str> {
    // The info string of a fence is never an answer.
    let here = if opens_block(rest) { "" } else { undecorated(rest) };
    if !here.is_empty() {
        return Some(here);
    }
    let mut lines = below.iter().filter(|line| !opens_block(line)).map(|line| undecorated(line));
    lines.find(|value| !value.is_empty())
}

fn opens_block(line: &str) -> bool {
    let line = line.trim_start_matches([' ', '\t', '*', '>']);
    (line.starts_with("```") && !line.trim_start_matches('`').contains('`')) || line.starts_with("~~~")
}

/// Text behind `Answer:` on a line that begins with it.
fn after_label(line: &str) -> Option<&str> {
    let rest = after_answer(line)?;
    let rest = rest.strip_prefix("is").map_or(rest, |rest| rest.trim_start_matches(DECORATION));
    let value = [":", "\u{ff1a}"].into_iter().find_map(|colon| rest.strip_prefix(colon))?;
    // Underscores may be a part of the value where none stand before the label.
    Some(if line.trim_start().starts_with("__") { value.strip_prefix("__").unwrap_or(value) } else { value })
}

/// Nothing, for a heading or a bold line that is the word alone.
fn after_heading(line: &str) -> Option<&str> {
    let is_marked = line.trim_start().starts_with(['#', '*', '_']);
    after_answer(line).filter(|rest| is_marked && rest.trim_end().is_empty())
}

/// Text behind the word, without the decoration around it.
fn after_answer(line: &str) -> Option<&str> {
    let line = after_bullet(line.trim_start_matches([' ', '\t', '>'])).trim_start_matches(DECORATION);
    let mut rest = line;
    for word in ["the ", "final ", "correct "] {
        rest = strip_prefix_ignoring_case(rest, word).unwrap_or(rest);
    }
    strip_prefix_ignoring_case(rest, "answer").map(|rest| rest.trim_start_matches(DECORATION))
}

/// Characters before a label, and between it and its colon.
const DECORATION: [char; 8] = [' ', '\t', '*', '_', '#', '>', '`', '\u{a0}'];

fn strip_prefix_ignoring_case<'a>(text: &'a str, prefix: &str) -> Option<&'a str> {
    let head = text.get(..prefix.len())?;
    head.eq_ignore_ascii_case(prefix).then(|| &text[prefix.len()..])
}

/// A value without its decoration.
fn undecorated(value: &str) -> &str {
    let mut value = value;
    loop {
        let before = value;
        value = value.trim().trim_matches(['*', '`']).trim();
        // A full stop behind decoration ends the sentence.
        if let Some(rest) = value.strip_suffix('.').filter(|rest| rest.ends_with(['*', '`', '$', '}'])) {
            value = rest;
        }
        for (open, close) in [("$", "$"), ("\\(", "\\)"), ("\\[", "\\]"), ("\\text{", "}"), ("\\texttt{", "}")] {
            value = value.strip_prefix(open).and_then(|rest| rest.strip_suffix(close)).unwrap_or(value);
        }
        if value == "$" {
            value = "";
        }
        value = boxed(value).unwrap_or(value);
        if value == before {
            return value;
        }
    }
}

/// The content of the last `\boxed{}`.
fn boxed(text: &str) -> Option<&str> {
    let (_, content) = text.rsplit_once("\\boxed{")?;
    let mut depth = 1;
    for (at, letter) in content.char_indices() {
        depth += match letter {
            '{' => 1,
            '}' => -1,
            _ => 0,
        };
        if depth == 0 {
            return Some(&content[..at]);
        }
    }
    None
}

fn only_line(text: &str) -> Option<&str> {
    let mut filled = text.lines().filter(|line| !line.trim().is_empty());
    let line = filled.next()?;
    filled.next().is_none().then_some(line)
}

#[cfg(test)]
mod tests;
