//! The environments of a settings file or a flag: tables, or short forms such as `sat` and `coding:2`.

use std::fmt;

use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserialize, Deserializer, Error, MapAccess, SeqAccess, Visitor};

use super::schema::EnvironmentChoice;

const EXPECTED: &str = "an environment such as \"sat\", \"sat:2\" (tier 2) or { name = \"sat\", tier = 2 }";

/// Reads a list of environments, each a table or a short form, or one text with short forms between commas.
pub(super) fn environments<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<EnvironmentChoice>, D::Error> {
    from.deserialize_any(ListVisitor)
}

impl EnvironmentChoice {
    /// The environment of a short form: a name, or a name and a tier with a colon between them.
    ///
    /// # Errors
    /// If there is no name, or the tier is no number from 0 to 255.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let text = text.trim();
        let (name, tier) = match text.rsplit_once(':') {
            None => (text, 0),
            Some((name, tier)) => {
                let number = tier
                    .trim()
                    .parse()
                    .map_err(|_| format!("{tier:?} in {text:?} is no tier: it is a number from 0"))?;
                (name.trim_end(), number)
            }
        };
        match name {
            "" => Err(format!("expected {EXPECTED}, found {text:?}")),
            name => Ok(Self { name: name.to_owned(), tier }),
        }
    }

    /// The environments of short forms between commas.
    ///
    /// # Errors
    /// As [`EnvironmentChoice::parse`].
    pub(crate) fn parse_list(text: &str) -> Result<Vec<Self>, String> {
        text.split(',').map(Self::parse).collect()
    }
}

struct ListVisitor;

impl<'de> Visitor<'de> for ListVisitor {
    type Value = Vec<EnvironmentChoice>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "a list of environments, each of them {EXPECTED}")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Self::Value, E> {
        EnvironmentChoice::parse_list(text).map_err(E::custom)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Self::Value, A::Error> {
        let mut found = Vec::new();
        while let Some(Item(choice)) = items.next_element()? {
            found.push(choice);
        }
        Ok(found)
    }
}

/// An item of the list.
struct Item(EnvironmentChoice);

impl<'de> Deserialize<'de> for Item {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_any(ItemVisitor).map(Self)
    }
}

struct ItemVisitor;

impl<'de> Visitor<'de> for ItemVisitor {
    type Value = EnvironmentChoice;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(EXPECTED)
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Self::Value, E> {
        EnvironmentChoice::parse(text).map_err(E::custom)
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
        EnvironmentChoice::deserialize(MapAccessDeserializer::new(map))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::{Settings, Sources};

    /// The environments that a flag sets, as short forms, or the error.
    #[track_caller]
    fn check(value: &str, expected: &str) {
        let flag = format!("environments={value}");
        let shown = match Sources::new(&Settings::default(), None, &[flag]).and_then(|sources| sources.settings()) {
            Ok(settings) => {
                let short = |choice: &EnvironmentChoice| format!("{}:{}", choice.name, choice.tier);
                settings.environments.iter().map(short).collect::<Vec<_>>().join(" ")
            }
            Err(error) => error.to_string(),
        };
        assert!(shown.contains(expected), "{value}: {shown}");
    }

    #[test]
    fn environments_are_names_names_with_tiers_or_tables() {
        check("sat", "sat:0");
        check("sat:2,abduction", "sat:2 abduction:0");
        check(r#"["sat", "coding:1"]"#, "sat:0 coding:1");
        check(r#"[{name="sat"}, "coding:1", {name="abduction",tier=3}]"#, "sat:0 coding:1 abduction:3");
        check("my/own.py:1", "my/own.py:1");
    }

    #[test]
    fn other_forms_are_refused_with_the_forms_there_are() {
        check("sat:high", "\"high\" in \"sat:high\" is no tier");
        check("sat:256", "is no tier");
        check("sat,,coding", "expected an environment such as \"sat\"");
        check("7", "a list of environments, each of them an environment such as");
        check(r#"["sat", 7]"#, "an environment such as");
        check(r#"[{name="sat",level=1}]"#, "level");
    }
}
