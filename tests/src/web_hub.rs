//! A hub with the interface of Hugging Face on this machine, over the models of a folder hub: some of its answers are refusals.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use models::snapshot::Snapshot;
use serde_json::{Value, json};

use crate::COMMIT;

/// A running hub; it answers for as long as the process runs.
#[derive(Debug)]
pub struct WebHub {
    address: String,
}

struct Shelf {
    root: PathBuf,
    refusing: BTreeMap<String, u16>,
}

impl WebHub {
    /// Serves the models below `root`; questions about an owner in `refusing` are answered with its status.
    pub fn serve(root: &Path, refusing: &[(&str, u16)]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("this machine has a free port");
        let address = format!("http://{}", listener.local_addr().expect("a bound socket has an address"));
        let refusing = refusing.iter().map(|(owner, status)| ((*owner).to_owned(), *status)).collect();
        let shelf = Arc::new(Shelf { root: root.to_owned(), refusing });
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let shelf = Arc::clone(&shelf);
                std::thread::spawn(move || shelf.answer(stream));
            }
        });
        Self { address }
    }

    /// Its address.
    pub fn address(&self) -> &str {
        &self.address
    }
}

impl Shelf {
    fn answer(&self, mut stream: TcpStream) -> Option<()> {
        let mut reader = BufReader::new(stream.try_clone().ok()?);
        let mut request = String::new();
        reader.read_line(&mut request).ok()?;
        let mut line = String::new();
        while reader.read_line(&mut line).ok()? > 2 {
            line.clear();
        }
        let (status, body) = self.body(request.split(' ').nth(1)?).unwrap_or((404, Vec::new()));
        let head = format!("HTTP/1.1 {status} X\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", body.len());
        stream.write_all(head.as_bytes()).ok()?;
        stream.write_all(&body).ok()
    }

    fn body(&self, path: &str) -> Option<(u16, Vec<u8>)> {
        let parts: Vec<&str> = path.split('?').next()?.trim_matches('/').split('/').collect();
        let owner = if parts[0] == "api" { parts.get(2)? } else { &parts[0] };
        if let Some(status) = self.refusing.get(*owner) {
            return Some((*status, b"{}".to_vec()));
        }
        let files = self.root.join(owner).join("model").join(COMMIT).join("files");
        let answer = |value: Value| Some((200, value.to_string().into_bytes()));
        match parts.as_slice() {
            ["api", "models", _, _, "revision", _] => answer(json!({ "id": format!("{owner}/model"), "sha": COMMIT })),
            ["api", "models", _, _, "tree", ..] => {
                let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
                let listed = Snapshot::of_folder(&files).ok()?.files.into_iter().map(|file| {
                    let lfs = json!({ "oid": hex(&file.sha256), "size": file.size, "pointerSize": 130 });
                    json!({ "type": "file", "path": file.name, "size": file.size, "oid": "0".repeat(40), "lfs": lfs })
                });
                answer(listed.collect())
            }
            [.., name] => Some((200, std::fs::read(files.join(name)).ok()?)),
            [] => None,
        }
    }
}
