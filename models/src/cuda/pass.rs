//! One step on its way through the layers on a card.

use std::f32::consts::LOG2_E;

use super::{
    card::{Address, Card, Operands},
    inputs::{Inputs, TASK, Tiles},
    launches::{Arguments, DELTA_SHARED, EXPERTS_SHARED, HeadKernels, Kernels, blocks},
    memory::{LOGIT_PART, Memory, SPLIT_KEYS, StateMemory, bucket},
    weights::{AttentionWeights, DeltaNetWeights, DenseWeights, ExpertsWeights, LayerWeights, Matrix, Weights},
};
use crate::{
    config::{Activation, FeedForward, Mixer, ModelConfig},
    error::DeviceError,
};

/// Result of a launch.
type Done = Result<(), DeviceError>;

/// Rows of a tile of prefill attention: tokens times the query heads on a key head.
const TILE_ROWS: usize = 64;
/// Most query heads on a key head for which there is decode attention; more go by tiles of one token, with equal bits.
const DECODE_GROUP: usize = 8;

/// One step.
pub(super) struct Pass<'a> {
    pub(super) card: &'a dyn Card,
    pub(super) kernels: &'a Kernels,
    pub(super) config: &'a ModelConfig,
    pub(super) weights: &'a Weights,
    pub(super) memory: &'a Memory,
    pub(super) inputs: &'a Inputs,
    pub(super) tilings: &'a [(usize, Tiles)],
    pub(super) page_tokens: usize,
}

/// Addition to the residual stream that the next norm begins with.
#[derive(Debug, Clone, Copy)]
pub(super) struct Added {
    bias: Address,
    /// Norm of what is added.
    weight: Address,
    from: From,
}

/// Place of the values that are added.
#[derive(Debug, Clone, Copy)]
enum From {
    Nothing,
    Rows,
    /// Weighted sums of so many units' rows.
    Experts(usize),
}

const NOTHING: Added = Added { bias: Address::NONE, weight: Address::NONE, from: From::Nothing };

/// Query heads on a key head.
fn group(weights: &AttentionWeights) -> usize {
    weights.attention.heads / weights.attention.key_heads
}

