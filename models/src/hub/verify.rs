//! Verification of files by the hash in the commit.

use std::{
    fs::File,
    io::{self, Read},
    path::Path,
};

use sha1::Sha1;
use sha2::{Digest, Sha256};

use super::listing::{ListedFile, ListedHash};

/// Result of a verification.
pub(super) enum Verified {
    /// The file of the commit, with this SHA-256.
    Same([u8; 32]),
    /// Another file, with this hash of the kind that the commit uses.
    Other(String),
}

/// Reads a whole file and compares its size and hash with the listing.
pub(super) fn verify(path: &Path, listed: &ListedFile) -> io::Result<Verified> {
    let mut file = File::open(path)?;
    let size = file.metadata()?.len();
    let mut sha256 = Sha256::new();
    let mut git = Sha1::new();
    let with_git = matches!(listed.hash, ListedHash::Git(_));
    // Git hashes a header before the content.
    git.update(format!("blob {size}\0"));
    let mut buffer = vec![0; 1 << 18];
    loop {
        let count = file.read(&mut buffer)?;
        if count == 0 {
            break;
        }
        sha256.update(&buffer[..count]);
        if with_git {
            git.update(&buffer[..count]);
        }
    }
    let sha256: [u8; 32] = sha256.finalize().into();
    let (expected, found) = match &listed.hash {
        ListedHash::Sha256(expected) => (expected, hex::encode(sha256)),
        ListedHash::Git(expected) => (expected, hex::encode(git.finalize())),
    };
    Ok(if *expected == found && size == listed.size { Verified::Same(sha256) } else { Verified::Other(found) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(bytes: &[u8], hash: ListedHash, same: bool) {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), bytes).unwrap();
        let listed = ListedFile { name: "x".to_owned(), size: 6, hash };
        let found = verify(file.path(), &listed).unwrap();
        assert_eq!(matches!(found, Verified::Same(_)), same);
    }

    #[test]
    fn files_are_compared_by_the_hash_that_the_commit_names() {
        // As `git hash-object` and `sha256sum` print them.
        let git = "ce013625030ba8dba906f756967f9e9ca394464a";
        let sha256 = "5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03";
        check(b"hello\n", ListedHash::Git(git.to_owned()), true);
        check(b"hello\n", ListedHash::Sha256(sha256.to_owned()), true);
        check(b"hallo\n", ListedHash::Git(git.to_owned()), false);
        check(b"hallo\n", ListedHash::Sha256(sha256.to_owned()), false);
        check(b"hello\n\n", ListedHash::Sha256(sha256.to_owned()), false);
    }
}
