//! Root of a window: a validator's statement on chain of the log that its weights rest on.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::registry::{Hash32, Hotkey};

/// First bytes of every root: the name and the version of its form.
const MAGIC: [u8; 5] = *b"dthr\x01";

/// Statement of a validator about a window that it has decided: 109 bytes, which fit into one field of a commitment.
///
/// The bytes are the magic, the window's seed block (8 bytes, little-endian), and three times 32 bytes: hash of the log's last
/// record, account of the champion (zeros where nobody holds the weight), digest of the rule.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct WindowRoot {
    /// The window's seed block.
    pub window: u64,
    /// Hash of the last record of its evidence, which covers all of it.
    pub log: Hash32,
    /// Account that holds the weight; zeros where nobody does.
    pub champion: Hash32,
    /// Digest of the settings and environments that decide.
    pub rule: Hash32,
}

impl WindowRoot {
    /// The root of a window with this log, holder and rule.
    pub(crate) fn new(window: u64, log: Hash32, champion: Option<&Hotkey>, rule: Hash32) -> Self {
        let champion = Hash32(champion.and_then(Hotkey::account).unwrap_or([0; 32]));
        Self { window, log, champion, rule }
    }

    /// The bytes that are published.
    pub(crate) fn encode(&self) -> Vec<u8> {
        let window = self.window.to_le_bytes();
        [&MAGIC[..], &window, &self.log.0, &self.champion.0, &self.rule.0].concat()
    }

    /// The root that was published as these bytes; none if they are something else.
    pub(crate) fn decode(bytes: &[u8]) -> Option<Self> {
        let rest = bytes.strip_prefix(&MAGIC)?;
        let (window, rest) = rest.split_first_chunk::<8>()?;
        let (log, rest) = rest.split_first_chunk::<32>()?;
        let (champion, rest) = rest.split_first_chunk::<32>()?;
        let rule: [u8; 32] = rest.try_into().ok()?;
        let window = u64::from_le_bytes(*window);
        Some(Self { window, log: Hash32(*log), champion: Hash32(*champion), rule: Hash32(rule) })
    }

    /// True if this account, or nobody, holds the weight by it.
    pub(crate) fn is_held_by(&self, champion: Option<&Hotkey>) -> bool {
        self.champion.0 == champion.and_then(Hotkey::account).unwrap_or([0; 32])
    }
}

impl fmt::Display for WindowRoot {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "window {}, log {}", self.window, self.log)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALICE: &str = "5GrwvaEF5zXb26Fz9rcQpDWS57CtERHpNehXCPcNoHGKutQY";

    fn root(champion: Option<&str>) -> WindowRoot {
        let champion = champion.map(|hotkey| Hotkey(hotkey.to_owned()));
        WindowRoot::new(7_200, Hash32([1; 32]), champion.as_ref(), Hash32([3; 32]))
    }

    #[test]
    fn a_root_has_109_bytes_and_is_read_back() {
        for root in [root(Some(ALICE)), root(None)] {
            let bytes = root.encode();
            assert_eq!((bytes.len(), WindowRoot::decode(&bytes)), (109, Some(root)));
        }
    }

    #[test]
    fn bytes_of_something_else_are_no_root() {
        let bytes = root(Some(ALICE)).encode();
        let other_version = [b"dthr\x02".as_slice(), &bytes[5..]].concat();
        for odd in [&bytes[..108], &[bytes.as_slice(), &[0]].concat(), b"", b"{\"model\":\"o/m\"}", &other_version] {
            assert_eq!(WindowRoot::decode(odd), None, "{odd:?}");
        }
    }

    #[test]
    fn the_holder_is_compared_by_account_and_nobody_is_nobody() {
        let alice = Hotkey(ALICE.to_owned());
        assert!(root(Some(ALICE)).is_held_by(Some(&alice)) && root(None).is_held_by(None));
        assert!(!root(Some(ALICE)).is_held_by(None) && !root(None).is_held_by(Some(&alice)));
    }
}
