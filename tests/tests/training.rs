//! Training tasks as a trainer gets them: exported, served over HTTP, and answered by hand.

#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Command, Output, Stdio};

use serde_json::{Value, json};
use tests::said;

const PROGRAM: &str = env!("CARGO_BIN_EXE_dethrone-under-test");

/// A server of training tasks, ended with the test.
struct Server {
    child: Child,
    address: String,
}

impl Server {
    fn of(environments: &[&str]) -> Self {
        let mut command = Command::new(PROGRAM);
        command.args(["env", "serve", "--listen", "127.0.0.1:0"]).args(environments);
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let address = line.split("http://").nth(1).unwrap().split(',').next().unwrap().to_owned();
        Self { child, address }
    }

    /// Status and JSON of an answer.
    fn ask(&self, method: &str, path: &str, body: &str) -> (u16, Value) {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        let length = body.len();
        write!(
            stream,
            "{method} {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Type: application/json\r\n\
             Content-Length: {length}\r\n\r\n{body}"
        )
        .unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        (head.split(' ').nth(1).unwrap().parse().unwrap(), serde_json::from_str(body).unwrap())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

fn run(arguments: &[&str], input: &str) -> Output {
    let mut command = Command::new(PROGRAM);
    let mut child =
        command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    child.wait_with_output().unwrap()
}

#[test]
fn exported_tasks_are_those_that_are_served_and_their_answers_score_one_there() {
    let server = Server::of(&["sat:2", "deduction", "coding"]);
    let (status, environments) = server.ask("GET", "/environments", "");
    assert_eq!((status, environments[0]["name"].as_str()), (200, Some("sat:2")));
    let mut attempts = Vec::new();
    for name in ["sat:2", "deduction", "coding"] {
        let exported = run(&["env", "export", name, "--first", "7", "--count", "5", "--answers"], "");
        assert!(exported.status.success(), "{}", said(&exported));
        let lines = String::from_utf8(exported.stdout).unwrap();
        assert_eq!(lines.lines().count(), 5);
        for (line, number) in lines.lines().zip(7..) {
            let task: Value = serde_json::from_str(line).unwrap();
            assert_eq!(server.ask("GET", &format!("/tasks/{name}/{number}?answer=true"), ""), (200, task.clone()));
            attempts.push(json!({ "environment": name, "number": number, "replies": task["answer"] }));
            attempts.push(json!({ "environment": task["environment"], "number": number, "replies": ["no"] }));
            attempts.push(json!({ "environment": name, "number": number, "replies": [] }));
        }
    }
    let (status, judged) = server.ask("POST", "/verdicts", &json!({ "attempts": attempts }).to_string());
    assert_eq!(status, 200, "{judged}");
    let verdicts = judged["verdicts"].as_array().unwrap();
    assert_eq!(verdicts.len(), attempts.len());
    for three in verdicts.chunks(3) {
        let scores: Vec<_> = three.iter().map(|verdict| verdict["score"].as_f64()).collect();
        assert_eq!(scores, [Some(1.0), Some(0.0), None], "{three:?}");
        assert!(three[2]["messages"][0]["content"].is_string());
    }
}

#[test]
fn a_request_without_an_answer_says_why() {
    let server = Server::of(&["sat"]);
    let check = |method, path, body: &str, status, part: &str| {
        let (found, answer) = server.ask(method, path, body);
        let error = answer["error"].as_str().unwrap();
        assert!((found, error.contains(part)) == (status, true), "{found} {answer}");
    };
    check("GET", "/tasks/chess/1", "", 404, "there is no environment \"chess\" here; there are sat");
    check("POST", "/verdicts", "{", 400, "Failed to parse");
    check("POST", "/verdicts", "{\"attempts\": 3}", 422, "invalid type");
    let many = json!({ "attempts": [{ "environment": "sat", "number": 1, "replies": ["a", "b"] }] });
    check("POST", "/verdicts", &many.to_string(), 422, "ended after 1 of the 2 replies");
    let (status, described) = server.ask("GET", "/openapi.json", "");
    let paths: Vec<&str> = described["paths"].as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!((status, paths), (200, vec!["/environments", "/tasks/{environment}/{number}", "/verdicts"]));
}

#[test]
fn a_person_answers_as_a_model_does() {
    let exported = run(&["env", "export", "deduction", "--count", "1", "--answers"], "");
    let task: Value = serde_json::from_slice(&exported.stdout).unwrap();
    let answer = task["answer"][0].as_str().unwrap();
    for (input, expected) in
        [(format!("{answer}\n.\n"), "scores 1: right"), ("Answer: no such thing\n".to_owned(), "scores 0: wrong")]
    {
        let played = run(&["env", "play", "deduction"], &input);
        assert!(played.status.success() && said(&played).contains("Program:"), "{}", said(&played));
        let shown = String::from_utf8_lossy(&played.stdout).into_owned();
        assert!(shown.contains(expected), "{shown}");
    }
    let nothing = run(&["env", "play", "deduction"], "");
    assert_eq!(nothing.status.code(), Some(2), "{}", said(&nothing));
}
