//! A source's tensors checked against a configuration, and read by canonical identity.

use std::{
    collections::{BTreeMap, BTreeSet},
    ops::Range,
};

use half::bf16;

use super::{
    canonical::{Linear, Part, TensorId},
    names::Names,
    rows,
    stored::{self, Stored},
};
use crate::{
    config::{Mixer, ModelConfig},
    error::LoadError,
    refusal::Refusal,
    tensors::{Encoding, TensorSource},
};

/// Values of a matrix that are decoded at once.
const CHUNK: usize = 1 << 22;

/// Names and shapes of a source, found to be those that a configuration implies.
#[derive(Clone, Debug)]
pub struct Layout {
    /// In the order in which the decoder reads them.
    stored: Vec<Stored>,
    places: BTreeMap<TensorId, Place>,
    /// Stored tensors of each layer, by index.
    layers: Vec<Range<usize>>,
    /// True if the output layer is the embedding.
    tied: bool,
}

/// Rows of a stored tensor that make up a canonical one.
#[derive(Clone, Debug)]
struct Place {
    stored: usize,
    rows: Vec<Range<usize>>,
    columns: usize,
    /// True if the stored tensor holds nothing else.
    alone: bool,
}

impl Place {
    fn row_count(&self) -> usize {
        self.rows.iter().map(ExactSizeIterator::len).sum()
    }
}

impl Layout {
    /// Compares names and shapes both ways.
    ///
    /// # Errors
    /// If a tensor is missing, has another shape, or is one that the configuration does not explain.
    pub fn of(config: &ModelConfig, source: &dyn TensorSource) -> Result<Self, Refusal> {
        let has = |name: &str| source.shape(name).is_some();
        let names = Names::of(config, has, |one, other| same_values(source, one, other));
        let (stored, places, layers) = (Vec::new(), BTreeMap::new(), vec![0..0; config.layers.len()]);
        let mut layout = Self { stored, places, layers, tied: names.tied };
        // A configuration of a few bytes can imply millions of tensors: it is followed only as far as there are any.
        for stored in stored::stored(config, names, has) {
            match source.shape(&stored.name) {
                None => return Err(Refusal::MissingTensor { tensor: stored.name, expected: stored.shape }),
                Some(found) if found != stored.shape => {
                    return Err(Refusal::TensorShape { tensor: stored.name, expected: stored.shape, found });
                }
                Some(_) => layout.insert(config, stored),
            }
        }
        let known: BTreeSet<&str> = layout.stored.iter().map(|stored| stored.name.as_str()).collect();
        let unknown = |name: &String| !known.contains(name.as_str()) && !names.pass_over(config, name);
        match source.names().into_iter().find(unknown) {
            Some(tensor) => Err(Refusal::ExtraTensor { tensor }),
            None => Ok(layout),
        }
    }

    fn insert(&mut self, config: &ModelConfig, stored: Stored) {
        let index = self.stored.len();
        let alone = stored.pieces.iter().all(|piece| piece.rows == stored.pieces[0].rows);
        for piece in &stored.pieces {
            let place = |rows, alone| Place { stored: index, rows, columns: piece.columns(), alone };
            match split(config, piece.id) {
                Some(halves) => {
                    self.places.extend(halves.map(|(id, rows)| (id, place(rows, false))));
                }
                None => {
                    self.places.insert(piece.id, place(piece.rows.clone(), alone));
                }
            }
            if let TensorId::Layer(layer, _) = piece.id {
                let range = &mut self.layers[layer];
                *range = if range.end == 0 { index..index + 1 } else { range.start..index + 1 };
            }
        }
        self.stored.push(stored);
    }

    /// True if the output layer is the embedding: one tensor for both.
    pub(crate) fn is_tied(&self) -> bool {
        self.tied
    }

    /// Stored tensors with their canonical pieces.
    pub(crate) fn stored(&self) -> &[Stored] {
        &self.stored
    }

    fn place(&self, id: TensorId) -> &Place {
        self.places.get(&id).expect("a layout has every tensor that its configuration implies")
    }

    /// Rows and columns of a canonical tensor; a vector has one column.
    pub(crate) fn size(&self, id: TensorId) -> (usize, usize) {
        let place = self.place(id);
        (place.row_count(), place.columns)
    }

