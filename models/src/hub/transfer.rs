//! Download of one file: resumed, bounded in size and time, and verified.

use std::{
    io,
    path::{Path, PathBuf},
};

use reqwest::{
    Client, Response, StatusCode,
    header::{ACCEPT_ENCODING, CONTENT_RANGE, HeaderMap, RANGE},
};
use tokio::{
    fs::{self, File, OpenOptions},
    io::AsyncWriteExt,
    time::{Instant, timeout},
};

use super::{
    HubError, Listener, Progress,
    listing::{ListedFile, ListedHash},
    verify::{Verified, verify},
};
use crate::{
    retry::{Retries, innermost, retry_after},
    secret::Secret,
};

/// Complete downloads that may fail the hash check before giving up.
const MAX_DOWNLOADS: usize = 2;

/// The HTTP client, token and retry limits of all requests to a hub.
#[derive(Clone, Debug)]
pub(super) struct Requests {
    pub(super) client: Client,
    pub(super) token: Option<Secret>,
    pub(super) retries: Retries,
    pub(super) hub: String,
}

/// The download of one file.
pub(super) struct Transfer<'a> {
    pub(super) requests: &'a Requests,
    pub(super) url: String,
    pub(super) file: &'a ListedFile,
    /// The incomplete download, renamed once it is verified.
    pub(super) part: PathBuf,
    pub(super) listener: &'a Listener<'a>,
}

impl Transfer<'_> {
    /// Downloads the file to `to` and returns its SHA-256.
    pub(super) async fn run(&self, to: &Path) -> Result<[u8; 32], HubError> {
        let mut found = String::new();
        for _ in 0..MAX_DOWNLOADS {
            self.requests.retries.run(|| self.attempt()).await?;
            match self.verify().await? {
                Verified::Same(sha256) => {
                    fs::rename(&self.part, to).await.map_err(|source| write_error(to, source))?;
                    return Ok(sha256);
                }
                Verified::Other(hash) => found = hash,
            }
            self.discard().await?;
        }
        let expected = match &self.file.hash {
            ListedHash::Sha256(hash) | ListedHash::Git(hash) => hash.clone(),
        };
        Err(HubError::Hash { file: self.file.name.clone(), expected, found })
    }

    async fn verify(&self) -> Result<Verified, HubError> {
        let (part, file) = (self.part.clone(), self.file.clone());
        let verifying = tokio::task::spawn_blocking(move || verify(&part, &file));
        verifying
            .await
            .map_err(io::Error::other)
            .and_then(|result| result)
            .map_err(|source| write_error(&self.part, source))
    }

    async fn discard(&self) -> Result<(), HubError> {
        match fs::remove_file(&self.part).await {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(write_error(&self.part, error)),
            _ => Ok(()),
        }
    }

    /// Downloads the missing bytes. An error comes with the number of bytes on disk.
    async fn attempt(&self) -> Result<(), (HubError, u64)> {
        let mut here = fs::metadata(&self.part).await.map_or(0, |metadata| metadata.len());
        // A partial file larger than the listed one is no beginning of it.
        if here > self.file.size {
            self.discard().await.map_err(|error| (error, 0))?;
            here = 0;
        }
        self.continue_from(&mut here).await.map_err(|error| (error, here))
    }

    async fn continue_from(&self, here: &mut u64) -> Result<(), HubError> {
        if *here == self.file.size && *here > 0 {
            return Ok(());
        }
        let mut response = self.request(*here).await?;
        let append = self.resumes(&response, *here)?;
        if !append {
            *here = 0;
        }
        let announced = response.content_length().unwrap_or(0);
        if here.saturating_add(announced) > self.file.size {
            return Err(self.grew().await);
        }
        let mut options = OpenOptions::new();
        options.create(true).append(append).write(true).truncate(!append);
        let mut part = options.open(&self.part).await.map_err(|source| write_error(&self.part, source))?;
        // What arrived before an error is kept on disk, since the next attempt continues there.
        let received = self.receive(&mut response, &mut part, here).await;
        part.flush().await.map_err(|source| write_error(&self.part, source))?;
        part.sync_all().await.map_err(|source| write_error(&self.part, source))?;
        received?;
        if *here < self.file.size {
            let reason = format!("it ended after {here} of {} bytes", self.file.size);
            return Err(HubError::Connection { what: self.file.name.clone(), reason });
        }
        Ok(())
    }

    async fn request(&self, here: u64) -> Result<Response, HubError> {
        let mut request = self.requests.client.get(&self.url).header(ACCEPT_ENCODING, "identity");
        if let Some(token) = &self.requests.token {
            request = request.bearer_auth(token.reveal());
        }
        if here > 0 {
            request = request.header(RANGE, format!("bytes={here}-"));
        }
        self.requests.send(request, &self.file.name).await
    }

    /// True if the response continues at `here`, false if it starts from the beginning.
    fn resumes(&self, response: &Response, here: u64) -> Result<bool, HubError> {
        if response.status() != StatusCode::PARTIAL_CONTENT {
            return Ok(false);
        }
        let range = response.headers().get(CONTENT_RANGE).and_then(|range| range.to_str().ok()).unwrap_or_default();
        if range.starts_with(&format!("bytes {here}-")) {
            return Ok(true);
        }
        let reason = format!("it was asked for the bytes from {here} and gives {range:?}");
        Err(HubError::Answer { what: self.file.name.clone(), reason })
    }

    async fn receive(&self, response: &mut Response, part: &mut File, here: &mut u64) -> Result<(), HubError> {
        let Retries { stall_timeout, least_bytes, .. } = self.requests.retries;
        let mut since = Instant::now();
        let mut arrived = 0;
        loop {
            let slow = |bytes| HubError::TooSlow { what: self.file.name.clone(), bytes, period: stall_timeout };
            let chunk = timeout(stall_timeout, response.chunk()).await.map_err(|_| slow(arrived))?;
            let Some(chunk) = chunk.map_err(|error| transport(&error, &self.file.name))? else { return Ok(()) };
            if *here + chunk.len() as u64 > self.file.size {
                return Err(self.grew().await);
            }
            part.write_all(&chunk).await.map_err(|source| write_error(&self.part, source))?;
            *here += chunk.len() as u64;
            arrived += chunk.len() as u64;
            (self.listener)(Progress { file: &self.file.name, done: *here, total: self.file.size });
            if since.elapsed() >= stall_timeout {
                if arrived < least_bytes && *here < self.file.size {
                    return Err(slow(arrived));
                }
                (since, arrived) = (Instant::now(), 0);
            }
        }
    }

    async fn grew(&self) -> HubError {
        match self.discard().await {
            Err(error) => error,
            Ok(()) => HubError::Grew { file: self.file.name.clone(), expected: self.file.size },
        }
    }
}

