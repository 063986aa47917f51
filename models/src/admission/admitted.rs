//! Admission of a snapshot: every check before its tensors are loaded.

use std::collections::BTreeSet;

use serde_json::Value;

use super::{
    Limits,
    files::{self, TensorFiles},
    finite, memory,
};
use crate::{
    config::{Family, ModelConfig},
    decoder::Arithmetic,
    error::LoadError,
    gguf::{Content, Gguf},
    layout::Layout,
    refusal::Refusal,
    snapshot::Snapshot,
    tensors::{Safetensors, TensorSource},
    text::{ChatTemplate, NamedTokens, Prompter, Tokenizer, chat_files::ChatFiles, tokenizer},
};

/// Keys of a configuration that request code from the repository (`trust_remote_code`). Beside an architecture or a
/// tokenizer that is built in they are passed over; nothing of a repository is ever run.
const REMOTE_CODE: [&str; 2] = ["auto_map", "custom_pipelines"];
/// Files of tokenizers that have no `tokenizer.json` yet.
const SLOW_TOKENIZERS: [&str; 9] = [
    "tokenizer.model",
    "vocab.json",
    "merges.txt",
    "spiece.model",
    "sentencepiece.bpe.model",
    "vocab.txt",
    "tekken.json",
    "tokenizer.tiktoken",
    "tiktoken.model",
];

/// A model that may be loaded: everything small was read, everything large was measured.
pub struct Admitted {
    /// The files.
    pub snapshot: Snapshot,
    /// The configuration in the form of a `config.json`.
    pub config_json: Value,
    /// The configuration, parsed.
    pub config: ModelConfig,
    /// The tensors.
    pub tensors: Box<dyn TensorSource>,
    /// Places of the tensors that the configuration implies.
    pub layout: Layout,
    /// The text side.
    pub prompter: Prompter,
    /// Tokens that end a reply, sorted.
    pub stop_tokens: Vec<u32>,
}

impl Admitted {
    /// Checks that texts can be turned into tokens; token ids can be scored without.
    ///
    /// # Errors
    /// If there is no tokenizer, naming the file that lacks.
    pub fn check_text(&self) -> Result<(), Refusal> {
        if self.prompter.tokenizer.is_some() {
            return Ok(());
        }
        let gguf =
            self.snapshot.files.iter().find(|file| file.name.ends_with(".gguf") && self.snapshot.files.len() == 1);
        Err(match gguf {
            Some(file) => Refusal::NoTokenizer {
                file: format!("tokenizer.ggml.tokens in {}", file.name),
                hint: "convert the model together with its tokenizer".to_owned(),
            },
            None => {
                let slow = SLOW_TOKENIZERS.iter().find(|name| self.snapshot.file(name).is_some());
                let found = slow.map(|name| format!(", since {name} alone is not read")).unwrap_or_default();
                Refusal::NoTokenizer {
                    file: "tokenizer.json".to_owned(),
                    hint: format!("publish what AutoTokenizer.from_pretrained(...).save_pretrained(...) writes{found}"),
                }
            }
        })
    }
}

impl Admitted {
    /// Bytes of memory that it takes while it is loaded and run in this arithmetic with texts of `context` tokens, at most;
    /// the same on every machine.
    pub fn memory(&self, arithmetic: Arithmetic, context: usize) -> u64 {
        memory::peak(&self.config, arithmetic, context)
    }

    /// Compares that with the limit.
    ///
    /// # Errors
    /// If it is more.
    pub fn check_memory(&self, limits: &Limits, arithmetic: Arithmetic, context: usize) -> Result<(), Refusal> {
        let (bytes, limit) = (self.memory(arithmetic, context), limits.memory);
        let what = format!("the model with a text of {} tokens takes", context.min(self.config.max_positions));
        if bytes > limit { Err(Refusal::Memory { what, bytes, limit }) } else { Ok(()) }
    }
}

/// Checks a snapshot.
///
/// # Errors
/// A refusal that tells the miner what to change, or a file that this machine could not read.
pub fn admit(snapshot: &Snapshot, limits: &Limits) -> Result<Admitted, LoadError> {
    let admitted = reopen(snapshot, limits)?;
    finite::check(admitted.tensors.as_ref(), limits.finite)?;
    Ok(admitted)
}

