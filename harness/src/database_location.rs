//! Location of a database: the path of a SQLite file, or the URL of a Postgres database.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Schemes of a Postgres URL, <https://www.postgresql.org/docs/current/libpq-connect.html#LIBPQ-CONNSTRING-URIS>.
const SCHEMES: [&str; 2] = ["postgres://", "postgresql://"];

/// Location of a database.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub(crate) enum DatabaseLocation {
    /// A SQLite file.
    File(PathBuf),
    /// A Postgres database, as a URL without a password.
    Postgres(String),
}

/// A text that names no database.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum LocationError {
    /// A URL of another kind of database.
    #[error("it is neither a path nor a URL that begins with `postgres://`")]
    Scheme,
    /// A URL with a password, which command lines, settings and logs would show.
    #[error("it holds a password: leave it out, and give it as the variable `PGPASSWORD` or in the file `~/.pgpass`")]
    Password,
    /// No text at all.
    #[error("it is empty")]
    Empty,
}

impl DatabaseLocation {
    /// The path of a SQLite file; none of a server's database.
    pub(crate) fn file(&self) -> Option<&Path> {
        match self {
            Self::File(path) => Some(path),
            Self::Postgres(_) => None,
        }
    }

    /// The path of a SQLite file, to be changed; none of a server's database.
    pub(crate) fn file_mut(&mut self) -> Option<&mut PathBuf> {
        match self {
            Self::File(path) => Some(path),
            Self::Postgres(_) => None,
        }
    }
}

impl FromStr for DatabaseLocation {
    type Err = LocationError;

    fn from_str(text: &str) -> Result<Self, LocationError> {
        if text.is_empty() {
            return Err(LocationError::Empty);
        }
        let Some(rest) = SCHEMES.iter().find_map(|scheme| text.strip_prefix(scheme)) else {
            return if text.contains("://") { Err(LocationError::Scheme) } else { Ok(Self::File(text.into())) };
        };
        let (place, parameters) = rest.split_once('?').unwrap_or((rest, ""));
        let authority = place.split('/').next().unwrap_or_default();
        let user = authority.rsplit_once('@').map_or("", |(user, _)| user);
        let is_password = |parameter: &str| parameter.split('=').next() == Some("password");
        if user.contains(':') || parameters.split('&').any(is_password) {
            return Err(LocationError::Password);
        }
        Ok(Self::Postgres(text.to_owned()))
    }
}

impl TryFrom<String> for DatabaseLocation {
    type Error = LocationError;

    fn try_from(text: String) -> Result<Self, LocationError> {
        text.parse()
    }
}

impl From<DatabaseLocation> for String {
    fn from(location: DatabaseLocation) -> Self {
        location.to_string()
    }
}

impl From<PathBuf> for DatabaseLocation {
    fn from(path: PathBuf) -> Self {
        Self::File(path)
    }
}

impl From<&PathBuf> for DatabaseLocation {
    fn from(path: &PathBuf) -> Self {
        Self::File(path.clone())
    }
}

impl From<&Path> for DatabaseLocation {
    fn from(path: &Path) -> Self {
        Self::File(path.to_owned())
    }
}

impl From<&Self> for DatabaseLocation {
    fn from(location: &Self) -> Self {
        location.clone()
    }
}

impl fmt::Display for DatabaseLocation {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => path.display().fmt(formatter),
            Self::Postgres(url) => formatter.write_str(url),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: Result<DatabaseLocation, LocationError>) {
        assert_eq!(text.parse(), expected, "{text}");
        if let Ok(location) = expected {
            assert_eq!(location.to_string(), text);
        }
    }

    #[test]
    fn a_location_is_a_path_or_a_url_of_postgres_without_a_password() {
        let postgres = |text: &str| Ok(DatabaseLocation::Postgres(text.to_owned()));
        for path in ["dethrone.sqlite", "/var/lib/a b/x", "C:/x", "a:b@c", "postgres", "postgres:/x"] {
            check(path, Ok(DatabaseLocation::File(path.into())));
        }
        for url in [
            "postgres:///dethrone?host=/run/postgresql",
            "postgres://ada@host:5433/dethrone",
            "postgresql://host/a:b@c",
            "postgres://",
            "postgres:///x?application_name=password",
        ] {
            check(url, postgres(url));
        }
        for url in [
            "postgres://ada:secret@host/x",
            "postgres://ada:se@cret@host/x",
            "postgresql://:secret@host",
            "postgres:///x?user=a&password=secret",
        ] {
            check(url, Err(LocationError::Password));
        }
        check("mysql://host/x", Err(LocationError::Scheme));
        check("sqlite://x", Err(LocationError::Scheme));
        check("", Err(LocationError::Empty));
    }

    #[test]
    fn settings_hold_a_location_as_text() {
        let location: DatabaseLocation = serde_json::from_str("\"postgres://host/x\"").unwrap();
        assert_eq!(serde_json::to_string(&location).unwrap(), "\"postgres://host/x\"");
        let refused = serde_json::from_str::<DatabaseLocation>("\"postgres://a:secret@h/x\"").unwrap_err().to_string();
        assert!(refused.contains("PGPASSWORD") && !refused.contains("secret"), "{refused}");
    }
}
