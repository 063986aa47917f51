//! Packages of the Python index, fetched through pip and checked against pinned hashes.

use std::collections::VecDeque;
use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::Mutex;
use std::time::Duration;

use sha2::{Digest, Sha256};

use crate::cache;
use crate::progress::{Progress, Step};

/// How often the size of a running download is looked at.
const LOOK: Duration = Duration::from_millis(200);
/// How many lines of pip's talk an error repeats.
const REPEATED_LINES: usize = 12;

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

/// Why a package could not be had.
#[derive(Debug, thiserror::Error)]
pub enum PackageError {
    /// No interpreter to fetch it with.
    #[error("python3 was not found; install Python 3.9 or later (Debian: `apt install python3 python3-pip`)")]
    NoPython,
    /// An interpreter without pip.
    #[error(
        "python3 has no pip; install it (Debian: `apt install python3-pip`, elsewhere: `python3 -m ensurepip --user`)"
    )]
    NoPip,
    /// pip refused or failed.
    #[error(
        "pip could not fetch {package} ({status}); it said:\n{said}\ncheck the network, or name a mirror in PIP_INDEX_URL"
    )]
    Pip {
        /// Name and version.
        package: String,
        /// How pip ended.
        status: ExitStatus,
        /// The end of what it printed.
        said: String,
    },
    /// What arrived is not what was pinned.
    #[error("{package}: the file {file} has SHA-256 {found}, which is not one of the pinned ones; do not use it")]
    Hash {
        /// Name and version.
        package: String,
        /// The file's name.
        file: String,
        /// Its digest.
        found: String,
    },
    /// The wheel could not be taken apart.
    #[error("{package} could not be unpacked: {said}")]
    Unpack {
        /// Name and version.
        package: String,
        /// What the tool said.
        said: String,
    },
    /// A file could not be read or written.
    #[error("cannot {action} {path}: {source}")]
    File {
        /// What was attempted.
        action: &'static str,
        /// On which path.
        path: PathBuf,
        /// Why it failed.
        source: io::Error,
    },
}

impl PackageError {
    fn file(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::File { action, path, source }
    }
}