/// Opens a snapshot that [`admit`] has accepted before: everything but the tensors' values is checked again.
pub fn reopen(snapshot: &Snapshot, limits: &Limits) -> Result<Admitted, LoadError> {
    check_size(snapshot, limits)?;
    let names = snapshot.files.iter().map(|file| file.name.as_str());
    let kind = files::tensor_files(names)?.map_or(TensorFiles::Safetensors, TensorFiles::Gguf);
    let admitted = match kind {
        TensorFiles::Safetensors => admit_safetensors(snapshot, limits)?,
        TensorFiles::Gguf(file) => admit_gguf(snapshot, &file, limits)?,
    };
    admitted.prompter.check()?;
    if let Some(tokenizer) = &admitted.prompter.tokenizer {
        // Tokens that only stand in a text by name, such as soft tokens for pictures, may have no row: a text that holds
        // one is refused when it comes.
        let (largest, rows) = (tokenizer.largest_of_text(), admitted.config.vocabulary);
        if largest as usize >= rows {
            return Err(Refusal::Vocabulary { largest, rows }.into());
        }
    }
    Ok(admitted)
}

fn check_size(snapshot: &Snapshot, limits: &Limits) -> Result<(), Refusal> {
    let too_large = |what: &str, bytes: u64, limit: u64| Refusal::TooLarge { what: what.to_owned(), bytes, limit };
    if snapshot.size() > limits.bytes {
        return Err(too_large("the model", snapshot.size(), limits.bytes));
    }
    if snapshot.files.len() > limits.files {
        let (files, limit) = (snapshot.files.len().to_string(), limits.files);
        let hint = format!("at most {limit} files are allowed; merge shards or remove what is not needed");
        return Err(Refusal::Setting { key: "the number of files".to_owned(), value: files, hint });
    }
    Ok(())
}

/// Checks the configuration alone, so that a hub need not fetch the tensors of a model that will be refused.
pub(crate) fn check_configuration(snapshot: &Snapshot, limits: &Limits) -> Result<(), LoadError> {
    configuration(snapshot, limits).map(drop)
}

/// The configuration as written and parsed, and `tokenizer_config.json`.
fn configuration(snapshot: &Snapshot, limits: &Limits) -> Result<(Value, ModelConfig, Option<Value>), LoadError> {
    let hint = "publish the configuration that the model was saved with".to_owned();
    let missing = || Refusal::MissingFile { file: "config.json".to_owned(), hint };
    let config_json = files::json(snapshot, "config.json")?.ok_or_else(missing)?;
    let tokenizer_config = files::json(snapshot, "tokenizer_config.json")?;
    let tokenizer_code = tokenizer_config.as_ref().filter(|_| snapshot.file("tokenizer.json").is_none());
    check_config(&config_json, tokenizer_code)?;
    let config = ModelConfig::parse(&config_json)?;
    memory::check(&config, limits)?;
    Ok((config_json, config, tokenizer_config))
}

fn admit_safetensors(snapshot: &Snapshot, limits: &Limits) -> Result<Admitted, LoadError> {
    let (config_json, config, tokenizer_config) = configuration(snapshot, limits)?;
    let tensors = Safetensors::open(snapshot)?;
    let tokenizer = files::bytes(snapshot, "tokenizer.json", tokenizer::LARGEST_FILE)?;
    let tokenizer = tokenizer.map(|bytes| Tokenizer::parse(&bytes)).transpose()?;
    let chat = ChatFiles {
        tokenizer_config,
        special_tokens_map: files::json(snapshot, "special_tokens_map.json")?,
        added_tokens: files::json(snapshot, "added_tokens.json")?,
        jinja: files::text(snapshot, "chat_template.jinja")?,
        json: files::json(snapshot, "chat_template.json")?,
    };
    let tokenizer = tokenizer.map(|tokenizer| tokenizer.with_files(&chat)).transpose()?;
    let ends = tokenizer.as_ref().map(|tokenizer| chat.end_tokens(tokenizer)).unwrap_or_default();
    let prompter = Prompter { template: chat.template()?, tokenizer };
    let generation = files::json(snapshot, "generation_config.json")?;
    let stop_tokens = stop_tokens(&config, generation.as_ref(), &ends);
    let (layout, tensors) = (Layout::of(&config, &tensors)?, Box::new(tensors));
    Ok(Admitted { snapshot: snapshot.clone(), config_json, config, tensors, layout, prompter, stop_tokens })
}

