//! Setup of the sandbox: the cache folder, the guest, and the runtime that programs run in.

use std::path::PathBuf;

use sandbox_builder::{BuildError, ensure_artifact};
use sandboxes::Sandbox;

use crate::events::{Event, Reporter};
use crate::exit_status::ExitStatus;
use crate::problem::Problem;
use crate::settings::Settings;

/// The folder that downloads and builds are kept in.
///
/// # Errors
/// If no home folder is known and no variable names a folder.
pub(crate) fn cache_folder() -> Result<PathBuf, Problem> {
    sandbox_builder::cache_folder().ok_or_else(|| {
        Problem::new(
            ExitStatus::Assets,
            "there is no folder to keep models and the sandbox guest in: no home folder is known",
        )
        .hint("set DETHRONE_CACHE to a folder with 2 GB of room")
    })
}

/// The sandbox, and the digest of its runtime.
///
/// # Errors
/// If the guest cannot be fetched or built, or this machine has no room for the sandbox.
pub(crate) fn open_sandbox(settings: &Settings, reporter: &dyn Reporter) -> Result<(Sandbox, String), Problem> {
    let progress = |progress: sandbox_builder::Progress| reporter.report(Event::from(progress));
    let artifact = ensure_artifact(&cache_folder()?, &progress).map_err(|error| guest_problem(&error))?;
    let sandbox = Sandbox::open(settings.sandbox.clone(), &artifact).map_err(|error| sandbox_problem(&error))?;
    Ok((sandbox, artifact.digest().to_string()))
}

/// The problem of a guest that cannot be fetched or built.
fn guest_problem(error: &BuildError) -> Problem {
    let hint = match error {
        BuildError::File { .. } => "the cache folder has to be writable and have room; `DETHRONE_CACHE` names another",
        _ => "Python 3 with pip has to be on the PATH; the cache folder may be deleted and is made again",
    };
    Problem::from_error(ExitStatus::Assets, error).hint(hint)
}

/// The problem of a sandbox that cannot be set up or does not run.
pub(crate) fn sandbox_problem(error: &sandboxes::SandboxError) -> Problem {
    let hint = match error {
        sandboxes::SandboxError::Runtime(_) | sandboxes::SandboxError::Instance(_) => {
            "this machine has too little memory or address space for it: lower `sandbox.slots` or the memory limit"
        }
        _ => "Python 3 with pip has to be on the PATH; the cache folder may be deleted and is made again",
    };
    Problem::from_error(ExitStatus::Assets, error).hint(hint)
}
