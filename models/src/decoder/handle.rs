//! Handle of a decoder, whatever backend it runs on.

use std::sync::Arc;

use rayon::{ThreadPool, prelude::*};

use super::{Arithmetic, Step, cpu::Cpu, layers::Layers};
use crate::{
    config::ModelConfig,
    error::{DeviceError, LoadError},
    layout::Layout,
    sampling::{LogitsResult, LogitsTask},
    tensors::TensorSource,
};

/// Receiver of logits: the index of the first row among [`Step::wanted`], and the rows `[n, vocabulary]`.
pub(crate) type LogitSink<'a> = dyn FnMut(usize, &[f32]) + Send + 'a;

/// A model's parameters in the layout of the device that will run them.
pub struct Decoder {
    inner: Box<dyn Forward>,
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

    /// A decoder on another device.
    pub(crate) fn of(inner: Box<dyn Forward>) -> Self {
        Self { inner }
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

    /// Runs a step and a task on the logits of each wanted row, in their order.
    ///
    /// `start` must have been called.
    pub(crate) fn answer(&mut self, step: &Step, tasks: &[LogitsTask]) -> Result<Vec<LogitsResult>, DeviceError> {
        self.inner.answer(step, tasks)
    }

    /// Runs a step and hands the logits of the wanted rows to `sink`, a block of rows at a time.
    ///
    /// `start` must have been called.
    #[cfg(test)]
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
    /// The longest text that is rotated by the short factors of LongRoPE, where there may be longer ones.
    pub(crate) long_from: Option<usize>,
    /// Most rows of a step.
    pub(crate) rows: usize,
}

/// A decoder on some device.
pub(crate) trait Forward: Send + Sync {
    /// Bytes of all parameters.
    fn bytes(&self) -> usize;
    /// Allocates pages and states.
    fn start(&mut self, capacity: Capacity, pool: Arc<ThreadPool>) -> Result<(), DeviceError>;
    /// Runs a step and hands out the logits of the wanted rows, a block of rows at a time.
    #[cfg(test)]
    fn forward(&mut self, step: &Step, sink: &mut LogitSink<'_>) -> Result<(), DeviceError>;
    /// Runs a step and a task on the logits of each wanted row.
    fn answer(&mut self, step: &Step, tasks: &[LogitsTask]) -> Result<Vec<LogitsResult>, DeviceError>;
}

impl Forward for Layers<Cpu> {
    fn bytes(&self) -> usize {
        self.parameter_bytes()
    }

    fn start(&mut self, capacity: Capacity, pool: Arc<ThreadPool>) -> Result<(), DeviceError> {
        self.begin(Cpu::new(pool), capacity)
    }

    #[cfg(test)]
    fn forward(&mut self, step: &Step, sink: &mut LogitSink<'_>) -> Result<(), DeviceError> {
        let pool = self.backend().pool();
        pool.install(|| self.run(step, sink))
    }

    fn answer(&mut self, step: &Step, tasks: &[LogitsTask]) -> Result<Vec<LogitsResult>, DeviceError> {
        let (pool, processor, vocabulary) =
            (self.backend().pool(), self.backend().processor().clone(), self.vocabulary());
        let mut results = Vec::with_capacity(tasks.len());
        // Rows are sampled block by block, so that the logits of a whole step are never held at once.
        pool.install(|| {
            self.run(step, &mut |first, logits| {
                let rows = logits.par_chunks(vocabulary).zip(&tasks[first..]);
                results.par_extend(rows.map(|(logits, task)| task.run(&processor, logits)));
            })
        })?;
        Ok(results)
    }
}
