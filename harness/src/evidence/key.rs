//! The validator's signing key.

use std::fmt;
use std::path::{Path, PathBuf};

use ed25519_dalek::{Signer, SigningKey};
use models::fingerprint::SketchKey;

use crate::files::write_secret;

/// An ed25519 secret key that cannot be printed.
pub struct ValidatorKey(SigningKey);

/// The key cannot be read or made.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// The file is there and cannot be read, or cannot be made.
    #[error("cannot use the key file {}: {cause}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// The system's error.
        cause: std::io::Error,
    },
    /// The file does not hold 32 bytes as hexadecimal digits.
    #[error("the key file {} does not hold 64 hexadecimal digits", path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
    },
    /// The system has no randomness to give.
    #[error("the system gave no randomness for a new key: {0}")]
    Entropy(getrandom::Error),
}

impl ValidatorKey {
    /// The key in this file; a new one, readable only by this user, if the file does not exist, and then true.
    ///
    /// # Errors
    /// If the file cannot be read or made, or is not a key.
    pub fn read_or_make(path: &Path) -> Result<(Self, bool), KeyError> {
        let trouble = |cause| KeyError::File { path: path.to_owned(), cause };
        match std::fs::read_to_string(path) {
            Ok(text) => {
                let secret: Option<[u8; 32]> = hex::decode(text.trim()).ok().and_then(|bytes| bytes.try_into().ok());
                let secret = secret.ok_or_else(|| KeyError::Malformed { path: path.to_owned() })?;
                Ok((Self(SigningKey::from_bytes(&secret)), false))
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                let mut secret = [0_u8; 32];
                getrandom::fill(&mut secret).map_err(KeyError::Entropy)?;
                write_secret(path, hex::encode(secret).as_bytes()).map_err(trouble)?;
                Ok((Self(SigningKey::from_bytes(&secret)), true))
            }
            Err(error) => Err(trouble(error)),
        }
    }

    /// The public half, as hexadecimal digits.
    pub fn public(&self) -> String {
        hex::encode(self.0.verifying_key().as_bytes())
    }

    /// The secret of fingerprints that belongs to this key: other validators have others, and nobody can prepare for it.
    pub(crate) fn sketches(&self) -> SketchKey {
        SketchKey::derive(self.0.as_bytes())
    }

    /// Signs a record's hash.
    pub(super) fn sign(&self, hash: &[u8; 32]) -> String {
        hex::encode(self.0.sign(hash).to_bytes())
    }
}

impl fmt::Debug for ValidatorKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "ValidatorKey(public {})", self.public())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_made_once_and_read_again() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("deep/validator.key");
        let (made, is_new) = ValidatorKey::read_or_make(&path).unwrap();
        let (read, is_new_again) = ValidatorKey::read_or_make(&path).unwrap();
        assert!(is_new && !is_new_again);
        assert_eq!(made.public(), read.public());
    }

    #[test]
    fn a_key_never_shows_its_secret() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("validator.key");
        let (key, _) = ValidatorKey::read_or_make(&path).unwrap();
        let secret = std::fs::read_to_string(&path).unwrap();
        assert!(!format!("{key:?}").contains(&secret));
    }

    #[test]
    fn a_file_that_is_no_key_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("validator.key");
        std::fs::write(&path, "secret!").unwrap();
        let error = ValidatorKey::read_or_make(&path).unwrap_err().to_string();
        assert!(error.contains("validator.key") && error.contains("64 hexadecimal digits"), "{error}");
    }
}
