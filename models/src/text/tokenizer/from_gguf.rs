//! A tokenizer from the metadata of a GGUF file, which keeps the vocabulary but only names the rest.

use serde_json::{Value as Json, json};
use tokenizers::{AddedToken, models::bpe::Vocab};

use super::{
    parts::{Place, growth_before_cutting, part, special_ids},
    patterns,
    text::{Model, Written, refuse},
};
use crate::{
    gguf::{Content, List, Value, turn_ends},
    refusal::Refusal,
    text::Tokenizer,
};

/// The kinds of `tokenizer.ggml.token_type` that matter here, beside control tokens.
const NORMAL: i64 = 1;
const USER_DEFINED: i64 = 4;
/// Longest token that is made by merging, and all tokens together, in bytes: every way to cut each is tried.
const LONGEST_PIECES: (usize, usize) = (256, 1 << 24);
/// Space in the vocabularies made by SentencePiece.
const SPACE: &str = "\u{2581}";

/// Pre-tokenizer and normalizer of a family of byte-level tokenizers.
#[derive(Clone, Copy)]
struct Style {
    /// Patterns that cut a text, each what the one before left.
    cuts: &'static [&'static str],
    normalizer: Option<&'static str>,
    ignore_merges: bool,
    begins: bool,
}

impl Style {
    const fn of(cuts: &'static [&'static str]) -> Self {
        Self { cuts, normalizer: None, ignore_merges: false, begins: false }
    }

    const fn normalized(self) -> Self {
        Self { normalizer: Some("NFC"), ..self }
    }

    const fn whole_words(self) -> Self {
        Self { ignore_merges: true, ..self }
    }

    const fn begun(self) -> Self {
        Self { begins: true, ..self }
    }
}

/// The styles by `tokenizer.ggml.pre`, under every name that llama.cpp knows; those that need more than patterns are not
/// among them.
const STYLES: &[(&[&str], Style)] = {
    use patterns::{
        BAILING, BLOOM, CASED_LETTERS, DEEPSEEK3, DIGITS, EXAONE_MOE, FALCON_SIGNS, GPT2, HAN_AND_HANGUL, HAN_AND_KANA,
        LINE_END, LLAMA3, MINICPM5, O200K, ONE_DIGIT, QWEN2, QWEN35, SEED_CODER, SIGNS, SPACED_LETTERS,
        SPACED_PUNCTUATION, SPACED_SIGNS, SPACES_AT_END, TEKKEN, THREE_DIGITS, UNCONTRACTED, UP_TO_THREE_DIGITS,
    };
    const SINGLE_DIGITS: Style = Style::of(&[ONE_DIGIT, GPT2]);
    const LLAMA: Style = Style::of(&[LLAMA3]);
    const QWEN: Style = Style::of(&[QWEN2]);
    &[
        (&["default"], Style::of(&[SIGNS, GPT2, DIGITS, THREE_DIGITS])),
        (
            &[
                "gpt-2",
                "gpt2",
                "phi-2",
                "gigachat",
                "a.x-4.0",
                "mellum",
                "modern-bert",
                "mpt",
                "olmo",
                "jais",
                "exaone4",
            ],
            Style::of(&[GPT2]),
        ),
        (&["jina-es", "jina-de", "jina-v2-es", "jina-v2-de", "trillion", "granite-docling"], Style::of(&[GPT2])),
        (
            &["smollm", "starcoder", "refact", "command-r", "codeshell", "exaone", "minerva-7b", "mellum2"],
            SINGLE_DIGITS,
        ),
        (
            &["llama3", "llama-v3", "llama-bpe", "falcon3", "falcon-h1", "pixtral", "midm-2.0", "lfm2", "jina-v5-nano"],
            LLAMA.whole_words().begun(),
        ),
        (&["dbrx", "smaug-bpe", "glm4", "chatglm-bpe"], LLAMA),
        (&["qwen2", "deepseek-r1-qwen", "megrez", "hunyuan", "kormo", "f2llmv2"], QWEN.normalized()),
        (&["stablelm2", "grok-2", "solar-open"], QWEN),
        (&["qwen35"], Style::of(&[QWEN35]).normalized()),
        (&["ufakzeka"], Style::of(&[UNCONTRACTED])),
        (&["tekken"], Style::of(&[TEKKEN]).whole_words().begun()),
        (&["gpt-4o", "llama4", "kanana2", "talkie", "minimax-m2"], Style::of(&[O200K])),
        (&["falcon"], Style::of(&[FALCON_SIGNS, GPT2, THREE_DIGITS])),
        (&["deepseek-llm"], Style::of(&[LINE_END, CASED_LETTERS, SPACED_SIGNS, SPACES_AT_END, HAN_AND_HANGUL, DIGITS])),
        (&["deepseek-coder"], Style::of(&[LINE_END, SPACED_LETTERS, SPACED_PUNCTUATION, HAN_AND_HANGUL, ONE_DIGIT])),
        (
            &["deepseek-v3", "hunyuan-dense", "joyai-llm", "hy_v4"],
            Style::of(&[UP_TO_THREE_DIGITS, HAN_AND_KANA, DEEPSEEK3]),
        ),
        (&["poro-chat", "bloom", "gpt3-finnish"], Style::of(&[BLOOM])),
        (&["viking"], Style::of(&[BLOOM, ONE_DIGIT])),
        (&["bailingmoe", "bailingmoe2", "llada-moe"], Style::of(&[BAILING])),
        (&["seed-coder"], Style::of(&[SEED_CODER])),
        (&["exaone-moe"], Style::of(&[EXAONE_MOE])),
        (&["minicpm5"], Style::of(&[UP_TO_THREE_DIGITS, MINICPM5]).whole_words()),
    ]
};

