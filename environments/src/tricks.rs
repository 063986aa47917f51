//! Fixed rules that make a reply from the letters of a question without working it out: copying, reversing, case, taking quoted
//! text off or putting it on, adding a number that stands in the question.
//!
//! Generators reject a draw that one of them solves, as they reject one that an echo solves, and the check plays them all.

/// Answers that the rules give for a value, each with the rule's name.
///
/// `context` is the text around the value, such as a program; rules use its quoted texts and its numbers.
pub(crate) fn tricks(value: &str, context: &str) -> Vec<(String, String)> {
    let mut found: Vec<(String, String)> = RULES.iter().map(|(name, rule)| ((*name).to_owned(), rule(value))).collect();
    let quoted = quoted(context);
    for (place, text) in quoted.iter().enumerate().take(MOST_CONSTANTS) {
        let joined: [(&str, String); 8] = [
            ("appended", format!("{value}{text}")),
            ("prepended", format!("{text}{value}")),
            ("appended as a word", format!("{value} {text}")),
            ("prepended as a word", format!("{text} {value}")),
            ("taken off the end", value.strip_suffix(text).unwrap_or(value).trim().to_owned()),
            ("taken off the front", value.strip_prefix(text).unwrap_or(value).trim().to_owned()),
            ("between the characters", value.chars().map(String::from).collect::<Vec<_>>().join(text)),
            ("split by", value.split(text).filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" ")),
        ];
        found.extend(joined.map(|(name, answer)| (format!("quoted text {place} {name}"), answer)));
    }
    found.push(("all quoted texts taken off".to_owned(), bare(value, &quoted)));
    if let Ok(number) = value.parse::<i64>() {
        for (place, constant) in numbers(context).into_iter().enumerate().take(2 * MOST_CONSTANTS) {
            let made: [(&str, Option<i64>); 4] = [
                ("added", number.checked_add(constant)),
                ("subtracted", number.checked_sub(constant)),
                ("as a factor", number.checked_mul(constant)),
                ("less the value", constant.checked_sub(number)),
            ];
            let made =
                made.into_iter().filter_map(|(name, made)| Some((format!("number {place} {name}"), made?.to_string())));
            found.extend(made);
        }
    }
    found
}

/// Most quoted texts of a question that are tried.
const MOST_CONSTANTS: usize = 6;

