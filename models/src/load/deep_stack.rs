//! Work that may recurse as deeply as a stranger's file is nested.

use std::{io, thread};

/// Reserved, not used: memory is taken as the stack grows.
const STACK: usize = 512 << 20;

/// Runs `work` on a thread of its own with a large stack.
pub(super) fn run<T: Send>(work: impl FnOnce() -> T + Send) -> io::Result<T> {
    thread::scope(|scope| {
        let running = thread::Builder::new().name("template".to_owned()).stack_size(STACK).spawn_scoped(scope, work)?;
        running.join().map_err(|_| io::Error::other("it gave up"))
    })
}
