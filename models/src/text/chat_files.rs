//! Chat template and special tokens from `tokenizer_config.json`, `chat_template.jinja` and the like.

use serde_json::Value;

use super::{ChatTemplate, NamedTokens, Tokenizer};
use crate::{error::LoadError, refusal::Refusal};

/// The files as read; each may be missing.
#[derive(Debug, Default)]
pub(crate) struct ChatFiles {
    /// `tokenizer_config.json`.
    pub(crate) tokenizer_config: Option<Value>,
    /// `special_tokens_map.json`.
    pub(crate) special_tokens_map: Option<Value>,
    /// `added_tokens.json`.
    pub(crate) added_tokens: Option<Value>,
    /// `chat_template.jinja`.
    pub(crate) jinja: Option<String>,
    /// `chat_template.json`.
    pub(crate) json: Option<Value>,
}

impl ChatFiles {
    /// The template, if the model has one: a file of its own goes before the one in the configuration.
    pub(crate) fn template(&self) -> Result<Option<ChatTemplate>, LoadError> {
        let source = match &self.jinja {
            Some(source) => Some(source.clone()),
            None => {
                let files = [&self.json, &self.tokenizer_config].into_iter().flatten();
                files.map(|file| default_template(&file["chat_template"])).find_map(Result::transpose).transpose()?
            }
        };
        source.map(|source| ChatTemplate::parse(&source, self.named_tokens())).transpose()
    }

    /// The tokenizer's end tokens, under whatever file names one.
    pub(crate) fn end_tokens(&self, tokenizer: &Tokenizer) -> Vec<u32> {
        let named = self.files().filter_map(|file| written_form(&file["eos_token"]));
        named.filter_map(|token| tokenizer.id(&token)).collect()
    }

    fn files(&self) -> impl Iterator<Item = &Value> {
        [&self.tokenizer_config, &self.special_tokens_map].into_iter().flatten()
    }

    /// The value of a named token: where `tokenizer_config.json` lists no added tokens, the older `special_tokens_map.json`
    /// goes before it.
    pub(super) fn special_token(&self, key: &str) -> Option<&Value> {
        let of_map = self.older_map().and_then(|map| map.get(key));
        of_map.or_else(|| self.tokenizer_config.as_ref()?.get(key)).filter(|value| !value.is_null())
    }

    /// `special_tokens_map.json`, where it counts.
    pub(super) fn older_map(&self) -> Option<&Value> {
        let lists = |config: &Value| config.get("added_tokens_decoder").is_some();
        self.special_tokens_map.as_ref().filter(|_| !self.tokenizer_config.as_ref().is_some_and(lists))
    }

    fn named_tokens(&self) -> NamedTokens {
        let token = |key: &str| written_form(self.special_token(key)?);
        NamedTokens {
            bos: token("bos_token"),
            eos: token("eos_token"),
            unk: token("unk_token"),
            pad: token("pad_token"),
            sep: token("sep_token"),
            cls: token("cls_token"),
            mask: token("mask_token"),
        }
    }
}

/// A template, or the one named `default` of several, which are a list or an object; `None` where there is none at all.
fn default_template(value: &Value) -> Result<Option<String>, Refusal> {
    let template = match value {
        Value::Null => return Ok(None),
        Value::Array(named) => {
            named.iter().find(|template| template["name"] == "default").map(|named| &named["template"])
        }
        Value::Object(named) => named.get("default"),
        template => Some(template),
    };
    match template.and_then(Value::as_str) {
        Some(template) => Ok(Some(template.to_owned())),
        None => Err(Refusal::Template { reason: "chat_template names several and none of them default".to_owned() }),
    }
}

/// A token is written as text or as an object with its content.
pub(super) fn written_form(value: &Value) -> Option<String> {
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
        let NamedTokens { bos, eos, unk, pad, .. } = files.named_tokens();
        [bos, eos, unk, pad]
    }

    #[test]
    fn special_tokens_are_texts_or_objects_in_either_file() {
        let some = |text: &str| Some(text.to_owned());
        let config =
            json!({ "bos_token": "<s>", "eos_token": { "content": "</s>", "lstrip": false }, "pad_token": null });
        assert_eq!(tokens(config.clone(), None), [some("<s>"), some("</s>"), None, None]);
        let map = json!({ "bos_token": "other", "unk_token": { "content": "<unk>" }, "pad_token": "<pad>" });
        assert_eq!(tokens(config, Some(map.clone())), [some("other"), some("</s>"), some("<unk>"), some("<pad>")]);
        // Beside a list of added tokens the older file does not count.
        let config = json!({ "bos_token": "<s>", "added_tokens_decoder": {} });
        assert_eq!(tokens(config.clone(), Some(map)), [some("<s>"), None, None, None]);
        assert_eq!(
            tokens(json!({ "eos_token": "</s>" }), Some(json!({ "eos_token": null }))),
            [None, None, None, None]
        );
        assert_eq!(tokens(json!({ "bos_token": 7, "eos_token": ["x"] }), Some(json!({}))), [None, None, None, None]);
    }

    #[test]
    fn a_model_without_a_template_is_a_base_model_and_one_without_a_default_is_refused() {
        let files = |chat_template: Value| {
            let tokenizer_config = Some(json!({ "chat_template": chat_template }));
            ChatFiles { tokenizer_config, ..ChatFiles::default() }
        };
        assert_eq!(render(&files(json!(null))), None);
        let default = json!({ "default": "a", "rag": "b" });
        assert_eq!(render(&files(default)).as_deref(), Some("a"));
        for chat_template in [
            json!(7),
            json!([]),
            json!({}),
            json!([{ "name": "rag", "template": "x" }]),
            json!({ "rag": "x" }),
            json!([{ "name": "default" }]),
            json!({ "default": ["x"] }),
        ] {
            let refused = files(chat_template.clone()).template();
            let said = matches!(&refused, Err(LoadError::Refused(refusal)) if refusal.to_string().contains("none of them default"));
            assert!(said, "{chat_template}: {refused:?}");
        }
        let broken = ChatFiles { jinja: Some("{% if %}".to_owned()), ..ChatFiles::default() };
        assert!(matches!(broken.template(), Err(LoadError::Refused(_))), "a file of its own is not passed over");
    }

    #[test]
    fn the_tokenizers_end_is_named_in_either_file() {
        let json = json!({ "added_tokens": [], "model": { "type": "BPE", "vocab": { "a": 0, "</s>": 1, "<e>": 2 }, "merges": [] } });
        let tokenizer = Tokenizer::parse(json.to_string().as_bytes()).unwrap();
        let ends = |config: Value, map: Option<Value>| {
            let files = ChatFiles { tokenizer_config: Some(config), special_tokens_map: map, ..ChatFiles::default() };
            files.end_tokens(&tokenizer)
        };
        assert_eq!(ends(json!({ "eos_token": "</s>" }), None), [1]);
        assert_eq!(ends(json!({}), Some(json!({ "eos_token": { "content": "<e>" } }))), [2]);
        assert_eq!(ends(json!({ "eos_token": "</s>" }), Some(json!({ "eos_token": "<e>" }))), [1, 2]);
        assert!(ends(json!({ "eos_token": "<unknown>" }), Some(json!({ "eos_token": null }))).is_empty());
    }
}
