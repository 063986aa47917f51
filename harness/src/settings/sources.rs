//! Where each setting's value came from: defaults < file < variables < flags.

use std::path::{Path, PathBuf};

use figment::Figment;
use figment::providers::{Env, Format, Serialized, Toml};
use figment::value::{Dict, Value};
use pareto::weights::WeightError;
use serde::Serialize;

use super::{EngineSettings, HubKind, Settings};

/// The variables that are not settings although they begin like one.
const NOT_SETTINGS: [&str; 1] = ["cache"];

/// Reads the settings from their sources.
#[derive(Debug, Clone)]
pub struct Sources {
    figment: Figment,
    file: Option<PathBuf>,
}

/// One setting, its value, and who gave it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ShownSetting {
    /// The dotted key.
    pub key: String,
    /// The value in force.
    pub value: serde_json::Value,
    /// `default`, the file, the variable or the flag.
    pub source: String,
}

/// Why the settings are not usable.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    /// The settings file is not there or not readable.
    #[error("cannot read the settings file {}: {cause}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system said.
        cause: std::io::Error,
    },
    /// A key is unknown or a value has the wrong type.
    #[error("{0}")]
    Invalid(String),
    /// A value is outside its range.
    #[error("setting `{key}` is {value}; it must be {expected}")]
    OutOfRange {
        /// The dotted key.
        key: &'static str,
        /// What it is.
        value: String,
        /// What it may be.
        expected: &'static str,
    },
    /// A `--set` flag is not `key=value`.
    #[error("`--set {0}` is not of the form key=value")]
    BadFlag(String),
}

impl Sources {
    /// Defaults, then `base` (a command's own), then the file, then `DETHRONE_SECTION__KEY` variables, then `key=value` flags.
    ///
    /// # Errors
    /// If the file cannot be read or a flag is not `key=value`.
    pub fn new(base: &Settings, file: Option<&Path>, flags: &[String]) -> Result<Self, SettingsError> {
        let mut figment = Figment::from(Serialized::defaults(base));
        if let Some(path) = file {
            std::fs::File::open(path).map_err(|cause| SettingsError::Unreadable { path: path.to_owned(), cause })?;
            figment = figment.merge(Toml::file_exact(path));
        }
        figment = figment
            .merge(Env::prefixed("DETHRONE_").ignore(&NOT_SETTINGS).map(|key| key.as_str().replace("__", ".").into()));
        for flag in flags {
            let (key, value) = flag.split_once('=').ok_or_else(|| SettingsError::BadFlag(flag.clone()))?;
            let value: Value = value.parse().unwrap_or_else(|_| Value::from(value));
            figment = figment.merge(Flag { key: key.trim().to_owned(), value });
        }
        Ok(Self { figment, file: file.map(Path::to_owned) })
    }

    /// The settings in force, checked, with the file's relative paths taken from the file's folder.
    ///
    /// # Errors
    /// If a key is unknown, a value has the wrong type or lies outside its range.
    pub fn settings(&self) -> Result<Settings, SettingsError> {
        let mut settings: Settings = self.figment.extract().map_err(|error| SettingsError::Invalid(explain(&error)))?;
        self.anchor("registry", &mut settings.registry);
        self.anchor("output", &mut settings.output);
        if let Some(folder) = settings.hub.folder.as_mut() {
            self.anchor("hub.folder", folder);
        }
        if let Some(key) = settings.key.as_mut() {
            self.anchor("key", key);
        }
        for choice in settings.environments.iter_mut().filter(|choice| choice.name.ends_with(".py")) {
            let mut path = PathBuf::from(&choice.name);
            self.anchor("environments", &mut path);
            choice.name = path.to_string_lossy().into_owned();
        }
        check(&settings)?;
        Ok(settings)
    }

    /// Every setting with its value and its source, in key order.
    ///
    /// # Errors
    /// As [`Sources::settings`].
    pub fn show(&self) -> Result<Vec<ShownSetting>, SettingsError> {
        let value = serde_json::to_value(self.settings()?).expect("settings are plain data");
        let mut leaves = Vec::new();
        flatten("", value, &mut leaves);
        let shown = leaves.into_iter().map(|(key, value)| {
            let source = self.source_of(&key);
            ShownSetting { key, value, source }
        });
        Ok(shown.collect())
    }

    fn anchor(&self, key: &str, path: &mut PathBuf) {
        let from_file = self.figment.find_metadata(key).and_then(|metadata| metadata.source.as_ref()?.file_path());
        if let (true, Some(folder)) =
            (from_file.is_some() && path.is_relative(), self.file.as_deref().and_then(Path::parent))
        {
            *path = folder.join(&*path);
        }
    }

    fn source_of(&self, key: &str) -> String {
        let Some(metadata) = self.figment.find_metadata(key) else { return "default".to_owned() };
        match &metadata.source {
            Some(source) if source.file_path().is_some() => {
                source.file_path().map(|path| path.display().to_string()).unwrap_or_default()
            }
            _ if metadata.name.contains("environment") => {
                format!("variable DETHRONE_{}", key.to_uppercase().replace('.', "__"))
            }
            _ if metadata.name.starts_with("flag") => metadata.name.to_string(),
            _ => "default".to_owned(),
        }
    }
}

