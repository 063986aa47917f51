//! The guest artifact: built from our own sources, compiled for this machine, kept by digest.

use std::fs;
use std::hash::{Hash, Hasher};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;

use wasmtime::Engine;

use crate::cache;
use crate::component::Compiled;
use crate::engine;
use crate::error::SandboxError;
use crate::package::Package;
use crate::progress::{Progress, Step};

const WORLD: &str = include_str!("../guest/world.wit");
const PYTHON: &str = include_str!("../guest/dethrone_guest.py");
const MODULE: &str = "dethrone_guest";
/// What a person is told is being prepared.
const SUBJECT: &str = "python guest";

/// The tool that turns the guest's sources into a component.
pub const COMPONENTIZE_PY: Package<'static> = Package {
    name: "componentize-py",
    version: "0.25.1",
    hashes: &[
        "8623cd8cab8453cb0cd8bf03f3c7103420d06f2f3d360186a280a70a1ca5e89f", // Linux, x86-64
        "7b6a87c520358166843af0daa86d2312d7af4cbcbbf1e598951085cf7f2991ca", // Linux, aarch64
        "65fbc4a94df1de8acf7da50a1f5ed1711230188844e53e6332d99029be4e0afa", // macOS, x86-64
        "a556991534cc496207a9d2ca733c4b0f17ed38ef56a8d6b5f1847fdf1225dd1b", // macOS, aarch64
        "c7fd552fb0849858b0c1e8981543ed5dff4b0cc1597a8ea0bc26a495786dc0c6", // Windows, x86-64
    ],
};

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
        let engine = Engine::new(&engine::semantics()).map_err(|error| SandboxError::Compile(format!("{error:#}")))?;
        let component = Entry { folder: &folder, name: format!("guest-{}.wasm", short(source_digest())) };
        let compiled = |component: &blake3::Hash| Entry {
            folder: &folder,
            name: format!("guest-{}.cwasm", short(compiled_digest(component, &engine))),
        };
        if let Some(made) = component.digest()?
            && let Some(compiled) = compiled(&made).compiled()?
        {
            return Ok(Self { compiled: Arc::new(compiled), digest: identity(&made) });
        }
        let waiting = || progress(Progress::at(Step::Waiting, SUBJECT));
        let _held = cache::lock(&folder, "guest", waiting).map_err(SandboxError::file("lock", &folder))?;
        let wasm = match component.read()? {
            Some(wasm) => wasm,
            None => {
                let wasm = build(cache, &folder, progress)?;
                component.write(&wasm)?;
                wasm
            }
        };
        let made = blake3::hash(&wasm);
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

/// What a run means depends on the component, the version of the runtime and nothing else.
fn identity(component: &blake3::Hash) -> String {
    let mut hasher = blake3::Hasher::new_derive_key("dethrone sandbox runtime identity");
    hasher.update(component.as_bytes()).update(engine::WASMTIME.as_bytes());
    hasher.finalize().to_hex().to_string()
}

fn short(digest: blake3::Hash) -> String {
    digest.to_hex()[..24].to_owned()
}

fn source_digest() -> blake3::Hash {
    let mut hasher = blake3::Hasher::new_derive_key("dethrone sandbox guest sources");
    for part in [WORLD, PYTHON, COMPONENTIZE_PY.version].into_iter().chain(COMPONENTIZE_PY.hashes.iter().copied()) {
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

/// Makes the component from the guest's sources.
fn build(cache: &Path, folder: &Path, progress: &dyn Fn(Progress)) -> Result<Vec<u8>, SandboxError> {
    let tool = COMPONENTIZE_PY.fetch(cache, progress)?;
    progress(Progress::at(Step::Building, SUBJECT));
    let work = folder.join("guest.unfinished");
    cache::clear(&work).map_err(SandboxError::file("clear", &work))?;
    fs::create_dir_all(&work).map_err(SandboxError::file("create", &work))?;
    for (name, text) in [("world.wit", WORLD), ("dethrone_guest.py", PYTHON)] {
        let path = work.join(name);
        fs::write(&path, text).map_err(SandboxError::file("write", &path))?;
    }
    let output = Command::new("python3")
        .args(["-c", "import sys; sys.path.insert(0, sys.argv.pop(1)); from componentize_py import script; script()"])
        .arg(&tool)
        .args(["--wit-path", "world.wit", "--world", "guest", "componentize", MODULE, "--output", "guest.wasm"])
        .current_dir(&work)
        .stdin(Stdio::null())
        .output()
        .map_err(SandboxError::file("run", "python3"))?;
    if !output.status.success() {
        let said = [output.stdout, output.stderr].concat();
        return Err(SandboxError::Build(String::from_utf8_lossy(&said).into_owned()));
    }
    let path = work.join("guest.wasm");
    let wasm = fs::read(&path).map_err(SandboxError::file("read", &path))?;
    cache::clear(&work).map_err(SandboxError::file("clear", &work))?;
    Ok(wasm)
}
