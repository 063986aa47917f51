//! The score of a rollout, and the reason for it.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::Message;

/// What an environment says after a reply.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Turn {
    /// The conversation is over.
    Done(Verdict),
    /// The conversation goes on with this message.
    Continue(Message),
}

/// A rollout's score and the reason for it.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Verdict {
    /// In [0, 1].
    pub score: f64,
    /// Why.
    pub reason: Reason,
}

impl Verdict {
    /// Full marks.
    pub const RIGHT: Self = Self { score: 1.0, reason: Reason::Right };

    /// No marks, and why.
    pub const fn zero(reason: Reason) -> Self {
        Self { score: 0.0, reason }
    }

    /// A score that an environment computed; `None` unless it is a number in [0, 1].
    pub fn scored(score: f64) -> Option<Self> {
        if !(0.0..=1.0).contains(&score) {
            return None;
        }
        let reason = match score {
            1.0 => Reason::Right,
            0.0 => Reason::Wrong,
            _ => Reason::Partial,
        };
        // Adding zero turns -0.0 into 0.0, so that equal scores are equal bytes.
        Some(Self { score: score + 0.0, reason })
    }
}

/// Why a rollout got its score.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// The answer is right.
    Right,
    /// The answer is partly right.
    Partial,
    /// The answer is wrong.
    Wrong,
    /// The reply holds no answer.
    NoAnswer,
    /// The answer is not of the form that the task asks for.
    Malformed,
    /// The answer is longer than the task allows.
    TooLong,
    /// What the reply asked to run raised an exception.
    Raised,
    /// What the reply asked to run did not end within its fuel.
    OutOfFuel,
    /// What the reply asked to run took too much memory or stack.
    OutOfMemory,
    /// What the reply asked to run printed too much.
    OutputTooLong,
    /// The conversation reached its turn cap.
    TurnCap,
}

impl fmt::Display for Reason {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::Right => "right",
            Self::Partial => "partly right",
            Self::Wrong => "wrong",
            Self::NoAnswer => "no answer in the reply",
            Self::Malformed => "the answer is not of the form asked for",
            Self::TooLong => "the answer is too long",
            Self::Raised => "running it raised an exception",
            Self::OutOfFuel => "running it took too long",
            Self::OutOfMemory => "running it took too much memory",
            Self::OutputTooLong => "running it printed too much",
            Self::TurnCap => "no answer within the allowed turns",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_numbers_from_zero_to_one_are_scores() {
        let cases = [
            (0.0, Some(Reason::Wrong)),
            (-0.0, Some(Reason::Wrong)),
            (0.5, Some(Reason::Partial)),
            (1.0, Some(Reason::Right)),
            (1.0 + f64::EPSILON, None),
            (-f64::MIN_POSITIVE, None),
            (f64::NAN, None),
            (f64::INFINITY, None),
        ];
        for (score, reason) in cases {
            assert_eq!(Verdict::scored(score).map(|verdict| verdict.reason), reason, "{score}");
        }
        assert!(Verdict::scored(-0.0).unwrap().score.is_sign_positive());
    }
}
