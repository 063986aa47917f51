//! What a person is told while something slow is set up.

/// A step of a preparation that a person waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// Another process is doing the same work; this one waits and then uses its result.
    Waiting,
    /// A package comes over the network.
    Downloading,
    /// A package is taken apart.
    Unpacking,
    /// The guest component is made from its sources.
    Building,
    /// The guest component is compiled for this machine.
    Compiling,
    /// The step named by the subject is complete.
    Done,
}

/// How far a preparation has come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Progress {
    /// What is being done.
    pub step: Step,
    /// To what, for example `componentize-py 0.25.1`.
    pub subject: String,
    /// Bytes done so far; zero for steps without a size.
    pub done: u64,
    /// Bytes in all, where known.
    pub total: Option<u64>,
}

impl Progress {
    pub(crate) fn at(step: Step, subject: impl Into<String>) -> Self {
        Self { step, subject: subject.into(), done: 0, total: None }
    }
}
