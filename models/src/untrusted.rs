//! Text that strangers wrote, made safe to show: escaped, quoted and cut.

use std::fmt;

/// Most characters of a stranger's text that are shown.
const SHOWN: usize = 200;
/// Most characters of a sentence that may hold several such texts beside our own words.
const LONGEST_SENTENCE: usize = 600;
/// Most characters of a passage that are shown from its beginning, and from its end.
const LONGEST_PASSAGE: (usize, usize) = (4_000, 4_000);

/// Text out of a file, hub, chain or server, made safe to show: whatever a terminal or a browser acts on, such as control
/// characters, line breaks, escape sequences and marks of the writing direction, is escaped, and the text is cut.
///
/// Words and sentences that were made safe come out the same when they are made safe again.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct UntrustedText(String);

impl UntrustedText {
    /// A name: its first 200 characters, in quotes unless all of them are letters, digits, dots, dashes and underscores.
    ///
    /// ```
    /// use models::untrusted::UntrustedText;
    ///
    /// assert_eq!(UntrustedText::name("model.norm.weight").to_string(), "model.norm.weight");
    /// assert_eq!(UntrustedText::name("\u{1b}[2J\n\u{202e}").to_string(), r#""\u{1b}[2J\n\u{202e}""#);
    /// ```
    pub fn name(text: &str) -> Self {
        let is_plain = |character: char| character.is_ascii_alphanumeric() || matches!(character, '.' | '-' | '_');
        let shown = cut(text, SHOWN);
        if !text.is_empty() && text.chars().take(SHOWN).all(is_plain) {
            return Self(shown);
        }
        Self(format!("\"{}\"", shown.replace('"', "\\\"")))
    }

    /// Words of a stranger within a sentence of ours: their first 200 characters, without quotes.
    pub fn words(text: &str) -> Self {
        Self(cut(text, SHOWN))
    }

    /// A whole sentence that may hold texts of strangers: its first 600 characters, without quotes.
    pub fn sentence(text: &str) -> Self {
        Self(cut(text, LONGEST_SENTENCE))
    }

    /// A text of several lines, such as a prompt or a reply: its line breaks and tabs stay. Of a long one the first and the last
    /// 4000 characters are shown, since an answer stands at the end.
    pub fn passage(text: &str) -> Self {
        let (first, last) = LONGEST_PASSAGE;
        let count = text.chars().count();
        if count <= first + last {
            return Self(lines(text));
        }
        let place = |characters: usize| text.char_indices().nth(characters).map_or(text.len(), |(place, _)| place);
        let (head, tail) = (&text[..place(first)], &text[place(count - last)..]);
        let left_out = count - first - last;
        Self(format!("{}\n[… {left_out} characters …]\n{}", lines(head), lines(tail)))
    }

    /// The text as it is shown.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Output of a command with nothing in it that a terminal acts on, but line breaks, tabs and our own colors (`ESC [ 32 m`): the
/// last guard before standard output and standard error.
pub fn printable(output: &str) -> String {
    let mut shown = String::with_capacity(output.len());
    let mut rest = output;
    while let Some(character) = rest.chars().next() {
        let color = color_code(rest);
        let length = color.unwrap_or(character.len_utf8());
        match character {
            '\n' | '\t' => shown.push(character),
            _ if color.is_some() || !is_control(character) => shown.push_str(&rest[..length]),
            _ => shown.extend(character.escape_debug()),
        }
        rest = &rest[length..];
    }
    shown
}

/// True for characters that a terminal acts on, or that change the direction or the lines of the text around them.
fn is_control(character: char) -> bool {
    let is_direction = matches!(character, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    character.is_control() || is_direction || matches!(character, '\u{061c}' | '\u{2028}' | '\u{2029}')
}

/// Length of the color code that a text begins with (ECMA-48, SGR).
fn color_code(text: &str) -> Option<usize> {
    let parameters = text.strip_prefix("\u{1b}[")?;
    let end = parameters.find(|character: char| !character.is_ascii_digit() && character != ';')?;
    (end <= 16 && parameters[end..].starts_with('m')).then_some(end + 3)
}

impl fmt::Display for UntrustedText {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(&self.0)
    }
}

impl From<UntrustedText> for String {
    fn from(text: UntrustedText) -> Self {
        text.0
    }
}

/// The beginning of a text, escaped, in at most so many characters, with a mark where some were left out.
fn cut(text: &str, most: usize) -> String {
    let (mut shown, mut count) = (String::new(), 0);
    for character in text.chars() {
        let before = shown.len();
        escape(character, &mut shown);
        count += shown[before..].chars().count();
        // The mark of a text that was cut before takes the place after the last.
        if count > most {
            shown.truncate(before);
            return shown + "…";
        }
    }
    shown
}

/// A text, escaped but for its line breaks and tabs.
fn lines(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '\n' | '\t' => shown.push(character),
            _ => escape(character, &mut shown),
        }
    }
    shown
}

