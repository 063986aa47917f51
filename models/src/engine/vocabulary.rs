//! Stop tokens and text of token ids.

/// Decodes tokens to text.
pub trait Detokenizer: Send {
    /// The text of tokens, without special ones.
    fn decode(&self, tokens: &[u32]) -> String;

    /// Bytes of a token's written form.
    fn bytes(&self, token: u32) -> usize;
}

/// Stop tokens, and the detokenizer of a model that has one.
pub(super) struct Vocabulary {
    pub(super) stop_tokens: Vec<u32>,
    pub(super) detokenizer: Option<Box<dyn Detokenizer>>,
}

impl Vocabulary {
    /// Bytes of a token's written form; 0 without a detokenizer.
    pub(super) fn bytes(&self, token: u32) -> usize {
        self.detokenizer.as_ref().map_or(0, |detokenizer| detokenizer.bytes(token))
    }

    /// The text of tokens; empty without a detokenizer.
    pub(super) fn decode(&self, tokens: &[u32]) -> String {
        self.detokenizer.as_ref().map(|detokenizer| detokenizer.decode(tokens)).unwrap_or_default()
    }
}