impl Package<'_> {
    /// The folder that holds the unpacked wheel, fetched first if this cache does not have it. Only one process fetches a
    /// package at a time; the others wait for it.
    pub fn fetch(&self, cache: &Path, progress: &dyn Fn(Progress)) -> Result<PathBuf, PackageError> {
        self.bring(None, cache, progress)
    }

    /// Like [`fetch`](Self::fetch), but the wheel for the named platform instead of this machine's, to be read and not run.
    pub fn fetch_for(
        &self,
        platform: &str,
        cache: &Path,
        progress: &dyn Fn(Progress),
    ) -> Result<PathBuf, PackageError> {
        self.bring(Some(platform), cache, progress)
    }

    fn bring(
        &self,
        platform: Option<&str>,
        cache: &Path,
        progress: &dyn Fn(Progress),
    ) -> Result<PathBuf, PackageError> {
        let folder = cache.join("packages");
        let entry = self.entry();
        let ready = folder.join(&entry);
        if ready.is_dir() {
            return Ok(ready);
        }
        let _held = cache::lock(&folder, &entry, || progress(Progress::at(Step::Waiting, self.to_string())))
            .map_err(PackageError::file("lock", &folder))?;
        if ready.is_dir() {
            return Ok(ready);
        }
        let work = folder.join(format!("{entry}.unfinished"));
        cache::clear(&work).map_err(PackageError::file("clear", &work))?;
        let (download, unpacked) = (work.join("download"), work.join("unpacked"));
        fs::create_dir_all(&download).map_err(PackageError::file("create", &download))?;
        self.download(platform, &work, &download, progress)?;
        let wheel = self.checked_wheel(&download)?;
        progress(Progress::at(Step::Unpacking, self.to_string()));
        self.unpack(&wheel, &unpacked)?;
        fs::rename(&unpacked, &ready).map_err(PackageError::file("rename", &unpacked))?;
        cache::clear(&work).map_err(PackageError::file("clear", &work))?;
        progress(Progress::at(Step::Done, self.to_string()));
        Ok(ready)
    }

    /// The cache entry: the pinned hashes are a part of it, so that other pins are another entry.
    fn entry(&self) -> String {
        let mut hashes = self.hashes.to_vec();
        hashes.sort_unstable();
        let digest = blake3::hash(hashes.join(" ").as_bytes()).to_hex();
        format!("{}-{}-{}", self.name, self.version, &digest[..16])
    }

    fn download(
        &self,
        platform: Option<&str>,
        work: &Path,
        to: &Path,
        progress: &dyn Fn(Progress),
    ) -> Result<(), PackageError> {
        require_pip()?;
        let requirements = work.join("requirements.txt");
        let hashes: String = self.hashes.iter().map(|hash| format!(" --hash=sha256:{hash}")).collect();
        fs::write(&requirements, format!("{}=={}{hashes}\n", self.name, self.version))
            .map_err(PackageError::file("write", &requirements))?;
        let temporary = work.join("temporary");
        fs::create_dir_all(&temporary).map_err(PackageError::file("create", &temporary))?;
        progress(Progress::at(Step::Downloading, self.to_string()));
        let mut child = Command::new("python3")
            .args(["-m", "pip", "download", "--require-hashes", "--no-deps", "--only-binary=:all:"])
            .args(["--no-cache-dir", "--no-input", "--disable-pip-version-check", "--progress-bar=off"])
            .args(platform.into_iter().flat_map(|platform| ["--platform", platform]))
            .arg("--requirement")
            .arg(&requirements)
            .arg("--dest")
            .arg(to)
            .env("TMPDIR", &temporary)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(python_missing)?;
        let (status, said) = follow(&mut child, &temporary, |done, total| {
            progress(Progress { step: Step::Downloading, subject: self.to_string(), done, total });
        })
        .map_err(PackageError::file("run", Path::new("python3 -m pip")))?;
        if status.success() { Ok(()) } else { Err(PackageError::Pip { package: self.to_string(), status, said }) }
    }

    /// The one wheel that was downloaded. pip has compared the hashes; they are what everything rests on, so once more.
    fn checked_wheel(&self, folder: &Path) -> Result<PathBuf, PackageError> {
        let mut files = fs::read_dir(folder)
            .and_then(|entries| entries.map(|entry| Ok(entry?.path())).collect::<io::Result<Vec<_>>>())
            .map_err(PackageError::file("list", folder))?;
        files.sort();
        let Some(wheel) = files.into_iter().find(|file| file.extension().is_some_and(|kind| kind == "whl")) else {
            return Err(PackageError::Unpack { package: self.to_string(), said: "pip left no wheel".to_owned() });
        };
        let mut digest = Sha256::new();
        let mut file = File::open(&wheel).map_err(PackageError::file("open", &wheel))?;
        let mut chunk = vec![0; 1 << 16];
        loop {
            match file.read(&mut chunk).map_err(PackageError::file("read", &wheel))? {
                0 => break,
                length => digest.update(&chunk[..length]),
            }
        }
        let found = hex::encode(digest.finalize());
        if self.hashes.contains(&found.as_str()) {
            Ok(wheel)
        } else {
            let file = wheel.file_name().unwrap_or_default().to_string_lossy().into_owned();
            Err(PackageError::Hash { package: self.to_string(), file, found })
        }
    }

    fn unpack(&self, wheel: &Path, to: &Path) -> Result<(), PackageError> {
        let output = Command::new("python3")
            .args(["-m", "zipfile", "-e"])
            .arg(wheel)
            .arg(to)
            .stdin(Stdio::null())
            .output()
            .map_err(python_missing)?;
        if output.status.success() {
            return Ok(());
        }
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        Err(PackageError::Unpack { package: self.to_string(), said })
    }
}

impl std::fmt::Display for Package<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}", self.name, self.version)
    }
}

fn python_missing(error: io::Error) -> PackageError {
    match error.kind() {
        io::ErrorKind::NotFound => PackageError::NoPython,
        _ => PackageError::File { action: "run", path: PathBuf::from("python3"), source: error },
    }
}

fn require_pip() -> Result<(), PackageError> {
    let found = Command::new("python3")
        .args(["-m", "pip", "--version"])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .map_err(python_missing)?;
    if found.success() { Ok(()) } else { Err(PackageError::NoPip) }
}

