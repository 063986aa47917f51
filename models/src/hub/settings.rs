//! Settings of the hub.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// The hub that models come from.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct HubSettings {
    /// The kind of hub.
    pub kind: HubKind,
    /// The folder hub's root, laid out as `owner/name/commit/files/`; needed when `kind` is `folder`.
    pub folder: Option<PathBuf>,
}

/// Kinds of hub.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HubKind {
    /// The Hugging Face hub, or the server that `HF_ENDPOINT` names.
    #[default]
    HuggingFace,
    /// A folder on this machine.
    Folder,
}
