//! Worker: takes blocks out of the queue, makes their rollouts and stores them, until its process ends.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use apalis::prelude::{BoxDynError, Data, TaskId, WorkerBuilder, WorkerError};
use apalis_postgres::Config;
use futures::{StreamExt, TryStreamExt};
use models::responder::Responder;
use models::untrusted::UntrustedText;
use sandboxes::Sandbox;
use tokio::sync::Mutex;

use super::block::{Block, Compatibility};
use super::played_run::PlayedRun;
use super::queue::BlockQueue;
use super::slots::Slots;
use crate::database_location::DatabaseLocation;
use crate::events::Reporter;
use crate::exit_status::ExitStatus;
use crate::loader::ModelLoader;
use crate::problem::Problem;
use crate::sandbox::{cache_folder, open_sandbox};
use crate::scope::Scope;
use crate::settings::Settings;
use crate::store::{RunId, Store};
use crate::window::in_one_arithmetic;

/// Blocks in work at once: while the last rollouts of one end, those of the next begin.
const SLOTS: usize = 2;

/// Rollouts in flight for each row of the engine.
const IN_FLIGHT_PER_ROW: usize = 2;

/// Pauses of a worker without work, after an error, and before a block that another worker has to do.
const IDLE: Duration = Duration::from_millis(200);
const AFTER_ERROR: Duration = Duration::from_secs(1);
const FOR_ANOTHER: Duration = Duration::from_secs(2);

/// Signs of life that a worker may miss.
const MISSED: usize = 4;

/// A block could not be finished.
#[derive(Debug, thiserror::Error)]
#[error("{cause}")]
struct BlockError {
    scope: Scope,
    cause: String,
}

impl BlockError {
    /// An error of this worker.
    fn new(error: impl std::fmt::Display) -> Self {
        Self { scope: Scope::Validator, cause: error.to_string() }
    }

    /// An error that may be the entry's own.
    fn of_entry(error: impl std::fmt::Display) -> Self {
        Self { scope: Scope::Entry, cause: error.to_string() }
    }
}

/// A process that does blocks.
pub(crate) struct Worker {
    name: String,
    settings: Settings,
    store: Store,
    queue: BlockQueue,
    compatibility: Compatibility,
    sandbox: Sandbox,
    loader: ModelLoader,
    reporter: Arc<dyn Reporter>,
}

impl Worker {
    /// Connects to a validator's database, and opens what rollouts are made with under these settings.
    ///
    /// # Errors
    /// If the database is a file or cannot be reached, or a part of this machine cannot be set up.
    pub(crate) async fn open(
        database: &DatabaseLocation,
        settings: &Settings,
        reporter: Arc<dyn Reporter>,
    ) -> Result<Self, Problem> {
        let DatabaseLocation::Postgres(url) = database else {
            return Err(Problem::new(
                ExitStatus::Usage,
                "workers are given jobs through a Postgres database".to_owned(),
            )
            .hint("name it as a URL: `dethrone work --database postgres://user@host/name`"));
        };
        let store = Store::open_to_work(database).await?;
        let queue = BlockQueue::open(url).await.map_err(|error| Problem::from_error(ExitStatus::Store, &error))?;
        let (sandbox, runtime) = open_sandbox(settings, &*reporter)?;
        let settings = in_one_arithmetic(settings);
        let loader = ModelLoader::new(&settings, &cache_folder()?, Arc::clone(&reporter))?;
        let compatibility = Compatibility {
            mode: settings.engine.mode,
            card: loader.card()?,
            runtime,
            interface: settings.remote.interface,
            served: settings.remote.served.clone(),
        };
        let random = getrandom::u64().map_err(|error| {
            Problem::new(ExitStatus::Unexpected, format!("this machine gives no random numbers: {error}"))
        })?;
        let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
        let name = format!("{}-{random:016x}", UntrustedText::name(host.trim()));
        Ok(Self { name, settings, store, queue, compatibility, sandbox, loader, reporter })
    }

    /// Does blocks for as long as it is polled.
    ///
    /// # Errors
    /// If the worker was dismissed.
    pub(crate) async fn work(self: Arc<Self>) -> Result<(), Problem> {
        let queues = self.compatibility.queues();
        tracing::info!(worker = self.name, queues, "working");
        let silent = self.heartbeat() * MISSED as u32;
        loop {
            match self.store.is_dismissed(&self.name).await {
                Ok(false) => {}
                Ok(true) => return Err(self.dismissed()),
                Err(error) => {
                    self.pause_after(&error).await;
                    continue;
                }
            }
            match self.queue.most_urgent(&queues, silent).await {
                Ok(Some(name)) => {
                    if let Err(error) = Arc::clone(&self).serve(&name).await {
                        self.pause_after(&error).await;
                    }
                }
                Ok(None) => tokio::time::sleep(IDLE).await,
                Err(error) => self.pause_after(&error).await,
            }
        }
    }

    fn heartbeat(&self) -> Duration {
        Duration::from_secs(self.settings.workers.heartbeat_seconds)
    }

    fn dismissed(&self) -> Problem {
        let sentence = format!("the worker {} made another rollout than its validator's machine", self.name);
        Problem::new(ExitStatus::EvidenceBroken, sentence).hint(
            "both rollouts are in the table `dismissed_workers`: check this machine's memory, processor and build",
        )
    }

    async fn pause_after(&self, error: &(dyn std::error::Error + Sync)) {
        tracing::warn!(worker = self.name, %error, "no work for a moment");
        tokio::time::sleep(AFTER_ERROR).await;
    }

