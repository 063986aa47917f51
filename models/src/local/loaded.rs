//! Model in memory, ready for an engine.

use crate::{
    admission::Admitted,
    config::ModelConfig,
    cuda::Accelerator,
    decoder::{Arithmetic, Decoder},
    engine::{Detokenizer, EngineModel},
    error::LoadError,
    text::{Message, PromptError, Prompter, SpecialTokens, Tokenizer},
};

/// Admitted model whose tensors were read.
pub struct LoadedModel {
    /// Its description.
    pub config: ModelConfig,
    /// Its parameters.
    pub decoder: Decoder,
    /// Its text side.
    pub prompter: Prompter,
    /// Tokens that end a reply.
    pub stop_tokens: Vec<u32>,
}

impl LoadedModel {
    /// Reads the tensors of an admitted model for the CPU.
    ///
    /// # Errors
    /// If a file cannot be read.
    pub fn load(admitted: &Admitted, arithmetic: Arithmetic) -> Result<Self, LoadError> {
        let decoder = Decoder::load(&admitted.config, admitted.tensors.as_ref(), &admitted.layout, arithmetic)?;
        Ok(Self::of(admitted, decoder))
    }

    /// Reads the tensors of an admitted model for a graphics processor, as bfloat16. Texts end there where the short factors
    /// of LongRoPE do.
    ///
    /// # Errors
    /// If a file cannot be read, or the card cannot hold or run the model.
    pub fn load_on(admitted: &Admitted, accelerator: &Accelerator) -> Result<Self, LoadError> {
        let decoder = accelerator.load(&admitted.config, admitted.tensors.as_ref(), &admitted.layout)?;
        let mut model = Self::of(admitted, decoder);
        if let Some(longest) = model.config.long_from.take() {
            model.config.max_positions = model.config.max_positions.min(longest);
        }
        Ok(model)
    }

    /// The tokens of a conversation, ending where the reply begins; `key` as for [`Prompter::render`].
    pub fn render(&self, messages: &[Message], key: u64) -> Result<Vec<u32>, PromptError> {
        self.prompter.render(messages, key)
    }

    /// Splits into the engine's part and the text side.
    pub fn into_parts(self) -> (EngineModel, Prompter) {
        let detokenizer = self.prompter.tokenizer.clone().map(|tokenizer| Box::new(tokenizer) as Box<dyn Detokenizer>);
        let model =
            EngineModel { config: self.config, decoder: self.decoder, stop_tokens: self.stop_tokens, detokenizer };
        (model, self.prompter)
    }

    fn of(admitted: &Admitted, decoder: Decoder) -> Self {
        let (config, prompter) = (admitted.config.clone(), admitted.prompter.clone());
        Self { config, decoder, prompter, stop_tokens: admitted.stop_tokens.clone() }
    }
}

impl Detokenizer for Tokenizer {
    fn decode(&self, tokens: &[u32]) -> String {
        // A model can have more ids than its tokenizer; the others are no text.
        self.decode(tokens, SpecialTokens::Skip).unwrap_or_default()
    }

    fn bytes(&self, token: u32) -> usize {
        self.token_bytes(token)
    }
}
