//! Loading from files: honest ones to the letter, hostile ones to a refusal.
#![expect(clippy::unwrap_used, reason = "a test may stop where it stands")]

mod fingerprints;
mod gguf_file;
mod honest;
mod layouts;
mod mutations;
mod refusals;

use std::path::PathBuf;

use models::{
    admission::{Admitted, FiniteCheck, Limits, admit},
    error::LoadError,
    refusal::Refusal,
    snapshot::Snapshot,
};

/// A tiny checkpoint of a family.
fn golden(family: &str) -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/fixtures/golden")).join(family)
}

/// The families that there are tiny checkpoints of: the names of the folders.
fn families() -> Vec<String> {
    let folders = std::fs::read_dir(golden("")).unwrap().map(Result::unwrap);
    let folders = folders.filter(|entry| entry.file_type().unwrap().is_dir());
    let mut families: Vec<String> = folders.map(|entry| entry.file_name().into_string().unwrap()).collect();
    families.sort();
    families
}

/// A copy of a tiny checkpoint that may be spoiled.
fn copy(family: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for file in ["config.json", "model.safetensors"] {
        std::fs::copy(golden(family).join(file), folder.path().join(file)).unwrap();
    }
    folder
}

fn limits() -> Limits {
    Limits { finite: FiniteCheck::Full, ..Limits::default() }
}

fn open(folder: &std::path::Path) -> Result<Admitted, LoadError> {
    admit(&Snapshot::of_folder(folder).unwrap(), &limits())
}

fn refusal(folder: &std::path::Path) -> Refusal {
    match open(folder) {
        Err(LoadError::Refused(refusal)) => refusal,
        Err(other) => panic!("{other}"),
        Ok(_) => panic!("it was admitted"),
    }
}
