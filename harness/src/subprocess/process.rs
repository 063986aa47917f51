//! The parent's side: starts a child process, asks it, and tells its end from its answers.

use std::collections::BTreeMap;
use std::os::fd::OwnedFd;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use models::fingerprint::Fingerprint;
use models::responder::{BoxFuture, Reply, ReplyError, ReplyRule, Reproducibility, Responder};
use models::text::Message;
use tokio::net::UnixStream;
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::process::{Child, Command};
use tokio::sync::oneshot;

use super::limits::processor_time;
use super::message::{Answer, Outcome, Question, Start, Task, read, write};
use super::{ProcessLimits, serve};
use crate::scope::Scope;

/// Variables of the environment that a child keeps: places, and the choice of a card. None of them is a secret.
const KEPT: [&str; 9] = [
    "PATH",
    "HOME",
    "TMPDIR",
    "LD_LIBRARY_PATH",
    "CUDA_VISIBLE_DEVICES",
    "CUDA_HOME",
    "NVIDIA_VISIBLE_DEVICES",
    "NVIDIA_DRIVER_CAPABILITIES",
    "RUST_BACKTRACE",
];

/// A child process gave no result.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ProcessError {
    /// The model's files are at fault; the sentence tells its miner what to change.
    #[error("{0}")]
    Refused(String),
    /// The child could not do its task.
    #[error("{0}")]
    Failed(String),
    /// The child could not be started or spoken to.
    #[error("cannot start a process for the model")]
    Start(#[source] std::io::Error),
    /// The child ended before it answered.
    #[error(
        "the process for the model ended by itself ({0}): its files take more memory or time than they may, or break the program"
    )]
    Ended(String),
}

impl ProcessError {
    /// Scope of the error. Where a process ends by itself, its files' part is told from the machine's by nobody.
    pub(crate) fn scope(&self) -> Scope {
        match self {
            Self::Start(_) => Scope::Validator,
            Self::Refused(_) | Self::Failed(_) | Self::Ended(_) => Scope::Entry,
        }
    }
}

/// Checks a snapshot in a child process; the bytes that running the model takes at most.
///
/// # Errors
/// If the files are refused, or the process gave no result.
pub(crate) async fn examine(limits: ProcessLimits, task: Task) -> Result<u64, ProcessError> {
    match once(limits, task).await? {
        Outcome::Ready { memory } => Ok(memory),
        other => Err(unexpected(other)),
    }
}

/// Takes a fingerprint in a child process; with it the reason where the model could not be run for its outputs.
///
/// # Errors
/// If the files are refused, or the process gave no result.
pub(crate) async fn take_fingerprint(
    limits: ProcessLimits,
    task: Task,
) -> Result<(Fingerprint, Option<String>), ProcessError> {
    match once(limits, task).await? {
        Outcome::Fingerprint { fingerprint, without_outputs } => Ok((*fingerprint, without_outputs)),
        other => Err(unexpected(other)),
    }
}

fn unexpected(outcome: Outcome) -> ProcessError {
    match outcome {
        Outcome::Refused(reason) => ProcessError::Refused(reason),
        Outcome::Failed(reason) => ProcessError::Failed(reason),
        Outcome::Ready { .. } | Outcome::Fingerprint { .. } => {
            ProcessError::Failed("the process for the model answered something else".to_owned())
        }
    }
}

async fn once(limits: ProcessLimits, task: Task) -> Result<Outcome, ProcessError> {
    let (mut child, stream) = start(limits, task).await?;
    let (mut reader, _writer) = stream.into_split();
    let outcome = first(&mut child, &mut reader, limits).await?;
    // It has nothing left to say; whatever it is doing still is not waited for.
    let _ = child.start_kill();
    Ok(outcome)
}

/// The first answer of a child.
async fn first(child: &mut Child, reader: &mut OwnedReadHalf, limits: ProcessLimits) -> Result<Outcome, ProcessError> {
    let answer = tokio::select! {
        answer = read(reader) => answer,
        idle = idleness(child.id(), limits, || true) => {
            let _ = child.start_kill();
            return Err(ProcessError::Ended(idle));
        }
    };
    match answer {
        Ok(Some(outcome)) => Ok(outcome),
        Ok(None) | Err(_) => Err(ProcessError::Ended(end_of(child).await)),
    }
}

