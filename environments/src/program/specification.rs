//! English specifications of programs, in forms that differ in the order of what they say and in what of it counts: steps in
//! their order, backwards, or as named operations of which some are carried out, with remarks that change nothing.

use super::{ValueKind, inputs::WORDS, paraphrase::paraphrase};
use crate::seed::Draws;

/// Content of a specification.
pub(super) struct Specification<'a> {
    /// Kind of the line of input.
    pub(super) reads: ValueKind,
    /// Ways from input to output: one, or two of which a condition on the input chooses.
    pub(super) ways: &'a [Way],
    /// Condition for the first of two ways.
    pub(super) condition: Option<&'static str>,
    /// Sentences of steps that are not carried out.
    pub(super) decoys: Vec<String>,
}

/// Steps from input to output.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Way {
    /// Sentences of the steps, in order.
    pub(super) sentences: Vec<String>,
    /// Kind of the output.
    pub(super) gives: ValueKind,
}

/// Form in which steps are told.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    /// One after another.
    Forwards,
    /// Each value by the one it is made from, the output first.
    Backwards,
    /// Named operations in any order, then which of them are carried out.
    Named,
}

impl Specification<'_> {
    /// Writes the specification in a drawn form and wording.
    pub(super) fn write(mut self, draws: &mut Draws) -> String {
        let form = match (self.condition, self.decoys.is_empty()) {
            // Two ways over the same operations are told by their names.
            (Some(_), _) => Form::Named,
            (None, false) => *draws.choose(&[Form::Forwards, Form::Backwards, Form::Named, Form::Named]),
            (None, true) => *draws.choose(&[Form::Forwards, Form::Backwards]),
        };
        let mut parts = vec![draws.choose(reading(self.reads)).to_string()];
        if form != Form::Named && !self.decoys.is_empty() {
            let decoy = paraphrase(draws, &self.decoys.swap_remove(0));
            parts.push(format!("{} {decoy}. {}", draws.choose(WITHDRAWN), draws.choose(&INSTEAD)));
        }
        parts.push(match form {
            Form::Forwards => self.forwards(draws),
            Form::Backwards => self.backwards(draws),
            Form::Named => self.named(draws),
        });
        let lists = self.ways.iter().any(|way| way.gives.is_list());
        parts.push(draws.choose(if lists { &PRINTING_LISTS } else { &PRINTING }).to_string());
        // A remark stands anywhere but within the steps.
        let place = draws.index(parts.len());
        parts.insert(place, remark(draws));
        let gap = *draws.choose(&[" ", "\n", "\n\n"]);
        parts.join(gap)
    }

    fn forwards(&self, draws: &mut Draws) -> String {
        let sentences = &self.ways[0].sentences;
        let (first, next) = *draws.choose(&[
            ("Take it and do this:", "; then"),
            ("What has to be done:", "; after that,"),
            (
                "The line passes through these stages, each of which works on what the one before made of it:",
                ", and next",
            ),
            ("Change it step by step:", ". Then"),
        ]);
        let said: Vec<String> = sentences.iter().map(|sentence| paraphrase(draws, sentence)).collect();
        format!("{first} {}.", said.join(&format!("{next} ")))
    }

    fn backwards(&self, draws: &mut Draws) -> String {
        let sentences = &self.ways[0].sentences;
        let mut names: Vec<&str> = VALUES.to_vec();
        draws.shuffle(&mut names);
        let mut told = vec![format!("The result is called {}.", names[0])];
        for (place, sentence) in sentences.iter().rev().enumerate() {
            let said = paraphrase(draws, sentence);
            let from = if place + 1 == sentences.len() { "the input" } else { names[place + 1] };
            let opening = draws.choose(&["You get", "One gets", "You obtain"]);
            told.push(format!("{opening} {} from {from} as follows: {said}.", names[place]));
        }
        told.join(" ")
    }

    fn named(&mut self, draws: &mut Draws) -> String {
        let mut names: Vec<&str> = if draws.one_in(2) { LETTERS.to_vec() } else { TREES.to_vec() };
        draws.shuffle(&mut names);
        // The same step in two places has two names, so that names say nothing about steps.
        let mut free = names.into_iter();
        let mut name = || free.next().expect("invariant: there are more names than steps");
        let mut operations: Vec<(&str, String)> = Vec::new();
        let mut orders: Vec<Vec<&str>> = Vec::new();
        for way in self.ways {
            let mut order = Vec::new();
            for sentence in &way.sentences {
                let one = name();
                operations.push((one, paraphrase(draws, sentence)));
                order.push(one);
            }
            orders.push(order);
        }
        for decoy in std::mem::take(&mut self.decoys) {
            operations.push((name(), paraphrase(draws, &decoy)));
        }
        draws.shuffle(&mut operations);
        let (before, after) = *draws.choose(&[("", ": "), ("(", ") "), ("* ", " means: ")]);
        let listed: Vec<String> =
            operations.iter().map(|(name, said)| format!("{before}{name}{after}{said}.")).collect();
        let opening = draws.choose(&[
            "These are operations on a value, called \"it\"; not all of them have to be used:",
            "Below, operations are defined by what each does to the value at hand (\"it\"):",
            "Some operations, each of which replaces a value:",
        ]);
        let mut said: Vec<String> = orders.iter().map(|order| in_order(draws, order)).collect();
        let carried_out = match self.condition {
            None => format!("On the input carry out {}.", said.remove(0)),
            Some(condition) if draws.one_in(2) => {
                format!("If {condition}, carry out {} on it, and otherwise {}.", said[0], said[1])
            }
            Some(condition) => {
                format!("Carry out {} on the input, but if {condition}, {} instead.", said[1], said[0])
            }
        };
        match draws.one_in(2) {
            true => format!("{opening}\n{}\n{carried_out}", listed.join("\n")),
            false => format!("{carried_out} {opening}\n{}\n", listed.join("\n")),
        }
    }
}

