//! Hash chain of records: each covers the one before it and is signed.

use ed25519_dalek::{Signature, VerifyingKey};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::body::Body;
use super::key::ValidatorKey;

/// The hash before the first record.
const GENESIS: [u8; 32] = [0; 32];

/// One line of the evidence.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Record {
    /// Place in the log, from 0.
    pub index: u64,
    /// The kind of the body.
    pub kind: String,
    /// The body.
    pub body: Box<RawValue>,
    /// The hash of the record before; zeros for the first.
    pub previous: String,
    /// This record's hash.
    pub hash: String,
    /// The validator's signature of the hash.
    pub signature: String,
}

/// The end of a hash chain, to which records are appended or against which they are checked.
#[derive(Debug)]
pub struct HashChain {
    index: u64,
    previous: [u8; 32],
}

/// Fault of a record in the chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ChainError {
    /// The index is not the next one.
    #[error("its index is not the next one: a record is missing, repeated or out of order")]
    Index,
    /// The previous hash is not that of the record before.
    #[error("it does not follow the record before it")]
    Previous,
    /// The hash is not that of the body.
    #[error("its hash does not fit its content: the record was changed")]
    Hash,
    /// The line is not as this program writes one.
    #[error("it is not written as this program writes it")]
    Form,
    /// The signature is not the validator's.
    #[error("its signature is not that of the validator named in the first record")]
    Signature,
}

impl Default for HashChain {
    fn default() -> Self {
        Self { index: 0, previous: GENESIS }
    }
}

impl HashChain {
    /// Appends a body as the next record, signed.
    pub(crate) fn append(&mut self, body: &Body, key: &ValidatorKey) -> Record {
        let (kind, text) = body.encode();
        let text = RawValue::from_string(text).expect("a body is JSON");
        self.link(kind, text, key)
    }

    /// Appends a body in its written form as the next record, signed.
    pub fn link(&mut self, kind: &str, body: Box<RawValue>, key: &ValidatorKey) -> Record {
        let hash = digest(self.index, kind, body.get(), &self.previous);
        let record = Record {
            index: self.index,
            kind: kind.to_owned(),
            body,
            previous: hex::encode(self.previous),
            hash: hex::encode(hash),
            signature: key.sign(&hash),
        };
        self.index += 1;
        self.previous = hash;
        record
    }

    /// Checks that a record is the next one and signed by `validator`.
    ///
    /// # Errors
    /// If it is not.
    pub(crate) fn follow(&mut self, record: &Record, validator: &VerifyingKey) -> Result<(), ChainError> {
        if record.index != self.index {
            return Err(ChainError::Index);
        }
        if record.previous != hex::encode(self.previous) {
            return Err(ChainError::Previous);
        }
        let hash = digest(self.index, &record.kind, record.body.get(), &self.previous);
        if record.hash != hex::encode(hash) {
            return Err(ChainError::Hash);
        }
        let signature = hex::decode(&record.signature).ok().and_then(|bytes| Signature::from_slice(&bytes).ok());
        let holds = signature.is_some_and(|signature| validator.verify_strict(&hash, &signature).is_ok());
        if !holds {
            return Err(ChainError::Signature);
        }
        self.index += 1;
        self.previous = hash;
        Ok(())
    }
}

fn digest(index: u64, kind: &str, body: &str, previous: &[u8; 32]) -> [u8; 32] {
    let mut hasher = blake3::Hasher::new_derive_key("dethrone 2026-11 evidence record");
    hasher.update(previous).update(&index.to_le_bytes());
    hasher.update(&(kind.len() as u64).to_le_bytes()).update(kind.as_bytes()).update(body.as_bytes());
    *hasher.finalize().as_bytes()
}
