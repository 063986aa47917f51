//! Memory-mapped files.

use std::{
    fs::File,
    ops::Range,
    path::{Path, PathBuf},
};

use memmap2::{Mmap, UncheckedAdvice};

use crate::error::LoadError;

/// A whole file as read-only bytes.
#[derive(Debug)]
pub(crate) struct Mapped {
    path: PathBuf,
    map: Option<Mmap>,
}

impl Mapped {
    /// Maps a file; an empty one maps to no bytes.
    pub(crate) fn open(path: &Path) -> Result<Self, LoadError> {
        let read = |source| LoadError::Read { path: path.to_owned(), source };
        let file = File::open(path).map_err(read)?;
        let length = file.metadata().map_err(read)?.len();
        let map = if length == 0 {
            None
        } else {
            #[expect(
                unsafe_code,
                reason = "tensors are too large to copy; the snapshot's files are ours and not written after they were verified"
            )]
            // SAFETY: the map is read-only and private. No process shortens or rewrites a snapshot once it is verified (files
            // arrive under another name and are renamed); a folder given by the operator is kept unchanged by the operator.
            let map = unsafe { Mmap::map(&file) }.map_err(read)?;
            Some(map)
        };
        Ok(Self { path: path.to_owned(), map })
    }

    /// All bytes.
    pub(crate) fn bytes(&self) -> &[u8] {
        self.map.as_deref().unwrap_or_default()
    }

    /// Takes a range out of this process's resident memory; it is read from the file again when needed.
    pub(crate) fn release(&self, range: Range<usize>) {
        let (Some(map), false) = (&self.map, range.is_empty()) else { return };
        debug_assert!(range.end <= map.len());
        #[expect(unsafe_code, reason = "without it every tensor would be counted twice, mapped and decoded")]
        // SAFETY: the map is file-backed and was never written, so dropped pages come back with the same bytes.
        let advised = unsafe { map.unchecked_advise_range(UncheckedAdvice::DontNeed, range.start, range.len()) };
        if let Err(error) = advised {
            tracing::debug!(path = %self.path.display(), %error, "mapped pages stay resident");
        }
    }
}
