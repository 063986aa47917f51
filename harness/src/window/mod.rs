//! One window over one registry: from the entries to the weights. `validate`, `eval` and `demo` all run this.

mod door;
mod error;
mod play;
mod replay;
mod screening;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use environments::Environment;
use models::snapshot::{Snapshot, Stamp};
use sandboxes::Sandbox;

use crate::events::{Event, Reporter};
use crate::hub::Hub;
use crate::record::{Conclusion, Phase, Timings, WindowTerms};
use crate::registry::{Hotkey, Registry};
use crate::rollout::Court;
use crate::seeds::WindowSeed;
use crate::settings::Settings;
use crate::store::{Outcome, RunId, Store};

pub use error::WindowError;
pub use replay::{Replay, ReplayError};

/// A window being decided.
pub struct Window {
    settings: Settings,
    registry: Registry,
    store: Store,
    hub: Hub,
    court: Court,
    terms: WindowTerms,
    run: RunId,
    reporter: Arc<dyn Reporter>,
    spent: Mutex<Timings>,
    /// Models whose files this process has fetched and hashed already.
    arrived: Mutex<BTreeMap<String, (Snapshot, Stamp)>>,
}

impl Window {
    /// Opens the window, or the one of the same identity that an earlier process left unfinished.
    ///
    /// # Errors
    /// If an environment is unknown or the database cannot be used.
    pub async fn open(
        settings: Settings,
        mut registry: Registry,
        store: Store,
        cache: &Path,
        sandbox: &Sandbox,
        runtime: String,
        reporter: Arc<dyn Reporter>,
    ) -> Result<Self, WindowError> {
        let mut environments = Vec::new();
        for choice in &settings.environments {
            environments.push(open_environment(&choice.name, choice.tier, sandbox).await?);
        }
        let hub = Hub::new(&settings.hub, cache, &settings.deciding.admission).map_err(WindowError::HubSetup)?;
        // What this validator decided in an earlier window is better known to it than to the registry.
        if let Some(Outcome { champion, former, tested }) =
            store.outcome_before(registry.netuid, registry.seed_block).await?
        {
            registry.champion = Some(Hotkey(champion));
            // A database from before former champions were kept knows none of them.
            if !former.is_empty() {
                registry.former = former.into_iter().map(Hotkey).collect();
            }
            registry.tested = tested;
        }
        let ids = environments.iter().map(|environment| environment.id().clone()).collect();
        let terms = WindowTerms::new(&registry, &settings, ids, runtime);
        let (run, resumed) =
            store.open_run(&terms.identity(), registry.netuid, registry.seed_block, &terms.to_json()).await?;
        reporter.report(Event::Opened { entries: registry.entries.len(), resumed });
        let seed = WindowSeed::new(&registry.seed_hash, registry.seed_block, registry.netuid);
        let court = Court { environments, seed, sampling: settings.deciding.sampling.clone() };
        Ok(Self {
            settings,
            registry,
            store,
            hub,
            court,
            terms,
            run,
            reporter,
            spent: Mutex::default(),
            arrived: Mutex::default(),
        })
    }

    /// Does what is left to do and says what the window came to.
    ///
    /// # Errors
    /// If this machine failed in a way that trying again did not mend. What was finished is stored.
    pub async fn run(&self) -> Result<Conclusion, WindowError> {
        let admissions = self.admit_all().await?;
        let findings = self.screen(&admissions).await?;
        let (duels, succession) = self.hold_duels(&admissions, &findings).await?;
        let conclusion = self.conclude(admissions, findings, duels, succession).await?;
        if let Some(champion) = conclusion.champion {
            let champion = conclusion.entries[champion].entry.hotkey.0.clone();
            let former = conclusion.former.iter().map(|hotkey| hotkey.0.clone()).collect();
            self.store.finish_run(self.run, &Outcome { champion, former, tested: conclusion.tested }).await?;
        }
        Ok(conclusion)
    }

    /// Where this process's time went so far.
    pub fn spent(&self) -> Timings {
        *self.spent.lock().expect("no holder panics")
    }

    fn spend(&self, phase: Phase, time: Duration) {
        self.spent.lock().expect("no holder panics").add(phase, time);
    }

    /// Where the database is.
    pub fn database(&self) -> PathBuf {
        self.store.path().to_owned()
    }

    /// Closes the database.
    pub async fn close(self) {
        self.store.close().await;
    }

    fn label(&self, entry: usize) -> String {
        let entry = &self.registry.entries[entry];
        format!("{} ({})", entry.hotkey, entry.model)
    }
}

/// The environment of this name in the catalog, or in a Python file if the name ends as one does.
///
/// # Errors
/// If there is none, or the file is not one.
pub async fn open_environment(name: &str, tier: u8, sandbox: &Sandbox) -> Result<Arc<dyn Environment>, WindowError> {
    if Path::new(name).extension().is_some_and(|extension| extension == "py") {
        return Ok(environments::python_file::open(Path::new(name), Some(tier), sandbox).await?);
    }
    Ok(environments::catalog::open(name, Some(tier), sandbox)?)
}
