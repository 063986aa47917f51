//! The executor that gives blocks to workers and takes their rollouts.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures::FutureExt;
use futures::future::BoxFuture;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::block::{Block, Compatibility};
use super::queue::{BlockQueue, QueueError};
use crate::database_location::DatabaseLocation;
use crate::record::Rollout;
use crate::rollout::{Executor, ExecutorError};
use crate::settings::WorkerSettings;
use crate::store::{Disagreement, RunId, Store, StoreError, WorkerRollout};
use crate::units::Unit;

/// Pause between two looks at what workers have stored.
const PAUSE: Duration = Duration::from_millis(50);

/// Units of an entry that are planned ahead; a unit after them makes a block of its own.
const ANNOUNCED: usize = 1_000_000;

/// Rows of one look at them.
const ROWS: usize = 512;

/// Row numbers by which a row may come into sight late: those of as many rows as can be written at once.
const LATE: i64 = 4_096;

/// An entry's unit.
type EntryUnit = (usize, Unit);

/// Parts of a window that workers have to know of.
pub(crate) struct Announced<'a> {
    /// The run.
    pub(crate) run: RunId,
    /// The references of the entries' models, by place.
    pub(crate) models: Vec<String>,
    /// Kind of workers that may answer.
    pub(crate) compatibility: Compatibility,
    /// Makes a rollout on this machine where two workers differ, or one could not make it.
    pub(crate) referee: &'a dyn Executor,
}

/// Gives blocks of units to workers.
pub(crate) struct WorkersExecutor<'a> {
    window: Announced<'a>,
    settings: WorkerSettings,
    store: Arc<Store>,
    queue: BlockQueue,
    plans: tokio::sync::Mutex<BTreeMap<usize, Plan>>,
    /// Blocks that were announced and not planned yet.
    announced: Mutex<BTreeMap<usize, Vec<Vec<Unit>>>>,
    arrivals: Arc<Arrivals>,
    reader: JoinHandle<()>,
}

/// Blocks of one entry.
pub(super) struct Plan {
    /// The queue of its model.
    queue: String,
    /// The blocks in the order in which they are wanted.
    pub(super) blocks: Vec<Vec<Unit>>,
    /// The place of each unit's block.
    pub(super) places: BTreeMap<Unit, usize>,
    /// Blocks that are in the queue.
    pushed: usize,
}

/// Rollouts that workers have stored.
#[derive(Default)]
struct Arrivals {
    state: Mutex<Arrived>,
    /// Counts arrivals.
    count: watch::Sender<u64>,
}

#[derive(Default)]
struct Arrived {
    /// The first rollout of each unit, with its worker.
    first: BTreeMap<EntryUnit, (String, Rollout)>,
    /// Units of which two workers made different rollouts.
    disputed: Vec<EntryUnit>,
    /// All rollouts of those units.
    differing: BTreeMap<EntryUnit, Vec<(String, Rollout)>>,
    /// Units whose rollouts are kept for the second worker's.
    compared: BTreeSet<EntryUnit>,
    /// Entries that a worker could not run: this machine makes their rollouts.
    unrunnable: BTreeSet<usize>,
    failed: Option<StoreError>,
}

impl Arrivals {
    fn lock(&self) -> MutexGuard<'_, Arrived> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn add(&self, rows: Vec<WorkerRollout>) {
        let added = rows.len() as u64;
        let mut state = self.lock();
        for WorkerRollout { worker, rollout, .. } in rows {
            let Rollout { entry, task, environment, .. } = rollout;
            let key = (entry, Unit { task, environment });
            let Some((first_worker, first)) = state.first.get(&key).cloned() else {
                state.first.insert(key, (worker, rollout));
                continue;
            };
            // A server's reply is never the same twice.
            if first.reproducible && !first.agrees_with(&rollout) {
                state.disputed.push(key);
                let all = state.differing.entry(key).or_insert_with(|| vec![(first_worker, first)]);
                all.push((worker, rollout));
            }
        }
        drop(state);
        self.count.send_modify(|count| *count += added);
    }
}

