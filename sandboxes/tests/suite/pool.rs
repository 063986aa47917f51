//! Slots: shared, freed when nobody waits, and without influence on what a program does.

use crate::common::{artifact, program, sandbox};
use sandboxes::{Ending, Limits, Outcome, Program, Sandbox, SandboxError, SandboxSettings};

/// What the job of [`the_same_job_comes_out_the_same_everywhere`] uses.
const FUEL: u64 = 2_108_708;

/// A program that ends only when it is made to.
fn endless() -> Program {
    Program { limits: Some(Limits { fuel: 1 << 60, ..Limits::default() }), ..program("while True: pass", "") }
}

fn one_slot(deadline_seconds: u64) -> Sandbox {
    Sandbox::open(SandboxSettings { slots: 1, deadline_seconds, ..SandboxSettings::default() }, &artifact()).unwrap()
}

async fn until_occupied(sandbox: &Sandbox) {
    while sandbox.occupied() == 0 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_program_that_nobody_waits_for_gives_its_slot_back() {
    let sandbox = one_slot(u64::MAX);
    for _ in 0..3 {
        tokio::select! {
            ended = sandbox.run(endless()) => panic!("it cannot end: {ended:?}"),
            () = until_occupied(&sandbox) => {}
        }
        let outcome = sandbox.run(program("print('next')", "")).await.unwrap();
        assert_eq!((outcome.stdout.as_str(), sandbox.occupied()), ("next\n", 0));
    }
}

#[tokio::test]
async fn a_program_that_waits_in_vain_is_never_run() {
    let sandbox = one_slot(u64::MAX);
    let running = sandbox.run(endless());
    let mut running = Box::pin(running);
    tokio::select! {
        _ = &mut running => panic!("it cannot end"),
        () = until_occupied(&sandbox) => {}
    }
    let waiting = tokio::spawn({
        let sandbox = sandbox.for_another_caller();
        async move { sandbox.run(endless()).await }
    });
    tokio::task::yield_now().await;
    waiting.abort();
    assert!(waiting.await.unwrap_err().is_cancelled());
    assert_eq!(sandbox.occupied(), 1);
    // The first one gone, the slot is free for the next that somebody waits for: nothing is before it.
    drop(running);
    let outcome = sandbox.run(program("print('next')", "")).await.unwrap();
    assert_eq!((outcome.stdout.as_str(), sandbox.occupied()), ("next\n", 0));
}

#[tokio::test]
async fn a_guest_that_may_have_less_memory_than_it_takes_is_out_of_memory() {
    let limits = Limits { memory_bytes: 1 << 20, ..Limits::default() };
    for sandbox in
        [sandbox(), &Sandbox::open(SandboxSettings { slots: 1, limits, deadline_seconds: 120 }, &artifact()).unwrap()]
    {
        let outcome = sandbox.run(Program { limits: Some(limits), ..program("", "") }).await.unwrap();
        assert_eq!((outcome.ending, outcome.memory_bytes), (Ending::OutOfMemory, 0));
    }
}

#[tokio::test]
async fn a_guest_that_may_have_more_memory_than_it_can_address_runs() {
    let limits = Limits { memory_bytes: 1 << 34, ..Limits::default() };
    let settings = SandboxSettings { slots: 1, limits, deadline_seconds: 120 };
    let outcome = Sandbox::open(settings, &artifact()).unwrap().run(program("print('hi')", "")).await.unwrap();
    assert_eq!((outcome.ending, outcome.stdout.as_str()), (Ending::Finished, "hi\n"));
}

#[tokio::test]
async fn the_largest_object_there_can_be_is_trouble_of_the_program() {
    let outcome = sandbox().run(program("bytes(2 ** 31 - 100)", "")).await.unwrap();
    assert_eq!(outcome.ending, Ending::OutOfMemory, "{outcome:?}");
}

#[tokio::test]
async fn handles_that_were_given_back_do_not_count() {
    let source = "import time\nfor _ in range(30_000): time.sleep(0.001)\nprint('slept')";
    let outcome = sandbox().run(program(source, "")).await.unwrap();
    assert_eq!((outcome.ending, outcome.stdout.as_str()), (Ending::Finished, "slept\n"));
}

#[tokio::test]
async fn the_deadline_is_trouble_of_the_host_and_not_an_outcome() {
    let sandbox = one_slot(1);
    let error = sandbox.run(endless()).await.unwrap_err();
    assert!(matches!(error, SandboxError::Deadline(_)), "{error}");
    assert_eq!(sandbox.occupied(), 0);
}

#[tokio::test]
async fn a_job_cannot_have_more_memory_than_the_sandbox_was_opened_for() {
    let limits = Limits { memory_bytes: 1 << 40, ..Limits::default() };
    let error = sandbox().run(Program { limits: Some(limits), ..program("", "") }).await.unwrap_err();
    assert!(matches!(error, SandboxError::TooMuchMemory { .. }), "{error}");
}

/// Fuel is held to a number, so that other machines and other builds are held to it, too.
#[tokio::test]
async fn the_same_job_comes_out_the_same_everywhere() {
    let source = "import random, time, os, uuid\nprint(input(), random.random(), time.time(), os.urandom(4).hex(), uuid.uuid4())\nprint({str(n) for n in range(9)}, id(object()), hash('a'), sorted([object(), object()], key=id)[0])\n";
    let job = Program { seed: 7, ..program(source, "x\n") };
    let first: Outcome = sandbox().run(job.clone()).await.unwrap();
    assert_eq!(first.ending, Ending::Finished, "{first:?}");
    assert_eq!(first.fuel, FUEL, "{first:?}");
    let sandbox_of_one = one_slot(u64::MAX);
    let noise = tokio::spawn(async { while sandbox().run(program("sum(range(10**5))", "")).await.is_ok() {} });
    let others = (0..16).map(|_| {
        let (job, sandbox) = (job.clone(), sandbox().for_another_caller());
        tokio::spawn(async move { sandbox.run(job).await.unwrap() })
    });
    for other in others.collect::<Vec<_>>() {
        assert_eq!(other.await.unwrap(), first);
    }
    noise.abort();
    assert_eq!(sandbox_of_one.run(job.clone()).await.unwrap(), first);
    let another_seed = sandbox_of_one.run(Program { seed: 8, ..job }).await.unwrap();
    assert_ne!(another_seed.stdout, first.stdout);
}
