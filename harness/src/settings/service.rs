//! Settings of the service: windows by blocks, limits of waiting, and the places where it is asked and watched.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// Settings of the service.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ServiceSettings {
    /// Blocks of a window, which begins at every multiple of it. All validators of a subnet have to choose it alike.
    pub window_blocks: u64,
    /// Milliseconds between two blocks of the chain. An endpoint whose head stands still for three blocks is changed.
    pub block_milliseconds: u64,
    /// Seconds that a submitted row may take until a finalized block holds it.
    pub submit_seconds: u64,
    /// Blocks between two looks at new commitments, whose models are fetched and checked before their window; 0 for none.
    pub prefetch_blocks: u64,
    /// The address on which the pages, metrics and health are served, as `address:port`; empty for none.
    pub listen: String,
    /// The socket on which `dethrone ctl` asks the validator; `control.sock` in the output folder unless given.
    pub socket: Option<PathBuf>,
    /// The folder for the log, a file a day; `logs` in the output folder unless given.
    pub logs: Option<PathBuf>,
    /// Files of the log that are kept.
    pub log_files: usize,
}

impl Default for ServiceSettings {
    fn default() -> Self {
        Self {
            window_blocks: 7_200,
            block_milliseconds: 12_000,
            submit_seconds: 180,
            prefetch_blocks: 25,
            listen: "127.0.0.1:9464".to_owned(),
            socket: None,
            logs: None,
            log_files: 14,
        }
    }
}
