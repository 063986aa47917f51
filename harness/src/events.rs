//! Events of a run as data; reporters show them.

use crate::record::{Rollout, counted_score};

/// Something that happened.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Event {
    /// A package, a model or the sandbox guest is being fetched or made.
    Asset {
        /// The subject.
        subject: String,
        /// The activity, as a participle.
        doing: &'static str,
        /// Bytes so far.
        done: u64,
        /// Bytes in all, where known.
        total: Option<u64>,
    },
    /// An asset is ready.
    AssetReady {
        /// The subject.
        subject: String,
    },
    /// The run is opened.
    Opened {
        /// Number of entries.
        entries: usize,
        /// An earlier process has begun the run.
        resumed: bool,
    },
    /// An entry's model is being fetched and checked.
    Checking {
        /// The entry.
        entry: String,
    },
    /// Outcome of an entry's admission or of a screen.
    Standing {
        /// The entry.
        entry: String,
        /// `admitted`, or the sentence.
        standing: String,
    },
    /// A model begins to answer.
    Playing {
        /// The entry.
        entry: String,
        /// Rollouts already there.
        done: usize,
        /// Rollouts in all, at most.
        total: usize,
    },
    /// A server runs a model in place of this machine.
    Served {
        /// Whose, and which server, in one sentence.
        sentence: String,
    },
    /// This validator's own record was set aside.
    Overridden {
        /// The record that counts instead, in one sentence.
        sentence: String,
    },
    /// Something that whoever runs this validator should change.
    Warned {
        /// The warning and its reason in one sentence.
        sentence: String,
    },
    /// A rollout ended.
    RolloutEnded {
        /// The entry.
        entry: String,
        /// New tokens of its replies.
        tokens: usize,
        /// Its score; none if it counts for nobody.
        score: Option<f64>,
    },
    /// A model has answered all it was asked.
    Played {
        /// The entry.
        entry: String,
    },
    /// A duel ended.
    Decided {
        /// The decision in one sentence.
        sentence: String,
    },
    /// Something of this machine failed and is tried again.
    Retrying {
        /// The action and its error.
        what: String,
    },
}

impl Event {
    /// The end of a rollout.
    pub(crate) fn rollout_ended(entry: String, rollout: &Rollout) -> Self {
        let tokens = rollout.replies.iter().map(|reply| reply.tokens.len()).sum();
        Self::RolloutEnded { entry, tokens, score: counted_score(rollout.score, rollout.fault) }
    }
}

impl From<sandbox_builder::Progress> for Event {
    fn from(progress: sandbox_builder::Progress) -> Self {
        use sandbox_builder::Step;
        let sandbox_builder::Progress { step, subject } = progress;
        let doing = match step {
            Step::Waiting => "waiting for another process",
            Step::Downloading => "fetching",
            Step::Unpacking => "unpacking",
            Step::Building => "building",
            Step::Compiling => "compiling",
            Step::Done => return Self::AssetReady { subject },
        };
        Self::Asset { subject, doing, done: 0, total: None }
    }
}

/// Shows events to somebody.
pub(crate) trait Reporter: Send + Sync {
    /// Shows one event.
    fn report(&self, event: Event);
}
