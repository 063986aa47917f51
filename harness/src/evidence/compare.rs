//! Comparison of two validators' logs of one window, record by record, up to the first difference.

use std::io::BufRead;

use models::untrusted::UntrustedText;
use serde::Serialize;
use serde_json::Value;

use super::audit::EvidenceError;
use super::body::{ReplyBody, RolloutBody};
use super::hash_chain::Record;
use super::log::LogReader;

/// Fields of the first record by what they belong to; what stands nowhere, such as the hash of the log before, is each
/// validator's own.
const PARTS: [(&str, Part); 11] = [
    ("version", Part::Settings),
    ("netuid", Part::Seed),
    ("seed_block", Part::Seed),
    ("seed_hash", Part::Seed),
    ("entries", Part::Registry),
    ("owners", Part::Registry),
    ("snapshot", Part::Registry),
    ("environments", Part::Environments),
    ("runtime", Part::Environments),
    ("settings", Part::Settings),
    ("record", Part::Beginning),
];

/// Part of a window in which two logs differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Part {
    /// The entries, as they were read from the chain or a list.
    Registry,
    /// The window, its seed, or the seed of a task.
    Seed,
    /// The settings that decide.
    Settings,
    /// The environments, or the sandbox.
    Environments,
    /// The record that the window begins from.
    Beginning,
    /// The admission of an entry.
    Admission,
    /// A finding of the screens.
    Finding,
    /// The rollouts that were made.
    Rollouts,
    /// The tokens, or the text, of a reply.
    Tokens,
    /// The verdict on a reply.
    Verdict,
    /// A heat, a duel, the weights, or the record for the next window.
    Decision,
}

/// The first difference of two logs.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct Difference {
    /// The part of the window.
    pub(crate) part: Part,
    /// The subject in words.
    pub(crate) what: String,
    /// Places of the records in the logs, from 0; none of a log that has ended.
    pub(crate) records: [Option<u64>; 2],
    /// The two values.
    pub(crate) values: [Value; 2],
}

/// Two logs, compared.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct Compared {
    /// The validators' public keys.
    pub(crate) validators: [String; 2],
    /// Records that were compared and are the same, prints left out.
    pub(crate) same_records: u64,
    /// The window's seed block.
    pub(crate) window: Option<u64>,
    /// The first difference; none where the logs state the same window.
    pub(crate) difference: Option<Difference>,
}

/// Compares two logs whose chains hold, reading both once and keeping a record of each.
///
/// Hashes, signatures, keys, the hash of the log before, prints, and the measures of findings are not compared: they rest on each
/// validator's own key.
///
/// # Errors
/// If one cannot be read or its chain does not hold; true stands for the second log.
pub(crate) fn compare(one: impl BufRead, other: impl BufRead) -> Result<Compared, (bool, EvidenceError)> {
    let (mut one, mut other) = (LogReader::new(one), LogReader::new(other));
    let mut compared = Compared { validators: Default::default(), same_records: 0, window: None, difference: None };
    loop {
        let here = next(&mut one).map_err(|error| (false, error))?;
        let there = next(&mut other).map_err(|error| (true, error))?;
        if here.is_none() && there.is_none() {
            // Two logs that are cut off agree about nothing.
            let whole = EvidenceError::Incomplete("its first record");
            return if compared.window.is_some() { Ok(compared) } else { Err((false, whole)) };
        }
        if let (Some(here), Some(there)) = (&here, &there)
            && here.kind == "opened"
            && there.kind == "opened"
        {
            compared.validators = [here, there].map(|record| text(&body(record)["validator"]));
            compared.window = body(here)["opened"]["seed_block"].as_u64();
        }
        compared.difference = difference(here.as_ref(), there.as_ref());
        if compared.difference.is_some() {
            return Ok(compared);
        }
        compared.same_records += 1;
    }
}

