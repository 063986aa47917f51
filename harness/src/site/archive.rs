//! Archive: the evidence of decided windows, read from logs and kept while their files stay as they are.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::BufReader;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use crate::evidence::{EvidenceError, LogDigest, concluded, digest};
use crate::files::window_folder;
use crate::job::EVIDENCE;
use crate::record::Conclusion;

/// Conclusions that are kept: each holds the tokens of all its rollouts.
const KEPT: usize = 3;

/// Length and time of a file, by which it is known again.
type Stamp = (u64, SystemTime);

/// A window in a few numbers, or the reason for which its log says nothing.
type Digested = Result<LogDigest, String>;

/// A log of a window cannot be read, or does not hold.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ArchiveError {
    /// There is none.
    #[error("there is no evidence of window {0}")]
    Absent(u64),
    /// The file cannot be read.
    #[error("the evidence of window {0} cannot be read: {1}")]
    Unreadable(u64, std::io::Error),
    /// The log does not hold.
    #[error("the evidence of window {0} does not hold")]
    Broken(u64, #[source] EvidenceError),
}

/// Logs of windows, by seed block.
pub(crate) struct Archive {
    place: Place,
    digests: Mutex<BTreeMap<u64, (Stamp, Digested)>>,
    conclusions: tokio::sync::Mutex<Vec<(u64, Stamp, Arc<Conclusion>)>>,
}

enum Place {
    /// Windows below an output folder.
    Output(PathBuf),
    /// Logs that were given, by window.
    Logs(BTreeMap<u64, PathBuf>),
}

impl Archive {
    /// The windows below an output folder, whichever are there when it is asked.
    pub(crate) fn of_output(output: &Path) -> Self {
        Self::new(Place::Output(output.to_owned()))
    }

    /// These logs.
    ///
    /// # Errors
    /// If one cannot be read or its chain does not hold.
    pub(crate) fn of_logs(paths: &[PathBuf]) -> Result<Self, ArchiveError> {
        let mut logs = BTreeMap::new();
        for path in paths {
            let file = File::open(path).map_err(|error| ArchiveError::Unreadable(0, error))?;
            let read = digest(BufReader::new(file)).map_err(|error| ArchiveError::Broken(0, error))?;
            logs.insert(read.window, path.clone());
        }
        Ok(Self::new(Place::Logs(logs)))
    }

    fn new(place: Place) -> Self {
        Self { place, digests: Mutex::default(), conclusions: tokio::sync::Mutex::default() }
    }

    /// Seed blocks of the windows with evidence, in order.
    pub(crate) fn windows(&self) -> Vec<u64> {
        match &self.place {
            Place::Logs(logs) => logs.keys().copied().collect(),
            Place::Output(output) => {
                let folders = std::fs::read_dir(output).into_iter().flatten().flatten();
                let window = |folder: std::fs::DirEntry| {
                    let name = folder.file_name().into_string().ok()?;
                    let window: u64 = name.strip_prefix("window-")?.parse().ok()?;
                    folder.path().join(EVIDENCE).is_file().then_some(window)
                };
                let mut windows: Vec<u64> = folders.filter_map(window).collect();
                windows.sort_unstable();
                windows
            }
        }
    }

    /// A result file of a window: its log under the name of evidence, others only below an output folder.
    pub(crate) fn file(&self, window: u64, name: &str) -> Option<PathBuf> {
        let path = match &self.place {
            Place::Output(output) => Some(window_folder(output, window).join(name)),
            Place::Logs(logs) => logs.get(&window).filter(|_| name == EVIDENCE).cloned(),
        };
        path.filter(|path| path.is_file())
    }

    fn stamped(&self, window: u64) -> Result<(PathBuf, Stamp), ArchiveError> {
        let path = self.file(window, EVIDENCE).ok_or(ArchiveError::Absent(window))?;
        let metadata = path.metadata().map_err(|error| ArchiveError::Unreadable(window, error))?;
        let modified = metadata.modified().map_err(|error| ArchiveError::Unreadable(window, error))?;
        Ok((path, (metadata.len(), modified)))
    }

    /// A window in a few numbers, or the reason for which its log says nothing.
    pub(crate) fn digest(&self, window: u64) -> Digested {
        let (path, stamp) = self.stamped(window).map_err(|error| error.to_string())?;
        let mut digests = self.digests.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, read)) = digests.get(&window).filter(|(known, _)| *known == stamp) {
            return read.clone();
        }
        let file = File::open(path).map_err(|error| error.to_string())?;
        let read = digest(BufReader::new(file)).map_err(|error| error.to_string());
        digests.insert(window, (stamp, read.clone()));
        read
    }

    /// A window decided again from its log, which holds.
    ///
    /// # Errors
    /// If there is no log, it cannot be read, or it does not hold.
    pub(crate) async fn conclusion(&self, window: u64) -> Result<Arc<Conclusion>, ArchiveError> {
        let (path, stamp) = self.stamped(window)?;
        // Held while a log is decided again: one at a time suffices.
        let mut conclusions = self.conclusions.lock().await;
        if let Some((_, _, kept)) = conclusions.iter().find(|(known, at, _)| (*known, *at) == (window, stamp)) {
            return Ok(Arc::clone(kept));
        }
        let file = File::open(path).map_err(|error| ArchiveError::Unreadable(window, error))?;
        let runtime = tokio::runtime::Handle::current();
        let deciding = move || runtime.block_on(concluded(BufReader::new(file)));
        let decided = tokio::task::spawn_blocking(deciding).await.expect("an audit does not panic");
        let decided = Arc::new(decided.map_err(|error| ArchiveError::Broken(window, error))?);
        conclusions.insert(0, (window, stamp, Arc::clone(&decided)));
        conclusions.truncate(KEPT);
        Ok(decided)
    }
}
