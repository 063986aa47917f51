//! Model configuration: sizes, layers, and the variant of each layer.

mod family;
mod fields;
mod layers;
mod model;
#[cfg(test)]
mod reference;
mod rope;
#[cfg(test)]
mod tests;

pub use family::Family;
pub use model::{Activation, Attention, DeltaNet, Dense, Experts, FeedForward, Layer, Mixer, ModelConfig};
pub use rope::{Rope, RopeScaling};
