//! Parsing of responses in OpenAI's format and what servers make of it.

use serde_json::{Map, Value};

use super::Interface;
use super::{lenient_json, stream};
use crate::{
    engine::Finish,
    responder::{Reply, Work},
};

/// The response body of a successful request.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Answer {
    /// A reply.
    Reply(Reply),
    /// A choice that is no reply, and its defect: the model's own failure.
    Unusable(String),
    /// An error in place of a choice.
    Failed {
        /// The error's code, where it is a number.
        code: Option<u16>,
        /// The error's message.
        said: String,
    },
}

/// Reasons of an ending that say that the limit of tokens was reached. Whatever is neither one of these nor of `FAILURES` is an end.
const LIMITS: [&str; 5] = ["length", "max_tokens", "model_length", "max_output_tokens", "token_limit"];
/// Reasons of an ending that say that the server failed.
const FAILURES: [&str; 4] = ["error", "abort", "aborted", "cancelled"];

/// Parses a response body.
///
/// # Errors
/// The defect of a body that is neither a reply nor an error.
pub(super) fn parse(interface: Interface, bytes: &[u8]) -> Result<Answer, String> {
    let body = match stream::whole(bytes) {
        Some(body) => body?,
        None => lenient_json::parse(bytes)?,
    };
    // Some gateways put the one answer or error into a list.
    let body = body.as_array().and_then(|list| list.first()).unwrap_or(&body);
    let fields = body.as_object().ok_or("it is no JSON object")?;
    let choices = fields.get("choices").filter(|choices| !choices.is_null());
    if choices.is_none_or(is_empty)
        && let Some(error) = error_of(fields)
    {
        return Ok(failed(error, body));
    }
    let Some(choices) = choices else {
        return match message_of(body) {
            Some(_) => Ok(failed(body, body)),
            None => Err("it holds no `choices`".to_owned()),
        };
    };
    let Some(choice) = choices.as_array().and_then(|choices| choices.first()).and_then(Value::as_object) else {
        return Ok(Answer::Unusable("it holds no choice".to_owned()));
    };
    let reason = finish_reason(choice);
    if let Some(reason) = reason.filter(|reason| is_one_of(reason, &FAILURES)) {
        return Ok(match error_of(choice) {
            Some(error) => failed(error, body),
            None => Answer::Failed { code: None, said: format!("its finish_reason is {reason:?}") },
        });
    }
    let text = match interface {
        Interface::Chat => match choice.get("message").and_then(Value::as_object) {
            Some(message) => content(message.get("content").unwrap_or(&Value::Null)),
            None => Err("its choice holds no message".to_owned()),
        },
        Interface::Completions => match choice.get("text") {
            Some(text) => content(text),
            None => Err("its choice holds no text".to_owned()),
        },
    };
    let text = match text {
        Ok(text) => text,
        Err(defect) => return Ok(Answer::Unusable(defect)),
    };
    let is_cut = reason.is_some_and(|reason| is_one_of(reason, &LIMITS));
    let finish = if is_cut { Finish::Length } else { Finish::StopToken };
    let logprobs = choice.get("logprobs").and_then(|logprobs| logprobs_of(logprobs, interface)).unwrap_or_default();
    let prompt_tokens = fields.get("usage").and_then(|usage| count(usage.get("prompt_tokens")?)).unwrap_or(0);
    Ok(Answer::Reply(Reply { text, prompt_tokens, tokens: None, logprobs, finish, work: Work::default() }))
}

fn is_empty(choices: &Value) -> bool {
    choices.as_array().is_some_and(Vec::is_empty)
}

fn error_of(fields: &Map<String, Value>) -> Option<&Value> {
    fields.get("error").filter(|error| !error.is_null())
}

fn is_one_of(reason: &str, reasons: &[&str]) -> bool {
    reasons.iter().any(|one| one.eq_ignore_ascii_case(reason))
}

/// A count as a whole number, one with a point, or a text.
fn count(value: &Value) -> Option<usize> {
    let whole = |number: f64| (number >= 0.0 && number.fract() == 0.0 && number < 1e15).then_some(number as usize);
    match value {
        Value::Number(number) => number.as_f64().and_then(whole),
        Value::String(text) => text.parse().ok(),
        _ => None,
    }
}

/// The reason of the ending: a text, or an object with a type.
fn finish_reason(choice: &Map<String, Value>) -> Option<&str> {
    let reason = choice.get("finish_reason")?;
    reason.as_str().or_else(|| reason.get("type")?.as_str())
}

