//! Snapshots: the files of a model on disk, each with its SHA-256.

use std::{
    fs::File,
    io::{self, Read},
    path::{Path, PathBuf},
    time::SystemTime,
};

use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// Longest acceptable file name in bytes.
const LONGEST_NAME: usize = 200;

/// The files of a model in one folder, without subfolders.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Snapshot {
    /// The folder.
    pub root: PathBuf,
    /// Its files, sorted by name.
    pub files: Vec<SnapshotFile>,
}

/// One file of a snapshot.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct SnapshotFile {
    /// Its name within the folder.
    pub name: String,
    /// Its size in bytes.
    pub size: u64,
    /// SHA-256 of its bytes.
    pub sha256: [u8; 32],
}

/// Sizes and modification times of a snapshot's files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stamp(Vec<(u64, SystemTime)>);

/// The error of a file that cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("cannot read {}", path.display())]
pub struct SnapshotError {
    /// The file or folder.
    pub path: PathBuf,
    /// The system's error.
    pub source: io::Error,
}

/// First bytes of a Git LFS pointer, which lies where the file itself was not fetched.
const LFS_POINTER: &[u8] = b"version https://git-lfs.github.com/spec/";

/// True if these are the first bytes of a Git LFS pointer.
pub(crate) fn is_lfs_pointer(bytes: &[u8]) -> bool {
    bytes.starts_with(LFS_POINTER)
}

impl Snapshot {
    /// Reads and hashes the files directly in a folder. Hidden files, subfolders and files without a plain name are skipped.
    ///
    /// # Errors
    /// If the folder or a file cannot be read.
    pub fn of_folder(root: &Path) -> Result<Self, SnapshotError> {
        let failed = |source| SnapshotError { path: root.to_owned(), source };
        let mut names = Vec::new();
        for entry in root.read_dir().map_err(failed)? {
            let entry = entry.map_err(failed)?;
            let Ok(name) = entry.file_name().into_string() else { continue };
            // Links are followed: the cache layout of Hugging Face consists of links.
            if is_plain_name(&name) && entry.path().metadata().is_ok_and(|metadata| metadata.is_file()) {
                names.push(name);
            }
        }
        Self::of_names(root, names)
    }

    /// Reads and hashes a single GGUF file.
    ///
    /// # Errors
    /// If the file cannot be read or its name is not UTF-8.
    pub fn of_gguf(path: &Path) -> Result<Self, SnapshotError> {
        let name = path.file_name().and_then(|name| name.to_str()).ok_or_else(|| SnapshotError {
            path: path.to_owned(),
            source: io::Error::new(io::ErrorKind::InvalidInput, "not a file name in UTF-8"),
        })?;
        let root = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
        Self::of_names(root, vec![name.to_owned()])
    }

    /// Reads and hashes the named files of a folder.
    pub(crate) fn of_names(root: &Path, mut names: Vec<String>) -> Result<Self, SnapshotError> {
        names.sort();
        names.dedup();
        // Hashing is bound by the processor, so files are hashed in parallel.
        let files = names.into_par_iter().map(|name| SnapshotFile::read(root, name)).collect::<Result<_, _>>()?;
        Ok(Self { root: root.to_owned(), files })
    }

    /// The file with this name.
    pub fn file(&self, name: &str) -> Option<&SnapshotFile> {
        self.files.binary_search_by(|file| file.name.as_str().cmp(name)).ok().map(|index| &self.files[index])
    }

    /// Sizes and modification times of its files now. While they stay equal the files need not be hashed again.
    ///
    /// # Errors
    /// If a file is no longer there.
    pub fn stamp(&self) -> Result<Stamp, SnapshotError> {
        let stamp = |file: &SnapshotFile| {
            let path = self.root.join(&file.name);
            let of = |path: &Path| path.metadata().and_then(|metadata| Ok((metadata.len(), metadata.modified()?)));
            of(&path).map_err(|source| SnapshotError { path, source })
        };
        self.files.iter().map(stamp).collect::<Result<_, _>>().map(Stamp)
    }

    /// Bytes of all files.
    pub fn size(&self) -> u64 {
        self.files.iter().map(|file| file.size).sum()
    }
}

impl SnapshotFile {
    fn read(root: &Path, name: String) -> Result<Self, SnapshotError> {
        let path = root.join(&name);
        let (size, sha256) = sha256_of(&path).map_err(|source| SnapshotError { path, source })?;
        Ok(Self { name, size, sha256 })
    }
}

/// Length and SHA-256 of a file.
fn sha256_of(path: &Path) -> io::Result<(u64, [u8; 32])> {
    let mut file = File::open(path)?;
    let mut hasher = Sha256::new();
    let mut buffer = vec![0; 1 << 18];
    let mut size = 0;
    loop {
        match file.read(&mut buffer)? {
            0 => return Ok((size, hasher.finalize().into())),
            count => {
                hasher.update(&buffer[..count]);
                size += count as u64;
            }
        }
    }
}

