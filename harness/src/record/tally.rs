//! Counts of rollouts by what became of their replies.

use std::iter::Sum;
use std::ops::Add;

use environments::VerdictReason;
use serde::Serialize;

use super::{Fault, Rollout};

/// Share of rollouts from which on a count is a warning.
const LOUD: f64 = 0.05;

/// Rollouts by what became of their replies. A reply that was cut off is judged as it stands, so it counts as one of the
/// others, too.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub(crate) struct ReplyTally {
    /// All rollouts.
    pub rollouts: usize,
    /// Their replies held an answer of the form asked for, and it was judged.
    pub judged: usize,
    /// Their replies held no answer.
    pub no_answer: usize,
    /// Their answers are not of the form asked for, or too long.
    pub other_form: usize,
    /// The last reply ended at the limit of new tokens.
    pub cut_off: usize,
    /// Failed by the fault of the model.
    pub failed: usize,
    /// Failed by the fault of the environment or its verifier.
    pub broken: usize,
}

impl ReplyTally {
    /// The counts of some rollouts.
    pub(crate) fn of<'a>(rollouts: impl IntoIterator<Item = &'a Rollout>) -> Self {
        rollouts.into_iter().map(Self::one).sum()
    }

    fn one(rollout: &Rollout) -> Self {
        let is = |reasons: &[VerdictReason]| {
            rollout.fault.is_none() && reasons.iter().any(|reason| rollout.reason.starts_with(&reason.to_string()))
        };
        let count = usize::from;
        let no_answer = rollout.fault.is_none() && has_no_answer(&rollout.reason);
        let other_form = is(&[VerdictReason::Malformed, VerdictReason::TooLong]);
        Self {
            rollouts: 1,
            judged: count(rollout.fault.is_none() && !no_answer && !other_form),
            no_answer: count(no_answer),
            other_form: count(other_form),
            cut_off: count(rollout.replies.last().is_some_and(|reply| reply.finish == "length")),
            failed: count(matches!(rollout.fault, Some(Fault::Model | Fault::Budget))),
            broken: count(matches!(rollout.fault, Some(Fault::Environment | Fault::Verifier))),
        }
    }

    /// The counts as the end of a sentence about replies.
    pub(crate) fn sentence(&self) -> String {
        let Self { judged, no_answer, other_form, cut_off, failed, broken, .. } = self;
        let mut text = format!(
            "{judged} judged, {other_form} of another form, {no_answer} without an answer, {cut_off} cut off at the limit of \
             tokens, {failed} failed"
        );
        if *broken > 0 {
            text.push_str(&format!(", {broken} spoilt by the environment"));
        }
        text
    }

    /// A warning for each count that is too large for scores to mean what they seem to.
    pub(crate) fn warnings(&self) -> Vec<String> {
        let counts = [
            (
                self.cut_off,
                "were cut off at the limit of new tokens: a tier with a higher limit may suit the model better",
            ),
            (self.no_answer, "held no answer that was found"),
            (self.other_form, "held an answer of another form than asked for"),
            (self.failed, "failed by the fault of the model"),
            (self.broken, "failed by the fault of the environment or its verifier"),
        ];
        let is_loud = |count: &usize| *count as f64 > LOUD * self.rollouts as f64;
        let loud = counts.into_iter().filter(|(count, _)| is_loud(count));
        loud.map(|(count, what)| format!("{count} of {} replies {what}", self.rollouts)).collect()
    }
}

/// True of the reason of a verdict on a conversation in which no answer was found.
pub(crate) fn has_no_answer(reason: &str) -> bool {
    [VerdictReason::NoAnswer, VerdictReason::TurnCap].iter().any(|one| reason.starts_with(&one.to_string()))
}

impl Add for ReplyTally {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self {
            rollouts: self.rollouts + other.rollouts,
            judged: self.judged + other.judged,
            no_answer: self.no_answer + other.no_answer,
            other_form: self.other_form + other.other_form,
            cut_off: self.cut_off + other.cut_off,
            failed: self.failed + other.failed,
            broken: self.broken + other.broken,
        }
    }
}

impl Sum for ReplyTally {
    fn sum<I: Iterator<Item = Self>>(tallies: I) -> Self {
        tallies.fold(Self::default(), Add::add)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::Reply;

    fn rollout(reason: &str, finish: &str, fault: Option<Fault>) -> Rollout {
        let reply = Reply {
            prompt_tokens: 3,
            text: None,
            tokens: vec![1],
            logprob_bits: vec![0],
            finish: finish.to_owned(),
            work: Default::default(),
        };
        Rollout { replies: vec![reply], reason: reason.to_owned(), fault, ..Rollout::blank() }
    }

    #[test]
    fn each_rollout_is_counted_by_its_reason_its_end_and_its_fault() {
        let check = |reason: &str, finish: &str, fault, expected: [usize; 6]| {
            let ReplyTally { rollouts, judged, no_answer, other_form, cut_off, failed, broken } =
                ReplyTally::of(&[rollout(reason, finish, fault)]);
            let found = [judged, no_answer, other_form, cut_off, failed, broken];
            assert_eq!((rollouts, found), (1, expected), "{reason} {finish} {fault:?}");
        };
        check("right (from behind the label)", "stop", None, [1, 0, 0, 0, 0, 0]);
        check("wrong", "length", None, [1, 0, 0, 1, 0, 0]);
        check("running it raised an exception", "stop", None, [1, 0, 0, 0, 0, 0]);
        check("no answer in the reply", "length", None, [0, 1, 0, 1, 0, 0]);
        check("the answer is not of the form asked for (from a box)", "stop", None, [0, 0, 1, 0, 0, 0]);
        check("the answer is too long", "stop", None, [0, 0, 1, 0, 0, 0]);
        check("no answer in the reply", "stop", Some(Fault::Model), [0, 0, 0, 0, 1, 0]);
        check("verify raised: KeyError", "stop", Some(Fault::Verifier), [0, 0, 0, 0, 0, 1]);
    }

    #[test]
    fn a_count_above_a_twentieth_is_a_warning() {
        let tally = ReplyTally { rollouts: 40, judged: 40, cut_off: 2, ..ReplyTally::default() };
        assert_eq!(tally.warnings(), [""; 0]);
        let tally = ReplyTally { cut_off: 3, failed: 40, ..tally };
        let warnings = tally.warnings();
        assert_eq!(warnings.len(), 2);
        assert!(warnings[0].starts_with("3 of 40 replies were cut off"), "{warnings:?}");
        assert_eq!(warnings[1], "40 of 40 replies failed by the fault of the model");
        assert_eq!(ReplyTally::default().warnings(), [""; 0]);
    }
}