/// Waits until a child has taken no processor time for as long as its limits say while it was waited for; for ever where the
/// system does not tell.
async fn idleness(child: Option<u32>, limits: ProcessLimits, is_waited_for: impl Fn() -> bool) -> String {
    let most = limits.idle_seconds;
    let (mut before, mut idle) = (None, 0);
    while idle < most {
        tokio::time::sleep(Duration::from_secs(1)).await;
        let now = child.and_then(processor_time);
        idle = if now.is_some() && now == before { idle + 1 } else { 0 };
        // What it did before it was waited for is no measure.
        before = now.filter(|_| is_waited_for());
    }
    format!("it did nothing for {most} s")
}

async fn start(limits: ProcessLimits, task: Task) -> Result<(Child, UnixStream), ProcessError> {
    let (near, far) = std::os::unix::net::UnixStream::pair().map_err(ProcessError::Start)?;
    let mut command = Command::new(program().map_err(ProcessError::Start)?);
    // A group of its own: what a terminal sends to the parent is not meant for it.
    command.args(serve::ARGUMENTS).env_clear().process_group(0);
    command.envs(KEPT.iter().filter_map(|name| std::env::var_os(name).map(|value| (name, value))));
    command.envs(serve::VARIABLES.iter().copied());
    command.stdin(Stdio::from(OwnedFd::from(far))).stdout(Stdio::null()).stderr(Stdio::null()).kill_on_drop(true);
    let child = command.spawn().map_err(ProcessError::Start)?;
    // The far end is held by the command until it is dropped; the child's end would not be noticed before.
    drop(command);
    near.set_nonblocking(true).map_err(ProcessError::Start)?;
    let mut stream = UnixStream::from_std(near).map_err(ProcessError::Start)?;
    let mut child = child;
    match write(&mut stream, &Start { limits, task }).await {
        Ok(()) => Ok((child, stream)),
        Err(_) => Err(ProcessError::Ended(end_of(&mut child).await)),
    }
}

/// This program: by a name that holds where the file was replaced since, on systems that have one.
fn program() -> std::io::Result<PathBuf> {
    let same = Path::new("/proc/self/exe");
    if same.exists() { Ok(same.to_owned()) } else { std::env::current_exe() }
}

/// The way in which a child ended.
async fn end_of(child: &mut Child) -> String {
    // It has closed its socket, so that it is ending or has to.
    if let Ok(ended) = tokio::time::timeout(Duration::from_secs(10), child.wait()).await {
        return ended.map_or_else(|error| error.to_string(), |status| described(&status));
    }
    let _ = child.start_kill();
    "it said no more".to_owned()
}

fn described(status: &ExitStatus) -> String {
    match (status.signal(), status.code()) {
        (Some(signal), _) => format!("signal {signal}"),
        (None, Some(code)) => format!("code {code}"),
        (None, None) => "without a code".to_owned(),
    }
}

/// Questions that wait for their answers; none once the process has ended, and the way in which it did.
#[derive(Debug)]
enum Waiting {
    Open(BTreeMap<u64, oneshot::Sender<Answer>>),
    Ended(String),
}

/// A child process that answers.
struct Running {
    writer: tokio::sync::Mutex<OwnedWriteHalf>,
    waiting: Arc<Mutex<Waiting>>,
    #[cfg(test)]
    id: Option<u32>,
    reading: tokio::task::JoinHandle<()>,
}

impl Running {
    /// Starts a child and waits until it can answer; its time of forward passes is added to `forward`.
    async fn start(limits: ProcessLimits, task: Task, forward: Arc<AtomicU64>) -> Result<Self, ProcessError> {
        let (mut child, stream) = start(limits, task).await?;
        let (mut reader, writer) = stream.into_split();
        match first(&mut child, &mut reader, limits).await? {
            Outcome::Ready { .. } => {}
            other => return Err(unexpected(other)),
        }
        #[cfg(test)]
        let id = child.id();
        let waiting = Arc::new(Mutex::new(Waiting::Open(BTreeMap::new())));
        let reading = tokio::spawn(take_answers((child, limits), reader, Arc::clone(&waiting), forward));
        Ok(Self {
            writer: tokio::sync::Mutex::new(writer),
            waiting,
            #[cfg(test)]
            id,
            reading,
        })
    }

    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The way in which the child ended, if it has.
    fn end(&self) -> Option<String> {
        match &*self.waiting() {
            Waiting::Open(_) => None,
            Waiting::Ended(how) => Some(how.clone()),
        }
    }

    fn ended(&self) -> ReplyError {
        ReplyError::Host(ProcessError::Ended(self.end().unwrap_or_default()).to_string())
    }

