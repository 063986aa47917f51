//! One step of a program: Python for the machine, English for the reader.

use super::Kind;
use crate::seed::Draws;

/// How much of its value a step forgets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Loss {
    /// Nothing worth mentioning: the value before can be told from the value after.
    Little,
    /// Something: several values before give one value after.
    Some,
    /// Nearly everything: few different values come out, so it never ends a program.
    Most,
}

/// A kind of step; `make` draws its constants.
pub(super) struct Step {
    pub(super) takes: Kind,
    pub(super) gives: Kind,
    /// The lowest tier at which it is used.
    pub(super) tier: u8,
    pub(super) loss: Loss,
    pub(super) make: fn(&mut Draws) -> Made,
}

/// A step with its constants; `{x}` stands for the variable that holds the value before, `{y}` for the one after.
pub(super) struct Made {
    pub(super) code: Code,
    /// An instruction about "it", the value before.
    pub(super) says: String,
}

/// Python of a step.
pub(super) enum Code {
    /// An expression of `{x}`.
    Expression(String),
    /// Statements after which `{y}` holds the value.
    Lines(Vec<String>),
}

/// A step that is an expression.
pub(super) fn expression(code: impl Into<String>, says: impl Into<String>) -> Made {
    Made { code: Code::Expression(code.into()), says: says.into() }
}

/// A step that is statements, one a line.
pub(super) fn lines(code: &str, says: impl Into<String>) -> Made {
    Made { code: Code::Lines(code.lines().map(str::to_owned).collect()), says: says.into() }
}
