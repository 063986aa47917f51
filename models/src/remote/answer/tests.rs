use super::*;

#[track_caller]
fn check(interface: Interface, json: &str, text: &str, logprobs: &[f32], finish: Finish) {
    match parse(interface, json.as_bytes()) {
        Ok(Answer::Reply(reply)) => {
            assert_eq!(
                (reply.text.as_str(), reply.logprobs.as_slice(), reply.tokens),
                (text, logprobs, None),
                "{json}"
            );
            assert_eq!(reply.finish, finish, "{json}");
        }
        found => panic!("{json}: {found:?}"),
    }
}

/// A chat's answer with this content, reason and log-probabilities, all of them JSON.
fn chat(content: &str, reason: &str, logprobs: &str) -> String {
    format!(r#"{{"choices":[{{"message":{{"content":{content}}},"finish_reason":{reason},"logprobs":{logprobs}}}]}}"#)
}

#[test]
fn every_ending_but_a_limit_or_a_failure_is_an_end() {
    for reason in
        ["stop", "eos", "eos_token", "stop_sequence", "end_turn", "content_filter", "tool_calls", "STOP", "EOS", ""]
    {
        check(Interface::Chat, &chat("\"a\"", &format!("\"{reason}\""), "null"), "a", &[], Finish::StopToken);
    }
    for reason in ["null", "7", "{}", r#"{"type":"stop","matched":2}"#] {
        check(Interface::Chat, &chat("\"a\"", reason, "null"), "a", &[], Finish::StopToken);
    }
    for reason in [
        r#""length""#,
        r#""LENGTH""#,
        r#""MAX_TOKENS""#,
        r#""max_tokens""#,
        r#""model_length""#,
        r#"{"type":"length","length":9}"#,
    ] {
        check(Interface::Chat, &chat("\"a\"", reason, "null"), "a", &[], Finish::Length);
    }
    check(Interface::Chat, r#"{"choices":[{"message":{"content":"a"}}]}"#, "a", &[], Finish::StopToken);
}

#[test]
fn content_is_a_text_or_parts_and_null_means_absent() {
    for (content, text) in [
        ("null", ""),
        ("\"a\"", "a"),
        (r#"[{"type":"text","text":"a"},{"type":"text","text":"b"}]"#, "ab"),
        (r#"[{"type":"thinking","thinking":[{"type":"text","text":"hm"}]},{"type":"text","text":"a"}]"#, "a"),
        (r#"[{"type":"reasoning","text":"hm"},{"type":"output_text","text":"a"}]"#, "a"),
        (r#"["a","b"]"#, "ab"),
        (r#"[{"type":"text","text":null}]"#, ""),
        (r#"{"type":"text","text":"a"}"#, "a"),
        ("[]", ""),
        (r#""\ud83d""#, "\u{fffd}"),
        (r#""\ud83d\ude00""#, "\u{1f600}"),
    ] {
        check(Interface::Chat, &chat(content, "\"stop\"", "null"), text, &[], Finish::StopToken);
    }
    check(
        Interface::Completions,
        r#"{"choices":[{"text":"a","finish_reason":null}],"error":null}"#,
        "a",
        &[],
        Finish::StopToken,
    );
}

#[test]
fn a_stream_that_nobody_asked_for_is_read() {
    let part = |content: &str| format!("data: {{\"choices\":[{{\"delta\":{{\"content\":{content}}}}}]}}\n\n");
    let last = "data: {\"choices\":[{\"delta\":{},\"finish_reason\":\"length\"}]}\n\ndata: [DONE]\n";
    let stream = format!("{}{}{last}", part("\"a\""), part("\"b\""));
    check(Interface::Chat, &stream, "ab", &[], Finish::Length);
    let text =
        "data: {\"choices\":[{\"text\":\"a\",\"finish_reason\":\"stop\",\"logprobs\":{\"token_logprobs\":[-1]}}]}\n\n";
    check(Interface::Completions, text, "a", &[-1.0], Finish::StopToken);
}

#[test]
fn log_probabilities_are_whole_or_left_out() {
    for (logprobs, expected) in [
        (r#"{"content":[{"token":"a","logprob":-0.5,"top_logprobs":[]}]}"#, &[-0.5][..]),
        (r#"{"content":[{"token":"a","logprob":-0.5},{"token":"b","logprob":null}]}"#, &[]),
        (r#"{"content":[{"token":"a","logprob":NaN}]}"#, &[]),
        (r#"{"content":[{"token":"a"}]}"#, &[]),
        (r#"{"content":null}"#, &[]),
        ("{}", &[]),
        ("7", &[]),
        ("null", &[]),
    ] {
        check(Interface::Chat, &chat("\"a\"", "\"stop\"", logprobs), "a", expected, Finish::StopToken);
    }
    let whole = r#"{"choices":[{"text":"a","finish_reason":"stop","logprobs":{"token_logprobs":[-1,-2]}}]}"#;
    check(Interface::Completions, whole, "a", &[-1.0, -2.0], Finish::StopToken);
    let null = r#"{"choices":[{"text":"a","finish_reason":"stop","logprobs":{"token_logprobs":[null,-2]}}]}"#;
    check(Interface::Completions, null, "a", &[], Finish::StopToken);
}

#[test]
fn tokens_of_the_prompt_are_counted_where_the_server_does() {
    for (usage, expected) in [
        (r#"{"prompt_tokens":12}"#, 12),
        (r#"{"prompt_tokens":12.0}"#, 12),
        (r#"{"prompt_tokens":"12"}"#, 12),
        (r#"{"prompt_tokens":1.5}"#, 0),
        (r#"{"prompt_tokens":null}"#, 0),
        (r#"{"prompt_tokens":-1}"#, 0),
        (r#"{"total_tokens":9}"#, 0),
        ("null", 0),
    ] {
        let json = format!(r#"{{"choices":[{{"text":"a"}}],"usage":{usage}}}"#);
        let Ok(Answer::Reply(reply)) = parse(Interface::Completions, json.as_bytes()) else { panic!("{json}") };
        assert_eq!(reply.prompt_tokens, expected, "{json}");
    }
}

#[test]
fn an_error_with_status_200_is_an_error() {
    for (json, code, said) in [
        (r#"{"error":{"message":"Upstream is overloaded","code":502}}"#, Some(502), "Upstream is overloaded"),
        (r#"{"error":{"message":"x","code":"429"},"choices":null}"#, Some(429), "x"),
        (r#"{"error":"no such model"}"#, None, "no such model"),
        (r#"{"choices":[],"error":{"message":"gone","code":503}}"#, Some(503), "gone"),
        (r#"[{"error":{"message":"gone","code":503}}]"#, Some(503), "gone"),
        (r#"{"object":"error","message":"no such model","code":404}"#, Some(404), "no such model"),
        (r#"{"detail":"no such model"}"#, None, "no such model"),
        (r#"{"choices":[{"finish_reason":"ERROR","error":{"code":503,"message":"gone"}}]}"#, Some(503), "gone"),
        ("data: {\"error\":{\"message\":\"gone\",\"code\":503}}\n\n", Some(503), "gone"),
        (r#"{"choices":[{"finish_reason":"error","error":{"code":503,"message":"gone"}}]}"#, Some(503), "gone"),
        (r#"{"choices":[{"message":{"content":""},"finish_reason":"abort"}]}"#, None, "its finish_reason is \"abort\""),
        (
            r#"{"choices":[{"message":{"content":""},"finish_reason":{"type":"abort"}}]}"#,
            None,
            "its finish_reason is \"abort\"",
        ),
    ] {
        let expected = Answer::Failed { code, said: said.to_owned() };
        assert_eq!(parse(Interface::Chat, json.as_bytes()), Ok(expected), "{json}");
    }
}

#[test]
fn a_choice_that_is_no_reply_is_unusable_and_other_bodies_are_defects() {
    for (json, part) in [
        (r#"{"choices":[]}"#, "no choice"),
        (r#"{"choices":[null]}"#, "no choice"),
        (r#"{"choices":[{"finish_reason":"stop"}]}"#, "no message"),
        (r#"{"choices":[{"message":null,"finish_reason":"stop"}]}"#, "no message"),
        (r#"{"choices":[{"message":{"content":7},"finish_reason":"stop"}]}"#, "its content is 7"),
    ] {
        let found = parse(Interface::Chat, json.as_bytes());
        assert!(matches!(&found, Ok(Answer::Unusable(defect)) if defect.contains(part)), "{json}: {found:?}");
    }
    let bodies = [
        ("<html>", "expected value"),
        ("", "EOF"),
        ("[]", "no JSON object"),
        ("{}", "no `choices`"),
        ("data: [DONE]", "no data"),
    ];
    for (json, part) in bodies {
        let found = parse(Interface::Chat, json.as_bytes());
        assert!(found.as_ref().is_err_and(|defect| defect.contains(part)), "{json}: {found:?}");
    }
}

#[test]
fn an_error_is_quoted_from_wherever_it_stands() {
    for json in [
        r#"{"error":{"message":"no such model"}}"#,
        r#"{"error":"no such model"}"#,
        r#"{"object":"error","message":"no such model"}"#,
        r#"{"detail":"no such model"}"#,
        r#"{"detail":[{"loc":["body"],"msg":"no such model"}]}"#,
        r#"{"error":{"error":{"message":"no such model"}}}"#,
        "no such model",
    ] {
        assert_eq!(error_message(json), "no such model");
    }
    for body in ["{}", r#"{"error":{}}"#, r#"{"error":{"message":7}}"#, r#"{"error":[1]}"#, "[]", ""] {
        assert_eq!(error_message(body), body);
    }
}

#[test]
fn the_common_servers_words_for_a_prompt_that_is_too_long_are_known() {
    for said in [
        "This model's maximum context length is 8192 tokens. However, you requested 9000 tokens",
        "The decoder prompt (length 9000) is longer than the maximum model length of 8192.",
        "Error code: context_length_exceeded",
        "Your input exceeds the context window of this model. Please adjust your input and try again.",
        "Requested token count exceeds the model's maximum context length of 8192 tokens.",
        "The input (9000 tokens) is longer than the model's context length (8192 tokens).",
        "the request exceeds: exceed_context_size_error",
        "the request exceeds the available context size, try increasing it",
        "the input length exceeds the context length",
        "Input validation error: `inputs` tokens + `max_new_tokens` must be <= 4096. Given: 5000",
        "Input validation error: `inputs` must have less than 1024 tokens. Given: 2000",
        "Trying to keep the first 5000 tokens when context the overflows. However, the model is loaded with context length of only 4096",
        "The number of tokens to keep from the initial prompt is greater than the context length.",
        "prompt is too long: 21000 tokens > 20000 maximum",
        "Please reduce the length of the messages or completion.",
        "Input is too long for requested model.",
        "The input token count (2000000) exceeds the maximum number of tokens allowed (1048576).",
        "max_tokens must be at least 1, got -808.",
        "Requested tokens (9000) exceed context window of 8192",
        "Input length (9000 tokens) exceeds the maximum allowed length (8186 tokens). Use a shorter input or enable --allow-auto-truncate.",
        "Prompt length (9000) exceeds maximum input length (8192).",
        "Context length 9000 is greater than max_seq_len 8192",
        "cannot truncate prompt with n_keep (9000) >= n_ctx (8192)",
        "input length and `max_tokens` exceed context limit: 190000 + 21000 > 200000",
        "Range of input length should be [1, 30720]",
        "Invalid request: Your request exceeded model token limit: 8192",
        "Prompt exceeds max length",
        "prompt token count of 128001 exceeds the limit of 128000",
        "Request too large for model `m`, please reduce your message size and try again.",
    ] {
        assert!(is_too_long(said), "{said}");
    }
    for said in ["maximum number of requests reached", "Unsupported parameter: 'max_tokens'", "overloaded", ""] {
        assert!(!is_too_long(said), "{said}");
    }
    assert!(is_filtered(r#"{"error":{"code":"content_filter"}}"#) && !is_filtered("overloaded"));
}
