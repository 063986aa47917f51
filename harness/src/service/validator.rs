//! Validator: what the tasks of a service share, and the steps by which it begins and ends.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use tokio::sync::{Notify, watch};

use super::emission::EmissionRule;
use super::error::ServiceError;
use super::link::{Connect, Link};
use super::metrics::{MeteredReporter, Metrics};
use super::timeline::{Timeline, WindowState};
use super::weight_log::WeightLog;
use super::window_length::WindowLength;
use crate::chain::WeightRow;
use crate::clock::Stopwatch;
use crate::database_location::DatabaseLocation;
use crate::events::Reporter;
use crate::evidence::ValidatorKey;
use crate::job::{another_key, validator_key};
use crate::problem::Problem;
use crate::registry::{BlockRef, Hotkey, SubnetParameters};
use crate::settings::{Settings, SettingsError};
use crate::store::{Store, VerifiedDecision, WeightEvent};
use crate::window::WindowContext;

/// Events of weights that are read back at the start: more than can be under way at once.
const EVENTS: u32 = 64;

/// Reads the settings again, with further `key=value` after all others.
pub(crate) type ReadSettings = Arc<dyn Fn(&[String]) -> Result<Settings, SettingsError> + Send + Sync>;

/// Part of a validator on the chain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Identity {
    /// The subnet.
    pub(crate) netuid: u16,
    /// The validator's address; none where it decides and sets no weights.
    pub(crate) hotkey: Option<Hotkey>,
    /// Version key of its rows.
    pub(crate) version_key: u64,
}

/// Parts that a validator is begun with.
pub(crate) struct Parts<C: Connect> {
    /// Its part on the chain.
    pub(crate) identity: Identity,
    /// The settings.
    pub(crate) settings: Settings,
    /// Reads them again.
    pub(crate) read_settings: ReadSettings,
    /// The link to the chain.
    pub(crate) link: Link<C>,
    /// The database; a file is created if it does not exist.
    pub(crate) database: DatabaseLocation,
    /// The reporter of progress.
    pub(crate) reporter: Arc<dyn Reporter>,
}

/// A validator that runs: what its tasks share.
pub(crate) struct Validator<C: Connect> {
    pub(super) identity: Identity,
    pub(super) length: WindowLength,
    pub(super) link: Link<C>,
    pub(super) store: Store,
    pub(super) key: ValidatorKey,
    pub(super) metrics: Arc<Metrics>,
    pub(super) reporter: Arc<dyn Reporter>,
    pub(super) read_settings: ReadSettings,
    pub(super) database: DatabaseLocation,
    /// The latest finalized block.
    pub(super) head: watch::Sender<Option<BlockRef>>,
    /// Counts changes of windows, pauses and drains.
    pub(super) changes: watch::Sender<u64>,
    /// True from the moment at which all tasks have to end.
    pub(super) stop: watch::Sender<bool>,
    /// Held while a window plays.
    pub(super) playing: tokio::sync::Mutex<()>,
    /// Asks the window that plays to make room; it is played on afterwards.
    pub(super) interrupt: Notify,
    context: tokio::sync::Mutex<Option<Arc<WindowContext>>>,
    state: Mutex<State>,
}

/// State that changes while a validator runs.
pub(super) struct State {
    /// The settings in force.
    pub(super) settings: Settings,
    /// Settings that were changed since the start, as `key=value`.
    pub(super) changed: Vec<String>,
    /// The windows.
    pub(super) timeline: Timeline<Arc<VerifiedDecision>>,
    /// Fate of the weights.
    pub(super) weights: WeightLog,
    /// Block of the latest row of this validator, as the chain says.
    pub(super) last_update: Option<u64>,
    /// No row is tried before this block.
    pub(super) not_before: u64,
    /// A row whose fate is not known, its window, and the last update before it.
    pub(super) in_doubt: Option<(u64, WeightRow, u64)>,
    /// The subnet's parameters as last seen.
    pub(super) parameters: Option<SubnetParameters>,
    /// Runs since the latest finalized block was seen.
    pub(super) head_seen: Option<Stopwatch>,
    /// First block of the window that plays.
    pub(super) window: Option<u64>,
    /// Playing is paused.
    pub(super) paused: bool,
    /// The service ends after the window that plays.
    pub(super) draining: bool,
}

