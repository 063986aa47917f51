//! Child processes on tiny models: what they answer, and how they end.

use std::fs;

use models::admission::{Limits, reopen};
use models::decoder::Arithmetic;
use models::engine::{EngineSettings, Sampling};
use models::fingerprint::{Outputs, SketchKey};
use models::snapshot::Snapshot;
use models::text::Role;
use tempfile::TempDir;

use super::super::EngineTask;
use super::super::engine::start_engine;
use super::*;
use crate::window::fixtures::lay_out;

const CONTEXT: usize = 512;

fn model() -> (TempDir, Snapshot) {
    let folder = tempfile::tempdir().unwrap();
    lay_out(folder.path(), "llama");
    let snapshot = Snapshot::of_folder(folder.path()).unwrap();
    (folder, snapshot)
}

fn engine() -> EngineSettings {
    EngineSettings { threads: 1, rows: 4, pages: 64, ..EngineSettings::default() }
}

fn engine_task() -> EngineTask {
    EngineTask { settings: engine(), context: CONTEXT, card: None }
}

fn run(snapshot: &Snapshot) -> Task {
    let (snapshot, limits) = (snapshot.clone(), Limits::default());
    Task::Run { snapshot, limits, engine: engine_task() }
}

fn examination(snapshot: &Snapshot) -> Task {
    let limits = Limits::default();
    Task::Examine { snapshot: snapshot.clone(), limits, run_as: (Arithmetic::Exact, CONTEXT) }
}

fn limits() -> ProcessLimits {
    ProcessLimits { memory: Some(4 << 30), seconds: Some(600), idle_seconds: 300 }
}

fn said(text: &str) -> Vec<Message> {
    vec![Message { role: Role::User, content: text.to_owned() }]
}

fn rule(key: u64) -> ReplyRule {
    let sampling = Sampling { temperature: 0.8, top_k: None, top_p: Some(0.9), key };
    ReplyRule { sampling, max_new_tokens: 8 }
}

#[tokio::test]
async fn a_process_answers_what_an_engine_here_answers_to_the_last_bit() {
    let (_folder, snapshot) = model();
    let admitted = reopen(&snapshot, &Limits::default()).unwrap();
    let here = start_engine(&admitted, &engine(), CONTEXT, None).unwrap();
    let there = ModelProcess::start(limits(), run(&snapshot)).await.unwrap();
    let texts = ["one", "two and three", "four", "five"];
    let conversations: Vec<Vec<Message>> = texts.iter().map(|text| said(text)).collect();
    let asked = conversations.iter().zip(1..).map(|(conversation, key)| there.reply(conversation, rule(key)));
    // All at once, and in any order of arrival.
    for ((reply, conversation), key) in futures::future::join_all(asked).await.into_iter().zip(&conversations).zip(1..)
    {
        let reply = reply.unwrap();
        assert!(reply.work.tokens > reply.prompt_tokens as u64 && reply.work.bytes > 0);
        assert_eq!(Ok(reply), here.reply(conversation, rule(key)).await);
    }
    assert!(there.forward_time() > Duration::ZERO);
    assert_eq!(there.reproducibility(), Reproducibility::Exact);
}

