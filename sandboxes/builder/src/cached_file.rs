//! Files of the cache, each with its BLAKE3 digest beside it. The digest is written last: without it the entry is absent.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::error::BuildError;
use crate::files;

/// A file of the cache, which may not exist yet.
pub(crate) struct CachedFile {
    path: PathBuf,
    digest_path: PathBuf,
}

impl CachedFile {
    /// The entry `name` of a folder.
    pub(crate) fn new(folder: &Path, name: &str) -> Self {
        Self { path: folder.join(name), digest_path: folder.join(format!("{name}.blake3")) }
    }

    /// The file's name; that of its digest begins with it.
    pub(crate) fn name(&self) -> String {
        self.path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
    }

    /// The digest written beside the file; `None` if there is no entry.
    pub(crate) fn digest(&self) -> Result<Option<blake3::Hash>, BuildError> {
        match fs::read_to_string(&self.digest_path) {
            Ok(text) => blake3::Hash::from_hex(text.trim())
                .map(Some)
                .map_err(|_| BuildError::Tampered { path: self.digest_path.clone(), what: "it holds no digest" }),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(BuildError::file("read", &self.digest_path)(error)),
        }
    }

    /// The bytes of the entry, checked against the digest; `None` if there is no entry.
    pub(crate) fn read(&self) -> Result<Option<Vec<u8>>, BuildError> {
        let Some(digest) = self.digest()? else { return Ok(None) };
        let bytes = fs::read(&self.path).map_err(BuildError::file("read", &self.path))?;
        if blake3::hash(&bytes) == digest { Ok(Some(bytes)) } else { Err(self.tampered()) }
    }

    /// Writes the file and then its digest.
    pub(crate) fn write(&self, bytes: &[u8]) -> Result<(), BuildError> {
        let digest = format!("{}\n", blake3::hash(bytes).to_hex());
        files::write_whole(&self.path, bytes).map_err(BuildError::file("write", &self.path))?;
        files::write_whole(&self.digest_path, digest.as_bytes()).map_err(BuildError::file("write", &self.digest_path))
    }

    /// The error that the file is another one than was written.
    pub(crate) fn tampered(&self) -> BuildError {
        BuildError::Tampered { path: self.path.clone(), what: "its digest is another" }
    }
}

#[cfg(test)]
mod tests;
