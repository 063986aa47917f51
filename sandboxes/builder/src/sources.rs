//! Sources of the guest, and the pinned digest of the component that is built from them.

use crate::component::COMPONENTIZE_PY;

/// BLAKE3 of the component. The build is the same to the byte on every machine, so that validators cannot run different
/// guests without noticing.
pub(crate) const COMPONENT_BLAKE3: &str = "7444016a9d062764a26b01cabdcbe71f8edace465266498f47e9f8da62b25f95";

/// A source file.
pub(crate) struct Source {
    /// File name in the tree that the interpreter imports from.
    pub(crate) name: &'static str,
    pub(crate) text: &'static str,
}

/// The WIT world: what host and guest say to each other.
pub(crate) const WORLD: Source = Source { name: "world.wit", text: include_str!("../guest/world.wit") };
/// The Python module that names the items of the world.
pub(crate) const BINDING: Source = Source { name: "wit_world.py", text: include_str!("../guest/wit_world.py") };
/// The Python module that implements the exports.
pub(crate) const GUEST: Source = Source { name: "dethrone_guest.py", text: include_str!("../guest/dethrone_guest.py") };
/// The program that runs before the heap is captured.
pub(crate) const WARM_UP: Source = Source { name: "warmup.py", text: include_str!("../guest/warmup.py") };

/// Digest of everything that the component is made of, and of its pinned digest: a change of either is another cache
/// entry.
pub(crate) fn digest() -> blake3::Hash {
    let mut hasher = blake3::Hasher::new_derive_key("dethrone sandbox guest sources");
    let sources = [WORLD, BINDING, GUEST, WARM_UP].map(|source| [source.name, source.text]);
    let parts = sources.as_flattened().iter().chain(COMPONENTIZE_PY.hashes).chain([&COMPONENT_BLAKE3]);
    for part in parts {
        hasher.update(&(part.len() as u64).to_le_bytes()).update(part.as_bytes());
    }
    hasher.finalize()
}
