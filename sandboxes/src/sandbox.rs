//! The sandbox: runs hostile programs and returns their outcomes.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::thread;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use wasmtime::Engine;

use crate::artifact::Artifact;
use crate::engine;
use crate::error::SandboxError;
use crate::host::World;
use crate::instance::{Answer, Guest, GuestMaker, Loaded, Template};
use crate::limits::Limits;
use crate::outcome::{Ending, Outcome};
use crate::pool::{CallerId, Pool, StackUse};

/// Settings of the sandbox in which programs run. None of those that a file may set changes a result.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SandboxSettings {
    /// Programs that run at once, one thread each; 0 takes one a core.
    pub slots: usize,
    /// Seconds of wall-clock time after which a running program is taken for host trouble and tried again. Fuel is what
    /// bounds a program; this is the net below it and must be far longer than the fuel lasts.
    pub deadline_seconds: u64,
    /// Limits of a program unless its job has others; no job may have more memory than this. Not read from a file, since
    /// results depend on them.
    #[serde(skip)]
    pub limits: Limits,
}

impl Default for SandboxSettings {
    fn default() -> Self {
        Self { slots: 0, deadline_seconds: 30, limits: Limits::default() }
    }
}

/// A program with its standard input.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Program {
    /// Python source.
    pub source: String,
    /// Standard input.
    pub stdin: String,
    /// Seed of its clock and its entropy.
    pub seed: u64,
    /// Limits; `None` for the sandbox's own.
    pub limits: Option<Limits>,
}

/// A function of a program, called once.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Call {
    /// Python source; executed first.
    pub source: String,
    /// Name of a function that the source defines.
    pub function: String,
    /// An array of [plain data](crate#plain-data).
    pub arguments: Value,
    /// Seed of its clock and its entropy.
    pub seed: u64,
    /// Limits; `None` for the sandbox's own.
    pub limits: Option<Limits>,
}

/// Runs hostile programs. Cheap to clone; clones share the threads and one turn in the queue.
#[derive(Clone)]
pub struct Sandbox {
    runtime: Arc<Runtime>,
    pool: Arc<Pool>,
    caller: CallerId,
}

/// Shared state from which a worker makes guests.
pub(crate) struct Runtime {
    template: Arc<Template>,
    settings: SandboxSettings,
}

impl Sandbox {
    /// Starts the threads and reserves the address space for as many programs at a time as the settings have slots.
    ///
    /// # Errors
    /// If the artifact is of another runtime, or if this machine has too little address space or too few threads.
    pub fn open(settings: SandboxSettings, artifact: &Artifact) -> Result<Self, SandboxError> {
        let slots = match settings.slots {
            0 => thread::available_parallelism().map_or(1, usize::from),
            slots => slots,
        };
        // `judge` uses two instances at once: the tests and the candidate.
        let instances = u32::try_from(slots.saturating_mul(2))
            .map_err(|_| SandboxError::Settings(format!("{slots} slots are too many")))?;
        let runtime = |error: wasmtime::Error| SandboxError::Runtime(format!("{error:#}"));
        let engine = Engine::new(&engine::pooled(instances, &settings.limits)).map_err(runtime)?;
        let component = artifact.load(&engine).map_err(runtime)?;
        let template = Arc::new(Template::new(&engine, &component).map_err(runtime)?);
        let pool = Pool::start(&engine, slots, engine::native_stack(&settings.limits))
            .map_err(|error| SandboxError::Runtime(format!("no threads could be started: {error}")))?;
        let caller = pool.new_caller();
        Ok(Self { runtime: Arc::new(Runtime { template, settings }), pool: Arc::new(pool), caller })
    }

    /// A handle with its own turn in the queue: callers take turns, so that none can starve the others.
    pub fn for_another_caller(&self) -> Self {
        Self { caller: self.pool.new_caller(), ..self.clone() }
    }

    /// Number of instances that exist at this moment.
    pub fn occupied(&self) -> u64 {
        self.runtime.template.instances()
    }

    /// Runs a program. Dropping the future ends it.
    ///
    /// # Errors
    /// On trouble of the host; every ending of the program is an outcome.
    pub async fn run(&self, job: Program) -> Result<Outcome, SandboxError> {
        let limits = self.limits(job.limits)?;
        if let Some(refused) = limits.refuse(&job.source) {
            return Ok(refused);
        }
        self.submit(move |runtime, cancelled| {
            let mut guest = runtime.guest(limits, job.seed, job.stdin, cancelled)?;
            let ending = match guest.load(&job.source)? {
                Loaded::Ready | Loaded::Exited => Ending::Finished,
                Loaded::Ended(ending) => ending,
            };
            guest.finish(ending)
        })
        .await
    }

    /// Executes a program and calls one of its functions. Dropping the future ends it.
    ///
    /// # Errors
    /// On trouble of the host; every ending of the program is an outcome.
    pub async fn call(&self, job: Call) -> Result<Outcome, SandboxError> {
        let limits = self.limits(job.limits)?;
        if let Some(refused) = limits.refuse(&job.source) {
            return Ok(refused);
        }
        self.submit(move |runtime, cancelled| {
            let mut guest = runtime.guest(limits, job.seed, String::new(), cancelled)?;
            let (ending, answer) = match guest.load(&job.source)? {
                Loaded::Ready => guest.call(&job.function, &job.arguments.to_string())?,
                ended => (ended.expecting_ready(), Answer::Ended),
            };
            let mut outcome = guest.finish(ending)?;
            if let (Ending::Finished, Answer::Value(bytes)) = (outcome.ending, answer) {
                outcome.value = serde_json::from_slice(&bytes).ok();
            } else if outcome.ending == Ending::Finished {
                outcome.ending = Ending::Raised;
            }
            Ok(outcome)
        })
        .await
    }

    /// Runs a job on a worker thread.
    pub(crate) async fn submit<T: StackUse + Send + 'static>(
        &self,
        job: impl FnOnce(&Runtime, &Arc<AtomicBool>) -> Result<T, SandboxError> + Send + 'static,
    ) -> Result<T, SandboxError> {
        let runtime = Arc::clone(&self.runtime);
        self.pool.submit(self.caller, move |cancelled| job(&runtime, cancelled)).await
    }

    /// The limits of a job that asks for these.
    pub(crate) fn limits(&self, asked: Option<Limits>) -> Result<Limits, SandboxError> {
        let most = self.runtime.settings.limits;
        match asked {
            None => Ok(most),
            Some(limits) if limits.memory_bytes <= most.memory_bytes => Ok(limits),
            Some(limits) => Err(SandboxError::TooMuchMemory { asked: limits.memory_bytes, most: most.memory_bytes }),
        }
    }
}

impl Runtime {
    /// A maker of guests of this seed.
    pub(crate) fn guests(&self, seed: u64, cancelled: &Arc<AtomicBool>) -> GuestMaker {
        GuestMaker {
            template: Arc::clone(&self.template),
            seed,
            cancelled: Arc::clone(cancelled),
            deadline: Duration::from_secs(self.settings.deadline_seconds),
        }
    }

    /// A new guest.
    pub(crate) fn guest(
        &self,
        limits: Limits,
        seed: u64,
        stdin: String,
        cancelled: &Arc<AtomicBool>,
    ) -> Result<Guest, SandboxError> {
        let deadline = Duration::from_secs(self.settings.deadline_seconds);
        let world = World::new(limits, seed, stdin, Arc::clone(cancelled), deadline);
        Guest::new(&self.template, world)
    }
}
