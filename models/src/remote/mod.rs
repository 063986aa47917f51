//! Models that a server runs: anything that speaks OpenAI's interface (vLLM, SGLang, llama.cpp, a marketplace).
//!
//! What a server says has to be believed: nobody else can compute it again, since neither the files, nor the arithmetic,
//! nor the draws are known. Its replies therefore come without token ids and are marked wherever they are kept.

mod answer;
mod error;
mod model;
mod pace;
mod reference;

pub use error::{RemoteError, RemoteErrorKind};
pub use model::{Interface, RemoteModel, RemoteSettings, ServedModel};
pub(crate) use reference::SCHEME;
pub use reference::{RemoteRef, RemoteRefError};
