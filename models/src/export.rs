//! Exports a model as a folder in the Hugging Face layout.
//!
//! One tensor is in memory at a time, and the same model gives the same bytes.

use std::{
    collections::BTreeMap,
    fs,
    io::{self, Write},
    path::Path,
};

use half::{bf16, f16};
use serde_json::{Map, Value, json};

use crate::{
    admission::Admitted,
    atomic_file::AtomicFile,
    error::LoadError,
    tensors::{Encoding, TensorSource},
    text::Prompter,
};

/// Data type of exported tensors.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExportType {
    /// float32.
    F32,
    /// float16.
    F16,
    /// bfloat16.
    Bf16,
}

/// Settings of an export.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ExportSettings {
    /// Data type of the tensors.
    pub data_type: ExportType,
    /// Number of safetensors files, at least one.
    pub shards: usize,
}

impl ExportType {
    fn encoding(self) -> Encoding {
        match self {
            Self::F32 => Encoding::F32,
            Self::F16 => Encoding::F16,
            Self::Bf16 => Encoding::BF16,
        }
    }

    fn config_name(self) -> &'static str {
        match self {
            Self::F32 => "float32",
            Self::F16 => "float16",
            Self::Bf16 => "bfloat16",
        }
    }

    fn write(self, values: &[f32], to: &mut impl Write) -> io::Result<()> {
        let mut bytes = Vec::with_capacity(1 << 16);
        for values in values.chunks(1 << 14) {
            bytes.clear();
            for value in values {
                match self {
                    Self::F32 => bytes.extend(value.to_le_bytes()),
                    Self::F16 => bytes.extend(f16::from_f32(*value).to_le_bytes()),
                    Self::Bf16 => bytes.extend(bf16::from_f32(*value).to_le_bytes()),
                }
            }
            to.write_all(&bytes)?;
        }
        Ok(())
    }
}

/// Writes a model to a folder. `change` is called with the name and the row-major values of each tensor before it is
/// written.
///
/// The folder must not exist yet or be empty; it is complete when this returns.
///
/// # Errors
/// If a tensor cannot be read or a file cannot be written.
pub fn write_folder(
    model: &Admitted,
    to: &Path,
    settings: ExportSettings,
    change: &mut dyn FnMut(&str, &mut [f32]),
) -> Result<(), LoadError> {
    fs::create_dir_all(to).map_err(|source| LoadError::Write { path: to.to_owned(), source })?;
    let mut config = model.config_json.clone();
    if let Some(config) = config.as_object_mut() {
        config.remove("torch_dtype");
        config.insert("dtype".to_owned(), json!(settings.data_type.config_name()));
    }
    write_json(to, "config.json", &config)?;
    write_json(to, "generation_config.json", &json!({ "eos_token_id": model.stop_tokens }))?;
    write_prompter(to, &model.prompter)?;
    let shards = divide(model.tensors.as_ref(), settings);
    let mut places = Map::new();
    let mut total = 0;
    for (index, names) in shards.iter().enumerate() {
        let file = match shards.len() {
            1 => "model.safetensors".to_owned(),
            count => format!("model-{:05}-of-{count:05}.safetensors", index + 1),
        };
        total += write_shard(model.tensors.as_ref(), names, &to.join(&file), settings.data_type, change)?;
        places.extend(names.iter().map(|name| (name.clone(), json!(file))));
    }
    if shards.len() > 1 {
        let index = json!({ "metadata": { "total_size": total }, "weight_map": places });
        write_json(to, "model.safetensors.index.json", &index)?;
    }
    Ok(())
}

fn write_prompter(to: &Path, prompter: &Prompter) -> Result<(), LoadError> {
    let Some(tokenizer) = &prompter.tokenizer else { return Ok(()) };
    let json = tokenizer
        .to_json()
        .map_err(|error| LoadError::Write { path: to.join("tokenizer.json"), source: io::Error::other(error) })?;
    write_bytes(to, "tokenizer.json", json.as_bytes())?;
    let mut config = Map::from_iter([("tokenizer_class".to_owned(), json!("PreTrainedTokenizerFast"))]);
    if let Some(template) = &prompter.template {
        config.insert("chat_template".to_owned(), json!(template.source()));
        let tokens = template.tokens();
        let named = [("bos", &tokens.bos), ("eos", &tokens.eos), ("unk", &tokens.unk), ("pad", &tokens.pad)];
        for (key, token) in named.into_iter().filter_map(|(key, token)| Some((key, token.as_ref()?))) {
            config.insert(format!("{key}_token"), json!(token));
        }
    }
    write_json(to, "tokenizer_config.json", &Value::Object(config))
}

/// Distributes the tensors, in the order of their names, over files of about the same size.
fn divide(source: &dyn TensorSource, settings: ExportSettings) -> Vec<Vec<String>> {
    let names = source.names();
    let shards = settings.shards.clamp(1, names.len().max(1));
    let total: usize = names.iter().map(|name| elements(source, name)).sum();
    let mut divided = vec![Vec::new(); shards];
    let mut before = 0;
    for name in names {
        let size = elements(source, &name);
        let shard = ((before + size / 2) * shards / total.max(1)).min(shards - 1);
        before += size;
        divided[shard].push(name);
    }
    divided.retain(|names| !names.is_empty());
    divided
}

fn elements(source: &dyn TensorSource, name: &str) -> usize {
    source.shape(name).unwrap_or_default().iter().product()
}

/// Writes one safetensors file and returns the bytes of its tensors.
fn write_shard(
    source: &dyn TensorSource,
    names: &[String],
    path: &Path,
    data_type: ExportType,
    change: &mut dyn FnMut(&str, &mut [f32]),
) -> Result<usize, LoadError> {
    let encoding = data_type.encoding();
    let mut header = BTreeMap::new();
    header.insert("__metadata__".to_owned(), json!({ "format": "pt" }));
    let mut offset = 0;
    for name in names {
        let end = offset + elements(source, name) * encoding.block_bytes();
        let shape = source.shape(name).unwrap_or_default();
        header.insert(name.clone(), json!({ "dtype": encoding.name(), "shape": shape, "data_offsets": [offset, end] }));
        offset = end;
    }
    let mut header = serde_json::to_vec(&header).expect("names and numbers are JSON");
    // The format wants tensor data aligned to 8 bytes.
    header.resize(header.len().next_multiple_of(8), b' ');
    let failed = |source| LoadError::Write { path: path.to_owned(), source };
    let mut file = AtomicFile::create(path).map_err(failed)?;
    file.write_all(&(header.len() as u64).to_le_bytes()).map_err(failed)?;
    file.write_all(&header).map_err(failed)?;
    for name in names {
        // Mapped pages of a tensor are given back before the next one is read.
        let mut values = source.read(name)?;
        source.release(name);
        change(name, &mut values);
        data_type.write(&values, &mut file).map_err(failed)?;
    }
    file.finish().map_err(failed)?;
    Ok(offset)
}

fn write_json(to: &Path, name: &str, value: &Value) -> Result<(), LoadError> {
    let mut bytes = serde_json::to_vec_pretty(value).expect("a value is JSON");
    bytes.push(b'\n');
    write_bytes(to, name, &bytes)
}

fn write_bytes(to: &Path, name: &str, bytes: &[u8]) -> Result<(), LoadError> {
    let path = to.join(name);
    AtomicFile::write(&path, bytes).map_err(|source| LoadError::Write { path, source })
}
