//! The registry as a file: a list of entries or a recorded subnet snapshot, JSON, versioned, every key known.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use models::{model_ref::ModelRef, source::ModelSource, untrusted::UntrustedText};
use serde::Deserialize;

use super::hotkey::not_a_hotkey;
use super::recorded::RecordedSnapshot;
use super::snapshot::SubnetSnapshot;
use super::{Entry, Hotkey, Registry, RegistryState, Role, Uid};

/// The version of the file's schema.
const VERSION: u32 = 1;

/// A registry file cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RegistryError {
    /// The file is not there or not readable.
    #[error("cannot read the registry {}: {cause}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// The system's error.
        cause: std::io::Error,
    },
    /// The file is not the JSON expected.
    #[error("the registry {} is not valid: {}", path.display(), UntrustedText::sentence(&cause.to_string()))]
    Malformed {
        /// The file.
        path: PathBuf,
        /// The place and the fault.
        cause: serde_json::Error,
    },
    /// The file was written for another version of this program.
    #[error("the registry {} has version {found}; this program reads version {expected}", path.display())]
    Version {
        /// The file.
        path: PathBuf,
        /// Its version.
        found: u32,
        /// The version that can be read.
        expected: u32,
    },
    /// An entry's model reference is not a repository and a full commit hash.
    #[error("entry {} in {}: {cause}", UntrustedText::name(hotkey), path.display())]
    Reference {
        /// The file.
        path: PathBuf,
        /// The entry's address.
        hotkey: String,
        /// The fault of the reference.
        cause: models::model_ref::ModelRefError,
    },
    /// A hotkey or a uid occurs twice, or a hash is not one.
    #[error("the registry {}: {problem}", path.display())]
    Inconsistent {
        /// The file.
        path: PathBuf,
        /// The contradiction.
        problem: String,
    },
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RegistryDocument {
    version: u32,
    netuid: u16,
    seed_block: u64,
    seed_hash: String,
    #[serde(default)]
    champion: Option<Hotkey>,
    #[serde(default)]
    former: Vec<Hotkey>,
    #[serde(default)]
    tested: u64,
    entries: Vec<EntryLine>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct EntryLine {
    uid: u16,
    hotkey: Hotkey,
    model: String,
    committed: u64,
    #[serde(default)]
    position: u32,
}

/// A registry in a JSON file.
#[derive(Debug, Clone)]
pub(crate) struct RegistryFile {
    path: PathBuf,
}

impl RegistryFile {
    /// The registry in this file.
    pub(crate) fn new(path: PathBuf) -> Self {
        Self { path }
    }
}

impl Registry for RegistryFile {
    async fn read(&self) -> Result<RegistryState, RegistryError> {
        let registry = read(&self.path)?;
        match not_a_hotkey(&registry) {
            Some(problem) => Err(RegistryError::Inconsistent { path: self.path.clone(), problem }),
            None => Ok(registry),
        }
    }
}

/// Reads a registry file: one of this version's schema with a full commit for each entry, or a recorded snapshot.
fn read(path: &Path) -> Result<RegistryState, RegistryError> {
    let at = || path.to_owned();
    let bytes = std::fs::read(path).map_err(|cause| RegistryError::Unreadable { path: at(), cause })?;
    // Editors on some systems write a byte order mark before the text.
    let bytes = bytes.strip_prefix("\u{feff}".as_bytes()).unwrap_or(&bytes);
    let malformed = |cause| RegistryError::Malformed { path: at(), cause };
    // The version first: a newer file may have keys that this program does not know.
    let any: serde_json::Value = serde_json::from_slice(bytes).map_err(malformed)?;
    let snapshot = any.get("snapshot");
    let expected = if snapshot.is_some() { SubnetSnapshot::VERSION } else { VERSION };
    if let Some(found) = snapshot.unwrap_or(&any).get("version").and_then(serde_json::Value::as_u64)
        && found != u64::from(expected)
    {
        return Err(RegistryError::Version { path: at(), found: u32::try_from(found).unwrap_or(u32::MAX), expected });
    }
    if snapshot.is_some() {
        let recorded: RecordedSnapshot = serde_json::from_value(any).map_err(malformed)?;
        return recorded.state().map_err(|problem| RegistryError::Inconsistent { path: at(), problem });
    }
    let file: RegistryDocument = serde_json::from_slice(bytes).map_err(malformed)?;
    debug_assert_eq!(file.version, VERSION, "any other version was refused above");
    let seed_hash = parse_hash(&file.seed_hash).ok_or_else(|| RegistryError::Inconsistent {
        path: at(),
        problem: format!("`seed_hash` is {}; it must be 64 hexadecimal digits", UntrustedText::name(&file.seed_hash)),
    })?;
    let mut entries = Vec::with_capacity(file.entries.len());
    for line in file.entries {
        let reference: ModelRef = line.model.parse().map_err(|cause| RegistryError::Reference {
            path: at(),
            hotkey: line.hotkey.0.clone(),
            cause,
        })?;
        entries.push(Entry {
            hotkey: line.hotkey,
            uid: Some(Uid(line.uid)),
            model: ModelSource::Hub(reference),
            committed: line.committed,
            position: line.position,
            role: Role::Committed,
        });
    }
    entries.sort_by(|a, b| (a.committed, a.position, &a.hotkey).cmp(&(b.committed, b.position, &b.hotkey)));
    let registry = RegistryState {
        netuid: file.netuid,
        seed_block: file.seed_block,
        seed_hash,
        snapshot: None,
        owners: Default::default(),
        champion: file.champion,
        former: file.former,
        tested: file.tested,
        entries,
    };
    match contradiction(&registry) {
        Some(problem) => Err(RegistryError::Inconsistent { path: at(), problem }),
        None => Ok(registry),
    }
}

fn parse_hash(text: &str) -> Option<[u8; 32]> {
    let digits = text.strip_prefix("0x").unwrap_or(text);
    hex::decode(digits).ok()?.try_into().ok()
}

fn contradiction(registry: &RegistryState) -> Option<String> {
    let mut hotkeys = BTreeSet::new();
    let mut uids = BTreeSet::new();
    for entry in &registry.entries {
        if !hotkeys.insert(&entry.hotkey) {
            return Some(format!("hotkey {} occurs twice", UntrustedText::name(&entry.hotkey.0)));
        }
        if !uids.insert(entry.uid) {
            return Some(format!("uid {} occurs twice", entry.number()));
        }
    }
    if let Some(champion) = &registry.champion
        && !hotkeys.contains(champion)
    {
        return Some(format!("the champion {} has no entry", UntrustedText::name(&champion.0)));
    }
    registry.entries.is_empty().then(|| "it has no entries".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    const COMMIT: &str = "0123456789abcdef0123456789abcdef01234567";

    #[track_caller]
    fn check(entries: &str, expected: &str) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("registry.json");
        let hash = "ab".repeat(32);
        std::fs::write(
            &path,
            format!(r#"{{"version":1,"netuid":120,"seed_block":9,"seed_hash":"0x{hash}","entries":[{entries}]}}"#),
        )
        .unwrap();
        let shown = match read(&path) {
            Ok(registry) => registry.entries.iter().map(|entry| entry.hotkey.0.as_str()).collect::<Vec<_>>().join(" "),
            Err(error) => error.to_string(),
        };
        assert!(shown.contains(expected), "{shown}");
    }

    fn entry(uid: u16, hotkey: &str, committed: u64) -> String {
        format!(r#"{{"uid":{uid},"hotkey":"{hotkey}","model":"a/b@{COMMIT}","committed":{committed}}}"#)
    }

    #[test]
    fn entries_come_in_order_of_commitment() {
        check(&[entry(1, "late", 7), entry(2, "early", 3)].join(","), "early late");
    }

    #[test]
    fn a_branch_is_refused_by_name() {
        check(r#"{"uid":1,"hotkey":"alice","model":"a/b@main","committed":3}"#, "entry alice");
    }

    #[test]
    fn a_hotkey_may_enter_once() {
        check(&[entry(1, "twice", 7), entry(2, "twice", 3)].join(","), "hotkey twice occurs twice");
    }

    #[test]
    fn a_uid_may_be_used_once() {
        check(&[entry(1, "one", 7), entry(1, "other", 3)].join(","), "uid 1 occurs twice");
    }

    #[test]
    fn an_empty_registry_is_an_error() {
        check("", "it has no entries");
    }

    #[test]
    fn an_unknown_key_is_an_error() {
        check(r#"{"uid":1,"hotkey":"alice","model":"a/b","comitted":3}"#, "unknown field `comitted`");
    }
}
