//! Model sources as written on a command line: a model of a hub, a path, or a model of a server.

use std::{
    fmt,
    path::{Path, PathBuf},
    str::FromStr,
};

use crate::model_ref::{ModelRef, ModelRefError};
use crate::remote::{RemoteRef, RemoteRefError, SCHEME};

/// The source of a model: a hub, this machine, or a server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ModelSource {
    /// A repository of a hub.
    Hub(ModelRef),
    /// A folder in the Hugging Face layout.
    Folder(PathBuf),
    /// A GGUF file.
    Gguf(PathBuf),
    /// A model that a server runs, without access to its files.
    Server(RemoteRef),
}

/// The error of a text that names no model.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ModelSourceError {
    /// Neither a path nor a model of a hub.
    #[error("{text:?} is neither a GGUF file nor a folder here, and as a model of a hub: {source}")]
    NotAModel {
        /// The text.
        text: String,
        /// The reason why it is not a model reference.
        source: ModelRefError,
    },
    /// It begins with the scheme of a server's model, and the rest is malformed.
    #[error(transparent)]
    NotAServer(#[from] RemoteRefError),
}

impl FromStr for ModelSource {
    type Err = ModelSourceError;

    fn from_str(text: &str) -> Result<Self, ModelSourceError> {
        if text.starts_with(SCHEME) {
            return Ok(Self::Server(text.parse()?));
        }
        let path = Path::new(text);
        if path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("gguf")) {
            return Ok(Self::Gguf(path.to_owned()));
        }
        if path.is_dir() || path.is_absolute() || text.starts_with("./") || text.starts_with("../") {
            return Ok(Self::Folder(path.to_owned()));
        }
        text.parse().map(Self::Hub).map_err(|source| ModelSourceError::NotAModel { text: text.to_owned(), source })
    }
}

impl From<ModelRef> for ModelSource {
    fn from(reference: ModelRef) -> Self {
        Self::Hub(reference)
    }
}

impl fmt::Display for ModelSource {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Hub(reference) => reference.fmt(formatter),
            Self::Server(reference) => reference.fmt(formatter),
            Self::Folder(path) | Self::Gguf(path) => path.display().fmt(formatter),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_model_is_told_from_a_path_by_what_is_there() {
        let commit = "0123456789abcdef0123456789abcdef01234567";
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().to_str().unwrap();
        assert_eq!(path.parse(), Ok(ModelSource::Folder(folder.path().to_owned())));
        assert_eq!("a/b.gguf".parse(), Ok(ModelSource::Gguf("a/b.gguf".into())));
        assert_eq!("./here".parse(), Ok(ModelSource::Folder("./here".into())));
        let reference = format!("owner/name@{commit}");
        assert_eq!(reference.parse(), Ok(ModelSource::Hub(reference.parse().unwrap())));
        let server = "openai:m@http://127.0.0.1:8000/v1";
        assert_eq!(server.parse(), Ok(ModelSource::Server(server.parse().unwrap())));
        assert!(matches!("openai:m".parse::<ModelSource>(), Err(ModelSourceError::NotAServer(_))));
        let error = "owner/name@main".parse::<ModelSource>().unwrap_err().to_string();
        assert!(error.contains("neither a GGUF file nor a folder") && error.contains("branch"), "{error}");
    }

    #[test]
    fn sources_are_shown_as_they_are_written() {
        let commit = "0123456789abcdef0123456789abcdef01234567";
        for text in
            [&format!("owner/name@{commit}"), "./folder", "../folder", "/folder", "a.GGUF", "openai:m@https://host/v1"]
        {
            assert_eq!(text.parse::<ModelSource>().unwrap().to_string(), text);
        }
        let reference: ModelRef = format!("owner/name@{commit}").parse().unwrap();
        assert_eq!(ModelSource::from(reference.clone()), ModelSource::Hub(reference));
        for text in ["", "folder", "owner/name", "openai", "a.gguf/b"] {
            let error = text.parse::<ModelSource>().unwrap_err().to_string();
            assert!(error.contains("neither a GGUF file nor a folder"), "{error}");
        }
    }
}
