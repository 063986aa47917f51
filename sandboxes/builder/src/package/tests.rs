use std::fs::File;
use std::io::Write;
use std::process::Command;
use std::sync::Mutex;

use sha2::{Digest, Sha256};
use tempfile::TempDir;

use super::*;

/// A folder of wheels in place of an index, and a cache to fetch into. Nothing here needs a network.
struct Index {
    folder: TempDir,
    cache: TempDir,
}

impl Index {
    fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap(), cache: tempfile::tempdir().unwrap() }
    }

    /// Puts a wheel of `sample 1.0` with one module into the index and returns its SHA-256.
    fn publish(&self, text: &str) -> String {
        let script = "import sys, zipfile
with zipfile.ZipFile(sys.argv[1], 'w') as wheel:
    wheel.writestr('sample/__init__.py', sys.argv[2])
    wheel.writestr('sample-1.0.dist-info/METADATA', 'Metadata-Version: 2.1\\nName: sample\\nVersion: 1.0\\n')
    wheel.writestr('sample-1.0.dist-info/WHEEL', 'Wheel-Version: 1.0\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n')
    wheel.writestr('sample-1.0.dist-info/RECORD', '')";
        let wheel = self.wheel();
        let made = Command::new("python3").args(["-c", script]).arg(&wheel).arg(text).status().unwrap();
        assert!(made.success());
        sha256(&fs::read(wheel).unwrap())
    }

    fn wheel(&self) -> PathBuf {
        self.folder.path().join("sample-1.0-py3-none-any.whl")
    }

    fn pip(&self) -> Pip {
        let folder = self.folder.path().to_owned();
        Pip { variables: vec![("PIP_NO_INDEX", "1".into()), ("PIP_FIND_LINKS", folder)], ..Pip::default() }
    }

    /// Fetches `sample 1.0` with these pins.
    fn fetch(&self, hashes: &[&str]) -> Result<PathBuf, PackageError> {
        sample(hashes).fetch_with(&self.pip(), self.cache.path(), &|_| ())
    }
}

