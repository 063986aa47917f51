//! Opens a file as an environment.

use std::{fs, path::Path, sync::Arc};

use sandboxes::Sandbox;

use super::{
    environment::{MAX_FILE, PythonFile},
    header::{self, Header},
};
use crate::{Environment, EnvironmentError, EnvironmentId};

/// A file to start from, which passes the check.
pub const TEMPLATE: &str = include_str!("../../examples/addition.py");

/// Opens a file at a tier, by default the easiest; tier 0 is level 1.
///
/// # Errors
/// If the file cannot be read, its header is refused, it has no such tier, or the sandbox is in trouble.
pub async fn open(path: &Path, tier: Option<u8>, sandbox: &Sandbox) -> Result<Arc<dyn Environment>, EnvironmentError> {
    let file = path.display().to_string();
    let refuse = |problem: String, hint: &str| {
        Err(EnvironmentError::File { file: file.clone(), problem, hint: hint.to_owned() })
    };
    // The size is looked at first, so that a huge file is not read into memory.
    let source = match fs::metadata(path) {
        Ok(metadata) if metadata.len() > MAX_FILE => {
            return refuse(format!("the file has {} bytes", metadata.len()), "at most 256 KiB are read");
        }
        Ok(_) => fs::read_to_string(path),
        Err(error) => Err(error),
    };
    match source {
        Ok(source) => from_source(&file, source, tier, sandbox).await,
        Err(error) => refuse(format!("the file cannot be read: {error}"), "name a Python file in UTF-8"),
    }
}

/// Opens the text of a file; `file` is its name in errors.
///
/// # Errors
/// As [`open`].
pub async fn from_source(
    file: &str,
    source: String,
    tier: Option<u8>,
    sandbox: &Sandbox,
) -> Result<Arc<dyn Environment>, EnvironmentError> {
    let digest = blake3::hash(source.as_bytes()).to_hex().to_string();
    // Editors on some systems write a byte order mark before the text.
    let source = source.trim_start_matches('\u{feff}').to_owned();
    let header: Header = header::read(file, &source, sandbox).await?;
    let tier = tier.unwrap_or(0);
    if tier >= header.levels {
        return Err(EnvironmentError::Tier { name: header.name, tier, highest: header.levels - 1 });
    }
    let id = EnvironmentId { name: header.name.clone(), version: header.version.clone(), tier, file: Some(digest) };
    Ok(Arc::new(PythonFile::new(id, header, source, sandbox.clone())))
}
