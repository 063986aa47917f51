//! Draws programs: which steps follow each other at which tier, and what stands around them.

use super::{
    ValueKind,
    conditions::condition,
    distractors::distractors,
    specification::{Specification, Way},
    steps::{InformationLoss, Step, StepText, all_steps},
    writer::Writer,
};
use crate::seed::Draws;

/// Use of a program, which decides what steps it may contain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// Ask for its output: lines that it does not need stand between its steps.
    Deduce,
    /// Ask for an input: as to be deduced, without steps that map too many inputs to one output.
    Invert,
    /// Ask for a program that fits its description.
    Specify,
}

/// A program that reads one line and prints one line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct GeneratedProgram {
    /// Python source.
    pub(crate) source: String,
    /// Kind of its line of input.
    pub(crate) reads: ValueKind,
    /// English specification, where it is asked for.
    pub(crate) description: String,
}

impl GeneratedProgram {
    /// Draws a program of a tier.
    pub(crate) fn draw(draws: &mut Draws, tier: u8, purpose: Purpose) -> Self {
        match purpose {
            Purpose::Specify => Self::draw_specified(draws, tier),
            Purpose::Deduce | Purpose::Invert => Self::draw_source(draws, tier, purpose),
        }
    }

    fn draw_source(draws: &mut Draws, tier: u8, purpose: Purpose) -> Self {
        let reads = draw_kind(draws);
        let mut writer = Writer::begin(draws, reads);
        let count = steps(draws, tier);
        add_steps(draws, &mut writer, tier, purpose, count);
        let lines = distractors(draws, DISTRACTORS);
        writer.scatter(draws, lines);
        Self { source: writer.source(), reads, description: String::new() }
    }

    fn draw_specified(draws: &mut Draws, tier: u8) -> Self {
        let reads = draw_kind(draws);
        let mut writer = Writer::begin(draws, reads);
        let count = steps(draws, tier);
        // A program of two ways needs room for two steps in each.
        let condition = (count >= 4 && draws.one_in(2)).then(|| condition(draws, reads));
        let mut ways = Vec::new();
        match condition {
            None => ways.push(add_steps(draws, &mut writer, tier, Purpose::Specify, count)),
            Some((code, _)) => {
                let mut branches = [writer.branch(), writer.branch()];
                for branch in &mut branches {
                    ways.push(add_steps(draws, branch, tier, Purpose::Specify, count / 2));
                }
                let [first, second] = &branches;
                writer.add_branches(code, [first, second]);
            }
        }
        let told = draws.between(1, 2);
        let decoys = (0..told).map(|_| draw_step(draws, reads, tier, Purpose::Specify, false).1.english).collect();
        let condition = condition.map(|(_, english)| english);
        let description = Specification { reads, ways: &ways, condition, decoys }.write(draws);
        Self { source: writer.source(), reads, description }
    }
}

/// Lines that a program does not need.
const DISTRACTORS: usize = 2;

fn draw_kind(draws: &mut Draws) -> ValueKind {
    *draws.choose(&[ValueKind::Number, ValueKind::Text, ValueKind::Numbers, ValueKind::Words])
}

/// Number of steps at a tier.
fn steps(draws: &mut Draws, tier: u8) -> i64 {
    match tier {
        0 => 2,
        1 => draws.between(2, 3),
        2 => draws.between(3, 4),
        3 => draws.between(5, 6),
        _ => draws.between(8, 10),
    }
}

/// Adds steps, the last of which prints, and returns what they say.
fn add_steps(draws: &mut Draws, writer: &mut Writer, tier: u8, purpose: Purpose, count: i64) -> Way {
    for place in 1..=count {
        let (gives, text) = draw_step(draws, writer.kind(), tier, purpose, place == count);
        if place == count {
            writer.add_last(draws, gives, text);
        } else {
            writer.add(draws, gives, text);
        }
    }
    Way { sentences: writer.sentences().to_vec(), gives: writer.kind() }
}

/// Draws a step for a value, with the kind of its output.
fn draw_step(draws: &mut Draws, kind: ValueKind, tier: u8, purpose: Purpose, last: bool) -> (ValueKind, StepText) {
    let fitting: Vec<&Step> = all_steps().filter(|step| fits(step, kind, tier, purpose, last)).collect();
    let step = *draws.choose(&fitting);
    (step.gives, (step.make)(draws))
}

fn fits(step: &Step, kind: ValueKind, tier: u8, purpose: Purpose, last: bool) -> bool {
    // Hard programs are not padded with the easiest steps.
    let in_reach = step.tier <= tier && step.tier + 3 >= tier;
    let keeps_enough = match (step.loss, purpose) {
        (InformationLoss::Low, _) => true,
        (InformationLoss::Partial, Purpose::Invert) => tier >= 2,
        (InformationLoss::Partial, _) => true,
        (InformationLoss::High, Purpose::Invert) => false,
        (InformationLoss::High, _) => !last,
    };
    step.takes == kind && in_reach && keeps_enough
}

#[cfg(test)]
mod tests;