fn admit_gguf(snapshot: &Snapshot, file: &str, limits: &Limits) -> Result<Admitted, LoadError> {
    let source = Gguf::open(&snapshot.root.join(file))?;
    let config_json = source.config().clone();
    let config = ModelConfig::parse(&config_json)?;
    memory::check(&config, limits)?;
    let content = source.content()?;
    let tokenizer = Tokenizer::from_gguf(&content)?;
    let template =
        content.text("tokenizer.chat_template").map(|text| ChatTemplate::parse(text, named_tokens(&content)));
    let prompter = Prompter { tokenizer, template: template.transpose()? };
    let stop_tokens = stop_tokens(&config, None, &[]);
    drop(content);
    let (layout, tensors) = (Layout::of(&config, &source)?, Box::new(source));
    Ok(Admitted { snapshot: snapshot.clone(), config_json, config, tensors, layout, prompter, stop_tokens })
}

/// Refuses what only code of the repository could run, and quantized tensors. `tokenizer_config` is given where the
/// tokenizer would have to come from there.
pub(super) fn check_config(config: &Value, tokenizer_config: Option<&Value>) -> Result<(), Refusal> {
    let built_in = config["model_type"].as_str().is_some_and(|name| Family::of(name).is_some());
    let outside = (!built_in).then_some(config);
    for (file, value) in [("config.json", outside), ("tokenizer_config.json", tokenizer_config)] {
        let wanted = |key: &&&str| value.is_some_and(|value| value.get(**key).is_some_and(|value| !value.is_null()));
        if let Some(key) = REMOTE_CODE.iter().find(wanted) {
            return Err(Refusal::RemoteCode { file: file.to_owned(), key: (*key).to_owned() });
        }
    }
    match &config["quantization_config"] {
        Value::Null => Ok(()),
        found => Err(Refusal::Setting {
            key: "quantization_config".to_owned(),
            value: found["quant_method"].to_string(),
            hint: "publish F32, F16 or BF16 tensors, or a GGUF file".to_owned(),
        }),
    }
}

/// The end tokens of the configuration, of `generation_config.json` and of the tokenizer, together: a reply ends at
/// whichever comes.
pub(super) fn stop_tokens(config: &ModelConfig, generation: Option<&Value>, of_tokenizer: &[u32]) -> Vec<u32> {
    let listed = generation.map(|generation| &generation["eos_token_id"]);
    let listed = match listed {
        Some(Value::Array(ids)) => ids.as_slice(),
        Some(id) => std::slice::from_ref(id),
        None => &[],
    };
    let listed = listed.iter().filter_map(Value::as_u64).filter_map(|id| u32::try_from(id).ok());
    let known = |id: &u32| (*id as usize) < config.vocabulary;
    let all = config.end_tokens.iter().chain(of_tokenizer).copied().chain(listed);
    all.filter(known).collect::<BTreeSet<_>>().into_iter().collect()
}

/// The written forms of the tokens that a GGUF file names by their ids.
fn named_tokens(content: &Content<'_>) -> NamedTokens {
    let tokens = content.texts("tokenizer.ggml.tokens").unwrap_or_default();
    let token = |key: &str| {
        let id = content.count(&format!("tokenizer.ggml.{key}_token_id"))?;
        tokens.get(usize::try_from(id).ok()?).map(|token| (*token).to_owned())
    };
    NamedTokens {
        bos: token("bos"),
        eos: token("eos"),
        unk: token("unknown"),
        pad: token("padding"),
        sep: token("seperator"),
        mask: token("mask"),
        cls: token("cls"),
    }
}
