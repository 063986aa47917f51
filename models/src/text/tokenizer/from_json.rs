//! A tokenizer from `tokenizer.json`.

use serde::Deserialize;
use serde_json::Value;
use tokenizers::{AddedToken, models::bpe::Vocab};

use super::{
    parts::{Place, growth_before_cutting, part, special_ids},
    text::{Model, Written, check_added, refuse},
};
use crate::{python_json, refusal::Refusal, text::Tokenizer};

/// Largest acceptable `tokenizer.json` in bytes; Gemma's has 33 MB.
pub(crate) const LARGEST_FILE: u64 = 64 << 20;
/// The other model than BPE, by the name that the file gives it.
const UNIGRAM: &str = "Unigram";
/// Longest piece of Unigram in bytes; published ones have a few dozen.
const LONGEST_PIECE: usize = 256;

#[derive(Deserialize)]
struct File {
    #[serde(default)]
    added_tokens: Vec<Added>,
    #[serde(default)]
    normalizer: Value,
    #[serde(default)]
    pre_tokenizer: Value,
    #[serde(default)]
    post_processor: Value,
    #[serde(default)]
    decoder: Value,
    model: WrittenModel,
}

#[derive(Deserialize)]
struct Added {
    id: u32,
    #[serde(flatten)]
    token: AddedToken,
}

#[derive(Deserialize)]
struct WrittenModel {
    #[serde(rename = "type")]
    kind: Option<String>,
    dropout: Option<f32>,
    unk_token: Option<String>,
    continuing_subword_prefix: Option<String>,
    end_of_word_suffix: Option<String>,
    #[serde(default)]
    fuse_unk: bool,
    #[serde(default)]
    byte_fallback: bool,
    #[serde(default)]
    ignore_merges: bool,
    unk_id: Option<usize>,
    vocab: Tokens,
    #[serde(default)]
    merges: Vec<Merge>,
}

/// Tokens with their ids, or Unigram's pieces with their scores, in the order of their ids.
#[derive(Deserialize)]
#[serde(untagged)]
enum Tokens {
    Ids(Vocab),
    Pieces(Vec<(String, f64)>),
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Merge {
    Pair(String, String),
    Joined(String),
}

impl Tokenizer {
    /// Reads and checks a `tokenizer.json`.
    pub fn parse(json: &[u8]) -> Result<Self, Refusal> {
        let malformed = |error: serde_json::Error| Refusal::Malformed {
            file: "tokenizer.json".to_owned(),
            reason: format!("{error} (only byte-pair encoding and Unigram are known)"),
        };
        let file: File = python_json::parse(json).map_err(malformed)?;
        file.check()?;
        let byte_fallback = file.model.byte_fallback;
        let (vocabulary, model) = file.model.parts()?;
        Written {
            vocabulary,
            model,
            byte_fallback,
            added: file.added_tokens.into_iter().map(|added| (added.id, added.token)).collect(),
            growth: growth_before_cutting(&file.normalizer, &file.pre_tokenizer)?,
            special_ids: special_ids(&file.post_processor)?,
            normalizer: part(Place::Normalizer, &file.normalizer)?,
            pre_tokenizer: part(Place::PreTokenizer, &file.pre_tokenizer)?,
            post_processor: part(Place::PostProcessor, &file.post_processor)?,
            decoder: part(Place::Decoder, &file.decoder)?,
        }
        .build()
    }
}

impl File {
    fn check(&self) -> Result<(), Refusal> {
        let model = &self.model;
        if let Some(kind) = model.kind.as_deref().filter(|kind| !matches!(*kind, "BPE" | UNIGRAM)) {
            return Err(refuse(format!("model {kind:?} is neither BPE nor Unigram")));
        }
        if model.dropout.is_some_and(|dropout| dropout != 0.0) {
            return Err(refuse("with dropout it would encode one text in many ways"));
        }
        for affix in [&model.continuing_subword_prefix, &model.end_of_word_suffix].into_iter().flatten() {
            if !affix.is_empty() {
                return Err(refuse(format!("the affix {affix:?} is not known")));
            }
        }
        check_added(self.added_tokens.iter().map(|added| &added.token))?;
        if self.added_tokens.iter().any(|added| added.token.content.is_empty()) {
            return Err(refuse("an added token is empty"));
        }
        Ok(())
    }
}

impl WrittenModel {
    fn parts(self) -> Result<(Vocab, Model), Refusal> {
        match (self.vocab, self.kind.as_deref() == Some(UNIGRAM)) {
            (Tokens::Ids(vocabulary), false) => {
                let merges = self.merges.into_iter().map(Merge::pair).collect::<Result<_, _>>()?;
                let (unknown, fuse_unknown) = (self.unk_token, self.fuse_unk);
                Ok((vocabulary, Model::Pairs { merges, unknown, fuse_unknown, ignore_merges: self.ignore_merges }))
            }
            (Tokens::Pieces(pieces), true) => {
                let mut vocabulary = Vocab::with_capacity(pieces.len());
                for (id, (piece, score)) in pieces.iter().enumerate() {
                    // Each place of a text is compared with pieces of every length.
                    if piece.len() > LONGEST_PIECE || !score.is_finite() {
                        return Err(refuse(format!("piece {id} has {} bytes and the score {score}", piece.len())));
                    }
                    if vocabulary.insert(piece.clone(), id as u32).is_some() {
                        return Err(refuse(format!("piece {piece:?} appears twice")));
                    }
                }
                match self.unk_id {
                    Some(id) if id >= pieces.len() => Err(refuse(format!("unk_id = {id} is no piece"))),
                    unknown => Ok((vocabulary, Model::Unigram { pieces, unknown })),
                }
            }
            (_, true) => Err(refuse("Unigram's vocabulary is a list of pieces with their scores")),
            (_, false) => Err(refuse("the vocabulary of BPE is an object of tokens with their ids")),
        }
    }
}

impl Merge {
    fn pair(self) -> Result<(String, String), Refusal> {
        match self {
            Self::Pair(left, right) => Ok((left, right)),
            Self::Joined(joined) => match joined.split_once(' ') {
                Some((left, right)) => Ok((left.to_owned(), right.to_owned())),
                None => Err(refuse(format!("{joined:?} is no merge of two tokens"))),
            },
        }
    }
}
