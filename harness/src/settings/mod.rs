//! Settings of a run: their schema with defaults, the sources they are read from, and the environment variables.

mod chain;
mod deciding;
mod environments;
mod error;
mod explained;
mod ranges;
mod schema;
mod service;
mod sources;
mod suggestion;
mod variables;
mod workers;

pub(crate) use chain::ChainSettings;
pub(crate) use deciding::{Deciding, SamplingSettings, ScreenSettings, WorkSettings};
pub(crate) use error::SettingsError;
pub(crate) use explained::{ExplainedSetting, explained, json_schema, toml_of};
pub(crate) use schema::{EnvironmentChoice, Settings};
pub(crate) use sources::{ShownSetting, Sources};
pub(crate) use suggestion::nearest;
pub(crate) use variables::Variables;
pub(crate) use workers::WorkerSettings;

#[cfg(test)]
mod reference;
#[cfg(test)]
mod tests;
