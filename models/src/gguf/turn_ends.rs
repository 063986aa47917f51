//! Tokens that end a turn by their written form, whatever the metadata of a GGUF file names or marks.

use super::{Content, List, Value};

/// Every written form at which llama.cpp ends a generation, fill-in-the-middle separators included.
const TURN_ENDS: [&str; 33] = [
    "<|eot_id|>",
    "<|im_end|>",
    "<|end|>",
    "<|return|>",
    "<|call|>",
    "<|flush|>",
    "<|calls|>",
    "<end_of_turn>",
    "<|endoftext|>",
    "<|end_of_text|>",
    "</s>",
    "<|eom_id|>",
    "<EOT>",
    "_<EOT>",
    "[EOT]",
    "[EOS]",
    "<end_of_utterance>",
    "<eos>",
    "<turn|>",
    "<|tool_response>",
    "<\u{ff5c}end\u{2581}of\u{2581}sentence\u{ff5c}>",
    "<|fim_pad|>",
    "<fim-pad>",
    "<fim_pad>",
    "<PAD>",
    "[PAD]",
    "<|fim_repo|>",
    "<|repo_name|>",
    "<fim-repo>",
    "<REPO>",
    "<reponame>",
    "<|file_sep|>",
    "<|fim_sep|>",
];
/// Vocabularies with both of the first: the last ends a part of a reply and not the reply.
const PARTS: ([&str; 2], &str) = (["<|return|>", "<|call|>"], "<|end|>");
/// The kind of ordinary tokens in `tokenizer.ggml.token_type`, and that of control tokens.
const NORMAL: i64 = 1;
pub(crate) const CONTROL: i64 = 3;

/// Kinds of all tokens, those that end a turn among the control tokens: converters mark them otherwise now and then.
/// `None` where the list is not one number a token.
pub(crate) fn token_kinds(content: &Content<'_>, tokens: &[&str]) -> Option<Vec<i64>> {
    let mut kinds = match content.metadata.get("tokenizer.ggml.token_type") {
        None => vec![NORMAL; tokens.len()],
        Some(Value::List(List::Integers(kinds))) if kinds.len() == tokens.len() => kinds.clone(),
        Some(_) => return None,
    };
    for id in by_form(tokens) {
        kinds[id] = CONTROL;
    }
    Some(kinds)
}

/// The end tokens that the metadata names, then those known by their form; `None` if there are none.
pub(super) fn end_tokens(content: &Content<'_>) -> Option<Vec<u64>> {
    let named = ["eos", "eot", "eom"].map(|end| content.count(&format!("tokenizer.ggml.{end}_token_id")));
    let tokens = content.texts("tokenizer.ggml.tokens").unwrap_or_default();
    let mut ends: Vec<u64> = named.into_iter().flatten().chain(by_form(tokens).map(|id| id as u64)).collect();
    let mut seen = std::collections::BTreeSet::new();
    ends.retain(|id| seen.insert(*id));
    (!ends.is_empty()).then_some(ends)
}

fn by_form<'a>(tokens: &'a [&str]) -> impl Iterator<Item = usize> + 'a {
    let in_parts = PARTS.0.iter().all(|form| tokens.contains(form));
    let ends = move |token: &str| TURN_ENDS.contains(&token) && !(in_parts && token == PARTS.1);
    tokens.iter().enumerate().filter(move |(_, token)| ends(token)).map(|(id, _)| id)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gguf::fixtures::File;

    /// End tokens of a vocabulary, of which the first is the one that the metadata names.
    #[track_caller]
    fn check(tokens: &[&str], expected: &[u64]) {
        let file = File::default().texts("tokenizer.ggml.tokens", tokens).count("tokenizer.ggml.eos_token_id", 0);
        let bytes = file.bytes();
        let content = Content::parse("x", &bytes).unwrap();
        assert_eq!(end_tokens(&content).unwrap(), expected, "{tokens:?}");
        let kinds = token_kinds(&content, tokens).unwrap();
        let control: Vec<u64> = (0..tokens.len() as u64).filter(|id| kinds[*id as usize] == CONTROL).collect();
        assert!(control.iter().all(|id| expected.contains(id)), "{kinds:?}");
    }

    #[test]
    fn every_known_form_ends_a_turn_however_it_is_marked() {
        for form in TURN_ENDS {
            check(&["a", "b", form], &[0, 2]);
        }
        check(&["a", "<|eot_id", "<eot>", " </s>", "<|end_of_turn|>"], &[0]);
        check(&["</s>", "<|im_end|>"], &[0, 1]);
        // Harmony ends each part of a reply with the same token.
        check(&["a", "<|end|>", "<|return|>"], &[0, 1, 2]);
        check(&["a", "<|end|>", "<|return|>", "<|call|>"], &[0, 2, 3]);
    }

    #[test]
    fn kinds_are_one_number_a_token() {
        let file = File::default().texts("tokenizer.ggml.tokens", &["a", "</s>", "b"]);
        let kinds = |file: &File| {
            let bytes = file.bytes();
            token_kinds(&Content::parse("x", &bytes).unwrap(), &["a", "</s>", "b"])
        };
        assert_eq!(kinds(&file), Some(vec![NORMAL, CONTROL, NORMAL]));
        assert_eq!(kinds(&file.clone().integers("tokenizer.ggml.token_type", &[6, 1, 4])), Some(vec![6, CONTROL, 4]));
        assert_eq!(kinds(&file.integers("tokenizer.ggml.token_type", &[6, 1])), None);
    }
}
