//! Models behind a server with OpenAI's interface (vLLM, SGLang, llama.cpp, a marketplace).
//!
//! Replies of a server cannot be reproduced, since its files, arithmetic and random numbers are unknown. They come without
//! token ids and are marked wherever they are stored.

mod answer;
mod error;
mod lenient_json;
mod model;
mod pace;
mod reference;
mod stream;

pub use error::{RemoteError, RemoteErrorKind};
pub use model::{Interface, RemoteModel, RemoteSettings, ServedModel};
pub(crate) use reference::SCHEME;
pub use reference::{RemoteRef, RemoteRefError};
