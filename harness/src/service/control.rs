//! Control socket: a Unix socket on which `dethrone ctl` asks a running validator, one JSON line there and one back.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{UnixListener, UnixStream};
use tokio::time::timeout;

use super::error::ServiceError;

/// Longest line that is read, in bytes.
const LONGEST: u64 = 64 * 1024;

/// Limit of one request, reading and answering included.
const LIMIT: Duration = Duration::from_secs(30);

/// Something that a running validator is asked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "request", rename_all = "snake_case", deny_unknown_fields)]
pub(crate) enum Request {
    /// Its status.
    Status,
    /// To play no further task; weights are set all the same.
    Pause,
    /// To play on.
    Resume,
    /// To end after the window that plays.
    Drain,
    /// To fetch and check an entry of the window again that was refused.
    Requeue {
        /// Its hotkey.
        entry: String,
    },
    /// To change a setting that decides nothing, until the process ends.
    Set {
        /// The setting, as `key=value`.
        setting: String,
    },
}

/// Answer to a request.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "answer", rename_all = "snake_case", deny_unknown_fields)]
pub(crate) enum Answer {
    /// It was done.
    Done {
        /// The answer, where it has a form of its own.
        data: serde_json::Value,
        /// One sentence for people.
        sentence: String,
    },
    /// It was not done.
    Refused {
        /// The reason.
        reason: String,
    },
}

impl Answer {
    /// Something was done that has no further data.
    pub(super) fn done(sentence: impl Into<String>) -> Self {
        Self::Done { data: serde_json::Value::Null, sentence: sentence.into() }
    }

    /// Something was not done.
    pub(super) fn refused(reason: impl Into<String>) -> Self {
        Self::Refused { reason: reason.into() }
    }
}

/// Answers requests.
pub(crate) trait Control: Send + Sync + 'static {
    /// Does as asked, or says why not.
    fn answer(&self, request: Request) -> impl Future<Output = Answer> + Send;
}

/// A control socket that this process listens on; its file is removed in the end.
pub(super) struct ControlSocket {
    listener: UnixListener,
    path: PathBuf,
}

impl ControlSocket {
    /// Listens on a path that only this user may use. A file that is left of a killed process is replaced: the holder of
    /// the database's lock alone may call this.
    ///
    /// # Errors
    /// If the socket cannot be made.
    pub(super) fn open(path: &Path) -> Result<Self, ServiceError> {
        use std::os::unix::fs::PermissionsExt;
        let failed = |cause| ServiceError::Listen { address: path.display().to_string(), cause };
        match std::fs::remove_file(path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(failed(error)),
            _ => {}
        }
        let listener = UnixListener::bind(path).map_err(failed)?;
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600)).map_err(failed)?;
        Ok(Self { listener, path: path.to_owned() })
    }

    /// Answers requests, each connection on a task of its own, until it is dropped.
    ///
    /// # Errors
    /// If no further connection can be accepted.
    pub(super) async fn serve(&self, control: Arc<impl Control>) -> Result<(), ServiceError> {
        loop {
            let (stream, _) = self
                .listener
                .accept()
                .await
                .map_err(|cause| ServiceError::Listen { address: self.path.display().to_string(), cause })?;
            let control = Arc::clone(&control);
            tokio::spawn(async move {
                if let Ok(Err(error)) = timeout(LIMIT, converse(stream, &*control)).await {
                    tracing::debug!(%error, "a control connection ended early");
                }
            });
        }
    }
}

impl Drop for ControlSocket {
    fn drop(&mut self) {
        // A file that is left is replaced at the next start.
        let _ = std::fs::remove_file(&self.path);
    }
}

async fn converse(mut stream: UnixStream, control: &impl Control) -> std::io::Result<()> {
    let (reader, mut writer) = stream.split();
    let mut line = String::new();
    BufReader::new(reader.take(LONGEST)).read_line(&mut line).await?;
    let answer = match serde_json::from_str(&line) {
        Ok(request) => control.answer(request).await,
        Err(error) => Answer::refused(format!("this is not a request: {error}")),
    };
    let mut text = serde_json::to_string(&answer).expect("an answer is plain data");
    text.push('\n');
    writer.write_all(text.as_bytes()).await?;
    writer.shutdown().await
}

/// Asks the validator that listens on this path.
///
/// # Errors
/// If nobody listens there, or the answer is none.
pub(crate) async fn ask(path: &Path, request: &Request) -> std::io::Result<Answer> {
    let conversation = async {
        let mut stream = UnixStream::connect(path).await?;
        let mut text = serde_json::to_string(request).expect("a request is plain data");
        text.push('\n');
        stream.write_all(text.as_bytes()).await?;
        let mut line = String::new();
        BufReader::new(stream).read_line(&mut line).await?;
        serde_json::from_str(&line).map_err(std::io::Error::from)
    };
    timeout(LIMIT, conversation).await.unwrap_or_else(|elapsed| Err(elapsed.into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Repeats requests, and refuses to pause.
    struct Echo;

    impl Control for Echo {
        async fn answer(&self, request: Request) -> Answer {
            match request {
                Request::Pause => Answer::refused("not now"),
                request => Answer::done(serde_json::to_string(&request).unwrap()),
            }
        }
    }

    async fn listening(path: &Path) -> tokio::task::JoinHandle<()> {
        let socket = ControlSocket::open(path).unwrap();
        tokio::spawn(async move { socket.serve(Arc::new(Echo)).await.unwrap() })
    }

    #[tokio::test]
    async fn requests_arrive_as_they_were_asked_and_answers_come_back() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("control.sock");
        assert_eq!(ask(&path, &Request::Status).await.unwrap_err().kind(), std::io::ErrorKind::NotFound);
        let server = listening(&path).await;
        let requests = [
            Request::Status,
            Request::Resume,
            Request::Drain,
            Request::Requeue { entry: "5Hot".to_owned() },
            Request::Set { setting: "engine.rows=8".to_owned() },
        ];
        for request in requests {
            let answer = ask(&path, &request).await.unwrap();
            assert_eq!(answer, Answer::done(serde_json::to_string(&request).unwrap()));
        }
        assert_eq!(ask(&path, &Request::Pause).await.unwrap(), Answer::refused("not now"));
        server.abort();
    }

    #[tokio::test]
    async fn what_is_no_request_is_refused_and_harms_nobody() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("control.sock");
        let server = listening(&path).await;
        let long = format!("{}\n", "x".repeat(100_000));
        for line in ["", "\n", "{}\n", "{\"request\":\"set\",\"more\":1}\n", "{\"request\":\"explode\"}\n", &long] {
            let mut stream = UnixStream::connect(&path).await.unwrap();
            // The server may hang up before it has read everything.
            let _ = stream.write_all(line.as_bytes()).await;
            let _ = stream.shutdown().await;
            let mut answer = String::new();
            let _ = stream.read_to_string(&mut answer).await;
            assert!(answer.is_empty() || answer.contains("\"refused\""), "{line:.40}: {answer}");
        }
        assert!(matches!(ask(&path, &Request::Status).await.unwrap(), Answer::Done { .. }));
        server.abort();
    }

    #[tokio::test]
    async fn the_socket_is_for_this_user_alone_and_replaces_the_one_of_a_killed_process() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("control.sock");
        std::mem::forget(std::os::unix::net::UnixListener::bind(&path).unwrap());
        let socket = ControlSocket::open(&path).unwrap();
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        drop(socket);
        assert!(!path.exists());
        let missing = ControlSocket::open(&folder.path().join("no/such/folder.sock"));
        assert!(matches!(missing, Err(ServiceError::Listen { .. })));
    }
}
