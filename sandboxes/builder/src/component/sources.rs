//! Sources of the guest, and the pinned digest of the component that is built from them.

use super::COMPONENTIZE_PY;

/// BLAKE3 of the component. The build is the same to the byte on every machine, so that validators cannot run different
/// guests without noticing.
pub const COMPONENT_BLAKE3: &str = "9adb0f9f1637c9bef8bba59007984616529a343f81a0f4b11753d9ba6aea0977";

/// Bytes of the stack inside the guest's memory, by which CPython bounds recursion through C: as many as a process has on Linux.
pub(crate) const STACK_BYTES: u32 = 8 << 20;

/// A source file.
pub(crate) struct Source {
    /// File name in the tree that the interpreter imports from.
    pub(crate) name: &'static str,
    pub(crate) text: &'static str,
}

/// The WIT world: what host and guest say to each other.
pub(crate) const WORLD: Source = Source { name: "world.wit", text: include_str!("../../guest/world.wit") };
/// The Python module that names the items of the world.
pub(crate) const BINDING: Source = Source { name: "wit_world.py", text: include_str!("../../guest/wit_world.py") };
/// The Python module that implements the exports.
pub(crate) const GUEST: Source =
    Source { name: "dethrone_guest.py", text: include_str!("../../guest/dethrone_guest.py") };
/// The Python module that runs threads one after another.
pub(crate) const THREADS: Source =
    Source { name: "dethrone_threads.py", text: include_str!("../../guest/dethrone_threads.py") };
/// The Python module that keeps rarely imported modules as compressed code.
pub(crate) const LIBRARY: Source =
    Source { name: "dethrone_library.py", text: include_str!("../../guest/dethrone_library.py") };
/// The module `resource`, which the interpreter's build lacks.
pub(crate) const RESOURCE: Source = Source { name: "resource.py", text: include_str!("../../guest/resource.py") };
/// The program that runs before the heap is captured.
pub(crate) const WARM_UP: Source = Source { name: "warmup.py", text: include_str!("../../guest/warmup.py") };

/// Digest of everything that the component is made of, and of its pinned digest: a change of either is another cache
/// entry.
pub(crate) fn digest() -> blake3::Hash {
    let mut hasher = blake3::Hasher::new_derive_key("dethrone sandbox guest sources");
    let sources = [WORLD, BINDING, GUEST, THREADS, LIBRARY, RESOURCE, WARM_UP].map(|source| [source.name, source.text]);
    let parts = sources.as_flattened().iter().chain(COMPONENTIZE_PY.hashes).chain([&COMPONENT_BLAKE3]);
    hasher.update(&STACK_BYTES.to_le_bytes());
    for part in parts {
        hasher.update(&(part.len() as u64).to_le_bytes()).update(part.as_bytes());
    }
    hasher.finalize()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The first word of every line between two texts.
    fn names_between<'a>(text: &'a str, begin: &str, end: &str) -> Vec<&'a str> {
        let (_, rest) = text.split_once(begin).unwrap_or_else(|| panic!("{begin} is missing"));
        let (body, _) = rest.split_once(end).unwrap_or_else(|| panic!("{end} is missing"));
        body.lines().filter_map(|line| line.trim().split([',', ' ']).next()).filter(|name| !name.is_empty()).collect()
    }

    #[test]
    fn the_python_enum_counts_like_the_world() {
        let world = names_between(WORLD.text, "enum ending {", "}");
        let python = names_between(BINDING.text, "as far as the interpreter knows.\"\"\"", "def ask");
        let python: Vec<String> = python.iter().map(|name| name.to_lowercase().replace('_', "-")).collect();
        assert_eq!(world, ["finished", "exited", "raised", "out-of-memory"]);
        assert_eq!(python, world);
        for (number, name) in python.iter().enumerate() {
            let line = format!("{} = {number}", name.to_uppercase().replace('-', "_"));
            assert!(BINDING.text.contains(&line), "{line}");
        }
    }

    #[test]
    fn host_and_guest_agree_on_the_deepest_plain_data() {
        let line = format!("\nDEEPEST = {} ", sandboxes::plain::DEEPEST);
        assert!(GUEST.text.contains(&line), "{line}");
    }

    #[test]
    fn every_export_of_the_world_is_a_method_of_the_guest() {
        let exports: Vec<&str> = WORLD.text.lines().filter_map(|line| line.trim().strip_prefix("export ")).collect();
        assert_eq!(exports.len(), 3);
        for export in exports {
            let name = export.split(':').next().unwrap();
            assert!(GUEST.text.contains(&format!("    def {name}(self")), "{name}");
        }
    }

    /// A warm cache is found again only under the same name: a change of this digest must come from a change of the guest.
    #[test]
    fn the_cache_entry_of_these_sources_is_known() {
        assert_eq!(digest().to_hex()[..24], *"8126ec69f7855e00f827a3d5");
    }
}
