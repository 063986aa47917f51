//! Every built-in environment, at every tier, survives the check that researchers' environments must survive.

use std::sync::{Arc, LazyLock};

use environments::{
    Environment, catalog,
    check::{CheckSettings, check},
};
use sandboxes::{Artifact, Sandbox, SandboxSettings, cache_folder};

/// Judged in the host alone.
const MANY: CheckSettings = CheckSettings { tasks: 400, distinct: 280, judged: 120, first_seed: 1 };
/// Judged by running programs.
const FEW: CheckSettings = CheckSettings { tasks: 100, distinct: 80, judged: 16, first_seed: 1 };

static SANDBOX: LazyLock<Sandbox> = LazyLock::new(|| {
    let cache = cache_folder().unwrap_or_else(std::env::temp_dir);
    let artifact = Artifact::ensure(&cache, &|_| ()).expect("the guest can be built");
    Sandbox::open(SandboxSettings::default(), &artifact).expect("the sandbox opens")
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
