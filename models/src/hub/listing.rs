//! The hub's listing of a commit: names, sizes and hashes of its files.

use serde::{Deserialize, Serialize};

use super::HubError;
use crate::{
    admission::{Limits, tensor_files},
    refusal::Refusal,
    snapshot::is_plain_name,
};

/// Small files that are fetched if they exist.
const SMALL: [&str; 9] = [
    "config.json",
    "generation_config.json",
    "tokenizer.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "added_tokens.json",
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

    /// The tensor files: the whole file if there is one, else `shards`.
    pub(super) fn large(&self, shards: Option<Vec<String>>) -> Result<Vec<&ListedFile>, Refusal> {
        let names = match (shards, tensor_files(self.files.iter().map(|file| file.name.as_str()))?) {
            (Some(shards), None) if self.file(SINGLE).is_none() => shards,
            (_, Some(gguf)) => vec![gguf],
            (_, None) => vec![SINGLE.to_owned()],
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
    // Sizes are the hub's claim and may be anything; the sum saturates instead of wrapping.
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

#[cfg(test)]
mod tests {
    use super::*;

    const SHA1: &str = "ce013625030ba8dba906f756967f9e9ca394464a";
    const SHA256: &str = "5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03";

    fn listing(json: &str) -> Result<Listing, HubError> {
        Listing::of(serde_json::from_str(json).unwrap(), "owner/name")
    }

    /// Names of the files in a response, or a part of the error.
    #[track_caller]
    fn check(entries: &[&str], expected: Result<&[&str], &str>) {
        let entries: Vec<String> =
            entries.iter().map(|entry| entry.replace("SHA1", SHA1).replace("SHA256", SHA256)).collect();
        match (listing(&format!("[{}]", entries.join(","))), expected) {
            (Ok(listing), Ok(names)) => {
                let found: Vec<&str> = listing.files.iter().map(|file| file.name.as_str()).collect();
                assert_eq!(found, names);
                let stored = serde_json::to_string(&listing).unwrap();
                assert_eq!(serde_json::from_str::<Listing>(&stored).unwrap(), listing);
            }
            (Err(error), Err(part)) => assert!(error.to_string().contains(part), "{error}"),
            (found, _) => panic!("{entries:?}: {found:?}"),
        }
    }

    fn file(name: &str) -> String {
        format!(r#"{{"type":"file","path":"{name}","size":6,"oid":"SHA1"}}"#)
    }

    #[test]
    fn files_are_listed_by_name_with_the_hash_of_their_kind() {
        let (a, b) = (file("b.json"), file("a.json"));
        check(&[&a, &b], Ok(&["a.json", "b.json"]));
        let large = r#"{"type":"file","path":"x.safetensors","size":6,"oid":"SHA1","lfs":{"oid":"SHA256","size":6}}"#;
        check(&[large], Ok(&["x.safetensors"]));
        let old = r#"{"type":"file","path":"x.safetensors","size":6,"lfs":{"sha256":"SHA256"}}"#;
        check(&[old], Ok(&["x.safetensors"]));
        let upper = listing(&format!("[{}]", large.replace("SHA256", &SHA256.to_uppercase()))).unwrap();
        assert_eq!(upper.files[0].hash, ListedHash::Sha256(SHA256.to_owned()));
        check(&[], Ok(&[]));
    }

    #[test]
    fn folders_and_names_that_leave_the_folder_are_skipped() {
        let folder = r#"{"type":"directory","path":"onnx","size":0,"oid":"SHA1"}"#;
        let hostile = ["../evil", "a/b", "..", ".gitattributes", "", "with space", "C:x", "ü", "a\\\\b", "/etc/passwd"];
        let mut entries: Vec<String> = hostile.iter().map(|name| file(name)).collect();
        entries.extend([folder.to_owned(), file("config.json")]);
        check(&entries.iter().map(String::as_str).collect::<Vec<_>>(), Ok(&["config.json"]));
    }

    #[test]
    fn entries_that_cannot_be_verified_are_refused() {
        let twice = file("a.json");
        check(&[&twice, &twice], Err("listed twice"));
        for entry in [
            r#"{"type":"file","path":"a","size":6}"#,
            r#"{"type":"file","path":"a","size":6,"oid":"abc"}"#,
            r#"{"type":"file","path":"a","size":6,"oid":"SHA256"}"#,
            r#"{"type":"file","path":"a","size":6,"oid":"zz013625030ba8dba906f756967f9e9ca394464a"}"#,
            r#"{"type":"file","path":"a","size":6,"oid":"SHA1","lfs":{"oid":"SHA1"}}"#,
        ] {
            check(&[entry], Err("no hash"));
        }
        let sizes = r#"{"type":"file","path":"a","size":6,"lfs":{"oid":"SHA256","size":7}}"#;
        check(&[sizes], Err("two different sizes"));
    }

    fn of(files: &[(&str, u64)]) -> Listing {
        let listed = |(name, size): &(&str, u64)| ListedFile {
            name: (*name).to_owned(),
            size: *size,
            hash: ListedHash::Git(SHA1.to_owned()),
        };
        Listing { files: files.iter().map(listed).collect() }
    }

    fn names<'a>(files: &'a [&ListedFile]) -> Vec<&'a str> {
        files.iter().map(|file| file.name.as_str()).collect()
    }

    #[test]
    fn small_files_are_the_known_ones_within_their_limit() {
        let listing = of(&[("README.md", 9), ("config.json", 9), ("model.safetensors", 9), ("tokenizer.json", 9)]);
        assert_eq!(names(&listing.small().unwrap()), ["config.json", "tokenizer.json"]);
        let listing = of(&[("model.safetensors", 9), ("tokenizer.json", LARGEST_SMALL + 1)]);
        let refused = listing.small();
        assert!(matches!(refused, Err(Refusal::TooLarge { limit: LARGEST_SMALL, .. })), "{refused:?}");
        assert!(matches!(of(&[("pytorch_model.bin", 1)]).small(), Err(Refusal::PickleOnly { .. })));
    }

    #[test]
    fn tensor_files_come_from_the_index_the_single_file_or_the_gguf_file() {
        let shards = |names: &[&str]| Some(names.iter().map(|name| (*name).to_owned()).collect());
        let whole = of(&[("1.safetensors", 1), ("2.safetensors", 1), ("model.safetensors", 1)]);
        assert_eq!(names(&whole.large(None).unwrap()), ["model.safetensors"]);
        assert_eq!(names(&whole.large(shards(&["1.safetensors", "9.safetensors"])).unwrap()), ["model.safetensors"]);
        let listing = of(&[("1.safetensors", 1), ("2.safetensors", 1)]);
        assert_eq!(names(&listing.large(shards(&["1.safetensors"])).unwrap()), ["1.safetensors"]);
        assert!(matches!(listing.large(shards(&["3.safetensors"])), Err(Refusal::MissingFile { .. })));
        assert_eq!(names(&of(&[("m.gguf", 1)]).large(None).unwrap()), ["m.gguf"]);
        assert!(matches!(of(&[("other.safetensors", 1)]).large(None), Err(Refusal::MissingFile { .. })));
    }

    #[test]
    fn sizes_and_numbers_of_files_are_bounded_without_overflow() {
        let limits = Limits { bytes: 10, files: 2, ..Limits::default() };
        for (files, expected) in [
            (&[("a", 5), ("b", 5)][..], ""),
            (&[("a", 5), ("b", 6)], "bytes"),
            (&[("a", u64::MAX), ("b", u64::MAX)], "bytes"),
            (&[("a", 1), ("b", 1), ("c", 1)], "at most 2 files"),
        ] {
            let listing = of(files);
            let found = check_size(&listing.files.iter().collect::<Vec<_>>(), &limits);
            let said = found.as_ref().err().map(ToString::to_string).unwrap_or_default();
            assert!(said.contains(expected) && found.is_ok() == expected.is_empty(), "{files:?}: {said}");
        }
    }
}