/// Waits for pip and tells meanwhile how much has arrived: pip says how large a file is before it downloads it, and the
/// file grows in the temporary folder.
fn follow(child: &mut Child, temporary: &Path, tell: impl Fn(u64, Option<u64>)) -> io::Result<(ExitStatus, String)> {
    let stdout = child.stdout.take().expect("standard output is piped");
    let stderr = child.stderr.take().expect("standard error is piped");
    let said = Mutex::new(Said::default());
    let status = std::thread::scope(|scope| {
        scope.spawn(|| listen(stdout, &said));
        scope.spawn(|| listen(stderr, &said));
        let mut told = 0;
        loop {
            if let Some(status) = child.try_wait()? {
                return Ok::<_, io::Error>(status);
            }
            std::thread::sleep(LOOK);
            let done = size_of(temporary);
            if done > told {
                told = done;
                tell(done, said.lock().expect("no listener panics").size);
            }
        }
    })?;
    let lines: Vec<String> = said.into_inner().expect("no listener panics").lines.into();
    Ok((status, lines.join("\n")))
}

/// The end of what pip printed, and the size of the file it announced last.
#[derive(Default)]
struct Said {
    lines: VecDeque<String>,
    size: Option<u64>,
}

fn listen(stream: impl Read, said: &Mutex<Said>) {
    for line in BufReader::new(stream).lines().map_while(Result::ok) {
        let mut said = said.lock().expect("no listener panics");
        said.size = announced_size(&line).or(said.size);
        if said.lines.len() == REPEATED_LINES {
            said.lines.pop_front();
        }
        said.lines.push_back(line);
    }
}

/// The size in a line such as `Downloading example-1.0-py3-none-any.whl (18.6 MB)`.
fn announced_size(line: &str) -> Option<u64> {
    let (number, unit) =
        line.trim().strip_prefix("Downloading ")?.rsplit_once('(')?.1.strip_suffix(')')?.split_once(' ')?;
    let scale = match unit {
        "bytes" => 1.0,
        "kB" => 1e3,
        "MB" => 1e6,
        "GB" => 1e9,
        _ => return None,
    };
    Some((number.parse::<f64>().ok()? * scale) as u64)
}

/// Bytes in all files below a folder; a file that vanishes meanwhile counts nothing.
fn size_of(folder: &Path) -> u64 {
    let Ok(entries) = fs::read_dir(folder) else { return 0 };
    let size = |entry: fs::DirEntry| match entry.metadata() {
        Ok(found) if found.is_dir() => size_of(&entry.path()),
        Ok(found) => found.len(),
        Err(_) => 0,
    };
    entries.flatten().map(size).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check_size(line: &str, expected: Option<u64>) {
        assert_eq!(announced_size(line), expected, "{line}");
    }

    #[test]
    fn the_announced_size_is_read_from_what_pip_prints() {
        check_size("  Downloading a-1.0-py3-none-any.whl (18.6 MB)", Some(18_600_000));
        check_size("Downloading a-1.0-py3-none-any.whl (52 kB)", Some(52_000));
        check_size("Downloading a-1.0-py3-none-any.whl.metadata (1.1 kB)", Some(1_100));
        check_size("Saved ./a-1.0-py3-none-any.whl", None);
        check_size("Downloading a (many parsecs)", None);
    }

    #[test]
    fn other_pins_are_another_cache_entry() {
        let package = Package { name: "a", version: "1", hashes: &["00", "11"] };
        let reordered = Package { hashes: &["11", "00"], ..package };
        let repinned = Package { hashes: &["00", "12"], ..package };
        assert_eq!(package.entry(), reordered.entry());
        assert_ne!(package.entry(), repinned.entry());
    }

    #[test]
    fn a_wheel_with_another_hash_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("a-1-py3-none-any.whl"), b"abc").unwrap();
        let right = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        let package = Package { name: "a", version: "1", hashes: &[right] };
        assert!(package.checked_wheel(folder.path()).is_ok());
        let wrong = Package { hashes: &["00"], ..package };
        assert!(matches!(wrong.checked_wheel(folder.path()), Err(PackageError::Hash { found, .. }) if found == right));
    }
}
