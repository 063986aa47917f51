//! The threads that guests run on, and the queue before them: fair between callers, free again once nobody waits.

use std::collections::{BTreeMap, VecDeque};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use tokio::sync::oneshot;
use wasmtime::Engine;

use crate::error::SandboxError;
use crate::judge::Judgement;
use crate::outcome::Outcome;

/// How often a running guest is asked whether its deadline has passed.
const TICK: Duration = Duration::from_millis(10);
/// Stack of a worker beyond what the guest may use: host functions, and a second guest that the first one asks.
const HOST_STACK: usize = 8 << 20;

/// A place in the rotation between callers.
pub(crate) type CallerId = u64;

/// A job; true if its worker is worn: it may hold much memory in its stack, and is replaced.
type Task = Box<dyn FnOnce() -> bool + Send>;

/// What a result tells of the worker that made it.
pub(crate) trait Wear {
    /// Whether the guest may have used much of the native stack. What has no stack inside the guest's memory takes
    /// objects for each level, so that a guest whose memory stayed small has not.
    fn is_worn(&self) -> bool;
}

/// A guest takes some 30 MiB; up to here it has nested nothing deeply.
const SMALL_MEMORY: u64 = 40 << 20;

impl Wear for Outcome {
    fn is_worn(&self) -> bool {
        self.memory_bytes > SMALL_MEMORY
    }
}

impl Wear for Judgement {
    fn is_worn(&self) -> bool {
        self.tests.is_worn() || self.candidate.is_worn()
    }
}

/// Worker threads with a queue; dropping it lets running jobs end and forgets the waiting ones.
pub(crate) struct Pool {
    shared: Arc<Shared>,
}

struct Shared {
    state: Mutex<State>,
    work: Condvar,
    activity: Condvar,
    engine: Engine,
    native_stack: usize,
}

#[derive(Default)]
struct State {
    waiting: BTreeMap<CallerId, VecDeque<(Task, Arc<AtomicBool>)>>,
    rotation: VecDeque<CallerId>,
    running: usize,
    next_caller: CallerId,
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

    /// The next task that somebody still waits for, callers taking turns.
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
            employ(&pool.shared)?;
        }
        let shared = Arc::clone(&pool.shared);
        thread::Builder::new().name("sandbox-tick".to_owned()).spawn(move || tick(&shared))?;
        Ok(pool)
    }

    /// A new place in the rotation.
    pub(crate) fn caller(&self) -> CallerId {
        let mut state = self.shared.state();
        state.next_caller += 1;
        state.next_caller
    }

    /// Runs the job on a worker. Dropping the future takes the job out of the queue, or ends the guest that runs for it.
    pub(crate) async fn submit<T: Wear + Send + 'static>(
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
            let worn = result.as_ref().map_or(true, Wear::is_worn);
            // Nobody may be waiting any more.
            drop(answer.send(result));
            worn
        });
        {
            let mut state = self.shared.state();
            if state.closed {
                return Err(SandboxError::Closed);
            }
            state.push(caller, task, Arc::clone(&cancelled));
        }
        self.shared.work.notify_one();
        let waiting = Waiting { cancelled, engine: &self.shared.engine, answered: false };
        let result = result.await.unwrap_or(Err(SandboxError::Closed));
        waiting.answered();
        result
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        let forgotten = {
            let mut state = self.shared.state();
            state.closed = true;
            state.rotation.clear();
            std::mem::take(&mut state.waiting)
        };
        drop(forgotten);
        self.shared.work.notify_all();
        self.shared.activity.notify_all();
    }
}

/// Tells the guest, when dropped before the answer came, that nobody waits for it.
struct Waiting<'a> {
    cancelled: Arc<AtomicBool>,
    engine: &'a Engine,
    answered: bool,
}

impl Waiting<'_> {
    fn answered(mut self) {
        self.answered = true;
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        if !self.answered {
            self.cancelled.store(true, Ordering::Relaxed);
            self.engine.increment_epoch();
        }
    }
}

/// Starts a worker. Its stack holds two guests, one of which asks the other.
fn employ(shared: &Arc<Shared>) -> std::io::Result<()> {
    let worker = Arc::clone(shared);
    let stack = shared.native_stack.saturating_mul(2).saturating_add(HOST_STACK);
    thread::Builder::new().name("sandbox".to_owned()).stack_size(stack).spawn(move || work(&worker)).map(drop)
}

fn work(shared: &Arc<Shared>) {
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
        let worn = task();
        shared.state().running -= 1;
        // What a stack has grown to is given back with its thread.
        if worn && employ(shared).is_ok() {
            return;
        }
    }
}

/// Advances the epoch while anything runs, and sleeps while nothing does.
fn tick(shared: &Shared) {
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
mod tests {
    use super::*;

    #[test]
    fn callers_take_turns_whatever_the_length_of_their_queues() {
        let order = Arc::new(Mutex::new(Vec::new()));
        let mut state = State::default();
        for (caller, job) in [(1, "a1"), (1, "a2"), (1, "a3"), (2, "b1"), (3, "c1"), (3, "c2")] {
            let order = Arc::clone(&order);
            state.push(
                caller,
                Box::new(move || {
                    order.lock().unwrap().push(job);
                    false
                }),
                Arc::default(),
            );
        }
        while let Some(task) = state.pop() {
            assert!(!task());
        }
        assert_eq!(*order.lock().unwrap(), ["a1", "b1", "c1", "a2", "c2", "a3"]);
        assert!(state.waiting.is_empty());
    }

    #[test]
    fn a_cancelled_task_is_never_run() {
        let mut state = State::default();
        state.push(1, Box::new(|| panic!("it was cancelled")), Arc::new(AtomicBool::new(true)));
        assert!(state.pop().is_none());
    }
}
