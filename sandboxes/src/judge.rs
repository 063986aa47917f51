//! Judging with tests that call a function: the tests run in one guest, the candidate in another, and the host carries
//! plain data between them. A candidate sees the arguments of its own calls and nothing else; its answers are data that a
//! test compares with values of built-in types.

use crate::error::SandboxError;
use crate::host::Candidate;
use crate::instance::{Answer, Guest};
use crate::limits::Limits;
use crate::outcome::{Ending, Outcome};
use crate::pool::StackUse;
use crate::sandbox::Sandbox;

/// A candidate and the tests it has to pass.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Trial {
    /// Hostile source that defines the functions under test.
    pub candidate: String,
    /// Trusted source. `from dethrone_guest import candidate` gives `candidate(name)`, the candidate's function of that
    /// name; what the candidate raised arrives as `CandidateError`. The tests pass by running to their end.
    pub tests: String,
    /// Seed of the clocks and the entropy. The tests get another one derived from it, so that the candidate cannot repeat
    /// the tests' random numbers.
    pub seed: u64,
    /// Limits of each of the two; `None` for the sandbox's own.
    pub limits: Option<Limits>,
}

/// Result of a trial.
#[derive(Debug, Clone, PartialEq)]
pub struct Judgement {
    /// True if the tests ran to their end and the candidate was still running then: one that exited, broke or used up a
    /// limit has not passed, even if the tests ignored that.
    pub passed: bool,
    /// Outcome of the tests.
    pub tests: Outcome,
    /// Outcome of the candidate.
    pub candidate: Outcome,
}

impl StackUse for Judgement {
    fn needs_fresh_thread(&self) -> bool {
        self.tests.needs_fresh_thread() || self.candidate.needs_fresh_thread()
    }
}

impl Sandbox {
    /// Judges a candidate. Dropping the future ends both guests.
    ///
    /// # Errors
    /// On trouble of the host; every ending of a guest is a judgement.
    pub async fn judge(&self, trial: Trial) -> Result<Judgement, SandboxError> {
        let limits = self.limits(trial.limits)?;
        self.submit(move |runtime, cancelled| {
            let new_guest = |seed| runtime.guest(limits, seed, String::new(), cancelled);
            let candidate = match limits.refuse(&trial.candidate) {
                Some(outcome) => CandidateGuest::Refused(outcome),
                None => {
                    let mut guest = new_guest(trial.seed)?;
                    let ending = guest.load(&trial.candidate)?.expecting_ready();
                    CandidateGuest::Loaded { guest, ending }
                }
            };
            let mut tests = new_guest(seed_of_tests(trial.seed))?;
            tests.set_candidate(Box::new(candidate));
            // Tests pass by running to their end, not by exiting.
            let ending = tests.load(&trial.tests)?.expecting_ready();
            let candidate = tests.take_candidate().expect("the host gave one and gets it back after each call");
            let tests = tests.finish(ending)?;
            let running = candidate.is_running();
            let candidate = candidate.finish()?;
            Ok(Judgement { passed: running && ending == Ending::Finished, tests, candidate })
        })
        .await
    }
}

/// Seed of the tests. The candidate's random numbers, drawn from the trial's own seed, say nothing about those of the tests.
fn seed_of_tests(seed: u64) -> u64 {
    let mut derived = [0; 8];
    let mut hasher = blake3::Hasher::new_derive_key("dethrone sandbox seed of the tests of a trial");
    hasher.update(&seed.to_le_bytes()).finalize_xof().fill(&mut derived);
    u64::from_le_bytes(derived)
}

/// The candidate's side of a trial.
enum CandidateGuest {
    /// It was too long to be read.
    Refused(Outcome),
    /// It can be called as long as its ending is `Finished`.
    Loaded { guest: Guest, ending: Ending },
}

impl Candidate for CandidateGuest {
    fn ask(&mut self, function: &str, arguments: &str) -> Result<Result<String, String>, SandboxError> {
        let Self::Loaded { guest, ending } = self else { return Ok(Err("the candidate is too long".to_owned())) };
        if *ending != Ending::Finished {
            return Ok(Err(format!("the candidate is over: {ending:?}")));
        }
        let (reached, answer) = guest.call(function, arguments)?;
        Ok(match answer {
            Answer::Value(bytes) => Ok(String::from_utf8(bytes).expect("JSON that was read is UTF-8")),
            // An exception does not end the candidate; the next call finds its state unchanged.
            Answer::Raised(note) => Err(note),
            Answer::Ended => {
                *ending = if reached == Ending::Finished { Ending::Raised } else { reached };
                Err(format!("the candidate is over: {ending:?}"))
            }
        })
    }

    fn is_running(&self) -> bool {
        matches!(self, Self::Loaded { ending: Ending::Finished, .. })
    }

    fn finish(self: Box<Self>) -> Result<Outcome, SandboxError> {
        match *self {
            Self::Refused(outcome) => Ok(outcome),
            Self::Loaded { guest, ending } => guest.finish(ending),
        }
    }
}
