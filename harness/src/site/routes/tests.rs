use std::io::{Read, Write};

use futures::FutureExt;
use serde_json::json;

use super::*;

/// Answers of a site over an empty folder to requests with these first lines.
async fn answers(requests: &'static [&'static str]) -> Vec<String> {
    let folder = tempfile::tempdir().unwrap();
    let status: StatusOf = Arc::new(|| async { Value::Null }.boxed());
    let database = Some(folder.path().join("none.sqlite").into());
    let site = Site::new(Archive::of_output(folder.path()), database, Settings::default(), status);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let server = tokio::spawn(async move { axum::serve(listener, router(site)).await });
    let ask = move || {
        let answer = |request: &&str| {
            let mut stream = std::net::TcpStream::connect(address).unwrap();
            write!(stream, "{request} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").unwrap();
            let mut answer = String::new();
            stream.read_to_string(&mut answer).unwrap();
            answer
        };
        requests.iter().map(answer).collect()
    };
    let answers = tokio::task::spawn_blocking(ask).await.unwrap();
    server.abort();
    answers
}

#[tokio::test]
async fn an_empty_folder_has_a_page_that_says_so_and_forbids_what_it_does_not_need() {
    let found = answers(&["GET /", "GET /overview.json", "GET /live.js", "GET /status.json"]).await;
    for part in ["200 OK", "Nobody yet.", "No window plays.", "None is decided yet.", "No validator answers here"] {
        assert!(found[0].contains(part), "{part:?} is not in {}", found[0]);
    }
    for answer in &found {
        let head = answer.split("\r\n\r\n").next().unwrap();
        for header in ["script-src 'self'", "frame-ancestors 'none'", "x-content-type-options: nosniff"] {
            assert!(head.contains(header), "{header:?} is not in {head}");
        }
    }
    assert!(found[1].contains("\"lineage\":[]") && found[2].contains("EventSource") && found[3].ends_with("null"));
}

#[tokio::test]
async fn nothing_is_changed_and_no_file_is_reached_that_is_none_of_a_window() {
    let requests = &[
        "POST /",
        "GET /window/1/evidence.jsonl",
        "GET /window/1/..%2f..%2fetc%2fpasswd",
        "GET /window/1/validator.key",
        "GET /window/x/report.html",
        "GET /window/1/entries/0.html",
        "GET /window/1/rollout/0/0/%3Cb%3E.html",
    ];
    let codes = [405, 404, 404, 404, 400, 404, 404];
    for ((answer, code), request) in answers(requests).await.iter().zip(codes).zip(requests) {
        assert!(answer.starts_with(&format!("HTTP/1.1 {code}")), "{request}: {answer}");
        assert!(!answer.contains("<b>"), "{answer}");
    }
}

#[test]
fn a_page_s_data_has_no_pictures() {
    let mut data =
        json!({ "duel": { "evidence": [{ "picture": "<svg>", "legend": [{ "mark": "<svg>", "name": "a" }] }] } });
    remove_pictures(&mut data);
    assert_eq!(data, json!({ "duel": { "evidence": [{ "legend": [{ "name": "a" }] }] } }));
}
