//! Settings of the inference engine.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::decoder::Arithmetic;

/// Settings of the inference engine. Only the mode and the context change a result.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct EngineSettings {
    /// Arithmetic of the linear layers. Every validator of a subnet has to choose the same.
    pub mode: Arithmetic,
    /// File of the products' algorithms on a graphics processor, shared by the validators of a subnet: one that is there
    /// is binding, and one that is not is written. Without it the algorithms are chosen on this machine, once.
    pub algorithms: Option<PathBuf>,
    /// Sequences computed at once.
    pub rows: usize,
    /// Prompt tokens computed in one step, besides one token of each sequence that is being continued.
    pub chunk: usize,
    /// Pages of the KV cache; 0 takes as many as fit 768 MiB, and no more than the rows can use.
    pub pages: usize,
    /// Tokens of a page, a multiple of 32. Only whole pages are shared.
    pub page_tokens: usize,
    /// CPU threads; 0 takes all cores.
    pub threads: usize,
    /// Reuse the KV cache of prefixes that prompts have in common; recurrent layers have none to reuse.
    pub prefix_cache: bool,
    /// The longest sequence in tokens where the model has room for more; as much as the pages hold where not given.
    /// Not read from a file: the caller has a setting of its own for it, since results depend on it.
    #[serde(skip)]
    pub context: Option<usize>,
}

impl Default for EngineSettings {
    fn default() -> Self {
        Self {
            mode: Arithmetic::Exact,
            algorithms: None,
            rows: 64,
            chunk: 512,
            pages: 512,
            page_tokens: 32,
            threads: 0,
            prefix_cache: true,
            context: None,
        }
    }
}
