//! Opens environments by name.

use std::path::Path;
use std::sync::Arc;

use environments::{Environment, EnvironmentError, EnvironmentId};
use sandboxes::Sandbox;

use crate::settings::EnvironmentChoice;

/// The environments of the settings, in order.
///
/// # Errors
/// If one is unknown or its file cannot be used.
pub(crate) async fn open_environments(
    choices: &[EnvironmentChoice],
    sandbox: &Sandbox,
) -> Result<Vec<Arc<dyn Environment>>, EnvironmentError> {
    let mut environments = Vec::with_capacity(choices.len());
    for choice in choices {
        environments.push(open_environment(&choice.name, choice.tier, sandbox).await?);
    }
    Ok(environments)
}

/// The environment of this name in the catalog, or in a Python file if the name ends as one does.
///
/// # Errors
/// If it is unknown, or the file cannot be used.
pub(crate) async fn open_environment(
    name: &str,
    tier: u8,
    sandbox: &Sandbox,
) -> Result<Arc<dyn Environment>, EnvironmentError> {
    if Path::new(name).extension().is_some_and(|extension| extension == "py") {
        return environments::python_file::open(Path::new(name), Some(tier), sandbox).await;
    }
    environments::catalog::open(name, Some(tier), sandbox)
}

/// An environment of a record is not the one that has its name here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct OtherEnvironment {
    /// Name, version, tier and file of the record's.
    pub(crate) recorded: String,
    /// Those that this program has.
    pub(crate) here: String,
}

/// The environment of a record: that of the catalog by its name, one in a file from the files of the settings.
///
/// # Errors
/// If none has its name; the inner error if those that have are of another version, tier or file.
pub(crate) async fn open_recorded(
    id: &EnvironmentId,
    choices: &[EnvironmentChoice],
    sandbox: &Sandbox,
) -> Result<Result<Arc<dyn Environment>, OtherEnvironment>, EnvironmentError> {
    let mut found = Vec::new();
    if id.file.is_none() {
        found.push(open_environment(&id.name, id.tier, sandbox).await?);
    } else {
        for choice in choices.iter().filter(|choice| choice.name.ends_with(".py")) {
            // A file that cannot be opened is not the environment of the record.
            found.extend(open_environment(&choice.name, choice.tier, sandbox).await.ok());
        }
    }
    let here: Vec<String> = found.iter().map(|environment| environment.id().to_string()).collect();
    Ok(found.into_iter().find(|environment| environment.id() == id).ok_or_else(|| OtherEnvironment {
        recorded: format!("{id}{}", id.file.as_ref().map(|file| format!(" ({file})")).unwrap_or_default()),
        here: if here.is_empty() { "none of that name".to_owned() } else { here.join(", ") },
    }))
}