    async fn ask(&self, question: &Question) -> Result<Reply, ReplyError> {
        let (sender, receiver) = oneshot::channel();
        match &mut *self.waiting() {
            Waiting::Open(waiting) => waiting.insert(question.id, sender),
            Waiting::Ended(how) => return Err(ReplyError::Host(ProcessError::Ended(how.clone()).to_string())),
        };
        // One that cannot be written to has ended, which whoever reads from it finds out.
        let _ = write(&mut *self.writer.lock().await, question).await;
        match receiver.await {
            Ok(answer) => answer.into_reply(),
            Err(_) => Err(self.ended()),
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // The child is killed with the task that holds it.
        self.reading.abort();
    }
}

/// Hands out a child's answers until it ends.
async fn take_answers(
    (mut child, limits): (Child, ProcessLimits),
    mut reader: OwnedReadHalf,
    waiting: Arc<Mutex<Waiting>>,
    forward: Arc<AtomicU64>,
) {
    let mut before = 0;
    let is_waited_for = || {
        let waiting = waiting.lock().unwrap_or_else(PoisonError::into_inner);
        matches!(&*waiting, Waiting::Open(waiting) if !waiting.is_empty())
    };
    let how = loop {
        let answer = tokio::select! {
            answer = read::<Answer>(&mut reader) => answer,
            idle = idleness(child.id(), limits, is_waited_for) => {
                let _ = child.start_kill();
                break idle;
            }
        };
        let Ok(Some(answer)) = answer else { break end_of(&mut child).await };
        forward.fetch_add(answer.forward.saturating_sub(before), Ordering::Relaxed);
        before = before.max(answer.forward);
        if let Waiting::Open(waiting) = &mut *waiting.lock().unwrap_or_else(PoisonError::into_inner)
            && let Some(sender) = waiting.remove(&answer.id)
        {
            // Whoever has stopped waiting needs no answer.
            let _ = sender.send(answer);
        }
    };
    *waiting.lock().unwrap_or_else(PoisonError::into_inner) = Waiting::Ended(how);
}

/// A model that runs in a child process. One that ends is started again, at most [`RESTARTS`] times: where the machine ran out
/// of memory for a moment, no entry is lost.
pub(crate) struct ModelProcess {
    limits: ProcessLimits,
    task: Task,
    running: tokio::sync::Mutex<(Arc<Running>, u32)>,
    next: AtomicU64,
    forward: Arc<AtomicU64>,
}

/// Times that a model's process is started again.
const RESTARTS: u32 = 2;

impl ModelProcess {
    /// Starts a model in a child process and waits until it can answer.
    ///
    /// # Errors
    /// If the files are refused, the model cannot be loaded, or the process gave no result.
    pub(crate) async fn start(limits: ProcessLimits, task: Task) -> Result<Self, ProcessError> {
        let forward = Arc::new(AtomicU64::new(0));
        let running = Running::start(limits, task.clone(), Arc::clone(&forward)).await?;
        let running = tokio::sync::Mutex::new((Arc::new(running), 0));
        Ok(Self { limits, task, running, next: AtomicU64::new(0), forward })
    }

    /// The child, or another in its place where it has ended.
    async fn running(&self) -> Result<Arc<Running>, ProcessError> {
        let mut running = self.running.lock().await;
        if running.0.end().is_some() && running.1 < RESTARTS {
            running.1 += 1;
            running.0 = Arc::new(Running::start(self.limits, self.task.clone(), Arc::clone(&self.forward)).await?);
        }
        Ok(Arc::clone(&running.0))
    }

    async fn ask(&self, messages: &[Message], rule: ReplyRule) -> Result<Reply, ReplyError> {
        let question = Question::new(self.next.fetch_add(1, Ordering::Relaxed), messages, rule);
        let running = self.running().await.map_err(|error| ReplyError::Host(error.to_string()))?;
        running.ask(&question).await
    }
}

impl Responder for ModelProcess {
    fn reply<'a>(&'a self, messages: &'a [Message], rule: ReplyRule) -> BoxFuture<'a, Result<Reply, ReplyError>> {
        Box::pin(self.ask(messages, rule))
    }

    fn reproducibility(&self) -> Reproducibility {
        Reproducibility::Exact
    }

    fn forward_time(&self) -> Duration {
        Duration::from_nanos(self.forward.load(Ordering::Relaxed))
    }
}

#[cfg(test)]
mod tests;
