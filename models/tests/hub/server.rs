//! A hub server that misbehaves on request.

use std::{
    collections::BTreeMap,
    io::{BufRead, BufReader, Write},
    net::{TcpListener, TcpStream},
    sync::{Arc, Mutex},
    thread,
    time::Duration,
};

use sha1::Sha1;
use sha2::{Digest, Sha256};

/// The one commit of the one repository.
pub(crate) const COMMIT: &str = "0123456789abcdef0123456789abcdef01234567";

/// One way to answer a request wrongly.
#[derive(Clone, Debug)]
pub(crate) enum Fault {
    /// A status and a header.
    Status(u16, &'static str),
    /// The announced length, and then only so many bytes.
    Truncate(usize),
    /// As many bytes as it should be, but others.
    OtherBytes,
    /// A byte at a time.
    Drip,
    /// Nothing at all.
    Silence,
    /// A redirect to itself.
    Loop,
    /// More bytes than listed, announced.
    Grow,
    /// More bytes than listed, without an announcement.
    GrowUnannounced,
    /// The whole file, though a part was asked for.
    WholeFile,
    /// Another part than was asked for.
    OtherRange,
    /// A page instead of data.
    Html,
    /// Another commit's hash.
    OtherCommit,
    /// A listing without end.
    EndlessListing,
    /// A listing that goes on at this address.
    NextPage(String),
    /// A redirect to another server.
    Elsewhere(String),
}

/// A request that arrived.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Asked {
    pub(crate) path: String,
    pub(crate) range: Option<String>,
    pub(crate) authorization: Option<String>,
}

#[derive(Default)]
struct State {
    files: Vec<(String, Vec<u8>, bool)>,
    /// By a part of the path: what happens to the first requests for it, one each; the last one stays if `for_ever`.
    faults: BTreeMap<String, (Vec<Fault>, bool)>,
    asked: Vec<Asked>,
}

/// A running server; its threads end with the process.
#[derive(Clone)]
pub(crate) struct Server {
    pub(crate) address: String,
    state: Arc<Mutex<State>>,
}

