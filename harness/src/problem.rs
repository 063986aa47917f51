//! What a person is told when a command cannot go on: what happened, what caused it, and the way out.

use std::error::Error;
use std::fmt;

use crate::exit_status::ExitStatus;

/// A command's failure, ready to be shown on one screen.
#[derive(Debug)]
pub struct Problem {
    /// The exit code.
    pub status: ExitStatus,
    /// What happened, naming the thing.
    pub summary: String,
    /// Why, outermost first.
    pub causes: Vec<String>,
    /// What to do about it.
    pub hint: Option<String>,
}

impl Problem {
    /// A problem without an underlying error.
    pub fn new(status: ExitStatus, summary: impl Into<String>) -> Self {
        Self { status, summary: summary.into(), causes: Vec::new(), hint: None }
    }

    /// A problem whose summary and causes are those of `error` and its sources.
    pub fn from_error(status: ExitStatus, error: &(dyn Error + 'static)) -> Self {
        let mut problem = Self::new(status, error.to_string());
        let mut source = error.source();
        while let Some(cause) = source {
            let text = cause.to_string();
            if !problem.summary.contains(&text) && problem.causes.last() != Some(&text) {
                problem.causes.push(text);
            }
            source = cause.source();
        }
        problem
    }

    /// The same problem with the way out.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "error: {}", self.summary)?;
        for cause in &self.causes {
            write!(formatter, "\n  cause: {cause}")?;
        }
        if let Some(hint) = &self.hint {
            write!(formatter, "\n  hint: {hint}")?;
        }
        Ok(())
    }
}

impl Error for Problem {}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("cannot read registry.json")]
    struct Outer(#[source] std::io::Error);

    #[test]
    fn a_problem_shows_what_why_and_the_way_out() {
        let outer = Outer(std::io::Error::other("the disk is on fire"));
        let problem = Problem::from_error(ExitStatus::Source, &outer).hint("use water");
        assert_eq!(
            problem.to_string(),
            "error: cannot read registry.json\n  cause: the disk is on fire\n  hint: use water"
        );
    }
}
