//! Check that parameters are finite numbers.

use super::FiniteCheck;
use crate::{
    error::LoadError,
    refusal::Refusal,
    tensors::{Stored, TensorSource},
};

/// Runs of a tensor that are looked at.
const RUNS: usize = 32;
/// Elements of such a run, at least.
const RUN: usize = 256;

/// Looks for parameters that are not finite.
pub(super) fn check(source: &dyn TensorSource, extent: FiniteCheck) -> Result<(), LoadError> {
    for name in source.names() {
        match (extent, source.stored(&name)) {
            (FiniteCheck::Sampled, Some(stored)) => check_runs(&name, &stored)?,
            _ => check_values(&name, 0, &source.read(&name)?)?,
        }
        source.release(&name);
    }
    Ok(())
}

fn check_runs(name: &str, stored: &Stored<'_>) -> Result<(), Refusal> {
    let (elements, bytes) = (stored.encoding.block_elements(), stored.encoding.block_bytes());
    let blocks = stored.bytes.len() / bytes;
    let run = RUN.div_ceil(elements).min(blocks);
    let mut values = vec![0.0; run * elements];
    for index in 0..RUNS {
        let block = (blocks - run) * index / (RUNS - 1);
        stored.encoding.decode_into(&stored.bytes[block * bytes..(block + run) * bytes], &mut values);
        check_values(name, block * elements, &values)?;
    }
    Ok(())
}

fn check_values(name: &str, first: usize, values: &[f32]) -> Result<(), Refusal> {
    match values.iter().position(|value| !value.is_finite()) {
        None => Ok(()),
        Some(at) => {
            Err(Refusal::NotFinite { tensor: name.to_owned(), index: first + at, value: values[at].to_string() })
        }
    }
}
