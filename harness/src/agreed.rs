//! The file of a reign record that validators have agreed on, from which each of them begins the next window.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::exit_status::ExitStatus;
use crate::problem::Problem;
use crate::record::ReignRecord;
use crate::window::Beginning;

/// Version of the file's schema.
const VERSION: u32 = 1;

/// A reign record with the window after which it holds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct AgreedRecord {
    /// Version of this schema.
    pub(crate) version: u32,
    /// The subnet.
    pub(crate) netuid: u16,
    /// The seed block of the window after which it holds.
    pub(crate) seed_block: u64,
    /// Hash of the log that states it, where it is one validator's own.
    pub(crate) log: Option<String>,
    /// The record.
    pub(crate) record: ReignRecord,
}

/// The file cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum AgreedError {
    /// It cannot be read.
    #[error("cannot read the agreed record {}: {cause}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// The system's error.
        cause: std::io::Error,
    },
    /// It is no such record.
    #[error("the agreed record {} is not valid: {cause}", path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// The place and the fault.
        cause: serde_json::Error,
    },
    /// It belongs to another version, subnet or time.
    #[error("the agreed record {} is of {what} {found}, and {expected} is needed", path.display())]
    Another {
        /// The file.
        path: PathBuf,
        /// Kind of the value that differs.
        what: &'static str,
        /// The value found.
        found: u64,
        /// The value, or the range, that is needed.
        expected: String,
    },
}

impl AgreedRecord {
    /// A record that holds after a subnet's window.
    pub(crate) fn new(netuid: u16, seed_block: u64, log: Option<String>, record: ReignRecord) -> Self {
        Self { version: VERSION, netuid, seed_block, log, record }
    }

    /// The file's text: the same bytes for the same record.
    pub(crate) fn text(&self) -> String {
        serde_json::to_string_pretty(self).expect("a record is plain data") + "\n"
    }

    /// Reads the record that a subnet's window with this seed block begins from.
    ///
    /// # Errors
    /// If the file cannot be read, or is of another version, subnet, or of a window that is not before this one.
    pub(crate) fn read(path: &Path, netuid: u16, seed_block: u64) -> Result<Self, AgreedError> {
        let at = || path.to_owned();
        let bytes = std::fs::read(path).map_err(|cause| AgreedError::Unreadable { path: at(), cause })?;
        let agreed: Self =
            serde_json::from_slice(&bytes).map_err(|cause| AgreedError::Malformed { path: at(), cause })?;
        let another = |what, found, expected: String| Err(AgreedError::Another { path: at(), what, found, expected });
        if agreed.version != VERSION {
            return another("version", u64::from(agreed.version), VERSION.to_string());
        }
        if agreed.netuid != netuid {
            return another("subnet", u64::from(agreed.netuid), netuid.to_string());
        }
        if agreed.seed_block >= seed_block {
            return another("the window of block", agreed.seed_block, format!("one before {seed_block}"));
        }
        Ok(agreed)
    }

    /// The beginning of the window after it.
    pub(crate) fn beginning(self) -> Beginning {
        Beginning { record: self.record, previous: self.log, overridden: None }
    }
}

impl From<AgreedError> for Problem {
    fn from(error: AgreedError) -> Self {
        Self::from_error(ExitStatus::Source, &error)
            .hint("the setting `record` names the file; without it the validator goes on from its own last window")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(change: impl FnOnce(&mut AgreedRecord), expected: Option<&str>) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("record.json");
        let mut agreed = AgreedRecord::new(1, 100, None, ReignRecord { bouts: 3, ..ReignRecord::default() });
        change(&mut agreed);
        std::fs::write(&path, agreed.text()).unwrap();
        match (AgreedRecord::read(&path, 1, 200), expected) {
            (Ok(read), None) => assert_eq!((read.text(), read), (agreed.text(), agreed)),
            (Err(error), Some(expected)) => assert!(error.to_string().contains(expected), "{error}"),
            (found, expected) => panic!("{found:?} instead of {expected:?}"),
        }
    }

    #[test]
    fn a_record_is_read_back_and_one_of_another_window_is_refused() {
        check(|_| {}, None);
        check(|agreed| agreed.version = 2, Some("is of version 2, and 1 is needed"));
        check(|agreed| agreed.netuid = 7, Some("is of subnet 7, and 1 is needed"));
        check(|agreed| agreed.seed_block = 200, Some("is of the window of block 200, and one before 200 is needed"));
        let error = AgreedRecord::read(Path::new("missing.json"), 1, 200).unwrap_err();
        assert!(error.to_string().contains("cannot read the agreed record missing.json"), "{error}");
    }
}