impl<'a> WorkersExecutor<'a> {
    /// An executor for one window, through this database.
    ///
    /// # Errors
    /// If the database is a file or cannot be used.
    pub(crate) async fn open(
        database: &DatabaseLocation,
        settings: &WorkerSettings,
        window: Announced<'a>,
    ) -> Result<Self, ExecutorError> {
        let DatabaseLocation::Postgres(url) = database else {
            return Err(ExecutorError::Queue(format!("{database} is no Postgres database")));
        };
        let queue = BlockQueue::open(url).await?;
        let store = Arc::new(Store::open_to_work(database).await?);
        let arrivals = Arc::new(Arrivals::default());
        let reader = tokio::spawn(read(Arc::clone(&store), window.run, Arc::clone(&arrivals)));
        let settings = settings.clone();
        let (plans, announced) = (tokio::sync::Mutex::default(), Mutex::default());
        Ok(Self { window, settings, store, queue, plans, announced, arrivals, reader })
    }

    async fn make(&self, entry: usize, unit: Unit) -> Result<Rollout, ExecutorError> {
        if !self.arrivals.lock().unrunnable.contains(&entry) {
            self.push(entry, unit).await?;
        }
        let mut count = self.arrivals.count.subscribe();
        let patience = Duration::from_secs(self.settings.idle_seconds);
        loop {
            count.borrow_and_update();
            self.judge().await?;
            {
                let mut state = self.arrivals.lock();
                if let Some(error) = state.failed.take() {
                    return Err(error.into());
                }
                let key = (entry, unit);
                let arrived = match state.compared.contains(&key) {
                    true => state.first.get(&key).cloned(),
                    false => state.first.remove(&key),
                };
                if let Some((_, rollout)) = arrived {
                    return Ok(rollout);
                }
            }
            if self.arrivals.lock().unrunnable.contains(&entry) {
                // Either it runs here, or the error is the one that a validator without workers gets.
                return self.window.referee.rollout(entry, unit).await;
            }
            let changed = tokio::time::timeout(patience, count.changed()).await;
            if changed.is_err() {
                return Err(ExecutorError::Idle { seconds: patience.as_secs() });
            }
        }
    }

    /// An empty plan of an entry.
    async fn plan(&self, entry: usize) -> Result<Plan, ExecutorError> {
        // Blocks of a process that was killed are of no use to this one.
        self.queue.withdraw(self.window.run, entry).await?;
        let admissions = self.store.admissions(self.window.run).await?;
        let model = self.window.models.get(entry).map_or("", String::as_str);
        let digest = admissions.get(&entry).map(|admission| admission.snapshot(model)).unwrap_or_default();
        Ok(Plan::new(self.window.compatibility.queue(&digest)))
    }

    /// Puts a unit's block into the queue with those after it, if they are not there yet.
    async fn push(&self, entry: usize, unit: Unit) -> Result<(), ExecutorError> {
        let mut plans = self.plans.lock().await;
        let plan = match plans.entry(entry) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(place) => place.insert(self.plan(entry).await?),
        };
        let announced = self.announced.lock().unwrap_or_else(PoisonError::into_inner).remove(&entry);
        for units in announced.unwrap_or_default() {
            plan.add(units, self.settings.block);
        }
        if !plan.places.contains_key(&unit) {
            plan.add(vec![unit], self.settings.block);
        }
        let wanted = plan.places.get(&unit).map_or(0, |place| place + 1 + self.settings.ahead);
        while plan.pushed < wanted.min(plan.blocks.len()) {
            let units = plan.blocks[plan.pushed].clone();
            let block = Block { run: self.window.run, entry, units, is_second: false };
            self.queue.push(&plan.queue, &block, Duration::ZERO).await?;
            if self.is_compared(&block) {
                let units = block.units.iter().map(|unit| (entry, *unit));
                self.arrivals.lock().compared.extend(units);
                let second = Block { is_second: true, ..block };
                self.queue.push(&plan.queue, &second, Duration::ZERO).await?;
            }
            plan.pushed += 1;
        }
        Ok(())
    }

    /// True of a block that two workers do: a fixed share, spread by a digest.
    fn is_compared(&self, block: &Block) -> bool {
        let text = serde_json::to_string(block).expect("a block is plain data");
        let digest = blake3::derive_key("dethrone 2026-11 compared blocks", text.as_bytes());
        let draw = u64::from_le_bytes(std::array::from_fn(|place| digest[place])) % 100;
        draw < self.settings.compared
    }

    /// Makes rollouts on which workers differ on this machine, and dismisses those who made others.
    async fn judge(&self) -> Result<(), ExecutorError> {
        let Some(key) = self.arrivals.lock().disputed.pop() else { return Ok(()) };
        let (entry, unit) = key;
        let ours = self.window.referee.rollout(entry, unit).await?;
        self.window.referee.release(entry).await;
        let all = self.arrivals.lock().differing.get(&key).cloned().unwrap_or_default();
        let mut dismissed = None;
        for (worker, theirs) in all.into_iter().filter(|(_, theirs)| !theirs.agrees_with(&ours)) {
            let evidence = Disagreement { theirs, ours: ours.clone() };
            let removed = self.store.dismiss_worker(self.window.run, &worker, &evidence).await?;
            dismissed = Some(ExecutorError::Dismissed { worker, entry, unit, removed });
        }
        // The window is played on from what is left: this process has taken scores that are there no more.
        dismissed.map_or(Ok(()), Err)
    }
}

