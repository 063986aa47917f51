//! Tokenizer built from checked parts.

use std::{
    collections::BTreeSet,
    fmt,
    panic::{AssertUnwindSafe, catch_unwind},
};

use tokenizers::{
    AddedToken, DecoderWrapper, ModelWrapper, NormalizerWrapper, PostProcessorWrapper, PreTokenizerWrapper,
    models::{
        bpe::{BPE, Vocab},
        unigram::Unigram,
    },
};

use crate::{refusal::Refusal, text::chat_files::ChatFiles};

/// Longest single text that is encoded, in bytes.
const LONGEST_TEXT: usize = 8 << 20;
/// Longest written form of a token in bytes. The longest of published vocabularies are runs of 128 blanks, whose written form
/// in byte-level vocabularies has 256 bytes.
pub(super) const LONGEST_TOKEN: usize = 1024;
/// Most tokens beside the vocabulary, and their bytes altogether.
const MOST_ADDED: (usize, usize) = (1 << 16, 1 << 20);
/// Token ids stay below this, so that nothing is ever sized by an absurd one.
const LARGEST_ID: u32 = 1 << 22;

/// Handling of special tokens, which stand for no text, such as BOS.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SpecialTokens {
    /// Add them when encoding, show them when decoding.
    Keep,
    /// Neither add nor show them.
    Skip,
}

/// No text may become longer than this, in bytes, on its way through the parts; the library keeps sixteen times as much
/// beside it.
const LARGEST_WORK: f64 = 32.0 * 1024.0 * 1024.0;

/// A tokenizer made of checked parts.
#[derive(Clone)]
pub struct Tokenizer {
    inner: tokenizers::Tokenizer,
    largest: u32,
    largest_of_text: u32,
    /// Growth of a text before it is cut, as a factor.
    growth: f64,
}

/// A text could not be encoded, or ids not decoded.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the tokenizer failed on {what}: {reason}")]
pub struct TokenizerError {
    what: String,
    reason: String,
}

impl Tokenizer {
    /// The same with the tokens that the files beside `tokenizer.json` add.
    ///
    /// # Errors
    /// If they are too many or too long.
    pub(crate) fn with_files(mut self, files: &ChatFiles) -> Result<Self, Refusal> {
        let known: BTreeSet<String> =
            self.inner.get_added_tokens_decoder().into_values().map(|token| token.content).collect();
        let tokens = files.added_tokens(|content| known.contains(content));
        check_added(&tokens)?;
        if let Some(long) = tokens.iter().map(|token| token.content.len()).find(|length| *length > LONGEST_TOKEN) {
            return Err(refuse(format!("a token has {long} bytes and at most {LONGEST_TOKEN} are allowed")));
        }
        if !tokens.is_empty() {
            guarded(|| self.inner.add_tokens(tokens).map(drop)).map_err(refuse)?;
            let largest = self.inner.get_added_tokens_decoder().into_keys().max().unwrap_or(0);
            self.largest = self.largest.max(largest);
        }
        Ok(self)
    }

    /// The ids of a text.
    pub fn encode(&self, text: &str, special: SpecialTokens) -> Result<Vec<u32>, TokenizerError> {
        let failed = |reason: String| TokenizerError { what: format!("a text of {} bytes", text.len()), reason };
        if text.len() > LONGEST_TEXT {
            return Err(failed(format!("at most {LONGEST_TEXT} bytes are encoded")));
        }
        if text.len() as f64 * self.growth > LARGEST_WORK {
            let growth = self.growth;
            return Err(failed(format!(
                "its parts may make a text {growth:.0} times as long, which is too long for this one"
            )));
        }
        let encoded = guarded(|| self.inner.encode_fast(text, special == SpecialTokens::Keep)).map_err(failed)?;
        Ok(encoded.get_ids().to_vec())
    }

    /// The text of some ids; incomplete characters become U+FFFD, unknown ids nothing.
    pub fn decode(&self, ids: &[u32], special: SpecialTokens) -> Result<String, TokenizerError> {
        let failed = |reason| TokenizerError { what: format!("{} ids", ids.len()), reason };
        guarded(|| self.inner.decode(ids, special == SpecialTokens::Skip)).map_err(failed)
    }