/// The next record that is compared.
fn next(log: &mut LogReader<impl BufRead>) -> Result<Option<Record>, EvidenceError> {
    loop {
        match log.next()? {
            Some(record) if record.kind == "print" => {}
            record => return Ok(record),
        }
    }
}

fn difference(one: Option<&Record>, other: Option<&Record>) -> Option<Difference> {
    let records = [one, other].map(|record| record.map(|record| record.index));
    let (Some(here), Some(there)) = (one, other) else {
        let values = [one, other].map(|record| record.map_or(Value::Null, |record| Value::from(subject(record))));
        let what = format!("{}, where the other log ends", one.or(other).map(subject).unwrap_or_default());
        return Some(Difference { part: Part::Decision, what, records, values });
    };
    if here.kind == there.kind && here.body.get() == there.body.get() {
        return None;
    }
    let found = |part, what, [one, other]: [Value; 2]| Some(Difference { part, what, records, values: [one, other] });
    if here.kind != there.kind {
        let is_rollout = here.kind == "rollout" || there.kind == "rollout";
        let part = if is_rollout { Part::Rollouts } else { part_of(&here.kind) };
        let subjects = [subject(here), subject(there)];
        return found(part, "the record that comes next".to_owned(), subjects.map(Value::from));
    }
    let bodies = [body(here), body(there)];
    match here.kind.as_str() {
        "opened" => {
            let [one, other] = &bodies;
            let differs = |(name, _): &&(&str, Part)| one["opened"][*name] != other["opened"][*name];
            let (name, part) = PARTS.iter().find(differs)?;
            let terms = [&one["opened"][*name], &other["opened"][*name]];
            let (path, values) = first_path(terms[0], terms[1]);
            found(*part, format!("the window's {name}{path}"), values)
        }
        "finding" => {
            // The measure, and the sentence that tells it, are of each validator's own secret.
            let own = bodies.map(|body| {
                let (finding, original) = (&body["finding"]["finding"], &body["finding"]["original"]);
                serde_json::json!({ "entry": body["entry"], "kind": finding["kind"], "of": finding["of"], "original": original })
            });
            if own[0] == own[1] {
                return None;
            }
            let (path, values) = first_path(&own[0], &own[1]);
            found(Part::Finding, format!("{}{path}", subject(here)), values)
        }
        "rollout" => {
            let parsed = [here, there].map(|record| serde_json::from_str::<RolloutBody>(record.body.get()).ok());
            let [Some(one), Some(other)] = parsed else {
                return found(Part::Rollouts, subject(here), bodies);
            };
            let (part, what, values) = rollouts(&one, &other);
            found(part, what, values)
        }
        kind => {
            let (path, values) = first_path(&bodies[0], &bodies[1]);
            found(part_of(kind), format!("{}{path}", subject(here)), values)
        }
    }
}

/// The part of a window that a kind of record belongs to.
fn part_of(kind: &str) -> Part {
    match kind {
        "opened" => Part::Settings,
        "admission" => Part::Admission,
        "finding" => Part::Finding,
        "rollout" => Part::Rollouts,
        _ => Part::Decision,
    }
}

/// The first difference of two rollouts.
fn rollouts(one: &RolloutBody, other: &RolloutBody) -> (Part, String, [Value; 2]) {
    let place = |body: &RolloutBody| (body.entry, body.environment, body.task);
    let name = rollout_name(one);
    if place(one) != place(other) {
        let values = [one, other].map(|body| Value::from(rollout_name(body)));
        return (Part::Rollouts, "the rollout that comes next".to_owned(), values);
    }
    if one.seed != other.seed {
        return (Part::Seed, format!("the seed of {name}"), [one.seed.into(), other.seed.into()]);
    }
    if one.replies != other.replies {
        let same = one.replies.iter().zip(&other.replies).take_while(|(one, other)| one == other).count();
        let (place, values) = replies(one.replies.get(same), other.replies.get(same));
        return (Part::Tokens, format!("reply {}{place} of {name}", same + 1), values);
    }
    if one.work != other.work {
        let work = |body: &RolloutBody| serde_json::json!(body.work);
        return (Part::Tokens, format!("the work of {name}"), [work(one), work(other)]);
    }
    let verdict = |body: &RolloutBody| serde_json::json!({ "score": body.score, "reason": body.reason, "fault": body.fault, "reproducible": body.reproducible });
    (Part::Verdict, format!("the verdict on {name}"), [verdict(one), verdict(other)])
}

