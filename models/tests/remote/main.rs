//! The client of servers with OpenAI's interface, against one that misbehaves.
#![expect(clippy::unwrap_used, reason = "a test may stop where it stands")]

mod server;

use std::time::Duration;

use models::engine::{Finish, Sampling};
use models::remote::{Interface, RemoteModel, RemoteSettings};
use models::responder::{Reply, ReplyError, ReplyRule, Reproducibility, Responder};
use models::retry::Retries;
use models::secret::Secret;
use models::text::{Message, Role};
use serde_json::json;
use server::{Answer, Server};

const KEY: &str = "sk-never-to-be-seen";

fn settings() -> RemoteSettings {
    RemoteSettings { interface: Interface::Chat, in_flight: 4, ..RemoteSettings::default() }
}

fn retries() -> Retries {
    Retries {
        attempts: 3,
        first_wait: Duration::from_millis(1),
        longest_wait: Duration::from_millis(20),
        stall_timeout: Duration::from_millis(700),
        least_bytes: 1,
    }
}

fn with_key(server: &Server, settings: RemoteSettings, key: Option<Secret>) -> RemoteModel {
    let reference = format!("openai:some/model@{}/v1", server.address).parse().unwrap();
    RemoteModel::new(reference, settings, key, retries()).unwrap()
}

fn model(server: &Server, settings: RemoteSettings) -> RemoteModel {
    with_key(server, settings, Some(Secret::new(KEY)))
}

fn conversation() -> Vec<Message> {
    let message = |role, content: &str| Message { role, content: content.to_owned() };
    vec![message(Role::System, "be brief"), message(Role::User, "hello?")]
}

fn rule() -> ReplyRule {
    let sampling = Sampling { temperature: 0.5, top_k: None, top_p: Some(0.25), key: 0xFFFF_FFFF_0000_0007 };
    ReplyRule { sampling, max_new_tokens: 9 }
}

fn good() -> Answer {
    let body = json!({
        "choices": [{
            "message": { "role": "assistant", "content": "hi" },
            "finish_reason": "stop",
            "logprobs": { "content": [{ "token": "h", "logprob": -0.25 }, { "token": "i", "logprob": -0.5 }] },
        }],
        "usage": { "prompt_tokens": 11, "completion_tokens": 2 },
    });
    Answer::Whole(200, "", body.to_string())
}

