//! Loading a compiled guest: the one place in this crate that the compiler cannot check.

use wasmtime::Engine;
use wasmtime::component::Component;

/// A compiled guest whose digest was found to be the one written down when this program compiled it.
pub(crate) struct Compiled {
    bytes: Vec<u8>,
}

impl Compiled {
    /// Compiles a component for this machine.
    pub(crate) fn make(engine: &Engine, component: &[u8]) -> wasmtime::Result<Self> {
        Ok(Self { bytes: engine.precompile_component(component)? })
    }

    /// The bytes, if their BLAKE3 digest is `digest`.
    pub(crate) fn check(bytes: Vec<u8>, digest: &blake3::Hash) -> Option<Self> {
        (blake3::hash(&bytes) == *digest).then_some(Self { bytes })
    }

    /// What is kept in the cache.
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Makes the guest ready to be instantiated; refuses one that was made by another runtime or configuration.
    #[expect(unsafe_code, reason = "compiled code is trusted: we compiled it and its digest was checked")]
    pub(crate) fn load(&self, engine: &Engine) -> wasmtime::Result<Component> {
        // SAFETY: the bytes are the unmodified result of `Engine::precompile_component`: of the two constructors
        // one calls it, and the other compares them, in the memory they are loaded from, with the digest that was
        // written beside them then. Whoever may write to the cache folder can forge both, and is trusted as whoever
        // may write to this program's own file.
        unsafe { Component::deserialize(engine, &self.bytes) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_with_another_digest_are_refused() {
        let digest = blake3::hash(b"compiled");
        assert!(Compiled::check(b"compiled".to_vec(), &digest).is_some());
        assert!(Compiled::check(b"compilef".to_vec(), &digest).is_none());
    }
}