impl Pass<'_> {
    /// Adds the tiles of each kind of attention in a model to the inputs; the query heads on a key head tell kinds apart.
    pub(super) fn tilings(weights: &Weights, inputs: &mut Inputs) -> Vec<(usize, Tiles)> {
        let mut tilings: Vec<(usize, Tiles)> = Vec::new();
        for layer in &weights.layers {
            let Mixer::Attention(attention) = &layer.mixer else { continue };
            let group = group(attention);
            if tilings.iter().all(|(known, _)| *known != group) {
                tilings.push((group, inputs.tile((TILE_ROWS / group).max(1), group > DECODE_GROUP)));
            }
        }
        tilings
    }

    /// Runs all layers; what the final norm is to add.
    pub(super) fn run(&self) -> Result<Added, DeviceError> {
        let (config, memory) = (self.config, self.memory);
        let embed = Arguments::of([self.weights.embedding, self.inputs.tokens, Address::NONE, memory.residual])
            .integers([config.hidden])
            .float(config.embedding_scale);
        self.card.launch(self.kernels.embed, blocks(self.inputs.rows, 1, 256, 0), embed.bytes())?;
        if self.inputs.singles > 0 {
            for plan in &memory.plans {
                let arguments = Arguments::of([self.inputs.positions, plan.work, plan.works]).integers([
                    self.inputs.singles,
                    SPLIT_KEYS,
                    plan.window,
                ]);
                self.card.launch(self.kernels.plan, blocks(1, 1, 1024, 4096), arguments.bytes())?;
            }
        }
        let mut added = NOTHING;
        for (layer, memory) in self.weights.layers.iter().zip(&memory.layers) {
            added = self.layer(layer, memory, added)?;
        }
        Ok(added)
    }

    /// Final norm and output layer of some of the wanted rows.
    pub(super) fn logits(&self, added: Added, first: usize, count: usize) -> Done {
        let (memory, output) = (self.memory, self.weights.output);
        let rows = self.inputs.wanted_rows.plus(first * 4);
        self.norm(added, self.weights.final_norm, Some((rows, count)))?;
        self.product(output, memory.x, memory.logits, count)?;
        let vocabulary = self.config.vocabulary;
        let tasks = self.inputs.tasks.plus(first * TASK);
        let arguments = Arguments::of([memory.logits, tasks, memory.parts])
            .integers([vocabulary, output.shape.outputs])
            .float(self.config.logit_softcap.unwrap_or(0.0));
        let launch = blocks(vocabulary.div_ceil(LOGIT_PART), count, 256, 256);
        self.card.launch(self.kernels.reduce_logits, launch, arguments.bytes())
    }

    fn layer(
        &self,
        layer: &LayerWeights,
        memory: &Mixer<Address, StateMemory>,
        added: Added,
    ) -> Result<Added, DeviceError> {
        self.norm(added, layer.input_norm, None)?;
        let bias = match (&layer.mixer, memory) {
            (Mixer::Attention(weights), Mixer::Attention(pages)) => self.attention(weights, *pages)?,
            (Mixer::DeltaNet(weights), Mixer::DeltaNet(states)) => self.delta_net(weights, *states)?,
            _ => unreachable!("a layer's memory is made for its mixer"),
        };
        self.norm(Added { bias, weight: layer.after_mixer, from: From::Rows }, layer.forward_norm, None)?;
        let weight = layer.after_forward;
        Ok(match &layer.feed_forward {
            FeedForward::Dense(weights) => Added { bias: self.dense(weights)?, weight, from: From::Rows },
            FeedForward::Experts(weights) => {
                self.experts(weights)?;
                Added { bias: Address::NONE, weight, from: From::Experts(weights.sizes.all) }
            }
        })
    }

    /// Adds to the residual stream and norms it, for all rows or those of a list.
    fn norm(&self, added: Added, weight: Address, some: Option<(Address, usize)>) -> Done {
        let (memory, hidden) = (self.memory, self.config.hidden);
        let (rows, count) = some.unwrap_or((Address::NONE, self.inputs.rows));
        let (mut plain, mut experts, mut units) = (Address::NONE, [Address::NONE; 3], 0);
        match added.from {
            From::Nothing => {}
            From::Rows => plain = memory.added,
            From::Experts(all) => {
                (experts, units) = ([memory.experts.out, memory.experts.slots, memory.experts.weights], all);
            }
        }
        let [expert_rows, slots, weights] = experts;
        let addresses =
            [memory.residual, plain, added.bias, added.weight, weight, memory.x, rows, expert_rows, slots, weights];
        let arguments =
            Arguments::of(addresses).integers([hidden, hidden, hidden, units]).float(self.config.norm_epsilon);
        self.card.launch(self.kernels.residual_norm, blocks(count, 1, 256, 128), arguments.bytes())
    }

    /// A product of a step's rows; rows up to the next prepared number are computed, too, and not looked at.
    fn product(&self, matrix: Matrix, x: Address, y: Address, rows: usize) -> Done {
        let operands = Operands { weights: matrix.address, x, y, rows: bucket(rows) };
        self.card.multiply(matrix.shape, operands)
    }

    /// Attention; the bias of its output.
    fn attention(&self, weights: &AttentionWeights, pages: Address) -> Result<Address, DeviceError> {
        let (memory, inputs, attention) = (self.memory, self.inputs, &weights.attention);
        self.product(weights.input, memory.x, memory.wide, inputs.rows)?;
        let columns = weights.input.shape.outputs;
        let addresses = [
            memory.wide,
            weights.input_bias,
            weights.query_norm,
            weights.key_norm,
            memory.angles[attention.rope],
            inputs.positions,
            inputs.sequences,
            inputs.table,
            memory.q,
            pages,
        ];
        let pairs = self.config.ropes[attention.rope].frequencies().len();
        let arguments = Arguments::of(addresses)
            .integers([columns, attention.heads, attention.key_heads, attention.head_size])
            .integers([usize::from(attention.gated), pairs, inputs.table_stride, self.page_tokens])
            .float(self.config.norm_epsilon);
        let HeadKernels { heads, shared, .. } = weights.kernels;
        let launch = blocks(inputs.rows, (attention.heads + 2 * attention.key_heads).div_ceil(8), 256, shared[0]);
        self.card.launch(heads, launch, arguments.bytes())?;
        let gate =
            if attention.gated { memory.wide.plus(attention.heads * attention.head_size * 2) } else { Address::NONE };
        self.decode(weights, pages, gate)?;
        self.prefill(weights, pages, gate)?;
        self.product(weights.output, memory.mixed, memory.added, inputs.rows)?;
        Ok(weights.output_bias)
    }

    /// Attention of the rows that are single tokens.
    fn decode(&self, weights: &AttentionWeights, pages: Address, gate: Address) -> Done {
        let (memory, inputs, attention) = (self.memory, self.inputs, &weights.attention);
        if inputs.singles == 0 || group(weights) > DECODE_GROUP {
            return Ok(());
        }
        let window = attention.window.unwrap_or(0);
        let plan = memory.plans.iter().find(|plan| plan.window == window).expect("every window has a plan");
        let addresses = [
            memory.q,
            pages,
            inputs.table,
            inputs.sequences,
            inputs.positions,
            plan.work,
            plan.works,
            memory.part_o,
            memory.part_ml,
            memory.counters,
            gate,
            memory.mixed,
        ];
        let arguments = Arguments::of(addresses)
            .integers([inputs.table_stride, attention.heads, attention.key_heads, attention.head_size])
            .integers([self.page_tokens, memory.splits, SPLIT_KEYS, window])
            .integers([weights.input.shape.outputs, weights.output.shape.inputs])
            .float(attention.scale * LOG2_E);
        let HeadKernels { decode, threads, shared, resident, .. } = weights.kernels;
        let items = inputs.singles * attention.key_heads * memory.splits;
        let launch = blocks(items.min(self.card.multiprocessors() as usize * resident), 1, threads[0], shared[1]);
        self.card.launch(decode, launch, arguments.bytes())
    }

    /// Attention of longer spans.
    fn prefill(&self, weights: &AttentionWeights, pages: Address, gate: Address) -> Done {
        let (memory, inputs, attention) = (self.memory, self.inputs, &weights.attention);
        let found = self.tilings.iter().find(|(kind, _)| *kind == group(weights));
        let tiles = found.expect("every kind of attention has its tiles").1;
        if tiles.count == 0 {
            return Ok(());
        }
        let arguments = Arguments::of([memory.q, pages, inputs.table, tiles.address, gate, memory.mixed])
            .integers([inputs.table_stride, attention.heads, attention.key_heads, attention.head_size])
            .integers([self.page_tokens, SPLIT_KEYS, attention.window.unwrap_or(0)])
            .integers([weights.input.shape.outputs, weights.output.shape.inputs])
            .float(attention.scale * LOG2_E);
        let HeadKernels { prefill, threads, shared, .. } = weights.kernels;
        self.card.launch(prefill, blocks(tiles.count, attention.key_heads, threads[1], shared[2]), arguments.bytes())
    }

    /// A gated delta net; its output has no bias.
    fn delta_net(&self, weights: &DeltaNetWeights, states: StateMemory) -> Result<Address, DeviceError> {
        let (memory, inputs, net, rows) = (self.memory, self.inputs, &weights.net, self.inputs.rows);
        self.product(weights.input, memory.x, memory.wide, rows)?;
        self.narrow(weights.rates, weights.narrow, None)?;
        let (delta, stride) = (memory.delta, weights.input.shape.outputs);
        let heads = [net.key_heads, net.value_heads, net.key_size, net.value_size, net.taps];
        let addresses = [
            memory.wide,
            memory.narrow,
            weights.convolution,
            weights.decay,
            weights.step_bias,
            states.tail,
            inputs.states,
            inputs.sequences,
            delta.q,
            delta.k,
            delta.v,
            delta.scalars,
        ];
        let arguments = Arguments::of(addresses).integers([rows, stride, weights.narrow]).integers(heads);
        let launch = blocks(rows, (2 * net.key_heads + net.value_heads).div_ceil(8), 256, 0);
        self.card.launch(self.kernels.delta_mix, launch, arguments.bytes())?;
        let addresses = [
            delta.q,
            delta.k,
            delta.v,
            delta.scalars,
            memory.wide,
            states.state,
            states.tail,
            inputs.states,
            delta.out,
        ];
        let arguments = Arguments::of(addresses).integers([stride]).integers(heads);
        let launch = blocks(net.value_heads, inputs.spans, 256, DELTA_SHARED);
        self.card.launch(self.kernels.delta_run, launch, arguments.bytes())?;
        let gate = memory.wide.plus(net.channels() * 2);
        let arguments = Arguments::of([delta.out, gate, weights.norm, memory.mixed])
            .integers([rows, net.value_heads, net.value_size, stride, weights.output.shape.inputs])
            .float(self.config.norm_epsilon);
        let launch = blocks((rows * net.value_heads).div_ceil(8), 1, 256, 0);
        self.card.launch(self.kernels.delta_norm, launch, arguments.bytes())?;
        self.product(weights.output, memory.mixed, memory.added, rows)?;
        Ok(Address::NONE)
    }

    /// A small layer in single precision; it also sets the experts' counts to zero, where there are some.
    fn narrow(&self, weights: Address, outputs: usize, experts: Option<usize>) -> Done {
        let (memory, hidden, rows) = (self.memory, self.config.hidden, self.inputs.rows);
        let counts = experts.map_or(Address::NONE, |_| memory.experts.counts);
        let arguments = Arguments::of([memory.x, weights, memory.narrow, counts]).integers([
            rows,
            hidden,
            outputs,
            hidden,
            experts.unwrap_or(0),
        ]);
        let launch = blocks(rows.div_ceil(8), outputs / 16, 256, 4096);
        self.card.launch(self.kernels.narrow_product, launch, arguments.bytes())
    }

    /// A gated unit; the bias of its output.
    fn dense(&self, weights: &DenseWeights) -> Result<Address, DeviceError> {
        let (memory, rows, inner) = (self.memory, self.inputs.rows, weights.inner);
        self.product(weights.gate_up, memory.x, memory.wide, rows)?;
        let arguments = Arguments::of([memory.wide, weights.gate_up_bias, memory.mixed]).integers([
            inner,
            weights.gate_up.shape.outputs,
            weights.down.shape.inputs,
            activation(weights.activation),
        ]);
        self.card.launch(self.kernels.gate, blocks(inner.div_ceil(2048), rows, 256, 0), arguments.bytes())?;
        self.product(weights.down, memory.mixed, memory.added, rows)?;
        Ok(weights.down_bias)
    }

    /// A mixture of experts: routes, sorts the rows by unit, and runs every unit that was chosen.
    fn experts(&self, weights: &ExpertsWeights) -> Done {
        let (memory, hidden, rows) = (self.memory.experts, self.config.hidden, self.inputs.rows);
        let (experts, sizes) = (&weights.experts, weights.sizes);
        self.narrow(weights.router, sizes.narrow, Some(experts.count))?;
        let choose = Arguments::of([self.memory.narrow, memory.ids, memory.weights, memory.counts])
            .integers([rows, sizes.narrow, experts.count, experts.chosen, sizes.shared])
            .integers([usize::from(sizes.shared > 0), usize::from(experts.normalized)]);
        self.card.launch(self.kernels.choose, blocks(rows.div_ceil(8), 1, 256, 0), choose.bytes())?;
        let addresses = [memory.ids, memory.counts, memory.slots, memory.sources, memory.work, memory.works];
        let place = Arguments::of(addresses).integers([rows, experts.count, experts.chosen, sizes.shared]);
        let units = experts.count + sizes.shared;
        self.card.launch(self.kernels.place, blocks(units, 1, 256, 128), place.bytes())?;
        let persistent = blocks(2 * self.card.multiprocessors() as usize, 1, 288, EXPERTS_SHARED);
        let addresses = [weights.up, self.memory.x, memory.sources, memory.inner, memory.work, memory.works];
        let (k_tiles, n_tiles) = (hidden / 64, (2 * sizes.inner).div_ceil(128));
        let activation = activation(experts.activation);
        let up = Arguments::of(addresses).integers([k_tiles, n_tiles, hidden, sizes.inner, sizes.inner, activation]);
        self.card.launch(self.kernels.experts_up, persistent, up.bytes())?;
        let addresses = [weights.down, memory.inner, Address::NONE, memory.out, memory.work, memory.works];
        let (k_tiles, n_tiles) = (sizes.inner / 64, hidden.div_ceil(128));
        let down = Arguments::of(addresses).integers([k_tiles, n_tiles, sizes.inner, hidden, hidden, 0]);
        self.card.launch(self.kernels.experts_down, persistent, down.bytes())
    }
}

/// An activation's number in the kernels.
fn activation(activation: Activation) -> usize {
    match activation {
        Activation::Silu => 0,
        Activation::GeluTanh => 1,
    }
}
