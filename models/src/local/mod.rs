//! Models that run on this machine.

mod loaded;
mod model;

pub use loaded::LoadedModel;
pub use model::LocalModel;
