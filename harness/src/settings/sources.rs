//! Sources of settings, each overriding the one before: defaults, file, environment variables, flags.

use std::path::{Path, PathBuf};

use figment::error::Kind;
use figment::providers::{Env, Format, Serialized, Toml};
use figment::value::{Dict, Value};
use figment::{Figment, Metadata};
use serde::Serialize;

use super::deciding::Deciding;
use super::error::SettingsError;
use super::ranges::check;
use super::schema::Settings;
use super::suggestion::nearest;
use crate::database_location::DatabaseLocation;

/// Variables with the prefix of settings that are none.
const NOT_SETTINGS: [&str; 1] = ["cache"];

/// Reads the settings from their sources.
#[derive(Debug, Clone)]
pub(crate) struct Sources {
    figment: Figment,
    file: Option<PathBuf>,
}

/// One setting, its value, and its source.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct ShownSetting {
    /// The dotted key.
    pub key: String,
    /// The value in force.
    pub value: serde_json::Value,
    /// `default`, the file, the variable or the flag.
    pub source: String,
}

impl Sources {
    /// Defaults, then `base` (a command's own), then the file, then `DETHRONE_SECTION__KEY` variables, then `key=value` flags.
    ///
    /// # Errors
    /// If the file cannot be read or a flag is not `key=value`.
    pub(crate) fn new(base: &Settings, file: Option<&Path>, flags: &[String]) -> Result<Self, SettingsError> {
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
    pub(crate) fn settings(&self) -> Result<Settings, SettingsError> {
        self.check_keys()?;
        let invalid = |error| SettingsError::Invalid(explain(&error));
        // Read by themselves first: an error inside of what is flattened tells neither key nor source.
        let deciding: Deciding = self.figment.extract().map_err(invalid)?;
        let mut settings = Settings { deciding, ..self.figment.extract().map_err(invalid)? };
        self.anchor("registry", &mut settings.registry);
        self.anchor("output", &mut settings.output);
        if let Some(folder) = settings.hub.folder.as_mut() {
            self.anchor("hub.folder", folder);
        }
        if let Some(database) = settings.database.as_mut().and_then(DatabaseLocation::file_mut) {
            self.anchor("database", database);
        }
        if let Some(key) = settings.key.as_mut() {
            self.anchor("key", key);
        }
        if let Some(wallets) = settings.chain.wallets.as_mut() {
            self.anchor("chain.wallets", wallets);
        }
        if let Some(signer) = settings.chain.signer.as_mut() {
            self.anchor("chain.signer", signer);
        }
        for (key, path) in
            [("service.socket", &mut settings.service.socket), ("service.logs", &mut settings.service.logs)]
        {
            if let Some(path) = path {
                self.anchor(key, path);
            }
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
    pub(crate) fn show(&self) -> Result<Vec<ShownSetting>, SettingsError> {
        let value = serde_json::to_value(self.settings()?).expect("settings are plain data");
        let mut leaves = Vec::new();
        flatten("", value, &mut leaves);
        let shown = leaves.into_iter().map(|(key, value)| {
            let source = self.source_of(&key);
            ShownSetting { key, value, source }
        });
        Ok(shown.collect())
    }

    /// Refuses tables and values at the top that are no settings; what is inside a table, its own type refuses.
    fn check_keys(&self) -> Result<(), SettingsError> {
        let dict = |figment: &Figment| -> Result<Dict, SettingsError> {
            figment.extract().map_err(|error| SettingsError::Invalid(explain(&error)))
        };
        let (known, found) = (dict(&Figment::from(Serialized::defaults(Settings::default())))?, dict(&self.figment)?);
        match found.keys().find(|key| !known.contains_key(*key)) {
            None => Ok(()),
            Some(key) => {
                let origin = origin(key, self.figment.find_metadata(key));
                Err(SettingsError::Invalid(unknown(key, key, &origin, known.keys().map(String::as_str))))
            }
        }
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
            _ if is_variable(metadata) => format!("variable {}", variable(key)),
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
    fn metadata(&self) -> Metadata {
        Metadata::named(format!("flag --set {}", self.key))
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
    let key = error.path.join(".");
    let origin = origin(&key, error.metadata.as_ref());
    match &error.kind {
        Kind::UnknownField(field, expected) => {
            let place = if key.is_empty() || key == *field { field } else { &key };
            unknown(place, field, &origin, expected.iter().copied())
        }
        Kind::UnknownVariant(found, expected) => {
            let known = expected.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
            format!(
                "setting `{key}`{origin}: `{found}` is none of {known}{}",
                suggestion(found, expected.iter().copied())
            )
        }
        // The file is not TOML at all.
        kind if key.is_empty() => format!("the settings{origin}: {kind}"),
        kind => format!("setting `{key}`{origin}: {kind}"),
    }
}

fn unknown<'a>(place: &str, field: &str, origin: &str, known: impl IntoIterator<Item = &'a str>) -> String {
    format!("unknown setting `{place}`{origin}{}", suggestion(field, known))
}

/// The question whether the nearest known name was meant; empty where none is near.
fn suggestion<'a>(misspelt: &str, known: impl IntoIterator<Item = &'a str>) -> String {
    nearest(misspelt, known).map(|name| format!("; did you mean `{name}`?")).unwrap_or_default()
}

/// True of a value that came from an environment variable.
fn is_variable(metadata: &Metadata) -> bool {
    metadata.name.contains("environment variable")
}

/// The variable that sets a key.
fn variable(key: &str) -> String {
    format!("DETHRONE_{}", key.to_uppercase().replace('.', "__"))
}

/// The source of a value, as a part of a sentence.
fn origin(key: &str, metadata: Option<&Metadata>) -> String {
    match metadata {
        None => String::new(),
        Some(Metadata { source: Some(source), .. }) => format!(" in {source}"),
        Some(metadata) if is_variable(metadata) => format!(" in the variable {}", variable(key)),
        Some(metadata) => format!(" in {}", metadata.name),
    }
}
