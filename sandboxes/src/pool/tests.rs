use std::thread::ThreadId;

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

#[test]
fn a_backlog_of_cancelled_tasks_holds_up_nobody() {
    let mut state = State::default();
    for caller in [1, 2] {
        for _ in 0..1000 {
            state.push(caller, Box::new(|| panic!("it was cancelled")), Arc::new(AtomicBool::new(true)));
        }
        state.push(caller, Box::new(|| true), Arc::default());
    }
    assert!(state.pop().unwrap()());
    assert!(state.pop().unwrap()());
    assert!(state.pop().is_none());
    assert!(state.waiting.is_empty() && state.rotation.is_empty(), "nothing is kept of callers without tasks");
}

/// The result of a job that ran no guest: on which thread, and the memory that its guest is said to have had.
#[derive(Debug, PartialEq)]
struct Ran {
    on: ThreadId,
    memory_bytes: u64,
}

impl StackUse for Ran {
    fn needs_fresh_thread(&self) -> bool {
        self.memory_bytes > SMALL_MEMORY
    }
}

fn pool(threads: usize) -> Pool {
    Pool::start(&Engine::default(), threads, 64 << 10).unwrap()
}

async fn run(pool: &Pool, memory_bytes: u64) -> ThreadId {
    let job = move |_: &Arc<AtomicBool>| Ok(Ran { on: thread::current().id(), memory_bytes });
    pool.submit(pool.new_caller(), job).await.unwrap().on
}

#[tokio::test]
async fn a_thread_is_replaced_after_a_job_that_may_have_grown_its_stack() {
    let pool = pool(1);
    let first = run(&pool, 0).await;
    assert_eq!(run(&pool, SMALL_MEMORY).await, first, "a small guest leaves the thread as it is");
    assert_eq!(run(&pool, SMALL_MEMORY + 1).await, first);
    let second = run(&pool, 0).await;
    assert_ne!(second, first);
    assert_eq!(run(&pool, 0).await, second);
}

#[tokio::test]
async fn a_job_that_panics_is_an_error_and_its_slot_goes_on() {
    let pool = pool(1);
    for _ in 0..3 {
        let job = |_: &Arc<AtomicBool>| -> Result<Ran, SandboxError> { panic!("a defect") };
        let error = pool.submit(pool.new_caller(), job).await.unwrap_err();
        assert!(matches!(&error, SandboxError::Runtime(text) if text.contains("panicked")), "{error}");
        run(&pool, 0).await;
    }
    assert_eq!(pool.shared.state().waiting.len(), 0);
}

#[tokio::test]
async fn an_error_of_a_job_is_handed_on() {
    let pool = pool(1);
    let job = |_: &Arc<AtomicBool>| -> Result<Ran, SandboxError> { Err(SandboxError::Instance("full".to_owned())) };
    let error = pool.submit(pool.new_caller(), job).await.unwrap_err();
    assert!(matches!(error, SandboxError::Instance(_)), "{error}");
}

#[tokio::test]
async fn a_future_that_is_dropped_cancels_its_job() {
    let pool = pool(1);
    let (started, has_started) = oneshot::channel();
    let (seen, was_seen) = oneshot::channel();
    let job = move |cancelled: &Arc<AtomicBool>| {
        started.send(()).unwrap();
        while !cancelled.load(Ordering::Relaxed) {
            thread::yield_now();
        }
        seen.send(()).unwrap();
        Ok(Ran { on: thread::current().id(), memory_bytes: 0 })
    };
    tokio::select! {
        _ = pool.submit(pool.new_caller(), job) => panic!("it ends only when it is cancelled"),
        _ = has_started => {}
    }
    was_seen.await.unwrap();
    run(&pool, 0).await;
}

#[tokio::test]
async fn closing_lets_a_running_job_end_and_tells_the_waiting_ones() {
    let pool = Arc::new(pool(1));
    let (go_on, told) = std::sync::mpsc::channel::<()>();
    let submit = |job: Box<dyn FnOnce() -> Ran + Send>| {
        let pool = Arc::clone(&pool);
        tokio::spawn(async move { pool.submit(pool.new_caller(), |_: &Arc<AtomicBool>| Ok(job())).await })
    };
    let running = submit(Box::new(move || {
        told.recv().unwrap();
        Ran { on: thread::current().id(), memory_bytes: 0 }
    }));
    while pool.shared.state().running == 0 {
        tokio::task::yield_now().await;
    }
    let waiting = submit(Box::new(|| panic!("it was never started")));
    while pool.shared.state().waiting.is_empty() {
        tokio::task::yield_now().await;
    }
    pool.close();
    assert!(matches!(waiting.await.unwrap(), Err(SandboxError::Closed)));
    let late = submit(Box::new(|| panic!("it came after the end")));
    assert!(matches!(late.await.unwrap(), Err(SandboxError::Closed)));
    go_on.send(()).unwrap();
    assert!(running.await.unwrap().is_ok());
}
