//! The cache folder: its size by purpose, and what of it nothing needs any more.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde::Serialize;

use crate::assets::{GEMMA3, SMOLLM2};
use crate::demo;

/// Use of disk by one purpose.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct CacheItem {
    /// The purpose, such as `models` or `sandbox`: the name of the folder.
    pub name: String,
    /// Bytes on the disk.
    pub bytes: u64,
}

/// The items of a cache folder with their sizes, by name; none where the folder is not there.
///
/// # Errors
/// If a folder cannot be read.
pub(crate) fn items(cache: &Path) -> io::Result<Vec<CacheItem>> {
    let mut items = Vec::new();
    for entry in entries(cache)? {
        let name = entry.file_name().to_string_lossy().into_owned();
        items.push(CacheItem { name, bytes: size(&entry.path())? });
    }
    items.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(items)
}

/// Paths that this version needs no more: guests of other versions, packages whose contents were made into something else, and
/// demonstrations laid out by other versions.
///
/// # Errors
/// If a folder cannot be read.
pub(crate) fn stale(cache: &Path) -> io::Result<Vec<PathBuf>> {
    let mut stale = Vec::new();
    for entry in entries(cache)? {
        let name = entry.file_name();
        if name.to_string_lossy().starts_with(demo::LAYOUTS) && name != demo::LAYOUT {
            stale.push(entry.path());
        }
    }
    stale.extend(sandbox_builder::stale_files(cache)?);
    for model in [SMOLLM2, GEMMA3] {
        stale.extend(model.spent_packages(cache));
    }
    stale.sort();
    Ok(stale)
}

/// Bytes of a file, or of all files below a folder. Links are not followed.
///
/// # Errors
/// If a folder cannot be read.
pub(crate) fn size(path: &Path) -> io::Result<u64> {
    let metadata = fs::symlink_metadata(path)?;
    if !metadata.is_dir() {
        return Ok(metadata.len());
    }
    entries(path)?.iter().try_fold(0, |sum, entry| Ok(sum + size(&entry.path())?))
}

/// Removes a file, or a folder with all that is below it.
///
/// # Errors
/// If the system refuses.
pub(crate) fn remove(path: &Path) -> io::Result<()> {
    match fs::symlink_metadata(path)?.is_dir() {
        true => fs::remove_dir_all(path),
        false => fs::remove_file(path),
    }
}

/// The entries of a folder; none where it is not there.
fn entries(folder: &Path) -> io::Result<Vec<fs::DirEntry>> {
    match fs::read_dir(folder) {
        Ok(entries) => entries.collect(),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(path: &Path, bytes: usize) {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, vec![0; bytes]).unwrap();
    }

    #[test]
    fn items_have_the_size_of_all_that_is_below_them() {
        let cache = tempfile::tempdir().unwrap();
        file(&cache.path().join("models/one/a.gguf"), 100);
        file(&cache.path().join("models/two/b.gguf"), 20);
        file(&cache.path().join("note"), 3);
        let shown: Vec<(String, u64)> =
            items(cache.path()).unwrap().into_iter().map(|item| (item.name, item.bytes)).collect();
        assert_eq!(shown, [("models".to_owned(), 120), ("note".to_owned(), 3)]);
        assert_eq!(items(&cache.path().join("absent")).unwrap(), []);
    }

    #[test]
    fn only_other_versions_things_are_stale() {
        let cache = tempfile::tempdir().unwrap();
        let of = |name: &str| cache.path().join(name);
        for name in ["demo-0/registry.json", "sandbox/guest-000000000000000000000000.wasm", "models/mine.gguf"] {
            file(&of(name), 1);
        }
        file(&of(demo::LAYOUT).join("registry.json"), 1);
        let expected = [of("demo-0"), of("sandbox/guest-000000000000000000000000.wasm")];
        assert_eq!(stale(cache.path()).unwrap(), expected);
        for path in stale(cache.path()).unwrap() {
            remove(&path).unwrap();
        }
        assert_eq!(stale(cache.path()).unwrap(), Vec::<PathBuf>::new());
        assert!(of("models/mine.gguf").is_file() && of(demo::LAYOUT).is_dir());
    }
}
