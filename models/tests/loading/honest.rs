//! Honest files: the same model from every format.

use models::{
    export::{ExportSettings, ExportType, write_folder},
    fingerprint::{SketchKey, fingerprint},
    tensors::TensorSource,
    text::{Message, Role, SpecialTokens},
};

use super::{gguf_file, golden, open};

fn tensors(source: &dyn TensorSource) -> Vec<(String, Vec<usize>, Vec<f32>)> {
    let names = source.names();
    names.into_iter().map(|name| (name.clone(), source.shape(&name).unwrap(), source.read(&name).unwrap())).collect()
}

#[test]
fn every_family_is_admitted() {
    for family in &super::families() {
        let folder = tempfile::tempdir().unwrap();
        for file in ["config.json", "model.safetensors"] {
            std::fs::copy(golden(family).join(file), folder.path().join(file)).unwrap();
        }
        open(folder.path()).unwrap_or_else(|error| panic!("{family}: {error}"));
    }
}

#[test]
fn a_converted_file_has_the_tensors_and_the_configuration_it_was_made_from() {
    for family in ["llama", "qwen2", "qwen3", "gemma3"] {
        let folder = super::copy(family);
        // A GGUF file does not say what its tensors once were.
        let config = std::fs::read_to_string(golden(family).join("config.json")).unwrap();
        std::fs::write(folder.path().join("config.json"), config.replace("bfloat16", "float32")).unwrap();
        let original = open(folder.path()).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let file = gguf_file::convert(&original.config_json, original.tensors.as_ref());
        std::fs::write(folder.path().join("model.gguf"), file.bytes()).unwrap();
        let converted = open(folder.path()).unwrap();
        for (original, converted) in tensors(original.tensors.as_ref()).iter().zip(tensors(converted.tensors.as_ref()))
        {
            assert_eq!((&original.0, &original.1), (&converted.0, &converted.1), "{family}");
            let close = original.2.iter().zip(&converted.2).all(|(a, b)| (a - b).abs() <= 1e-6);
            assert!(close, "{family} {}", original.0);
        }
        let mut config = converted.config.clone();
        config.end_tokens.clone_from(&original.config.end_tokens);
        config.begin_token = original.config.begin_token;
        assert_eq!(config, original.config, "{family}");
        assert_eq!(converted.stop_tokens, [1]);
        let messages = [Message { role: Role::User, content: "abba".to_owned() }];
        assert_eq!(converted.prompter.render(&messages, 0).unwrap(), [4, 3, 2, 1]);
    }
}

#[test]
fn encoded_rows_are_put_back_like_decoded_ones() {
    let original = open(super::copy("llama").path()).unwrap();
    let file = gguf_file::convert(&original.config_json, original.tensors.as_ref());
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("model.gguf"), file.bytes()).unwrap();
    let converted = open(folder.path()).unwrap();
    for name in converted.tensors.names() {
        let stored = converted.tensors.stored(&name).expect("nothing was added to the norms of this family");
        assert_eq!(stored.encoding.decode(&stored.bytes), converted.tensors.read(&name).unwrap(), "{name}");
    }
}

#[test]
fn a_model_survives_its_export_to_the_bit() {
    let original = open(super::copy("llama").path()).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let file = gguf_file::convert(&original.config_json, original.tensors.as_ref());
    std::fs::write(folder.path().join("model.gguf"), file.bytes()).unwrap();
    let from_gguf = open(folder.path()).unwrap();
    for shards in [1, 3, 1000] {
        let folder = tempfile::tempdir().unwrap();
        let settings = ExportSettings { data_type: ExportType::F32, shards };
        write_folder(&from_gguf, folder.path(), settings, &mut |_, _| {}).unwrap();
        let exported = open(folder.path()).unwrap();
        assert_eq!(tensors(exported.tensors.as_ref()), tensors(from_gguf.tensors.as_ref()));
        assert_eq!(exported.config, from_gguf.config);
        assert_eq!(exported.stop_tokens, from_gguf.stop_tokens);
        let print = |model: &models::admission::Admitted| fingerprint(model, &SketchKey::derive(b"secret")).unwrap();
        assert_eq!(print(&exported).tensors, print(&from_gguf).tensors);
        let messages = [Message { role: Role::User, content: "ab<|im_end|>a".to_owned() }];
        assert_eq!(exported.prompter.render(&messages, 0).unwrap(), from_gguf.prompter.render(&messages, 0).unwrap());
        let tokenizer = exported.prompter.tokenizer.unwrap();
        assert_eq!(tokenizer.decode(&[4, 1, 2], SpecialTokens::Keep).unwrap(), "ab<|im_end|>a");
        assert_eq!(tokenizer.decode(&[4, 1, 2], SpecialTokens::Skip).unwrap(), "aba");
    }
}

#[test]
fn an_export_can_change_tensors_on_the_way() {
    let original = open(super::copy("llama").path()).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let settings = ExportSettings { data_type: ExportType::Bf16, shards: 2 };
    let mut names = Vec::new();
    let mut double = |name: &str, values: &mut [f32]| {
        names.push(name.to_owned());
        values.iter_mut().for_each(|value| *value *= 2.0);
    };
    write_folder(&original, folder.path(), settings, &mut double).unwrap();
    assert_eq!(names, original.tensors.names());
    let doubled = open(folder.path()).unwrap();
    for (original, doubled) in tensors(original.tensors.as_ref()).iter().zip(tensors(doubled.tensors.as_ref())) {
        let expected: Vec<f32> = original.2.iter().map(|value| value * 2.0).collect();
        assert_eq!(expected, doubled.2, "{}", doubled.0);
    }
}
