//! One sandbox for all tests of a binary; the guest is built on first use and then comes from the cache.

use std::sync::OnceLock;

use sandbox_builder::{cache_folder, ensure_artifact};
use sandboxes::{Artifact, Program, Sandbox, SandboxSettings};

/// The sandbox of this test binary.
pub(crate) fn sandbox() -> &'static Sandbox {
    static SANDBOX: OnceLock<Sandbox> = OnceLock::new();
    SANDBOX.get_or_init(|| {
        let settings = SandboxSettings { slots: 2, deadline_seconds: 120, ..SandboxSettings::default() };
        Sandbox::open(settings, &artifact()).expect("the sandbox opens")
    })
}

/// The guest.
pub(crate) fn artifact() -> Artifact {
    let cache = cache_folder().expect("a home folder");
    ensure_artifact(&cache, &|progress| eprintln!("{progress:?}")).expect("the guest can be built")
}

/// A program with its input.
pub(crate) fn program(source: &str, stdin: &str) -> Program {
    Program { source: source.to_owned(), stdin: stdin.to_owned(), ..Program::default() }
}
