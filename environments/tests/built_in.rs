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
    "abduction@1.1.0 tier 0 748c1d0e44ca4afc",
    "abduction@1.1.0 tier 1 c0075ea1ca7214fe",
    "abduction@1.1.0 tier 2 c04e7474c5d2a7cd",
    "abduction@1.1.0 tier 3 3b78b6cbe948b30d",
    "abduction@1.1.0 tier 4 96a039c4fa92ee87",
    "coding@1.1.0 tier 0 aa44e4df6e201116",
    "coding@1.1.0 tier 1 e87b770a600d2e7c",
    "coding@1.1.0 tier 2 0fc05a5668c51638",
    "coding@1.1.0 tier 3 1d274465c1c12f1e",
    "coding@1.1.0 tier 4 de05a3b02a80ae2e",
    "deduction@1.1.0 tier 0 0449788d1b023e7b",
    "deduction@1.1.0 tier 1 79368e6a6ddeb31e",
    "deduction@1.1.0 tier 2 b0386a12282c1bb8",
    "deduction@1.1.0 tier 3 9cc12612a1a7604c",
    "deduction@1.1.0 tier 4 17c18b738e3b59d5",
    "sat@1.1.0 tier 0 341d05588b2b8a00",
    "sat@1.1.0 tier 1 59a352517bd904a6",
    "sat@1.1.0 tier 2 310bc9d3c06b7f41",
    "sat@1.1.0 tier 3 bc3015c8fe4377c5",
    "sat@1.1.0 tier 4 d3ce89b40faef795",
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
