//! Chat template and special tokens from `tokenizer_config.json`, `chat_template.jinja` and the like.

use serde_json::Value;

use super::{ChatTemplate, NamedTokens};
use crate::error::LoadError;

/// The files as read; each may be missing.
#[derive(Debug, Default)]
pub(crate) struct ChatFiles {
    /// `tokenizer_config.json`.
    pub(crate) tokenizer_config: Option<Value>,
    /// `special_tokens_map.json`.
    pub(crate) special_tokens_map: Option<Value>,
    /// `chat_template.jinja`.
    pub(crate) jinja: Option<String>,
    /// `chat_template.json`.
    pub(crate) json: Option<Value>,
}

impl ChatFiles {
    /// The template, if the model has one: a file of its own goes before the one in the configuration.
    pub(crate) fn template(&self) -> Result<Option<ChatTemplate>, LoadError> {
        let inside = |value: &Option<Value>| value.as_ref().and_then(|value| default_template(&value["chat_template"]));
        let source = self.jinja.clone().or_else(|| inside(&self.json)).or_else(|| inside(&self.tokenizer_config));
        source.map(|source| ChatTemplate::parse(&source, self.named_tokens())).transpose()
    }

    fn named_tokens(&self) -> NamedTokens {
        let token = |key: &str| {
            let files = [&self.tokenizer_config, &self.special_tokens_map];
            files.into_iter().flatten().find_map(|file| written_form(&file[key]))
        };
        NamedTokens {
            bos: token("bos_token"),
            eos: token("eos_token"),
            unk: token("unk_token"),
            pad: token("pad_token"),
        }
    }
}

/// A template, or the one named `default` of several.
fn default_template(value: &Value) -> Option<String> {
    if let Some(template) = value.as_str() {
        return Some(template.to_owned());
    }
    let named = value.as_array()?.iter().find(|template| template["name"] == "default")?;
    named["template"].as_str().map(str::to_owned)
}

/// A token is written as text or as an object with its content.
fn written_form(value: &Value) -> Option<String> {
    value.as_str().or_else(|| value["content"].as_str()).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::text::{Message, Role};

    fn render(files: &ChatFiles) -> Option<String> {
        let message = Message { role: Role::User, content: "hi".to_owned() };
        files.template().unwrap().map(|template| template.render(&[message]).unwrap())
    }

    #[test]
    fn the_template_is_found_wherever_it_is_published() {
        assert_eq!(render(&ChatFiles::default()), None);
        let mut files = ChatFiles {
            tokenizer_config: Some(json!({
                "bos_token": { "content": "<s>" },
                "chat_template": [{ "name": "rag", "template": "no" }, { "name": "default", "template": "{{ bos_token }}a" }],
            })),
            ..ChatFiles::default()
        };
        assert_eq!(render(&files).as_deref(), Some("<s>a"));
        files.json = Some(json!({ "chat_template": "b" }));
        assert_eq!(render(&files).as_deref(), Some("b"));
        files.jinja = Some("{{ messages[0].content }}".to_owned());
        assert_eq!(render(&files).as_deref(), Some("hi"));
    }

    fn tokens(tokenizer_config: Value, special_tokens_map: Option<Value>) -> [Option<String>; 4] {
        let files = ChatFiles { tokenizer_config: Some(tokenizer_config), special_tokens_map, ..ChatFiles::default() };
        let NamedTokens { bos, eos, unk, pad } = files.named_tokens();
        [bos, eos, unk, pad]
    }

    #[test]
    fn special_tokens_are_texts_or_objects_in_either_file() {
        let some = |text: &str| Some(text.to_owned());
        let config =
            json!({ "bos_token": "<s>", "eos_token": { "content": "</s>", "lstrip": false }, "pad_token": null });
        assert_eq!(tokens(config.clone(), None), [some("<s>"), some("</s>"), None, None]);
        let map = json!({ "bos_token": "other", "unk_token": { "content": "<unk>" }, "pad_token": "<pad>" });
        assert_eq!(tokens(config, Some(map)), [some("<s>"), some("</s>"), some("<unk>"), some("<pad>")]);
        assert_eq!(tokens(json!({ "bos_token": 7, "eos_token": ["x"] }), Some(json!({}))), [None, None, None, None]);
    }

    #[test]
    fn a_model_without_a_default_template_is_a_base_model() {
        for chat_template in [json!(null), json!(7), json!([]), json!([{ "name": "rag", "template": "x" }]), json!({})]
        {
            let files =
                ChatFiles { tokenizer_config: Some(json!({ "chat_template": chat_template })), ..ChatFiles::default() };
            assert_eq!(render(&files), None);
        }
        let broken = ChatFiles { jinja: Some("{% if %}".to_owned()), ..ChatFiles::default() };
        assert!(matches!(broken.template(), Err(LoadError::Refused(_))), "a file of its own is not passed over");
    }
}
