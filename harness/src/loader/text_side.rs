//! Text side of a model: from token ids to text, without its tensors.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use models::admission::{Admitted, reopen};
use models::engine::Detokenizer;
use models::snapshot::{Snapshot, SnapshotFile};
use models::source::ModelSource;
use models::text::Prompter;
use sha2::{Digest, Sha256};

use super::ModelLoader;
use crate::record::FileRecord;

/// The text side of a model: its tokenizer, template and stop tokens.
pub(crate) struct TextSide {
    /// Tokenizer and template.
    pub(crate) prompter: Prompter,
    /// Tokens that end a reply, sorted.
    pub(crate) stop_tokens: Vec<u32>,
}

/// The text side of a model cannot be had.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TextSideError {
    /// A server runs the model.
    #[error("a server runs the model and hands out no files")]
    Served,
    /// The files are not on this disk.
    #[error("the model's files are not on this disk: {0}")]
    Missing(String),
    /// The files are not those that were admitted.
    #[error("{0} is not the file that was admitted")]
    Changed(String),
    /// The files cannot be read.
    #[error("the model's files cannot be read: {0}")]
    Unreadable(String),
}

impl TextSide {
    /// The text side of an admitted model.
    pub(crate) fn of(admitted: &Admitted) -> Self {
        Self { prompter: admitted.prompter.clone(), stop_tokens: admitted.stop_tokens.clone() }
    }

    /// The text of a reply without its stop token; none where the model has no tokenizer.
    pub(crate) fn text(&self, tokens: &[u32]) -> Option<String> {
        let tokenizer = self.prompter.tokenizer.as_ref()?;
        let text = match tokens.split_last() {
            Some((last, before)) if self.stop_tokens.contains(last) => before,
            _ => tokens,
        };
        Some(Detokenizer::decode(tokenizer, text))
    }

    /// True if a reply ends with a stop token.
    pub(crate) fn has_ended(&self, tokens: &[u32]) -> bool {
        tokens.last().is_some_and(|last| self.stop_tokens.contains(last))
    }
}

impl ModelLoader {
    /// The text side of a model that was admitted with these files, read from this disk: nothing is fetched, and of the files
    /// only those that hold text are hashed.
    ///
    /// # Errors
    /// If the files are not on this disk, cannot be read, or are not those that were admitted.
    pub(crate) async fn text_side(
        &self,
        source: &ModelSource,
        admitted: &[FileRecord],
    ) -> Result<TextSide, TextSideError> {
        let root = self.folder_of(source).ok_or(TextSideError::Served)?;
        let files = admitted.iter().map(snapshot_file).collect::<Option<Vec<_>>>();
        let files = files.ok_or_else(|| TextSideError::Unreadable("their digests are none".to_owned()))?;
        let (snapshot, limits) = (Snapshot { root, files }, self.limits().clone());
        let opening = tokio::task::spawn_blocking(move || {
            for file in &snapshot.files {
                check(&snapshot.root, file)?;
            }
            let reopened = reopen(&snapshot, &limits);
            reopened
                .map(|admitted| TextSide::of(&admitted))
                .map_err(|error| TextSideError::Unreadable(error.to_string()))
        });
        opening.await.expect("reading a model's text files does not panic")
    }
}

/// The file of a snapshot that this record names; none if its digest is none.
fn snapshot_file(record: &FileRecord) -> Option<SnapshotFile> {
    let sha256 = hex::decode(&record.sha256).ok()?.try_into().ok()?;
    Some(SnapshotFile { name: record.name.clone(), size: record.size, sha256 })
}

/// Checks a file's size, and its digest unless it holds nothing but tensors.
fn check(root: &Path, file: &SnapshotFile) -> Result<(), TextSideError> {
    let path = root.join(&file.name);
    let failed = |error: io::Error| match error.kind() {
        io::ErrorKind::NotFound => TextSideError::Missing(path.display().to_string()),
        _ => TextSideError::Unreadable(error.to_string()),
    };
    let mut open = File::open(&path).map_err(failed)?;
    let mut is_same = open.metadata().map_err(failed)?.len() == file.size;
    if is_same && !file.name.ends_with(".safetensors") {
        let (mut hasher, mut buffer) = (Sha256::new(), vec![0; 1 << 20]);
        loop {
            let count = open.read(&mut buffer).map_err(failed)?;
            if count == 0 {
                break;
            }
            hasher.update(&buffer[..count]);
        }
        is_same = hasher.finalize()[..] == file.sha256;
    }
    if is_same { Ok(()) } else { Err(TextSideError::Changed(file.name.clone())) }
}
