//! Limits of a child process, which it sets on itself before it reads a file.

use std::fs;
use std::io;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use serde::{Deserialize, Serialize};

/// Bytes that a process takes beside what is computed of a model: code, threads' stacks, and small files as they are parsed.
const BESIDE: u64 = 3 << 30;
/// Share of this machine's memory that one process may take.
const MOST_OF_MACHINE: f64 = 0.9;

/// Limits of a child process. Where one fires, the machine's part is told from the model's by nobody: it is never a score.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ProcessLimits {
    /// Most bytes of memory that it may write to; none where a card's driver maps what it likes.
    pub(crate) memory: Option<u64>,
    /// Most seconds of processor time; none for one whose work is counted in tokens.
    pub(crate) seconds: Option<u64>,
    /// Most seconds without any processor time while it is waited for: one that hangs would be waited for for ever.
    pub(crate) idle_seconds: u64,
}

/// Seconds that a disk or a card may take for one request, and more.
const IDLE_SECONDS: u64 = 600;

impl ProcessLimits {
    /// Limits for a process that needs so many bytes for a model.
    pub(crate) fn of_memory(bytes: u64) -> Self {
        let wanted = bytes.saturating_add(BESIDE);
        let memory = most_of_machine().map_or(wanted, |most| wanted.min(most));
        Self { memory: Some(memory), ..Self::on_a_card() }
    }

    /// Limits for a process on a card, whose driver maps the whole of its memory, and more.
    pub(crate) fn on_a_card() -> Self {
        Self { memory: None, seconds: None, idle_seconds: IDLE_SECONDS }
    }

    /// Sets them on this process, and makes it the first to be ended where the machine runs out of memory.
    ///
    /// # Errors
    /// If the system refuses a limit.
    pub(super) fn apply(self) -> io::Result<()> {
        let set = |resource, limit: u64| {
            // The parent may have stricter ones, which nobody may loosen.
            let limit = Some(getrlimit(resource).maximum.map_or(limit, |most| most.min(limit)));
            setrlimit(resource, Rlimit { current: limit, maximum: limit }).map_err(io::Error::from)
        };
        set(Resource::Core, 0)?;
        if let Some(memory) = self.memory {
            set(Resource::Data, memory)?;
        }
        if let Some(seconds) = self.seconds {
            set(Resource::Cpu, seconds)?;
        }
        // Not every system has the file; the limits hold without it.
        let _ = fs::write("/proc/self/oom_score_adj", "1000");
        Ok(())
    }
}

/// Processor time that a process has taken so far, in the system's ticks, where the system tells.
pub(super) fn processor_time(process: u32) -> Option<u64> {
    let text = fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    // The name, in parentheses, may hold anything; the times are the 12th and 13th fields after it.
    let mut fields = text[text.rfind(')')? + 1..].split_ascii_whitespace().skip(11);
    let (user, system): (u64, u64) = (fields.next()?.parse().ok()?, fields.next()?.parse().ok()?);
    Some(user + system)
}

/// Bytes that one process may take on this machine, where the system tells.
pub(super) fn most_of_machine() -> Option<u64> {
    total_memory().map(|total| (total as f64 * MOST_OF_MACHINE) as u64)
}

/// Bytes of this machine's memory, where the system tells.
fn total_memory() -> Option<u64> {
    let text = fs::read_to_string("/proc/meminfo").ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("MemTotal:"))?;
    let kibibytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kibibytes << 10)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_may_take_what_a_model_needs_and_never_the_whole_machine() {
        let small = ProcessLimits::of_memory(1 << 20).memory.unwrap();
        assert!(small <= (1 << 20) + BESIDE);
        assert!(processor_time(std::process::id()).is_some() && processor_time(u32::MAX).is_none());
        let all = ProcessLimits::of_memory(u64::MAX).memory.unwrap();
        assert!(total_memory().is_none_or(|total| all < total), "{all}");
    }
}
