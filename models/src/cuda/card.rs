//! Graphics processor as the decoder sees it: memory, copies, kernels and products.

use std::{fmt, sync::Arc};

use serde::{Deserialize, Serialize};

use crate::error::DeviceError;

/// Address in a card's memory.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
#[repr(transparent)]
pub(crate) struct Address(pub(crate) u64);

impl Address {
    /// No memory: a null pointer to a kernel.
    pub(crate) const NONE: Self = Self(0);

    /// The address so many bytes further on.
    pub(crate) fn plus(self, bytes: usize) -> Self {
        Self(self.0 + bytes as u64)
    }
}

/// Kernel of a card, found by its name once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Kernel(pub(super) usize);

/// Shape of a launch.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Launch {
    /// Blocks in each direction.
    pub(crate) grid: [u32; 3],
    /// Threads of a block.
    pub(crate) threads: u32,
    /// Bytes of dynamic shared memory.
    pub(crate) shared: u32,
}

/// Shape of a product `y[rows, outputs] = x[rows, inputs] · weightsᵀ` of bfloat16 matrices with single-precision sums.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct WeightShape {
    /// Rows of the weights.
    pub(crate) outputs: usize,
    /// Columns of the weights.
    pub(crate) inputs: usize,
    /// True if `y` is single precision.
    pub(crate) wide: bool,
}

impl fmt::Display for WeightShape {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let to = if self.wide { "f32" } else { "bf16" };
        write!(formatter, "[{}, {}] to {to}", self.outputs, self.inputs)
    }
}

/// Operands of a product.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Operands {
    /// `[outputs, inputs]`.
    pub(crate) weights: Address,
    /// `[rows, inputs]`.
    pub(crate) x: Address,
    /// `[rows, outputs]`.
    pub(crate) y: Address,
    /// Rows of `x` and `y`.
    pub(crate) rows: usize,
}

/// Identity of a card and its software: equal kernels, library and capability give equal bits.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CardIdentity {
    /// The card's name.
    pub card: String,
    /// Compute capability, such as `9.0`.
    pub capability: String,
    /// The driver's version.
    pub driver: String,
    /// BLAKE3 of the kernels' sources and options.
    pub kernels: String,
    /// Version of cuBLASLt.
    pub library: String,
}

/// A graphics processor. Work is done in the order in which it was asked for.
pub(crate) trait Card: Send + Sync {
    /// Name, versions and digests.
    fn identity(&self) -> &CardIdentity;

    /// Number of multiprocessors.
    fn multiprocessors(&self) -> u32;

    /// Free and total bytes.
    fn memory(&self) -> Result<(u64, u64), DeviceError>;

    /// Takes memory, aligned to 256 bytes; its content is undefined.
    fn allocate(&self, bytes: usize) -> Result<Address, DeviceError>;

    /// Gives memory back.
    fn free(&self, address: Address);

    /// Fills memory with a byte.
    fn fill(&self, to: Address, byte: u8, bytes: usize) -> Result<(), DeviceError>;

    /// Copies to the card; `from` may be changed at once.
    fn upload(&self, to: Address, from: &[u8]) -> Result<(), DeviceError>;

    /// Copies from the card, after all work before it.
    fn download(&self, from: Address, to: &mut [u8]) -> Result<(), DeviceError>;

    /// Copies within the card.
    fn copy(&self, to: Address, from: Address, bytes: usize) -> Result<(), DeviceError>;

    /// The kernel of this name.
    fn kernel(&self, name: &str) -> Result<Kernel, DeviceError>;

    /// Starts a kernel on one argument, a structure by value.
    fn launch(&self, kernel: Kernel, launch: Launch, argument: &[u8]) -> Result<(), DeviceError>;

    /// Chooses or finds the algorithms of products of these shapes with these numbers of rows.
    fn prepare(&self, shapes: &[WeightShape], rows: &[usize]) -> Result<(), DeviceError>;

    /// Starts a product of a prepared shape.
    fn multiply(&self, shape: WeightShape, operands: Operands) -> Result<(), DeviceError>;

    /// Waits for all work.
    fn synchronize(&self) -> Result<(), DeviceError>;
}

/// Memory of a card, given back when dropped.
pub(crate) struct Buffer {
    card: Arc<dyn Card>,
    address: Address,
    bytes: usize,
}

impl Buffer {
    /// Takes `bytes` of a card's memory; `purpose` is named where there is not enough.
    pub(crate) fn new(card: &Arc<dyn Card>, bytes: usize, purpose: &str) -> Result<Self, DeviceError> {
        let address = card.allocate(bytes.max(256)).map_err(|error| {
            let free = card.memory().map_or(0, |(free, _)| free);
            let operation = format!("making room for {purpose} ({bytes} bytes, of which {free} are free)");
            DeviceError { operation, message: error.message }
        })?;
        Ok(Self { card: card.clone(), address, bytes })
    }

    /// The first byte.
    pub(crate) fn address(&self) -> Address {
        self.address
    }

    /// Its size.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        self.card.free(self.address);
    }
}
