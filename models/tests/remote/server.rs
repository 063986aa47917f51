//! A server with OpenAI's interface that misbehaves on request.

use std::{
    collections::VecDeque,
    io::{BufRead, BufReader, Read, Write},
    net::{TcpListener, TcpStream},
    sync::{Arc, Mutex},
    thread,
    time::Duration,
};

use serde_json::Value;

/// One answer.
#[derive(Clone, Debug)]
pub(crate) enum Answer {
    /// A status, a header (or none) and a body.
    Whole(u16, &'static str, String),
    /// Half of the body that was announced.
    Truncated(String),
    /// Nothing at all, for longer than any client waits here.
    Silence,
    /// The authorization that was sent, as a reply.
    EchoedReply,
    /// The authorization that was sent, as an error.
    EchoedError,
    /// A body without end.
    Endless,
}

/// A request that arrived.
#[derive(Clone, Debug, Default)]
pub(crate) struct Asked {
    pub(crate) path: String,
    pub(crate) authorization: Option<String>,
    pub(crate) body: Value,
}

#[derive(Default)]
struct State {
    /// The next answers; the last one is repeated.
    answers: VecDeque<Answer>,
    asked: Vec<Asked>,
    open: usize,
    most_open: usize,
}

/// A running server; its threads end with the process.
#[derive(Clone)]
pub(crate) struct Server {
    pub(crate) address: String,
    state: Arc<Mutex<State>>,
}

impl Server {
    /// Gives these answers in order, the last one for ever.
    pub(crate) fn start(answers: &[Answer]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let state = State { answers: answers.iter().cloned().collect(), ..State::default() };
        let server = Self { address, state: Arc::new(Mutex::new(state)) };
        let serving = server.clone();
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let server = serving.clone();
                thread::spawn(move || {
                    // A client that hangs up is no trouble of ours.
                    let _ = server.serve(&stream);
                });
            }
        });
        server
    }

    /// Requests that arrived so far.
    pub(crate) fn asked(&self) -> Vec<Asked> {
        self.state.lock().unwrap().asked.clone()
    }

    /// The most requests that were waiting at the same time.
    pub(crate) fn most_open(&self) -> usize {
        self.state.lock().unwrap().most_open
    }

    fn serve(&self, stream: &TcpStream) -> std::io::Result<()> {
        let asked = read_request(stream)?;
        let answer = {
            let mut state = self.state.lock().unwrap();
            state.asked.push(asked.clone());
            state.open += 1;
            state.most_open = state.most_open.max(state.open);
            if state.answers.len() > 1 { state.answers.pop_front() } else { state.answers.front().cloned() }
        };
        // Long enough for others to arrive as well.
        thread::sleep(Duration::from_millis(20));
        self.state.lock().unwrap().open -= 1;
        answer_with(stream, answer.unwrap(), &asked)
    }
}

fn answer_with(mut stream: &TcpStream, answer: Answer, asked: &Asked) -> std::io::Result<()> {
    let key = asked.authorization.clone().unwrap_or_default();
    let quoted = Value::from(key).to_string();
    match answer {
        Answer::Whole(status, header, body) => send(stream, status, header, &body),
        Answer::EchoedReply => {
            let body = format!(r#"{{"choices":[{{"message":{{"content":{quoted}}},"finish_reason":"stop"}}]}}"#);
            send(stream, 200, "", &body)
        }
        Answer::EchoedError => send(stream, 400, "", &format!(r#"{{"error":{{"message":{quoted}}}}}"#)),
        Answer::Truncated(body) => {
            write!(stream, "HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", body.len())?;
            stream.write_all(&body.as_bytes()[..body.len() / 2])
        }
        Answer::Silence => {
            thread::sleep(Duration::from_secs(30));
            Ok(())
        }
        Answer::Endless => {
            write!(stream, "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n")?;
            loop {
                stream.write_all(&[b' '; 1 << 16])?;
            }
        }
    }
}

fn send(mut stream: &TcpStream, status: u16, header: &str, body: &str) -> std::io::Result<()> {
    let header = if header.is_empty() { String::new() } else { format!("{header}\r\n") };
    write!(stream, "HTTP/1.1 {status} Said\r\n{header}Content-Length: {}\r\n", body.len())?;
    write!(stream, "Content-Type: application/json\r\nConnection: close\r\n\r\n{body}")
}

fn read_request(stream: &TcpStream) -> std::io::Result<Asked> {
    let mut reader = BufReader::new(stream);
    let mut line = String::new();
    reader.read_line(&mut line)?;
    let mut asked = Asked { path: line.split(' ').nth(1).unwrap_or_default().to_owned(), ..Asked::default() };
    let mut length = 0;
    loop {
        line.clear();
        reader.read_line(&mut line)?;
        let Some((name, value)) = line.trim_end().split_once(": ") else { break };
        match name.to_ascii_lowercase().as_str() {
            "authorization" => asked.authorization = Some(value.to_owned()),
            "content-length" => length = value.parse().unwrap_or(0),
            _ => {}
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body)?;
    asked.body = serde_json::from_slice(&body)?;
    Ok(asked)
}
