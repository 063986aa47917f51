//! Every built-in environment, at every tier, survives the check that researchers' environments must survive.

use std::sync::{Arc, LazyLock};

use environments::{
    Environment, Seed, catalog,
    check::{CheckSettings, check},
};
use sandbox_builder::{cache_folder, ensure_artifact};
use sandboxes::{Sandbox, SandboxSettings};

/// Judged in the host alone.
const MANY: CheckSettings = CheckSettings { tasks: 400, distinct: 280, judged: 120, first_seed: 1 };
/// Judged by running programs.
const FEW: CheckSettings = CheckSettings { tasks: 100, distinct: 80, judged: 16, first_seed: 1 };

/// Each environment's version and tier, with the digest of its first tasks.
const TASKS: [&str; 20] = [
    "abduction@2.0.0 tier 0 098212516692cf72",
    "abduction@2.0.0 tier 1 111d6a6d8ce9de56",
    "abduction@2.0.0 tier 2 1b6febd9f42e10a9",
    "abduction@2.0.0 tier 3 ca29360c95b8fbfa",
    "abduction@2.0.0 tier 4 eb40e5c6fbd95983",
    "coding@2.0.0 tier 0 46cc153805433c01",
    "coding@2.0.0 tier 1 4cd3b7efd0139482",
    "coding@2.0.0 tier 2 946e708f24f49b16",
    "coding@2.0.0 tier 3 a7f48c86a2b64668",
    "coding@2.0.0 tier 4 9c357bd39619b628",
    "deduction@2.0.0 tier 0 7cf5c16220437b66",
    "deduction@2.0.0 tier 1 e8ad41577f7539bd",
    "deduction@2.0.0 tier 2 789857a79bfdf9d1",
    "deduction@2.0.0 tier 3 47ea536f45fed1b2",
    "deduction@2.0.0 tier 4 57cb50a0fbffc857",
    "sat@2.0.0 tier 0 8d8daff43fb4ade5",
    "sat@2.0.0 tier 1 9741714e7d326314",
    "sat@2.0.0 tier 2 c39bcdcd617ed08b",
    "sat@2.0.0 tier 3 b7febd583866706b",
    "sat@2.0.0 tier 4 935c0cd5e2c75c70",
];

static SANDBOX: LazyLock<Sandbox> = LazyLock::new(|| {
    let cache = cache_folder().unwrap_or_else(std::env::temp_dir);
    let artifact = ensure_artifact(&cache, &|_| ()).expect("the guest can be built");
    Sandbox::open(SandboxSettings { deadline_seconds: 120, ..SandboxSettings::default() }, &artifact)
        .expect("the sandbox opens")
});

async fn survives(name: &str, settings: CheckSettings) {
    let sandbox = SANDBOX.for_another_caller();
    for tier in 0..catalog::tiers(name).expect("the name is known") {
        let environment: Arc<dyn Environment> = catalog::open(name, Some(tier), &sandbox).expect("the tier is known");
        let report = check(&*environment, &settings).await.expect("the sandbox works");
        println!("{report}");
        assert!(report.passed(), "{report}");
    }
}

#[tokio::test]
async fn satisfiability_survives_the_check() {
    survives("sat", MANY).await;
}

#[tokio::test]
async fn abduction_survives_the_check() {
    survives("abduction", FEW).await;
}

#[tokio::test]
async fn deduction_survives_the_check() {
    survives("deduction", MANY).await;
}

#[tokio::test]
async fn coding_survives_the_check() {
    survives("coding", FEW).await;
}

/// Tasks are part of a version: whoever changes one changes the version, too, and then what is written down here.
#[tokio::test]
async fn a_version_has_the_tasks_it_had() {
    let sandbox = SANDBOX.for_another_caller();
    let mut found = Vec::new();
    for name in catalog::names() {
        for tier in 0..catalog::tiers(name).expect("the name is known") {
            let environment = catalog::open(name, Some(tier), &sandbox).expect("the tier is known");
            let mut digests = blake3::Hasher::new();
            for seed in [0, 1, 2, 3, u64::MAX] {
                digests.update(environment.task(Seed(seed)).await.expect("a task").digest().as_bytes());
            }
            found.push(format!("{} {}", environment.id(), &digests.finalize().to_hex()[..16]));
        }
    }
    assert_eq!(found, TASKS);
}
