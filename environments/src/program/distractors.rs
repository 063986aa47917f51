//! Lines of Python that a program does not need: constants that look like those of its steps, and functions that nothing calls.

use super::inputs::WORDS;
use crate::seed::Draws;

/// Draws lines that may stand before, between or after the steps of a program, with `count` different names.
pub(super) fn distractors(draws: &mut Draws, count: usize) -> Vec<String> {
    let mut names: Vec<&str> = NAMES.to_vec();
    draws.shuffle(&mut names);
    names.into_iter().take(count).map(|name| distractor(draws, name)).collect()
}

fn distractor(draws: &mut Draws, name: &str) -> String {
    let mut number = || draws.between(2, 99);
    let (a, b, c) = (number(), number(), number());
    let (word, other) = (*draws.choose(WORDS), *draws.choose(WORDS));
    match draws.index(5) {
        0 => format!("{name} = [{a}, {b}, {c}]"),
        1 => format!("{name} = \"{word}\" + \"{other}\""),
        2 => format!("{name} = {{\"{word}\": {a}, \"{other}\": {b}}}"),
        3 => format!("{name} = ({a} + {b}) * {c}"),
        _ => format!("{name} = (\"{word}\", {a}, {b})"),
    }
}

/// Names of the lines, for tests that take them out again.
#[cfg(test)]
pub(super) fn names() -> &'static [&'static str] {
    NAMES
}

/// Names that no step uses.
const NAMES: &[&str] = &[
    "bonus", "color", "depth", "extra", "height", "label", "level", "limit", "margin", "mode", "offset", "port",
    "prefix", "quota", "rate", "scale", "shade", "spare", "suffix", "tag", "title", "unit", "weight", "width",
];

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::program::{ValueKind, steps::all_steps};
    use crate::seed::Seed;

    #[test]
    fn names_are_used_by_nothing_else() {
        let kinds = [ValueKind::Number, ValueKind::Text, ValueKind::Numbers, ValueKind::Words];
        for name in NAMES {
            assert!(kinds.iter().all(|kind| !kind.variable_names().contains(name)), "{name}");
            for step in all_steps() {
                let code = (step.make)(&mut Draws::new("names", Seed(1), 0)).code.text();
                let words: BTreeSet<&str> = code.split(|letter: char| !letter.is_alphanumeric()).collect();
                assert!(!words.contains(name), "{name} stands in {code}");
            }
        }
    }

    #[test]
    fn lines_have_different_names_and_two_seeds_hardly_ever_the_same_lines() {
        let all: BTreeSet<Vec<String>> =
            (0..1_000).map(|seed| distractors(&mut Draws::new("lines", Seed(seed), 0), 2)).collect();
        assert_eq!(all.len(), 1_000);
        for lines in &all {
            let names: BTreeSet<&str> = lines.iter().map(|line| line.split(" = ").next().unwrap()).collect();
            assert_eq!(names.len(), 2, "{lines:?}");
        }
    }
}
