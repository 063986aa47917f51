//! Checks of the values that a file's functions return; nothing is coerced, and errors name the unexpected value.

use serde_json::{Map, Value};

use crate::{Conversation, Message, Turn, Verdict};

const MAX_PROMPT: usize = 256 << 10;

/// Reads the opening from the value of `generate`.
pub(super) fn opening(value: &Value) -> Result<Conversation, String> {
    let members = value.as_object().ok_or_else(|| format!("generate returned {}, not a dict", kind(value)))?;
    only(members, &["prompt", "private", "state"])
        .map_err(|name| format!("generate returned an unknown key {name:?}"))?;
    if !members.contains_key("private") {
        return Err("generate returned no \"private\"".to_owned());
    }
    let conversation = match members.get("prompt") {
        Some(Value::String(text)) => Conversation::ask(text.clone()),
        Some(list @ Value::Array(_)) => serde_json::from_value::<Vec<Message>>(list.clone())
            .map(Conversation::new)
            .map_err(|error| format!("generate returned a prompt that is no list of messages: {error}"))?,
        _ => return Err("generate returned a \"prompt\" that is neither a str nor a list of messages".to_owned()),
    };
    let length: usize = conversation.messages().iter().map(|message| message.content.len()).sum();
    let asks = conversation.messages().last().is_some_and(|message| message.role == crate::Role::User);
    if length == 0 || length > MAX_PROMPT || !asks {
        return Err(format!("generate returned a prompt of {length} bytes; it must end with a user's message"));
    }
    Ok(conversation)
}

/// Reads a score: an int or a float in [0, 1], or a bool; never a string.
pub(super) fn score(value: &Value) -> Result<Verdict, String> {
    // A string or a special value is never converted: `bool("False")` is true in Python.
    let number = match value {
        Value::Number(number) => number.as_f64(),
        Value::Bool(is_right) => Some(f64::from(u8::from(*is_right))),
        _ => None,
    };
    number.and_then(Verdict::scored).ok_or_else(|| {
        let shown: String = value.to_string().chars().take(60).collect();
        format!("{} {shown}, not a float from 0.0 to 1.0 or a bool", kind(value))
    })
}

/// Reads the next state and the environment's response from the value of `step`.
pub(super) fn step(value: Value) -> Result<(Value, Turn), String> {
    let Value::Object(mut members) = value else { return Err(format!("step returned {}, not a dict", kind(&value))) };
    only(&members, &["state", "message", "score"]).map_err(|name| format!("step returned an unknown key {name:?}"))?;
    let state = members.remove("state").unwrap_or_default();
    match (members.remove("message"), members.remove("score")) {
        (None, Some(value)) => {
            let verdict = score(&value).map_err(|problem| format!("step returned the score {problem}"))?;
            Ok((state, Turn::Done(verdict)))
        }
        (Some(Value::String(text)), None) => Ok((state, Turn::Continue(Message::user(text)))),
        _ => Err("step returned neither a \"score\" nor a \"message\" that is a str, or both".to_owned()),
    }
}

/// Reads one reply or a list of replies.
pub(super) fn replies(value: &Value) -> Result<Vec<String>, String> {
    match value {
        Value::String(text) => Ok(vec![text.clone()]),
        Value::Array(items) if !items.is_empty() => items
            .iter()
            .map(|item| item.as_str().map(str::to_owned).ok_or_else(|| format!("a list that holds {}", kind(item))))
            .collect(),
        _ => Err(format!("{}, not a str or a list of str", kind(value))),
    }
}

fn only<'a>(members: &'a Map<String, Value>, known: &[&str]) -> Result<(), &'a str> {
    members.keys().find(|name| !known.contains(&name.as_str())).map_or(Ok(()), |name| Err(name))
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "None",
        Value::Bool(_) => "a bool",
        Value::Number(_) => "a number",
        Value::String(_) => "a str",
        Value::Array(_) => "a list",
        Value::Object(members) if members.keys().any(|name| name.starts_with('$')) => "a special value",
        Value::Object(_) => "a dict",
    }
}

#[cfg(test)]
mod tests;
