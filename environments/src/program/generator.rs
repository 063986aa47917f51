//! Draws programs: which steps follow each other at which tier.

use super::{
    ValueKind,
    steps::{InformationLoss, Step, all_steps},
    writer::Writer,
};
use crate::seed::Draws;

/// Use of a program, which decides what steps it may contain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// Ask for its output.
    Deduce,
    /// Ask for an input: steps that map too many inputs to one output are left out.
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
    /// English description.
    pub(crate) description: String,
}

impl GeneratedProgram {
    /// Draws a program of a tier.
    pub(crate) fn draw(draws: &mut Draws, tier: u8, purpose: Purpose) -> Self {
        let count = match tier {
            0 => 1,
            1 => 2,
            2 => draws.between(3, 4),
            3 => draws.between(5, 6),
            _ => draws.between(8, 10),
        };
        let reads = *draws.choose(&[ValueKind::Number, ValueKind::Text, ValueKind::Numbers, ValueKind::Words]);
        let mut writer = Writer::begin(draws, reads);
        for place in 1..=count {
            let last = place == count;
            let fitting: Vec<&Step> =
                all_steps().filter(|step| fits(step, writer.kind(), tier, purpose, last)).collect();
            let step = *draws.choose(&fitting);
            // Before the names are drawn: the order of draws is part of every task's bytes.
            let text = (step.make)(draws);
            if last {
                writer.add_last(draws, step.gives, text);
            } else {
                writer.add(draws, step.gives, text);
            }
        }
        Self { source: writer.source(), reads, description: writer.description() }
    }
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
