//! Client of the Hugging Face hub, or of a server with its interface.

use std::{
    fs::TryLockError,
    io,
    path::{Path, PathBuf},
};

use hf_hub::{HFClient, HFError};
use reqwest::{
    Client, Response,
    header::{HeaderMap, LINK},
    redirect::Policy,
};
use tokio::{fs, time::Duration};

use super::{
    HubError, Listener, Progress,
    layout::Layout,
    listing::{Entry, INDEX, ListedFile, Listing, check_size},
    transfer::{Requests, Transfer, transport, write_error},
    verify::{Verified, verify},
};
use crate::{
    admission::{Limits, check_configuration},
    atomic_file::AtomicFile,
    model_ref::ModelRef,
    retry::Retries,
    secret::Secret,
    snapshot::{Snapshot, SnapshotFile},
    tensors::safetensors::Index,
};

/// The address of Hugging Face.
pub const ENDPOINT: &str = "https://huggingface.co";
/// Size limit of one page of a listing in bytes, and limit of pages.
const LARGEST_PAGE: usize = 8 << 20;
const MOST_PAGES: usize = 20;
/// Limit of redirects, from the hub to the storage of files.
const MOST_REDIRECTS: usize = 5;
/// Interval of attempts to lock a model that another process is fetching.
const LOCK_POLL: Duration = Duration::from_millis(250);
/// A token that is invalid in a header. It keeps the client from looking for a token on disk, and is never sent.
const NO_TOKEN: &str = "\n";

/// Connection of a client to a server with the interface of Hugging Face, and what it may fetch.
#[derive(Clone, Debug)]
pub struct HuggingFaceSettings {
    /// The address of the hub.
    pub endpoint: String,
    /// Access token, sent with every request to the hub itself.
    pub token: Option<Secret>,
    /// Root folder of fetched files.
    pub root: PathBuf,
    /// Limits that are checked before anything large is fetched.
    pub limits: Limits,
    /// Limits of retries.
    pub retries: Retries,
}

/// A client of a server with the interface of Hugging Face, and the folder of fetched files.
#[derive(Clone, Debug)]
pub struct HuggingFaceHub {
    settings: HuggingFaceSettings,
    information: HFClient,
    requests: Requests,
}