impl Requests {
    /// Sends a request; every status but success is an error.
    pub(super) async fn send(&self, request: reqwest::RequestBuilder, what: &str) -> Result<Response, HubError> {
        let stall_timeout = self.retries.stall_timeout;
        let slow = |_| HubError::TooSlow { what: what.to_owned(), bytes: 0, period: stall_timeout };
        let response = timeout(stall_timeout, request.send()).await.map_err(slow)?;
        let response = response.map_err(|error| transport(&error, what))?;
        let status = response.status();
        if status.is_success() { Ok(response) } else { Err(self.refused(status.as_u16(), response.headers(), what)) }
    }

    fn refused(&self, status: u16, headers: &HeaderMap, what: &str) -> HubError {
        let (hub, what) = (self.hub.clone(), what.to_owned());
        match status {
            401 | 403 => HubError::Denied { hub, what, status },
            404 | 410 => HubError::NotFound { hub, what },
            429 => HubError::RateLimited { what, retry_after: retry_after(headers) },
            _ => HubError::Status { what, status },
        }
    }
}

/// Converts a transport error, without the URL, which may contain a signed token.
pub(super) fn transport(error: &reqwest::Error, what: &str) -> HubError {
    let (what, reason) = (what.to_owned(), innermost(error));
    if error.is_redirect() { HubError::Redirects { what, reason } } else { HubError::Connection { what, reason } }
}

pub(super) fn write_error(path: &Path, source: io::Error) -> HubError {
    HubError::Write { path: path.to_owned(), source }
}
