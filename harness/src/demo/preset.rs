//! Settings of the demonstration.

use std::path::Path;

use models::hub::{HubKind, HubSettings};

use crate::settings::{Deciding, EnvironmentChoice, Settings};

/// Tasks that each environment may spend on one duel: enough to see large differences, small enough for a coffee.
const BUDGET: usize = 144;

/// The demonstration's settings: the defaults, a hub on this disk and a budget for minutes instead of days.
pub(crate) fn settings(hub: &Path, output: &Path) -> Settings {
    let defaults = Settings::default();
    let duel = pareto::DuelSettings { budget: BUDGET, ..defaults.deciding.duel.clone() };
    Settings {
        registry: hub.join("registry.json"),
        output: output.to_owned(),
        hub: HubSettings { kind: HubKind::Folder, folder: Some(hub.to_owned()) },
        environments: ["sat", "abduction", "deduction"]
            .map(|name| EnvironmentChoice { name: name.to_owned(), tier: 0 })
            .to_vec(),
        deciding: Deciding { duel, ..defaults.deciding },
        ..defaults
    }
}