impl HuggingFaceHub {
    /// Sets up the HTTP clients; nothing is sent yet.
    ///
    /// # Errors
    /// If a client cannot be set up with these settings.
    pub fn new(mut settings: HuggingFaceSettings) -> Result<Self, HubError> {
        settings.endpoint.truncate(settings.endpoint.trim_end_matches('/').len());
        let setup = |reason: String| HubError::Setup { endpoint: settings.endpoint.clone(), reason };
        let client = Client::builder()
            .redirect(Policy::limited(MOST_REDIRECTS))
            .connect_timeout(settings.retries.stall_timeout)
            // Longer than the stall timeout, whose error names the file.
            .read_timeout(settings.retries.stall_timeout * 2)
            .user_agent(concat!("dethrone/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(|error| setup(error.to_string()))?;
        let information = HFClient::builder()
            .endpoint(&settings.endpoint)
            .token(settings.token.as_ref().map_or(NO_TOKEN, Secret::reveal))
            .client(client.clone())
            .cache_enabled(false)
            // Retries are our own, with the limits of the settings.
            .retry_max_attempts(0)
            .build()
            .map_err(|error| setup(error.to_string()))?;
        let requests = Requests {
            client,
            token: settings.token.clone(),
            retries: settings.retries,
            hub: settings.endpoint.clone(),
        };
        Ok(Self { settings, information, requests })
    }

    /// The folder of a model's verified files; empty, or not there, before they were fetched.
    pub(super) fn files(&self, model: &ModelRef) -> PathBuf {
        Layout::new(&self.settings.root, model).files()
    }

    /// True if the server takes a request for its first page, whatever it answers, and if it breaks off.
    pub async fn is_reachable(&self) -> bool {
        let asking = self.requests.client.get(&self.settings.endpoint).send();
        let answered = tokio::time::timeout(self.settings.retries.stall_timeout, asking).await;
        answered.is_ok_and(|answer| answer.err().is_none_or(|error| !error.is_connect() && !error.is_timeout()))
    }

    /// Fetches the files of a model. Files on disk are verified again, only missing ones are downloaded.
    ///
    /// # Errors
    /// If the model is refused, or its files cannot be fetched or verified.
    pub async fn fetch(&self, model: &ModelRef, listener: &Listener<'_>) -> Result<Snapshot, HubError> {
        let layout = Layout::new(&self.settings.root, model);
        for folder in [layout.files(), layout.partial()] {
            fs::create_dir_all(&folder).await.map_err(|source| write_error(&folder, source))?;
        }
        let _lock = lock(&layout.lock()).await?;
        let listing = self.listing(model, &layout).await?;
        let download = ModelDownload { hub: self, model, layout: &layout, listener };
        let small = listing.small()?;
        check_size(&small, &self.settings.limits)?;
        let mut files = download.fetch_all(&small).await?;
        let shards = match listing.file(INDEX) {
            None => None,
            Some(_) => {
                let path = layout.files().join(INDEX);
                let bytes = fs::read(&path).await.map_err(|source| write_error(&path, source))?;
                Some(Index::parse(&bytes)?.files().into_iter().map(str::to_owned).collect())
            }
        };
        let large = listing.large(shards)?;
        // A model that is refused by its configuration costs no download of its tensors. GGUF files have theirs inside.
        if large.iter().any(|file| file.name.ends_with(".safetensors")) {
            files.sort();
            check_configuration(&Snapshot { root: layout.files(), files: files.clone() }, &self.settings.limits)?;
        }
        check_size(&small.iter().chain(&large).copied().collect::<Vec<_>>(), &self.settings.limits)?;
        files.extend(download.fetch_all(&large).await?);
        files.sort();
        files.dedup();
        Ok(Snapshot { root: layout.files(), files })
    }

    /// The listing of a commit. It is stored, since a commit never changes.
    async fn listing(&self, model: &ModelRef, layout: &Layout) -> Result<Listing, HubError> {
        let path = layout.listing();
        if let Some(kept) = fs::read(&path).await.ok().and_then(|bytes| serde_json::from_slice(&bytes).ok()) {
            return Ok(kept);
        }
        let retries = self.settings.retries;
        retries.run(|| async { self.check_commit(model).await.map_err(|error| (error, 0)) }).await?;
        let entries = retries.run(|| async { self.entries(model).await.map_err(|error| (error, 0)) }).await?;
        let listing = Listing::of(entries, &model.to_string())?;
        let bytes = serde_json::to_vec(&listing).expect("a listing is JSON");
        AtomicFile::write(&path, &bytes).map_err(|source| write_error(&path, source))?;
        Ok(listing)
    }

    /// Requests the commit itself, so that no branch or tag is taken for it.
    async fn check_commit(&self, model: &ModelRef) -> Result<(), HubError> {
        let what = model.to_string();
        let repository = self.information.model(model.owner(), model.name());
        let asking = repository.info().revision(model.commit()).expand(vec!["sha".to_owned()]).send();
        let stall_timeout = self.settings.retries.stall_timeout;
        let slow = |_| HubError::TooSlow { what: what.clone(), bytes: 0, period: stall_timeout };
        let information = tokio::time::timeout(stall_timeout, asking).await.map_err(slow)?;
        let information = information.map_err(|error| self.translate(error, &what))?;
        match information.sha {
            Some(found) if found.eq_ignore_ascii_case(model.commit()) => Ok(()),
            found => {
                let (hub, found) = (self.settings.endpoint.clone(), found.unwrap_or_default());
                Err(HubError::OtherCommit { hub, model: model.clone(), found: found.chars().take(100).collect() })
            }
        }
    }

    fn translate(&self, error: HFError, what: &str) -> HubError {
        let (hub, owned) = (self.settings.endpoint.clone(), what.to_owned());
        match error {
            HFError::AuthRequired { .. } => HubError::Denied { hub, what: owned, status: 401 },
            HFError::Forbidden { .. } => HubError::Denied { hub, what: owned, status: 403 },
            HFError::RepoNotFound { .. } | HFError::RevisionNotFound { .. } | HFError::EntryNotFound { .. } => {
                HubError::NotFound { hub, what: owned }
            }
            HFError::RateLimited { retry_after, .. } => HubError::RateLimited { what: owned, retry_after },
            HFError::Http { context } => HubError::Status { what: owned, status: context.status.as_u16() },
            HFError::Request { source, .. } if source.is_decode() => {
                HubError::Answer { what: owned, reason: source.without_url().to_string() }
            }
            HFError::Request { source, .. } => transport(&source, what),
            other => HubError::Answer { what: owned, reason: other.to_string() },
        }
    }

    async fn entries(&self, model: &ModelRef) -> Result<Vec<Entry>, HubError> {
        let what = model.to_string();
        let endpoint = &self.settings.endpoint;
        let mut url = Some(format!("{endpoint}/api/models/{}/{}/tree/{}", model.owner(), model.name(), model.commit()));
        let mut entries = Vec::new();
        for _ in 0..MOST_PAGES {
            let Some(page) = url.take() else { return Ok(entries) };
            let mut request = self.requests.client.get(page);
            if let Some(token) = &self.settings.token {
                request = request.bearer_auth(token.reveal());
            }
            let response = self.requests.send(request, &what).await?;
            url = next_page(response.headers());
            // Following it would send the token to another host, and stopping would take a part for the whole listing.
            if let Some(next) = url.as_ref().filter(|next| !next.starts_with(&format!("{endpoint}/"))) {
                let next: String = next.chars().take(100).collect();
                return Err(HubError::Answer {
                    what,
                    reason: format!("its listing goes on at another host: {next:?}"),
                });
            }
            let bytes = self.page(response, &what).await?;
            let page: Vec<Entry> = serde_json::from_slice(&bytes)
                .map_err(|error| HubError::Answer { what: what.clone(), reason: error.to_string() })?;
            entries.extend(page);
        }
        Err(HubError::Answer { what, reason: format!("its listing has more than {MOST_PAGES} pages") })
    }

    /// Reads the body of one page, bounded in size and time.
    async fn page(&self, mut response: Response, what: &str) -> Result<Vec<u8>, HubError> {
        let stall_timeout = self.settings.retries.stall_timeout;
        let reading = async {
            let mut bytes = Vec::new();
            while let Some(chunk) = response.chunk().await.map_err(|error| transport(&error, what))? {
                bytes.extend_from_slice(&chunk);
                if bytes.len() > LARGEST_PAGE {
                    let reason = format!("a page of its listing has more than {LARGEST_PAGE} bytes");
                    return Err(HubError::Answer { what: what.to_owned(), reason });
                }
            }
            Ok(bytes)
        };
        let slow = |_| HubError::TooSlow { what: what.to_owned(), bytes: 0, period: stall_timeout };
        tokio::time::timeout(stall_timeout, reading).await.map_err(slow)?
    }
}

/// The download of one model.
struct ModelDownload<'a> {
    hub: &'a HuggingFaceHub,
    model: &'a ModelRef,
    layout: &'a Layout,
    listener: &'a Listener<'a>,
}

impl ModelDownload<'_> {
    async fn fetch_all(&self, files: &[&ListedFile]) -> Result<Vec<SnapshotFile>, HubError> {
        let mut fetched = Vec::new();
        for file in files {
            let sha256 = self.fetch(file).await?;
            fetched.push(SnapshotFile { name: file.name.clone(), size: file.size, sha256 });
        }
        Ok(fetched)
    }