impl<C: Connect> Validator<C> {
    /// Opens the database and goes on where it says that the validator was.
    ///
    /// # Errors
    /// If the database or the key cannot be used.
    pub(crate) async fn open(parts: Parts<C>) -> Result<Self, Problem> {
        let Parts { identity, settings, read_settings, link, database, reporter } = parts;
        let store = Store::open(&database).await?;
        let (key, is_new) = validator_key(&settings)?;
        if is_new && store.latest_decided(identity.netuid).await?.is_some() {
            tracing::warn!("{}", another_key(&key));
        }
        let length = WindowLength::new(settings.service.window_blocks).expect("the settings were checked");
        let (windows, weights) = restored(&store, identity.netuid).await?;
        let metrics = Arc::new(Metrics::default());
        let state = State {
            settings,
            changed: Vec::new(),
            timeline: Timeline::new(length, windows),
            weights,
            last_update: None,
            not_before: 0,
            in_doubt: None,
            parameters: None,
            head_seen: None,
            window: None,
            paused: false,
            draining: false,
        };
        Ok(Self {
            identity,
            length,
            link,
            store,
            key,
            reporter: Arc::new(MeteredReporter::new(Arc::clone(&metrics), reporter)),
            metrics,
            read_settings,
            database,
            head: watch::Sender::new(None),
            changes: watch::Sender::new(0),
            stop: watch::Sender::new(false),
            playing: tokio::sync::Mutex::default(),
            interrupt: Notify::new(),
            context: tokio::sync::Mutex::default(),
            state: Mutex::new(state),
        })
    }

    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("no holder panics")
    }

    /// Tells the tasks that windows, pauses or drains have changed.
    pub(super) fn changed(&self) {
        self.changes.send_modify(|count| *count += 1);
    }

    /// Ends the service.
    pub(crate) fn end(&self) {
        self.stop.send_replace(true);
    }

    /// Milliseconds between two blocks.
    pub(super) fn block_time(&self) -> Duration {
        Duration::from_millis(self.state().settings.service.block_milliseconds)
    }

    /// The environments and the loader, opened at the first use and again after the settings were changed.
    pub(super) async fn context(&self) -> Result<Arc<WindowContext>, ServiceError> {
        let mut context = self.context.lock().await;
        if let Some(context) = &*context {
            return Ok(Arc::clone(context));
        }
        let settings = self.state().settings.clone();
        let opened = Arc::new(WindowContext::open(&settings, self.key.sketches(), Arc::clone(&self.reporter)).await?);
        *context = Some(Arc::clone(&opened));
        Ok(opened)
    }

    /// Lets the next window open environments and loader anew.
    pub(super) async fn drop_context(&self) {
        *self.context.lock().await = None;
    }

    /// Records what became of a decision's row.
    pub(super) async fn weight_event(&self, seed_block: u64, event: WeightEvent) -> Result<(), ServiceError> {
        self.store.add_weight_event(self.identity.netuid, seed_block, &event).await?;
        tracing::info!(window = seed_block, state = event.word(), ?event, "weights");
        match event {
            WeightEvent::Submitted { .. } => self.metrics.submitted(),
            WeightEvent::Refused { .. } | WeightEvent::Differs { .. } => self.metrics.refused(),
            WeightEvent::Applied { .. } | WeightEvent::Revealed { .. } => {}
        }
        self.state().weights.push(seed_block, event);
        Ok(())
    }

    /// Closes the database.
    pub(crate) async fn close(self) {
        self.store.close().await;
    }
}

impl State {
    /// The emission rule of the parameters as last seen.
    pub(super) fn rule(&self) -> Option<EmissionRule> {
        let parameters = self.parameters.as_ref()?;
        let tempo = u64::from(parameters.tempo).max(1);
        Some(EmissionRule { tempo, rate_limit: parameters.weights_rate_limit })
    }
}

type Windows = BTreeMap<u64, WindowState<Arc<VerifiedDecision>>>;

/// The windows and the weights as the database has them.
async fn restored(store: &Store, netuid: u16) -> Result<(Windows, WeightLog), Problem> {
    let mut windows = Windows::new();
    for seed_block in store.captured_windows(netuid).await? {
        windows.insert(seed_block, WindowState::Captured);
    }
    for skipped in store.skipped_windows(netuid).await? {
        windows.insert(skipped.seed_block, WindowState::Without(skipped.reason));
    }
    // A decision counts before everything.
    for decision in store.decisions(netuid).await? {
        windows.insert(decision.weights.seed_block, WindowState::Decided(Arc::new(decision)));
    }
    let weights = WeightLog::new(store.weight_events(netuid, EVENTS).await?);
    Ok((windows, weights))
}