/// The place of the first difference in two replies, and what stands there.
fn replies(one: Option<&ReplyBody>, other: Option<&ReplyBody>) -> (String, [Value; 2]) {
    match (one, other) {
        (Some(ReplyBody::Tokens(one)), Some(ReplyBody::Tokens(other))) => {
            let same = one.iter().zip(other).take_while(|(one, other)| one == other).count();
            let token = |tokens: &[u32]| tokens.get(same).map_or(Value::Null, |token| (*token).into());
            (format!(", token {same},"), [token(one), token(other)])
        }
        (one, other) => {
            let shown = |reply: Option<&ReplyBody>| match reply {
                None => Value::Null,
                Some(ReplyBody::Text(text)) => UntrustedText::passage(text).to_string().into(),
                Some(ReplyBody::Tokens(tokens)) => format!("{} tokens", tokens.len()).into(),
            };
            (String::new(), [shown(one), shown(other)])
        }
    }
}

fn rollout_name(body: &RolloutBody) -> String {
    let RolloutBody { entry, environment, task, .. } = body;
    format!("entry {entry} on task {task} in environment {environment}")
}

/// A record in words.
fn subject(record: &Record) -> String {
    let body = body(record);
    let number = |name: &str| body[name].as_u64().map_or_else(|| "?".to_owned(), |number| number.to_string());
    match record.kind.as_str() {
        "opened" => "the window's opening".to_owned(),
        "admission" => format!("the admission of entry {}", number("entry")),
        "finding" => format!("the finding on entry {}", number("entry")),
        "rollout" => {
            format!(
                "the rollout of entry {} on task {} in environment {}",
                number("entry"),
                number("task"),
                number("environment")
            )
        }
        "heat" => format!("the heat of entry {}", number("challenger")),
        "decision" => format!("the decision on entry {}", number("challenger")),
        "weights" => "the weights".to_owned(),
        "reign" => "the record for the next window".to_owned(),
        other => format!("a record of kind {}", UntrustedText::name(other)),
    }
}

/// The path to the first value in which two documents differ, empty at the root, and both values there.
fn first_path(one: &Value, other: &Value) -> (String, [Value; 2]) {
    let step = |name: String, one: Option<&Value>, other: Option<&Value>| {
        let (path, values) = first_path(one.unwrap_or(&Value::Null), other.unwrap_or(&Value::Null));
        (format!(".{name}{path}"), values)
    };
    match (one, other) {
        (Value::Object(first), Value::Object(second)) => {
            let names = first.keys().chain(second.keys().filter(|name| !first.contains_key(*name)));
            let differs = |name: &&String| first.get(*name) != second.get(*name);
            match names.into_iter().find(differs) {
                Some(name) => step(UntrustedText::name(name).into(), first.get(name), second.get(name)),
                None => (String::new(), [one.clone(), other.clone()]),
            }
        }
        (Value::Array(first), Value::Array(second)) => {
            let place = (0..first.len().max(second.len())).find(|place| first.get(*place) != second.get(*place));
            match place {
                Some(place) => step(place.to_string(), first.get(place), second.get(place)),
                None => (String::new(), [one.clone(), other.clone()]),
            }
        }
        _ => (String::new(), [one.clone(), other.clone()]),
    }
}

fn body(record: &Record) -> Value {
    serde_json::from_str(record.body.get()).expect("a record's body was read as JSON")
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests;