impl Server {
    /// Serves `files`: name, bytes, whether it is a large file named by SHA-256.
    pub(crate) fn start(files: &[(&str, &[u8], bool)]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let files = files.iter().map(|(name, bytes, large)| ((*name).to_owned(), bytes.to_vec(), *large)).collect();
        let state = Arc::new(Mutex::new(State { files, ..State::default() }));
        let server = Self { address, state };
        let serving = server.clone();
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let server = serving.clone();
                thread::spawn(move || {
                    // A client that hangs up is no trouble of ours.
                    let _ = server.answer(&stream);
                });
            }
        });
        server
    }

    /// Makes the next requests whose path contains `part` go wrong, one fault each.
    pub(crate) fn fail(&self, part: &str, faults: &[Fault]) {
        self.state.lock().unwrap().faults.insert(part.to_owned(), (faults.to_vec(), false));
    }

    /// Makes all requests whose path contains `part` go wrong.
    pub(crate) fn fail_for_ever(&self, part: &str, fault: Fault) {
        self.state.lock().unwrap().faults.insert(part.to_owned(), (vec![fault], true));
    }

    /// Requests that arrived so far.
    pub(crate) fn asked(&self) -> Vec<Asked> {
        self.state.lock().unwrap().asked.clone()
    }

    fn next_fault(&self, asked: &Asked) -> Option<Fault> {
        let mut state = self.state.lock().unwrap();
        state.asked.push(asked.clone());
        let (_, (faults, for_ever)) = state.faults.iter_mut().find(|(part, _)| asked.path.contains(part.as_str()))?;
        match (faults.len(), *for_ever) {
            (0, _) => None,
            (1, true) => Some(faults[0].clone()),
            _ => Some(faults.remove(0)),
        }
    }

    fn answer(&self, stream: &TcpStream) -> std::io::Result<()> {
        let asked = read_request(stream)?;
        let fault = self.next_fault(&asked);
        let mut stream = stream;
        let body = if asked.path.contains("/revision/") {
            let sha = if matches!(fault, Some(Fault::OtherCommit)) { "f".repeat(40) } else { COMMIT.to_owned() };
            format!(r#"{{"id":"owner/name","_id":"1","sha":"{sha}"}}"#).into_bytes()
        } else if asked.path.contains("/tree/") {
            self.listing().into_bytes()
        } else {
            let name = asked.path.rsplit('/').next().unwrap_or_default();
            let state = self.state.lock().unwrap();
            let file = state.files.iter().find(|(file, _, _)| file == name);
            match file {
                Some((_, bytes, _)) => bytes.clone(),
                None => {
                    drop(state);
                    return write!(stream, "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
                }
            }
        };
        match fault {
            None | Some(Fault::OtherCommit) => send(stream, &body, asked.range.as_deref()),
            Some(fault) => self.misbehave(stream, fault, &asked, body),
        }
    }

    fn misbehave(&self, mut stream: &TcpStream, fault: Fault, asked: &Asked, mut body: Vec<u8>) -> std::io::Result<()> {
        let head = |length: usize| format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n");
        match fault {
            Fault::Status(status, header) => {
                let extra = if header.is_empty() { String::new() } else { format!("{header}\r\n") };
                write!(stream, "HTTP/1.1 {status} No\r\n{extra}Content-Length: 0\r\nConnection: close\r\n\r\n")
            }
            Fault::Truncate(count) => {
                write!(stream, "{}", head(body.len()))?;
                stream.write_all(&body[..count.min(body.len())])
            }
            Fault::OtherBytes => {
                body.iter_mut().for_each(|byte| *byte ^= 1);
                send(stream, &body, asked.range.as_deref())
            }
            Fault::Drip => {
                write!(stream, "{}", head(body.len()))?;
                for byte in body {
                    stream.write_all(&[byte])?;
                    thread::sleep(Duration::from_millis(20));
                }
                Ok(())
            }
            Fault::Silence => {
                thread::sleep(Duration::from_secs(5));
                Ok(())
            }
            Fault::Loop => redirect(stream, &format!("{}{}", self.address, asked.path)),
            Fault::Elsewhere(address) => redirect(stream, &format!("{address}{}", asked.path)),
            Fault::Grow => {
                body.extend_from_slice(b"more");
                send(stream, &body, None)
            }
            Fault::GrowUnannounced => {
                write!(stream, "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n")?;
                stream.write_all(&body)?;
                (0..1000).try_for_each(|_| stream.write_all(b"more"))
            }
            Fault::WholeFile => send(stream, &body, None),
            Fault::OtherRange => {
                let length = body.len();
                write!(stream, "HTTP/1.1 206 Partial\r\nContent-Range: bytes 0-{}/{length}\r\n", length - 1)?;
                write!(stream, "Content-Length: {length}\r\nConnection: close\r\n\r\n")?;
                stream.write_all(&body)
            }
            Fault::Html => send(stream, b"<html>down for maintenance</html>", None),
            Fault::NextPage(address) => {
                let link = format!("Link: <{address}>; rel=\"next\"\r\n");
                write!(stream, "HTTP/1.1 200 OK\r\n{link}Content-Length: {}\r\nConnection: close\r\n\r\n", body.len())?;
                stream.write_all(&body)
            }
            Fault::EndlessListing => {
                write!(stream, "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n[")?;
                loop {
                    stream.write_all(&br#"{"type":"directory","path":"x"},"#.repeat(1000))?;
                }
            }
            Fault::OtherCommit => unreachable!("answered above"),
        }
    }

    fn listing(&self) -> String {
        let state = self.state.lock().unwrap();
        let entries = state.files.iter().map(|(name, bytes, large)| {
            let size = bytes.len();
            let git = hex::encode(Sha1::new().chain_update(format!("blob {size}\0")).chain_update(bytes).finalize());
            let lfs = hex::encode(Sha256::digest(bytes));
            let lfs = if *large {
                format!(r#","lfs":{{"oid":"{lfs}","size":{size},"pointerSize":130}}"#)
            } else {
                String::new()
            };
            format!(r#"{{"type":"file","oid":"{git}","size":{size},"path":"{name}"{lfs}}}"#)
        });
        let entries: Vec<String> = entries.collect();
        format!(r#"[{{"type":"directory","oid":"x","size":0,"path":"onnx"}},{}]"#, entries.join(","))
    }
}

fn read_request(stream: &TcpStream) -> std::io::Result<Asked> {
    let mut lines = BufReader::new(stream).lines();
    let first = lines.next().transpose()?.unwrap_or_default();
    let mut asked = Asked { path: first.split(' ').nth(1).unwrap_or_default().to_owned(), ..Asked::default() };
    for line in lines {
        let line = line?;
        if line.is_empty() {
            break;
        }
        if let Some((key, value)) = line.split_once(": ") {
            match key.to_ascii_lowercase().as_str() {
                "range" => asked.range = Some(value.to_owned()),
                "authorization" => asked.authorization = Some(value.to_owned()),
                _ => {}
            }
        }
    }
    Ok(asked)
}

fn send(mut stream: &TcpStream, body: &[u8], range: Option<&str>) -> std::io::Result<()> {
    let start = range.and_then(|range| range.strip_prefix("bytes=")?.strip_suffix('-')?.parse::<usize>().ok());
    match start {
        Some(start) if start < body.len() => {
            let (last, length) = (body.len() - 1, body.len());
            write!(stream, "HTTP/1.1 206 Partial Content\r\nContent-Range: bytes {start}-{last}/{length}\r\n")?;
            write!(stream, "Content-Length: {}\r\nConnection: close\r\n\r\n", length - start)?;
            stream.write_all(&body[start..])
        }
        _ => {
            write!(stream, "HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", body.len())?;
            stream.write_all(body)
        }
    }
}

fn redirect(mut stream: &TcpStream, to: &str) -> std::io::Result<()> {
    write!(stream, "HTTP/1.1 302 Found\r\nLocation: {to}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
}
