//! Random parameters made on a card, for measuring models of any size without a file.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::sync::{Arc, Mutex, PoisonError};

use super::card::{Address, Buffer, Card};
use crate::{
    config::ModelConfig,
    error::{DeviceError, LoadError},
    layout::expected_tensors,
    splitmix::splitmix,
    tensors::TensorSource,
};

/// Values of a block of noise.
const BLOCK: usize = 8 << 20;

/// Names and shapes of a configuration's tensors; vectors are ones, small ones or noise, matrices are left to [`Noise`].
pub(super) struct RandomTensors {
    shapes: BTreeMap<String, Vec<usize>>,
}

impl RandomTensors {
    /// The tensors that a configuration implies.
    pub(super) fn of(config: &ModelConfig) -> Self {
        Self { shapes: expected_tensors(config).into_iter().collect() }
    }
}

impl TensorSource for RandomTensors {
    fn names(&self) -> Vec<String> {
        self.shapes.keys().cloned().collect()
    }

    fn shape(&self, name: &str) -> Option<Vec<usize>> {
        self.shapes.get(name).cloned()
    }

    fn read(&self, name: &str) -> Result<Vec<f32>, LoadError> {
        let unknown = || LoadError::UnknownTensor { name: name.to_owned() };
        let count = self.shapes.get(name).ok_or_else(unknown)?.iter().product();
        let value = |index: usize| match name {
            name if name.ends_with("norm.weight") => 1.0,
            name if name.ends_with("A_log") || name.ends_with("bias") => 0.0,
            _ => number(index, 0.5),
        };
        Ok((0..count).map(value).collect())
    }
}

/// A number from `-spread` to `spread`.
fn number(index: usize, spread: f32) -> f32 {
    ((splitmix(index as u64) >> 40) as f32 / (1 << 23) as f32 - 1.0) * spread
}

/// Blocks of noise in a card's memory, one for each number of inputs, of a size at which activations neither grow nor
/// vanish.
pub(super) struct Noise {
    card: Arc<dyn Card>,
    blocks: Mutex<BTreeMap<usize, Buffer>>,
}

impl Noise {
    pub(super) fn new(card: &Arc<dyn Card>) -> Self {
        Self { card: card.clone(), blocks: Mutex::default() }
    }

    /// Fills memory with weights for `inputs` columns.
    pub(super) fn fill(&self, card: &dyn Card, to: Address, bytes: usize, inputs: usize) -> Result<(), DeviceError> {
        let mut blocks = self.blocks.lock().unwrap_or_else(PoisonError::into_inner);
        if let Entry::Vacant(vacant) = blocks.entry(inputs) {
            let spread = 1.2 / (inputs as f32).sqrt();
            let values: Vec<half::bf16> = (0..BLOCK).map(|index| half::bf16::from_f32(number(index, spread))).collect();
            let block = Buffer::new(&self.card, BLOCK * 2, "random numbers")?;
            card.upload(block.address(), bytemuck::cast_slice(&values))?;
            vacant.insert(block);
        }
        let block = &blocks[&inputs];
        for at in (0..bytes).step_by(block.bytes()) {
            card.copy(to.plus(at), block.address(), block.bytes().min(bytes - at))?;
        }
        Ok(())
    }
}
