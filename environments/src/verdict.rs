//! Scores of rollouts and the reasons for them.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::Message;

/// Response of an environment to a reply.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Turn {
    /// Ends the conversation.
    Done(Verdict),
    /// Continues the conversation with a message.
    Continue(Message),
}

/// Score of a rollout and the reason for it.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Verdict {
    /// In [0, 1].
    pub score: f64,
    /// Reason for the score.
    pub reason: VerdictReason,
    /// Place in the reply of the answer that was judged; none where the environment does not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub extraction: Option<Extraction>,
}

impl Verdict {
    /// Score 1.
    pub const RIGHT: Self = Self { score: 1.0, reason: VerdictReason::Right, extraction: None };

    /// Score 0 for a reason.
    pub const fn zero(reason: VerdictReason) -> Self {
        Self { score: 0.0, reason, extraction: None }
    }

    /// Verdict of a score that an environment computed; `None` unless it is a number in [0, 1].
    pub fn scored(score: f64) -> Option<Self> {
        if !(0.0..=1.0).contains(&score) {
            return None;
        }
        let reason = match score {
            1.0 => VerdictReason::Right,
            0.0 => VerdictReason::Wrong,
            _ => VerdictReason::Partial,
        };
        // Adding zero turns -0.0 into 0.0, so that equal scores are equal bytes.
        Some(Self { score: score + 0.0, reason, extraction: None })
    }

    /// The same verdict, on an answer from this place.
    #[must_use]
    pub const fn on(self, extraction: Extraction) -> Self {
        Self { extraction: Some(extraction), ..self }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.extraction {
            Some(extraction) => write!(out, "{} (from {extraction})", self.reason),
            None => self.reason.fmt(out),
        }
    }
}

/// Place in a reply of the answer or program that was judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Extraction {
    /// Behind the last `Answer:`.
    Label,
    /// Below the last heading `Answer`.
    Heading,
    /// In the last `\\boxed{}`.
    Boxed,
    /// In the last fenced block.
    Block,
    /// In a fenced block of Python.
    PythonBlock,
    /// In a fenced block without a language.
    PlainBlock,
    /// In a fenced block of another language.
    OtherBlock,
    /// The whole reply.
    WholeReply,
}

impl fmt::Display for Extraction {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::Label => "behind the label",
            Self::Heading => "below the heading",
            Self::Boxed => "a box",
            Self::Block => "the last block",
            Self::PythonBlock => "a block of Python",
            Self::PlainBlock => "a block without a language",
            Self::OtherBlock => "a block of another language",
            Self::WholeReply => "the whole reply",
        })
    }
}

/// Reason for a rollout's score.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum VerdictReason {
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
    /// The reply's program raised an exception.
    Raised,
    /// The reply's program did not end within its fuel.
    OutOfFuel,
    /// The reply's program exceeded its memory or stack.
    OutOfMemory,
    /// The reply's program printed too much.
    OutputTooLong,
    /// The conversation reached its turn cap.
    TurnCap,
}

impl VerdictReason {
    /// Short code, stable across versions; the form in which the reason is serialized.
    pub fn code(self) -> &'static str {
        match self {
            Self::Right => "right",
            Self::Partial => "partial",
            Self::Wrong => "wrong",
            Self::NoAnswer => "no_answer",
            Self::Malformed => "malformed",
            Self::TooLong => "too_long",
            Self::Raised => "raised",
            Self::OutOfFuel => "out_of_fuel",
            Self::OutOfMemory => "out_of_memory",
            Self::OutputTooLong => "output_too_long",
            Self::TurnCap => "turn_cap",
        }
    }
}

impl fmt::Display for VerdictReason {
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
            (0.0, Some(VerdictReason::Wrong)),
            (-0.0, Some(VerdictReason::Wrong)),
            (0.5, Some(VerdictReason::Partial)),
            (1.0, Some(VerdictReason::Right)),
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

    #[test]
    fn a_code_is_the_serialized_form_and_every_sentence_is_its_own() {
        use VerdictReason::*;
        let all = [
            Right,
            Partial,
            Wrong,
            NoAnswer,
            Malformed,
            TooLong,
            Raised,
            OutOfFuel,
            OutOfMemory,
            OutputTooLong,
            TurnCap,
        ];
        for (place, reason) in all.into_iter().enumerate() {
            assert_eq!(serde_json::to_value(reason).unwrap(), reason.code());
            assert_eq!(serde_json::from_value::<VerdictReason>(reason.code().into()).unwrap(), reason);
            assert!(all[..place].iter().all(|other| other.code() != reason.code()));
            assert!(all[..place].iter().all(|other| other.to_string() != reason.to_string()));
        }
        assert!(serde_json::from_value::<VerdictReason>("Right".into()).is_err());
    }

    #[test]
    fn a_turn_survives_a_record() {
        let rows = [
            (Turn::Done(Verdict::RIGHT), r#"{"done":{"score":1.0,"reason":"right"}}"#),
            (Turn::Done(Verdict::zero(VerdictReason::TurnCap)), r#"{"done":{"score":0.0,"reason":"turn_cap"}}"#),
            (Turn::Continue(Message::user("?")), r#"{"continue":{"role":"user","content":"?"}}"#),
        ];
        for (turn, json) in rows {
            assert_eq!(serde_json::to_string(&turn).unwrap(), json);
            assert_eq!(serde_json::from_str::<Turn>(json).unwrap(), turn);
        }
    }
}
