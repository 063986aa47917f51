//! Handle of a decoder, whatever backend it runs on.

use std::sync::Arc;

use rayon::ThreadPool;

#[cfg(any(test, feature = "cuda"))]
use super::device;
use super::{Arithmetic, Step, cpu::Cpu, layers::Layers};
use crate::{
    config::ModelConfig,
    error::{DeviceError, LoadError},
    layout::Layout,
    tensors::TensorSource,
};

/// Receiver of logits: the index of the first row among [`Step::wanted`], and the rows `[n, vocabulary]`.
pub(crate) type LogitSink<'a> = dyn FnMut(usize, &[f32]) + Send + 'a;

/// A model's parameters in the layout of the device that will run them.
pub struct Decoder {
    pub(super) inner: Box<dyn Forward>,
}

impl Decoder {
    /// Reads every tensor of a model for the CPU, one at a time.
    ///
    /// # Errors
    /// If a file cannot be read.
    pub fn load(
        config: &ModelConfig,
        source: &dyn TensorSource,
        layout: &Layout,
        arithmetic: Arithmetic,
    ) -> Result<Self, LoadError> {
        let inner = Layers::<Cpu>::load(Cpu::for_loading(), config, source, layout, arithmetic)?;
        Ok(Self { inner: Box::new(inner) })
    }

    /// Reads every tensor for the graphics processor with this number.
    ///
    /// # Errors
    /// If a file cannot be read, or the device cannot hold it.
    #[cfg(feature = "cuda")]
    pub fn load_on_cuda(
        config: &ModelConfig,
        source: &dyn TensorSource,
        layout: &Layout,
        arithmetic: Arithmetic,
        ordinal: usize,
    ) -> Result<Self, LoadError> {
        let device = candle_core::Device::new_cuda(ordinal).map_err(|error| {
            LoadError::Device(DeviceError { operation: "opening the device".to_owned(), message: error.to_string() })
        })?;
        let accelerator = device::Accelerator { device };
        Ok(Self { inner: Box::new(Layers::load(accelerator, config, source, layout, arithmetic)?) })
    }

    /// Bytes of all parameters.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.inner.bytes()
    }

    /// Allocates pages and states, and takes the threads that steps will run on.
    pub(crate) fn start(&mut self, capacity: Capacity, pool: Arc<ThreadPool>) -> Result<(), DeviceError> {
        self.inner.start(capacity, pool)
    }

    /// Runs a step and hands the logits of the wanted rows to `sink`, a block of rows at a time.
    ///
    /// `start` must have been called.
    pub(crate) fn forward(&mut self, step: &Step, sink: &mut LogitSink<'_>) -> Result<(), DeviceError> {
        self.inner.forward(step, sink)
    }
}

impl std::fmt::Debug for Decoder {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "Decoder[{} bytes]", self.bytes())
    }
}

/// Sizes of a decoder's KV cache and recurrent states.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Capacity {
    /// Pages of keys and values.
    pub(crate) pages: usize,
    /// Tokens of a page.
    pub(crate) page_tokens: usize,
    /// Recurrent states.
    pub(crate) states: usize,
    /// The longest text in tokens.
    pub(crate) positions: usize,
}

/// A decoder on some backend.
pub(super) trait Forward: Send + Sync {
    fn bytes(&self) -> usize;
    fn start(&mut self, capacity: Capacity, pool: Arc<ThreadPool>) -> Result<(), DeviceError>;
    fn forward(&mut self, step: &Step, sink: &mut LogitSink<'_>) -> Result<(), DeviceError>;
}

impl Forward for Layers<Cpu> {
    fn bytes(&self) -> usize {
        self.parameter_bytes()
    }

    fn start(&mut self, capacity: Capacity, pool: Arc<ThreadPool>) -> Result<(), DeviceError> {
        self.begin(Cpu::new(pool), capacity)
    }

    fn forward(&mut self, step: &Step, sink: &mut LogitSink<'_>) -> Result<(), DeviceError> {
        let pool = self.backend().pool();
        pool.install(|| self.run(step, sink))
    }
}

#[cfg(any(test, feature = "cuda"))]
impl Forward for Layers<device::Accelerator> {
    fn bytes(&self) -> usize {
        self.parameter_bytes()
    }

    fn start(&mut self, capacity: Capacity, _pool: Arc<ThreadPool>) -> Result<(), DeviceError> {
        self.begin(self.backend().clone(), capacity)
    }

    fn forward(&mut self, step: &Step, sink: &mut LogitSink<'_>) -> Result<(), DeviceError> {
        self.run(step, sink)
    }
}
