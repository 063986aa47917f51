//! The decoder on a card: a step as a sequence of launches, with one copy to the card and one from it.

use std::sync::Arc;

use rayon::ThreadPool;

use super::{
    card::{Buffer, Card, WeightShape},
    inputs::{Inputs, RESULT, TASK},
    launches::{Arguments, Kernels, SAMPLE_SHARED, blocks},
    loader::{self, Task},
    memory::{self, LOGIT_ROWS, Memory, bucket, buckets},
    pass::Pass,
    random::{Noise, RandomTensors},
    weights::Weights,
};
use crate::{
    config::ModelConfig,
    decoder::{Capacity, Decoder, Forward, Step},
    error::{DeviceError, LoadError},
    kernel::RopeTable,
    layout::Layout,
    sampling::{LogitsResult, LogitsTask, TokenScore},
    tensors::TensorSource,
};

/// Most rows of a step that products are prepared for.
const MOST_ROWS: usize = 8192;
/// Most sequences of a step: the kernel that plans attention is one block.
const MOST_SEQUENCES: usize = 1024;

/// A model on a card.
pub(super) struct CardDecoder {
    card: Arc<dyn Card>,
    kernels: Kernels,
    config: ModelConfig,
    weights: Weights,
    parameters: Buffer,
    running: Option<Running>,
}

/// Memory of a decoder that was started.
struct Running {
    memory: Memory,
    capacity: Capacity,
    inputs: Inputs,
    /// Kept for as long as its addresses are in use.
    _buffer: Buffer,
}

/// Loads a model into a card's memory.
///
/// # Errors
/// If a file cannot be read, or the card cannot hold or run the model.
pub(crate) fn load(
    card: &Arc<dyn Card>,
    config: &ModelConfig,
    source: &dyn TensorSource,
    layout: &Layout,
) -> Result<Decoder, LoadError> {
    Ok(Decoder::of(Box::new(CardDecoder::load(card, config, source, layout, None)?)))
}

/// A model of random parameters, which are made on the card.
///
/// # Errors
/// If the card cannot hold or run the model.
pub(crate) fn load_random(card: &Arc<dyn Card>, config: &ModelConfig) -> Result<Decoder, LoadError> {
    let (source, noise) = (RandomTensors::of(config), Noise::new(card));
    let layout = Layout::of(config, &source)?;
    Ok(Decoder::of(Box::new(CardDecoder::load(card, config, &source, &layout, Some(&noise))?)))
}

impl CardDecoder {
    fn load(
        card: &Arc<dyn Card>,
        config: &ModelConfig,
        source: &dyn TensorSource,
        layout: &Layout,
        noise: Option<&Noise>,
    ) -> Result<Self, LoadError> {
        if let Some(needed) = loader::unsupported(config) {
            let operation = "loading the model".to_owned();
            return Err(DeviceError { operation, message: format!("the kernels need {needed}") }.into());
        }
        let kernels = Kernels::of(card.as_ref())?;
        // Algorithms are tried before the parameters take the card's memory.
        let narrow: Vec<WeightShape> = loader::shapes(card, &kernels, config, source, layout)?;
        let (wide, narrow): (Vec<_>, Vec<_>) = narrow.into_iter().partition(|shape| shape.wide);
        card.prepare(&narrow, &buckets(MOST_ROWS))?;
        card.prepare(&wide, &buckets(LOGIT_ROWS))?;
        let task = Task { card, kernels: &kernels, config, source, layout, noise };
        let (weights, parameters) = loader::load(task)?;
        let (card, config) = (card.clone(), config.clone());
        Ok(Self { card, kernels, config, weights, parameters, running: None })
    }

    /// Computes the residual stream of a step's rows, and for the wanted ones, some at a time, their logits.
    fn run(
        &mut self,
        step: &Step,
        tasks: &[LogitsTask],
        each: &mut dyn FnMut(&Self, &Running, LogitBlock) -> Result<(), DeviceError>,
    ) -> Result<(), DeviceError> {
        let mut running = self.running.take().expect("a decoder is started before it runs");
        let found = self.run_with(&mut running, step, tasks, each);
        self.running = Some(running);
        found
    }

    fn run_with(
        &self,
        running: &mut Running,
        step: &Step,
        tasks: &[LogitsTask],
        each: &mut dyn FnMut(&Self, &Running, LogitBlock) -> Result<(), DeviceError>,
    ) -> Result<(), DeviceError> {
        let (rows, most) = (step.rows(), running.capacity.rows);
        if rows > most || step.spans.len() > running.capacity.states {
            let message = format!("{rows} rows of {} sequences are more than it was started for", step.spans.len());
            return Err(DeviceError { operation: "a step".to_owned(), message });
        }
        running.inputs.pack(running.memory.inputs, step, tasks);
        let tilings = Pass::tilings(&self.weights, &mut running.inputs);
        self.card.upload(running.memory.inputs, &running.inputs.bytes)?;
        let pass = Pass {
            card: self.card.as_ref(),
            kernels: &self.kernels,
            config: &self.config,
            weights: &self.weights,
            memory: &running.memory,
            inputs: &running.inputs,
            tilings: &tilings,
            page_tokens: running.capacity.page_tokens,
        };
        let last = pass.run()?;
        for first in (0..running.inputs.wanted).step_by(LOGIT_ROWS) {
            let count = LOGIT_ROWS.min(running.inputs.wanted - first);
            pass.logits(last, first, count)?;
            each(self, running, LogitBlock { first, count })?;
        }
        Ok(())
    }

