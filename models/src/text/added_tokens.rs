//! Tokens that the files beside `tokenizer.json` add to it (transformers 5.24, `TokenizersBackend`): those listed with their ids,
//! and named special ones that it does not know as such.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};
use tokenizers::AddedToken;

use super::chat_files::{ChatFiles, written_form};

/// Keys of named special tokens, in the order in which they are added.
const NAMED: [&str; 7] = ["bos_token", "eos_token", "unk_token", "sep_token", "pad_token", "cls_token", "mask_token"];
/// Keys of special tokens without a name of their own, the newer one last.
const MORE: [&str; 2] = ["additional_special_tokens", "extra_special_tokens"];
/// End of the name of a key that names a token.
const SUFFIX: &str = "_token";

impl ChatFiles {
    /// The tokens to be added, in their order; `is_added` is true for the tokens that `tokenizer.json` lists as added. One that
    /// it has in other words, with other blanks around it, is among them and takes the place of that one.
    pub(crate) fn added_tokens(&self, is_added: impl Fn(&str) -> bool) -> Vec<AddedToken> {
        let named = self.named();
        let listed = self.tokenizer_config.as_ref().and_then(|config| config.get("added_tokens_decoder"));
        let mut tokens = match listed.and_then(Value::as_object) {
            Some(listed) => decoder(listed, &named),
            None => self.of_older_file(&named, &is_added),
        };
        let mut seen: BTreeSet<String> = tokens.iter().map(|token| token.content.clone()).collect();
        for token in named.into_iter().chain(self.more()) {
            if !is_added(&token.content) && seen.insert(token.content.clone()) {
                tokens.push(token);
            }
        }
        tokens.retain(|token| !token.content.is_empty());
        tokens
    }

    /// The named special tokens, then those under names that the file makes up itself.
    fn named(&self) -> Vec<AddedToken> {
        let own = |key: &&String| key.ends_with(SUFFIX) && !NAMED.contains(&key.as_str());
        let own = self.tokenizer_config.iter().filter_map(Value::as_object).flat_map(Map::keys).filter(own);
        let known = NAMED.iter().filter_map(|key| special(self.special_token(key)?));
        let extra = self.tokenizer_config.iter().filter_map(|config| config.get(MORE[1])?.as_object());
        let own = own.filter_map(|key| special(self.special_token(key)?));
        known.chain(own).chain(extra.flat_map(Map::values).filter_map(special)).collect()
    }

    /// Special tokens of a list.
    fn more(&self) -> Vec<AddedToken> {
        let files = [self.tokenizer_config.as_ref(), self.older_map()].into_iter().flatten();
        let lists = files.flat_map(|file| MORE.iter().filter_map(|key| file.get(*key)?.as_array()));
        lists.flatten().filter_map(special).collect()
    }

    /// The tokens of `added_tokens.json` that are not in `tokenizer.json`, by their ids.
    fn of_older_file(&self, named: &[AddedToken], is_added: impl Fn(&str) -> bool) -> Vec<AddedToken> {
        let Some(listed) = self.added_tokens.as_ref().and_then(Value::as_object) else { return Vec::new() };
        let more = self.more();
        let by_id: BTreeMap<u64, &String> =
            listed.iter().filter_map(|(token, id)| Some((id.as_u64()?, token))).collect();
        let tokens = by_id.into_values().filter(|token| !is_added(token));
        let special: BTreeSet<&str> = named.iter().chain(&more).map(|special| special.content.as_str()).collect();
        tokens.map(|token| AddedToken::from(token.clone(), special.contains(token.as_str()))).collect()
    }
}

/// The tokens that `tokenizer_config.json` lists, by their ids.
fn decoder(listed: &Map<String, Value>, named: &[AddedToken]) -> Vec<AddedToken> {
    let by_id: BTreeMap<u64, &Value> =
        listed.iter().filter_map(|(id, token)| Some((id.parse().ok()?, token))).collect();
    let named: BTreeSet<&str> = named.iter().map(|named| named.content.as_str()).collect();
    let token = |value: &Value| {
        let mut token = described(value, false)?;
        token.special |= named.contains(token.content.as_str());
        Some(token)
    };
    by_id.into_values().filter_map(token).collect()
}

fn special(value: &Value) -> Option<AddedToken> {
    described(value, true)
}

