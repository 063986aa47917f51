//! Progress of a preparation that a person waits for.

/// Step of a preparation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// Another process is doing the same work; this one waits and then uses its result.
    Waiting,
    /// A package is downloaded.
    Downloading,
    /// A package is unpacked.
    Unpacking,
    /// The guest component is made from its sources.
    Building,
    /// The guest component is compiled for this machine.
    Compiling,
    /// Everything named by the subject is ready.
    Done,
}

/// Message that a step has begun.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Progress {
    /// The step.
    pub step: Step,
    /// Its object, for example `componentize-py 0.25.1`.
    pub subject: String,
}

impl Progress {
    pub(crate) fn at(step: Step, subject: impl Into<String>) -> Self {
        Self { step, subject: subject.into() }
    }
}