/// The text of a message's content: none, a text, or parts, of which those of text count (thoughts and pictures do not).
fn content(content: &Value) -> Result<String, String> {
    let part = |part: &Value| match part {
        Value::String(text) => text.clone(),
        part => {
            let is_text =
                part.get("type").and_then(Value::as_str).is_none_or(|kind| matches!(kind, "text" | "output_text"));
            part.get("text").and_then(Value::as_str).filter(|_| is_text).unwrap_or_default().to_owned()
        }
    };
    match content {
        // The content of an empty reply is null.
        Value::Null => Ok(String::new()),
        Value::Array(parts) => Ok(parts.iter().map(part).collect()),
        Value::String(_) | Value::Object(_) => Ok(part(content)),
        _ => Err(format!("its content is {content}")),
    }
}

/// Log-probabilities, if there is one for every token.
fn logprobs_of(logprobs: &Value, interface: Interface) -> Option<Vec<f32>> {
    #[expect(clippy::cast_possible_truncation, reason = "log-probabilities are of single precision")]
    let number = |value: &Value| value.as_f64().map(|number| number as f32);
    match interface {
        Interface::Chat => {
            logprobs.get("content")?.as_array()?.iter().map(|token| number(token.get("logprob")?)).collect()
        }
        Interface::Completions => logprobs.get("token_logprobs")?.as_array()?.iter().map(number).collect(),
    }
}

fn failed(error: &Value, body: &Value) -> Answer {
    let code = ["code", "status"].iter().find_map(|name| number(error.get(name)?));
    let said = message_of(error).unwrap_or_else(|| body.to_string());
    Answer::Failed { code, said }
}

fn number(value: &Value) -> Option<u16> {
    value.as_u64().and_then(|code| u16::try_from(code).ok()).or_else(|| value.as_str()?.parse().ok())
}

/// Parts of what servers say of a prompt that is longer than the context, in lower case.
const TOO_LONG: [&str; 47] = [
    // OpenAI and what copies it, vLLM, SGLang, DeepSeek, Mistral, Fireworks
    "context_length_exceeded",
    "string_above_max_length",
    "maximum context length",
    "maximum model length",
    "maximum prompt length",
    "exceeds the context window",
    "exceed the context window",
    "exceed context window",
    "exceeds context window",
    "context window exceeds",
    "exceed context limit",
    "exceed the configured limit",
    "max_tokens must be at least 1, got -",
    "max_completion_tokens must be at least 1, got -",
    // SGLang
    "longer than the model's context",
    "exceeds the maximum allowed length",
    // llama.cpp, llama-cpp-python
    "exceed_context_size",
    "available context size",
    "input is too large to process",
    "prompt exceeds n_ctx",
    // Ollama
    "exceeds the context length",
    "exceeds maximum context",
    // TGI
    "`inputs` tokens + `max_new_tokens` must be",
    "`inputs` must have less than",
    // TensorRT-LLM, LMDeploy, TabbyAPI, MLC
    "exceeds maximum input length",
    "should not exceed max_num_tokens",
    "exceeds session_len",
    "exceeds the session_len",
    "greater than max_seq_len",
    "larger than the model input length",
    // LM Studio
    "when context the overflows",
    "when the context overflows",
    "greater than the context length",
    "reached context length",
    "cannot truncate prompt with n_keep",
    // Anthropic, Bedrock, Groq, Gemini, GitHub, DashScope, Moonshot, Zhipu, Cohere
    "prompt is too long",
    "input is too long",
    "reduce the length of",
    "reduce your message size",
    "exceeds the maximum number of tokens",
    "prompt token count of",
    "request body too large",
    "range of input length should be",
    "exceeded model token limit",
    "prompt exceeds max length",
    "too many tokens: ",
    "exceed max message tokens",
];

/// True if an error's body says that the prompt is longer than the context.
pub(super) fn is_too_long(said: &str) -> bool {
    let said = said.to_lowercase();
    TOO_LONG.iter().any(|mark| said.contains(mark))
}

/// True if an error's body says that the request was not answered for what it asks.
pub(super) fn is_filtered(said: &str) -> bool {
    let said = said.to_lowercase();
    ["content_filter", "content_policy_violation", "content management policy"].iter().any(|mark| said.contains(mark))
}

/// The message in an error's body, or the whole body without one.
pub(super) fn error_message(body: &str) -> String {
    let parsed = lenient_json::parse(body.as_bytes()).ok();
    parsed
        .and_then(|parsed| match parsed.get("error") {
            Some(error) if !error.is_null() => message_of(error),
            _ => message_of(&parsed),
        })
        .unwrap_or_else(|| body.to_owned())
}

/// The message of an error: itself, or in one of the places where servers put it.
fn message_of(error: &Value) -> Option<String> {
    if let Some(text) = error.as_str() {
        return Some(text.to_owned());
    }
    let found = ["message", "detail", "msg", "error"].iter().find_map(|name| error.get(name))?;
    match found {
        Value::String(text) if !text.is_empty() => Some(text.clone()),
        // FastAPI lists what is wrong with each field.
        Value::Array(items) => items.first().and_then(message_of),
        Value::Object(_) => message_of(found),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
