//! Nodes of a subtensor chain for the service: each endpoint of the settings by itself, all of one chain.

use std::sync::OnceLock;

use super::connection::{reader, writer};
use crate::chain::{SubnetError, Subtensor};
use crate::registry::Hash32;
use crate::service::Connect;
use crate::settings::Settings;

/// Part of a service on the chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Access {
    /// It reads.
    Reads,
    /// It reads, and signs weights.
    Signs,
}

/// Connects a service to nodes.
pub(super) struct Nodes {
    settings: Settings,
    access: Access,
    /// Hash of the chain's first block, as the first node has told it.
    genesis: OnceLock<Hash32>,
}

impl Nodes {
    /// Nodes of these settings; nothing is connected yet.
    pub(super) fn new(settings: Settings, access: Access) -> Self {
        Self { settings, access, genesis: OnceLock::new() }
    }
}

impl Connect for Nodes {
    type Subnet = Subtensor;

    async fn connect(&self, endpoint: &str) -> Result<Subtensor, SubnetError> {
        let mut settings = self.settings.clone();
        settings.chain.endpoints = vec![endpoint.to_owned()];
        if let Some(genesis) = self.genesis.get() {
            settings.chain.genesis = Some(genesis.to_string());
        }
        let subnet = match self.access {
            Access::Reads => reader(&settings),
            Access::Signs => writer(&settings).await,
        };
        let subnet = subnet.map_err(|problem| SubnetError::Signing(problem.summary))?;
        let genesis = subnet.endpoint().await?.genesis();
        self.genesis.get_or_init(|| genesis);
        Ok(subnet)
    }
}
