//! Prints of models, as they are compared: digests, linear sketches of the tensors, and outputs on a probe.

use serde::{Deserialize, Serialize};

/// Sums along one side of a sketch; a sketch of a matrix has the square of it.
pub const SIDE: usize = 12;
/// Values that describe the next-token distribution at one position of the probe.
pub const FEATURES: usize = 5;

/// Print of one entry's model, or of a model that was seen in an earlier window.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct EntryPrint {
    /// Block of the commitment by which the owner was first seen with these files.
    pub committed: u64,
    /// Order within the block.
    pub position: u32,
    /// Number of the owner: an owner's earlier models are no originals to its later ones.
    pub owner: usize,
    /// For a model of an earlier window the owner whose work it was then found to be, itself or the owner of what it
    /// repeated; it is an original to others and is not judged again. `None` for an entry to be judged.
    pub origin: Option<usize>,
    /// The model.
    pub model: ModelPrint,
}

/// Print of a model.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ModelPrint {
    /// Digest of the sorted list of tensor-file digests.
    pub files: [u8; 32],
    /// Prints of its tensors, in any order; a vector that is not among them is zero.
    pub tensors: Vec<TensorPrint>,
    /// Its outputs on the probe, where it was run.
    pub outputs: Option<OutputsPrint>,
}

/// Print of one tensor.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TensorPrint {
    /// Its name in one convention for all layouts of the same tensors.
    pub name: String,
    /// Its shape, outermost dimension first.
    pub shape: Vec<usize>,
    /// Digest of its elements as canonical f32 bytes.
    pub digest: [u8; 32],
    /// A linear sketch `L W R` by secret random signs, [`SIDE`] x [`SIDE`] for a matrix and [`SIDE`] values for a vector: the
    /// squared distance of two sketches estimates that of the tensors, and a difference of low rank stays of low rank.
    pub sketch: Vec<f32>,
}

/// Outputs of a model on a secret text: the next-token distribution at each position.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct OutputsPrint {
    /// Digest of all log-probabilities and of the texts of the tokens that they belong to.
    pub digest: [u8; 32],
    /// [`FEATURES`] values a position that ignore temperature and any affine change of the logits: the logits of the text's
    /// token and of the likeliest, standardized by the likeliest twenty.
    pub features: Vec<f32>,
    /// Digest of the likeliest token's text at each position.
    pub likeliest: Vec<u32>,
}