impl Plan {
    pub(super) fn new(queue: String) -> Self {
        Self { queue, blocks: Vec::new(), places: BTreeMap::new(), pushed: 0 }
    }

    pub(super) fn add(&mut self, units: Vec<Unit>, block: usize) {
        let units: Vec<Unit> = units.into_iter().filter(|unit| !self.places.contains_key(unit)).collect();
        for units in units.chunks(block) {
            let place = self.blocks.len();
            self.places.extend(units.iter().map(|unit| (*unit, place)));
            self.blocks.push(units.to_vec());
        }
    }
}

/// Reads what workers store of a run, from the beginning on, until it is aborted or the database fails.
async fn read(store: Arc<Store>, run: RunId, arrivals: Arc<Arrivals>) {
    let mut seen = BTreeSet::new();
    loop {
        match looked(&store, run, &mut seen, &arrivals).await {
            Ok(rows) if rows.is_empty() => {}
            Ok(rows) => {
                arrivals.add(rows);
                continue;
            }
            Err(error) => {
                arrivals.lock().failed = Some(error);
                arrivals.count.send_modify(|count| *count += 1);
                return;
            }
        }
        tokio::time::sleep(PAUSE).await;
    }
}

/// Takes down which entries could not be run; rows that have come into sight.
async fn looked(
    store: &Store,
    run: RunId,
    seen: &mut BTreeSet<i64>,
    arrivals: &Arrivals,
) -> Result<Vec<WorkerRollout>, StoreError> {
    let unrunnable = store.worker_failures(run).await?;
    if unrunnable.len() > arrivals.lock().unrunnable.len() {
        arrivals.lock().unrunnable = unrunnable;
        arrivals.count.send_modify(|count| *count += 1);
    }
    unseen(store, run, seen).await
}

/// Rows that have come into sight, the earliest of them first.
async fn unseen(store: &Store, run: RunId, seen: &mut BTreeSet<i64>) -> Result<Vec<WorkerRollout>, StoreError> {
    let after = seen.last().map_or(0, |last| last - LATE);
    let ids: Vec<i64> = store.worker_rollout_ids(run, after).await?.difference(seen).copied().take(ROWS).collect();
    let (Some(first), Some(last)) = (ids.first(), ids.last()) else { return Ok(Vec::new()) };
    let mut rows = store.worker_rollouts(run, (*first, *last)).await?;
    rows.retain(|row| seen.insert(row.id));
    while seen.first().is_some_and(|first| first + LATE <= *last) {
        seen.pop_first();
    }
    Ok(rows)
}

impl Drop for WorkersExecutor<'_> {
    fn drop(&mut self) {
        self.reader.abort();
    }
}

impl From<QueueError> for ExecutorError {
    fn from(error: QueueError) -> Self {
        Self::Queue(error.to_string())
    }
}

impl Executor for WorkersExecutor<'_> {
    fn in_flight(&self) -> usize {
        self.settings.block.saturating_mul(self.settings.ahead + 1)
    }

    fn rollout(&self, entry: usize, unit: Unit) -> BoxFuture<'_, Result<Rollout, ExecutorError>> {
        self.make(entry, unit).boxed()
    }

    fn announce(&self, entry: usize, units: &mut dyn Iterator<Item = Unit>) {
        let mut announced = self.announced.lock().unwrap_or_else(PoisonError::into_inner);
        announced.entry(entry).or_default().push(units.take(ANNOUNCED).collect());
    }

    fn release(&self, entry: usize) -> BoxFuture<'_, ()> {
        async move {
            self.plans.lock().await.remove(&entry);
            self.window.referee.release(entry).await;
            if let Err(error) = self.queue.withdraw(self.window.run, entry).await {
                tracing::warn!(entry, %error, "blocks are left in the queue");
            }
        }
        .boxed()
    }
}