    /// Bytes of a token's written form, at most 1024; 0 for an id that is no token.
    pub fn token_bytes(&self, id: u32) -> usize {
        self.inner.id_to_token(id).map_or(0, |token| token.len())
    }

    /// The id of a token by its written form.
    pub fn id(&self, token: &str) -> Option<u32> {
        self.inner.token_to_id(token)
    }

    /// The largest id that encoding can give.
    pub fn largest(&self) -> u32 {
        self.largest
    }

    /// The largest id that text gives which names no added token: of single characters, bytes and merges.
    pub fn largest_of_text(&self) -> u32 {
        self.largest_of_text
    }

    /// As a `tokenizer.json`, the same bytes for the same tokenizer.
    pub fn to_json(&self) -> Result<String, TokenizerError> {
        guarded(|| self.inner.to_string(false))
            .map_err(|reason| TokenizerError { what: "its own description".to_owned(), reason })
    }
}

impl fmt::Debug for Tokenizer {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Tokenizer").field("largest", &self.largest).finish_non_exhaustive()
    }
}

/// Rule by which tokens are made of characters.
pub(super) enum Model {
    /// Byte-pair encoding.
    Pairs { merges: Vec<(String, String)>, unknown: Option<String>, fuse_unknown: bool, ignore_merges: bool },
    /// Unigram: the likeliest cut into pieces, by the logarithm of each piece's probability; ids are places in the list.
    Unigram { pieces: Vec<(String, f64)>, unknown: Option<usize> },
}

/// Everything a tokenizer is built from, already restricted to known parts.
pub(super) struct Written {
    pub(super) vocabulary: Vocab,
    pub(super) model: Model,
    pub(super) byte_fallback: bool,
    pub(super) added: Vec<(u32, AddedToken)>,
    /// Those that the post-processor puts in.
    pub(super) special_ids: Vec<u32>,
    /// Growth of a text by normalizer and pre-tokenizer, as a factor.
    pub(super) growth: f64,
    pub(super) normalizer: Option<NormalizerWrapper>,
    pub(super) pre_tokenizer: Option<PreTokenizerWrapper>,
    pub(super) post_processor: Option<PostProcessorWrapper>,
    pub(super) decoder: Option<DecoderWrapper>,
}

impl Written {
    /// Checks what the library takes for granted, and builds.
    pub(super) fn build(mut self) -> Result<Tokenizer, Refusal> {
        if self.vocabulary.is_empty() {
            return Err(refuse("it has no tokens"));
        }
        let mut ids: Vec<u32> = self.vocabulary.values().copied().collect();
        ids.sort_unstable();
        if let Some(twice) = ids.windows(2).find(|pair| pair[0] == pair[1]) {
            return Err(refuse(format!("two tokens have id {}", twice[0])));
        }
        let longest = self.vocabulary.keys().map(String::len).max().unwrap_or(0);
        let added = self.added.iter().map(|(_, token)| token.content.len()).max().unwrap_or(0);
        if longest.max(added) > LONGEST_TOKEN {
            let longest = longest.max(added);
            return Err(refuse(format!("a token has {longest} bytes and at most {LONGEST_TOKEN} are allowed")));
        }
        if let Some((left, right)) = self.merges().iter().find(|(left, right)| left.len() + right.len() > longest) {
            return Err(refuse(format!("merging {left:?} and {right:?} gives no token")));
        }
        let mut largest = ids.last().copied().unwrap_or(0);
        self.added.sort_by_key(|(id, _)| *id);
        if let Some((id, _)) = self.added.last() {
            largest = largest.max(*id);
        }
        if largest >= LARGEST_ID {
            return Err(refuse(format!("token id {largest} is beyond reason")));
        }
        // The library puts them in as they are, and the decoder has no row for one that is no token.
        let known = |id: &u32| {
            ids.binary_search(id).is_ok() || self.added.binary_search_by_key(id, |(added, _)| *added).is_ok()
        };
        if let Some(id) = self.special_ids.iter().find(|id| !known(id)) {
            return Err(refuse(format!("TemplateProcessing puts in token {id}, which the vocabulary does not have")));
        }
        let (growth, largest_of_text) = (self.growth, self.largest_of_text());
        let inner = guarded(|| self.assemble()).map_err(refuse)?;
        Ok(Tokenizer { inner, largest, largest_of_text, growth })
    }