/// True for names that mean the same file on every system and cannot leave their folder.
pub(crate) fn is_plain_name(name: &str) -> bool {
    !name.is_empty()
        && name.len() <= LONGEST_NAME
        && !name.starts_with('.')
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-+".contains(&byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_its_plainly_named_files_sorted_by_name() {
        let folder = tempfile::tempdir().unwrap();
        for (name, bytes) in [("b.json", "{}"), ("a.safetensors", "abc"), (".hidden", "x"), ("with space", "x")] {
            std::fs::write(folder.path().join(name), bytes).unwrap();
        }
        std::fs::create_dir(folder.path().join("sub")).unwrap();
        let snapshot = Snapshot::of_folder(folder.path()).unwrap();
        let names: Vec<_> = snapshot.files.iter().map(|file| (file.name.as_str(), file.size)).collect();
        assert_eq!(names, [("a.safetensors", 3), ("b.json", 2)]);
        let digest = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(hex::encode(snapshot.file("a.safetensors").unwrap().sha256), digest);
        assert_eq!(snapshot.size(), 5);
    }

    #[test]
    fn a_stamp_changes_when_a_file_is_written() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.json");
        std::fs::write(&path, "{}").unwrap();
        let snapshot = Snapshot::of_folder(folder.path()).unwrap();
        let stamp = snapshot.stamp().unwrap();
        assert_eq!(snapshot.stamp().unwrap(), stamp);
        File::options().write(true).open(&path).unwrap().set_modified(SystemTime::UNIX_EPOCH).unwrap();
        assert_ne!(snapshot.stamp().unwrap(), stamp);
        std::fs::remove_file(&path).unwrap();
        assert_eq!(snapshot.stamp().unwrap_err().path, path);
    }

    #[test]
    fn names_that_leave_their_folder_are_not_plain() {
        for name in ["", "..", "../x", "a/b", "a\\b", ".env", "a\0b", "C:x", "ü", &"x".repeat(201)] {
            assert!(!is_plain_name(name), "{name:?}");
        }
        assert!(is_plain_name("model-00001-of-00002.safetensors"));
    }

    #[test]
    fn a_gguf_file_is_a_snapshot_of_its_own() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("m.gguf");
        std::fs::write(&path, "abc").unwrap();
        std::fs::write(folder.path().join("other"), "x").unwrap();
        let snapshot = Snapshot::of_gguf(&path).unwrap();
        assert_eq!((snapshot.root.as_path(), snapshot.files.len(), snapshot.size()), (folder.path(), 1, 3));
        assert_eq!(
            Snapshot::of_gguf(&folder.path().join("missing.gguf")).unwrap_err().source.kind(),
            io::ErrorKind::NotFound
        );
        assert_eq!(Snapshot::of_gguf(Path::new("..")).unwrap_err().source.kind(), io::ErrorKind::InvalidInput);
    }

    #[test]
    fn names_that_are_asked_for_twice_are_read_once_in_order() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["b", "a", "c"] {
            std::fs::write(folder.path().join(name), name).unwrap();
        }
        let names = ["c", "a", "c"].map(str::to_owned).to_vec();
        let snapshot = Snapshot::of_names(folder.path(), names).unwrap();
        let found: Vec<_> = snapshot.files.iter().map(|file| file.name.as_str()).collect();
        assert_eq!(found, ["a", "c"]);
        assert!(snapshot.file("b").is_none() && snapshot.file("c").is_some());
        let missing = Snapshot::of_names(folder.path(), vec!["d".to_owned()]).unwrap_err();
        assert_eq!((missing.path, missing.source.kind()), (folder.path().join("d"), io::ErrorKind::NotFound));
        assert!(Snapshot::of_folder(&folder.path().join("nowhere")).is_err());
    }

    #[test]
    fn digests_of_large_files_are_those_of_all_their_bytes() {
        let folder = tempfile::tempdir().unwrap();
        for size in [0, 1, (1 << 18) - 1, 1 << 18, (1 << 18) + 1, 700_000] {
            let bytes: Vec<u8> = (0..size).map(|index| (index % 251) as u8).collect();
            std::fs::write(folder.path().join("a"), &bytes).unwrap();
            let file = Snapshot::of_folder(folder.path()).unwrap().files.remove(0);
            assert_eq!((file.size, file.sha256), (size as u64, Sha256::digest(&bytes).into()));
        }
    }

    #[cfg(unix)]
    #[test]
    fn links_to_files_are_followed_and_broken_ones_skipped() {
        let folder = tempfile::tempdir().unwrap();
        let elsewhere = tempfile::tempdir().unwrap();
        std::fs::write(elsewhere.path().join("blob"), "abc").unwrap();
        std::os::unix::fs::symlink(elsewhere.path().join("blob"), folder.path().join("a.json")).unwrap();
        std::os::unix::fs::symlink(elsewhere.path().join("gone"), folder.path().join("b.json")).unwrap();
        std::os::unix::fs::symlink(elsewhere.path(), folder.path().join("c")).unwrap();
        let snapshot = Snapshot::of_folder(folder.path()).unwrap();
        let names: Vec<_> = snapshot.files.iter().map(|file| (file.name.as_str(), file.size)).collect();
        assert_eq!(names, [("a.json", 3)]);
    }
}
