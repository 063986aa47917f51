//! Settings of a run: their schema with defaults, the sources they are read from, and the environment variables.

mod deciding;
mod error;
mod ranges;
mod schema;
mod sources;
mod suggestion;
mod variables;

pub use deciding::{Deciding, SamplingSettings, ScreenSettings};
pub use error::SettingsError;
pub use schema::{EnvironmentChoice, Settings};
pub use sources::{ShownSetting, Sources};
pub use variables::Variables;

#[cfg(test)]
mod reference;
#[cfg(test)]
mod tests;
