//! A folder hub with seven entries made of two real models, and the registry that names them.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use models::admission::{Limits, admit};
use models::error::LoadError;
use models::export::{ExportSettings, ExportType, write_folder};
use models::hub::FolderHub;
use models::model_ref::ModelRef;
use models::snapshot::{Snapshot, SnapshotError};
use serde_json::json;

use crate::assets::{AssetError, GEMMA3, SMOLLM2};
use crate::events::{Event, Reporter};
use crate::files::{write_whole, write_whole_with};

/// Begin of the folders' names, of all versions.
pub(crate) const LAYOUTS: &str = "demo-";
/// The version of the layout: a change of what is laid out is another folder of the cache.
pub(crate) const LAYOUT: &str = "demo-2";
/// Standard deviation of the noisy copy's noise, relative to each tensor's root mean square: what a cast to bf16 adds.
const NOISE: f32 = 0.001;
/// The same for a copy with so much noise that its tensors could be those of a tuned model.
const MORE_NOISE: f32 = 0.01;
/// Standard deviation of the damage, relative to each tensor's root mean square.
const DAMAGE: f32 = 0.6;

/// One entry of the demonstration.
struct Variant {
    hotkey: &'static str,
    repository: &'static str,
    committed: u64,
    make: Make,
}

/// Origin of an entry's files.
enum Make {
    /// A file as it is, under a name.
    Copy(Source, &'static str),
    /// All tensors written anew as safetensors, with noise of this relative size.
    Rewrite { noise: f32, data_type: ExportType, shards: usize },
}

/// A real model.
enum Source {
    SmolLm2,
    Gemma3,
}

/// The demonstration's entries, in order of commitment.
const VARIANTS: [Variant; 7] = [
    Variant {
        hotkey: "5Champion",
        repository: "honest/smollm2-135m",
        committed: 100,
        make: Make::Copy(Source::SmolLm2, SMOLLM2.name),
    },
    Variant {
        hotkey: "5ExactCopy",
        repository: "sybil/my-own-model",
        committed: 110,
        make: Make::Copy(Source::SmolLm2, "my-own-model.gguf"),
    },
    Variant {
        hotkey: "5Resharded",
        repository: "sybil/fresh-weights",
        committed: 120,
        make: Make::Rewrite { noise: 0.0, data_type: ExportType::F32, shards: 3 },
    },
    Variant {
        hotkey: "5NoisyCopy",
        repository: "sybil/finetuned",
        committed: 130,
        make: Make::Rewrite { noise: NOISE, data_type: ExportType::Bf16, shards: 1 },
    },
    Variant {
        hotkey: "5NoisierCopy",
        repository: "sybil/finetuned-more",
        committed: 140,
        make: Make::Rewrite { noise: MORE_NOISE, data_type: ExportType::Bf16, shards: 1 },
    },
    Variant {
        hotkey: "5Decoy",
        repository: "decoy/damaged",
        committed: 150,
        make: Make::Rewrite { noise: DAMAGE, data_type: ExportType::Bf16, shards: 1 },
    },
    Variant {
        hotkey: "5Challenger",
        repository: "honest/gemma-3-270m",
        committed: 160,
        make: Make::Copy(Source::Gemma3, GEMMA3.name),
    },
];

/// The demonstration could not be laid out.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DemoError {
    /// A model could not be fetched.
    #[error(transparent)]
    Asset(#[from] AssetError),
    /// A model could not be read or written.
    #[error("cannot make the entry {entry}")]
    Model {
        /// The entry's address.
        entry: &'static str,
        /// The cause.
        source: LoadError,
    },
    /// A model's files could not be read.
    #[error(transparent)]
    Snapshot(#[from] SnapshotError),
    /// A file could not be written.
    #[error("cannot write {}: {source}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// The cause.
        source: io::Error,
    },
}

/// The folder with the hub and the registry, made first if it is not there. A killed process leaves nothing half done:
/// each entry's folder appears at once, and the registry last.
///
/// # Errors
/// If a model cannot be fetched or the disk has no room.
pub(crate) fn lay_out(cache: &Path, reporter: &dyn Reporter) -> Result<PathBuf, DemoError> {
    let hub = hub_folder(cache);
    let registry = hub.join("registry.json");
    if registry.is_file() {
        return Ok(hub);
    }
    let progress = |progress: sandbox_builder::Progress| reporter.report(Event::from(progress));
    let smollm2 = SMOLLM2.fetch(cache, &progress)?;
    let gemma3 = GEMMA3.fetch(cache, &progress)?;
    for variant in &VARIANTS {
        let subject = format!("demo entry {}", variant.repository);
        reporter.report(Event::Asset { subject: subject.clone(), doing: "making", done: 0, total: None });
        let folder = FolderHub::new(hub.clone()).files(&reference_of(variant));
        if !folder.is_dir() {
            make(variant, &smollm2, &gemma3, &folder)?;
        }
        reporter.report(Event::AssetReady { subject });
    }
    write_whole(&registry, self::registry().as_bytes())
        .map_err(|source| DemoError::File { path: registry.clone(), source })?;
    Ok(hub)
}

/// The folder of the demonstration's hub below a cache.
pub(crate) fn hub_folder(cache: &Path) -> PathBuf {
    cache.join(LAYOUT)
}

/// The text of the demonstration's registry file.
pub(crate) fn registry() -> String {
    let entry = |(place, variant): (usize, &Variant)| {
        json!({
            "uid": place + 1,
            "hotkey": variant.hotkey,
            "model": reference_of(variant).to_string(),
            "committed": variant.committed,
        })
    };
    let document = json!({
        "version": 1,
        "netuid": 120,
        "seed_block": 1000,
        "seed_hash": blake3::hash(b"dethrone demonstration").to_hex().as_str(),
        "entries": VARIANTS.iter().enumerate().map(entry).collect::<Vec<_>>(),
    });
    serde_json::to_string_pretty(&document).expect("the registry is plain data")
}

/// The repository at its commit.
fn reference_of(variant: &Variant) -> ModelRef {
    format!("{}@{}", variant.repository, commit_of(variant)).parse().expect("the names are constants")
}

/// The demonstration's commits stand for nothing but themselves: a digest of the repository's name.
fn commit_of(variant: &Variant) -> String {
    blake3::hash(variant.repository.as_bytes()).to_hex()[..40].to_owned()
}

fn make(variant: &Variant, smollm2: &Path, gemma3: &Path, folder: &Path) -> Result<(), DemoError> {
    let beside = folder.with_extension("new");
    let file_error = |source| DemoError::File { path: beside.clone(), source };
    if beside.is_dir() {
        fs::remove_dir_all(&beside).map_err(file_error)?;
    }
    fs::create_dir_all(&beside).map_err(file_error)?;
    match &variant.make {
        Make::Copy(source, name) => {
            let from = match source {
                Source::SmolLm2 => smollm2,
                Source::Gemma3 => gemma3,
            };
            let mut from = fs::File::open(from).map_err(file_error)?;
            write_whole_with(&beside.join(name), |to| io::copy(&mut from, to).map(drop)).map_err(file_error)?;
        }
        Make::Rewrite { noise, data_type, shards } => {
            rewrite(variant.hotkey, smollm2, &beside, *noise, *data_type, *shards)?;
        }
    }
    fs::rename(&beside, folder).map_err(file_error)
}

/// The real model's tensors as safetensors in a repository of their own, with noise of a size relative to each tensor.
fn rewrite(
    hotkey: &'static str,
    gguf: &Path,
    folder: &Path,
    noise: f32,
    data_type: ExportType,
    shards: usize,
) -> Result<(), DemoError> {
    let snapshot = Snapshot::of_gguf(gguf)?;
    let model_error = |source| DemoError::Model { entry: hotkey, source };
    let admitted = admit(&snapshot, &Limits::default()).map_err(model_error)?;
    let mut change = |name: &str, values: &mut [f32]| {
        if noise > 0.0 {
            add_noise(name, values, noise);
        }
    };
    write_folder(&admitted, folder, ExportSettings { data_type, shards }, &mut change).map_err(model_error)
}

/// Adds noise of the given size relative to the tensor's root mean square: a sum of twelve uniform draws, seeded by the name.
fn add_noise(name: &str, values: &mut [f32], noise: f32) {
    let squares: f64 = values.iter().map(|value| f64::from(*value) * f64::from(*value)).sum();
    let scale = noise * (squares / values.len().max(1) as f64).sqrt() as f32;
    let mut stream = blake3::Hasher::new().update(b"demo noise").update(name.as_bytes()).finalize_xof();
    let mut bytes = vec![0_u8; 1 << 16];
    for chunk in values.chunks_mut(bytes.len() / 12) {
        stream.fill(&mut bytes[..chunk.len() * 12]);
        for (value, draws) in chunk.iter_mut().zip(bytes.chunks_exact(12)) {
            let sum: f32 = draws.iter().map(|draw| f32::from(*draw) / 255.0 - 0.5).sum();
            *value += scale * sum;
        }
    }
}
