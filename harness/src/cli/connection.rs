//! Shared parts of the chain's commands: their arguments, the hotkey, and the connection to the subnet.

use std::path::{Path, PathBuf};

use clap::Args;

use crate::chain::{Signer, SubnetError, Subtensor, WalletError, open_hotkey};
use crate::exit_status::ExitStatus;
use crate::problem::Problem;
use crate::registry::Hotkey;
use crate::sandbox::cache_folder;
use crate::settings::{ChainSettings, Settings, Sources, Variables};

/// Arguments of all commands of the chain.
#[derive(Debug, Args)]
pub(super) struct ChainArguments {
    /// The settings file (TOML).
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// A setting, such as `chain.netuid=1`; may be given several times.
    #[arg(long = "set", value_name = "KEY=VALUE")]
    set: Vec<String>,
}

impl ChainArguments {
    /// The settings in force.
    pub(super) fn settings(&self) -> Result<Settings, Problem> {
        Ok(Sources::new(&Settings::default(), self.config.as_deref(), &self.set)?.settings()?)
    }
}

/// The subnet for reading alone.
pub(super) fn reader(settings: &Settings) -> Result<Subtensor, Problem> {
    Ok(Subtensor::new(settings.chain.clone(), None, locks()?))
}

/// The subnet with the hotkey that signs: the file of the settings, or the signing process that they name.
pub(super) async fn writer(settings: &Settings) -> Result<Subtensor, Problem> {
    let signer = match &settings.chain.signer {
        Some(socket) => Signer::connect(socket).await?,
        None => Signer::Key(Box::new(hotkey_of(&settings.chain)?)),
    };
    Ok(Subtensor::new(settings.chain.clone(), Some(signer), locks()?))
}

/// The key in the hotkey file that the settings name.
pub(super) fn hotkey_of(chain: &ChainSettings) -> Result<subxt_signer::sr25519::Keypair, Problem> {
    let path = hotkey_path(chain, &Variables::of_process());
    let password = Variables::secret(&chain.password_variable);
    Ok(open_hotkey(&path, password.as_ref(), &chain.password_variable)?)
}

/// The hotkey's file: settings before variables before the names that wallets have by themselves.
fn hotkey_path(chain: &ChainSettings, variables: &Variables) -> PathBuf {
    let named = |setting: &Option<String>, variable: &Option<String>| {
        setting.clone().or_else(|| variable.clone()).unwrap_or_else(|| "default".to_owned())
    };
    let home = || Path::new(variables.home.as_deref().unwrap_or(".")).join(".bittensor").join("wallets");
    let wallets = chain.wallets.clone().or_else(|| variables.wallets.clone().map(PathBuf::from)).unwrap_or_else(home);
    let wallet = wallets.join(named(&chain.wallet, &variables.wallet));
    wallet.join("hotkeys").join(named(&chain.hotkey, &variables.hotkey))
}

/// The hotkey that was given, or the one that signs.
pub(super) fn hotkey_or_own(given: Option<&str>, settings: &Settings) -> Result<Hotkey, Problem> {
    given.map_or_else(
        || Ok(Hotkey(subxt::utils::AccountId32(hotkey_of(&settings.chain)?.public_key().0).to_string())),
        |given| Ok(Hotkey(given.to_owned())),
    )
}

/// The folder of locks that all processes of this machine share.
fn locks() -> Result<PathBuf, Problem> {
    Ok(cache_folder()?.join("chain"))
}

impl From<SubnetError> for Problem {
    fn from(error: SubnetError) -> Self {
        let hint = match &error {
            SubnetError::Timeout { .. } | SubnetError::Connection { .. } | SubnetError::Answer { .. } => {
                "the setting `chain.endpoints` names the nodes; `dethrone doctor` tries each of them"
            }
            SubnetError::NotFinalized { .. } => "wait for it, or choose an earlier block",
            SubnetError::Absent(_) => "the settings `chain.netuid` and `chain.mechanism` name the subnet",
            SubnetError::Runtime { .. } => "nothing was signed",
            SubnetError::Signing(_) => "nothing was sent",
        };
        Self::from_error(ExitStatus::Chain, &error).hint(hint)
    }
}

impl From<WalletError> for Problem {
    fn from(error: WalletError) -> Self {
        Self::from_error(ExitStatus::Usage, &error)
            .hint("the settings `chain.wallets`, `chain.wallet` and `chain.hotkey` name the file")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hotkeys_file_is_found_by_settings_before_variables_before_the_usual_names() {
        let home = Variables { home: Some("/home/ada".to_owned()), ..Variables::default() };
        let chain = ChainSettings::default();
        let usual = "/home/ada/.bittensor/wallets/default/hotkeys/default";
        assert_eq!(hotkey_path(&chain, &home), Path::new(usual));
        let variables = Variables {
            wallets: Some("/keys".to_owned()),
            wallet: Some("vali".to_owned()),
            hotkey: Some("hot".to_owned()),
            ..home
        };
        assert_eq!(hotkey_path(&chain, &variables), Path::new("/keys/vali/hotkeys/hot"));
        let chain = ChainSettings {
            wallets: Some(PathBuf::from("/w")),
            wallet: Some("a".to_owned()),
            hotkey: Some("b".to_owned()),
            ..chain
        };
        assert_eq!(hotkey_path(&chain, &variables), Path::new("/w/a/hotkeys/b"));
    }
}
