//! The guest artifact: built from our own sources, compiled for this machine, kept by digest.

use std::fs;
use std::hash::{Hash, Hasher};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use wasmtime::Engine;

use crate::build::{self, COMPONENTIZE_PY};
use crate::cache;
use crate::component::Compiled;
use crate::engine;
use crate::error::SandboxError;
use crate::limits::Limits;
use crate::progress::{Progress, Step};
use crate::world;

/// What a person is told is being prepared.
const SUBJECT: &str = "python guest";

/// BLAKE3 of the component that our sources give: the build is the same to the byte on every machine, so that validators
/// cannot run different guests without noticing.
const COMPONENT: &str = "7444016a9d062764a26b01cabdcbe71f8edace465266498f47e9f8da62b25f95";

/// A guest that is ready to be instantiated.
#[derive(Clone)]
pub struct Artifact {
    compiled: Arc<Compiled>,
    digest: String,
}

impl Artifact {
    /// The guest, from the cache if it is there, else built and compiled now. One process builds, the others wait for it.
    pub fn ensure(cache: &Path, progress: &dyn Fn(Progress)) -> Result<Self, SandboxError> {
        let folder = cache.join("sandbox");
        let engine = Engine::new(&engine::semantics(&Limits::default()))
            .map_err(|error| SandboxError::Compile(format!("{error:#}")))?;
        let component = Entry { folder: &folder, name: format!("guest-{}.wasm", short(source_digest())) };
        let compiled = |component: &blake3::Hash| Entry {
            folder: &folder,
            name: format!("guest-{}.cwasm", short(compiled_digest(component, &engine))),
        };
        if let Some(made) = component.digest()? {
            component.check_pinned(&made)?;
            if let Some(compiled) = compiled(&made).compiled()? {
                return Ok(Self { compiled: Arc::new(compiled), digest: identity(&made) });
            }
        }
        let waiting = || progress(Progress::at(Step::Waiting, SUBJECT));
        let _held = cache::lock(&folder, "guest", waiting).map_err(SandboxError::file("lock", &folder))?;
        let wasm = match component.read()? {
            Some(wasm) => wasm,
            None => {
                let wheel = COMPONENTIZE_PY.fetch_for(build::PLATFORM, cache, progress)?;
                progress(Progress::at(Step::Building, SUBJECT));
                let wasm = build::component(&wheel)?;
                let made = blake3::hash(&wasm).to_hex();
                if made.as_str() != COMPONENT {
                    return Err(SandboxError::Build(format!("the component is {made} and not {COMPONENT}")));
                }
                component.write(&wasm)?;
                wasm
            }
        };
        let made = blake3::hash(&wasm);
        component.check_pinned(&made)?;
        let entry = compiled(&made);
        let compiled = match entry.compiled()? {
            Some(compiled) => compiled,
            None => {
                progress(Progress::at(Step::Compiling, SUBJECT));
                let compiled =
                    Compiled::make(&engine, &wasm).map_err(|error| SandboxError::Compile(format!("{error:#}")))?;
                entry.write(compiled.bytes())?;
                progress(Progress::at(Step::Done, SUBJECT));
                compiled
            }
        };
        Ok(Self { compiled: Arc::new(compiled), digest: identity(&made) })
    }

    /// The identity of the runtime: equal digests give equal outcomes, fuel included, on every machine.
    pub fn digest(&self) -> &str {
        &self.digest
    }

    pub(crate) fn compiled(&self) -> &Compiled {
        &self.compiled
    }
}

/// What a run means depends on the component, the version of the runtime and what the host grants.
fn identity(component: &blake3::Hash) -> String {
    let mut hasher = blake3::Hasher::new_derive_key("dethrone sandbox runtime identity");
    hasher.update(component.as_bytes()).update(engine::WASMTIME.as_bytes());
    hasher.update(&world::MOST_HANDLES.to_le_bytes()).update(&world::LARGEST_ANSWER.to_le_bytes());
    hasher.finalize().to_hex().to_string()
}

