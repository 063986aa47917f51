//! A command's failure as it is shown to a person: summary, causes and a hint.

use std::error::Error;
use std::fmt;

use environments::EnvironmentError;
use models::source::ModelSourceError;

use crate::exit_status::ExitStatus;
use crate::record::ReasonCount;
use crate::settings::SettingsError;

/// A command's failure, ready to be shown on one screen.
#[derive(Debug)]
pub(crate) struct Problem {
    /// The exit code.
    pub status: ExitStatus,
    /// The failure, naming the file, setting or model.
    pub summary: String,
    /// Causes, outermost first.
    pub causes: Vec<String>,
    /// The way out.
    pub hint: Option<String>,
}

impl Problem {
    /// A problem without an underlying error.
    pub(crate) fn new(status: ExitStatus, summary: impl Into<String>) -> Self {
        Self { status, summary: summary.into(), causes: Vec::new(), hint: None }
    }

    /// A problem whose summary and causes are those of `error` and its sources.
    pub(crate) fn from_error(status: ExitStatus, error: &(dyn Error + 'static)) -> Self {
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

    /// The problem that no rollout was scored, and the most frequent reason.
    pub(crate) fn nothing_scored(reason: &ReasonCount) -> Self {
        let mut problem = Self::new(ExitStatus::NothingScored, "no task could be scored, so that nothing is decided");
        problem.causes.push(format!("{} ({} times)", reason.reason, reason.tasks));
        problem.hint("`dethrone env check` tries an environment without a model")
    }

    /// The problem as JSON: `{"error": {"summary", "causes", "hint"}, "exit": CODE}`.
    pub(crate) fn document(&self) -> serde_json::Value {
        let Self { status, summary, causes, hint } = self;
        serde_json::json!({ "error": { "summary": summary, "causes": causes, "hint": hint }, "exit": *status as u8 })
    }

    /// The same problem with the way out.
    #[must_use]
    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

/// An error with its causes, in one line.
pub(crate) fn one_line(error: &dyn Error) -> String {
    let mut line = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let text = cause.to_string();
        if !line.contains(&text) {
            line = format!("{line}: {text}");
        }
        source = cause.source();
    }
    line
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

impl From<ModelSourceError> for Problem {
    fn from(error: ModelSourceError) -> Self {
        Self::from_error(ExitStatus::Usage, &error).hint(
            "a model is `owner/name@<40 hex>`, a folder with config.json and safetensors, a .gguf file, or \
             `openai:MODEL@URL` on a server",
        )
    }
}

impl From<SettingsError> for Problem {
    fn from(error: SettingsError) -> Self {
        Self::from_error(ExitStatus::Usage, &error)
            .hint("`dethrone validate --show-settings` prints every setting with its source")
    }
}

/// The way out where a setting is wrong.
pub(crate) const MEND_SETTINGS: &str = "mend the settings; `--show-settings` prints each with its source";

/// The problem of an environment that cannot be opened.
impl From<EnvironmentError> for Problem {
    fn from(error: EnvironmentError) -> Self {
        let hint = match error {
            EnvironmentError::File { .. } => "mend the file; `dethrone env new` writes one to begin from",
            EnvironmentError::Unknown { .. } | EnvironmentError::Tier { .. } => "`dethrone env list` shows all of them",
            _ => MEND_SETTINGS,
        };
        Self::from_error(ExitStatus::Usage, &error).hint(hint)
    }
}

/// The way out where a model could not be fetched.
pub(crate) const CHECK_SOURCE: &str =
    "check the network, the hub and the folder; what is finished is kept, so run the same command again";

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
