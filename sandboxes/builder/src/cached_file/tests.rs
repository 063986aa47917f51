use super::*;

const CONTENTS: &[u8] = b"compiled guest";

/// What reading an entry comes to.
#[derive(Debug, PartialEq)]
enum Read {
    Absent,
    Whole,
    Tampered,
    File,
}

/// Writes an entry, damages it, and reads it.
#[track_caller]
fn check(damage: impl FnOnce(&CachedFile), expected: Read) {
    let folder = tempfile::tempdir().unwrap();
    let entry = CachedFile::new(folder.path(), "guest.cwasm");
    entry.write(CONTENTS).unwrap();
    damage(&entry);
    let read = match entry.read() {
        Ok(None) => Read::Absent,
        Ok(Some(bytes)) => {
            assert_eq!(bytes, CONTENTS);
            Read::Whole
        }
        Err(BuildError::Tampered { .. }) => Read::Tampered,
        Err(BuildError::File { .. }) => Read::File,
        Err(other) => panic!("{other}"),
    };
    assert_eq!(read, expected);
}

#[test]
fn an_entry_is_there_whole_or_not_at_all() {
    check(|_| (), Read::Whole);
    check(|entry| fs::remove_file(&entry.digest_path).unwrap(), Read::Absent);
    check(|entry| fs::remove_file(&entry.path).unwrap(), Read::File);
    check(
        |entry| {
            fs::remove_file(&entry.path).unwrap();
            fs::remove_file(&entry.digest_path).unwrap();
        },
        Read::Absent,
    );
}

#[test]
fn every_change_of_an_entry_is_noticed() {
    check(|entry| fs::write(&entry.path, b"compiled guesu").unwrap(), Read::Tampered);
    check(|entry| fs::write(&entry.path, b"compiled gues").unwrap(), Read::Tampered);
    check(|entry| fs::write(&entry.path, b"compiled guest\n").unwrap(), Read::Tampered);
    check(|entry| fs::write(&entry.path, b"").unwrap(), Read::Tampered);
    check(|entry| fs::write(&entry.digest_path, blake3::hash(b"").to_hex().as_str()).unwrap(), Read::Tampered);
    check(|entry| fs::write(&entry.digest_path, "").unwrap(), Read::Tampered);
    check(|entry| fs::write(&entry.digest_path, "zz".repeat(32)).unwrap(), Read::Tampered);
    check(|entry| fs::write(&entry.digest_path, "ab".repeat(31)).unwrap(), Read::Tampered);
    check(|entry| fs::write(&entry.digest_path, "ab".repeat(33)).unwrap(), Read::Tampered);
}

#[test]
fn white_space_around_a_digest_does_not_matter() {
    let digest = blake3::hash(CONTENTS).to_hex().to_string();
    for text in [digest.clone(), format!("{digest}\n"), format!("  {digest}\r\n"), digest.to_uppercase()] {
        check(|entry| fs::write(&entry.digest_path, &text).unwrap(), Read::Whole);
    }
}

#[test]
fn an_entry_can_be_written_again() {
    check(
        |entry| {
            entry.write(b"another").unwrap();
            assert_eq!(entry.digest().unwrap(), Some(blake3::hash(b"another")));
            entry.write(CONTENTS).unwrap();
        },
        Read::Whole,
    );
}

#[test]
fn the_error_names_the_file_to_remove() {
    let entry = CachedFile::new(Path::new("/cache/sandbox"), "guest.wasm");
    let text = entry.tampered().to_string();
    assert!(text.contains("/cache/sandbox/guest.wasm") && text.contains("remove the folder"), "{text}");
}
