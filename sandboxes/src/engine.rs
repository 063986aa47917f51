//! The one wasmtime configuration that guests are compiled for and run under.

use wasmtime::{Config, Enabled, Engine, InstanceAllocationStrategy, PoolingAllocationConfig, RegallocAlgorithm};

use crate::limits::Limits;

/// Version of wasmtime; a part of the runtime's identity. Held to the manifest by a test.
pub(crate) const WASMTIME: &str = "48.0.8";

/// Native stack size of a guest in bytes; address space, of which only the touched pages are resident. How much a call
/// takes of it differs between processors, so no program may reach this limit. CPython bounds its recursion by a stack
/// inside its memory, but some C functions that call one another (the iterators `filter`, `chain`, `islice` and others)
/// use none of that: each level is an object of at least 32 bytes of memory for some 160 bytes of native stack, so that
/// eight times the memory is more than a program reaches.
pub(crate) fn native_stack(limits: &Limits) -> usize {
    let memory = usize::try_from(limits.memory_bytes).unwrap_or(usize::MAX);
    memory.saturating_mul(NATIVE_PER_BYTE).clamp(LEAST_NATIVE_STACK, MOST_NATIVE_STACK)
}

const NATIVE_PER_BYTE: usize = 8;
const LEAST_NATIVE_STACK: usize = 64 << 20;
/// More cannot be reserved everywhere, nor reached within any sensible fuel: a level costs thousands of units.
const MOST_NATIVE_STACK: usize = 4 << 30;

/// Bytes of linear memory that stay resident in a slot between two programs: enough for the pages that a typical program
/// touches.
const KEPT_RESIDENT: usize = 24 << 20;

/// Least memory of a slot: room for the guest itself, so that a program limited to less than that ends with
/// [`OutOfMemory`](crate::Ending::OutOfMemory) and not with an error of the host.
const LEAST_MEMORY: u64 = 64 << 20;
/// Largest memory of a slot: addresses of a guest have 32 bits.
const MOST_MEMORY: u64 = 4 << 30;

/// An engine for one guest at a time, with the semantics of every other; for building and compiling guests.
///
/// # Errors
/// If this machine cannot run WebAssembly as configured.
pub fn guest_engine(limits: &Limits) -> wasmtime::Result<Engine> {
    Engine::new(&semantics(limits))
}

/// The part of the configuration that decides the meaning of a compiled guest, and nothing that merely decides its speed.
fn semantics(limits: &Limits) -> Config {
    let native_stack = native_stack(limits);
    let mut config = Config::new();
    config.wasm_component_model(true);
    config.consume_fuel(true);
    config.epoch_interruption(true);
    config.max_wasm_stack(native_stack);
    config.async_stack_size(2 * native_stack); // unused here, but checked against the former
    config.cranelift_nan_canonicalization(true);
    config.relaxed_simd_deterministic(true);
    config.cranelift_regalloc_algorithm(RegallocAlgorithm::Backtracking);
    config.memory_init_cow(true);
    config
}

/// Configuration of a pool with room for `instances` guests.
pub(crate) fn pooled(instances: u32, limits: &Limits) -> Config {
    let mut pool = PoolingAllocationConfig::default();
    pool.total_component_instances(instances)
        .max_component_instance_size(4 << 20)
        .max_core_instances_per_component(200)
        .max_memories_per_component(1)
        .max_tables_per_component(100)
        .total_core_instances(instances.saturating_mul(64))
        .max_core_instance_size(4 << 20)
        .total_memories(instances)
        .max_memory_size(usize::try_from(limits.memory_bytes.clamp(LEAST_MEMORY, MOST_MEMORY)).unwrap_or(usize::MAX))
        .total_stacks(1)
        .total_tables(instances.saturating_mul(64))
        .table_elements(60_000)
        .linear_memory_keep_resident(KEPT_RESIDENT)
        .table_keep_resident(1 << 20)
        .pagemap_scan(Enabled::Auto);
    let mut config = semantics(limits);
    config.allocation_strategy(InstanceAllocationStrategy::Pooling(pool));
    config
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_is_that_of_the_manifest() {
        let manifest = include_str!("../../Cargo.toml");
        assert!(manifest.contains(&format!("wasmtime = {{ version = \"{WASMTIME}\"")), "{WASMTIME}");
    }
}
