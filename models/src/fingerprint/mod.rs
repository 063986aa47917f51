//! What a model is recognised by after renaming, resharding, casts, noise, permutation and rescaling.
//!
//! A fingerprint is small data; deciding what counts as a copy is somebody else's business.

mod digest;
mod sketch;
mod spectrum;

use serde::{Deserialize, Serialize};

use crate::{
    admission::Admitted,
    error::LoadError,
    layout::pieces::{Piece, absent_biases, pieces},
    snapshot::Snapshot,
};

/// Which rules fingerprints are taken by; those of different versions cannot be compared.
pub const VERSION: u32 = 2;

/// What is remembered of a model's tensors.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Fingerprint {
    /// BLAKE3 of the sorted SHA-256 digests of the tensor files.
    pub files: [u8; 32],
    /// One print a tensor that the decoder computes with, by name.
    pub tensors: Vec<TensorPrint>,
}

/// What is remembered of one tensor.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TensorPrint {
    /// Its name in the Hugging Face convention, the same for every layout of the same tensors.
    pub name: String,
    /// Its shape, outermost dimension first.
    pub shape: Vec<usize>,
    /// BLAKE3 of its values as little-endian `f32`, zero without a sign; the same for every encoding of the same values.
    pub digest: [u8; 32],
    /// Its Euclidean norm.
    pub norm: f64,
    /// A random projection, the same for all tensors: the squared distance of two sketches is, on average, that of the
    /// tensors.
    pub sketch: Vec<f32>,
    /// Quantiles of its rows' strengths, which permuting and function-preserving rescaling leave alone; empty for a
    /// tensor that such a rescaling can turn into anything, such as the weights of a norm.
    pub spectrum: Vec<f32>,
}

/// Takes the fingerprint of a model, reading each tensor once.
pub fn fingerprint(model: &Admitted) -> Result<Fingerprint, LoadError> {
    let source = model.tensors.as_ref();
    let mut strengths = spectrum::Strengths::new(&model.config, source)?;
    let mut tensors = Vec::new();
    for (stored, pieces) in pieces(&model.config, source) {
        let values = source.read(&stored)?;
        source.release(&stored);
        let mut before: Option<(Piece, TensorPrint)> = None;
        for piece in pieces {
            let part = piece.values(&values);
            let print = match before {
                // An output layer that is the embedding once more has the same digest, and another spectrum.
                Some((other, print)) if other.is_the_same_part_as(&piece) => {
                    strengths.add(&piece.name, &piece.shape, &part);
                    TensorPrint { name: piece.name.clone(), ..print }
                }
                _ => {
                    let (digest, (sketch, norm)) = rayon::join(
                        || digest::of_values(&part),
                        || {
                            strengths.add(&piece.name, &piece.shape, &part);
                            sketch::of_values(&part)
                        },
                    );
                    let (name, shape) = (piece.name.clone(), piece.shape.clone());
                    TensorPrint { name, shape, digest, norm, sketch, spectrum: Vec::new() }
                }
            };
            tensors.push(print.clone());
            before = Some((piece, print));
        }
    }
    for (name, length) in absent_biases(&model.config) {
        let zeros = vec![0.0; length];
        let (digest, (sketch, norm)) = (digest::of_values(&zeros), sketch::of_values(&zeros));
        tensors.push(TensorPrint { name, shape: vec![length], digest, norm, sketch, spectrum: Vec::new() });
    }
    tensors.sort_by(|one, two| one.name.cmp(&two.name));
    for tensor in &mut tensors {
        tensor.spectrum = strengths.spectrum(&tensor.name);
    }
    Ok(Fingerprint { files: files(&model.snapshot), tensors })
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
