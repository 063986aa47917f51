//! Incremental detokenization and search for stop strings.

use super::request::Finish;
use super::vocabulary::Vocabulary;

/// The text of the tokens so far. Tokens may end inside a UTF-8 character, so text is appended only once it is complete.
#[derive(Debug, Default)]
pub(super) struct TextSoFar {
    text: String,
    /// Tokens before this one have their text in `text` and are no longer needed as context.
    start: usize,
    /// Tokens before this one have their text in `text`.
    end: usize,
    /// Start of a stop string in `text`.
    stop: Option<usize>,
}

impl TextSoFar {
    /// Extends the text to all of `tokens`, which begin with those of the last call. True if a stop string has appeared.
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

    /// The final text, without the stop token or stop string.
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
