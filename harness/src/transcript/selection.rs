//! Selection of rollouts by entry, environment, task and outcome.

use environments::EnvironmentId;
use models::untrusted::UntrustedText;

use crate::record::{Rollout, Transcript, WindowTerms, has_no_answer};

/// Kinds of outcomes; with several, rollouts of any of them are selected, and with none all.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Kinds {
    /// Judged, and not fully right.
    pub(crate) wrong: bool,
    /// Failed by the fault of the model, the environment or its verifier.
    pub(crate) failed: bool,
    /// Cut off at the limit of tokens.
    pub(crate) cut_off: bool,
    /// Without an answer in the reply.
    pub(crate) no_answer: bool,
}

/// Rollouts that are asked for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Selection {
    entries: Option<Vec<usize>>,
    environments: Option<Vec<usize>>,
    task: Option<u32>,
    kinds: Kinds,
}

/// Nothing of a window has the name that was asked for.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("no {kind} of the window is {wanted}; there are {known}")]
pub(crate) struct SelectionError {
    kind: &'static str,
    wanted: UntrustedText,
    known: String,
}

impl Selection {
    /// The rollouts of one entry (its uid, or the beginning of its hotkey), one environment (`name` or `name:tier`) and one
    /// task of a window.
    ///
    /// # Errors
    /// If the window has no such entry or environment, naming those that it has.
    pub(crate) fn new(
        terms: &WindowTerms,
        entry: Option<&str>,
        environment: Option<&str>,
        task: Option<u32>,
        kinds: Kinds,
    ) -> Result<Self, SelectionError> {
        let entries = entry.map(|wanted| entries(terms, wanted)).transpose()?;
        let environments = environment.map(|wanted| places(&terms.environments, wanted)).transpose()?;
        Ok(Self { entries, environments, task, kinds })
    }

    /// True if an entry's rollouts can be among them.
    pub(crate) fn has_entry(&self, entry: usize) -> bool {
        self.entries.as_ref().is_none_or(|entries| entries.contains(&entry))
    }

    /// True if a rollout may be one of them, as far as it can be told before its replies are decoded.
    pub(crate) fn may_hold(&self, rollout: &Rollout) -> bool {
        let Self { environments, task, kinds, .. } = self;
        let is_there = environments.as_ref().is_none_or(|places| places.contains(&rollout.environment));
        let finish = rollout.replies.last().map(|reply| reply.finish.as_str());
        // A log does not say how a reply ended.
        let may_be_cut_off = matches!(finish, Some("" | "length"));
        let outcome = (rollout.score, rollout.fault.is_some(), rollout.reason.as_str());
        self.has_entry(rollout.entry)
            && is_there
            && task.is_none_or(|task| task == rollout.task)
            && kinds.hold(outcome, may_be_cut_off)
    }

    /// True if a transcript is one of them.
    pub(crate) fn holds(&self, transcript: &Transcript) -> bool {
        let outcome = (transcript.score, transcript.fault.is_some(), transcript.reason.as_str());
        self.kinds.hold(outcome, transcript.cut_off)
    }
}

impl Kinds {
    fn hold(self, (score, has_failed, reason): (f64, bool, &str), is_cut_off: bool) -> bool {
        let has_no_answer = !has_failed && has_no_answer(reason);
        self == Self::default()
            || (self.wrong && !has_failed && score < 1.0)
            || (self.failed && has_failed)
            || (self.cut_off && is_cut_off)
            || (self.no_answer && has_no_answer)
    }
}

fn entries(terms: &WindowTerms, wanted: &str) -> Result<Vec<usize>, SelectionError> {
    let is_wanted = |place: usize| {
        let entry = &terms.entries[place];
        let is_uid = entry.uid.is_some_and(|uid| uid.0.to_string() == wanted);
        is_uid || (!wanted.is_empty() && entry.hotkey.0.starts_with(wanted))
    };
    let found: Vec<usize> = (0..terms.entries.len()).filter(|place| is_wanted(*place)).collect();
    let name = |place: usize| {
        let entry = &terms.entries[place];
        entry.uid.map_or_else(|| entry.hotkey.shortened(), |uid| format!("{} ({})", uid.0, entry.hotkey.shortened()))
    };
    not_empty("entry", wanted, found, terms.entries.len(), name)
}

fn places(environments: &[EnvironmentId], wanted: &str) -> Result<Vec<usize>, SelectionError> {
    let named = |place: usize| {
        let EnvironmentId { name, tier, .. } = &environments[place];
        (name.clone(), format!("{name}:{tier}"))
    };
    let is_wanted = |place: &usize| {
        let (name, with_tier) = named(*place);
        name == wanted || with_tier == wanted
    };
    let found = (0..environments.len()).filter(is_wanted).collect();
    not_empty("environment", wanted, found, environments.len(), |place| named(place).1)
}

fn not_empty(
    kind: &'static str,
    wanted: &str,
    found: Vec<usize>,
    count: usize,
    name: impl Fn(usize) -> String,
) -> Result<Vec<usize>, SelectionError> {
    /// Most names that are listed.
    const LISTED: usize = 12;
    if !found.is_empty() {
        return Ok(found);
    }
    let mut known: Vec<String> = (0..count.min(LISTED)).map(name).collect();
    if count > LISTED {
        known.push(format!("{} more", count - LISTED));
    }
    let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
    Err(SelectionError { kind, wanted: UntrustedText::name(wanted), known })
}

#[cfg(test)]
mod tests;
