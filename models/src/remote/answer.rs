//! Parsing of responses in OpenAI's format: completions and errors.

use serde::Deserialize;

use super::Interface;
use crate::{engine::Finish, responder::Reply};

/// The response body of both endpoints.
#[derive(Debug, Deserialize)]
struct Body {
    choices: Vec<Choice>,
    #[serde(default)]
    usage: Option<Usage>,
}

#[derive(Debug, Deserialize)]
struct Usage {
    #[serde(default)]
    prompt_tokens: usize,
}

#[derive(Debug, Deserialize)]
struct Choice {
    #[serde(default)]
    message: Option<ChatMessage>,
    #[serde(default)]
    text: Option<String>,
    #[serde(default)]
    finish_reason: Option<String>,
    #[serde(default)]
    logprobs: Option<Logprobs>,
}

#[derive(Debug, Deserialize)]
struct ChatMessage {
    #[serde(default)]
    content: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Logprobs {
    /// Log-probabilities of a chat completion.
    #[serde(default)]
    content: Option<Vec<TokenLogprob>>,
    /// Log-probabilities of a text completion.
    #[serde(default)]
    token_logprobs: Option<Vec<f32>>,
}

#[derive(Debug, Deserialize)]
struct TokenLogprob {
    logprob: f32,
}

/// The error message, in one of the two places where servers put it.
#[derive(Debug, Deserialize)]
struct ErrorBody {
    #[serde(default)]
    error: serde_json::Value,
    #[serde(default)]
    message: String,
}

/// Parts of the errors of OpenAI, llama.cpp, vLLM and SGLang for a prompt longer than the context.
const TOO_LONG: [&str; 4] =
    ["context_length_exceeded", "exceed_context_size", "maximum context length", "longer than the model's context"];

/// Parses the reply in a response body.
///
/// # Errors
/// The defect of the body.
pub(super) fn parse(interface: Interface, bytes: &[u8]) -> Result<Reply, String> {
    let body: Body = serde_json::from_slice(bytes).map_err(|error| error.to_string())?;
    let choice = body.choices.into_iter().next().ok_or("it holds no choice")?;
    let text = match interface {
        // The content of an empty reply is null.
        Interface::Chat => choice.message.ok_or("its choice holds no message")?.content.unwrap_or_default(),
        Interface::Completions => choice.text.ok_or("its choice holds no text")?,
    };
    let finish = match choice.finish_reason.as_deref() {
        Some("stop") => Finish::StopToken,
        Some("length") => Finish::Length,
        other => return Err(format!("its finish_reason is {:?}", other.unwrap_or("missing"))),
    };
    let logprobs = match (choice.logprobs, interface) {
        (Some(Logprobs { content: Some(tokens), .. }), Interface::Chat) => {
            tokens.into_iter().map(|token| token.logprob).collect()
        }
        (Some(Logprobs { token_logprobs: Some(logprobs), .. }), Interface::Completions) => logprobs,
        _ => Vec::new(),
    };
    let prompt_tokens = body.usage.map_or(0, |usage| usage.prompt_tokens);
    Ok(Reply { text, prompt_tokens, tokens: None, logprobs, finish })
}

/// True if an error message says that the prompt is longer than the context.
pub(super) fn is_too_long(said: &str) -> bool {
    TOO_LONG.iter().any(|mark| said.contains(mark))
}

/// The message in an error's body, or the whole body without one.
pub(super) fn error_message(body: &str) -> String {
    let Ok(parsed) = serde_json::from_str::<ErrorBody>(body) else { return body.to_owned() };
    match &parsed.error {
        serde_json::Value::String(text) => text.clone(),
        serde_json::Value::Object(fields) => {
            fields.get("message").and_then(serde_json::Value::as_str).unwrap_or(body).to_owned()
        }
        _ if !parsed.message.is_empty() => parsed.message,
        _ => body.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(interface: Interface, json: &str, expected: Result<(&str, &[f32]), &str>) {
        match (parse(interface, json.as_bytes()), expected) {
            (Ok(reply), Ok((text, logprobs))) => {
                assert_eq!((reply.text.as_str(), reply.logprobs.as_slice(), reply.tokens), (text, logprobs, None));
            }
            (Err(reason), Err(part)) => assert!(reason.contains(part), "{reason}"),
            (found, _) => panic!("{json}: {found:?}"),
        }
    }

    #[test]
    fn a_chat_is_read() {
        let whole = r#"{"id":"1","choices":[{"message":{"role":"assistant","content":"hi"},"finish_reason":"stop",
            "logprobs":{"content":[{"token":"hi","logprob":-0.5,"top_logprobs":[]}]}}],"usage":{"prompt_tokens":3}}"#;
        check(Interface::Chat, whole, Ok(("hi", &[-0.5])));
        let silent = r#"{"choices":[{"message":{"content":null},"finish_reason":"length","logprobs":null}]}"#;
        check(Interface::Chat, silent, Ok(("", &[])));
    }

    #[test]
    fn a_completion_is_read() {
        let whole = r#"{"choices":[{"text":"hi","finish_reason":"stop","logprobs":{"token_logprobs":[-1,-2]}}]}"#;
        check(Interface::Completions, whole, Ok(("hi", &[-1.0, -2.0])));
        check(Interface::Chat, whole, Err("no message"));
    }

    #[test]
    fn what_is_no_answer_is_refused_with_a_reason() {
        check(Interface::Chat, "<html>", Err("expected value"));
        check(Interface::Chat, r#"{"choices":[]}"#, Err("no choice"));
        let filtered = r#"{"choices":[{"message":{"content":"x"},"finish_reason":"content_filter"}]}"#;
        check(Interface::Chat, filtered, Err("content_filter"));
        let unfinished = r#"{"choices":[{"message":{"content":"x"}}]}"#;
        check(Interface::Chat, unfinished, Err("missing"));
        let wrong = r#"{"choices":[{"message":{"content":7},"finish_reason":"stop"}]}"#;
        check(Interface::Chat, wrong, Err("invalid type"));
    }

    #[test]
    fn an_error_is_quoted_from_wherever_it_stands() {
        assert_eq!(error_message(r#"{"error":{"message":"no such model"}}"#), "no such model");
        assert_eq!(error_message(r#"{"error":"no such model"}"#), "no such model");
        assert_eq!(error_message(r#"{"object":"error","message":"no such model"}"#), "no such model");
        assert_eq!(error_message("gateway"), "gateway");
    }

    #[test]
    fn replies_with_missing_or_additional_fields_are_read() {
        for (json, text) in [
            (r#"{"choices":[{"message":{"content":"a"},"finish_reason":"stop"},{"message":{"content":"b"}}]}"#, "a"),
            (r#"{"choices":[{"message":{},"finish_reason":"stop"}],"usage":null}"#, ""),
            (r#"{"choices":[{"message":{"content":"a","tool_calls":[]},"finish_reason":"stop","logprobs":{}}]}"#, "a"),
            (r#"{"choices":[{"message":{"content":"a"},"finish_reason":"stop","logprobs":{"content":null}}]}"#, "a"),
            (r#"{"choices":[{"message":{"content":"a"},"finish_reason":"stop"}],"usage":{"total_tokens":9}}"#, "a"),
        ] {
            check(Interface::Chat, json, Ok((text, &[])));
        }
        let counted = r#"{"choices":[{"text":"a","finish_reason":"length"}],"usage":{"prompt_tokens":12}}"#;
        let reply = parse(Interface::Completions, counted.as_bytes()).unwrap();
        assert_eq!((reply.prompt_tokens, reply.finish), (12, Finish::Length));
    }

    #[test]
    fn malformed_bodies_are_refused_with_a_reason() {
        for (json, reason) in [
            ("", "EOF"),
            ("[]", "invalid"),
            ("{}", "missing field `choices`"),
            (r#"{"choices":null}"#, "invalid type"),
            (r#"{"choices":[{"finish_reason":"stop"}]}"#, "no message"),
            (r#"{"choices":[{"message":{"content":"a"},"finish_reason":"tool_calls"}]}"#, "tool_calls"),
            (r#"{"choices":[{"message":{"content":"a"},"finish_reason":"stop","logprobs":7}]}"#, "invalid type"),
            (r#"{"choices":[{"message":{"content":"a"},"finish_reason":"stop"}],"usage":{"prompt_tokens":-1}}"#, "-1"),
        ] {
            check(Interface::Chat, json, Err(reason));
        }
        check(Interface::Completions, r#"{"choices":[{"message":{"content":"a"}}]}"#, Err("no text"));
        assert!(parse(Interface::Chat, b"\xFF\xFE").is_err());
    }

    #[test]
    fn errors_of_four_servers_say_that_a_prompt_is_too_long() {
        for (message, expected) in [
            ("This model's maximum context length is 8192 tokens.", true),
            ("Error code: context_length_exceeded", true),
            ("the request exceeds: exceed_context_size_error", true),
            ("The input (9000 tokens) is longer than the model's context length (8192 tokens).", true),
            ("maximum number of requests reached", false),
            ("", false),
        ] {
            assert_eq!(is_too_long(message), expected, "{message}");
        }
    }

    #[test]
    fn bodies_without_a_message_are_quoted_whole() {
        for body in ["{}", r#"{"error":{}}"#, r#"{"error":{"message":7}}"#, r#"{"error":[1]}"#, "[]", ""] {
            assert_eq!(error_message(body), body);
        }
    }
}
