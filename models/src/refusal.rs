//! Refusals of models, as data; every sentence tells the miner what to change.

use crate::untrusted::UntrustedText;

/// Reason, found in the files themselves, for which a model is not run; a retry cannot help.
///
/// A refusal is data: it is the model's fault, it is recorded, and it scores nothing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// There is neither a safetensors nor a GGUF file.
    #[error(
        "there is no model here: publish config.json with model.safetensors (or its shards and index), or one GGUF file"
    )]
    NoModel,
    /// The tensors come as pickles, which run code when opened.
    #[error(
        "{} is a pickle, which can run code when it is opened: save the model with safe_serialization=True and publish the safetensors files",
        UntrustedText::name(file)
    )]
    PickleOnly {
        /// The first pickle found.
        file: String,
    },
    /// The configuration asks for code from the repository.
    #[error(
        "{} has {}, so the model needs code from its repository, which is never run: use a built-in architecture and remove {}",
        UntrustedText::name(file),
        UntrustedText::words(key),
        UntrustedText::words(key)
    )]
    RemoteCode {
        /// The file that asks.
        file: String,
        /// The key that asks, `auto_map` as a rule.
        key: String,
    },
    /// There is an adapter and not the model that it adapts.
    #[error(
        "{} is part of an adapter (LoRA), not of a whole model: merge it into its base (merge_and_unload in peft) and publish the merged model",
        UntrustedText::name(file)
    )]
    AdapterOnly {
        /// A file of the adapter.
        file: String,
    },
    /// A pointer to a file lies in place of the file.
    #[error(
        "{} is a Git LFS pointer, not the file itself: fetch it (git lfs pull) or upload it again",
        UntrustedText::name(file)
    )]
    LfsPointer {
        /// The file.
        file: String,
    },
    /// There is nothing to turn texts into tokens with.
    #[error("the model has no tokenizer that can be used: {} is missing; {hint}", UntrustedText::words(file))]
    NoTokenizer {
        /// The file that would hold it.
        file: String,
        /// The remedy.
        hint: String,
    },
    /// A file without which the model cannot be run is missing.
    #[error("{} is missing: {hint}", UntrustedText::name(file))]
    MissingFile {
        /// Its name.
        file: String,
        /// The remedy.
        hint: String,
    },
    /// More than one file could be the model.
    #[error(
        "{} and {} could both be the model: publish one of them",
        UntrustedText::name(first),
        UntrustedText::name(second)
    )]
    Ambiguous {
        /// One file.
        first: String,
        /// Another file.
        second: String,
    },
    /// A file name that could leave its folder or mean something else elsewhere.
    #[error(
        "{} is not an acceptable file name: use letters, digits, dots, dashes and underscores, and no folders",
        UntrustedText::name(file)
    )]
    FileName {
        /// The name as published.
        file: String,
    },
    /// Something is larger than the validator allows.
    #[error(
        "{} has {bytes} bytes ({:.1} GiB) and at most {limit} are allowed (`admission` in the settings): publish a smaller model \
         or a smaller encoding",
        UntrustedText::words(what),
        *bytes as f64 / f64::from(1 << 30)
    )]
    TooLarge {
        /// The thing measured, a file name or "the model".
        what: String,
        /// Its size in bytes.
        bytes: u64,
        /// The cap in bytes.
        limit: u64,
    },
    /// Running the model would take more memory than the validator allows, however small its files are.
    #[error(
        "{} {bytes} bytes of memory and at most {limit} are allowed: publish a smaller model, or one with fewer or smaller heads",
        UntrustedText::words(what)
    )]
    Memory {
        /// The quantity computed from the configuration, and its verb.
        what: String,
        /// Its size in bytes.
        bytes: u64,
        /// The cap in bytes.
        limit: u64,
    },
    /// A file that should be JSON is not, or not of the expected form.
    #[error("{} cannot be understood: {}", UntrustedText::name(file), UntrustedText::sentence(reason))]
    Malformed {
        /// The file.
        file: String,
        /// The error and its place.
        reason: String,
    },
    /// The architecture is not one of ours.
    #[error("architecture {architecture:?} is not supported: use one of {supported}")]
    UnsupportedArchitecture {
        /// The architecture in config.json or the GGUF metadata.
        architecture: String,
        /// The ones that are, separated by commas.
        supported: String,
    },
    /// A setting of the configuration is missing or has a value that is not supported.
    #[error(
        "{} = {} in the model's configuration cannot be used: {hint}",
        UntrustedText::words(key),
        UntrustedText::words(value)
    )]
    Setting {
        /// The key as in config.json.
        key: String,
        /// Its value as JSON, or "missing".
        value: String,
        /// Acceptable values.
        hint: String,
    },
    /// A tensor is stored in a way that is not supported.
    #[error(
        "tensor {} is stored as {}, which is not supported: use F32, F16, BF16 or, in a GGUF file, one of {supported}",
        UntrustedText::name(tensor),
        UntrustedText::words(encoding)
    )]
    Encoding {
        /// The tensor.
        tensor: String,
        /// Its stored data type.
        encoding: String,
        /// Those supported in a GGUF file.
        supported: String,
    },
    /// A tensor's shape is not the one that the configuration implies.
    #[error(
        "tensor {} has shape {found:?} but the configuration implies {expected:?}: make the two agree",
        UntrustedText::name(tensor)
    )]
    TensorShape {
        /// The tensor.
        tensor: String,
        /// As the configuration implies.
        expected: Vec<usize>,
        /// As stored.
        found: Vec<usize>,
    },
    /// A tensor that the configuration implies is not there.
    #[error(
        "tensor {} is missing (shape {expected:?}): publish all shards and a configuration that fits",
        UntrustedText::name(tensor)
    )]
    MissingTensor {
        /// The tensor.
        tensor: String,
        /// As the configuration implies.
        expected: Vec<usize>,
    },
    /// There is a tensor that the configuration does not explain.
    #[error(
        "tensor {} has no place in this architecture: remove it, or correct the configuration",
        UntrustedText::name(tensor)
    )]
    ExtraTensor {
        /// The tensor.
        tensor: String,
    },
    /// A parameter is not a number.
    #[error(
        "tensor {} holds {} at element {index}: every parameter must be finite",
        UntrustedText::name(tensor),
        UntrustedText::words(value)
    )]
    NotFinite {
        /// The tensor.
        tensor: String,
        /// The first such element in row-major order.
        index: usize,
        /// "NaN", "inf" or "-inf".
        value: String,
    },
    /// The tokenizer makes tokens of ordinary text that the model has no row for.
    #[error(
        "the tokenizer makes tokens up to {largest} but the model has only {rows} embedding rows: publish the tokenizer the model was trained with"
    )]
    Vocabulary {
        /// The largest token id that ordinary text gives.
        largest: u32,
        /// Rows of the embedding.
        rows: usize,
    },
    /// A safetensors file contradicts itself.
    #[error(
        "{} is not a sound safetensors file: {}; save it again",
        UntrustedText::name(file),
        UntrustedText::sentence(reason)
    )]
    Safetensors {
        /// The file.
        file: String,
        /// The contradiction.
        reason: String,
    },
    /// The index of the shards contradicts the shards.
    #[error(
        "{} does not fit its shards: {}; save the model again",
        UntrustedText::name(file),
        UntrustedText::sentence(reason)
    )]
    Index {
        /// The index file.
        file: String,
        /// The contradiction.
        reason: String,
    },
    /// A GGUF file contradicts itself or ends early.
    #[error(
        "{} is not a sound GGUF file: {}; convert or upload it again",
        UntrustedText::name(file),
        UntrustedText::sentence(reason)
    )]
    Gguf {
        /// The file.
        file: String,
        /// The contradiction.
        reason: String,
    },
    /// The tokenizer cannot be used.
    #[error("the tokenizer cannot be used: {}; publish the one of the base model", UntrustedText::sentence(reason))]
    Tokenizer {
        /// The reason.
        reason: String,
    },
    /// The chat template adds too much.
    #[error(
        "the chat template makes {tokens} tokens of messages that have {own}, and may add 768 and 32 a message: leave out what the conversation does not say"
    )]
    Filler {
        /// Tokens of the prompt.
        tokens: usize,
        /// Tokens of the messages alone.
        own: usize,
    },
    /// The chat template cannot be used.
    #[error("the chat template cannot be used: {}; publish the one of the base model", UntrustedText::sentence(reason))]
    Template {
        /// The reason.
        reason: String,
    },
}