    async fn fetch(&self, file: &ListedFile) -> Result<[u8; 32], HubError> {
        let to = self.layout.files().join(&file.name);
        if let Some(sha256) = self.kept(&to, file).await? {
            (self.listener)(Progress { file: &file.name, done: file.size, total: file.size });
            return Ok(sha256);
        }
        let (endpoint, model) = (&self.hub.settings.endpoint, self.model);
        let (owner, name, commit) = (model.owner(), model.name(), model.commit());
        let transfer = Transfer {
            requests: &self.hub.requests,
            url: format!("{endpoint}/{owner}/{name}/resolve/{commit}/{}", file.name),
            file,
            part: self.layout.partial().join(&file.name),
            listener: self.listener,
        };
        transfer.run(&to).await
    }

    /// SHA-256 of a file that is on disk and still verifies.
    async fn kept(&self, path: &Path, file: &ListedFile) -> Result<Option<[u8; 32]>, HubError> {
        let (to, listed) = (path.to_owned(), file.clone());
        let verifying = tokio::task::spawn_blocking(move || verify(&to, &listed));
        match verifying.await.map_err(io::Error::other).and_then(|result| result) {
            Ok(Verified::Same(sha256)) => Ok(Some(sha256)),
            Ok(Verified::Other(_)) => Ok(None),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(source) => Err(write_error(path, source)),
        }
    }
}

/// Waits until no other process is fetching the same model. It polls, since a thread blocked in `File::lock` could not be
/// cancelled.
async fn lock(path: &Path) -> Result<std::fs::File, HubError> {
    let file = std::fs::File::create(path).map_err(|source| write_error(path, source))?;
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(file),
            Err(TryLockError::WouldBlock) => tokio::time::sleep(LOCK_POLL).await,
            Err(TryLockError::Error(source)) => return Err(write_error(path, source)),
        }
    }
}

/// URL of the next page of a listing.
fn next_page(headers: &HeaderMap) -> Option<String> {
    let links = headers.get(LINK)?.to_str().ok()?;
    let next = links.split(',').find(|link| link.contains("rel=\"next\""))?;
    Some(next.split_once('<')?.1.split_once('>')?.0.to_owned())
}

#[cfg(test)]
mod tests {
    use reqwest::header::HeaderValue;

    use super::*;

    #[test]
    fn the_next_page_is_the_link_that_is_named_so() {
        for (link, expected) in [
            ("", None),
            (r#"<https://hub/tree?cursor=2>; rel="next""#, Some("https://hub/tree?cursor=2")),
            (r#"<https://hub/1>; rel="prev", <https://hub/3>; rel="next""#, Some("https://hub/3")),
            (r#"<https://hub/1>; rel="prev""#, None),
            (r#"https://hub/1; rel="next""#, None),
            (r#"<https://hub/1; rel="next""#, None),
        ] {
            let headers = HeaderMap::from_iter([(LINK, HeaderValue::from_str(link).unwrap())]);
            assert_eq!(next_page(&headers).as_deref(), expected, "{link}");
        }
        assert_eq!(next_page(&HeaderMap::new()), None);
    }
}
