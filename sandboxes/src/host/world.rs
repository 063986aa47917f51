//! State of one guest on the host: limits, clock, entropy, standard streams and open handles.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use blake3::OutputReader;
use wasmtime::ResourceLimiter;
use wasmtime::component::Resource;

use super::ask::Candidate;
use super::clocks::{Clock, Timers};
use crate::error::SandboxError;
use crate::limits::Limits;

/// Largest transfer in bytes: of one request for entropy, one read or one write.
pub const LARGEST_TRANSFER: u64 = 1 << 16;
/// Largest number of handles (streams, timers, errors) that a program may hold at a time; an interpreter needs a handful.
pub(crate) const MOST_HANDLES: u32 = 10_000;

const ENTROPY_KEY: &str = "dethrone sandbox entropy";

/// Reason for which a host function ended the guest; carried as the error of the call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Stop {
    #[error("the program exited with status {0}")]
    Exited(u8),
    #[error("the program wrote more than it may")]
    OutputTooLong,
    #[error("the program asked for more memory than it may have")]
    OutOfMemory,
    #[error("the program asked its host for more than any program needs")]
    RequestTooLarge,
    #[error("the deadline passed")]
    Deadline,
    #[error("nobody waits for the result")]
    Cancelled,
}

/// Store data that contains a [`World`]; the host functions are defined for every such type.
pub trait HasWorld: 'static {
    /// The world, for reading.
    fn world(&self) -> &World;

    /// The world, for changing.
    fn world_mut(&mut self) -> &mut World;
}

impl HasWorld for World {
    fn world(&self) -> &World {
        self
    }

    fn world_mut(&mut self) -> &mut World {
        self
    }
}

/// State of one guest on the host.
pub struct World {
    limits: Limits,
    entropy: OutputReader,
    pub(super) clock: Clock,
    pub(super) timers: Timers,
    /// Handles that the guest holds.
    handles: u32,
    stdin: Vec<u8>,
    /// Bytes of `stdin` that were read.
    stdin_read: usize,
    pub(crate) stdout: Vec<u8>,
    pub(crate) stderr: Vec<u8>,
    /// Largest size of the linear memory so far, in bytes.
    pub(crate) peak_memory: u64,
    pub(crate) candidate: Option<Box<dyn Candidate>>,
    cancelled: Arc<AtomicBool>,
    started: Instant,
    deadline: Duration,
}

/// Standard stream that a guest writes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Output {
    Stdout,
    Stderr,
}

impl World {
    /// State for a new guest. Clock and entropy are functions of `seed`; the guest is ended once `cancelled` is set or it
    /// has run for longer than `deadline` by the host's clock.
    pub fn new(limits: Limits, seed: u64, stdin: String, cancelled: Arc<AtomicBool>, deadline: Duration) -> Self {
        let mut entropy = blake3::Hasher::new_derive_key(ENTROPY_KEY).update(&seed.to_le_bytes()).finalize_xof();
        let mut start = [0; 8];
        entropy.fill(&mut start);
        Self {
            limits,
            entropy,
            clock: Clock::new(limits.fuel, u64::from_le_bytes(start)),
            timers: Timers::default(),
            handles: 0,
            stdin: stdin.into_bytes(),
            stdin_read: 0,
            stdout: Vec::new(),
            stderr: Vec::new(),
            peak_memory: 0,
            candidate: None,
            cancelled,
            started: wall_clock(),
            deadline,
        }
    }

    /// The bytes that the guest wrote to standard error.
    pub fn stderr(&self) -> &[u8] {
        &self.stderr
    }

    /// The next bytes of standard input: at most `length`, and at most 64 KiB; empty at the end.
    pub fn read_stdin(&mut self, length: u64) -> Vec<u8> {
        let length = usize::try_from(length.min(LARGEST_TRANSFER)).expect("bounded above");
        let rest = &self.stdin[self.stdin_read..];
        let taken = rest[..length.min(rest.len())].to_vec();
        self.stdin_read += taken.len();
        taken
    }

