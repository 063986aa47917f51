//! Statements of a log about its rollouts, taken as they are: nothing is decided again.

use std::io::BufRead;

use super::audit::EvidenceError;
use super::body::RolloutBody;
use super::log::{Facts, read};
use crate::record::{Admission, Rollout, WindowTerms};

/// Terms, admissions and rollouts that a log states.
#[derive(Debug)]
pub(crate) struct Stated {
    /// The window's terms.
    pub(crate) terms: WindowTerms,
    /// The entries' admissions, in order.
    pub(crate) admissions: Vec<Admission>,
    /// The rollouts, by entry; a log does not say how a reply ended.
    pub(crate) rollouts: Vec<Rollout>,
}

/// Reads the rollouts of a log whose hashes and signatures hold.
///
/// # Errors
/// If it cannot be read, its chain does not hold, or it is not that of a whole window.
pub(crate) fn stated(log: impl BufRead) -> Result<Stated, EvidenceError> {
    let Facts { terms, admissions, rollouts, .. } = read(log)?;
    let entries = terms.entries.len();
    if rollouts.iter().any(|rollout| rollout.entry >= entries || rollout.environment >= terms.environments.len()) {
        return Err(EvidenceError::Incomplete("a rollout is of an entry or environment that there is not"));
    }
    let rollouts = rollouts.iter().map(RolloutBody::to_rollout).collect();
    Ok(Stated { terms, admissions, rollouts })
}
