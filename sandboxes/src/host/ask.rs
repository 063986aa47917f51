//! The import `ask`: a test program calls a function of a candidate that lives in another guest.

use wasmtime::StoreContextMut;
use wasmtime::component::LinkerInstance;

use super::world::HasWorld;
use crate::error::SandboxError;
use crate::outcome::Outcome;

/// Candidate whose functions a test program may call.
pub(crate) trait Candidate: Send {
    /// Calls the function with plain data; the inner `Err` is the text of the exception that the candidate raised.
    fn ask(&mut self, function: &str, arguments: &str) -> Result<Result<String, String>, SandboxError>;

    /// True while it can still be called.
    fn is_running(&self) -> bool;

    /// Ends the candidate and returns its outcome.
    fn finish(self: Box<Self>) -> Result<Outcome, SandboxError>;
}

/// Defines the import. A program that was given no candidate is told so.
pub(super) fn define<T: HasWorld>(to: &mut LinkerInstance<'_, T>) -> wasmtime::Result<()> {
    to.func_wrap("ask", |mut store: StoreContextMut<'_, T>, (function, arguments): (String, String)| {
        // Taken out while it answers, so that the world is not borrowed twice.
        let Some(mut candidate) = store.data_mut().world_mut().candidate.take() else {
            return Ok((Err("there is no candidate".to_owned()),));
        };
        let answer = candidate.ask(&function, &arguments);
        store.data_mut().world_mut().candidate = Some(candidate);
        Ok((answer.map_err(wasmtime::Error::new)?,))
    })
}
