//! Taking the fingerprint of a model.

use serde::{Deserialize, Serialize};

use super::outputs::Outputs;
use super::sketch::{Projection, SketchKey};
use super::{bits, digest};
use crate::{admission::Admitted, error::LoadError, layout::Piece, snapshot::Snapshot};

/// Version of the fingerprint rules; fingerprints of different versions cannot be compared.
pub const VERSION: u32 = 3;

/// Fingerprint of a model's tensor files, tensors and outputs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fingerprint {
    /// BLAKE3 of the sorted SHA-256 digests of the tensor files.
    #[serde(with = "bits::digest")]
    pub files: [u8; 32],
    /// Name of the secret key of sketches and outputs: those of different keys cannot be compared.
    pub key: String,
    /// Prints of the tensors that the decoder computes with, sorted by name.
    pub tensors: Vec<TensorPrint>,
    /// Its outputs on a secret text; none of a model that was not run.
    pub outputs: Option<Outputs>,
}

/// Fingerprint of one canonical tensor.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TensorPrint {
    /// Its name in the Hugging Face convention, the same for every layout of the same tensors.
    pub name: String,
    /// Its shape, outermost dimension first.
    pub shape: Vec<usize>,
    /// BLAKE3 of its values as little-endian `f32`, zero without a sign; the same for every encoding of the same values.
    #[serde(with = "bits::digest")]
    pub digest: [u8; 32],
    /// A linear sketch, 12 x 12 for a matrix and 12 for a vector: the squared distance of two sketches is, on average, that
    /// of the tensors, and a difference of low rank stays of low rank.
    #[serde(with = "bits::floats")]
    pub sketch: Vec<f32>,
}

/// Takes the fingerprint of a model's files, reading each tensor once; its outputs are taken of the running model.
///
/// # Errors
/// If a file cannot be read.
pub fn fingerprint(model: &Admitted, key: &SketchKey) -> Result<Fingerprint, LoadError> {
    let source = model.tensors.as_ref();
    let projection = Projection::new(key);
    let mut tensors = Vec::new();
    for stored in model.layout.stored() {
        let values = source.read(&stored.name)?;
        source.release(&stored.name);
        let mut before: Option<(&Piece, TensorPrint)> = None;
        for piece in &stored.pieces {
            let print = match before {
                // An output layer that is the embedding once more.
                Some((other, print)) if other.is_the_same_part_as(piece) => {
                    TensorPrint { name: piece.id.to_string(), ..print }
                }
                _ => {
                    let part = piece.values(&values);
                    let (digest, sketch) =
                        rayon::join(|| digest::of_values(&part), || projection.sketch(&piece.shape, &part));
                    TensorPrint { name: piece.id.to_string(), shape: piece.shape.clone(), digest, sketch }
                }
            };
            // A bias of zeros is none.
            if piece.shape.len() > 1 || print.sketch.iter().any(|value| *value != 0.0) {
                tensors.push(print.clone());
            }
            before = Some((piece, print));
        }
    }
    tensors.sort_by(|one, two| one.name.cmp(&two.name));
    Ok(Fingerprint { files: files(&model.snapshot), key: key.id(), tensors, outputs: None })
}

fn files(snapshot: &Snapshot) -> [u8; 32] {
    let tensor_file = |name: &str| name.ends_with(".safetensors") || name.ends_with(".gguf");
    let mut digests: Vec<_> =
        snapshot.files.iter().filter(|file| tensor_file(&file.name)).map(|file| file.sha256).collect();
    digests.sort_unstable();
    let mut hasher = blake3::Hasher::new();
    for digest in digests {
        hasher.update(&digest);
    }
    *hasher.finalize().as_bytes()
}