type Rule = (&'static str, fn(&str) -> String);

/// Rules that look at the value alone.
const RULES: &[Rule] = &[
    ("copied", str::to_owned),
    ("reversed", |value| value.chars().rev().collect()),
    ("words reversed", |value| value.split(' ').rev().collect::<Vec<_>>().join(" ")),
    ("each word reversed", |value| each_word(value, |word| word.chars().rev().collect())),
    ("upper case", str::to_uppercase),
    ("lower case", str::to_lowercase),
    ("letters, in lower case", |value| kept(value, |letter| letter.is_ascii_alphabetic()).to_lowercase()),
    ("digits", |value| kept(value, |letter| letter.is_ascii_digit())),
    ("letters or digits, reversed", |value| {
        kept(value, |letter| letter.is_ascii_alphanumeric()).chars().rev().collect::<String>().to_lowercase()
    }),
    ("letters as one word", |value| value.chars().filter(char::is_ascii_alphabetic).collect::<String>().to_lowercase()),
    ("digits as one number", |value| value.chars().filter(char::is_ascii_digit).collect()),
    ("sorted characters", |value| {
        let mut letters: Vec<char> = value.chars().collect();
        letters.sort_unstable();
        letters.into_iter().collect()
    }),
    ("sorted words", |value| {
        let mut words: Vec<&str> = value.split(' ').collect();
        words.sort_unstable();
        words.join(" ")
    }),
    ("sorted numbers", |value| {
        let mut numbers: Vec<i64> = value.split(' ').filter_map(|word| word.parse().ok()).collect();
        numbers.sort_unstable();
        numbers.iter().map(i64::to_string).collect::<Vec<_>>().join(" ")
    }),
    ("joined", |value| value.replace(' ', "")),
    ("doubled", |value| format!("{value}{value}")),
    ("first half", |value| value.chars().take(value.chars().count() / 2).collect()),
    ("first word", |value| value.split(' ').next().unwrap_or_default().to_owned()),
    ("second word", |value| value.split(' ').nth(1).unwrap_or_default().to_owned()),
    ("last word", |value| value.split(' ').next_back().unwrap_or_default().to_owned()),
    ("without the first word", |value| value.split(' ').skip(1).collect::<Vec<_>>().join(" ")),
    ("without the last word", |value| value.rsplit_once(' ').map_or(value, |(rest, _)| rest).to_owned()),
    ("first word last", |value| rotated(&value.split(' ').collect::<Vec<_>>()).join(" ")),
    ("last word first", |value| match value.rsplit_once(' ') {
        Some((rest, last)) => format!("{last} {rest}"),
        None => value.to_owned(),
    }),
    ("first character", |value| value.chars().take(1).collect()),
    ("last character", |value| value.chars().last().map(String::from).unwrap_or_default()),
    ("without the first character", |value| value.chars().skip(1).collect()),
    ("without the last character", |value| {
        let mut letters = value.chars();
        letters.next_back();
        letters.as_str().to_owned()
    }),
    ("first character last", |value| rotated(&value.chars().collect::<Vec<_>>()).into_iter().collect()),
    ("length", |value| value.chars().count().to_string()),
    ("number of words", |value| value.split(' ').count().to_string()),
    ("sum of the numbers", |value| {
        value.split(' ').filter_map(|word| word.parse::<i64>().ok()).fold(0_i64, i64::wrapping_add).to_string()
    }),
    ("largest number", |value| extreme(value, |numbers| numbers.iter().max().copied())),
    ("smallest number", |value| extreme(value, |numbers| numbers.iter().min().copied())),
];

/// Quoted texts of a text, in order, each once.
fn quoted(text: &str) -> Vec<&str> {
    let mut found: Vec<&str> = Vec::new();
    for line in text.lines() {
        for part in line.split('"').skip(1).step_by(2) {
            if !part.is_empty() && !found.contains(&part) {
                found.push(part);
            }
        }
    }
    found
}

/// Whole numbers of a text, in order, each once.
fn numbers(text: &str) -> Vec<i64> {
    let mut found = Vec::new();
    for run in text.split(|letter: char| !letter.is_ascii_digit()) {
        if let Ok(number) = run.parse()
            && !found.contains(&number)
        {
            found.push(number);
        }
    }
    found
}

/// A value without the quoted texts that it begins or ends with, in lower case.
fn bare(value: &str, quoted: &[&str]) -> String {
    let mut rest = value;
    for text in quoted {
        rest = rest.strip_suffix(text).or_else(|| rest.strip_prefix(text)).unwrap_or(rest).trim();
    }
    rest.to_lowercase()
}

fn each_word(value: &str, change: fn(&str) -> String) -> String {
    value.split(' ').map(change).collect::<Vec<_>>().join(" ")
}

/// Runs of kept characters, separated by blanks.
fn kept(value: &str, keep: fn(char) -> bool) -> String {
    value.split(|letter| !keep(letter)).filter(|run| !run.is_empty()).collect::<Vec<_>>().join(" ")
}

fn rotated<X: Clone>(items: &[X]) -> Vec<X> {
    items.iter().skip(1).chain(items.first()).cloned().collect()
}

fn extreme(value: &str, pick: fn(&[i64]) -> Option<i64>) -> String {
    let numbers: Vec<i64> = value.split(' ').filter_map(|word| word.parse().ok()).collect();
    pick(&numbers).map(|number| number.to_string()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(value: &str, context: &str, name: &str, answer: &str) {
        let found = tricks(value, context);
        let one = found.iter().find(|(known, _)| known == name).unwrap_or_else(|| panic!("no rule {name:?}"));
        assert_eq!(one.1, answer, "{name}");
    }

    #[test]
    fn rules_give_the_answers_that_their_names_say() {
        check("dog cat", "", "copied", "dog cat");
        check("dog cat", "", "reversed", "tac god");
        check("dog cat", "", "words reversed", "cat dog");
        check("dog cat", "", "each word reversed", "god tac");
        check("dog cat", "", "first word last", "cat dog");
        check("a b c", "", "last word first", "c a b");
        check("DOG-12", "", "letters, in lower case", "dog");
        check("DOG-12", "", "digits", "12");
        check("d-o-g", "", "letters as one word", "dog");
        check("3 -1 2", "", "sum of the numbers", "4");
        check("3 -1 2", "", "smallest number", "-1");
        check("3 -1 2", "", "sorted numbers", "-1 2 3");
        check("dogdog", "", "first half", "dog");
        check("dog", "", "first character last", "ogd");
        check("dog", "x = \"ab\"", "quoted text 0 appended", "dogab");
        check("dogab", "x = \"ab\"\ny = \"do\"", "all quoted texts taken off", "g");
        check("d-o-g", "\"-\"", "quoted text 0 split by", "d o g");
        check("dog", "\"-\"", "quoted text 0 between the characters", "d-o-g");
        check("12", "n + 30", "number 0 added", "42");
        check("12", "n + 30", "number 0 less the value", "18");
    }

    #[test]
    fn no_value_breaks_a_rule() {
        for value in
            ["", " ", "é", "9223372036854775807", "-9223372036854775808", "a  b", "\u{0}", "9223372036854775807 1"]
        {
            for context in ["", "\"", "\"\" \"é\" 9223372036854775807", "99999999999999999999"] {
                assert!(tricks(value, context).len() >= RULES.len(), "{value:?} {context:?}");
            }
        }
    }

    #[test]
    fn names_are_told_apart() {
        let found = tricks("12", "\"a\" \"b\" 1 2 3");
        let names: std::collections::BTreeSet<&str> = found.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names.len(), found.len());
    }
}