fn short(digest: blake3::Hash) -> String {
    digest.to_hex()[..24].to_owned()
}

/// What the component is made of, and what has to come of it: a change of either is another entry of the cache.
fn source_digest() -> blake3::Hash {
    let mut hasher = blake3::Hasher::new_derive_key("dethrone sandbox guest sources");
    let ours = build::SOURCES.iter().flat_map(|(name, text)| [*name, *text]);
    for part in ours.chain(COMPONENTIZE_PY.hashes.iter().copied()).chain([COMPONENT]) {
        hasher.update(&(part.len() as u64).to_le_bytes()).update(part.as_bytes());
    }
    hasher.finalize()
}

/// Depends on the component, the runtime's version and configuration, and the processor it was compiled for.
fn compiled_digest(component: &blake3::Hash, engine: &Engine) -> blake3::Hash {
    struct Feed(blake3::Hasher);
    impl Hasher for Feed {
        fn write(&mut self, bytes: &[u8]) {
            self.0.update(bytes);
        }
        fn finish(&self) -> u64 {
            0 // the whole digest is taken instead
        }
    }
    let mut feed = Feed(blake3::Hasher::new_derive_key("dethrone sandbox compiled guest"));
    feed.0.update(component.as_bytes()).update(engine::WASMTIME.as_bytes());
    engine.precompile_compatibility_hash().hash(&mut feed);
    feed.0.finalize()
}

/// A file of the cache with its digest beside it, written last: without the digest the file is not there.
struct Entry<'a> {
    folder: &'a Path,
    name: String,
}

impl Entry<'_> {
    fn path(&self) -> PathBuf {
        self.folder.join(&self.name)
    }

    fn digest_path(&self) -> PathBuf {
        self.folder.join(format!("{}.blake3", self.name))
    }

    fn digest(&self) -> Result<Option<blake3::Hash>, SandboxError> {
        let path = self.digest_path();
        match fs::read_to_string(&path) {
            Ok(text) => blake3::Hash::from_hex(text.trim())
                .map(Some)
                .map_err(|_| SandboxError::Tampered { path, what: "it holds no digest" }),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(SandboxError::file("read", path)(error)),
        }
    }

    fn read(&self) -> Result<Option<Vec<u8>>, SandboxError> {
        let Some((bytes, digest)) = self.unchecked()? else { return Ok(None) };
        if blake3::hash(&bytes) == digest { Ok(Some(bytes)) } else { Err(self.tampered()) }
    }

    fn compiled(&self) -> Result<Option<Compiled>, SandboxError> {
        let Some((bytes, digest)) = self.unchecked()? else { return Ok(None) };
        Compiled::check(bytes, &digest).map(Some).ok_or_else(|| self.tampered())
    }

    fn unchecked(&self) -> Result<Option<(Vec<u8>, blake3::Hash)>, SandboxError> {
        let Some(digest) = self.digest()? else { return Ok(None) };
        let path = self.path();
        let bytes = fs::read(&path).map_err(SandboxError::file("read", &path))?;
        Ok(Some((bytes, digest)))
    }

    /// A component of another digest was made by somebody else.
    fn check_pinned(&self, made: &blake3::Hash) -> Result<(), SandboxError> {
        if made.to_hex().as_str() == COMPONENT { Ok(()) } else { Err(self.tampered()) }
    }

    fn tampered(&self) -> SandboxError {
        SandboxError::Tampered { path: self.path(), what: "its digest is another" }
    }

    fn write(&self, bytes: &[u8]) -> Result<(), SandboxError> {
        let (path, digest) = (self.path(), self.digest_path());
        cache::write_whole(&path, bytes).map_err(SandboxError::file("write", &path))?;
        let text = format!("{}\n", blake3::hash(bytes).to_hex());
        cache::write_whole(&digest, text.as_bytes()).map_err(SandboxError::file("write", &digest))
    }
}