/// A token as text or as an object with its properties.
fn described(value: &Value, is_special: bool) -> Option<AddedToken> {
    let flag = |key: &str| value.get(key).and_then(Value::as_bool);
    let is_special = is_special || flag("special").unwrap_or(false);
    Some(AddedToken {
        content: written_form(value)?,
        special: is_special,
        single_word: flag("single_word").unwrap_or(false),
        lstrip: flag("lstrip").unwrap_or(false),
        rstrip: flag("rstrip").unwrap_or(false),
        normalized: flag("normalized").unwrap_or(!is_special),
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::text::{SpecialTokens, Tokenizer};

    /// Letters, a blank, and a special token that is listed as added; the next token has the id 15.
    fn tokenizer() -> Tokenizer {
        let added = json!({ "id": 14, "content": "<s>", "special": true, "single_word": false, "lstrip": false, "rstrip": false, "normalized": false });
        let bytes = json!({ "type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true, "use_regex": true });
        let letters = ["a", "b", "<", "|", ">", "i", "m", "_", "e", "n", "d", "s", "\u{120}", "c", "<s>"];
        let vocabulary: Map<String, Value> =
            letters.iter().zip(0..).map(|(token, id)| ((*token).to_owned(), json!(id))).collect();
        let file = json!({ "added_tokens": [added], "pre_tokenizer": bytes, "decoder": bytes, "model": { "type": "BPE", "vocab": vocabulary, "merges": [] } });
        Tokenizer::parse(file.to_string().as_bytes()).unwrap()
    }

    /// The ids of `ab<|im_end|> c`, as transformers 5.24 gives them with the same files.
    #[track_caller]
    fn check(config: Value, map: Option<Value>, added: Option<Value>, expected: &[u32]) {
        let files = ChatFiles {
            tokenizer_config: Some(config.clone()),
            special_tokens_map: map,
            added_tokens: added,
            ..ChatFiles::default()
        };
        let tokenizer = tokenizer().with_files(&files).unwrap();
        assert_eq!(tokenizer.encode("ab<|im_end|> c", SpecialTokens::Skip).unwrap(), expected, "{config}");
    }

    const WHOLE: [u32; 5] = [0, 1, 15, 12, 13];
    const PIECES: [u32; 14] = [0, 1, 2, 3, 5, 6, 7, 8, 9, 10, 3, 4, 12, 13];

    fn end() -> Value {
        json!({ "content": "<|im_end|>", "special": true, "lstrip": false, "rstrip": false, "normalized": false, "single_word": false })
    }

    #[test]
    fn tokens_that_only_the_other_files_have_are_added() {
        check(json!({ "added_tokens_decoder": { "20": end() }, "eos_token": "<|im_end|>" }), None, None, &WHOLE);
        check(json!({ "eos_token": "<|im_end|>" }), None, None, &WHOLE);
        check(json!({ "eos_token": end() }), None, None, &WHOLE);
        check(json!({ "image_token": "<|im_end|>" }), None, None, &WHOLE);
        check(json!({ "additional_special_tokens": ["<|im_end|>"] }), None, None, &WHOLE);
        check(json!({ "extra_special_tokens": ["<s>", end()] }), None, None, &WHOLE);
        check(json!({ "extra_special_tokens": { "end_token": "<|im_end|>" } }), None, None, &WHOLE);
        check(json!({}), Some(json!({ "eos_token": "<|im_end|>" })), None, &WHOLE);
        check(json!({}), Some(json!({ "additional_special_tokens": ["<|im_end|>"] })), None, &WHOLE);
        check(json!({}), None, Some(json!({ "<|im_end|>": 20 })), &WHOLE);
        check(json!({}), None, Some(json!({ "<|im_end|>": 20, "zz": 15 })), &[0, 1, 16, 12, 13]);
    }

    #[test]
    fn blanks_around_a_token_are_taken_as_its_last_description_says() {
        let mut token = end();
        token["rstrip"] = json!(true);
        check(json!({ "added_tokens_decoder": { "20": token } }), None, None, &[0, 1, 15, 13]);
        check(json!({ "eos_token": token }), None, None, &[0, 1, 15, 13]);
        check(json!({ "bos_token": "a" }), Some(json!({ "eos_token": token })), None, &[0, 1, 15, 13]);
    }

    #[test]
    fn older_files_do_not_count_beside_a_list_of_added_tokens() {
        let listed = || json!({ "added_tokens_decoder": {}, "bos_token": "a" });
        check(json!({}), None, None, &PIECES);
        check(listed(), Some(json!({ "eos_token": "<|im_end|>" })), None, &PIECES);
        check(listed(), None, Some(json!({ "<|im_end|>": 20 })), &PIECES);
        check(json!({ "eos_token": "<|im_end|>" }), Some(json!({ "eos_token": null })), None, &PIECES);
        check(
            json!({ "eos_token": "", "pad_token": null, "model_max_length": 7, "legacy_token": false }),
            None,
            None,
            &PIECES,
        );
    }

    #[test]
    fn added_tokens_are_as_bounded_as_those_of_the_tokenizer_itself() {
        let refused = |config: Value| {
            let files = ChatFiles { tokenizer_config: Some(config), ..ChatFiles::default() };
            tokenizer().with_files(&files).unwrap_err().to_string()
        };
        assert!(refused(json!({ "eos_token": "x".repeat(1025) })).contains("1025 bytes"));
        let many: Vec<String> = (0..70_000).map(|n| format!("<{n}>")).collect();
        assert!(refused(json!({ "additional_special_tokens": many })).contains("too many"));
    }
}
