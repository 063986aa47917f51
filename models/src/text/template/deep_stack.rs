//! Threads with a large stack, for recursion as deep as a miner's file is nested.

use std::{io, thread};

/// Reserved, not used: memory is taken as the stack grows.
const STACK: usize = 512 << 20;

/// Failure of work on such a thread.
#[derive(Debug)]
pub(super) enum Unfinished {
    /// The work panicked, which only the file can have caused.
    Panicked,
    /// This machine could not start the thread; the file is not at fault.
    NoThread(io::Error),
}

/// Runs `work` on a thread of its own with a large stack.
pub(super) fn run<T: Send>(work: impl FnOnce() -> T + Send) -> Result<T, Unfinished> {
    run_on(STACK, work)
}

fn run_on<T: Send>(stack: usize, work: impl FnOnce() -> T + Send) -> Result<T, Unfinished> {
    thread::scope(|scope| {
        let thread = thread::Builder::new().name("template".to_owned()).stack_size(stack);
        let running = thread.spawn_scoped(scope, work).map_err(Unfinished::NoThread)?;
        running.join().map_err(|_| Unfinished::Panicked)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_machine_without_room_is_told_from_work_that_panics() {
        assert!(matches!(run(|| 7), Ok(7)));
        assert!(matches!(run(|| panic!("as a hostile file would have it")), Err::<(), _>(Unfinished::Panicked)));
        // More than there are addresses.
        assert!(matches!(run_on(1 << 50, || 7), Err(Unfinished::NoThread(_))));
    }
}
