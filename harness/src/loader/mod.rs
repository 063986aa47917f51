//! Models from reference to responder: fetched from a hub, admitted, and started in an engine or reached on a server.

mod error;
mod hub;
mod model_loader;
mod responder;
mod text_side;

pub(crate) use error::LoaderError;
pub(crate) use model_loader::{Arrival, ModelLoader, files_of};
pub(crate) use text_side::TextSide;
