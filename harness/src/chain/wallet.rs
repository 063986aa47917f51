//! Hotkey files of a wallet, as the field has them: JSON, an old bare phrase or seed, plain or encrypted with `$NACL`. The
//! coldkey is never opened.
//!
//! `$NACL` files are libsodium's secretbox (XSalsa20-Poly1305) under a key that argon2i derives from the password, with a salt
//! that is the same for everybody.

use std::path::{Path, PathBuf};

use argon2::{Algorithm, Argon2, Params, Version};
use crypto_secretbox::aead::Aead;
use crypto_secretbox::{KeyInit, XSalsa20Poly1305};
use models::secret::Secret;
use serde_json::Value as Json;
use subxt::utils::AccountId32;
use subxt_signer::SecretUri;
use subxt_signer::sr25519::Keypair;

/// Beginning of a file that is encrypted by secretbox.
const NACL: &[u8] = b"$NACL";

/// Salt of every `$NACL` file.
const SALT: [u8; 16] = [0x13, 0x71, 0x83, 0xdf, 0xf1, 0x5a, 0x09, 0xbc, 0x9c, 0x90, 0xb5, 0x51, 0x87, 0x39, 0xe9, 0xb1];

/// Cost of the password's derivation: libsodium's SENSITIVE.
const COST: (u32, u32) = (524_288, 8);

/// A hotkey file cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum WalletError {
    /// The file is not there or not readable.
    #[error("cannot read the hotkey file {}: {cause}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// The system's error.
        cause: std::io::Error,
    },
    /// The file is encrypted, and there is no password.
    #[error("the hotkey file {} is encrypted: put its password into the variable {variable}", path.display())]
    NoPassword {
        /// The file.
        path: PathBuf,
        /// The variable.
        variable: String,
    },
    /// The password does not open the file.
    #[error("the password in the variable {variable} does not open the hotkey file {}", path.display())]
    WrongPassword {
        /// The file.
        path: PathBuf,
        /// The variable.
        variable: String,
    },
    /// The file has a form that this program does not open.
    #[error("the hotkey file {} {problem}", path.display())]
    Form {
        /// The file.
        path: PathBuf,
        /// The form and the way out.
        problem: String,
    },
}

/// Opens a hotkey file.
///
/// # Errors
/// If it cannot be read, decrypted or understood, or if it names another address than its key has.
pub(crate) fn open_hotkey(path: &Path, password: Option<&Secret>, variable: &str) -> Result<Keypair, WalletError> {
    let bytes = std::fs::read(path).map_err(|cause| WalletError::Unreadable { path: path.to_owned(), cause })?;
    let Some(sealed) = bytes.strip_prefix(NACL) else { return parse(path, &bytes) };
    let variable = || variable.to_owned();
    let password = password.ok_or_else(|| WalletError::NoPassword { path: path.to_owned(), variable: variable() })?;
    let opened = decrypt(sealed, password.reveal().as_bytes());
    let opened = opened.ok_or_else(|| WalletError::WrongPassword { path: path.to_owned(), variable: variable() })?;
    parse(path, &opened)
}

/// Opens the box after a 24-byte nonce.
fn decrypt(sealed: &[u8], password: &[u8]) -> Option<Vec<u8>> {
    let (nonce, sealed) = sealed.split_at_checked(24)?;
    let (memory, passes) = COST;
    let parameters = Params::new(memory, passes, 1, Some(32)).ok()?;
    let mut key = [0; 32];
    Argon2::new(Algorithm::Argon2i, Version::V0x13, parameters).hash_password_into(password, &SALT, &mut key).ok()?;
    let nonce: [u8; 24] = nonce.try_into().ok()?;
    XSalsa20Poly1305::new(&key.into()).decrypt(&nonce.into(), sealed).ok()
}

fn parse(path: &Path, bytes: &[u8]) -> Result<Keypair, WalletError> {
    let form = |problem: &str| WalletError::Form { path: path.to_owned(), problem: problem.to_owned() };
    let text = std::str::from_utf8(bytes)
        .map(str::trim)
        .map_err(|_| form("is not text: it may be encrypted in an unknown way"))?;
    if text.starts_with("$ANSIBLE_VAULT") {
        return Err(form("is an Ansible vault: decrypt it with `ansible-vault decrypt`, or encrypt it anew as $NACL"));
    }
    if text.starts_with("gAAAAA") {
        return Err(form("is encrypted by Fernet: encrypt it anew as $NACL with a current wallet tool"));
    }
    let Ok(Json::Object(fields)) = serde_json::from_str::<Json>(text) else {
        return keypair_of(text).ok_or_else(|| form("holds neither JSON nor a phrase nor a seed"));
    };
    if fields.contains_key("encoded") && fields.contains_key("encoding") {
        return Err(form("is an export of polkadot.js: import it into a wallet first"));
    }
    // Old files have a space before a key.
    let field = |name: &str| {
        let found = fields.iter().find(|(key, _)| key.trim() == name).map(|(_, value)| value);
        found.map(|value| value.as_str().map_or_else(|| value.to_string(), str::to_owned))
    };
    if field("cryptoType").is_some_and(|kind| kind.trim() != "1" && kind.trim() != "null") {
        return Err(form("holds a key that is not sr25519: weights are signed with sr25519"));
    }
    let secrets = ["secretPhrase", "secretSeed"].map(field);
    let keypair = secrets.iter().flatten().find_map(|secret| keypair_of(secret.trim()));
    let keypair = keypair.ok_or_else(|| {
        form("holds neither a phrase nor a seed: regenerate the hotkey's file from its phrase with a wallet tool")
    })?;
    let address = AccountId32(keypair.public_key().0).to_string();
    match field("ss58Address") {
        Some(named) if named.trim() != address => {
            Err(form(&format!("names the address {} and its key has the address {address}", named.trim())))
        }
        _ => Ok(keypair),
    }
}

/// The key of a phrase, or of a seed of 64 hexadecimal digits.
fn keypair_of(text: &str) -> Option<Keypair> {
    let digits = text.strip_prefix("0x").unwrap_or(text);
    if let Some(seed) = hex::decode(digits).ok().and_then(|bytes| <[u8; 32]>::try_from(bytes).ok()) {
        return Keypair::from_secret_key(seed).ok();
    }
    // Derivation paths are none of a key file's: a phrase is words.
    let is_phrase = text.split_whitespace().count() >= 12
        && text.chars().all(|one| one.is_ascii_lowercase() || one.is_whitespace());
    let uri: SecretUri = is_phrase.then(|| text.parse().ok()).flatten()?;
    Keypair::from_uri(&uri).ok()
}

#[cfg(test)]
mod tests;
