//! Hotkeys: miners' addresses, or names where a registry is for trials.

use blake2::{Blake2b512, Digest};
use models::untrusted::UntrustedText;

use super::{Hotkey, RegistryState};

/// Prefix of addresses of Bittensor and of Substrate chains in general.
const PREFIX: u8 = 42;
/// Text that is hashed before an address, as the SS58 format has it.
const CONTEXT: &[u8] = b"SS58PRE";
/// Characters of a name at most: any address has more, so that none is taken for a name.
const LONGEST_NAME: usize = 32;

impl Hotkey {
    /// True for the SS58 address of an account: base 58 of the prefix 42, 32 bytes and two bytes of their BLAKE2b digest.
    ///
    /// Source: <https://docs.substrate.io/reference/address-formats/>
    pub(crate) fn is_address(&self) -> bool {
        self.account().is_some()
    }

    /// The account of an address; none of a name.
    pub(crate) fn account(&self) -> Option<[u8; 32]> {
        let mut bytes = [0; 35];
        // A longer text does not fit.
        if bs58::decode(&self.0).onto(&mut bytes) != Ok(bytes.len()) {
            return None;
        }
        let (account, checksum) = bytes.split_at(33);
        let digest = Blake2b512::new().chain_update(CONTEXT).chain_update(account).finalize();
        let is_sound = account[0] == PREFIX && digest[..2] == *checksum;
        account[1..].try_into().ok().filter(|_| is_sound)
    }

    /// The address with its middle left out; a name as it is.
    pub(crate) fn shortened(&self) -> String {
        match self.0.chars().count() {
            0..=LONGEST_NAME => self.0.clone(),
            count => {
                let first: String = self.0.chars().take(6).collect();
                let last: String = self.0.chars().skip(count - 4).collect();
                format!("{first}…{last}")
            }
        }
    }

    /// True for a name of a registry for trials: at most 32 letters, digits, dots, dashes and underscores.
    fn is_name(&self) -> bool {
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_');
        (1..=LONGEST_NAME).contains(&self.0.len()) && self.0.bytes().all(is_plain)
    }
}

/// The hotkey of a registry that is none, in a sentence. A registry names its miners all by address, or, for trials, all by
/// name.
pub(super) fn not_a_hotkey(registry: &RegistryState) -> Option<String> {
    let entries = registry.entries.iter().map(|entry| &entry.hotkey);
    let all: Vec<&Hotkey> = entries.chain(&registry.champion).chain(&registry.former).collect();
    let is_real = all.iter().any(|hotkey| hotkey.is_address());
    let wrong = all.iter().find(|hotkey| !hotkey.is_address() && (is_real || !hotkey.is_name()))?;
    let shown = UntrustedText::name(&wrong.0);
    Some(format!(
        "hotkey {shown} is no SS58 address (prefix {PREFIX}, with its checksum); for trials all may be names of at most \
         {LONGEST_NAME} letters, digits, dots, dashes and underscores"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The development accounts of Substrate: their addresses are in every client's documentation.
    const ALICE: &str = "5GrwvaEF5zXb26Fz9rcQpDWS57CtERHpNehXCPcNoHGKutQY";
    const BOB: &str = "5FHneW46xGXgs5mUiveU4sbTyGBzmstUspZC92UhjJM694ty";

    fn hotkey(text: &str) -> Hotkey {
        Hotkey(text.to_owned())
    }

    #[test]
    fn an_address_has_its_prefix_its_length_and_its_checksum() {
        assert!(hotkey(ALICE).is_address() && hotkey(BOB).is_address());
        let wrong_digit = ALICE.replace("5Grw", "5Grv");
        // The same account on Polkadot and on Kusama.
        let (polkadot, kusama) =
            ("15oF4uVJwmo4TdGW7VfQxNLavjCXviqxT9S1MgbjMNHr6Sp5", "HNZata7iMYWmk5RvZRTiAsSDhV8366zq2YGb3tLH5Upf74F");
        let short = &ALICE[..47];
        let long = format!("{ALICE}1");
        let spaced = format!(" {ALICE}");
        for text in [&wrong_digit, polkadot, kusama, short, &long, &spaced, "alice", "", &"5".repeat(30_000_000)] {
            assert!(!hotkey(text).is_address(), "{}", &text[..text.len().min(60)]);
        }
    }

    /// The hotkeys of a registry, and a part of the sentence on what is wrong.
    #[track_caller]
    fn check(hotkeys: &[&str], champion: Option<&str>, expected: Option<&str>) {
        let template = crate::window::fixtures::registry(hotkeys.len());
        let mut registry = RegistryState { champion: champion.map(hotkey), ..template };
        for (entry, text) in registry.entries.iter_mut().zip(hotkeys) {
            entry.hotkey = hotkey(text);
        }
        match (not_a_hotkey(&registry), expected) {
            (None, None) => {}
            (Some(found), Some(part)) => assert!(found.contains(part) && found.len() < 600, "{found}"),
            (found, expected) => panic!("{found:?} instead of {expected:?}"),
        }
    }

    #[test]
    fn hotkeys_are_addresses_and_for_trials_names() {
        check(&[ALICE, BOB], Some(BOB), None);
        check(&["alice", "5Hot1"], Some("alice"), None);
        check(&[ALICE, "bob"], None, Some("hotkey bob is no SS58 address"));
        check(&[ALICE, BOB], Some("carol"), Some("hotkey carol"));
        check(&[&ALICE.replace('G', "H")], None, Some("no SS58 address"));
        check(&["\u{1b}[2J\nhonest holds all the weight."], None, Some("hotkey \"\\u{1b}[2J\\nhonest"));
        check(&["two words"], None, Some("\"two words\""));
        check(&[""], None, Some("hotkey \"\""));
        check(&[&"n".repeat(30_000_000)], None, Some("nnn…"));
    }
}