/// Appends a character, or its escape as Rust writes it where it cannot be printed: control and format characters, line and
/// paragraph separators, unassigned code points, and marks that combine with the character before them.
fn escape(character: char, into: &mut String) {
    match character {
        // Printable; escaped, a text would change each time that it is shown.
        '\\' | '"' | '\'' => into.push(character),
        _ => into.extend(character.escape_debug()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, name: &str, words: &str) {
        assert_eq!((UntrustedText::name(text).as_str(), UntrustedText::words(text).as_str()), (name, words));
        assert_eq!(UntrustedText::words(words).as_str(), words, "it changes when it is shown again");
    }

    #[test]
    fn names_stand_bare_and_everything_else_in_quotes() {
        check("model.layers.0-x_Y", "model.layers.0-x_Y", "model.layers.0-x_Y");
        check("", "\"\"", "");
        check("two words", "\"two words\"", "two words");
        check("say \"no\"", "\"say \\\"no\\\"\"", "say \"no\"");
        check("größe", "\"größe\"", "größe");
        check("C:\\new", "\"C:\\new\"", "C:\\new");
    }

    #[test]
    fn what_a_terminal_or_a_browser_acts_on_is_escaped() {
        for (raw, escaped) in [
            ("\u{1b}]0;owned\u{7}", "\\u{1b}]0;owned\\u{7}"),
            ("a\nb\r\tc", "a\\nb\\r\\tc"),
            ("\u{9b}2J\u{7f}\0", "\\u{9b}2J\\u{7f}\\0"),
            ("\u{202e}\u{2066}\u{200f}", "\\u{202e}\\u{2066}\\u{200f}"),
            ("\u{2028}\u{2029}\u{85}", "\\u{2028}\\u{2029}\\u{85}"),
            ("\u{200b}\u{feff}\u{e0041}", "\\u{200b}\\u{feff}\\u{e0041}"),
            ("e\u{301}", "e\\u{301}"),
        ] {
            check(raw, &format!("\"{escaped}\""), escaped);
        }
    }

    #[test]
    fn output_keeps_its_lines_and_colors_and_nothing_else_that_acts() {
        for (output, shown) in [
            ("one\n\ttwo\u{1b}[32mgreen\u{1b}[0m", "one\n\ttwo\u{1b}[32mgreen\u{1b}[0m"),
            ("\u{1b}]0;owned\u{7}", "\\u{1b}]0;owned\\u{7}"),
            ("\u{1b}[2Jm", "\\u{1b}[2Jm"),
            ("\u{1b}[", "\\u{1b}["),
            ("\r\u{9b}31m\u{202e}", "\\r\\u{9b}31m\\u{202e}"),
            ("größe – 1 ≥ 0 e\u{301}", "größe – 1 ≥ 0 e\u{301}"),
        ] {
            assert_eq!(printable(output), shown);
        }
    }

    #[test]
    fn a_passage_keeps_its_lines_its_beginning_and_its_end() {
        let passage = |text: &str| UntrustedText::passage(text).to_string();
        assert_eq!(passage("one\n\ttwo\r\u{1b}[2J\u{202e}"), "one\n\ttwo\\r\\u{1b}[2J\\u{202e}");
        assert_eq!(passage(&"é".repeat(8_000)), "é".repeat(8_000));
        let cut = passage(&format!("{}{}Answer: 42", "a".repeat(9_000), "é".repeat(7)));
        assert!(cut.starts_with("aaa") && cut.ends_with("éAnswer: 42"), "{cut}");
        assert!(cut.contains("\n[… 1017 characters …]\n"), "{cut}");
    }

    #[test]
    fn long_texts_are_cut_and_stay_as_they_are_when_they_are_shown_again() {
        let long = "n".repeat(30_000_000);
        let expected = format!("{}…", "n".repeat(200));
        check(&long, &expected, &expected);
        check(&"n".repeat(200), &"n".repeat(200), &"n".repeat(200));
        let sentence = UntrustedText::sentence(&long);
        assert_eq!(sentence.as_str().chars().count(), 601);
        assert_eq!(UntrustedText::sentence(sentence.as_str()), sentence);
        // An escape is longer than its character, and it is the escape that is shown.
        let hostile = UntrustedText::name(&"\u{10ffff}".repeat(1_000));
        assert_eq!(hostile.as_str(), format!("\"{}…\"", "\\u{10ffff}".repeat(20)));
    }
}
