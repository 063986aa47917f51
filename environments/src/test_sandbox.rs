//! One sandbox for all unit tests of this crate: opening it reserves memory and starts threads.

use std::sync::LazyLock;

use sandbox_builder::{cache_folder, ensure_artifact};
use sandboxes::{Sandbox, SandboxSettings};

static SANDBOX: LazyLock<Sandbox> = LazyLock::new(|| {
    let cache = cache_folder().unwrap_or_else(std::env::temp_dir);
    let artifact = ensure_artifact(&cache, &|_| ()).expect("the guest can be built");
    Sandbox::open(SandboxSettings { deadline_seconds: 120, ..SandboxSettings::default() }, &artifact)
        .expect("the sandbox opens")
});

/// The sandbox.
pub(crate) fn sandbox() -> &'static Sandbox {
    &SANDBOX
}

/// Runs a test's future to its end.
pub(crate) fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().build().expect("a runtime starts").block_on(future)
}