    /// Samples and scores the rows of a block of logits on the card; runners-up are read where there are some.
    fn sample(
        &self,
        running: &Running,
        block: LogitBlock,
        tasks: &[LogitsTask],
        runners: &mut Vec<Vec<(u32, f32)>>,
    ) -> Result<(), DeviceError> {
        let (memory, vocabulary) = (&running.memory, self.config.vocabulary);
        let tasks = &tasks[block.first..block.first + block.count];
        let wanted =
            |task: &LogitsTask| if let LogitsTask::Score { top, .. } = task { (*top).min(vocabulary) } else { 0 };
        let stride = tasks.iter().map(wanted).max().unwrap_or(0);
        let addresses = [
            memory.logits,
            memory.parts,
            running.inputs.tasks.plus(block.first * TASK),
            memory.results.plus(block.first * RESULT),
            memory.top,
        ];
        let arguments = Arguments::of(addresses).integers([vocabulary, self.weights.output.shape.outputs, stride, 0]);
        self.card.launch(self.kernels.sample, blocks(block.count, 1, 1024, SAMPLE_SHARED), arguments.bytes())?;
        if stride == 0 {
            runners.resize_with(runners.len() + block.count, Vec::new);
            return Ok(());
        }
        let mut bytes = vec![0; block.count * stride * 8];
        self.card.download(memory.top, &mut bytes)?;
        let word = |bytes: &[u8]| u32::from_le_bytes(bytes.try_into().expect("a word has four bytes"));
        for (row, task) in bytes.chunks_exact(stride * 8).zip(tasks) {
            let runner = |runner: &[u8]| (word(&runner[..4]), f32::from_bits(word(&runner[4..])));
            runners.push(row.chunks_exact(8).take(wanted(task)).map(runner).collect());
        }
        Ok(())
    }
}

/// Rows of logits that are on the card: the first among the wanted, and how many.
#[derive(Debug, Clone, Copy)]
struct LogitBlock {
    first: usize,
    count: usize,
}

impl Forward for CardDecoder {
    fn bytes(&self) -> usize {
        self.parameters.bytes()
    }

    fn start(&mut self, capacity: Capacity, _pool: Arc<ThreadPool>) -> Result<(), DeviceError> {
        let operation = || "starting the decoder".to_owned();
        if capacity.states > MOST_SEQUENCES || bucket(capacity.rows) > MOST_ROWS {
            let message = format!(
                "{} sequences and {} rows a step are more than {MOST_SEQUENCES} and {MOST_ROWS}: lower `engine.rows` or `engine.chunk`",
                capacity.states, capacity.rows
            );
            return Err(DeviceError { operation: operation(), message });
        }
        let angles = self
            .config
            .ropes
            .iter()
            .map(|rope| RopeTable::new(&rope.frequencies(), capacity.positions, rope.magnitude() as f32).pairs());
        let angles: Vec<Vec<f32>> = angles.collect();
        // What an earlier start took is free again before more is taken.
        self.running = None;
        let taken = memory::take(&self.card, &self.config, &self.weights, capacity, &angles)?;
        let inputs = Inputs::default();
        self.running = Some(Running { memory: taken.memory, capacity, inputs, _buffer: taken.buffer });
        Ok(())
    }

    #[cfg(test)]
    fn forward(&mut self, step: &Step, sink: &mut crate::decoder::LogitSink<'_>) -> Result<(), DeviceError> {
        let vocabulary = self.config.vocabulary;
        let tasks = vec![LogitsTask::Score { token: 0, top: 0 }; step.wanted.len()];
        self.run(step, &tasks, &mut |decoder, running, block| {
            let stride = decoder.weights.output.shape.outputs;
            let mut logits = vec![0.0_f32; block.count * stride];
            decoder.card.download(running.memory.logits, bytemuck::cast_slice_mut(&mut logits))?;
            let rows: Vec<f32> = logits.chunks_exact(stride).flat_map(|row| &row[..vocabulary]).copied().collect();
            sink(block.first, &rows);
            Ok(())
        })
    }

    fn answer(&mut self, step: &Step, tasks: &[LogitsTask]) -> Result<Vec<LogitsResult>, DeviceError> {
        let mut runners = Vec::with_capacity(tasks.len());
        self.run(step, tasks, &mut |decoder, running, block| decoder.sample(running, block, tasks, &mut runners))?;
        let running = self.running.as_ref().expect("it has just run");
        let mut bytes = vec![0; tasks.len() * RESULT];
        if tasks.is_empty() {
            // The inputs' memory is written again for the next step.
            self.card.synchronize()?;
        } else {
            self.card.download(running.memory.results, &mut bytes)?;
        }
        Ok(bytes
            .chunks_exact(RESULT)
            .zip(tasks)
            .zip(runners)
            .map(|((bytes, task), top)| result(bytes, *task, top))
            .collect())
    }
}

/// A result as the kernel wrote it.
fn result(bytes: &[u8], task: LogitsTask, top: Vec<(u32, f32)>) -> LogitsResult {
    let word = |at: usize| u32::from_le_bytes(bytes[at..at + 4].try_into().expect("a word has four bytes"));
    let shortfall = f64::from_le_bytes(bytes[..8].try_into().expect("a double has eight bytes"));
    let (token, logprob, rank) = (word(8), f32::from_bits(word(12)), word(16));
    match task {
        LogitsTask::Sample { .. } => LogitsResult::Sampled { token, logprob },
        LogitsTask::Score { .. } => LogitsResult::Scored(TokenScore { logprob, rank, top }),
        LogitsTask::Verify { .. } => LogitsResult::Verified { logprob, chosen: token, shortfall },
    }
}
