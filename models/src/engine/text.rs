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
        // A stop string may have begun in the text before the new tokens.
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::Detokenizer;

    /// Every token is a byte, as in byte-level vocabularies; an incomplete character shows as U+FFFD.
    struct Bytes;

    impl Detokenizer for Bytes {
        fn decode(&self, tokens: &[u32]) -> String {
            let bytes: Vec<u8> = tokens.iter().map(|token| *token as u8).collect();
            String::from_utf8_lossy(&bytes).into_owned()
        }

        fn bytes(&self, _: u32) -> usize {
            1
        }
    }

    fn vocabulary() -> Vocabulary {
        Vocabulary { stop_tokens: Vec::new(), detokenizer: Some(Box::new(Bytes)) }
    }

    fn tokens(text: &str) -> Vec<u32> {
        text.bytes().map(u32::from).collect()
    }

    /// Feeds a text token by token: after how many tokens a stop string appears, and the text before it.
    #[track_caller]
    fn check(text: &str, stop_strings: &[&str], expected: Option<(usize, &str)>) {
        let (vocabulary, tokens) = (vocabulary(), tokens(text));
        let stop_strings: Vec<String> = stop_strings.iter().map(|stop| (*stop).to_owned()).collect();
        let mut so_far = TextSoFar::default();
        for count in 1..=tokens.len() {
            if so_far.extend(&vocabulary, &tokens[..count], &stop_strings) {
                let found = so_far.finish(&vocabulary, &tokens[..count], Finish::StopString);
                assert_eq!(Some((count, found.as_str())), expected, "{text:?}");
                return;
            }
        }
        assert_eq!(expected, None, "{text:?}");
        assert_eq!(so_far.finish(&vocabulary, &tokens, Finish::Length), text);
    }

    #[test]
    fn a_stop_string_is_found_wherever_tokens_cut_it() {
        check("one two three", &["two"], Some((7, "one ")));
        check("one two three", &["four"], None);
        check("one two three", &[], None);
        check("one two three", &[""], None);
        check("stop", &["stop"], Some((4, "")));
        check("a stop", &["p"], Some((6, "a sto")));
    }

    #[test]
    fn the_earliest_of_several_stop_strings_ends_the_text() {
        check("abcdef", &["f", "cd", "bcde"], Some((4, "ab")));
        check("abcdef", &["de", "cde"], Some((5, "ab")));
        check("aaab", &["aab"], Some((4, "a")));
    }

    #[test]
    fn characters_of_several_bytes_are_whole_before_they_are_compared() {
        check("größer", &["ß"], Some((6, "grö")));
        check("tick \u{1F550} tock", &["\u{1F550} t"], Some((11, "tick ")));
        check("\u{1F550}\u{1F550}\u{1F550}", &["\u{1F551}"], None);
        check("ä", &["\u{FFFD}"], None);
    }

    #[test]
    fn the_final_text_is_without_what_ended_it() {
        let (vocabulary, all) = (vocabulary(), tokens("done#"));
        for (finish, expected) in [(Finish::StopToken, "done"), (Finish::Length, "done#"), (Finish::NotFinite, "done#")]
        {
            assert_eq!(TextSoFar::default().finish(&vocabulary, &all, finish), expected, "{finish:?}");
        }
        assert_eq!(TextSoFar::default().finish(&vocabulary, &[], Finish::StopToken), "");
        let silent = Vocabulary { stop_tokens: Vec::new(), detokenizer: None };
        assert_eq!(TextSoFar::default().finish(&silent, &all, Finish::Length), "");
    }
}
