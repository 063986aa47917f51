//! Process interfaces: exit, entropy, and an environment, arguments and terminals that do not exist.

use wasmtime::StoreContextMut;
use wasmtime::component::{LinkerInstance, Resource};

use super::world::{HasWorld, Stop};

/// Host type behind the handles `terminal-input` and `terminal-output`, of which no guest ever gets one.
pub(super) struct Terminal;

/// Defines `wasi:cli/exit`.
pub(super) fn define_exit<T: HasWorld>(to: &mut LinkerInstance<'_, T>) -> wasmtime::Result<()> {
    to.func_wrap("exit", |_, (status,): (Result<(), ()>,)| -> wasmtime::Result<()> {
        Err(Stop::Exited(u8::from(status.is_err())).into())
    })
}

/// Defines `wasi:cli/environment`: no variables, no arguments, no current folder.
pub(super) fn define_environment<T: HasWorld>(to: &mut LinkerInstance<'_, T>) -> wasmtime::Result<()> {
    to.func_wrap("get-environment", |_, (): ()| Ok((Vec::<(String, String)>::new(),)))?;
    to.func_wrap("get-arguments", |_, (): ()| Ok((Vec::<String>::new(),)))?;
    to.func_wrap("initial-cwd", |_, (): ()| Ok((None::<String>,)))
}

/// Defines the function that would hand out a terminal.
pub(super) fn define_no_terminal<T: HasWorld>(to: &mut LinkerInstance<'_, T>, name: &str) -> wasmtime::Result<()> {
    to.func_wrap(name, |_, (): ()| Ok((None::<Resource<Terminal>>,)))
}

/// Defines `wasi:random/random`.
pub(super) fn define_random<T: HasWorld>(to: &mut LinkerInstance<'_, T>) -> wasmtime::Result<()> {
    to.func_wrap("get-random-bytes", |mut store: StoreContextMut<'_, T>, (length,): (u64,)| {
        Ok((store.data_mut().world_mut().random_bytes(length)?,))
    })?;
    to.func_wrap("get-random-u64", |mut store: StoreContextMut<'_, T>, (): ()| {
        Ok((store.data_mut().world_mut().random_u64(),))
    })
}