fn status(status: u16, header: &'static str) -> Answer {
    Answer::Whole(status, header, r#"{"error":{"message":"overloaded"}}"#.to_owned())
}

fn hi() -> Reply {
    let logprobs = vec![-0.25, -0.5];
    Reply {
        text: "hi".to_owned(),
        prompt_tokens: 11,
        tokens: None,
        logprobs,
        finish: Finish::StopToken,
        work: Default::default(),
    }
}

/// Compares the reply or error after these answers, and the number of requests.
async fn check(answers: &[Answer], expected: Result<Reply, &str>, requests: usize) {
    let server = Server::start(answers);
    let model = model(&server, settings());
    let found = model.reply(&conversation(), rule()).await;
    match (&found, &expected) {
        (Ok(reply), Ok(expected)) => assert_eq!(reply, expected),
        (Err(error), Err(part)) => assert!(error.to_string().contains(part), "{error}"),
        _ => panic!("{answers:?}: {found:?}"),
    }
    let said = format!(
        "{found:?} {model:?} {:?} {}",
        settings(),
        found.as_ref().err().map_or(String::new(), ToString::to_string)
    );
    assert!(!said.contains(KEY), "{said}");
    assert_eq!(server.asked().len(), requests, "{answers:?}");
}

#[tokio::test]
async fn a_chat_is_asked_for_with_the_rule_and_the_key_and_comes_without_token_ids() {
    let server = Server::start(&[good()]);
    let model = model(&server, settings());
    assert_eq!(model.reply(&conversation(), rule()).await.unwrap(), hi());
    assert_eq!(model.reproducibility(), Reproducibility::None);
    let asked = server.asked().remove(0);
    assert_eq!(
        (asked.path.as_str(), asked.authorization.as_deref()),
        ("/v1/chat/completions", Some(&*format!("Bearer {KEY}")))
    );
    let expected = json!({
        "model": "some/model", "max_tokens": 9, "temperature": 0.5, "top_p": 0.25, "seed": 7, "stream": false, "logprobs": true,
        "messages": [{ "role": "system", "content": "be brief" }, { "role": "user", "content": "hello?" }],
    });
    assert_eq!(asked.body, expected);
}

#[tokio::test]
async fn a_completion_is_asked_for_as_plain_text() {
    let body = r#"{"choices":[{"text":"hi","finish_reason":"length","logprobs":{"token_logprobs":[-1.5]}}]}"#;
    let server = Server::start(&[Answer::Whole(200, "", body.to_owned())]);
    let settings = RemoteSettings { interface: Interface::Completions, ..settings() };
    let reply = with_key(&server, settings, None).reply(&conversation(), rule()).await.unwrap();
    let expected = Reply { prompt_tokens: 0, logprobs: vec![-1.5], finish: Finish::Length, ..hi() };
    assert_eq!(reply, expected);
    let asked = server.asked().remove(0);
    assert_eq!((asked.path.as_str(), asked.authorization), ("/v1/completions", None));
    assert_eq!((&asked.body["prompt"], &asked.body["logprobs"]), (&json!("be brief\n\nhello?"), &json!(0)));
}

#[tokio::test]
async fn log_probabilities_that_a_server_does_not_offer_are_missing_and_nothing_else() {
    let silent = r#"{"choices":[{"message":{"content":"hi"},"finish_reason":"stop"}],"usage":{"prompt_tokens":11}}"#;
    check(&[Answer::Whole(200, "", silent.to_owned())], Ok(Reply { logprobs: Vec::new(), ..hi() }), 1).await;
}

#[tokio::test]
async fn log_probabilities_are_not_asked_for_where_a_server_refuses_them() {
    let server = Server::start(&[good()]);
    let settings = RemoteSettings { logprobs: false, ..settings() };
    model(&server, settings).reply(&conversation(), rule()).await.unwrap();
    assert_eq!(server.asked()[0].body.get("logprobs"), None);
}

#[tokio::test]
async fn trouble_that_passes_is_waited_for() {
    check(&[status(429, "Retry-After: 1"), good()], Ok(hi()), 2).await;
    check(&[status(500, ""), status(503, "Retry-After: 0"), good()], Ok(hi()), 3).await;
    let Answer::Whole(_, _, body) = good() else { unreachable!() };
    check(&[Answer::Truncated(body), good()], Ok(hi()), 2).await;
    check(&[Answer::Silence, good()], Ok(hi()), 2).await;
}

#[tokio::test]
async fn trouble_that_stays_is_named() {
    check(&[status(429, "Retry-After: 7")], Err("limits requests (it asks to wait 7 s)"), 3).await;
    // As many attempts at a greeting, since it may have been the conversation.
    check(&[status(502, "")], Err("answered status 502: overloaded"), 6).await;
    check(&[Answer::Whole(200, "", "<html>".to_owned())], Err("cannot be understood"), 6).await;
    let failed = r#"{"error":{"message":"Upstream is overloaded","code":502}}"#;
    check(&[Answer::Whole(200, "", failed.to_owned())], Err("answered with an error: Upstream is overloaded"), 6).await;
    check(&[Answer::Whole(200, "", failed.to_owned()), good()], Ok(hi()), 2).await;
    check(&[Answer::Silence], Err("did not answer in 0.7 s"), 3).await;
    check(&[Answer::Truncated("x".repeat(100))], Err("broke off"), 3).await;
}

#[tokio::test]
async fn what_trying_again_cannot_mend_is_not_tried_again() {
    check(&[status(401, "")], Err("`remote.key_variable`"), 1).await;
    check(&[status(404, "")], Err("answered status 404: overloaded"), 1).await;
    check(&[status(302, "Location: http://127.0.0.1:1/")], Err("answered status 302"), 2).await;
    check(
        &[Answer::Whole(200, "", r#"{"error":{"message":"no such model","code":404}}"#.to_owned())],
        Err("no such model"),
        1,
    )
    .await;
    check(&[Answer::Whole(200, "", r#"{"choices":[{}]}"#.to_owned())], Err("no message"), 1).await;
    check(&[Answer::Endless], Err("more than"), 1).await;
}

#[tokio::test]
async fn a_server_that_repeats_the_key_gives_it_away_to_no_reader() {
    check(&[Answer::EchoedReply], Err("repeats the key"), 1).await;
    check(&[Answer::EchoedError], Err("Bearer (hidden)"), 2).await;
}

#[tokio::test]
async fn a_conversation_that_is_too_long_is_the_models_own_trouble() {
    let body = r#"{"error":{"message":"This model's maximum context length is 8 tokens.","code":400}}"#;
    let server = Server::start(&[Answer::Whole(400, "", body.to_owned())]);
    let found = model(&server, settings()).reply(&conversation(), rule()).await;
    assert!(matches!(&found, Err(ReplyError::Model(reason)) if reason.contains("maximum context length")), "{found:?}");
    let server = Server::start(&[status(400, "")]);
    let found = model(&server, settings()).reply(&conversation(), rule()).await;
    assert!(matches!(found, Err(ReplyError::Remote(_))), "{found:?}");
}

#[tokio::test]
async fn one_bad_answer_is_the_failure_of_one_rollout() {
    for (code, body) in [
        (200, r#"{"choices":[{"message":{"content":7}}]}"#),
        (200, r#"{"choices":[]}"#),
        (400, r#"{"error":{"code":"content_filter","message":"filtered"}}"#),
        (413, r#"{"error":{"message":"prompt is too long: 21000 tokens > 20000 maximum"}}"#),
    ] {
        let server = Server::start(&[Answer::Whole(code, "", body.to_owned())]);
        let found = model(&server, settings()).reply(&conversation(), rule()).await;
        assert!(matches!(found, Err(ReplyError::Model(_))), "{body}: {found:?}");
        assert_eq!(server.asked().len(), 1, "{body}");
    }
}

#[tokio::test]
async fn a_refused_request_is_the_failure_of_one_rollout_where_the_server_answers_others() {
    let invalid = r#"{"error":{"message":"Invalid prompt: lone surrogate","type":"invalid_request_error"}}"#;
    let (refused, garbage) = (Answer::Whole(422, "", invalid.to_owned()), Answer::Whole(200, "", "<html>".to_owned()));
    for (answers, requests) in [
        (vec![refused.clone(), good()], 2),
        (vec![status(500, ""), status(500, ""), status(500, ""), good()], 4),
        (vec![garbage.clone(), garbage.clone(), garbage, good()], 4),
    ] {
        let server = Server::start(&answers);
        let model = model(&server, settings());
        let found = model.reply(&conversation(), rule()).await;
        assert!(
            matches!(&found, Err(ReplyError::Model(reason)) if reason.contains("answers other requests")),
            "{answers:?}: {found:?}"
        );
        assert_eq!(server.asked().len(), requests, "{answers:?}");
        let greeting = &server.asked()[requests - 1].body;
        assert_eq!((&greeting["messages"][0]["content"], &greeting["max_tokens"]), (&json!("Hello"), &json!(1)));
        assert_eq!(model.reply(&conversation(), rule()).await.unwrap(), hi());
    }
    // What was answered since the last refusal needs no greeting, and a server that stops answering is found out.
    let server = Server::start(&[good(), refused.clone(), good(), refused]);
    let model = model(&server, settings());
    assert!(model.reply(&conversation(), rule()).await.is_ok());
    assert!(matches!(model.reply(&conversation(), rule()).await, Err(ReplyError::Model(_))));
    assert_eq!(server.asked().len(), 2);
    assert!(model.reply(&conversation(), rule()).await.is_ok());
    assert!(matches!(model.reply(&conversation(), rule()).await, Err(ReplyError::Model(_))));
    assert!(matches!(model.reply(&conversation(), rule()).await, Err(ReplyError::Remote(_))));
}

#[tokio::test]
async fn the_limit_and_the_seed_are_sent_under_the_names_that_the_server_takes() {
    let server = Server::start(&[good()]);
    let named = |limit: &str, seed: &str| RemoteSettings {
        limit_name: limit.to_owned(),
        seed_name: seed.to_owned(),
        ..settings()
    };
    model(&server, named("max_completion_tokens", "random_seed")).reply(&conversation(), rule()).await.unwrap();
    model(&server, named("max_tokens", "")).reply(&conversation(), rule()).await.unwrap();
    let asked = server.asked();
    let sent = |place: usize, name: &str| asked[place].body.get(name).cloned();
    assert_eq!((sent(0, "max_completion_tokens"), sent(0, "max_tokens")), (Some(json!(9)), None));
    assert_eq!((sent(0, "random_seed"), sent(0, "seed")), (Some(json!(7)), None));
    assert_eq!((sent(1, "max_tokens"), sent(1, "seed")), (Some(json!(9)), None));
    let refusal = r#"{"error":{"message":"Unsupported parameter: 'max_tokens'","param":"max_tokens"}}"#;
    check(&[Answer::Whole(400, "", refusal.to_owned())], Err("`remote.limit_name`"), 2).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_more_requests_are_open_than_the_settings_allow() {
    let server = Server::start(&[good()]);
    let model = std::sync::Arc::new(model(&server, RemoteSettings { in_flight: 2, ..settings() }));
    let asking = (0..9).map(|_| {
        let model = model.clone();
        tokio::spawn(async move { model.reply(&conversation(), rule()).await.unwrap() })
    });
    for asked in asking.collect::<Vec<_>>() {
        assert_eq!(asked.await.unwrap(), hi());
    }
    assert_eq!(server.asked().len(), 9);
    assert!(server.most_open() <= 2, "{} were open", server.most_open());
}

#[tokio::test]
async fn a_key_does_not_leave_this_machine_in_the_clear() {
    let reference = "openai:m@http://192.0.2.1/v1".parse().unwrap();
    let error = RemoteModel::new(reference, settings(), Some(Secret::new(KEY)), retries()).unwrap_err().to_string();
    assert!(error.contains("could be read on its way") && !error.contains(KEY), "{error}");
}

#[tokio::test]
async fn a_server_that_is_not_there_is_named() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let reference = format!("openai:m@http://{address}").parse().unwrap();
    let error = RemoteModel::new(reference, settings(), Some(Secret::new(KEY)), retries())
        .unwrap()
        .reply(&conversation(), rule())
        .await
        .unwrap_err();
    assert!(error.to_string().contains(&format!("{address} cannot be reached")), "{error}");
}

#[tokio::test]
async fn settings_that_allow_no_request_are_refused() {
    for (settings, reason) in [
        (RemoteSettings { in_flight: 0, ..settings() }, "at least 1"),
        (RemoteSettings { per_minute: Some(0), ..settings() }, "at least 1"),
    ] {
        let reference = "openai:m@https://host/v1".parse().unwrap();
        let error = RemoteModel::new(reference, settings, None, retries()).unwrap_err().to_string();
        assert!(error.contains(reason) && error.contains("https://host"), "{error}");
    }
}

#[tokio::test]
async fn an_error_message_is_shortened_and_cannot_move_a_terminals_cursor() {
    let body = json!({ "error": { "message": format!("\u{1B}[2Jbad\r\n{}", "x".repeat(500)) } });
    let server = Server::start(&[Answer::Whole(400, "", body.to_string())]);
    let error = model(&server, settings()).reply(&conversation(), rule()).await.unwrap_err().to_string();
    assert!(error.contains(" [2Jbad  xxx") && !error.contains('\u{1B}') && error.len() < 300, "{error:?}");
}

#[tokio::test]
async fn a_conversation_is_sent_with_its_roles_and_top_k() {
    let server = Server::start(&[good()]);
    let messages = [(Role::User, "a"), (Role::Assistant, "b"), (Role::User, "c")]
        .map(|(role, content)| Message { role, content: content.to_owned() });
    let sampling = Sampling { temperature: 1.0, top_k: Some(40), top_p: None, key: 1 << 31 };
    let rule = ReplyRule { sampling, max_new_tokens: 1 };
    model(&server, settings()).reply(&messages, rule).await.unwrap();
    let body = server.asked().remove(0).body;
    let roles: Vec<&str> = body["messages"].as_array().unwrap().iter().filter_map(|m| m["role"].as_str()).collect();
    assert_eq!(roles, ["user", "assistant", "user"]);
    assert_eq!((&body["top_k"], &body["seed"], body.get("top_p")), (&json!(40), &json!(0), None));
}

#[tokio::test]
async fn a_wait_until_a_date_is_kept_within_the_longest_wait() {
    let dates = "Date: Wed, 28 Feb 2024 23:59:50 GMT\r\nRetry-After: Thu, 29 Feb 2024 00:59:50 GMT";
    check(&[status(429, dates), good()], Ok(hi()), 2).await;
    check(&[status(503, dates)], Err("it asks to wait 3600 s"), 3).await;
    check(&[status(503, "Retry-After: soon")], Err("answered status 503"), 6).await;
}
