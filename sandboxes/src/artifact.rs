//! Compiled guests: made from a component by this program, or read back from where it stored them. This is the one place
//! in this crate that the compiler cannot check.

use std::hash::{Hash, Hasher};
use std::sync::Arc;

use wasmtime::Engine;
use wasmtime::component::Component;

use crate::engine::{WASMTIME, guest_engine};
use crate::error::SandboxError;
use crate::host::{LARGEST_TRANSFER, MOST_HANDLES};
use crate::limits::Limits;

/// A guest that is compiled for this machine.
#[derive(Clone)]
pub struct Artifact {
    compiled: Arc<Vec<u8>>,
    digest: String,
}

impl Artifact {
    /// Identity of the runtime, in hexadecimal: equal digests give equal outcomes, fuel included, on every machine.
    pub fn digest(&self) -> &str {
        &self.digest
    }

    /// The compiled code, to be stored and given back to [`GuestCompiler::trust`].
    pub fn compiled(&self) -> &[u8] {
        &self.compiled
    }

    /// Makes the guest ready to be instantiated; refuses one that was made by another runtime or configuration.
    #[expect(unsafe_code, reason = "compiled code is trusted: we compiled it, or the caller of `trust` says so")]
    pub(crate) fn load(&self, engine: &Engine) -> wasmtime::Result<Component> {
        // SAFETY: the bytes are the unmodified result of `Engine::precompile_component`: of the two functions that make
        // an `Artifact`, one calls it, and the other requires exactly this of its caller.
        unsafe { Component::deserialize(engine, &*self.compiled) }
    }
}

/// Compiles guest components for this machine.
pub struct GuestCompiler {
    engine: Engine,
}

impl GuestCompiler {
    /// A compiler for guests of any limits.
    ///
    /// # Errors
    /// If this machine cannot run WebAssembly as configured.
    pub fn new() -> Result<Self, SandboxError> {
        Ok(Self { engine: guest_engine(&Limits::default()).map_err(compile_error)? })
    }

    /// Compiles a component.
    ///
    /// # Errors
    /// If it is no valid component.
    pub fn compile(&self, component: &[u8]) -> Result<Artifact, SandboxError> {
        let compiled = self.engine.precompile_component(component).map_err(compile_error)?;
        Ok(Artifact { compiled: Arc::new(compiled), digest: runtime_identity(&blake3::hash(component)) })
    }

    /// Takes back the compiled code of the component with this BLAKE3 digest.
    ///
    /// # Safety
    /// The bytes must be those of [`Artifact::compiled`] of an earlier [`compile`](Self::compile): they are machine code
    /// that will run in this process.
    #[expect(unsafe_code, reason = "only the caller knows where the code comes from")]
    pub unsafe fn trust(&self, compiled: Vec<u8>, component: &blake3::Hash) -> Artifact {
        Artifact { compiled: Arc::new(compiled), digest: runtime_identity(component) }
    }

    /// Digest of everything that compiled code depends on: the component, the version and configuration of the runtime,
    /// and the processor.
    pub fn cache_key(&self, component: &blake3::Hash) -> blake3::Hash {
        let mut feed = Feed(blake3::Hasher::new_derive_key("dethrone sandbox compiled guest"));
        feed.0.update(component.as_bytes()).update(WASMTIME.as_bytes());
        self.engine.precompile_compatibility_hash().hash(&mut feed);
        feed.0.finalize()
    }
}

/// Digest of everything that an outcome depends on: the component, the version of the runtime, and what the host grants.
fn runtime_identity(component: &blake3::Hash) -> String {
    let mut hasher = blake3::Hasher::new_derive_key("dethrone sandbox runtime identity");
    hasher.update(component.as_bytes()).update(WASMTIME.as_bytes());
    hasher.update(&MOST_HANDLES.to_le_bytes()).update(&LARGEST_TRANSFER.to_le_bytes());
    hasher.finalize().to_hex().to_string()
}

fn compile_error(error: wasmtime::Error) -> SandboxError {
    SandboxError::Compile(format!("{error:#}"))
}

/// Feeds a BLAKE3 hasher with what a value hashes.
struct Feed(blake3::Hasher);

impl Hasher for Feed {
    fn write(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    fn finish(&self) -> u64 {
        0 // the caller takes the whole digest instead
    }
}
