//! A rollout for a terminal of 80 columns.

use models::untrusted::UntrustedText;

use crate::record::{MessageText, Transcript};

/// Columns of a line.
const WIDTH: usize = 80;
/// Blanks before a line of a message.
const INDENT: &str = "    ";

/// A rollout as paragraphs of lines of at most 80 columns.
pub(crate) fn transcript_text(transcript: &Transcript) -> String {
    let Transcript { environment, task, seed, model, .. } = transcript;
    let mut text = wrapped(&format!("{}, {environment}, task {task}", transcript.who()), "");
    text.push_str(&wrapped(&outcome(transcript), "  "));
    text.push_str(&wrapped(&format!("model {}, seed {seed}{}", UntrustedText::words(model), spent(transcript)), "  "));
    for message in &transcript.messages {
        text.push_str(&format!("\n  {}\n", title(message, transcript.limit)));
        text.push_str(&match &message.text {
            Some(text) => passage(text),
            None => format!("{INDENT}(its text is not at hand)\n"),
        });
    }
    if let Some(expected) = &transcript.expected {
        let all = expected.join("\n\n");
        text.push_str(&format!("\n  looked for, for example\n{}", passage(&all)));
    }
    match &transcript.found {
        Some(found) => text.push_str(&format!("\n  found: {}\n{}", found.place, passage(&found.text))),
        None if !transcript.messages.is_empty() => text.push_str("\n  found: no place in the reply was judged\n"),
        None => {}
    }
    for note in &transcript.notes {
        text.push_str(&format!("\n{}", wrapped(&format!("note: {}", UntrustedText::sentence(note)), "  ")));
    }
    text
}

/// The verdict in words.
pub(super) fn outcome(transcript: &Transcript) -> String {
    let reason = UntrustedText::sentence(&transcript.reason);
    match transcript.fault {
        Some(fault) => format!("failed by the fault of {}: {reason}", fault.side()),
        None => format!("score {}, {reason}", (1e3 * transcript.score).round() / 1e3),
    }
}

/// A message's author, its tokens and its end.
pub(super) fn title(message: &MessageText, limit: Option<u32>) -> String {
    let MessageText { role, tokens, finish, .. } = message;
    let author = match *role {
        "assistant" => "reply",
        "system" => "instruction",
        _ => "prompt",
    };
    let mut title = author.to_owned();
    if !tokens.is_empty() {
        let most = limit.map_or_else(String::new, |limit| format!(" of at most {limit}"));
        title.push_str(&format!(", {} tokens{most}", tokens.len()));
    }
    match finish.as_deref() {
        Some("length") => title.push_str(", cut off at the limit"),
        Some(finish) => title.push_str(&format!(", ended by {}", UntrustedText::words(finish))),
        None => {}
    }
    title
}

/// Attempts and seconds where they tell something.
pub(super) fn spent(transcript: &Transcript) -> String {
    let seconds = transcript.seconds.map_or_else(String::new, |seconds| format!(", {seconds:.1} s"));
    let attempts = if transcript.attempts > 1 { format!(", attempt {}", transcript.attempts) } else { String::new() };
    let served = if transcript.reproducible { "" } else { ", by a server" };
    format!("{seconds}{attempts}{served}")
}

/// A stranger's text, indented and wrapped.
fn passage(text: &str) -> String {
    let shown = UntrustedText::passage(text);
    match shown.as_str().trim() {
        "" => format!("{INDENT}(empty)\n"),
        text => text.lines().map(|line| wrapped(line, INDENT)).collect(),
    }
}

/// A line broken into lines of at most 80 columns, at blanks where there are some.
fn wrapped(line: &str, indent: &str) -> String {
    let most = WIDTH - indent.len();
    let (mut text, mut rest) = (String::new(), line.trim_end());
    loop {
        let end = rest.char_indices().nth(most).map_or(rest.len(), |(place, _)| place);
        if end == rest.len() {
            text.push_str(&format!("{indent}{rest}\n"));
            return text;
        }
        // The blanks that a line of a program begins with are no place to break it.
        let first = rest.len() - rest.trim_start().len();
        let blank = rest[..end].rfind(' ').filter(|blank| *blank > first);
        let (now, later) = rest.split_at(blank.unwrap_or(end));
        text.push_str(&format!("{indent}{}\n", now.trim_end()));
        rest = if blank.is_some() { later.trim_start() } else { later };
    }
}

#[cfg(test)]
mod tests;
