use std::sync::atomic::{AtomicUsize, Ordering};

use super::*;

#[track_caller]
fn check(variables: &[(&str, &str)], expected: Option<&str>) {
    let found = folder_from(|name| variables.iter().find(|row| row.0 == name).map(|row| OsString::from(row.1)));
    assert_eq!(found, expected.map(PathBuf::from), "{variables:?}");
}

#[test]
fn the_most_specific_variable_decides() {
    check(&[("DETHRONE_CACHE", "/a"), ("XDG_CACHE_HOME", "/b"), ("HOME", "/c")], Some("/a"));
    check(&[("XDG_CACHE_HOME", "/b"), ("HOME", "/c")], Some("/b/dethrone"));
    check(&[("HOME", "/c")], Some("/c/.cache/dethrone"));
    check(&[("DETHRONE_CACHE", ""), ("HOME", "/c")], Some("/c/.cache/dethrone"));
    check(&[("DETHRONE_CACHE", ""), ("XDG_CACHE_HOME", ""), ("HOME", "")], None);
    check(&[], None);
}

#[test]
fn a_lock_is_exclusive_and_freed_on_drop() {
    let folder = tempfile::tempdir().unwrap();
    let held = lock(folder.path(), "entry", || panic!("no other holds it")).unwrap();
    let other = File::options().write(true).open(folder.path().join("entry.lock")).unwrap();
    assert!(other.try_lock().is_err());
    drop(lock(folder.path(), "another", || panic!("entries do not share a lock")).unwrap());
    drop(held);
    assert!(other.try_lock().is_ok());
}

#[test]
fn those_who_wait_for_a_lock_say_so_and_get_it_one_at_a_time() {
    let folder = tempfile::tempdir().unwrap();
    let (waited, inside) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let held = lock(folder.path(), "entry", || panic!("no other holds it")).unwrap();
    std::thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                let tell = || {
                    waited.fetch_add(1, Ordering::SeqCst);
                };
                let _held = lock(folder.path(), "entry", tell).unwrap();
                assert_eq!(inside.fetch_add(1, Ordering::SeqCst), 0, "two hold the lock");
                inside.fetch_sub(1, Ordering::SeqCst);
            });
        }
        while waited.load(Ordering::SeqCst) < 3 {
            std::thread::yield_now();
        }
        drop(held);
    });
}

#[test]
fn a_file_is_replaced_whole_and_leaves_nothing_beside_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("guest.wasm");
    for contents in [&b"first"[..], b"", &[7; 100_000], b"last"] {
        write_whole(&path, contents).unwrap();
        assert_eq!(fs::read(&path).unwrap(), contents);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }
    assert!(write_whole(&folder.path().join("absent/guest.wasm"), b"x").is_err());
}

#[cfg(unix)]
#[test]
fn a_file_of_the_cache_is_as_readable_as_any_other() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let (ours, plain) = (folder.path().join("ours"), folder.path().join("plain"));
    write_whole(&ours, b"x").unwrap();
    fs::write(&plain, b"x").unwrap();
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode();
    assert_eq!(mode(&ours), mode(&plain));
}

#[test]
fn removing_a_folder_does_not_need_it_to_exist() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("unfinished");
    remove_folder(&path).unwrap();
    fs::create_dir_all(path.join("deep/er")).unwrap();
    fs::write(path.join("deep/file"), b"x").unwrap();
    remove_folder(&path).unwrap();
    assert!(!path.exists());
    fs::write(&path, b"a file in its place").unwrap();
    assert!(remove_folder(&path).is_err());
}
