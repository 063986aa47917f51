//! Answers that a server streams though it was not asked to: server-sent events with parts of one reply (WHATWG HTML, section 9.2).

use serde_json::{Map, Value, json};

use super::lenient_json;

/// The last event of a stream.
const DONE: &str = "[DONE]";

/// Puts a stream's events together to the body that the server would have sent in one piece. `None` for what is no stream.
///
/// # Errors
/// The defect of a stream without a part that can be understood.
pub(super) fn whole(bytes: &[u8]) -> Option<Result<Value, String>> {
    let text = String::from_utf8_lossy(bytes);
    let text = text.trim_start_matches('\u{feff}').trim_start();
    ["data:", "event:", "id:", "retry:", ":"].iter().any(|field| text.starts_with(field)).then(|| put_together(text))
}

fn put_together(text: &str) -> Result<Value, String> {
    let mut body = None;
    let mut parts = Parts::default();
    for event in text.lines().filter_map(|line| line.strip_prefix("data:")).map(str::trim) {
        if event == DONE || event.is_empty() {
            continue;
        }
        let event = lenient_json::parse(event.as_bytes())?;
        let is_error = event.get("error").is_some_and(|error| !error.is_null());
        let choice = event.get("choices").and_then(|choices| choices.get(0)).and_then(Value::as_object);
        match choice {
            _ if is_error => return Ok(event),
            Some(choice) => parts.add(choice),
            // An event of another kind, such as the last one with the tokens counted.
            None => {}
        }
        if let Some(usage) = event.get("usage").filter(|usage| !usage.is_null()) {
            parts.usage = usage.clone();
        }
        body = Some(event);
    }
    match body {
        None => Err("its stream holds no data".to_owned()),
        // One event that is an answer as a whole, or an error in some other form.
        Some(body) if parts.count == 0 => Ok(body),
        Some(_) => Ok(parts.body()),
    }
}

/// Sum of the events of a stream.
#[derive(Default)]
struct Parts {
    count: usize,
    text: String,
    reason: Value,
    tokens: Vec<Value>,
    logprobs: Vec<Value>,
    usage: Value,
}

impl Parts {
    fn add(&mut self, choice: &Map<String, Value>) {
        self.count += 1;
        let message = choice.get("delta").or_else(|| choice.get("message"));
        let text = message.and_then(|message| message.get("content")).or_else(|| choice.get("text"));
        self.text.push_str(text.and_then(Value::as_str).unwrap_or_default());
        if let Some(reason) = choice.get("finish_reason").filter(|reason| !reason.is_null()) {
            self.reason = reason.clone();
        }
        let listed = |name: &str| choice.get("logprobs").and_then(|logprobs| logprobs.get(name)?.as_array());
        self.tokens.extend(listed("content").into_iter().flatten().cloned());
        self.logprobs.extend(listed("token_logprobs").into_iter().flatten().cloned());
    }

    fn body(self) -> Value {
        let logprobs = json!({ "content": self.tokens, "token_logprobs": self.logprobs });
        let message = json!({ "content": self.text });
        json!({
            "choices": [{ "message": message, "text": self.text, "finish_reason": self.reason, "logprobs": logprobs }],
            "usage": self.usage,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: Option<Result<Value, &str>>) {
        match (whole(text.as_bytes()), expected) {
            (Some(Err(defect)), Some(Err(part))) => assert!(defect.contains(part), "{text}: {defect}"),
            (found, expected) => assert_eq!(found, expected.map(|expected| expected.map_err(str::to_owned)), "{text}"),
        }
    }

    fn body(text: &str, reason: Value, usage: Value) -> Value {
        let choice = json!({ "message": { "content": text }, "text": text, "finish_reason": reason, "logprobs": { "content": [], "token_logprobs": [] } });
        json!({ "choices": [choice], "usage": usage })
    }

    #[test]
    fn a_stream_is_put_together() {
        let part =
            |text: &str| json!({ "choices": [{ "index": 0, "delta": { "content": text }, "finish_reason": null }] });
        let last = json!({ "choices": [{ "delta": {}, "finish_reason": "length" }] });
        let usage = json!({ "choices": [], "usage": { "prompt_tokens": 7 } });
        let stream = format!(
            ": waiting\n\ndata: {}\n\ndata:{}\r\n\r\ndata: {last}\n\ndata: {usage}\n\ndata: [DONE]\n\n",
            part("a "),
            part("b")
        );
        check(&stream, Some(Ok(body("a b", json!("length"), json!({ "prompt_tokens": 7 })))));
        let text = json!({ "choices": [{ "text": "x", "finish_reason": "stop" }] });
        check(&format!("event: message\ndata: {text}\n\n"), Some(Ok(body("x", json!("stop"), Value::Null))));
    }

    #[test]
    fn log_probabilities_of_all_events_are_kept() {
        let part = |value: f64| json!({ "choices": [{ "delta": { "content": "a" }, "logprobs": { "content": [{ "logprob": value }] } }] });
        let found = whole(format!("data: {}\n\ndata: {}\n\n", part(-0.5), part(-1.5)).as_bytes()).unwrap().unwrap();
        assert_eq!(found["choices"][0]["logprobs"]["content"], json!([{ "logprob": -0.5 }, { "logprob": -1.5 }]));
    }

    #[test]
    fn what_is_no_reply_is_told() {
        let error = json!({ "error": { "message": "overloaded", "code": 503 } });
        check(&format!("data: {error}\n\n"), Some(Ok(error)));
        check("data: [DONE]\n\n", Some(Err("no data")));
        check("data: {\"a\n\n", Some(Err("EOF")));
        check("{\"choices\": []}", None);
        check("<html>data:", None);
        check("", None);
    }
}
