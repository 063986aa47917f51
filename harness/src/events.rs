//! What happens while a window runs, as data; reporters decide how a person sees it.

/// Something that happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Event {
    /// A package, a model or the sandbox guest is being fetched or made.
    Asset {
        /// What.
        subject: String,
        /// What is being done to it.
        doing: &'static str,
        /// Bytes so far.
        done: u64,
        /// Bytes in all, where known.
        total: Option<u64>,
    },
    /// An asset is ready.
    AssetReady {
        /// What.
        subject: String,
    },
    /// The run is opened.
    Opened {
        /// How many entries.
        entries: usize,
        /// Whether the run was there and is gone on with.
        resumed: bool,
    },
    /// An entry's model is being fetched and checked.
    Checking {
        /// Whose.
        entry: String,
    },
    /// What became of an entry before it played.
    Standing {
        /// Whose.
        entry: String,
        /// `admitted`, or the sentence.
        standing: String,
    },
    /// A model begins to answer.
    Playing {
        /// Whose.
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
    /// A rollout ended.
    RolloutEnded {
        /// Whose.
        entry: String,
    },
    /// A model has answered all it was asked.
    Played {
        /// Whose.
        entry: String,
    },
    /// A duel ended.
    Decided {
        /// The decision in one sentence.
        sentence: String,
    },
    /// Something of this machine failed and is tried again.
    Retrying {
        /// What and why.
        what: String,
    },
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