    /// Largest id of what text can become without naming a token: its characters and bytes, and what they merge to.
    fn largest_of_text(&self) -> u32 {
        let added = |id: &u32| self.added.binary_search_by_key(id, |(added, _)| *added).is_ok();
        let piece = matches!(self.model, Model::Unigram { .. });
        let byte = |token: &str| self.byte_fallback && token.len() == 6 && token.starts_with("<0x");
        let single = self.vocabulary.iter().filter(|(token, _)| piece || token.chars().count() == 1 || byte(token));
        let merged = self.merges().iter().filter_map(|(left, right)| self.vocabulary.get(&format!("{left}{right}")));
        single.map(|(_, id)| id).chain(merged).filter(|id| !added(id)).copied().max().unwrap_or(0)
    }

    fn merges(&self) -> &[(String, String)] {
        match &self.model {
            Model::Pairs { merges, .. } => merges,
            Model::Unigram { .. } => &[],
        }
    }

    fn assemble(self) -> tokenizers::Result<tokenizers::Tokenizer> {
        // The library keeps its caches in every thread for ever, one for each tokenizer that there ever was.
        let model: ModelWrapper = match self.model {
            Model::Pairs { merges, unknown, fuse_unknown, ignore_merges } => {
                let mut model = BPE::builder()
                    .vocab_and_merges(self.vocabulary, merges)
                    .cache_capacity(0)
                    .fuse_unk(fuse_unknown)
                    .byte_fallback(self.byte_fallback)
                    .ignore_merges(ignore_merges);
                if let Some(unknown) = unknown {
                    model = model.unk_token(unknown);
                }
                model.build()?.into()
            }
            Model::Unigram { pieces, unknown } => {
                let mut model = Unigram::from(pieces, unknown, self.byte_fallback)?;
                model.resize_cache(0);
                model.into()
            }
        };
        let mut tokenizer = tokenizers::Tokenizer::new(model);
        tokenizer.with_normalizer(self.normalizer)?;
        tokenizer.with_pre_tokenizer(self.pre_tokenizer);
        tokenizer.with_post_processor(self.post_processor);
        tokenizer.with_decoder(self.decoder);
        let (ids, tokens): (Vec<u32>, Vec<AddedToken>) = self.added.into_iter().unzip();
        tokenizer.add_tokens(tokens.iter().cloned())?;
        for (id, token) in ids.iter().zip(&tokens) {
            let given = tokenizer.token_to_id(&token.content);
            if given != Some(*id) {
                let content = &token.content;
                return Err(format!("added token {content:?} should have id {id} and would get {given:?}").into());
            }
        }
        Ok(tokenizer)
    }
}

/// Checks how many added tokens there are, and their bytes.
pub(super) fn check_added<'a>(tokens: impl IntoIterator<Item = &'a AddedToken>) -> Result<(), Refusal> {
    let (count, bytes) =
        tokens.into_iter().fold((0, 0), |(count, bytes), token| (count + 1, bytes + token.content.len()));
    if count > MOST_ADDED.0 || bytes > MOST_ADDED.1 {
        return Err(refuse(format!("{count} added tokens of {bytes} bytes are too many")));
    }
    Ok(())
}

pub(super) fn refuse(reason: impl Into<String>) -> Refusal {
    Refusal::Tokenizer { reason: reason.into() }
}

/// Runs the library, whose own checks end in a panic here and there.
fn guarded<T>(work: impl FnOnce() -> tokenizers::Result<T>) -> Result<T, String> {
    match catch_unwind(AssertUnwindSafe(work)) {
        Ok(result) => result.map_err(|error| error.to_string()),
        Err(_) => Err("the tokenizer library gave up".to_owned()),
    }
}
