//! Supervision of tasks: one that fails or panics is begun again after a pause, until the service stops.

use std::sync::Arc;
use std::time::Duration;

use futures::future::join_all;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};

use super::error::ServiceError;
use super::metrics::Metrics;
use crate::clock::Stopwatch;

/// Pause before the first new beginning; it doubles with every further one.
const FIRST_PAUSE: Duration = Duration::from_millis(200);

/// Longest pause.
const LONGEST_PAUSE: Duration = Duration::from_mins(1);

/// A task that has run so long counts as having worked: its next pause is the first again.
const WORKED: Duration = Duration::from_mins(10);

/// Tasks of the service, and the signal that ends them.
pub(super) struct Supervisor {
    stop: watch::Receiver<bool>,
    metrics: Arc<Metrics>,
    tasks: Vec<(&'static str, JoinHandle<()>)>,
}

impl Supervisor {
    /// No tasks yet; they end when `stop` is true.
    pub(super) fn new(stop: watch::Receiver<bool>, metrics: Arc<Metrics>) -> Self {
        Self { stop, metrics, tasks: Vec::new() }
    }

    /// Runs a task until it returns, beginning it again whenever it fails.
    pub(super) fn run<F>(&mut self, name: &'static str, task: impl Fn() -> F + Send + 'static)
    where
        F: Future<Output = Result<(), ServiceError>> + Send + 'static,
    {
        let (stop, metrics) = (self.stop.clone(), Arc::clone(&self.metrics));
        self.tasks.push((name, tokio::spawn(supervise(name, task, stop, metrics))));
    }

    /// Waits for the signal, then no longer than `limit` for the end of all tasks.
    pub(super) async fn ended(mut self, limit: Duration) {
        stopped(&mut self.stop).await;
        let tasks = self.tasks.into_iter().map(|(name, task)| async move {
            let abort = task.abort_handle();
            if timeout(limit, task).await.is_err() {
                tracing::warn!(task = name, "the task did not end in time and is left");
                abort.abort();
            }
        });
        join_all(tasks).await;
    }
}

/// Waits for the signal that all tasks have to end.
pub(super) async fn stopped(stop: &mut watch::Receiver<bool>) {
    // Without a sender nobody is left who could go on.
    let _ = stop.wait_for(|stop| *stop).await;
}

async fn supervise<F>(
    name: &'static str,
    task: impl Fn() -> F + Send + 'static,
    mut stop: watch::Receiver<bool>,
    metrics: Arc<Metrics>,
) where
    F: Future<Output = Result<(), ServiceError>> + Send + 'static,
{
    let mut pause = FIRST_PAUSE;
    loop {
        let watch = Stopwatch::start();
        let mut running = tokio::spawn(task());
        let ended = tokio::select! {
            ended = &mut running => ended,
            () = stopped(&mut stop) => {
                running.abort();
                // A task ends at its next await; what it computes on other threads is not waited for.
                let _ = running.await;
                return;
            }
        };
        match ended {
            Ok(Ok(())) => return,
            Ok(Err(error)) => tracing::warn!(task = name, %error, pause_seconds = pause.as_secs_f64(), "a task failed"),
            Err(error) => tracing::error!(task = name, %error, "a task panicked and is begun again"),
        }
        metrics.restarted(name);
        if watch.elapsed() >= WORKED {
            pause = FIRST_PAUSE;
        }
        tokio::select! {
            () = sleep(pause) => {}
            () = stopped(&mut stop) => return,
        }
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    /// Runs a task whose attempts end as listed; the number of attempts after the last one has ended or been stopped.
    async fn attempts(outcomes: &'static [&'static str]) -> usize {
        let (sender, stop) = watch::channel(false);
        let begun = Arc::new(AtomicUsize::new(0));
        let mut supervisor = Supervisor::new(stop, Arc::default());
        let counted = Arc::clone(&begun);
        supervisor.run("test", move || {
            let outcome = outcomes[counted.fetch_add(1, Ordering::SeqCst).min(outcomes.len() - 1)];
            async move {
                match outcome {
                    "ends" => Ok(()),
                    "panics" => panic!("as asked"),
                    "hangs" => std::future::pending().await,
                    reason => Err(ServiceError::Unverified { seed_block: 0, cause: reason.to_owned() }),
                }
            }
        });
        let wanted = outcomes.len();
        for _ in 0..2_000 {
            if begun.load(Ordering::SeqCst) >= wanted {
                break;
            }
            sleep(Duration::from_millis(5)).await;
        }
        sender.send(true).unwrap();
        supervisor.ended(Duration::from_secs(5)).await;
        begun.load(Ordering::SeqCst)
    }

    #[tokio::test(start_paused = true)]
    async fn a_task_that_fails_or_panics_is_begun_again_and_one_that_ends_is_not() {
        assert_eq!(attempts(&["ends"]).await, 1);
        assert_eq!(attempts(&["fails", "panics", "fails", "ends"]).await, 4);
        assert_eq!(attempts(&["fails", "hangs"]).await, 2);
    }
}
