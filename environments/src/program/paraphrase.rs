//! Other wordings of the sentences of steps, so that no list of phrases reads a specification.

use super::paraphrases::PARAPHRASES;
use crate::seed::Draws;

/// A sentence with `#` for its numbers and `@` for its quoted texts, and both in their order.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Pattern {
    pub(super) text: String,
    pub(super) numbers: Vec<String>,
    pub(super) quoted: Vec<String>,
}

impl Pattern {
    /// Takes the constants out of a sentence.
    pub(super) fn of(sentence: &str) -> Self {
        let mut pattern = Self::default();
        for (place, part) in sentence.split('"').enumerate() {
            if place % 2 == 1 {
                pattern.quoted.push(part.to_owned());
                pattern.text.push('@');
                continue;
            }
            for run in runs(part) {
                if run.starts_with(|letter: char| letter.is_ascii_digit()) {
                    pattern.numbers.push(run.to_owned());
                    pattern.text.push('#');
                } else {
                    pattern.text.push_str(run);
                }
            }
        }
        pattern
    }
}

/// Runs of digits and of anything else, in order.
fn runs(text: &str) -> Vec<&str> {
    let letters: Vec<(usize, char)> = text.char_indices().collect();
    letters
        .chunk_by(|one, next| one.1.is_ascii_digit() == next.1.is_ascii_digit())
        .map(|run| {
            let (end, last) = run[run.len() - 1];
            &text[run[0].0..end + last.len_utf8()]
        })
        .collect()
}

/// Says a step's sentence in one of its wordings, with its small numbers in digits or in words.
pub(super) fn paraphrase(draws: &mut Draws, sentence: &str) -> String {
    let pattern = Pattern::of(sentence);
    let others = wordings(&pattern.text);
    let chosen = draws.index(others.len() + 1);
    // The sentence itself is one of the wordings.
    let template = others.get(chosen).map_or_else(|| numbered(&pattern.text), |&wording| wording.to_owned());
    let in_words = !template.contains('(') && draws.one_in(3);
    fill(&template, &pattern, in_words)
}

/// Other wordings of a sentence, by its pattern.
pub(super) fn wordings(pattern: &str) -> &'static [&'static str] {
    PARAPHRASES.iter().find(|(known, _)| *known == pattern).map_or(&[], |(_, others)| others)
}

/// A pattern whose constants are numbered, as those of the wordings are.
fn numbered(pattern: &str) -> String {
    let (mut text, mut numbers, mut quoted) = (String::new(), 0, 0);
    for letter in pattern.chars() {
        text.push(letter);
        let count = match letter {
            '#' => &mut numbers,
            '@' => &mut quoted,
            _ => continue,
        };
        text.push(char::from(b'1' + *count));
        *count += 1;
    }
    text
}

/// Puts constants back: `#2` is the second number, `@1` the first quoted text.
fn fill(template: &str, pattern: &Pattern, in_words: bool) -> String {
    let mut text = String::new();
    let mut letters = template.chars();
    while let Some(letter) = letters.next() {
        let constants = match letter {
            '#' => &pattern.numbers,
            '@' => &pattern.quoted,
            letter => {
                text.push(letter);
                continue;
            }
        };
        let place = letters.next().and_then(|digit| digit.to_digit(10)).expect("invariant: constants are numbered");
        let constant = &constants[place as usize - 1];
        match letter {
            '@' => text.push_str(&format!("\"{constant}\"")),
            _ if in_words => text.push_str(&in_english(constant)),
            _ => text.push_str(constant),
        }
    }
    text
}

/// A number below a hundred in words, any other in digits.
fn in_english(number: &str) -> String {
    const SMALL: [&str; 20] = [
        "zero",
        "one",
        "two",
        "three",
        "four",
        "five",
        "six",
        "seven",
        "eight",
        "nine",
        "ten",
        "eleven",
        "twelve",
        "thirteen",
        "fourteen",
        "fifteen",
        "sixteen",
        "seventeen",
        "eighteen",
        "nineteen",
    ];
    const TENS: [&str; 8] = ["twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"];
    match number.parse::<usize>() {
        Ok(small @ 0..20) => SMALL[small].to_owned(),
        Ok(number @ 20..100) => match number % 10 {
            0 => TENS[number / 10 - 2].to_owned(),
            units => format!("{}-{}", TENS[number / 10 - 2], SMALL[units]),
        },
        _ => number.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::program::steps::all_steps;
    use crate::seed::Seed;

    #[test]
    fn every_step_has_other_wordings_and_every_wording_a_step() {
        let mut said = BTreeSet::new();
        for (place, step) in all_steps().enumerate() {
            for seed in 0..60 {
                let mut draws = Draws::new("wordings", Seed(seed), u32::try_from(place).unwrap());
                let pattern = Pattern::of(&(step.make)(&mut draws).english);
                assert!(wordings(&pattern.text).len() >= 2, "{:?} is said in one way", pattern.text);
                said.insert(pattern.text);
            }
        }
        for (pattern, _) in PARAPHRASES {
            assert!(said.contains(*pattern), "no step says {pattern:?}");
        }
    }

    #[test]
    fn every_wording_has_the_constants_of_its_sentence() {
        for (pattern, others) in PARAPHRASES {
            let constants = |text: &str| {
                let mut found: Vec<&str> = text
                    .match_indices(['#', '@'])
                    .map(|(at, _)| text.get(at..at + 2).expect("a constant has a number"))
                    .collect();
                found.sort_unstable();
                found.dedup();
                found.into_iter().map(str::to_owned).collect::<Vec<_>>()
            };
            let expected = constants(&numbered(pattern));
            for wording in *others {
                // A number that another one implies may be left out, such as the 2 of "halve".
                assert_eq!(constants(wording), expected, "{wording:?} of {pattern:?}");
            }
            let distinct: BTreeSet<&&str> = others.iter().collect();
            assert_eq!(distinct.len(), others.len(), "{pattern:?}");
        }
    }

    #[test]
    fn a_text_is_split_where_digits_begin_and_end() {
        let rows: [(&str, &[&str]); 4] =
            [("", &[]), ("a1", &["a", "1"]), ("12é3 ", &["12", "é", "3", " "]), ("7", &["7"])];
        for (text, expected) in rows {
            assert_eq!(runs(text), expected);
        }
    }

    #[test]
    fn constants_are_put_back_in_digits_or_in_words() {
        let pattern = Pattern::of("add 42 to \"a1\" and 7");
        assert_eq!(pattern.text, "add # to @ and #");
        assert_eq!(
            (&*pattern.numbers, &*pattern.quoted),
            (&["42".to_owned(), "7".to_owned()][..], &["a1".to_owned()][..])
        );
        assert_eq!(numbered(&pattern.text), "add #1 to @1 and #2");
        assert_eq!(fill("#2, @1, #1", &pattern, false), "7, \"a1\", 42");
        assert_eq!(fill("#2, @1, #1", &pattern, true), "seven, \"a1\", forty-two");
        let rows = [("0", "zero"), ("13", "thirteen"), ("20", "twenty"), ("99", "ninety-nine"), ("100", "100")];
        for (number, words) in rows {
            assert_eq!(in_english(number), words);
        }
    }
}
