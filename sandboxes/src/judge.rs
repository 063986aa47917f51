//! Judging with tests that call a function: the tests run in one guest, the candidate in another, and the host carries
//! plain data between them. A candidate sees the arguments of its own calls and nothing else; what it answers is data
//! that a test compares with built-in types of its own making.

use crate::error::SandboxError;
use crate::instance::{Answer, Guest, Loaded};
use crate::limits::Limits;
use crate::outcome::{Ending, Outcome};
use crate::sandbox::{Sandbox, refused};
use crate::world::Candidate;

/// A candidate and the tests it has to pass.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Trial {
    /// Hostile source that defines the functions under test.
    pub candidate: String,
    /// Trusted source. `from dethrone_guest import candidate` gives `candidate(name)`, the candidate's function of that
    /// name; what the candidate raised arrives as `CandidateError`. The tests pass by running to their end.
    pub tests: String,
    /// What the clocks and the entropy of the guests are functions of; the tests' differ from the candidate's, which
    /// could otherwise draw again what the tests drew.
    pub seed: u64,
    /// What each of the two may use; `None` for the sandbox's own limits.
    pub limits: Option<Limits>,
}

/// What a trial came to.
#[derive(Debug, Clone, PartialEq)]
pub struct Judgement {
    /// Whether the tests ran to their end on a candidate that was there to the last: one that left, broke or used up a
    /// limit has passed nothing, whatever the tests made of its silence.
    pub passed: bool,
    /// How the tests ended.
    pub tests: Outcome,
    /// How the candidate ended.
    pub candidate: Outcome,
}

impl Sandbox {
    /// Judges a candidate. Dropping the future ends both guests.
    pub async fn judge(&self, trial: Trial) -> Result<Judgement, SandboxError> {
        let limits = self.limits(trial.limits)?;
        self.submit(move |runtime, cancelled| {
            let guest = |seed| runtime.guest(limits, seed, String::new(), cancelled);
            let candidate = match refused(&trial.candidate, &limits) {
                Some(outcome) => Interview::Refused(outcome),
                None => {
                    let mut guest = guest(trial.seed)?;
                    let ending = match guest.load(&trial.candidate)? {
                        Loaded::Ready => Ending::Finished,
                        // A candidate that left before it was asked has nothing to answer with.
                        Loaded::Exited | Loaded::Over(Ending::Finished) => Ending::Raised,
                        Loaded::Over(ending) => ending,
                    };
                    Interview::Heard { guest, ending }
                }
            };
            let mut tests = guest(seed_of_tests(trial.seed))?;
            tests.give_candidate(Box::new(candidate));
            let ending = match tests.load(&trial.tests)? {
                Loaded::Ready => Ending::Finished,
                // Tests are passed by running to their end, not by leaving.
                Loaded::Exited | Loaded::Over(Ending::Finished) => Ending::Raised,
                Loaded::Over(ending) => ending,
            };
            let candidate = tests.take_candidate().expect("the host gave one and gets it back after each question");
            let tests = tests.finish(ending)?;
            let there = candidate.is_there();
            let candidate = candidate.finish()?;
            Ok(Judgement { passed: there && ending == Ending::Finished, tests, candidate })
        })
        .await
    }
}

/// Another seed for the tests, from which a candidate's own draws tell nothing.
fn seed_of_tests(seed: u64) -> u64 {
    let mut derived = [0; 8];
    let mut hasher = blake3::Hasher::new_derive_key("dethrone sandbox seed of the tests of a trial");
    hasher.update(&seed.to_le_bytes()).finalize_xof().fill(&mut derived);
    u64::from_le_bytes(derived)
}

/// The candidate's side of a trial.
enum Interview {
    /// It was too long to be read.
    Refused(Outcome),
    /// It is there to be asked, as long as its ending is `Finished`.
    Heard { guest: Guest, ending: Ending },
}

impl Candidate for Interview {
    fn ask(&mut self, function: &str, arguments: &str) -> Result<Result<String, String>, SandboxError> {
        let Self::Heard { guest, ending } = self else { return Ok(Err("the candidate is too long".to_owned())) };
        if *ending != Ending::Finished {
            return Ok(Err(format!("the candidate is over: {ending:?}")));
        }
        let (reached, answer) = guest.call(function, arguments)?;
        Ok(match answer {
            Answer::Value(bytes) => Ok(String::from_utf8(bytes).expect("JSON that was read is UTF-8")),
            // An exception does not end a candidate: the next call finds it as it was.
            Answer::Raised(note) => Err(note),
            Answer::Over => {
                *ending = if reached == Ending::Finished { Ending::Raised } else { reached };
                Err(format!("the candidate is over: {ending:?}"))
            }
        })
    }

    fn is_there(&self) -> bool {
        matches!(self, Self::Heard { ending: Ending::Finished, .. })
    }

    fn finish(self: Box<Self>) -> Result<Outcome, SandboxError> {
        match *self {
            Self::Refused(outcome) => Ok(outcome),
            Self::Heard { guest, ending } => guest.finish(ending),
        }
    }
}