    /// The values of a canonical tensor.
    pub(crate) fn read(&self, source: &dyn TensorSource, id: TensorId) -> Result<Vec<f32>, LoadError> {
        let mut values = Vec::new();
        self.read_rows(source, id, &mut |rows| values.extend_from_slice(rows))?;
        Ok(values)
    }

    /// Decodes a canonical tensor some rows at a time, so that a large one is never in memory twice.
    pub(crate) fn read_rows(
        &self,
        source: &dyn TensorSource,
        id: TensorId,
        push: &mut dyn FnMut(&[f32]),
    ) -> Result<(), LoadError> {
        let place = self.place(id);
        let (name, columns) = (&self.stored[place.stored].name, place.columns);
        let found = source.stored(name);
        let row = found.as_ref().and_then(|found| found.encoding.bytes_for(columns as u64));
        match (found, row) {
            (Some(found), Some(row)) => {
                let (row, at_once) = (row as usize, (CHUNK / columns).max(1));
                for range in &place.rows {
                    for bytes in found.bytes[range.start * row..range.end * row].chunks(at_once * row) {
                        push(&found.encoding.decode(bytes));
                    }
                }
            }
            _ => {
                let values = source.read(name)?;
                place.rows.iter().for_each(|range| push(&values[range.start * columns..range.end * columns]));
            }
        }
        if place.alone {
            source.release(name);
        }
        Ok(())
    }

    /// Hands out a canonical tensor as bfloat16, some rows at a time: the file's own bytes where they are that, otherwise
    /// rounded to nearest, ties to even.
    pub(crate) fn read_bf16(
        &self,
        source: &dyn TensorSource,
        id: TensorId,
        push: &mut dyn FnMut(&[u8]),
    ) -> Result<(), LoadError> {
        let place = self.place(id);
        let name = &self.stored[place.stored].name;
        match source.stored(name) {
            Some(found) if found.encoding == Encoding::BF16 => {
                let row = place.columns * 2;
                place.rows.iter().for_each(|rows| push(&found.bytes[rows.start * row..rows.end * row]));
                if place.alone {
                    source.release(name);
                }
                Ok(())
            }
            _ => self.read_rows(source, id, &mut |values| {
                let rounded: Vec<bf16> = values.iter().map(|value| bf16::from_f32(*value)).collect();
                push(bytemuck::cast_slice(&rounded));
            }),
        }
    }

    /// Releases the stored tensors of a layer that hold more than one canonical tensor each.
    pub(crate) fn release_layer(&self, source: &dyn TensorSource, layer: usize) {
        self.stored[self.layers[layer].clone()].iter().for_each(|stored| source.release(&stored.name));
    }
}

/// True if two stored tensors have the same shape and values.
fn same_values(source: &dyn TensorSource, one: &str, other: &str) -> bool {
    let (Some(a), Some(b)) = (source.stored(one), source.stored(other)) else { return false };
    let same = a.shape == b.shape
        && if a.encoding == b.encoding {
            a.bytes == b.bytes
        } else {
            let row = a.shape.last().copied().unwrap_or(1) as u64;
            match (a.encoding.bytes_for(row), b.encoding.bytes_for(row)) {
                (Some(x), Some(y)) => {
                    let rows = a.bytes.chunks(x as usize).zip(b.bytes.chunks(y as usize));
                    rows.into_iter().all(|(x, y)| a.encoding.decode(x) == b.encoding.decode(y))
                }
                _ => false,
            }
        };
    source.release(other);
    same
}

/// The two projections that a gated query projection is computed as; it is one canonical tensor all the same.
fn split(config: &ModelConfig, id: TensorId) -> Option<[(TensorId, Vec<Range<usize>>); 2]> {
    let TensorId::Layer(layer, part) = id else { return None };
    let Mixer::Attention(attention) = &config.layers[layer].mixer else { return None };
    let of: fn(Linear) -> Part = match part {
        Part::Weight(Linear::Query) => Part::Weight,
        Part::Bias(Linear::Query) => Part::Bias,
        _ => return None,
    };
    attention.gated.then(|| {
        let [queries, gates] = rows::gated(attention);
        [(Linear::Query, queries), (Linear::QueryGate, gates)]
            .map(|(linear, rows)| (TensorId::Layer(layer, of(linear)), rows))
    })
}
