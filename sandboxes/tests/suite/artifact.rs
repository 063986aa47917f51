//! The guest artifact: one identity everywhere, built once, refused when it was changed.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use crate::common::{artifact, program};
use sandbox_builder::{BuildError, Progress, Step, cache_folder, ensure_artifact};
use sandboxes::{Artifact, Ending, Sandbox, SandboxError, SandboxSettings};
use tempfile::TempDir;

/// A cache with the guest in it that a test may damage.
fn copied_cache() -> TempDir {
    artifact();
    let copy = tempfile::tempdir().unwrap();
    fs::create_dir_all(copy.path().join("sandbox")).unwrap();
    for entry in fs::read_dir(cache_folder().unwrap().join("sandbox")).unwrap() {
        let path = entry.unwrap().path();
        fs::copy(&path, copy.path().join("sandbox").join(path.file_name().unwrap())).unwrap();
    }
    copy
}

/// The files of a cache whose names end so.
fn files(cache: &Path, ending: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(cache.join("sandbox")).unwrap().map(|entry| entry.unwrap().path());
    entries.filter(|path| path.to_str().unwrap().ends_with(ending)).collect()
}

fn flip_a_byte(path: &Path) {
    let mut bytes = fs::read(path).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(path, bytes).unwrap();
}

fn quiet(_: Progress) {}

#[test]
fn the_identity_of_the_runtime_is_a_constant() {
    assert_eq!(artifact().digest(), "3d6c034a4c5323e74c24a8c5d0e6ea2cc5ff846028dadb97b895aef4e796809e");
}

#[test]
fn a_compiled_guest_that_was_changed_is_refused() {
    let cache = copied_cache();
    files(cache.path(), ".cwasm").iter().for_each(|path| flip_a_byte(path));
    let refused = ensure_artifact(cache.path(), &quiet).err().unwrap();
    assert!(matches!(refused, BuildError::Tampered { .. }), "{refused}");
}

#[test]
fn a_component_that_was_changed_is_refused_even_with_a_digest_that_fits() {
    let cache = copied_cache();
    for path in files(cache.path(), ".cwasm.blake3") {
        fs::remove_file(path).unwrap();
    }
    for path in files(cache.path(), ".wasm") {
        flip_a_byte(&path);
        let digest = blake3::hash(&fs::read(&path).unwrap()).to_hex().to_string();
        fs::write(path.with_extension("wasm.blake3"), digest).unwrap();
    }
    let refused = ensure_artifact(cache.path(), &quiet).err().unwrap();
    assert!(matches!(refused, BuildError::Tampered { .. }), "{refused}");
}

#[test]
fn a_foreign_artifact_is_not_loaded() {
    let cache = copied_cache();
    for path in files(cache.path(), ".cwasm") {
        fs::write(&path, b"made by somebody else").unwrap();
        fs::write(path.with_extension("cwasm.blake3"), blake3::hash(b"made by somebody else").to_hex().to_string())
            .unwrap();
    }
    let foreign = ensure_artifact(cache.path(), &quiet).unwrap();
    let refused = Sandbox::open(SandboxSettings::default(), &foreign).err().unwrap();
    assert!(matches!(refused, SandboxError::Runtime(_)), "{refused}");
}

#[tokio::test]
async fn first_uses_at_the_same_time_compile_once() {
    let cache = copied_cache();
    for path in files(cache.path(), ".cwasm").into_iter().chain(files(cache.path(), ".cwasm.blake3")) {
        fs::remove_file(path).unwrap();
    }
    let steps = Mutex::new(Vec::new());
    let artifacts: Vec<Artifact> = std::thread::scope(|scope| {
        let ensure = || ensure_artifact(cache.path(), &|progress| steps.lock().unwrap().push(progress.step)).unwrap();
        let running: Vec<_> = (0..3).map(|_| scope.spawn(ensure)).collect();
        running.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    assert_eq!(steps.lock().unwrap().iter().filter(|step| **step == Step::Compiling).count(), 1);
    for artifact in artifacts {
        let sandbox =
            Sandbox::open(SandboxSettings { slots: 1, deadline_seconds: 120, ..SandboxSettings::default() }, &artifact)
                .unwrap();
        assert_eq!(sandbox.run(program("print(6 * 7)", "")).await.unwrap().stdout, "42\n");
        assert_eq!(sandbox.run(program("", "")).await.unwrap().ending, Ending::Finished);
    }
}