fn sample<'a>(hashes: &'a [&'a str]) -> Package<'a> {
    Package { name: "sample", version: "1.0", hashes }
}

fn sha256(bytes: &[u8]) -> String {
    hex::encode(Sha256::digest(bytes))
}

#[test]
fn other_pins_are_another_cache_entry() {
    let package = Package { name: "a", version: "1", hashes: &["00", "11"] };
    let reordered = Package { hashes: &["11", "00"], ..package };
    let repinned = Package { hashes: &["00", "12"], ..package };
    assert_eq!(package.cache_entry(), reordered.cache_entry());
    assert_ne!(package.cache_entry(), repinned.cache_entry());
    assert_ne!(package.cache_entry(), Package { version: "2", ..package }.cache_entry());
}

#[test]
fn a_pinned_wheel_is_fetched_once_and_then_found() {
    let index = Index::new();
    let hash = index.publish("x = 1");
    let steps = Mutex::new(Vec::new());
    let tell = |progress: Progress| steps.lock().unwrap().push(progress.step);
    let folder = sample(&[&hash]).fetch_with(&index.pip(), index.cache.path(), &tell).unwrap();
    assert_eq!(fs::read_to_string(folder.join("sample/__init__.py")).unwrap(), "x = 1");
    assert_eq!(*steps.lock().unwrap(), [Step::Downloading, Step::Unpacking, Step::Done]);
    let left: Vec<_> = fs::read_dir(index.cache.path().join("packages")).unwrap().map(|e| e.unwrap().path()).collect();
    assert_eq!(left.len(), 2, "the package and its lock: {left:?}");
    // The second time neither the index nor Python is needed.
    fs::remove_file(index.wheel()).unwrap();
    let pip = Pip { python: PathBuf::from("no-such-python"), ..Pip::default() };
    assert_eq!(sample(&[&hash]).fetch_with(&pip, index.cache.path(), &|_| ()).unwrap(), folder);
}

#[test]
fn one_pin_of_several_is_enough() {
    let index = Index::new();
    let hash = index.publish("x = 2");
    assert!(index.fetch(&[&"ab".repeat(32), &hash]).is_ok());
}

#[track_caller]
fn check_refused_by_pip(index: &Index, hashes: &[&str], words: &str) {
    match index.fetch(hashes) {
        Err(PackageError::Pip { package, output, .. }) => {
            assert_eq!(package, "sample 1.0");
            assert!(output.contains(words), "{output}");
            assert!(output.lines().count() <= 12, "{output}");
        }
        other => panic!("{other:?}"),
    }
    let ready = index.cache.path().join("packages").join(sample(hashes).cache_entry());
    assert!(!ready.exists(), "nothing of it is left where it could be found");
}

#[test]
fn a_wheel_with_another_hash_is_refused() {
    let index = Index::new();
    let hash = index.publish("x = 3");
    check_refused_by_pip(&index, &[&"ab".repeat(32)], &hash);
    // Changed after it was pinned: by a byte at the end, and as a whole.
    File::options().append(true).open(index.wheel()).unwrap().write_all(b"x").unwrap();
    check_refused_by_pip(&index, &[&hash], &hash);
    index.publish("import os");
    check_refused_by_pip(&index, &[&hash], &hash);
}

#[test]
fn a_package_that_is_not_in_the_index_is_named() {
    check_refused_by_pip(&Index::new(), &[&"ab".repeat(32)], "sample==1.0");
}

#[test]
fn a_wheel_that_is_no_archive_is_refused_even_when_it_is_pinned() {
    for bytes in [&b"no archive"[..], b"", b"PK\x03\x04 and then nothing"] {
        let index = Index::new();
        fs::write(index.wheel(), bytes).unwrap();
        let refused = index.fetch(&[&sha256(bytes)]).unwrap_err();
        assert!(matches!(refused, PackageError::Pip { .. } | PackageError::Unpack { .. }), "{refused}");
    }
}

#[test]
fn an_interrupted_attempt_is_cleared_and_made_again() {
    let index = Index::new();
    let hash = index.publish("x = 4");
    let package = sample(&[&hash]).cache_entry();
    let work = index.cache.path().join("packages").join(format!("{package}.unfinished"));
    fs::create_dir_all(work.join("download")).unwrap();
    fs::write(work.join("download/other-2.0-py3-none-any.whl"), b"half a wheel").unwrap();
    fs::create_dir_all(work.join("unpacked/leftover")).unwrap();
    let folder = index.fetch(&[&hash]).unwrap();
    assert!(folder.join("sample/__init__.py").is_file());
    assert!(!folder.join("leftover").exists());
    assert!(!work.exists());
}

#[test]
fn first_uses_at_the_same_time_download_once() {
    let index = Index::new();
    let hash = index.publish("x = 5");
    let steps = Mutex::new(Vec::new());
    let folders: Vec<PathBuf> = std::thread::scope(|scope| {
        let fetch = || {
            let tell = |progress: Progress| steps.lock().unwrap().push(progress.step);
            sample(&[&hash]).fetch_with(&index.pip(), index.cache.path(), &tell).unwrap()
        };
        let running: Vec<_> = (0..3).map(|_| scope.spawn(fetch)).collect();
        running.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    assert!(folders.iter().all(|folder| folder == &folders[0] && folder.is_dir()));
    let steps = steps.into_inner().unwrap();
    assert_eq!(steps.iter().filter(|step| **step == Step::Downloading).count(), 1, "{steps:?}");
}

#[track_caller]
fn check_interpreter(script: Option<&str>, expected: impl Fn(&PackageError) -> bool, sentence: &str) {
    let index = Index::new();
    let hash = index.publish("x = 6");
    let python = index.cache.path().join("python");
    if let Some(script) = script {
        fs::write(&python, format!("#!/bin/sh\n{script}\n")).unwrap();
        let made = Command::new("chmod").arg("+x").arg(&python).status().unwrap();
        assert!(made.success());
    }
    let pip = Pip { python, ..index.pip() };
    let error = sample(&[&hash]).fetch_with(&pip, index.cache.path(), &|_| ()).unwrap_err();
    assert!(expected(&error), "{script:?}: {error:?}");
    assert!(error.to_string().contains(sentence), "{script:?}: {error}");
}

#[cfg(unix)]
#[test]
fn a_missing_tool_is_told_from_a_failing_one() {
    let says_ok = "case \"$*\" in '-m pip --version') exit 0;; esac\n";
    check_interpreter(None, |error| matches!(error, PackageError::NoPython), "apt install python3");
    check_interpreter(
        Some("echo 'No module named pip' >&2; exit 1"),
        |error| matches!(error, PackageError::NoPip),
        "python3 has no pip",
    );
    check_interpreter(
        Some(&format!("{says_ok}echo 'ERROR: no route to host' >&2; exit 3")),
        |error| matches!(error, PackageError::Pip { status, .. } if status.code() == Some(3)),
        "no route to host",
    );
    check_interpreter(
        Some(&format!("{says_ok}for n in $(seq 100); do echo line $n; done; exit 1")),
        |error| matches!(error, PackageError::Pip { output, .. } if output.starts_with("line 89\n")),
        "line 100",
    );
    check_interpreter(
        Some("exit 0"),
        |error| matches!(error, PackageError::Unpack { .. }),
        "sample 1.0 could not be unpacked: pip left no wheel",
    );
}