/// An order of operations, said in one of several ways.
fn in_order(draws: &mut Draws, order: &[&str]) -> String {
    let backwards = || order.iter().rev().copied().collect::<Vec<_>>();
    match draws.index(4) {
        _ if order.len() == 1 => format!("{} alone", order[0]),
        0 => order.join(", then "),
        1 => format!("{} (in this order)", order.join(" and ")),
        2 => format!("{} (the last one first)", backwards().join(", ")),
        _ => backwards().join(" after "),
    }
}

/// A sentence that changes nothing, with a number and a word in it.
fn remark(draws: &mut Draws) -> String {
    let (number, word) = (draws.between(2, 9_999), *draws.choose(WORDS));
    let other = *draws.choose(WORDS);
    match draws.index(6) {
        0 => format!("(This is task {number} of the collection \"{word} {other}\".)"),
        1 => format!("The data were recorded at a place called \"{word}-{other}\" on day {number}."),
        2 => format!("Whoever asked for it, a firm named \"{word} & {other}\", has {number} such lines."),
        3 => format!("Background: the format was invented {number} weeks ago for a {word} with a {other}."),
        4 => format!("Ticket {number}, filed under \"{word}\" by \"{other}\"."),
        _ => format!("A line costs {number} cents to make, and the {word} pays for the {other}."),
    }
}

/// Sentences that say what the line of input holds.
fn reading(kind: ValueKind) -> &'static [&'static str] {
    match kind {
        ValueKind::Number => &[
            "Read a line that holds an integer.",
            "Standard input is one line with a whole number.",
            "The input is a single integer.",
        ],
        ValueKind::Text => &[
            "Read a line that holds a text.",
            "Standard input is one line of text without blanks.",
            "The input is a single string.",
        ],
        ValueKind::Numbers => &[
            "Read a line of integers separated by spaces.",
            "Standard input is one line with a list of whole numbers, a space between neighbours.",
            "The input is a list of integers on one line, divided by blanks.",
        ],
        ValueKind::Words => &[
            "Read a line of words separated by spaces.",
            "Standard input is one line with a list of words, a space between neighbours.",
            "The input is a list of words on one line, divided by blanks.",
        ],
    }
}

const PRINTING: [&str; 3] = ["Print the result.", "Write what comes out on one line.", "The final value is printed."];
const PRINTING_LISTS: [&str; 3] = [
    "Print the result on one line, a list with spaces between its items.",
    "What comes out is written on one line; a list is separated by blanks.",
    "The final value is printed; if it is a list, on one line with a space between neighbours.",
];
const WITHDRAWN: &[&str] =
    &["An older version of this task said:", "It used to be required to do this:", "Crossed out:"];
const INSTEAD: [&str; 3] = ["That no longer holds.", "Ignore that.", "This was dropped and is not to be done."];
const VALUES: &[&str] = &["R", "S", "T", "U", "V", "W", "X", "Y", "Z", "P", "Q", "M", "N", "G", "H"];
const LETTERS: &[&str] = &[
    "A", "B", "C", "D", "E", "F", "G", "H", "J", "K", "L", "M", "N", "P", "Q", "R", "S", "T", "U", "V", "W", "X", "Y",
    "Z",
];
const TREES: &[&str] = &[
    "ALDER", "APPLE", "ASH", "ASPEN", "BEECH", "BIRCH", "CEDAR", "CHERRY", "ELDER", "ELM", "FIR", "HAZEL", "LARCH",
    "LIME", "MAPLE", "OAK", "OLIVE", "PEAR", "PINE", "PLUM", "POPLAR", "ROWAN", "WILLOW", "YEW",
];

#[cfg(test)]
mod tests;
