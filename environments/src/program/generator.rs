//! Composing steps to a program.

use super::{
    Kind,
    inputs::INPUTS,
    step::{Code, Loss, Made, Step},
    steps_numbers, steps_sequences, steps_words,
};
use crate::seed::Draws;

/// What a program is made for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// Its output will be asked for.
    Deduce,
    /// An input will be asked for: steps that let too many inputs pass are left out.
    Invert,
    /// It will be asked for itself, from its description.
    Specify,
}

/// A program that reads one line and prints one line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Program {
    /// Python.
    pub(crate) source: String,
    /// What its line of input holds.
    pub(crate) reads: Kind,
    /// What it does, in English.
    pub(crate) says: String,
}

impl Program {
    /// Draws a program of a tier.
    pub(crate) fn draw(draws: &mut Draws, tier: u8, purpose: Purpose) -> Self {
        let count = match tier {
            0 => 1,
            1 => 2,
            2 => draws.between(3, 4),
            3 => draws.between(5, 6),
            _ => draws.between(8, 10),
        };
        let reads = *draws.choose(&[Kind::Number, Kind::Text, Kind::Numbers, Kind::Words]);
        let mut writer = Writer::begin(draws, reads);
        for index in 0..count {
            let last = index + 1 == count;
            let fitting: Vec<&Step> = all_steps().filter(|step| fits(step, writer.kind, tier, purpose, last)).collect();
            let step = *draws.choose(&fitting);
            let made = (step.make)(draws);
            writer.add(draws, step.gives, made, last);
        }
        writer.finish(reads)
    }
}

fn all_steps() -> impl Iterator<Item = &'static Step> {
    [steps_numbers::STEPS, steps_words::STEPS, steps_sequences::STEPS].into_iter().flatten()
}

fn fits(step: &Step, kind: Kind, tier: u8, purpose: Purpose, last: bool) -> bool {
    // Hard programs are not padded with the easiest steps.
    let in_reach = step.tier <= tier && step.tier + 3 >= tier;
    let keeps_enough = match (purpose, step.loss) {
        (_, Loss::Little) => true,
        (Purpose::Invert, Loss::Some) => tier >= 2,
        (Purpose::Invert, Loss::Most) => false,
        (_, Loss::Some) => true,
        (_, Loss::Most) => !last,
    };
    step.takes == kind && in_reach && keeps_enough
}

struct Writer {
    lines: Vec<String>,
    sentences: Vec<String>,
    kind: Kind,
    variable: &'static str,
}

impl Writer {
    fn begin(draws: &mut Draws, reads: Kind) -> Self {
        let variable = *draws.choose(names(reads));
        let line = match reads {
            Kind::Number => format!("{variable} = int(input())"),
            Kind::Text => format!("{variable} = input()"),
            Kind::Numbers => format!("{variable} = [int(v) for v in input().split()]"),
            Kind::Words => format!("{variable} = input().split()"),
        };
        Self { lines: vec![line], sentences: Vec::new(), kind: reads, variable }
    }

    fn add(&mut self, draws: &mut Draws, gives: Kind, made: Made, last: bool) {
        self.sentences.push(made.says);
        match made.code {
            Code::Expression(code) => {
                let code = code.replace("{x}", self.variable);
                if last {
                    self.print(gives, &code);
                } else {
                    // A value of another kind gets another name; the same kind keeps its name.
                    if gives != self.kind {
                        self.variable = *draws.choose(names(gives));
                    }
                    self.lines.push(format!("{} = {code}", self.variable));
                }
            }
            Code::Lines(code) => {
                // Statements read the value before while they write the one after: never under one name.
                let others: Vec<&'static str> =
                    names(gives).iter().copied().filter(|name| *name != self.variable).collect();
                let after = *draws.choose(&others);
                self.lines.extend(code.iter().map(|line| line.replace("{x}", self.variable).replace("{y}", after)));
                self.variable = after;
                if last {
                    self.print(gives, after);
                }
            }
        }
        self.kind = gives;
    }

    fn print(&mut self, kind: Kind, code: &str) {
        let star = if matches!(kind, Kind::Numbers | Kind::Words) { "*" } else { "" };
        self.lines.push(format!("print({star}{code})"));
    }

    fn finish(self, reads: Kind) -> Program {
        let read = match reads {
            Kind::Number => "Read a line that holds an integer.",
            Kind::Text => "Read a line that holds a text.",
            Kind::Numbers => "Read a line of integers separated by spaces.",
            Kind::Words => "Read a line of words separated by spaces.",
        };
        let print = match self.kind {
            Kind::Number | Kind::Text => "Print the result.",
            Kind::Numbers | Kind::Words => "Print the result on one line, separated by spaces.",
        };
        let mut says = read.to_owned();
        for (index, sentence) in self.sentences.iter().enumerate() {
            says.push_str(if index == 0 { " Take it and do this: " } else { "; then " });
            says.push_str(sentence);
        }
        says.push_str(". ");
        says.push_str(print);
        Program { source: self.lines.join("\n"), reads, says }
    }
}

/// Names that no step uses for itself.
fn names(kind: Kind) -> &'static [&'static str] {
    match kind {
        Kind::Number => &["n", "x", "m", "num"],
        Kind::Text => &["s", "t", "text", "word"],
        Kind::Numbers => &["xs", "nums", "values", "data"],
        Kind::Words => &["ws", "words", "names", "parts"],
    }
}

/// Draws a line of input of a kind.
pub(crate) fn draw_input(draws: &mut Draws, kind: Kind, tier: u8) -> String {
    let join = |values: Vec<String>| values.join(" ");
    match kind {
        Kind::Number => {
            let (low, high) = [(10, 69), (2, 99), (10, 999), (100, 9_999), (1_000, 99_999)][usize::from(tier.min(4))];
            draws.between(low, high).to_string()
        }
        Kind::Text if tier >= 3 => {
            let length = draws.between(6, 7 + i64::from(tier));
            (0..length).map(|_| char::from(*draws.choose(b"abcdefghijklmnopqrstuvwxyz"))).collect()
        }
        Kind::Text if tier == 2 => format!("{}{}", draws.choose(INPUTS), draws.choose(INPUTS)),
        Kind::Text => (*draws.choose(INPUTS)).to_owned(),
        Kind::Numbers => {
            let (count, high) = [(3, 99), (4, 50), (5, 60), (6, 99), (8, 99)][usize::from(tier.min(4))];
            join((0..count).map(|_| draws.between(1, high).to_string()).collect())
        }
        Kind::Words => {
            let count = [2, 3, 3, 4, 5][usize::from(tier.min(4))];
            join((0..count).map(|_| (*draws.choose(INPUTS)).to_owned()).collect())
        }
    }
}
