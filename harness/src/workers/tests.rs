//! Blocks, their order and their queues, and slots.

use apalis::prelude::{Layer, Service};
use futures::FutureExt;
use models::decoder::Arithmetic;
use models::remote::Interface;

use super::block::{Block, Compatibility};
use super::executor::Plan;
use super::slots::Slots;
use crate::store::RunId;
use crate::units::Unit;

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

#[test]
fn workers_of_another_kind_look_into_other_queues() {
    let kind = || Compatibility {
        mode: Arithmetic::Exact,
        card: None,
        runtime: "c0de".to_owned(),
        interface: Interface::default(),
        served: Vec::new(),
    };
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
