//! Vector instructions, detected at run time, and the threads that kernels run on.

use std::fmt;
use std::sync::Arc;

use pulp::{Scalar, Simd, WithSimd};
use rayon::ThreadPool;

use super::dispatch::Dot;

/// A set of vector instructions of this machine. It changes the speed of kernels and no result.
#[derive(Clone, Copy)]
pub struct InstructionSet {
    level: Level,
    dot: Dot,
    name: &'static str,
}

#[derive(Clone, Copy)]
enum Level {
    Scalar,
    #[cfg(target_arch = "x86_64")]
    Avx2(pulp::x86::V3),
    #[cfg(target_arch = "x86_64")]
    Avx512(pulp::x86::V4),
    #[cfg(target_arch = "aarch64")]
    Neon(pulp::aarch64::Neon),
}

impl InstructionSet {
    /// Detects the widest set of this machine.
    pub fn detect() -> Self {
        Self::available().pop().expect("scalar code runs everywhere")
    }

    /// All sets of this machine, the narrowest first.
    pub fn available() -> Vec<Self> {
        let mut sets = vec![Self { level: Level::Scalar, dot: Dot::plain(), name: "scalar" }];
        #[cfg(target_arch = "x86_64")]
        if let (Some(simd), Some(dot)) = (pulp::x86::V3::try_new(), Dot::avx2()) {
            let level = Level::Avx2(simd);
            sets.push(Self { level, dot, name: "avx2" });
            sets.extend(Dot::avx_vnni().map(|dot| Self { level, dot, name: "avx2-vnni" }));
            if let Some(level) = pulp::x86::V4::try_new().map(Level::Avx512) {
                sets.push(Self { level, dot, name: "avx512" });
                sets.extend(Dot::avx512_vnni().map(|dot| Self { level, dot, name: "avx512-vnni" }));
            }
        }
        #[cfg(target_arch = "aarch64")]
        sets.extend(pulp::aarch64::Neon::try_new().map(|simd| Self {
            level: Level::Neon(simd),
            dot: Dot::plain(),
            name: "neon",
        }));
        sets
    }

    /// Its name in reports: `scalar`, `avx2`, `avx2-vnni`, `avx512`, `avx512-vnni` or `neon`.
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// Its byte dot product.
    pub(super) fn dot(&self) -> Dot {
        self.dot
    }

    /// Runs `work` compiled for these instructions. Functions that it calls must be inlined to be compiled for them too.
    #[inline]
    pub(crate) fn run<W: WithSimd>(self, work: W) -> W::Output {
        match self.level {
            Level::Scalar => Simd::vectorize(Scalar::new(), work),
            #[cfg(target_arch = "x86_64")]
            Level::Avx2(simd) => Simd::vectorize(simd, work),
            #[cfg(target_arch = "x86_64")]
            Level::Avx512(simd) => Simd::vectorize(simd, work),
            #[cfg(target_arch = "aarch64")]
            Level::Neon(simd) => Simd::vectorize(simd, work),
        }
    }
}

impl fmt::Debug for InstructionSet {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

/// Instructions and threads that a kernel runs on; neither changes a result.
#[derive(Clone, Debug)]
pub struct Processor {
    instructions: InstructionSet,
    pool: Arc<ThreadPool>,
}

impl Processor {
    /// A processor with the widest instructions of this machine and the threads of `pool`.
    pub fn new(pool: Arc<ThreadPool>) -> Self {
        Self::with(InstructionSet::detect(), pool)
    }

    /// A processor with the given instructions and the threads of `pool`.
    pub fn with(instructions: InstructionSet, pool: Arc<ThreadPool>) -> Self {
        Self { instructions, pool }
    }

    /// The instructions in use.
    pub fn instructions(&self) -> InstructionSet {
        self.instructions
    }

    /// The threads in use.
    pub fn pool(&self) -> &ThreadPool {
        &self.pool
    }

    /// Number of threads.
    pub(super) fn threads(&self) -> usize {
        self.pool.current_num_threads()
    }

    /// Runs `work` on every part: on the calling thread if there is one part or one thread, else on all threads.
    pub(super) fn each<P: Send>(&self, parts: Vec<P>, work: impl Fn(P) + Sync) {
        if parts.len() <= 1 || self.threads() == 1 {
            parts.into_iter().for_each(work);
            return;
        }
        let work = &work;
        self.pool.scope(|scope| {
            let mut parts = parts.into_iter();
            // The calling thread takes the first part itself and would otherwise idle.
            let first = parts.next();
            for part in parts {
                scope.spawn(move |_| work(part));
            }
            first.into_iter().for_each(work);
        });
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::sync::Mutex;

    use super::*;
    use crate::kernel::fixtures::processors;

    #[test]
    fn every_part_is_worked_on_once_whatever_the_threads() {
        for processor in processors() {
            for count in [0, 1, 2, 3, 50] {
                let seen = Mutex::new(Vec::new());
                processor.each((0..count).collect(), |part: usize| {
                    seen.lock().expect("no part panics").push(part);
                });
                let mut seen = seen.into_inner().expect("no part panics");
                seen.sort_unstable();
                assert_eq!(seen, (0..count).collect::<Vec<_>>(), "{processor:?}");
            }
        }
    }

    #[test]
    fn instruction_sets_are_named_apart_and_the_widest_is_taken() {
        let sets = InstructionSet::available();
        let names: Vec<&str> = sets.iter().map(InstructionSet::name).collect();
        assert_eq!(names[0], "scalar");
        assert_eq!(names.iter().collect::<BTreeSet<_>>().len(), names.len(), "{names:?}");
        assert_eq!(InstructionSet::detect().name(), names[names.len() - 1]);
        // Each architecture has a vector unit that every one of its machines has, or nearly so.
        if cfg!(target_arch = "aarch64") {
            assert_eq!(names, ["scalar", "neon"]);
        }
    }
}
