//! Commit-reveal of weights, version 4: a row is encrypted to a round of drand quicknet, and the chain opens it once that
//! round is published (timelock encryption on BLS12-381; the payload carries the hotkey, so that a copied ciphertext does not
//! reveal for another signer).

use ark_serialize::{CanonicalDeserialize, CanonicalSerialize};
use crypto_secretbox::aead::rand_core::{CryptoRng, Error, RngCore};
use sha2::{Digest, Sha256};
use subxt::ext::codec::Encode;
use timelock::curves::drand::TinyBLS381;
use timelock::ibe::fullident::Identity;
use timelock::stream_ciphers::AESGCMStreamCipherProvider;
use timelock::tlock::{EngineBLS, tle};

use super::{SubnetError, WeightRow};

/// Public key of drand quicknet.
const QUICKNET: &str = "83cf0f2896adee7eb8b5f01fcad3912212c437e0073e911fb90022d3e760183c8c4b450b6a0a6c3ac6a5776a2d1064510d1fec758c921cc22b0e17e63aaf4bcb5ed66304de9cf809bd274ca73bab4af5a6e9c76a4bc09e76eae8991ef5ece45a";

/// The version of the scheme that this program writes.
pub(crate) const SCHEME: u16 = 4;

/// The payload of a commit: SCALE of hotkey, uids, weights and version key.
pub(crate) fn payload(row: &WeightRow, hotkey: &[u8; 32]) -> Vec<u8> {
    let uids: Vec<u16> = row.pairs.iter().map(|(uid, _)| uid.0).collect();
    let weights: Vec<u16> = row.pairs.iter().map(|(_, weight)| *weight).collect();
    (hotkey.to_vec(), uids, weights, row.version_key).encode()
}

/// Encrypts bytes so that the signature of this round opens them.
///
/// # Errors
/// If the system gives no randomness.
pub(crate) fn encrypt(plain: &[u8], round: u64) -> Result<Vec<u8>, SubnetError> {
    let trouble = |cause: String| SubnetError::Signing(format!("a timelock cannot be made: {cause}"));
    let key = hex::decode(QUICKNET).map_err(|error| trouble(error.to_string()))?;
    let key = <TinyBLS381 as EngineBLS>::PublicKeyGroup::deserialize_compressed(&key[..])
        .map_err(|error| trouble(error.to_string()))?;
    let mut secret = [0; 32];
    getrandom::fill(&mut secret).map_err(|error| trouble(error.to_string()))?;
    let identity = Identity::new(b"", vec![Sha256::digest(round.to_be_bytes()).to_vec()]);
    let sealed = tle::<TinyBLS381, AESGCMStreamCipherProvider, _>(key, secret, plain, identity, SystemRandomness)
        .map_err(|error| trouble(format!("{error:?}")))?;
    let mut bytes = Vec::new();
    sealed.serialize_compressed(&mut bytes).map_err(|error| trouble(error.to_string()))?;
    Ok(bytes)
}

/// The system's randomness, for a library that takes a generator.
struct SystemRandomness;

impl RngCore for SystemRandomness {
    fn next_u32(&mut self) -> u32 {
        let mut bytes = [0; 4];
        self.fill_bytes(&mut bytes);
        u32::from_le_bytes(bytes)
    }

    fn next_u64(&mut self) -> u64 {
        let mut bytes = [0; 8];
        self.fill_bytes(&mut bytes);
        u64::from_le_bytes(bytes)
    }

    fn fill_bytes(&mut self, bytes: &mut [u8]) {
        self.try_fill_bytes(bytes).expect("the system gave randomness for the key a moment ago");
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Error> {
        getrandom::fill(bytes).map_err(|error| {
            // The code is that of the system, which is never 0.
            let code = error.raw_os_error().map_or(1, i32::unsigned_abs);
            Error::from(std::num::NonZeroU32::new(code).unwrap_or(std::num::NonZeroU32::MIN))
        })
    }
}

impl CryptoRng for SystemRandomness {}

#[cfg(test)]
mod tests {
    use timelock::tlock::{TLECiphertext, tld};

    use super::*;
    use crate::registry::Uid;

    /// Signature of quicknet's round 1000, as drand has published it.
    const SIGNATURE: &str =
        "b44679b9a59af2ec876b1a6b1ad52ea9b1615fc3982b19576350f93447cb1125e342b73a8dd2bacbe47e4b6b63ed5e39";

    fn open(sealed: &[u8]) -> Option<Vec<u8>> {
        let sealed = TLECiphertext::<TinyBLS381>::deserialize_compressed(sealed).ok()?;
        let signature = hex::decode(SIGNATURE).unwrap();
        let signature = <TinyBLS381 as EngineBLS>::SignatureGroup::deserialize_compressed(&signature[..]).unwrap();
        tld::<TinyBLS381, AESGCMStreamCipherProvider>(sealed, signature).ok()
    }

    #[test]
    fn a_commit_is_opened_by_its_rounds_signature_and_by_no_other() {
        let row = WeightRow { netuid: 1, mechanism: 0, version_key: 7, pairs: vec![(Uid(3), 65535)] };
        let plain = payload(&row, &[5; 32]);
        // Lengths are compact: 32 bytes, one uid, one weight; then the version key.
        let expected = format!("80{}04030004ffff0700000000000000", "05".repeat(32));
        assert_eq!(hex::encode(&plain), expected);
        let sealed = encrypt(&plain, 1000).unwrap();
        assert_eq!(sealed.len(), 291, "as long as the official encoder's");
        assert_eq!(open(&sealed), Some(plain.clone()));
        assert_eq!(open(&encrypt(&plain, 1001).unwrap()), None);
        assert_ne!(sealed, encrypt(&plain, 1000).unwrap(), "each commit has a key of its own");
    }
}
