//! Settings of the chain: its nodes, the subnet, and the key that signs weights.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// Settings of the chain.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct ChainSettings {
    /// Nodes that are asked, by WebSocket address; the next one is taken when one fails or its head stands still.
    pub endpoints: Vec<String>,
    /// Hash of the chain's first block, as hexadecimal digits; a node of another chain is then refused. Without it the first
    /// node that answers decides.
    pub genesis: Option<String>,
    /// The subnet.
    pub netuid: u16,
    /// The subnet's mechanism, from 0.
    pub mechanism: u8,
    /// Version key that rows of weights carry; a subnet that asks for a higher one wants a newer validator.
    pub version_key: u64,
    /// Seconds that one request to a node may take.
    pub timeout_seconds: u64,
    /// The folder with wallets; the variable BT_WALLET_PATH, else `~/.bittensor/wallets`, where it is not given.
    pub wallets: Option<PathBuf>,
    /// The wallet's name; the variable BT_WALLET_NAME, else `default`, where it is not given.
    pub wallet: Option<String>,
    /// The hotkey's name in the wallet; the variable BT_WALLET_HOTKEY, else `default`, where it is not given. The coldkey is
    /// never opened.
    pub hotkey: Option<String>,
    /// The variable that holds the password of an encrypted hotkey file.
    pub password_variable: String,
    /// The socket of a `dethrone signer`, which holds the hotkey in place of this process.
    pub signer: Option<PathBuf>,
    /// The validator publishes the hash of each window's evidence, its champion and its rule as its hotkey's commitment, so that
    /// others can follow it; a `dethrone signer` has to be started with `--roots`.
    pub publish_roots: bool,
}

impl Default for ChainSettings {
    fn default() -> Self {
        Self {
            endpoints: vec![
                "wss://entrypoint-finney.opentensor.ai:443".to_owned(),
                "wss://lite.sub.latent.to:443".to_owned(),
            ],
            genesis: None,
            netuid: 120,
            mechanism: 0,
            version_key: 0,
            timeout_seconds: 20,
            wallets: None,
            wallet: None,
            hotkey: None,
            password_variable: "BT_WALLET_PASSWORD".to_owned(),
            signer: None,
            publish_roots: false,
        }
    }
}
