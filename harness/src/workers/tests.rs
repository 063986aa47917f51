//! Blocks, their order and their queues, and slots.

use apalis::prelude::{Layer, Service};
use futures::FutureExt;
use models::decoder::Arithmetic;
use models::remote::Interface;

use super::block::{Block, Compatibility};
use super::executor::Plan;
use super::queue::BlockQueue;
use super::slots::Slots;
use super::{Announced, WorkersExecutor};
use crate::record::WindowTerms;
use crate::rollout::{Executor, ExecutorError};
use crate::settings::{Settings, WorkerSettings};
use crate::store::RunId;
use crate::store::fixtures::TestDatabase;
use crate::units::Unit;
use crate::window::fixtures::{Scripted, registry, rollout};

fn units(tasks: std::ops::Range<u32>) -> Vec<Unit> {
    tasks.flat_map(|task| [0, 1].map(|environment| Unit { task, environment })).collect()
}

#[test]
fn the_block_with_the_lowest_task_comes_first() {
    let run: RunId = serde_json::from_str("7").unwrap();
    let priority = |tasks| Block { run, entry: 1, units: units(tasks), is_second: false }.priority();
    assert!(priority(0..4) > priority(4..8) && priority(4..8) > priority(1_000..1_001));
    assert_eq!(priority(3..9), priority(3..4));
    let last = Block { run, entry: 1, units: vec![Unit { task: u32::MAX, environment: 0 }], is_second: false };
    assert_eq!(last.priority(), 0);
}

fn kind() -> Compatibility {
    Compatibility {
        mode: Arithmetic::Exact,
        card: None,
        runtime: "c0de".to_owned(),
        interface: Interface::default(),
        served: Vec::new(),
    }
}

#[test]
fn workers_of_another_kind_look_into_other_queues() {
    let queue = kind().queue("model");
    assert!(queue.starts_with(&kind().queues()) && queue.ends_with("/model"), "{queue}");
    for other in
        [Compatibility { mode: Arithmetic::Bf16, ..kind() }, Compatibility { runtime: "c0ded".to_owned(), ..kind() }]
    {
        assert!(!queue.starts_with(&other.queues()), "{other:?}");
    }
}

#[test]
fn a_plan_holds_each_unit_once_in_blocks_of_the_size_that_was_asked_for() {
    let mut plan = Plan::new("queue".to_owned());
    plan.add(units(0..5), 4);
    plan.add(units(3..7), 4);
    let sizes: Vec<usize> = plan.blocks.iter().map(Vec::len).collect();
    assert_eq!(sizes, [4, 4, 2, 4]);
    let all: Vec<Unit> = plan.blocks.concat();
    assert_eq!(all, units(0..7));
    assert_eq!((plan.places[&units(1..2)[0]], plan.places[&units(6..7)[1]]), (0, 3));
}

#[test]
fn a_worker_takes_no_more_than_it_has_slots_for() {
    let slots = Slots::new(2);
    let mut service = slots.layer(tower_of_pending());
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    let mut calls = Vec::new();
    for taken in 0..2 {
        assert_eq!(slots.taken(), taken);
        assert!(Service::<()>::poll_ready(&mut service, &mut context).is_ready());
        calls.push(service.call(()));
    }
    assert!(Service::<()>::poll_ready(&mut service, &mut context).is_pending());
    calls.pop();
    assert!(Service::<()>::poll_ready(&mut service, &mut context).is_ready());
}

/// A service that is always ready and never answers.
fn tower_of_pending() -> impl Service<(), Response = (), Error = (), Future: Send + 'static> {
    struct Never;
    impl Service<()> for Never {
        type Response = ();
        type Error = ();
        type Future = futures::future::BoxFuture<'static, Result<(), ()>>;

        fn poll_ready(&mut self, _: &mut std::task::Context<'_>) -> std::task::Poll<Result<(), ()>> {
            std::task::Poll::Ready(Ok(()))
        }

        fn call(&mut self, (): ()) -> Self::Future {
            futures::future::pending().boxed()
        }
    }
    Never
}

#[tokio::test]
async fn a_worker_that_makes_another_rollout_than_this_machine_is_dismissed_and_its_rollouts_are_removed() {
    let Some(database) = TestDatabase::postgres().await else { return };
    let store = database.open().await;
    let (settings, unit) = (Settings::default(), |task| Unit { task, environment: 0 });
    let terms = WindowTerms::new(&registry(2), Default::default(), &settings, Vec::new(), "c0de".to_owned());
    let (run, _) = store.open_run(&terms).await.unwrap();
    let referee = Scripted::new(1, 99, |_, _| 1.0);
    let settings = WorkerSettings { block: 4, ahead: 1, compared: 100, idle_seconds: 60, ..WorkerSettings::default() };
    let announced = Announced { run, models: Vec::new(), compatibility: kind(), referee: &referee };
    let executor = WorkersExecutor::open(&database.location, &settings, announced).await.unwrap();
    executor.announce(1, &mut (0..16).map(unit));

    // The first rollout is believed until there is another one.
    store.add_worker_rollout(run, "bob", &rollout(1, unit(0), 0.0)).await.unwrap();
    let first = executor.rollout(1, unit(0)).await.unwrap();
    assert_eq!(first.score, 0.0);
    store.add_rollout(run, &first).await.unwrap();
    store.add_worker_rollout(run, "ada", &rollout(1, unit(0), 1.0)).await.unwrap();
    let error = executor.rollout(1, unit(1)).await.unwrap_err();
    assert!(matches!(&error, ExecutorError::Dismissed { worker, removed: 1, .. } if worker == "bob"), "{error}");
    assert_eq!(referee.made(), [(1, unit(0))]);
    assert_eq!(store.rollouts(run, 1).await.unwrap(), []);
    assert!(store.is_dismissed("bob").await.unwrap() && !store.is_dismissed("ada").await.unwrap());

    // The wanted block and the one after it are in the queue, each twice, until the entry is released.
    let queue = BlockQueue::open(&database.location.to_string()).await.unwrap();
    let name = kind().queue("");
    assert_eq!(
        queue.most_urgent(&kind().queues(), std::time::Duration::from_secs(9)).await.unwrap(),
        Some(name.clone())
    );
    assert_eq!(queue.waiting(&name).await.unwrap(), 4);
    executor.release(1).await;
    assert_eq!(queue.waiting(&name).await.unwrap(), 0);

    // What a worker could not run, this machine runs.
    store.add_worker_failure((run, 0), "ada", "no memory").await.unwrap();
    assert_eq!(executor.rollout(0, unit(3)).await.unwrap().score, 1.0);
    assert_eq!(referee.made().last(), Some(&(0, unit(3))));
    drop(executor);
    database.remove().await;
}
