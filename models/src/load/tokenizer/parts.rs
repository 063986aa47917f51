//! The parts of a pipeline around the merging, restricted to those that cost what they seem to cost.

use serde::de::DeserializeOwned;
use serde_json::Value;

use super::{patterns, text::refuse};
use crate::admission::Refusal;

/// A replacement may be this long, so that a text cannot be blown up.
const LONGEST_REPLACEMENT: usize = 16;
/// Parts in a sequence, over all levels.
const MOST_PARTS: usize = 32;

/// Which of the four places of a pipeline a part stands in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    Normalizer,
    PreTokenizer,
    PostProcessor,
    Decoder,
}

impl Place {
    fn kinds(self) -> &'static [&'static str] {
        match self {
            Self::Normalizer => &["NFC", "NFD", "NFKC", "NFKD", "Prepend", "Replace", "Strip", "Lowercase"],
            Self::PreTokenizer => &["ByteLevel", "Digits", "Split", "Metaspace", "Whitespace", "WhitespaceSplit"],
            Self::PostProcessor => &["ByteLevel", "TemplateProcessing"],
            Self::Decoder => &["ByteLevel", "ByteFallback", "Fuse", "Replace", "Strip", "Metaspace"],
        }
    }

    fn members(self) -> &'static str {
        match self {
            Self::Normalizer => "normalizers",
            Self::PreTokenizer => "pretokenizers",
            Self::PostProcessor => "processors",
            Self::Decoder => "decoders",
        }
    }
}

/// Checks one part as written in a `tokenizer.json` and hands it to the library.
pub(super) fn part<T: DeserializeOwned>(place: Place, value: &Value) -> Result<Option<T>, Refusal> {
    if value.is_null() {
        return Ok(None);
    }
    check(place, value, &mut 0)?;
    T::deserialize(value).map(Some).map_err(|error| refuse(format!("{place:?}: {error}")))
}

fn check(place: Place, value: &Value, count: &mut usize) -> Result<(), Refusal> {
    *count += 1;
    if *count > MOST_PARTS {
        return Err(refuse(format!("{place:?} has more than {MOST_PARTS} parts")));
    }
    let kind = value["type"].as_str().unwrap_or("without a type");
    if kind == "Sequence" {
        let members =
            value[place.members()].as_array().ok_or_else(|| refuse(format!("{place:?}: an empty sequence")))?;
        return members.iter().try_for_each(|member| check(place, member, count));
    }
    if !place.kinds().contains(&kind) {
        return Err(refuse(format!("{place:?} {kind:?} is not one of {}", place.kinds().join(", "))));
    }
    match kind {
        "Split" | "Replace" => check_pattern(kind, &value["pattern"])?,
        "TemplateProcessing" => check_template(value)?,
        _ => {}
    }
    let text = ["content", "prepend", "replacement"].iter().filter_map(|key| value[*key].as_str()).map(str::len).max();
    if text.unwrap_or(0) > LONGEST_REPLACEMENT {
        return Err(refuse(format!("{place:?} {kind} puts in more than {LONGEST_REPLACEMENT} bytes")));
    }
    Ok(())
}

fn check_pattern(kind: &str, pattern: &Value) -> Result<(), Refusal> {
    if pattern["String"].as_str().is_some_and(|text| !text.is_empty()) {
        return Ok(());
    }
    match pattern["Regex"].as_str() {
        Some(regex) if kind == "Split" && patterns::is_known(regex) => Ok(()),
        Some(regex) => Err(refuse(format!(
            "the pattern {:?} is not one of a published base model",
            regex.chars().take(120).collect::<String>()
        ))),
        None => Err(refuse(format!("{kind} has no pattern"))),
    }
}

/// The library looks up every special token of a template without asking whether it is there.
fn check_template(value: &Value) -> Result<(), Refusal> {
    let known = &value["special_tokens"];
    for side in ["single", "pair"] {
        let pieces = value[side].as_array().ok_or_else(|| refuse(format!("TemplateProcessing without {side}")))?;
        if pieces.len() > MOST_PARTS {
            return Err(refuse(format!("TemplateProcessing with more than {MOST_PARTS} pieces")));
        }
        for piece in pieces {
            let Some(name) = piece["SpecialToken"]["id"].as_str() else { continue };
            let (ids, tokens) = (known[name]["ids"].as_array(), known[name]["tokens"].as_array());
            let same =
                ids.zip(tokens).is_some_and(|(ids, tokens)| ids.len() == tokens.len() && ids.len() <= MOST_PARTS);
            if !same {
                return Err(refuse(format!("TemplateProcessing names {name:?}, which it does not define")));
            }
        }
    }
    Ok(())
}
