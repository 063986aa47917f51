//! The hub's listing of a commit: names, sizes and hashes of its files.

use serde::{Deserialize, Serialize};

use super::HubError;
use crate::{
    admission::{Limits, tensor_files},
    refusal::Refusal,
    snapshot::is_plain_name,
};

/// Small files that are fetched if they exist.
const SMALL: [&str; 8] = [
    "config.json",
    "generation_config.json",
    "tokenizer.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "chat_template.jinja",
    "chat_template.json",
    INDEX,
];
/// The index of the shards.
pub(super) const INDEX: &str = "model.safetensors.index.json";
const SINGLE: &str = "model.safetensors";
/// Size limit of a small file in bytes.
const LARGEST_SMALL: u64 = 64 << 20;

/// The files at the top of a commit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Listing {
    pub(super) files: Vec<ListedFile>,
}

/// A file of a commit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct ListedFile {
    pub(super) name: String,
    pub(super) size: u64,
    #[serde(rename = "named")]
    pub(super) hash: ListedHash,
}

/// Hash that a commit lists for a file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum ListedHash {
    /// SHA-256, for files in large-file storage.
    Sha256(String),
    /// Git's SHA-1 of the blob, for all others.
    Git(String),
}

/// An entry of the hub's response.
#[derive(Deserialize)]
pub(super) struct Entry {
    #[serde(rename = "type")]
    kind: String,
    path: String,
    #[serde(default)]
    size: u64,
    #[serde(default)]
    oid: String,
    lfs: Option<Lfs>,
}

#[derive(Deserialize)]
struct Lfs {
    #[serde(alias = "sha256")]
    oid: String,
    size: Option<u64>,
}

impl Listing {
    /// Converts the hub's entries. Folders and files without a plain name are skipped.
    pub(super) fn of(entries: Vec<Entry>, what: &str) -> Result<Self, HubError> {
        let mut files = Vec::new();
        for entry in entries.into_iter().filter(|entry| entry.kind == "file" && is_plain_name(&entry.path)) {
            let answer =
                |reason: &str| HubError::Answer { what: format!("{what}: {}", entry.path), reason: reason.to_owned() };
            let hash = match &entry.lfs {
                Some(lfs) if lfs.size.is_some_and(|size| size != entry.size) => {
                    return Err(answer("two different sizes"));
                }
                Some(lfs) if is_hash(&lfs.oid, 64) => ListedHash::Sha256(lfs.oid.to_ascii_lowercase()),
                None if is_hash(&entry.oid, 40) => ListedHash::Git(entry.oid.to_ascii_lowercase()),
                _ => return Err(answer("no hash")),
            };
            files.push(ListedFile { name: entry.path.clone(), size: entry.size, hash });
        }
        files.sort_by(|a, b| a.name.cmp(&b.name));
        if files.windows(2).any(|pair| pair[0].name == pair[1].name) {
            return Err(HubError::Answer { what: what.to_owned(), reason: "a file is listed twice".to_owned() });
        }
        Ok(Self { files })
    }

    pub(super) fn file(&self, name: &str) -> Option<&ListedFile> {
        self.files.iter().find(|file| file.name == name)
    }

    /// The small files of the model: configuration, tokenizer and index.
    pub(super) fn small(&self) -> Result<Vec<&ListedFile>, Refusal> {
        let _: Option<String> = tensor_files(self.files.iter().map(|file| file.name.as_str()))?;
        let small: Vec<&ListedFile> = SMALL.iter().filter_map(|name| self.file(name)).collect();
        match small.iter().find(|file| file.size > LARGEST_SMALL) {
            None => Ok(small),
            Some(file) => Err(Refusal::TooLarge { what: file.name.clone(), bytes: file.size, limit: LARGEST_SMALL }),
        }
    }

    /// The tensor files: `shards` if there is an index, else the single file.
    pub(super) fn large(&self, shards: Option<Vec<String>>) -> Result<Vec<&ListedFile>, Refusal> {
        let names = match (shards, tensor_files(self.files.iter().map(|file| file.name.as_str()))?) {
            (Some(shards), None) => shards,
            (_, Some(gguf)) => vec![gguf],
            (None, None) => vec![SINGLE.to_owned()],
        };
        let missing = |file: String| {
            let hint = format!("publish it, or an {INDEX} that fits the shards");
            Refusal::MissingFile { file, hint }
        };
        names.into_iter().map(|name| self.file(&name).ok_or_else(|| missing(name))).collect()
    }
}

/// Compares the sizes and the number of files with the limits.
pub(super) fn check_size(files: &[&ListedFile], limits: &Limits) -> Result<(), Refusal> {
    let bytes = files.iter().fold(0u64, |sum, file| sum.saturating_add(file.size));
    if bytes > limits.bytes {
        return Err(Refusal::TooLarge { what: "the model".to_owned(), bytes, limit: limits.bytes });
    }
    if files.len() > limits.files {
        let hint = format!("at most {} files are allowed; merge shards", limits.files);
        return Err(Refusal::Setting { key: "the number of files".to_owned(), value: files.len().to_string(), hint });
    }
    Ok(())
}

fn is_hash(text: &str, digits: usize) -> bool {
    text.len() == digits && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}
