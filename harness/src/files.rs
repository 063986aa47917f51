//! Files that are either absent or complete, and locks between processes.

use std::fs::{self, File, TryLockError};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use tempfile::Builder;

/// Beginning of the name of a file that is being written; a killed process may leave one behind.
const UNFINISHED: &str = ".unfinished-";

/// The folder of a window's results.
pub(crate) fn window_folder(output: &Path, seed_block: u64) -> PathBuf {
    output.join(format!("window-{seed_block}"))
}

/// Writes a file whole or not at all, and its folder first if it does not exist.
///
/// # Errors
/// If the system refuses. Nothing is then left of the new content, unless only the folder could not be synced.
pub(crate) fn write_whole(path: &Path, bytes: &[u8]) -> io::Result<()> {
    write_whole_with(path, |file| file.write_all(bytes))
}

/// Writes a file whole or not at all, readable by this user alone.
///
/// # Errors
/// As [`write_whole`].
pub(crate) fn write_secret(path: &Path, bytes: &[u8]) -> io::Result<()> {
    write_as(path, Builder::new().prefix(UNFINISHED), |file| file.write_all(bytes))
}

/// Writes a file whole or not at all; `write` gives its content, and its error leaves an earlier file as it was.
///
/// # Errors
/// If the system refuses or `write` fails.
pub(crate) fn write_whole_with<E: From<io::Error>>(
    path: &Path,
    write: impl FnOnce(&mut File) -> Result<(), E>,
) -> Result<(), E> {
    let mut builder = Builder::new();
    builder.prefix(UNFINISHED);
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        // Temporary files are for one user; results are as readable as the umask says.
        builder.permissions(fs::Permissions::from_mode(0o666));
    }
    write_as(path, &builder, write)
}

fn write_as<E: From<io::Error>>(
    path: &Path,
    builder: &Builder<'_, '_>,
    write: impl FnOnce(&mut File) -> Result<(), E>,
) -> Result<(), E> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    fs::create_dir_all(folder)?;
    let mut unfinished = builder.tempfile_in(folder)?;
    write(unfinished.as_file_mut())?;
    unfinished.as_file().sync_all()?;
    unfinished.persist(path).map_err(|error| error.error)?;
    // The new name is an entry of the folder: without this a power failure may take the file back.
    #[cfg(unix)]
    File::open(folder)?.sync_all()?;
    Ok(())
}

/// Removes what killed processes left unfinished in a folder. Only the holder of the folder's [`Lock`] may call this.
///
/// # Errors
/// If the folder cannot be read or a file not be removed.
pub(crate) fn remove_unfinished(folder: &Path) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_name().to_string_lossy().starts_with(UNFINISHED) {
            fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}

/// An advisory lock on a file, released when dropped; the system releases it however the process ends.
#[derive(Debug)]
pub(crate) struct Lock {
    file: File,
}

impl Drop for Lock {
    fn drop(&mut self) {
        // A process that another thread starts at this moment holds the same open file until it has begun its program, and
        // closing ours would leave it locked for so long. Where this fails, closing it releases the lock all the same.
        let _ = self.file.unlock();
    }
}

impl Lock {
    /// Takes the lock, making its file and folder first; none if another process holds it.
    ///
    /// # Errors
    /// If the file cannot be made or locked.
    pub(crate) fn try_take(path: &Path) -> io::Result<Option<Self>> {
        let file = Self::open(path)?;
        match file.try_lock() {
            Ok(()) => Ok(Some(Self { file })),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(error)) => Err(error),
        }
    }

    /// Takes the lock, waiting for as long as another process holds it.
    ///
    /// # Errors
    /// If the file cannot be made or locked.
    pub(crate) fn wait(path: &Path) -> io::Result<Self> {
        let file = Self::open(path)?;
        file.lock()?;
        Ok(Self { file })
    }

    fn open(path: &Path) -> io::Result<File> {
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder)?;
        }
        File::options().create(true).truncate(false).write(true).open(path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(folder: &Path) -> Vec<String> {
        let mut names: Vec<String> =
            fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    #[test]
    fn a_lock_that_is_dropped_is_free_though_a_process_just_begun_holds_its_file_open() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("database.lock");
        let lock = Lock::try_take(&path).unwrap().unwrap();
        assert!(Lock::try_take(&path).unwrap().is_none());
        let inherited = lock.file.try_clone().unwrap();
        drop(lock);
        assert!(Lock::try_take(&path).unwrap().is_some());
        drop(inherited);
    }

    #[test]
    fn a_file_is_replaced_whole_and_nothing_is_left_beside_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("deep/er/weights.json");
        for content in ["first", "", "a longer one than the first"] {
            write_whole(&path, content.as_bytes()).unwrap();
            assert_eq!(fs::read_to_string(&path).unwrap(), content);
            assert_eq!(names(path.parent().unwrap()), ["weights.json"]);
        }
    }

    #[test]
    fn a_failed_write_leaves_the_earlier_file_as_it_was() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("evidence.jsonl");
        write_whole(&path, b"before").unwrap();
        let failed: Result<(), io::Error> = write_whole_with(&path, |file| {
            file.write_all(b"half of it")?;
            Err(io::Error::other("the disk is full"))
        });
        assert_eq!(failed.unwrap_err().to_string(), "the disk is full");
        assert_eq!(fs::read_to_string(&path).unwrap(), "before");
        assert_eq!(names(folder.path()), ["evidence.jsonl"]);
    }

    #[test]
    fn a_folder_in_the_place_of_the_file_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("report.html");
        fs::create_dir_all(path.join("not empty")).unwrap();
        assert!(write_whole(&path, b"page").is_err());
        assert_eq!(names(folder.path()), ["report.html"]);
        // A file where a folder should be is one too.
        write_whole(&folder.path().join("file"), b"").unwrap();
        assert!(write_whole(&folder.path().join("file/inside"), b"").is_err());
    }

    #[cfg(unix)]
    #[test]
    fn a_secret_is_readable_by_its_owner_alone_and_a_result_by_others() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let mode = |name: &str| fs::metadata(folder.path().join(name)).unwrap().permissions().mode() & 0o777;
        write_secret(&folder.path().join("key"), b"secret").unwrap();
        write_whole(&folder.path().join("weights"), b"public").unwrap();
        assert_eq!(mode("key"), 0o600);
        // Whatever the umask is, a plain file is as the system would have made it.
        fs::write(folder.path().join("plain"), b"").unwrap();
        assert_eq!(mode("weights"), mode("plain"));
    }

    #[test]
    fn what_a_killed_process_left_is_removed_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        for name in [".unfinished-abc", "model.gguf", ".hidden"] {
            fs::write(folder.path().join(name), b"").unwrap();
        }
        remove_unfinished(folder.path()).unwrap();
        assert_eq!(names(folder.path()), [".hidden", "model.gguf"]);
    }

    #[test]
    fn a_lock_is_held_by_one_and_freed_when_dropped() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("made/on/the/way.lock");
        let held = Lock::try_take(&path).unwrap();
        assert!(held.is_some());
        assert!(Lock::try_take(&path).unwrap().is_none());
        let waiting = std::thread::spawn({
            let path = path.clone();
            move || Lock::wait(&path).map(drop)
        });
        drop(held);
        waiting.join().unwrap().unwrap();
        assert!(Lock::try_take(&path).unwrap().is_some());
    }
}
