//! The enum `ending` of `world.wit`.

use wasmtime::component::{ComponentType, Lift};

/// Status that the interpreter reports after a call; hostile, like everything a guest says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ComponentType, Lift)]
#[component(enum)]
#[repr(u8)]
pub enum GuestStatus {
    /// It ran to its end.
    #[component(name = "finished")]
    Finished,
    /// It exited with success.
    #[component(name = "exited")]
    Exited,
    /// It raised an exception, or exited with a failure.
    #[component(name = "raised")]
    Raised,
    /// It raised `MemoryError`.
    #[component(name = "out-of-memory")]
    OutOfMemory,
}
