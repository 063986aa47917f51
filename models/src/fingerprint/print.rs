//! Taking the fingerprint of a model.

use serde::{Deserialize, Serialize};

use super::{digest, sketch, spectrum::Strengths};
use crate::{
    admission::Admitted,
    error::LoadError,
    layout::{Piece, absent_biases},
    snapshot::Snapshot,
};

/// Version of the fingerprint rules; fingerprints of different versions cannot be compared.
pub const VERSION: u32 = 2;

/// Fingerprint of a model's tensor files and tensors.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Fingerprint {
    /// BLAKE3 of the sorted SHA-256 digests of the tensor files.
    pub files: [u8; 32],
    /// Prints of the tensors that the decoder computes with, sorted by name.
    pub tensors: Vec<TensorPrint>,
}

/// Fingerprint of one canonical tensor.
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
///
/// # Errors
/// If a file cannot be read.
pub fn fingerprint(model: &Admitted) -> Result<Fingerprint, LoadError> {
    let source = model.tensors.as_ref();
    let mut strengths = Strengths::new(&model.config, source, &model.layout)?;
    let mut tensors = Vec::new();
    for stored in model.layout.stored() {
        let values = source.read(&stored.name)?;
        source.release(&stored.name);
        let mut before: Option<(&Piece, TensorPrint)> = None;
        for piece in &stored.pieces {
            let part = piece.values(&values);
            let print = match before {
                // An output layer that is the embedding once more has the same digest, and another spectrum.
                Some((other, print)) if other.is_the_same_part_as(piece) => {
                    strengths.add(piece.id, &piece.shape, &part);
                    TensorPrint { name: piece.id.to_string(), ..print }
                }
                _ => {
                    let (digest, (sketch, norm)) = rayon::join(
                        || digest::of_values(&part),
                        || {
                            strengths.add(piece.id, &piece.shape, &part);
                            sketch::of_values(&part)
                        },
                    );
                    let (name, shape) = (piece.id.to_string(), piece.shape.clone());
                    TensorPrint { name, shape, digest, norm, sketch, spectrum: Vec::new() }
                }
            };
            tensors.push((piece.id, print.clone()));
            before = Some((piece, print));
        }
    }
    for (id, length) in absent_biases(&model.config) {
        let zeros = vec![0.0; length];
        let (digest, (sketch, norm)) = (digest::of_values(&zeros), sketch::of_values(&zeros));
        let (name, shape) = (id.to_string(), vec![length]);
        tensors.push((id, TensorPrint { name, shape, digest, norm, sketch, spectrum: Vec::new() }));
    }
    tensors.sort_by(|(_, one), (_, two)| one.name.cmp(&two.name));
    let with_spectrum = |(id, print)| TensorPrint { spectrum: strengths.spectrum(id), ..print };
    Ok(Fingerprint { files: files(&model.snapshot), tensors: tensors.into_iter().map(with_spectrum).collect() })
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
