//! One sandbox for all unit tests of this crate: opening it reserves memory and starts threads.

use std::sync::LazyLock;

use sandboxes::{Artifact, Sandbox, SandboxSettings, cache_folder};

static SANDBOX: LazyLock<Sandbox> = LazyLock::new(|| {
    let cache = cache_folder().unwrap_or_else(std::env::temp_dir);
    let artifact = Artifact::ensure(&cache, &|_| ()).expect("the guest can be built");
    Sandbox::open(SandboxSettings::default(), &artifact).expect("the sandbox opens")
});

/// The sandbox.
pub(crate) fn sandbox() -> &'static Sandbox {
    &SANDBOX
}

/// Runs a test's future to its end.
pub(crate) fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().build().expect("a runtime starts").block_on(future)
}
