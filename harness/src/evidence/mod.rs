//! The signed record from which every decision can be recomputed.
//!
//! The log holds one JSON object a line. A record's hash covers its place, its kind, its body's bytes and the hash
//! before it (BLAKE3 in key derivation mode); its signature (ed25519, RFC 8032) covers that hash. No clock and no
//! machine appears in a body, so two runs over the same registry, seed and files write the same bodies.

mod agreement;
mod audit;
mod body;
mod compare;
mod digest;
mod findings;
mod hash_chain;
mod key;
mod log;
mod prints;
mod stated;
mod unchecked;

pub(crate) use agreement::{Agreement, AgreementError, Revealed, agree};
pub(crate) use audit::{Audited, EvidenceError, Log, audit, concluded};
pub(crate) use body::{ReplyBody, RolloutBody, records};
pub(crate) use compare::{Compared, Difference, compare};
#[cfg(test)]
pub(crate) use digest::Dethronement;
pub(crate) use digest::{LogDigest, digest};
pub use hash_chain::{HashChain, Record};
pub use key::{KeyError, ValidatorKey};
pub(crate) use stated::{Stated, stated};
pub use unchecked::unchecked_fields;
pub(crate) use unchecked::{Checks, unchecked};
