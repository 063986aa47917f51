//! Worker threads that guests run on, and the queue before them: round-robin between callers, with cancellation.

use std::collections::{BTreeMap, VecDeque};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use tokio::sync::oneshot;
use wasmtime::Engine;

use crate::error::SandboxError;
use crate::outcome::Outcome;

/// Interval at which running guests check for their deadline and for cancellation.
const TICK: Duration = Duration::from_millis(10);
/// Native stack of a worker for host functions, in bytes, beyond the stacks of its guests.
const HOST_STACK: usize = 8 << 20;

/// Number of a caller in the rotation.
pub(crate) type CallerId = u64;

/// A job. Returns whether its worker thread should be replaced.
type Task = Box<dyn FnOnce() -> bool + Send>;

/// Estimate, from the result of a job, of the native stack that its thread has grown to.
pub(crate) trait StackUse {
    /// True if the worker thread should be replaced after this job. Deep native recursion needs guest objects at every level, so
    /// a guest below [`SMALL_MEMORY`] cannot have grown the stack.
    fn needs_fresh_thread(&self) -> bool;
}

/// Memory of a guest without deep recursion, in bytes; the interpreter itself takes some 30 MiB.
const SMALL_MEMORY: u64 = 40 << 20;

impl StackUse for Outcome {
    fn needs_fresh_thread(&self) -> bool {
        self.memory_bytes > SMALL_MEMORY
    }
}

/// Worker threads with a queue. On drop, running jobs continue to their end and waiting ones are discarded.
pub(crate) struct Pool {
    shared: Arc<Shared>,
}

struct Shared {
    state: Mutex<State>,
    /// Signals workers that a task is queued.
    work: Condvar,
    /// Signals the clock thread that a task runs.
    activity: Condvar,
    engine: Engine,
    native_stack: usize,
}

#[derive(Default)]
struct State {
    /// Queued tasks with their cancellation flags; a caller without tasks has no entry.
    waiting: BTreeMap<CallerId, VecDeque<(Task, Arc<AtomicBool>)>>,
    /// Callers with queued tasks, in the order of their turns.
    rotation: VecDeque<CallerId>,
    running: usize,
    last_caller: CallerId,
    closed: bool,
}

impl State {
    fn push(&mut self, caller: CallerId, task: Task, cancelled: Arc<AtomicBool>) {
        let queue = self.waiting.entry(caller).or_default();
        if queue.is_empty() {
            self.rotation.push_back(caller);
        }
        queue.push_back((task, cancelled));
    }

