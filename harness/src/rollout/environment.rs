//! Opens environments by name.

use std::path::Path;
use std::sync::Arc;

use environments::{Environment, EnvironmentError};
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
