//! Whether the tensors are those that the configuration implies.

use std::collections::BTreeSet;

use crate::{config::ModelConfig, layout::expected_tensors_in, refusal::Refusal, tensors::TensorSource};

/// Compares names and shapes both ways.
pub(super) fn check(config: &ModelConfig, source: &dyn TensorSource) -> Result<(), Refusal> {
    let mut known = BTreeSet::new();
    // A configuration of a few bytes can imply millions of tensors: it is followed only as far as there are any.
    for (tensor, expected) in expected_tensors_in(config, source) {
        match source.shape(&tensor) {
            None => return Err(Refusal::MissingTensor { tensor, expected }),
            Some(found) if found != expected => return Err(Refusal::TensorShape { tensor, expected, found }),
            Some(_) => known.insert(tensor),
        };
    }
    match source.names().into_iter().find(|name| !known.contains(name) && !config.ignores(name)) {
        Some(tensor) => Err(Refusal::ExtraTensor { tensor }),
        None => Ok(()),
    }
}