/// One `--set key=value`.
struct Flag {
    key: String,
    value: Value,
}

impl figment::Provider for Flag {
    fn metadata(&self) -> figment::Metadata {
        figment::Metadata::named(format!("flag --set {}", self.key))
    }

    fn data(&self) -> Result<figment::value::Map<figment::Profile, Dict>, figment::Error> {
        let nested = figment::util::nest(&self.key, self.value.clone());
        let dict = nested.into_dict().unwrap_or_default();
        Ok(figment::Profile::Default.collect(dict))
    }
}

fn flatten(prefix: &str, value: serde_json::Value, leaves: &mut Vec<(String, serde_json::Value)>) {
    match value {
        serde_json::Value::Object(fields) => {
            for (name, field) in fields {
                let key = if prefix.is_empty() { name } else { format!("{prefix}.{name}") };
                flatten(&key, field, leaves);
            }
        }
        leaf => leaves.push((prefix.to_owned(), leaf)),
    }
}

/// figment's first complaint, with the key, the file and the nearest known key.
fn explain(error: &figment::Error) -> String {
    use figment::error::Kind;
    let key = error.path.join(".");
    let origin = error.metadata.as_ref().map(|metadata| match &metadata.source {
        Some(source) => format!(" in {source}"),
        None => format!(" in {}", metadata.name),
    });
    let origin = origin.unwrap_or_default();
    match &error.kind {
        Kind::UnknownField(field, expected) => {
            let near = nearest(field, expected).map(|name| format!("; did you mean `{name}`?")).unwrap_or_default();
            let place = if key.is_empty() || key == *field { field.clone() } else { key };
            format!("unknown setting `{place}`{origin}{near}")
        }
        kind => format!("setting `{key}`{origin}: {kind}"),
    }
}

/// The known name closest to a misspelt one, if any is close.
pub(crate) fn nearest<'a>(misspelt: &str, known: &[&'a str]) -> Option<&'a str> {
    known
        .iter()
        .map(|name| (strsim::damerau_levenshtein(misspelt, name), *name))
        .filter(|(distance, name)| *distance <= 1 + name.len() / 3)
        .min()
        .map(|(_, name)| name)
}

fn check(settings: &Settings) -> Result<(), SettingsError> {
    let out_of_range = |key, value: String, expected| Err(SettingsError::OutOfRange { key, value, expected });
    if settings.environments.is_empty() {
        return out_of_range("environments", "empty".to_owned(), "a list of at least one environment");
    }
    if settings.round == 0 {
        return out_of_range("round", "0".to_owned(), "at least 1");
    }
    if !(settings.alpha > 0.0 && settings.alpha < 1.0) {
        return out_of_range("alpha", settings.alpha.to_string(), "between 0 and 1");
    }
    if !(settings.sampling.temperature.is_finite() && settings.sampling.temperature >= 0.0) {
        return out_of_range("sampling.temperature", settings.sampling.temperature.to_string(), "0 or more");
    }
    if let Some(top_p) = settings.sampling.top_p.filter(|top_p| !(*top_p > 0.0 && *top_p <= 1.0)) {
        return out_of_range("sampling.top_p", top_p.to_string(), "above 0 and at most 1");
    }
    if settings.sampling.top_k == Some(0) {
        return out_of_range("sampling.top_k", "0".to_owned(), "at least 1");
    }
    if settings.engine.rows == 0 {
        return out_of_range("engine.rows", "0".to_owned(), "at least 1");
    }
    if settings.sampling.context == 0 {
        return out_of_range("sampling.context", "0".to_owned(), "at least 1");
    }
    let EngineSettings { pages, page_tokens, .. } = settings.engine;
    if page_tokens == 0 || !page_tokens.is_multiple_of(models::kernel::PAGE_STEP) {
        return out_of_range("engine.page_tokens", page_tokens.to_string(), "a multiple of 32");
    }
    if pages > 0 && pages.saturating_mul(page_tokens) < settings.sampling.context {
        return out_of_range(
            "engine.pages",
            pages.to_string(),
            "0, or enough pages for a text of sampling.context tokens",
        );
    }
    if settings.engine.chunk == 0 {
        return out_of_range("engine.chunk", "0".to_owned(), "at least 1");
    }
    let at_least_one = [
        ("remote.in_flight", settings.remote.in_flight == 0),
        ("remote.per_minute", settings.remote.per_minute == Some(0)),
        ("remote.timeout_seconds", settings.remote.timeout_seconds == 0),
        ("remote.attempts", settings.remote.attempts == 0),
    ];
    if let Some((key, _)) = at_least_one.into_iter().find(|(_, wrong)| *wrong) {
        return out_of_range(key, "0".to_owned(), "at least 1");
    }
    if let Err(WeightError::Setting { name, value, allowed }) = settings.weights.check() {
        let key = match name {
            "burn" => "weights.burn",
            "decay" => "weights.decay",
            _ => "weights.champions",
        };
        return out_of_range(key, value.to_string(), allowed);
    }
    if settings.hub.kind == HubKind::Folder && settings.hub.folder.is_none() {
        return out_of_range("hub.folder", "missing".to_owned(), "a folder, since hub.kind is \"folder\"");
    }
    Ok(())
}