    /// Appends to an output stream; what exceeds the limit on both streams together is cut off and ends the guest.
    pub(super) fn write(&mut self, stream: Output, contents: &[u8]) -> Result<(), Stop> {
        let used = self.stdout.len() + self.stderr.len();
        let room = usize::try_from(self.limits.output_bytes).unwrap_or(usize::MAX).saturating_sub(used);
        let fits = &contents[..contents.len().min(room)];
        match stream {
            Output::Stdout => self.stdout.extend_from_slice(fits),
            Output::Stderr => self.stderr.extend_from_slice(fits),
        }
        if fits.len() < contents.len() { Err(Stop::OutputTooLong) } else { Ok(()) }
    }

    /// The next `length` bytes of entropy.
    pub(super) fn random_bytes(&mut self, length: u64) -> Result<Vec<u8>, Stop> {
        if length > LARGEST_TRANSFER {
            return Err(Stop::RequestTooLarge);
        }
        let mut bytes = vec![0; usize::try_from(length).expect("bounded above")];
        self.entropy.fill(&mut bytes);
        Ok(bytes)
    }

    /// The next eight bytes of entropy as a number.
    pub(super) fn random_u64(&mut self) -> u64 {
        let mut bytes = [0; 8];
        self.entropy.fill(&mut bytes);
        u64::from_le_bytes(bytes)
    }

    /// Hands out a handle.
    ///
    /// # Errors
    /// If the guest holds too many; the error ends it.
    pub fn new_handle<T: 'static>(&mut self, representation: u32) -> wasmtime::Result<Resource<T>> {
        self.handles += 1;
        if self.handles > MOST_HANDLES {
            return Err(Stop::RequestTooLarge.into());
        }
        Ok(Resource::new_own(representation))
    }

    /// Takes back a handle that the guest dropped.
    pub fn drop_handle(&mut self) {
        self.handles = self.handles.saturating_sub(1);
    }

    /// The reason to end the guest that is not its own, if there is one.
    pub(crate) fn interruption(&self) -> Option<Stop> {
        if self.cancelled.load(Ordering::Relaxed) {
            Some(Stop::Cancelled)
        } else if wall_clock() - self.started >= self.deadline {
            Some(Stop::Deadline)
        } else {
            None
        }
    }

    pub(crate) fn limits(&self) -> &Limits {
        &self.limits
    }

    /// Longest run time by the host's clock.
    pub(crate) fn deadline(&self) -> Duration {
        self.deadline
    }
}

impl ResourceLimiter for World {
    fn memory_growing(&mut self, _current: usize, desired: usize, most: Option<usize>) -> wasmtime::Result<bool> {
        if most.is_some_and(|most| desired > most) {
            return Ok(false);
        }
        let desired = u64::try_from(desired).unwrap_or(u64::MAX);
        if desired > self.limits.memory_bytes {
            return Err(Stop::OutOfMemory.into());
        }
        self.peak_memory = self.peak_memory.max(desired);
        Ok(true)
    }

    /// Memory that was granted and cannot be had is trouble of this machine, unless it is more than any memory can have:
    /// for that wasmtime does not ask the limiter, and only the error's text tells the two apart.
    fn memory_grow_failed(&mut self, error: wasmtime::Error) -> wasmtime::Result<()> {
        if error.to_string().contains("exceeds memory type's limits") {
            return Ok(());
        }
        Err(wasmtime::Error::new(SandboxError::Runtime(format!("a guest's memory cannot grow: {error:#}"))))
    }

    fn table_growing(&mut self, _current: usize, _desired: usize, _most: Option<usize>) -> wasmtime::Result<bool> {
        Ok(true)
    }
}

#[expect(clippy::disallowed_methods, reason = "the net below the fuel: what it catches is never a score")]
fn wall_clock() -> Instant {
    Instant::now()
}

#[cfg(test)]
mod tests;
