//! One step of a program: Python for the interpreter, English for the reader.

use crate::program::ValueKind;
use crate::seed::Draws;

/// Amount of information that a step discards.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::program) enum InformationLoss {
    /// Nearly none: the input can be told from the output.
    Low,
    /// Some: several inputs share an output.
    Partial,
    /// Most: there are few different outputs, so the step never ends a program.
    High,
}

/// A kind of step, one row of a table.
pub(in crate::program) struct Step {
    pub(in crate::program) takes: ValueKind,
    pub(in crate::program) gives: ValueKind,
    /// Lowest tier at which it is used.
    pub(in crate::program) tier: u8,
    pub(in crate::program) loss: InformationLoss,
    /// Draws the constants.
    pub(in crate::program) make: fn(&mut Draws) -> StepText,
}

/// A row of a table of steps.
pub(super) const fn step(
    takes: ValueKind,
    gives: ValueKind,
    tier: u8,
    loss: InformationLoss,
    make: fn(&mut Draws) -> StepText,
) -> Step {
    Step { takes, gives, tier, loss, make }
}

/// Text of a step with its constants. In code, `$x` stands for the variable that holds the step's input and `$y` for
/// the one that holds its output.
pub(in crate::program) struct StepText {
    pub(in crate::program) code: Code,
    /// Instruction about "it", the step's input.
    pub(in crate::program) english: String,
}

/// Python of a step.
pub(in crate::program) enum Code {
    /// An expression of `$x`.
    Expression(String),
    /// Statements that assign `$y`, one an item.
    Statements(Vec<String>),
}

impl Code {
    /// All of the code, as one text.
    #[cfg(test)]
    pub(in crate::program) fn text(&self) -> String {
        match self {
            Self::Expression(code) => code.clone(),
            Self::Statements(lines) => lines.join("\n"),
        }
    }
}

/// A step that is an expression.
pub(super) fn expression(code: impl Into<String>, english: impl Into<String>) -> StepText {
    StepText { code: Code::Expression(code.into()), english: english.into() }
}

/// A step that is statements, separated by line breaks.
pub(super) fn statements(code: &str, english: impl Into<String>) -> StepText {
    StepText { code: Code::Statements(code.lines().map(str::to_owned).collect()), english: english.into() }
}
