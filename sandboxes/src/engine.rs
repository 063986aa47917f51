//! The one configuration that guests are compiled for and run under.

use wasmtime::{Config, Enabled, InstanceAllocationStrategy, PoolingAllocationConfig, RegallocAlgorithm};

use crate::limits::Limits;

/// The version of the runtime; a part of the guest's identity. Held to the manifest by a test.
pub(crate) const WASMTIME: &str = "48.0.8";

/// The native stack of a guest. CPython bounds its own recursion and its shadow stack is smaller than this, so that the
/// native limit, which differs between processors, is not the one that is met.
pub(crate) const NATIVE_STACK: usize = 32 << 20;

/// Linear memory that stays with a slot between two programs: enough for the pages that a typical program touches.
const KEPT_RESIDENT: usize = 16 << 20;

/// What decides the meaning of a compiled guest, and nothing that merely decides its speed.
pub(crate) fn semantics() -> Config {
    let mut config = Config::new();
    config.wasm_component_model(true);
    config.consume_fuel(true);
    config.epoch_interruption(true);
    config.max_wasm_stack(NATIVE_STACK);
    config.async_stack_size(2 * NATIVE_STACK); // unused here, but checked against the former
    config.cranelift_nan_canonicalization(true);
    config.relaxed_simd_deterministic(true);
    config.cranelift_regalloc_algorithm(RegallocAlgorithm::Backtracking);
    config.memory_init_cow(true);
    config
}

/// The configuration of a pool with room for `instances` guests.
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
        .max_memory_size(usize::try_from(limits.memory_bytes).unwrap_or(usize::MAX))
        .total_tables(instances.saturating_mul(64))
        .table_elements(60_000)
        .linear_memory_keep_resident(KEPT_RESIDENT)
        .table_keep_resident(1 << 20)
        .pagemap_scan(Enabled::Auto);
    let mut config = semantics();
    config.allocation_strategy(InstanceAllocationStrategy::Pooling(pool));
    config
}