    /// Does the blocks of one model until there are none left.
    async fn serve(self: Arc<Self>, queue: &str) -> Result<(), WorkerError> {
        // A name of its own each time: one whose connection was lost may still be known as alive.
        let name = format!("{}/{:016x}", self.name, getrandom::u64().unwrap_or_default());
        let config = Config::default()
            .queue(queue)
            .batch_size(SLOTS)
            .heartbeat_interval(self.heartbeat())
            .missed_heartbeats(MISSED)
            .persist_results(false);
        let slots = Slots::new(SLOTS);
        let session = Arc::new(Session {
            worker: Arc::clone(&self),
            queue: queue.to_owned(),
            slots: slots.clone(),
            runs: Mutex::default(),
            model: Mutex::default(),
        });
        let idle = Arc::clone(&session);
        WorkerBuilder::new(name.as_str())
            .backend(self.queue.storage(config))
            .layer(slots)
            .data(session)
            .build(play)
            .run_until(async move {
                idle.ended().await;
                Ok::<(), WorkerError>(())
            })
            .await
    }
}

/// Work at the blocks of one model.
struct Session {
    worker: Arc<Worker>,
    queue: String,
    /// Blocks in work.
    slots: Slots,
    runs: Mutex<BTreeMap<RunId, Arc<PlayedRun>>>,
    model: Mutex<Option<Arc<dyn Responder>>>,
}

/// Does one block.
async fn play(block: Block, session: Data<Arc<Session>>, id: TaskId) -> Result<(), BoxDynError> {
    let limit = Duration::from_secs(session.worker.settings.workers.job_seconds);
    let withdrawn = session.withdrawn(id.to_string());
    let done = tokio::select! {
        done = tokio::time::timeout(limit, session.play(&block)) => {
            done.unwrap_or_else(|_| Err(BlockError::of_entry(format!("a job took more than {} s", limit.as_secs()))))
        }
        () = withdrawn => Ok(()),
    };
    if let Err(error) = &done {
        if error.scope == Scope::Entry {
            let reason = UntrustedText::sentence(&error.cause);
            let place = (block.run, block.entry);
            session.worker.store.add_worker_failure(place, &session.worker.name, reason.as_str()).await?;
        }
        // Given back at once, it would come again at once.
        session.worker.pause_after(error).await;
    }
    Ok(done?)
}

impl Session {
    /// Ready when nothing is in work and nothing waits.
    async fn ended(&self) {
        let mut quiet = 0;
        while quiet < 2 {
            tokio::time::sleep(IDLE).await;
            let is_busy = self.slots.taken() > 0;
            // A queue that cannot be asked is left, and asked again from the start.
            let waiting = if is_busy { 1 } else { self.worker.queue.waiting(&self.queue).await.unwrap_or(0) };
            quiet = if waiting > 0 { 0 } else { quiet + 1 };
        }
    }

    /// Ready when the block is withdrawn.
    async fn withdrawn(&self, id: String) {
        loop {
            tokio::time::sleep(2 * IDLE).await;
            if self.worker.queue.is_withdrawn(&id).await.unwrap_or(false) {
                return;
            }
        }
    }

    async fn play(&self, block: &Block) -> Result<(), BlockError> {
        let Worker { name, store, queue, settings, reporter, .. } = &*self.worker;
        let made = store.makers(block.run, block.entry).await.map_err(BlockError::new)?;
        let by_me = made.iter().any(|(unit, maker)| maker == name && block.units.contains(unit));
        let by_others = made.iter().any(|(unit, maker)| maker != name && block.units.contains(unit));
        if block.is_second && (by_me || !by_others) {
            return queue.push(&self.queue, block, FOR_ANOTHER).await.map_err(BlockError::new);
        }
        let is_made = |unit| made.iter().any(|(known, maker)| *known == unit && (!block.is_second || maker == name));
        let units: Vec<_> = block.units.iter().copied().filter(|unit| !is_made(*unit)).collect();
        if units.is_empty() {
            return Ok(());
        }
        let run = self.run(block.run).await?;
        let model = self.model(&run, block.entry).await?;
        let rollouts = units.into_iter().map(|unit| run.rules.rollout(&*model, block.entry, unit, &**reporter));
        let in_flight = settings.engine.rows.saturating_mul(IN_FLIGHT_PER_ROW);
        futures::stream::iter(rollouts)
            .buffer_unordered(in_flight)
            .map_err(BlockError::of_entry)
            .try_for_each(|rollout| async move {
                store.add_worker_rollout(block.run, name, &rollout).await.map_err(BlockError::new)
            })
            .await
    }

    async fn run(&self, run: RunId) -> Result<Arc<PlayedRun>, BlockError> {
        let mut runs = self.runs.lock().await;
        if let Some(known) = runs.get(&run) {
            return Ok(Arc::clone(known));
        }
        let Worker { store, compatibility, settings, sandbox, .. } = &*self.worker;
        let opened =
            PlayedRun::open(run, (store, compatibility), (settings, sandbox)).await.map_err(BlockError::new)?;
        Ok(Arc::clone(runs.entry(run).or_insert(Arc::new(opened))))
    }

    /// The model, opened first. All entries of a queue have the same files.
    async fn model(&self, run: &PlayedRun, entry: usize) -> Result<Arc<dyn Responder>, BlockError> {
        let mut model = self.model.lock().await;
        if let Some(open) = &*model {
            return Ok(Arc::clone(open));
        }
        let source = run.model(entry).ok_or_else(|| BlockError::new(format!("the run has no entry {entry}")))?;
        let loader = &self.worker.loader;
        if let Some(admission) = run.admissions.get(&entry) {
            loader.expect(source, &admission.files);
        }
        let opened: Arc<dyn Responder> = loader
            .open(source)
            .await
            .map_err(|error| BlockError { scope: error.scope(), cause: error.to_string() })?
            .into();
        *model = Some(Arc::clone(&opened));
        Ok(opened)
    }
}
