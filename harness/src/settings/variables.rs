//! Environment variables that are not settings, all read here: where files are kept, access to the hub, and how to print.

use std::ffi::OsString;

use models::secret::Secret;

/// The environment variables of the process that are not settings.
#[derive(Debug, Clone, Default)]
pub(crate) struct Variables {
    /// `HF_ENDPOINT`: the address of a server with the interface of Hugging Face, used in its place.
    pub hub_endpoint: Option<String>,
    /// `HF_TOKEN`: sent with every request to the hub.
    pub hub_token: Option<Secret>,
    /// `CI`: where it is set, progress is printed as lines.
    pub is_unattended: bool,
    /// `NO_COLOR`: where it is set and not empty, tables have no colors (<https://no-color.org>).
    pub is_colorless: bool,
    /// `BT_WALLET_PATH`: the folder with wallets.
    pub wallets: Option<String>,
    /// `BT_WALLET_NAME`: the wallet's name.
    pub wallet: Option<String>,
    /// `BT_WALLET_HOTKEY`: the hotkey's name in the wallet.
    pub hotkey: Option<String>,
    /// `HOME`: the user's folder.
    pub home: Option<String>,
    /// `RUST_LOG`: the events that are logged, as `target=level` separated by commas.
    pub log: Option<String>,
}

impl Variables {
    /// The variables of this process.
    #[must_use]
    pub(crate) fn of_process() -> Self {
        Self::from(|name| std::env::var_os(name))
    }

    /// The value of the variable with this name as a secret; none where it is not set or blank.
    #[must_use]
    pub(crate) fn secret(name: &str) -> Option<Secret> {
        written(std::env::var_os(name)).map(|value| Secret::new(value.trim()))
    }

    fn from(variable: impl Fn(&str) -> Option<OsString>) -> Self {
        Self {
            hub_endpoint: written(variable("HF_ENDPOINT")),
            hub_token: written(variable("HF_TOKEN")).map(|token| Secret::new(token.trim())),
            is_unattended: variable("CI").is_some(),
            is_colorless: variable("NO_COLOR").is_some_and(|value| !value.is_empty()),
            wallets: written(variable("BT_WALLET_PATH")),
            wallet: written(variable("BT_WALLET_NAME")),
            hotkey: written(variable("BT_WALLET_HOTKEY")),
            home: written(variable("HOME")),
            log: written(variable("RUST_LOG")),
        }
    }
}

/// The text of a variable, unless it is blank or not Unicode.
fn written(value: Option<OsString>) -> Option<String> {
    value.and_then(|value| value.into_string().ok()).filter(|value| !value.trim().is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(set: &[(&str, &str)], expected: impl Fn(&Variables) -> bool) {
        let variables = Variables::from(|name| set.iter().find(|row| row.0 == name).map(|row| OsString::from(row.1)));
        assert!(expected(&variables), "{set:?}: {variables:?}");
    }

    #[test]
    fn blank_variables_count_as_not_set_unless_only_their_presence_counts() {
        check(&[], |it| it.hub_endpoint.is_none() && it.hub_token.is_none() && !it.is_unattended && !it.is_colorless);
        check(&[("HF_ENDPOINT", " "), ("HF_TOKEN", "")], |it| it.hub_endpoint.is_none() && it.hub_token.is_none());
        check(&[("HF_ENDPOINT", "http://127.0.0.1:1")], |it| it.hub_endpoint.as_deref() == Some("http://127.0.0.1:1"));
        check(&[("HF_TOKEN", " hf_x\n")], |it| it.hub_token == Some(Secret::new("hf_x")));
        check(&[("CI", "")], |it| it.is_unattended);
        check(&[("NO_COLOR", "")], |it| !it.is_colorless);
        check(&[("NO_COLOR", "1")], |it| it.is_colorless);
        check(&[("BT_WALLET_NAME", "mine"), ("BT_WALLET_PATH", " ")], |it| {
            it.wallet.as_deref() == Some("mine") && it.wallets.is_none() && it.hotkey.is_none()
        });
        check(&[("RUST_LOG", "models=debug")], |it| it.log.as_deref() == Some("models=debug"));
    }

    #[test]
    fn a_token_is_never_shown_with_the_other_variables() {
        check(&[("HF_TOKEN", "hf_secret")], |it| !format!("{it:?}").contains("hf_secret"));
    }
}