fn style(name: &str) -> Option<Style> {
    STYLES.iter().find(|(names, _)| names.contains(&name)).map(|(_, style)| *style)
}

impl Tokenizer {
    /// Builds the tokenizer that the metadata describes; `None` where there is no vocabulary at all.
    pub fn from_gguf(content: &Content<'_>) -> Result<Option<Self>, Refusal> {
        let Some(tokens) = content.texts("tokenizer.ggml.tokens") else { return Ok(None) };
        let kinds = turn_ends::token_kinds(content, tokens)
            .ok_or_else(|| refuse("tokenizer.ggml.token_type is not one number a token"))?;
        let metadata = Metadata { content, tokens, kinds };
        let written = match content.text("tokenizer.ggml.model") {
            Some("gpt2") => metadata.byte_level()?,
            Some("llama") => metadata.sentence_piece()?,
            other => return Err(refuse(format!("tokenizer.ggml.model {other:?} is neither gpt2 nor llama"))),
        };
        written.build().map(Some)
    }
}

struct Metadata<'a> {
    content: &'a Content<'a>,
    tokens: &'a [&'a str],
    kinds: Vec<i64>,
}

impl Metadata<'_> {
    fn byte_level(&self) -> Result<Written, Refusal> {
        // Files from before the key was invented, and those of converters that knew no better.
        let name = self.content.text("tokenizer.ggml.pre").unwrap_or("default");
        let style = style(name).ok_or_else(|| refuse(format!("tokenizer.ggml.pre {name:?} is not known")))?;
        let merges =
            self.content.texts("tokenizer.ggml.merges").ok_or_else(|| refuse("tokenizer.ggml.merges is missing"))?;
        let merges =
            merges.iter().map(|merge| merge.split_once(' ').map(|(left, right)| (left.to_owned(), right.to_owned())));
        let merges = merges.collect::<Option<_>>().ok_or_else(|| refuse("a merge is not two tokens"))?;
        let byte_level = |cuts: bool| json!({ "type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true, "use_regex": cuts });
        let split = |pattern: &&str| json!({ "type": "Split", "pattern": { "Regex": *pattern }, "behavior": "Isolated", "invert": false });
        let cut: Vec<Json> = style.cuts.iter().map(split).chain([byte_level(false)]).collect();
        let ends = self.ends(style.begins)?;
        let normalizer = style.normalizer.map_or(Json::Null, |kind| json!({ "type": kind }));
        let pre_tokenizer = json!({ "type": "Sequence", "pretokenizers": cut });
        Ok(Written {
            vocabulary: self.vocabulary()?,
            model: Model::Pairs { merges, unknown: None, fuse_unknown: false, ignore_merges: style.ignore_merges },
            byte_fallback: false,
            added: self.added(),
            growth: growth_before_cutting(&normalizer, &pre_tokenizer)?,
            special_ids: special_ids(&ends)?,
            normalizer: part(Place::Normalizer, &normalizer)?,
            pre_tokenizer: part(Place::PreTokenizer, &pre_tokenizer)?,
            post_processor: part(Place::PostProcessor, &ends)?,
            decoder: part(Place::Decoder, &byte_level(true))?,
        })
    }

    fn sentence_piece(&self) -> Result<Written, Refusal> {
        let replace = |from: &str, to: &str| json!({ "type": "Replace", "pattern": { "String": from }, "content": to });
        let mut normalizers = vec![replace(" ", SPACE)];
        let mut decoders = vec![replace(SPACE, " "), json!({ "type": "ByteFallback" }), json!({ "type": "Fuse" })];
        if self.content.flag("tokenizer.ggml.add_space_prefix").unwrap_or(true) {
            normalizers.insert(0, json!({ "type": "Prepend", "prepend": SPACE }));
            decoders.push(json!({ "type": "Strip", "content": " ", "start": 1, "stop": 0 }));
        }
        let normalizer = json!({ "type": "Sequence", "normalizers": normalizers });
        let (vocabulary, ends) = (self.vocabulary()?, self.ends(true)?);
        let unknown = self.content.count("tokenizer.ggml.unknown_token_id").unwrap_or(0);
        Ok(Written {
            model: Model::Pairs {
                merges: self.merges_by_score(&vocabulary)?,
                unknown: Some(self.token(unknown)?.to_owned()),
                fuse_unknown: true,
                ignore_merges: false,
            },
            vocabulary,
            byte_fallback: true,
            added: self.added(),
            growth: growth_before_cutting(&normalizer, &Json::Null)?,
            special_ids: special_ids(&ends)?,
            normalizer: part(Place::Normalizer, &normalizer)?,
            pre_tokenizer: None,
            post_processor: part(Place::PostProcessor, &ends)?,
            decoder: part(Place::Decoder, &json!({ "type": "Sequence", "decoders": decoders }))?,
        })
    }

    /// SentencePiece joins whichever neighbours give the token of the best score; as merges, those tokens by score.
    fn merges_by_score(&self, vocabulary: &Vocab) -> Result<Vec<(String, String)>, Refusal> {
        let scores = match self.content.metadata.get("tokenizer.ggml.scores") {
            Some(Value::List(List::Floats(scores))) if scores.len() == self.tokens.len() => scores,
            _ => return Err(refuse("tokenizer.ggml.scores is not one number a token")),
        };
        let mut order: Vec<usize> = (0..self.tokens.len()).filter(|id| self.kinds[*id] == NORMAL).collect();
        order.sort_by(|a, b| scores[*b].total_cmp(&scores[*a]).then(a.cmp(b)));
        let lengths = order.iter().map(|id| self.tokens[*id].len());
        if lengths.clone().max().unwrap_or(0) > LONGEST_PIECES.0 || lengths.sum::<usize>() > LONGEST_PIECES.1 {
            return Err(refuse("its tokens are longer than any published ones"));
        }
        let normal = |piece: &str| vocabulary.get(piece).copied().filter(|id| self.kinds[*id as usize] == NORMAL);
        let mut merges = Vec::new();
        for id in order {
            let token = self.tokens[id];
            let splits = token.char_indices().skip(1).map(|(at, _)| token.split_at(at));
            let mut pairs: Vec<_> =
                splits.filter_map(|(left, right)| Some(((normal(left)?, normal(right)?), left, right))).collect();
            pairs.sort_unstable();
            merges.extend(pairs.into_iter().map(|(_, left, right)| (left.to_owned(), right.to_owned())));
        }
        Ok(merges)
    }

    fn vocabulary(&self) -> Result<Vocab, Refusal> {
        let mut vocabulary = Vocab::with_capacity(self.tokens.len());
        for (id, token) in self.tokens.iter().enumerate() {
            if vocabulary.insert((*token).to_owned(), id as u32).is_some() {
                return Err(refuse(format!("token {token:?} appears twice")));
            }
        }
        Ok(vocabulary)
    }

    /// Control and user-defined tokens are found in the text as they are, before anything is cut or merged.
    fn added(&self) -> Vec<(u32, AddedToken)> {
        let marked = self.tokens.iter().zip(&self.kinds).enumerate();
        let marked = marked
            .filter(|(_, (token, kind))| matches!(**kind, turn_ends::CONTROL | USER_DEFINED) && !token.is_empty());
        marked
            .map(|(id, (token, kind))| {
                (id as u32, AddedToken::from(*token, *kind == turn_ends::CONTROL).normalized(false))
            })
            .collect()
    }

    /// The tokens put before and after a text that is no part of a conversation.
    fn ends(&self, begins: bool) -> Result<Json, Refusal> {
        let wanted = |flag: &str, usual: bool, id: &str| -> Result<Option<(u64, &str)>, Refusal> {
            if !self.content.flag(flag).unwrap_or(usual) {
                return Ok(None);
            }
            let id = self.content.count(id).ok_or_else(|| refuse(format!("{id} is missing but {flag} is set")))?;
            Ok(Some((id, self.token(id)?)))
        };
        let first = wanted("tokenizer.ggml.add_bos_token", begins, "tokenizer.ggml.bos_token_id")?;
        let last = wanted("tokenizer.ggml.add_eos_token", false, "tokenizer.ggml.eos_token_id")?;
        if first.is_none() && last.is_none() {
            return Ok(Json::Null);
        }
        let special = |token: &str, side: u32| json!({ "SpecialToken": { "id": token, "type_id": side } });
        let text = |name: &str, side: u32| {
            let mut pieces = Vec::new();
            pieces.extend(first.map(|(_, token)| special(token, side)));
            pieces.push(json!({ "Sequence": { "id": name, "type_id": side } }));
            pieces.extend(last.map(|(_, token)| special(token, side)));
            pieces
        };
        let mut known = serde_json::Map::new();
        for (id, token) in [first, last].into_iter().flatten() {
            known.insert(token.to_owned(), json!({ "id": token, "ids": [id], "tokens": [token] }));
        }
        let pair: Vec<Json> = text("A", 0).into_iter().chain(text("B", 1)).collect();
        Ok(json!({ "type": "TemplateProcessing", "single": text("A", 0), "pair": pair, "special_tokens": known }))
    }

    fn token(&self, id: u64) -> Result<&str, Refusal> {
        let token = usize::try_from(id).ok().and_then(|id| self.tokens.get(id)).copied();
        token.ok_or_else(|| refuse(format!("token {id} is named but there are only {}", self.tokens.len())))
    }
}
