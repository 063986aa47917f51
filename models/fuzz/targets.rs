//! Fuzz targets: every parser of untrusted files, each with sound files as seeds.

#[path = "gguf_seeds.rs"]
mod gguf_seeds;

use std::path::PathBuf;

use models::{
    config::ModelConfig,
    error::LoadError,
    gguf::{Content, Gguf, config_json},
    layout::expected_tensors,
    tensors::{
        TensorSource,
        safetensors::{Header, Index},
    },
    text::{ChatTemplate, Message, NamedTokens, Role, SpecialTokens, Tokenizer},
};
use serde_json::json;

/// One reader.
pub(crate) struct Target {
    pub(crate) name: &'static str,
    /// Spoiled files, at least.
    pub(crate) rounds: usize,
    pub(crate) seeds: fn() -> Vec<Vec<u8>>,
    pub(crate) read: fn(&[u8]),
}

pub(crate) const TARGETS: &[Target] = &[
    Target {
        name: "safetensors",
        rounds: 4000,
        seeds: safetensors_seeds,
        read: |bytes| drop(Header::parse("x", bytes)),
    },
    Target { name: "index", rounds: 4000, seeds: index_seeds, read: |bytes| drop(Index::parse(bytes)) },
    Target { name: "config", rounds: 4000, seeds: config_seeds, read: read_config },
    Target { name: "gguf", rounds: 4000, seeds: gguf_seeds, read: read_gguf },
    Target { name: "tokenizer", rounds: 1500, seeds: tokenizer_seeds, read: read_tokenizer },
    Target { name: "template", rounds: 1500, seeds: template_seeds, read: read_template },
];

/// Holds what tokenizers and patterns treat in different ways.
const SAMPLE: &str = "Hello  wörld, it's 12345\n\n\t<s>\u{1F1EE}\u{1F1F9} a\u{301} \u{0}";

/// A file of every tiny checkpoint that there is.
fn fixtures(file: &str) -> Vec<Vec<u8>> {
    let golden = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/fixtures/golden"));
    let entries = std::fs::read_dir(golden).expect("the fixtures are there");
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.expect("a folder can be read").path().join(file)).collect();
    files.retain(|file| file.is_file());
    files.sort();
    files.into_iter().map(|file| std::fs::read(file).expect("the fixture is there")).collect()
}

fn safetensors_seeds() -> Vec<Vec<u8>> {
    let header = br#"{"__metadata__":{"format":"pt"},"a":{"dtype":"F32","shape":[2,1],"data_offsets":[0,8]}}"#;
    let mut small = (header.len() as u64).to_le_bytes().to_vec();
    small.extend_from_slice(header);
    small.extend_from_slice(&[0; 8]);
    vec![small, fixtures("model.safetensors").swap_remove(0)]
}

fn index_seeds() -> Vec<Vec<u8>> {
    let map = json!({ "metadata": { "total_size": 8 }, "weight_map": { "a": "model-1.safetensors", "b": "model-2.safetensors" } });
    vec![map.to_string().into_bytes()]
}

fn config_seeds() -> Vec<Vec<u8>> {
    fixtures("config.json")
}

fn read_config(bytes: &[u8]) {
    if let Ok(value) = serde_json::from_slice(bytes)
        && let Ok(config) = ModelConfig::parse(&value)
    {
        assert!(expected_tensors(&config).len() < 10_000_000);
        let _frequencies: Vec<_> = config.ropes.iter().map(|rope| rope.frequencies()).collect();
    }
}

fn gguf_seeds() -> Vec<Vec<u8>> {
    let seeds = gguf_seeds::seeds();
    for seed in &seeds {
        open_gguf(seed).unwrap_or_else(|error| panic!("a seed is not sound: {error}"));
    }
    seeds
}

fn read_gguf(bytes: &[u8]) {
    let Ok(content) = Content::parse("x", bytes) else { return };
    if let Ok(config) = config_json(&content, bytes) {
        let _parsed = ModelConfig::parse(&config);
    }
    if let Ok(Some(tokenizer)) = Tokenizer::from_gguf(&content) {
        use_tokenizer(&tokenizer);
    }
    let _either_way = open_gguf(bytes);
}

/// Opens a file and reads every tensor under its conventional name, both ways.
fn open_gguf(bytes: &[u8]) -> Result<(), LoadError> {
    let file = tempfile::NamedTempFile::new().expect("there is room for a small file");
    std::fs::write(file.path(), bytes).expect("there is room for a small file");
    let source = Gguf::open(file.path())?;
    for name in source.names() {
        let values = source.read(&name)?;
        let shape = source.shape(&name).expect("a tensor that is named is there");
        assert_eq!(values.len(), shape.iter().product::<usize>());
        if let Some(stored) = source.stored(&name) {
            assert_eq!(stored.encoding.decode(&stored.bytes).len(), values.len());
        }
    }
    Ok(())
}

fn tokenizer_seeds() -> Vec<Vec<u8>> {
    let written = |bytes: Vec<u8>| {
        let content = Content::parse("x", &bytes).expect("a seed is sound");
        let tokenizer =
            Tokenizer::from_gguf(&content).unwrap_or_else(|refusal| panic!("a seed is not sound: {refusal}"));
        tokenizer.expect("a seed has a vocabulary").to_json().expect("a tokenizer can be written").into_bytes()
    };
    gguf_seeds::seeds().into_iter().map(written).collect()
}

fn read_tokenizer(bytes: &[u8]) {
    if let Ok(tokenizer) = Tokenizer::parse(bytes) {
        use_tokenizer(&tokenizer);
    }
}

fn use_tokenizer(tokenizer: &Tokenizer) {
    if let Ok(ids) = tokenizer.encode(SAMPLE, SpecialTokens::Keep) {
        assert!(ids.iter().all(|id| *id <= tokenizer.largest()));
        let _text = tokenizer.decode(&ids, SpecialTokens::Skip);
    }
}

fn template_seeds() -> Vec<Vec<u8>> {
    let templates = [
        "{% for message in messages %}{% if loop.first and messages[0]['role'] != 'system' %}{{ 'a' }}{% endif %}{{'<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>' + '\n'}}{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}",
        "{{ bos_token }}{%- set ns = namespace(n=0, text='') %}{%- for m in messages | selectattr('role', 'equalto', 'user') %}{%- set ns.text = ns.text ~ m.content.strip().split(' ')[0] | upper %}{%- endfor %}{{ ns.text }}{{ messages | tojson(indent=2) }}",
        "{%- macro turn(m) -%}{{ m.role | title }}: {{ m.content | trim }}{%- endmacro -%}{%- for m in messages %}{{ turn(m) }}{{ strftime_now('%d %b %Y') }}{%- endfor %}",
    ];
    for template in templates {
        ChatTemplate::parse(template, NamedTokens::default())
            .unwrap_or_else(|error| panic!("a seed is not sound: {error}"));
    }
    templates.map(|template| template.as_bytes().to_vec()).to_vec()
}

fn read_template(bytes: &[u8]) {
    let Ok(source) = std::str::from_utf8(bytes) else { return };
    if let Ok(template) = ChatTemplate::parse(source, NamedTokens::default()) {
        let message = |role, content: &str| Message { role, content: content.to_owned() };
        let _text = template.render(&[
            message(Role::System, "Be brief."),
            message(Role::User, SAMPLE),
            message(Role::Assistant, ""),
        ]);
    }
}
