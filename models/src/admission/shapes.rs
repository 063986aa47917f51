//! Whether the tensors are those that the configuration implies.

use std::collections::BTreeMap;

use super::Refusal;
use crate::{
    config::{ModelConfig, expected_tensors_in},
    load::TensorSource,
};

/// Compares names and shapes both ways.
pub(super) fn check(config: &ModelConfig, source: &dyn TensorSource) -> Result<(), Refusal> {
    let expected: BTreeMap<String, Vec<usize>> = expected_tensors_in(config, source).into_iter().collect();
    for (tensor, expected) in &expected {
        let (tensor, expected) = (tensor.clone(), expected.clone());
        match source.shape(&tensor) {
            None => return Err(Refusal::MissingTensor { tensor, expected }),
            Some(found) if found != expected => return Err(Refusal::TensorShape { tensor, expected, found }),
            Some(_) => {}
        }
    }
    match source.names().into_iter().find(|name| !expected.contains_key(name) && !config.ignores(name)) {
        Some(tensor) => Err(Refusal::ExtraTensor { tensor }),
        None => Ok(()),
    }
}
