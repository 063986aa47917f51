//! The guest artifact: one identity everywhere, built once, refused when it was changed.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use sandbox_builder::{BuildError, Progress, Step, cache_folder, ensure_artifact};
use sandboxes::{Artifact, Ending, Program, Sandbox, SandboxError, SandboxSettings};
use tempfile::TempDir;

fn quiet(_: Progress) {}

/// The guest, built on first use and then from the cache.
fn artifact() -> Artifact {
    ensure_artifact(&cache_folder().expect("a home folder"), &quiet).expect("the guest can be built")
}

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

/// The files of a cache whose names end so; at least one.
fn files(cache: &Path, ending: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(cache.join("sandbox")).unwrap().map(|entry| entry.unwrap().path());
    let found: Vec<_> = entries.filter(|path| path.to_str().unwrap().ends_with(ending)).collect();
    assert!(!found.is_empty(), "{ending}");
    found
}

fn flip_a_byte(path: &Path) {
    let mut bytes = fs::read(path).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(path, bytes).unwrap();
}

/// Writes the digest that a file has now beside it.
fn sign(path: &Path) {
    let digest = blake3::hash(&fs::read(path).unwrap()).to_hex().to_string();
    fs::write(format!("{}.blake3", path.display()), digest).unwrap();
}

#[test]
fn the_identity_of_the_runtime_is_a_constant() {
    assert_eq!(artifact().digest(), "a20ee6832bd6e38dd236e009f1a99751dc6b0ddbeaeabb599e1348155f59ca85");
}

#[test]
fn a_guest_in_the_cache_is_taken_without_a_word() {
    let cache = copied_cache();
    let steps = Mutex::new(Vec::new());
    let ready = ensure_artifact(cache.path(), &|progress| steps.lock().unwrap().push(progress.step)).unwrap();
    assert_eq!(ready.digest(), artifact().digest());
    assert!(steps.into_inner().unwrap().is_empty());
}

/// What is done to a cache, and the beginning of the file's name that the refusal has to give.
#[track_caller]
fn check_refused(damage: impl FnOnce(&Path), what: &str) {
    let cache = copied_cache();
    damage(cache.path());
    let refused = ensure_artifact(cache.path(), &quiet).err().expect("it was changed");
    assert!(matches!(refused, BuildError::Tampered { .. }), "{refused}");
    assert!(refused.to_string().contains(what), "{refused}");
}

#[test]
fn a_compiled_guest_that_was_changed_is_refused() {
    check_refused(|cache| files(cache, ".cwasm").iter().for_each(|path| flip_a_byte(path)), ".cwasm was changed");
    check_refused(
        |cache| files(cache, ".cwasm").iter().for_each(|path| fs::write(path, b"").unwrap()),
        "its digest is another",
    );
    check_refused(
        |cache| files(cache, ".cwasm.blake3").iter().for_each(|path| fs::write(path, b"no digest").unwrap()),
        "it holds no digest",
    );
}

#[test]
fn a_component_that_was_changed_is_refused_even_with_a_digest_that_fits() {
    let forget_the_compiled = |cache: &Path| {
        files(cache, ".cwasm.blake3").iter().for_each(|path| fs::remove_file(path).unwrap());
    };
    check_refused(
        |cache| {
            forget_the_compiled(cache);
            files(cache, ".wasm").iter().for_each(|path| flip_a_byte(path));
        },
        ".wasm was changed",
    );
    check_refused(
        |cache| {
            forget_the_compiled(cache);
            for path in files(cache, ".wasm") {
                flip_a_byte(&path);
                sign(&path);
            }
        },
        ".wasm was changed",
    );
    // The digest alone is enough to know it, whatever else is there.
    check_refused(
        |cache| {
            let other = blake3::hash(b"another component").to_hex().to_string();
            files(cache, ".wasm.blake3").iter().for_each(|path| fs::write(path, &other).unwrap());
        },
        ".wasm was changed",
    );
}

#[test]
fn a_foreign_artifact_is_not_loaded() {
    let cache = copied_cache();
    for path in files(cache.path(), ".cwasm") {
        fs::write(&path, b"made by another program").unwrap();
        sign(&path);
    }
    let foreign = ensure_artifact(cache.path(), &quiet).unwrap();
    let refused = Sandbox::open(SandboxSettings::default(), &foreign).err().unwrap();
    assert!(matches!(refused, SandboxError::Runtime(_)), "{refused}");
}

#[test]
fn a_cache_that_cannot_be_written_to_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let cache = folder.path().join("a file");
    fs::write(&cache, b"").unwrap();
    let error = ensure_artifact(&cache, &quiet).err().unwrap();
    assert!(matches!(error, BuildError::File { .. }), "{error}");
    assert!(error.to_string().contains("a file"), "{error}");
}

#[tokio::test]
async fn first_uses_at_the_same_time_compile_once() {
    let cache = copied_cache();
    // A process that died while it wrote the compiled guest left a part of it without a digest.
    files(cache.path(), ".cwasm.blake3").iter().for_each(|path| fs::remove_file(path).unwrap());
    files(cache.path(), ".cwasm").iter().for_each(|path| fs::write(path, b"half of a guest").unwrap());
    let steps = Mutex::new(Vec::new());
    let artifacts: Vec<Artifact> = std::thread::scope(|scope| {
        let ensure = || ensure_artifact(cache.path(), &|progress| steps.lock().unwrap().push(progress.step)).unwrap();
        let running: Vec<_> = (0..3).map(|_| scope.spawn(ensure)).collect();
        running.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    assert_eq!(steps.lock().unwrap().iter().filter(|step| **step == Step::Compiling).count(), 1);
    for artifact in artifacts {
        let sandbox = Sandbox::open(SandboxSettings { slots: 1, ..SandboxSettings::default() }, &artifact).unwrap();
        let run = |source: &str| sandbox.run(Program { source: source.to_owned(), ..Program::default() });
        assert_eq!(run("print(6 * 7)").await.unwrap().stdout, "42\n");
        assert_eq!(run("").await.unwrap().ending, Ending::Finished);
    }
}
