//! The text of a continuation as it grows, watched for stop strings.

use super::Vocabulary;
use super::request::Finish;

/// The text of the tokens so far. Tokens may end in the middle of a character, so that text is taken over only once
/// it is whole.
#[derive(Debug, Default)]
pub(super) struct TextSoFar {
    text: String,
    /// Tokens before this one have their text in `text` and serve as context no more.
    start: usize,
    /// Tokens before this one have their text in `text`.
    end: usize,
    /// Where a stop string begins.
    stop: Option<usize>,
}

impl TextSoFar {
    /// Takes in all of `tokens`, of which those up to the last call are known; whether a stop string has appeared.
    pub(super) fn extend(&mut self, vocabulary: &Vocabulary, tokens: &[u32], stop_strings: &[String]) -> bool {
        let known = vocabulary.decode(&tokens[self.start..self.end]);
        let all = vocabulary.decode(&tokens[self.start..]);
        if all.len() <= known.len() || all.ends_with('\u{FFFD}') || !all.starts_with(&known) {
            return false;
        }
        let before = self.text.len();
        self.text.push_str(&all[known.len()..]);
        self.start = self.end;
        self.end = tokens.len();
        let longest = stop_strings.iter().map(String::len).max().unwrap_or(0);
        let mut from = before.saturating_sub(longest);
        while !self.text.is_char_boundary(from) {
            from -= 1;
        }
        let found = stop_strings
            .iter()
            .filter(|stop| !stop.is_empty())
            .filter_map(|stop| self.text[from..].find(stop.as_str()));
        self.stop = found.min().map(|at| from + at);
        self.stop.is_some()
    }

    /// The text of a finished continuation, without what ended it.
    pub(super) fn finish(mut self, vocabulary: &Vocabulary, tokens: &[u32], finish: Finish) -> String {
        match (finish, self.stop, tokens) {
            (Finish::StopString, Some(stop), _) => {
                self.text.truncate(stop);
                self.text
            }
            (Finish::StopToken, _, [text @ .., _]) => vocabulary.decode(text),
            _ => vocabulary.decode(tokens),
        }
    }
}
