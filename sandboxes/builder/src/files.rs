//! The cache folder, a lock between processes, and files that appear whole or not at all.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use tempfile::Builder;

/// The folder for downloads and builds: `$DETHRONE_CACHE`, else `$XDG_CACHE_HOME/dethrone`, else `~/.cache/dethrone`;
/// `None` where none of the three variables is set.
pub fn cache_folder() -> Option<PathBuf> {
    folder_from(|name| std::env::var_os(name))
}

fn folder_from(variable: impl Fn(&str) -> Option<OsString>) -> Option<PathBuf> {
    let set = |name: &str| variable(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    set("DETHRONE_CACHE")
        .or_else(|| set("XDG_CACHE_HOME").map(|base| base.join("dethrone")))
        .or_else(|| set("HOME").map(|home| home.join(".cache").join("dethrone")))
}

/// Locks the entry `name` of `folder` against other threads and processes until the file is dropped; `waiting` is called
/// if another holds it.
pub(crate) fn lock(folder: &Path, name: &str, waiting: impl FnOnce()) -> io::Result<File> {
    fs::create_dir_all(folder)?;
    let file = File::options().create(true).truncate(false).write(true).open(folder.join(format!("{name}.lock")))?;
    if file.try_lock().is_err() {
        waiting();
        file.lock()?;
    }
    Ok(file)
}

/// Writes a file that is either absent or complete, even after a crash.
pub(crate) fn write_whole(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut builder = Builder::new();
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        // Temporary files are for one user; the cache is as readable as the umask says.
        builder.permissions(fs::Permissions::from_mode(0o666));
    }
    let mut file = builder.tempfile_in(folder)?;
    file.write_all(bytes)?;
    file.as_file().sync_all()?;
    file.persist(path)?;
    // The new name is an entry of the folder, which a power failure may otherwise take back.
    #[cfg(unix)]
    File::open(folder)?.sync_all()?;
    Ok(())
}

/// Removes a folder, such as an interrupted attempt may have left, if it exists.
pub(crate) fn remove_folder(path: &Path) -> io::Result<()> {
    match fs::remove_dir_all(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests;
