//! Judging with tests that call a function: the tests run in one guest, the candidate in others, and the host carries
//! plain data between them. Each call finds a guest of its own, so that a candidate sees the arguments of one call and nothing
//! else: not which call it is, nor what another was asked. Its answers are data that a test compares with values of built-in types.

use crate::error::SandboxError;
use crate::host::Candidate;
use crate::instance::{Answer, Guest, GuestMaker};
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
    /// Seed of the clocks and the entropy, the same at every call. The tests get another one derived from it, so that the
    /// candidate cannot repeat the tests' random numbers.
    pub seed: u64,
    /// Limits of the tests, and of all calls of the candidate together; `None` for the sandbox's own. Every call loads the
    /// candidate anew, which counts as its work.
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
    /// Outcome of the candidate: output and work of all its calls, the memory of the largest.
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
            let candidate = match limits.refuse(&trial.candidate) {
                Some(outcome) => Calls::Refused(outcome),
                None => Calls::of(runtime.guests(trial.seed, cancelled), trial.candidate, limits)?,
            };
            let mut tests = runtime.guest(limits, seed_of_tests(trial.seed), String::new(), cancelled)?;
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
enum Calls {
    /// It was too long to be read.
    Refused(Outcome),
    /// It can be called as long as its ending is `Finished`.
    Readable(Box<Readable>),
}

/// A candidate that is loaded anew for every call.
struct Readable {
    guests: GuestMaker,
    source: String,
    /// Limits of all calls together.
    limits: Limits,
    /// The guest of the next call: loaded, and entered by no call yet.
    next: Option<Guest>,
    /// Ending, output and use of all guests so far.
    total: Outcome,
}

impl Calls {
    /// Loads the candidate for its first call, by which one that leaves while it is loaded is over before any test runs.
    fn of(guests: GuestMaker, source: String, limits: Limits) -> Result<Self, SandboxError> {
        let total = Outcome {
            ending: Ending::Finished,
            stdout: String::new(),
            stderr: String::new(),
            value: None,
            fuel: 0,
            memory_bytes: 0,
        };
        let mut calls = Readable { guests, source, limits, next: None, total };
        calls.load()?;
        Ok(Self::Readable(Box::new(calls)))
    }
}

impl Readable {
    /// Makes a guest from what is left of the limits, and loads the candidate into it.
    fn load(&mut self) -> Result<(), SandboxError> {
        let Outcome { fuel, stdout, stderr, .. } = &self.total;
        let written = (stdout.len() + stderr.len()) as u64;
        let left = Limits {
            fuel: self.limits.fuel.saturating_sub(*fuel),
            output_bytes: self.limits.output_bytes.saturating_sub(written),
            ..self.limits
        };
        let mut guest = self.guests.guest(left)?;
        match guest.load(&self.source)?.expecting_ready() {
            Ending::Finished => self.next = Some(guest),
            ending => self.end(guest, ending)?,
        }
        Ok(())
    }

    /// Ends a guest and adds what it wrote and used. Its ending is the candidate's, unless an earlier one was worse.
    fn end(&mut self, guest: Guest, ending: Ending) -> Result<(), SandboxError> {
        let Outcome { ending, stdout, stderr, fuel, memory_bytes, value: _ } = guest.finish(ending)?;
        if self.total.ending == Ending::Finished {
            self.total.ending = ending;
        }
        self.total.stdout.push_str(&stdout);
        self.total.stderr.push_str(&stderr);
        self.total.fuel = self.total.fuel.saturating_add(fuel);
        self.total.memory_bytes = self.total.memory_bytes.max(memory_bytes);
        Ok(())
    }

    fn ask(&mut self, function: &str, arguments: &str) -> Result<Result<String, String>, SandboxError> {
        if self.next.is_none() && self.total.ending == Ending::Finished {
            self.load()?;
        }
        let Some(mut guest) = self.next.take() else {
            return Ok(Err(format!("the candidate is over: {:?}", self.total.ending)));
        };
        let (reached, answer) = guest.call(function, arguments)?;
        let (ending, answer) = match answer {
            Answer::Value(bytes) => {
                (Ending::Finished, Ok(String::from_utf8(bytes).expect("JSON that was read is UTF-8")))
            }
            // An exception does not end the candidate.
            Answer::Raised(note) => (Ending::Finished, Err(note)),
            Answer::Ended => {
                let ending = if reached == Ending::Finished { Ending::Raised } else { reached };
                (ending, Err(format!("the candidate is over: {ending:?}")))
            }
        };
        self.end(guest, ending)?;
        Ok(answer)
    }
}

impl Candidate for Calls {
    fn ask(&mut self, function: &str, arguments: &str) -> Result<Result<String, String>, SandboxError> {
        match self {
            Self::Refused(_) => Ok(Err("the candidate is too long".to_owned())),
            Self::Readable(calls) => calls.ask(function, arguments),
        }
    }

    fn is_running(&self) -> bool {
        matches!(self, Self::Readable(calls) if calls.total.ending == Ending::Finished)
    }

    fn finish(self: Box<Self>) -> Result<Outcome, SandboxError> {
        match *self {
            Self::Refused(outcome) => Ok(outcome),
            Self::Readable(mut calls) => {
                // Nothing called it since it was loaded.
                if let Some(guest) = calls.next.take() {
                    calls.end(guest, Ending::Finished)?;
                }
                Ok(calls.total)
            }
        }
    }
}