    /// The next task that was not cancelled, callers taking turns.
    fn pop(&mut self) -> Option<Task> {
        while let Some(caller) = self.rotation.pop_front() {
            let queue = self.waiting.get_mut(&caller).expect("a caller in the rotation has a queue");
            let next = queue.pop_front();
            if queue.is_empty() {
                self.waiting.remove(&caller);
            } else {
                self.rotation.push_back(caller);
            }
            match next {
                Some((task, cancelled)) if !cancelled.load(Ordering::Relaxed) => return Some(task),
                _ => {}
            }
        }
        None
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Pool {
    /// Starts `threads` workers whose guests may use `native_stack` bytes of native stack each.
    pub(crate) fn start(engine: &Engine, threads: usize, native_stack: usize) -> std::io::Result<Self> {
        let shared = Arc::new(Shared {
            state: Mutex::default(),
            work: Condvar::new(),
            activity: Condvar::new(),
            engine: engine.clone(),
            native_stack,
        });
        let pool = Self { shared };
        for _ in 0..threads {
            spawn_worker(&pool.shared)?;
        }
        let shared = Arc::clone(&pool.shared);
        thread::Builder::new().name("sandbox-tick".to_owned()).spawn(move || advance_epoch(&shared))?;
        Ok(pool)
    }

    /// The number of a new caller.
    pub(crate) fn new_caller(&self) -> CallerId {
        let mut state = self.shared.state();
        state.last_caller += 1;
        state.last_caller
    }

    /// Runs the job on a worker. Dropping the future removes the job from the queue, or ends the guest that it runs.
    pub(crate) async fn submit<T: StackUse + Send + 'static>(
        &self,
        caller: CallerId,
        job: impl FnOnce(&Arc<AtomicBool>) -> Result<T, SandboxError> + Send + 'static,
    ) -> Result<T, SandboxError> {
        let cancelled = Arc::new(AtomicBool::new(false));
        let (answer, result) = oneshot::channel();
        let flag = Arc::clone(&cancelled);
        let task: Task = Box::new(move || {
            let result = catch_unwind(AssertUnwindSafe(|| job(&flag)))
                .unwrap_or_else(|_| Err(SandboxError::Runtime("a worker panicked; this is a defect".to_owned())));
            let replace = result.as_ref().map_or(true, StackUse::needs_fresh_thread);
            // Sending fails if the future was dropped meanwhile; its result is of no use then.
            drop(answer.send(result));
            replace
        });
        {
            let mut state = self.shared.state();
            if state.closed {
                return Err(SandboxError::Closed);
            }
            state.push(caller, task, Arc::clone(&cancelled));
        }
        self.shared.work.notify_one();
        let mut cancellation = CancelOnDrop { cancelled, engine: &self.shared.engine, armed: true };
        let result = result.await.unwrap_or(Err(SandboxError::Closed));
        cancellation.armed = false;
        result
    }

    /// Ends the threads after their jobs and discards the waiting ones.
    fn close(&self) {
        // Dropped outside the lock: dropping a task wakes the future that awaits it.
        let discarded = {
            let mut state = self.shared.state();
            state.closed = true;
            state.rotation.clear();
            std::mem::take(&mut state.waiting)
        };
        drop(discarded);
        self.shared.work.notify_all();
        self.shared.activity.notify_all();
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        self.close();
    }
}

/// Cancels a job whose future is dropped before it was answered.
struct CancelOnDrop<'a> {
    cancelled: Arc<AtomicBool>,
    engine: &'a Engine,
    armed: bool,
}

impl Drop for CancelOnDrop<'_> {
    fn drop(&mut self) {
        if self.armed {
            self.cancelled.store(true, Ordering::Relaxed);
            // The guest looks at the flag when the epoch changes.
            self.engine.increment_epoch();
        }
    }
}

/// Starts a worker thread. Its stack holds two guests, since a test program calls its candidate.
fn spawn_worker(shared: &Arc<Shared>) -> std::io::Result<()> {
    let worker = Arc::clone(shared);
    let stack = shared.native_stack.saturating_mul(2).saturating_add(HOST_STACK);
    thread::Builder::new().name("sandbox".to_owned()).stack_size(stack).spawn(move || run_tasks(&worker)).map(drop)
}

fn run_tasks(shared: &Arc<Shared>) {
    loop {
        let task = {
            let mut state = shared.state();
            loop {
                if let Some(task) = state.pop() {
                    state.running += 1;
                    break task;
                }
                if state.closed {
                    return;
                }
                state = shared.work.wait(state).unwrap_or_else(PoisonError::into_inner);
            }
        };
        shared.activity.notify_one();
        let replace = task();
        shared.state().running -= 1;
        // The memory of a grown stack is freed only with its thread.
        if replace && spawn_worker(shared).is_ok() {
            return;
        }
    }
}

/// Increments the engine's epoch at every tick while a task runs, and sleeps while none does.
fn advance_epoch(shared: &Shared) {
    loop {
        {
            let mut state = shared.state();
            while state.running == 0 {
                if state.closed {
                    return;
                }
                state = shared.activity.wait(state).unwrap_or_else(PoisonError::into_inner);
            }
        }
        thread::sleep(TICK);
        shared.engine.increment_epoch();
    }
}

#[cfg(test)]
mod tests;
