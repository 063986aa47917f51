//! The guest artifact: built from our own sources, compiled for this machine, and cached by digest.

use std::io;
use std::path::{Path, PathBuf};

use sandboxes::{Artifact, GuestCompiler};

use crate::cached_file::CachedFile;
use crate::component::{self, COMPONENT_BLAKE3, COMPONENTIZE_PY, PLATFORM, digest_of_sources};
use crate::error::BuildError;
use crate::files;
use crate::progress::{Progress, Step};

/// Subject of the progress messages.
const SUBJECT: &str = "python guest";

/// Returns the guest, from the cache if it is there, else built and compiled now. One process builds while others wait.
///
/// # Errors
/// If the interpreter's package cannot be fetched, the build does not give the pinned component, or a file of the cache
/// was changed.
pub fn ensure_artifact(cache: &Path, progress: &dyn Fn(Progress)) -> Result<Artifact, BuildError> {
    let guests = GuestCache { folder: &cache.join(FOLDER), compiler: GuestCompiler::new()? };
    let component = guests.component();
    if let Some(digest) = component.digest()? {
        check_pinned(&component, &digest)?;
        if let Some(artifact) = guests.read_compiled(&digest)? {
            return Ok(artifact);
        }
    }
    let waiting = || progress(Progress::at(Step::Waiting, SUBJECT));
    let _held = files::lock(guests.folder, "guest", waiting).map_err(BuildError::file("lock", guests.folder))?;
    let wasm = match component.read()? {
        Some(wasm) => wasm,
        None => {
            let wheel = COMPONENTIZE_PY.fetch_for(PLATFORM, cache, progress)?;
            progress(Progress::at(Step::Building, SUBJECT));
            let wasm = component::build(&wheel)?;
            let built = blake3::hash(&wasm).to_hex();
            if built.as_str() != COMPONENT_BLAKE3 {
                return Err(BuildError::Build(format!("the component is {built} and not {COMPONENT_BLAKE3}")));
            }
            component.write(&wasm)?;
            wasm
        }
    };
    let digest = blake3::hash(&wasm);
    check_pinned(&component, &digest)?;
    if let Some(artifact) = guests.read_compiled(&digest)? {
        return Ok(artifact);
    }
    progress(Progress::at(Step::Compiling, SUBJECT));
    let artifact = guests.compiler.compile(&wasm)?;
    guests.compiled(&digest).write(artifact.compiled())?;
    progress(Progress::at(Step::Done, SUBJECT));
    Ok(artifact)
}

/// Files of the cache that belong to guests of other versions of this program, and the package that the guest was built from.
///
/// # Errors
/// If the cache cannot be read, or this machine's compiler not be set up.
pub fn stale_files(cache: &Path) -> io::Result<Vec<PathBuf>> {
    let folder = cache.join(FOLDER);
    let guests = GuestCache { folder: &folder, compiler: GuestCompiler::new().map_err(io::Error::other)? };
    let component = guests.component();
    let mut kept = vec![component.name()];
    if let Some(digest) = component.digest().map_err(io::Error::other)? {
        kept.push(guests.compiled(&digest).name());
    }
    let mut stale = Vec::new();
    match std::fs::read_dir(&folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(error),
        Ok(entries) => {
            for entry in entries {
                let entry = entry?;
                let name = entry.file_name().to_string_lossy().into_owned();
                let is_guest = name.contains(".wasm") || name.contains(".cwasm");
                if is_guest && !kept.iter().any(|kept| name.starts_with(kept.as_str())) {
                    stale.push(entry.path());
                }
            }
        }
    }
    let wheel = COMPONENTIZE_PY.folder(cache);
    if kept.len() == 2 && wheel.is_dir() {
        stale.push(wheel);
    }
    Ok(stale)
}

/// The folder of the cache with the guests.
const FOLDER: &str = "sandbox";

/// Cached guests, named by short digests of everything they depend on.
struct GuestCache<'a> {
    folder: &'a Path,
    compiler: GuestCompiler,
}

impl GuestCache<'_> {
    fn component(&self) -> CachedFile {
        CachedFile::new(self.folder, &format!("guest-{}.wasm", short(&digest_of_sources())))
    }

    fn compiled(&self, component: &blake3::Hash) -> CachedFile {
        CachedFile::new(self.folder, &format!("guest-{}.cwasm", short(&self.compiler.cache_key(component))))
    }

    #[expect(unsafe_code, reason = "compiled code is trusted: its digest was checked")]
    fn read_compiled(&self, component: &blake3::Hash) -> Result<Option<Artifact>, BuildError> {
        let Some(bytes) = self.compiled(component).read()? else { return Ok(None) };
        // SAFETY: the bytes, in the memory they are loaded from, have the digest that was written beside them when this
        // program compiled them. Whoever may write to the cache folder can forge both, and is trusted like whoever may
        // write to this program's own file.
        Ok(Some(unsafe { self.compiler.trust(bytes, component) }))
    }
}

/// Refuses a component in the cache that is not the pinned one.
fn check_pinned(component: &CachedFile, digest: &blake3::Hash) -> Result<(), BuildError> {
    if digest.to_hex().as_str() == COMPONENT_BLAKE3 { Ok(()) } else { Err(component.tampered()) }
}

fn short(digest: &blake3::Hash) -> String {
    digest.to_hex()[..24].to_owned()
}
