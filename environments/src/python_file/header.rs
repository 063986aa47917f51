//! The header of a file: its `ENV` literal and its functions' parameters, parsed without executing the file.

use std::collections::BTreeMap;

use sandboxes::{Call, Ending, Sandbox};
use serde::Deserialize;
use serde_json::{Value, json};

use super::environment::limits;
use crate::{EnvironmentError, EnvironmentId};

/// Python that defines `header(source)`, which parses the file and evaluates one literal.
const DRIVER: &str = include_str!("header.py");

/// The `ENV` literal as written, not yet checked.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Declared {
    name: String,
    version: String,
    abi: u64,
    #[serde(default = "default_floor")]
    floor: f64,
    #[serde(default = "default_max_new_tokens")]
    max_new_tokens: u32,
    #[serde(default = "one")]
    turns: u32,
    #[serde(default = "one")]
    levels: u32,
}

fn default_floor() -> f64 {
    0.05
}

fn default_max_new_tokens() -> u32 {
    256
}

fn one() -> u32 {
    1
}

/// Function that judges replies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Style {
    /// `verify(task, reply)`: one turn.
    Verify,
    /// `step(task, state, action)`: several turns.
    Step,
}

/// A checked header.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Header {
    pub(super) name: String,
    pub(super) version: String,
    pub(super) floor: f64,
    pub(super) max_new_tokens: u32,
    pub(super) turns: u32,
    pub(super) levels: u8,
    pub(super) style: Style,
    /// Set if `generate` takes a level besides the seed.
    pub(super) takes_level: bool,
    pub(super) has_oracle: bool,
    pub(super) has_wrong: bool,
}

/// Reads and checks the header of a file.
///
/// # Errors
/// If the file is not Python, its `ENV` or its functions are not of the documented form, or the sandbox is in trouble.
pub(super) async fn read(file: &str, source: &str, sandbox: &Sandbox) -> Result<Header, EnvironmentError> {
    let call = Call {
        source: DRIVER.to_owned(),
        function: "header".to_owned(),
        arguments: json!([source]),
        seed: 0,
        limits: Some(limits()),
    };
    let outcome = sandbox.call(call).await.map_err(|source| EnvironmentError::Sandbox {
        environment: EnvironmentId { name: file.to_owned(), version: String::new(), tier: 0, file: None },
        source,
    })?;
    let refuse = |problem: String, hint: &str| {
        Err(EnvironmentError::File { file: file.to_owned(), problem, hint: hint.to_owned() })
    };
    let mut found = match (outcome.ending, outcome.value) {
        (Ending::Finished, Some(Value::Object(found))) => found,
        (ending, _) => {
            return refuse(format!("the file cannot be parsed ({ending:?})"), "make it shorter and less deeply nested");
        }
    };
    if let Some(problem) = found.get("problem").and_then(Value::as_str) {
        return refuse(problem.to_owned(), EXAMPLE);
    }
    let declared: Declared = match serde_json::from_value(found.remove("env").unwrap_or_default()) {
        Ok(declared) => declared,
        Err(error) => return refuse(format!("ENV: {error}"), EXAMPLE),
    };
    let functions: BTreeMap<String, u64> = match serde_json::from_value(found.remove("functions").unwrap_or_default()) {
        Ok(functions) => functions,
        Err(error) => return refuse(format!("its functions: {error}"), EXAMPLE),
    };
    checked(declared, &functions).or_else(|(problem, hint)| refuse(problem, hint))
}

const EXAMPLE: &str = "begin with a literal such as ENV = {\"name\": \"me.game\", \"version\": \"1.0.0\", \"abi\": 1}";

fn checked(declared: Declared, functions: &BTreeMap<String, u64>) -> Result<Header, (String, &'static str)> {
    let Declared { name, version, abi, floor, max_new_tokens, turns, levels } = declared;
    let word = |part: &str| {
        !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_')
    };
    // Names stand in paths, tables and records; the dot keeps them apart from built-in ones.
    if name.len() > 64 || !name.contains('.') || !name.split('.').all(word) {
        return Err((
            format!("the name {name:?} is not of the form owner.name"),
            "use lower-case letters, digits and underscores around the dot, 64 characters at most",
        ));
    }
    let number = |part: &str| !part.is_empty() && part.len() <= 6 && part.bytes().all(|byte| byte.is_ascii_digit());
    if version.split('.').count() != 3 || !version.split('.').all(number) {
        return Err((format!("the version {version:?} is not of the form 1.0.0"), "use three numbers"));
    }
    if abi != 1 {
        return Err((format!("abi {abi} is not known"), "use 1"));
    }
    // Above one half, most of a score would be luck.
    if !(0.0..=0.5).contains(&floor) {
        return Err((format!("the floor {floor} is not between 0 and 0.5"), "make blind replies score less"));
    }
    if !(1..=65_536).contains(&max_new_tokens) || !(1..=64).contains(&turns) || !(1..=16).contains(&levels) {
        return Err((
            format!("max_new_tokens {max_new_tokens}, turns {turns} or levels {levels} is out of range"),
            "use 1 to 65536 tokens, 1 to 64 turns and 1 to 16 levels",
        ));
    }
    let takes = |name: &str| functions.get(name).copied();
    let style = match (takes("verify"), takes("step")) {
        (Some(2), None) => Style::Verify,
        (None, Some(3)) => Style::Step,
        _ => {
            return Err((
                "it defines neither or both of verify and step, or one with other parameters".to_owned(),
                "define verify(task, reply) or step(task, state, action), not both",
            ));
        }
    };
    // `verify` returns a score at the first reply, so further turns would never be played.
    if style == Style::Verify && turns != 1 {
        return Err((format!("verify ends the conversation, but ENV allows {turns} turns"), "define step instead"));
    }
    let takes_level = match takes("generate") {
        Some(1) if levels == 1 => false,
        Some(2) => true,
        _ => return Err(("generate is missing or has other parameters".to_owned(), "define generate(seed, level=1)")),
    };
    let (has_oracle, has_wrong) = (takes("oracle").is_some(), takes("wrong").is_some());
    let levels = u8::try_from(levels).expect("invariant: at most 16");
    Ok(Header { name, version, floor, max_new_tokens, turns, levels, style, takes_level, has_oracle, has_wrong })
}

#[cfg(test)]
mod tests;
