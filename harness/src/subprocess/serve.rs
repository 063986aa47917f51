//! The child's side: sets its limits, reads the files, and answers.

use std::os::fd::AsFd;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use models::admission::{Admitted, Limits, admit, reopen};
use models::cuda::Accelerator;
use models::decoder::Arithmetic;
use models::error::LoadError;
use models::fingerprint::{Outputs, SketchKey, fingerprint};
use models::local::LocalModel;
use models::responder::Responder;
use models::snapshot::Snapshot;
use tokio::net::UnixStream;
use tokio::sync::Mutex;

use super::engine::{StartError, start_engine};
use super::limits::most_of_machine;
use super::message::{Answer, EngineTask, Outcome, Question, Start, Task, read, write};
use crate::exit_status::ExitStatus;
use crate::problem::one_line;

/// Time between two looks at the parent.
const WATCH: Duration = Duration::from_secs(1);
/// Name of the command that is shown to nobody.
pub(crate) const COMMAND: &str = "model-process";
/// Arguments by which the program serves a parent.
#[cfg(not(test))]
pub(super) const ARGUMENTS: &[&str] = &[COMMAND];
/// Variables of the environment that a child is given.
#[cfg(not(test))]
pub(super) const VARIABLES: &[(&str, &str)] = &[];
// The program of unit tests has no commands, only tests: one of them serves.
#[cfg(test)]
pub(super) const ARGUMENTS: &[&str] = &["--exact", "subprocess::serve::tests::serves_a_parent", "--nocapture"];
#[cfg(test)]
pub(super) const VARIABLES: &[(&str, &str)] = &[("MODEL_PROCESS", COMMAND)];

/// Serves the parent at the other end of standard input until it closes it.
pub(crate) fn serve() -> ExitCode {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    let served = runtime.and_then(|runtime| runtime.block_on(answer_parent()));
    match served {
        Ok(()) => ExitStatus::Success.into(),
        Err(_) => ExitStatus::Unexpected.into(),
    }
}

/// Ends this process when its parent has ended: work that blocks sees no closed socket, and would go on for hours.
fn end_with_parent() {
    let parent = rustix::process::getppid();
    let watch = move || {
        while rustix::process::getppid() == parent {
            std::thread::sleep(WATCH);
        }
        std::process::exit(ExitStatus::Unexpected as i32);
    };
    // Where no thread can be started, the limits end it.
    drop(std::thread::Builder::new().name("parent watch".to_owned()).spawn(watch));
}

async fn answer_parent() -> std::io::Result<()> {
    let socket = std::os::unix::net::UnixStream::from(std::io::stdin().as_fd().try_clone_to_owned()?);
    socket.set_nonblocking(true)?;
    let mut stream = UnixStream::from_std(socket)?;
    let Some(Start { limits, task }) = read(&mut stream).await? else { return Ok(()) };
    end_with_parent();
    limits.apply()?;
    // Nothing else is to be done meanwhile, so that work blocks this thread: a pool that gets no thread waits for ever.
    match task {
        Task::Examine { snapshot, limits, run_as } => write(&mut stream, &examined(&snapshot, &limits, run_as)).await,
        Task::Fingerprint { snapshot, limits, key, engine } => {
            let outcome = fingerprinted(&snapshot, &limits, &key, engine).await.unwrap_or_else(|outcome| outcome);
            write(&mut stream, &outcome).await
        }
        Task::Run { snapshot, limits, engine } => {
            let started = opened(&snapshot, &limits).and_then(|admitted| start(&admitted, engine));
            run(started, stream).await
        }
    }
}

fn examined(snapshot: &Snapshot, limits: &Limits, (arithmetic, context): (Arithmetic, usize)) -> Outcome {
    let memory = admit(snapshot, limits).and_then(|admitted| {
        admitted.check_text()?;
        admitted.check_memory(limits, arithmetic, context)?;
        Ok(admitted.memory(arithmetic, context))
    });
    match memory {
        Err(error) => failed(&error),
        Ok(memory) => match most_of_machine().filter(|most| *most < memory && arithmetic != Arithmetic::Bf16) {
            Some(most) => Outcome::Failed(format!(
                "it takes {memory} bytes of memory with a text of {context} tokens, and this machine gives {most} to one model"
            )),
            None => Outcome::Ready { memory },
        },
    }
}

/// The fingerprint of a snapshot, with the outputs of its model where it can be run.
async fn fingerprinted(
    snapshot: &Snapshot,
    limits: &Limits,
    key: &SketchKey,
    engine: Option<EngineTask>,
) -> Result<Outcome, Outcome> {
    let admitted = opened(snapshot, limits)?;
    let mut fingerprint = fingerprint(&admitted, key).map_err(|error| failed(&error))?;
    let mut without_outputs = None;
    if let Some(engine) = engine.filter(|_| admitted.prompter.tokenizer.is_some()) {
        let taken = match start(&admitted, engine) {
            Ok(model) => Outputs::take(&model, key).await.map_err(|error| error.to_string()),
            Err(Outcome::Refused(reason)) => Err(reason),
            // A fingerprint is kept: that this machine had no room for the model today must not stay in it.
            Err(other) => return Err(other),
        };
        match taken {
            Ok(outputs) => fingerprint.outputs = outputs,
            Err(reason) => without_outputs = Some(reason),
        }
    }
    Ok(Outcome::Fingerprint { fingerprint: Box::new(fingerprint), without_outputs })
}

fn failed(error: &LoadError) -> Outcome {
    match error {
        LoadError::Refused(refusal) => Outcome::Refused(refusal.to_string()),
        error => Outcome::Failed(one_line(error)),
    }
}

async fn run(started: Result<LocalModel, Outcome>, mut stream: UnixStream) -> std::io::Result<()> {
    let model = match started {
        Ok(model) => Arc::new(model),
        Err(outcome) => return write(&mut stream, &outcome).await,
    };
    write(&mut stream, &Outcome::Ready { memory: 0 }).await?;
    let (mut reader, writer) = stream.into_split();
    let writer = Arc::new(Mutex::new(writer));
    while let Some(question) = read::<Question>(&mut reader).await? {
        let (model, writer) = (Arc::clone(&model), Arc::clone(&writer));
        tokio::spawn(async move {
            let (id, messages, rule) = question.into_parts();
            let reply = model.reply(&messages, rule).await;
            let forward = u64::try_from(model.forward_time().as_nanos()).unwrap_or(u64::MAX);
            // A parent that has gone needs no answer.
            let _ = write(&mut *writer.lock().await, &Answer::new(id, reply, forward)).await;
        });
    }
    Ok(())
}

/// Opens a snapshot that was admitted before.
fn opened(snapshot: &Snapshot, limits: &Limits) -> Result<Admitted, Outcome> {
    reopen(snapshot, limits).map_err(|error| failed(&error))
}

fn start(admitted: &Admitted, EngineTask { settings, context, card }: EngineTask) -> Result<LocalModel, Outcome> {
    let open = |cache: PathBuf| Accelerator::open(&cache, settings.algorithms.as_deref());
    let accelerator = card.map(open).transpose().map_err(|error| Outcome::Failed(error.to_string()))?;
    start_engine(admitted, &settings, context, accelerator.as_ref()).map_err(|error| match error {
        StartError::Load(error) => failed(&error),
        error => Outcome::Failed(one_line(&error)),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Serves where another test of this program has started it as a child, and has nothing to check otherwise.
    #[test]
    fn serves_a_parent() {
        if std::env::var_os("MODEL_PROCESS").is_some_and(|name| name == COMMAND) {
            let _ = serve();
        }
    }
}