#[tokio::test]
async fn a_snapshot_is_examined_fingerprinted_or_refused_elsewhere() {
    let (folder, snapshot) = model();
    let memory = examine(limits(), examination(&snapshot)).await.unwrap();
    assert!((100_000..1 << 30).contains(&memory), "{memory}");
    let key = SketchKey::derive(b"a secret");
    let here = models::fingerprint::fingerprint(&reopen(&snapshot, &Limits::default()).unwrap(), &key).unwrap();
    let task = |engine| {
        let (snapshot, limits, key) = (snapshot.clone(), Limits::default(), key.clone());
        Task::Fingerprint { snapshot, limits, key, engine }
    };
    assert_eq!(take_fingerprint(limits(), task(None)).await.unwrap(), (here.clone(), None));
    let model = start_engine(&reopen(&snapshot, &Limits::default()).unwrap(), &engine(), CONTEXT, None).unwrap();
    let outputs = Outputs::take(&model, &key).await.unwrap();
    assert!(outputs.is_some());
    let (there, without_outputs) = take_fingerprint(limits(), task(Some(engine_task()))).await.unwrap();
    assert_eq!((there, without_outputs), (Fingerprint { outputs, ..here }, None));
    fs::write(folder.path().join("config.json"), "{}").unwrap();
    let broken = Snapshot::of_folder(folder.path()).unwrap();
    let error = examine(limits(), examination(&broken)).await.unwrap_err();
    assert!(matches!(&error, ProcessError::Refused(_)), "{error}");
    let error = ModelProcess::start(limits(), run(&broken)).await.err().unwrap();
    assert!(matches!(&error, ProcessError::Refused(_)), "{error}");
}

#[tokio::test]
async fn a_process_that_needs_more_than_its_limits_ends_alone() {
    let (_folder, snapshot) = model();
    let starved = ProcessLimits { memory: Some(1 << 20), seconds: None, ..limits() };
    let error = examine(starved, examination(&snapshot)).await.unwrap_err();
    assert!(matches!(&error, ProcessError::Ended(_) | ProcessError::Failed(_)), "{error:?}");
    let error = ModelProcess::start(starved, run(&snapshot)).await.err().unwrap();
    assert!(matches!(&error, ProcessError::Ended(_) | ProcessError::Failed(_)), "{error:?}");
}

/// Signals the process that a model runs in at present.
async fn signal(model: &ModelProcess, signal: rustix::process::Signal) {
    let id = model.running.lock().await.0.id.unwrap();
    let process = rustix::process::Pid::from_raw(id as i32).unwrap();
    rustix::process::kill_process(process, signal).unwrap();
}

#[tokio::test]
async fn a_process_that_is_killed_ends_its_questions_and_is_started_again_at_most_twice() {
    let (_folder, snapshot) = model();
    let model = ModelProcess::start(limits(), run(&snapshot)).await.unwrap();
    let long = ReplyRule { max_new_tokens: 400, ..rule(1) };
    let conversation = said("for a while");
    let expected = model.reply(&conversation, rule(2)).await.unwrap();
    let was_killed = |answer: &Result<Reply, ReplyError>| matches!(answer, Err(ReplyError::Host(reason)) if reason.contains("signal 9"));
    for restart in 0..=RESTARTS {
        let asked = model.reply(&conversation, long);
        let killed = async {
            tokio::task::yield_now().await;
            signal(&model, rustix::process::Signal::KILL).await;
        };
        let (answer, ()) = futures::join!(asked, killed);
        assert!(was_killed(&answer), "{answer:?}");
        let after = model.reply(&conversation, rule(2)).await;
        match restart {
            RESTARTS => assert!(was_killed(&after), "{after:?}"),
            _ => assert_eq!(after, Ok(expected.clone())),
        }
    }
}

#[tokio::test]
async fn a_process_that_does_nothing_is_ended_where_it_is_waited_for() {
    let (_folder, snapshot) = model();
    let limits = ProcessLimits { idle_seconds: 1, ..limits() };
    let model = ModelProcess::start(limits, run(&snapshot)).await.unwrap();
    let conversation = said("one");
    let expected = model.reply(&conversation, rule(1)).await.unwrap();
    // One that is asked nothing may rest.
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert_eq!(model.reply(&conversation, rule(1)).await, Ok(expected));
    signal(&model, rustix::process::Signal::STOP).await;
    let answer = model.reply(&conversation, rule(1)).await;
    assert!(matches!(&answer, Err(ReplyError::Host(reason)) if reason.contains("did nothing for 1 s")), "{answer:?}");
}

#[test]
fn secrets_of_the_environment_stay_with_the_parent() {
    assert!(KEPT.iter().all(|name| !["TOKEN", "KEY", "SECRET", "PASSWORD"].iter().any(|part| name.contains(part))));
}
