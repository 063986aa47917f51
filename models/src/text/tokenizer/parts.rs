//! The parts of a pipeline around the merging, restricted to those that cost what they seem to cost.

use serde::de::DeserializeOwned;
use serde_json::Value;

use super::{patterns, text::refuse};
use crate::refusal::Refusal;

/// A replacement may be this long, so that a text cannot be blown up.
const LONGEST_REPLACEMENT: usize = 16;
/// Parts in a sequence, over all levels.
const MOST_PARTS: usize = 32;
/// Largest growth of a text by the parts in a sequence: as much as NFKC, a prepended space of SentencePiece
/// and its spaces of three bytes can, one after the other.
const LARGEST_GROWTH: f64 = 144.0;

/// The four places of a pipeline.
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
            Self::PreTokenizer => {
                &["ByteLevel", "Digits", "Punctuation", "Split", "Metaspace", "Whitespace", "WhitespaceSplit"]
            }
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
    let mut sequence = Sequence { count: 0, growth: 1.0 };
    check(place, value, &mut sequence)?;
    if sequence.growth > LARGEST_GROWTH {
        let growth = sequence.growth;
        return Err(refuse(format!(
            "{place:?} can make a text {growth:.0} times as long and at most {LARGEST_GROWTH} are allowed: leave out parts of it"
        )));
    }
    T::deserialize(value).map(Some).map_err(|error| refuse(format!("{place:?}: {error}")))
}

/// Growth of a text by normalizer and pre-tokenizer together, as a factor.
pub(super) fn growth_before_cutting(normalizer: &Value, pre_tokenizer: &Value) -> Result<f64, Refusal> {
    let mut growth = 1.0;
    for (place, value) in [(Place::Normalizer, normalizer), (Place::PreTokenizer, pre_tokenizer)] {
        if !value.is_null() {
            let mut sequence = Sequence { count: 0, growth: 1.0 };
            check(place, value, &mut sequence)?;
            growth *= sequence.growth;
        }
    }
    Ok(growth)
}

/// The token ids that a post-processor puts in.
pub(super) fn special_ids(value: &Value) -> Result<Vec<u32>, Refusal> {
    let mut ids = Vec::new();
    for processor in value[Place::PostProcessor.members()].as_array().into_iter().flatten() {
        ids.extend(special_ids(processor)?);
    }
    let lists = value["special_tokens"].as_object().into_iter().flatten().map(|(_, token)| &token["ids"]);
    for id in lists.filter_map(Value::as_array).flatten() {
        let known = id.as_u64().and_then(|id| u32::try_from(id).ok());
        ids.push(known.ok_or_else(|| refuse(format!("TemplateProcessing names {id}, which is no token id")))?);
    }
    Ok(ids)
}

/// Count and growth of a sequence of parts.
struct Sequence {
    count: usize,
    /// Growth of a text, as a factor.
    growth: f64,
}

fn check(place: Place, value: &Value, sequence: &mut Sequence) -> Result<(), Refusal> {
    sequence.count += 1;
    if sequence.count > MOST_PARTS {
        return Err(refuse(format!("{place:?} has more than {MOST_PARTS} parts")));
    }
    let kind = value["type"].as_str().unwrap_or("without a type");
    if kind == "Sequence" {
        let members =
            value[place.members()].as_array().ok_or_else(|| refuse(format!("{place:?}: an empty sequence")))?;
        return members.iter().try_for_each(|member| check(place, member, sequence));
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
    sequence.growth *= growth(place, kind, value);
    Ok(())
}

/// Growth by one part of a text, or of its ids, as a factor; a part of a text may be a single byte.
fn growth(place: Place, kind: &str, value: &Value) -> f64 {
    let length = |text: &Value| text.as_str().map_or(0, str::len) as f64;
    match (place, kind) {
        (_, "Replace") => (length(&value["content"]) / length(&value["pattern"]["String"])).max(1.0),
        (_, "Prepend") => 1.0 + length(&value["prepend"]),
        // The largest decompositions that Unicode has
        (_, "NFC" | "NFD") => 3.0,
        (_, "NFKC" | "NFKD") => 11.0,
        (_, "Lowercase") => 1.5,
        // A byte becomes a character of two bytes.
        (Place::PreTokenizer, "ByteLevel") if value["add_prefix_space"] == true => 4.0,
        (Place::PreTokenizer, "ByteLevel") => 2.0,
        (Place::PreTokenizer, "Metaspace") => 7.0,
        (Place::PostProcessor, "TemplateProcessing") => {
            let texts =
                |side: &Value| side.as_array().into_iter().flatten().filter(|p| p["Sequence"].is_object()).count();
            texts(&value["single"]).max(texts(&value["pair"]).div_ceil(2)).max(1) as f64
        }
        _ => 1.0,
    }
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
            // It would be looked up where there is only one text.
            if side == "single" && piece["Sequence"]["id"] == "B" {
                return Err(refuse("TemplateProcessing names a second text where there is one"));
            }
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
