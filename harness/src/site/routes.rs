//! Routes of the site: pages, their JSON, downloads, and events; only GET, and nothing is changed.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::path::{Path as FilePath, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::{Path, Query, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::middleware::map_response;
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{Html, IntoResponse, Json, Response};
use axum::routing::get;
use futures::future::BoxFuture;
use futures::stream::{self, Stream};
use models::untrusted::UntrustedText;
use serde::Deserialize;
use serde_json::Value;
use tokio::io::AsyncReadExt;
use tokio::net::TcpListener;

use super::archive::{Archive, ArchiveError};
use super::live::{Live, live};
use super::overview::Overview;
use super::rollouts::{ON_A_PAGE, Scribes, Shown, is_there};
use crate::clock::Stopwatch;
use crate::database_location::DatabaseLocation;
use crate::problem::Problem;
use crate::record::{Conclusion, Timings};
use crate::report::{Files, RepliesPage, Summary, Timing, page, replies_page};
use crate::settings::Settings;
use crate::store::Store;

/// Time for which the state of the window that plays is kept: it takes a decision to tell it.
const FRESH: Duration = Duration::from_secs(3);
/// Time between two looks for changes.
const LOOK: Duration = Duration::from_secs(2);
/// Looks of one stream of events; a browser asks for the next stream by itself.
const LOOKS: u32 = 300;
/// Bytes of a download that are read at once.
const CHUNK: usize = 64 * 1024;

/// Replaces what is shown when the server says that something has changed.
const SCRIPT: &str = include_str!("live.js");

/// Sources of everything: nothing is loaded from elsewhere, and no script but ours is run.
const POLICY: &str = "default-src 'none'; script-src 'self'; connect-src 'self'; style-src 'unsafe-inline'; img-src data:; \
                      base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// Gives the status of the validator as JSON; null where none runs.
pub(crate) type StatusOf = Arc<dyn Fn() -> BoxFuture<'static, Value> + Send + Sync>;

/// Parts that the pages are made of.
pub(crate) struct Site {
    archive: Archive,
    database: Option<DatabaseLocation>,
    scribes: Scribes,
    status: StatusOf,
    live: tokio::sync::Mutex<Option<(Stopwatch, Arc<Live>)>>,
}

/// A page that cannot be shown.
enum Trouble {
    Absent(String),
    Failed(String),
}

type Shows<T> = Result<T, Trouble>;

impl Site {
    /// The site of an archive, and of the database beside it.
    pub(crate) fn new(
        archive: Archive,
        database: Option<DatabaseLocation>,
        settings: Settings,
        status: StatusOf,
    ) -> Arc<Self> {
        let scribes = Scribes::new(settings, database.clone());
        Arc::new(Self { archive, database, scribes, status, live: tokio::sync::Mutex::default() })
    }

    /// The state of the window that plays, at most a few seconds old.
    async fn live(&self) -> Arc<Live> {
        let mut kept = self.live.lock().await;
        if let Some((_, known)) = kept.as_ref().filter(|(since, _)| since.elapsed() < FRESH) {
            return Arc::clone(known);
        }
        let read = async {
            let Some(database) = self.database.as_ref().filter(|location| is_there(location)) else {
                return Ok(Live::Nothing);
            };
            live(&Store::open_to_read(database).await?).await
        };
        let state = Arc::new(read.await.unwrap_or_else(|error| {
            tracing::warn!(%error, "the window that plays cannot be read");
            Live::Nothing
        }));
        *kept = Some((Stopwatch::start(), Arc::clone(&state)));
        state
    }

    async fn overview(&self) -> Overview {
        let (live, status) = (self.live().await, (self.status)().await);
        Overview::new(&self.archive, &live, status).await
    }

    /// Digest of what the first page shows but for ages, which change all the time.
    async fn fingerprint(&self) -> String {
        let mut status = (self.status)().await;
        if let Some(chain) = status.get_mut("chain").and_then(Value::as_object_mut) {
            chain.remove("head_age_seconds");
        }
        let count = async {
            let database = self.database.as_ref().filter(|location| is_there(location))?;
            Store::open_to_read(database).await.ok()?.rollout_count().await.ok()
        };
        let text = format!("{status} {:?} {:?}", count.await, self.archive.windows());
        blake3::hash(text.as_bytes()).to_hex()[..16].to_owned()
    }

    /// A window's conclusion: from its evidence, or as it stands where it still plays.
    async fn conclusion(&self, window: u64) -> Shows<Arc<Conclusion>> {
        match self.archive.conclusion(window).await {
            Ok(conclusion) => Ok(conclusion),
            Err(ArchiveError::Absent(_)) => match &*self.live().await {
                Live::Playing(conclusion) if conclusion.terms.seed_block == window => {
                    Ok(Arc::new((**conclusion).clone()))
                }
                _ => Err(Trouble::Absent(format!("there is no evidence of window {window}"))),
            },
            Err(error) => Err(Trouble::Failed(
                Problem::from_error(crate::exit_status::ExitStatus::EvidenceBroken, &error).to_string(),
            )),
        }
    }
}

/// The routes of a site.
pub(crate) fn router(site: Arc<Site>) -> Router {
    Router::new()
        .route("/", get(first_page))
        .route("/overview.json", get(first_page_data))
        .route("/status.json", get(status))
        .route("/events", get(events))
        .route("/live.js", get(script))
        .route("/window/{window}/{file}", get(window_file))
        .route("/window/{window}/entries/{page}", get(entry_page))
        .route("/window/{window}/rollout/{entry}/{environment}/{page}", get(rollout_page))
        .layer(map_response(guarded))
        .with_state(site)
}

/// Serves a site on an address until it is dropped; `told` is called with the address that is listened on.
///
/// # Errors
/// If the address cannot be listened on.
pub(crate) async fn listen(address: SocketAddr, site: Arc<Site>, told: impl FnOnce(SocketAddr)) -> io::Result<()> {
    let listener = TcpListener::bind(address).await?;
    told(listener.local_addr()?);
    axum::serve(listener, router(site)).await
}

/// Forbids a browser whatever the pages do not need.
async fn guarded(mut response: Response) -> Response {
    let headers = response.headers_mut();
    for (name, value) in [
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::CACHE_CONTROL, "no-store"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    response
}

async fn first_page(State(site): State<Arc<Site>>) -> Html<String> {
    Html(site.overview().await.page())
}

async fn first_page_data(State(site): State<Arc<Site>>) -> Json<Value> {
    let mut data = serde_json::to_value(site.overview().await).expect("an overview is plain data");
    remove_pictures(&mut data);
    Json(data)
}

async fn status(State(site): State<Arc<Site>>) -> Json<Value> {
    Json((site.status)().await)
}

async fn script() -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "text/javascript; charset=utf-8")], SCRIPT)
}

async fn events(State(site): State<Arc<Site>>) -> Sse<impl Stream<Item = Result<Event, Infallible>>> {
    let looks = stream::unfold((site, None::<String>, 0), |(site, last, mut looks)| async move {
        loop {
            if looks > 0 {
                tokio::time::sleep(LOOK).await;
            }
            looks += 1;
            if looks > LOOKS {
                return None;
            }
            let now = site.fingerprint().await;
            if last.as_ref() != Some(&now) {
                return Some((Ok(Event::default().data(&now)), (site, Some(now), looks)));
            }
        }
    });
    Sse::new(looks).keep_alive(KeepAlive::default())
}

async fn window_file(State(site): State<Arc<Site>>, Path((window, file)): Path<(u64, String)>) -> Shows<Response> {
    match file.as_str() {
        "report.html" => match site.archive.file(window, "report.html") {
            Some(path) => download(&path, "text/html; charset=utf-8", None).await,
            None => {
                let conclusion = site.conclusion(window).await?;
                Ok(Html(page(&conclusion, &summary(&conclusion))).into_response())
            }
        },
        "summary.json" => Ok(Json(summary(&*site.conclusion(window).await?)).into_response()),
        "evidence.jsonl" | "weights.json" | "record.json" => {
            let absent = || Trouble::Absent(format!("window {window} has no {file}"));
            let path = site.archive.file(window, &file).ok_or_else(absent)?;
            download(&path, "application/json", Some(format!("window-{window}-{file}"))).await
        }
        _ => Err(Trouble::Absent("a window has no such page".to_owned())),
    }
}

/// The place of the first rollout that a page shows.
#[derive(Debug, Deserialize)]
struct From {
    #[serde(default)]
    from: usize,
}

async fn entry_page(
    State(site): State<Arc<Site>>,
    Path((window, page)): Path<(u64, String)>,
    Query(From { from }): Query<From>,
) -> Shows<Response> {
    let (name, is_data) = named(&page);
    let entry: usize = name.parse().map_err(|_| Trouble::Absent("an entry is a number".to_owned()))?;
    let shown = site.scribes.of_entry(&site.archive, (window, entry), from).await?;
    let shown = shown.ok_or_else(|| Trouble::Absent(format!("window {window} has no entry {entry}")))?;
    if is_data {
        return Ok(Json(shown.transcripts).into_response());
    }
    let mut links = vec![
        ("all windows".to_owned(), "/".to_owned()),
        ("the window's report".to_owned(), "../report.html".to_owned()),
    ];
    if from > 0 {
        links.push(("earlier rollouts".to_owned(), format!("?from={}", from.saturating_sub(ON_A_PAGE))));
    }
    if from + ON_A_PAGE < shown.all {
        links.push(("later rollouts".to_owned(), format!("?from={}", from + ON_A_PAGE)));
    }
    links.push(("as JSON".to_owned(), format!("{entry}.json?from={from}")));
    Ok(replies(window, shown, links, Some("../rollout")))
}

async fn rollout_page(
    State(site): State<Arc<Site>>,
    Path((window, entry, environment, page)): Path<(u64, usize, usize, String)>,
) -> Shows<Response> {
    let (name, is_data) = named(&page);
    let task: u32 = name.parse().map_err(|_| Trouble::Absent("a task is a number".to_owned()))?;
    let shown = site.scribes.of_task(&site.archive, (window, entry), (environment, task)).await?;
    let shown = shown.filter(|shown| !shown.transcripts.is_empty());
    let shown = shown.ok_or_else(|| Trouble::Absent(format!("entry {entry} has not answered task {task} there")))?;
    if is_data {
        return Ok(Json(shown.transcripts).into_response());
    }
    let links = vec![
        ("all windows".to_owned(), "/".to_owned()),
        ("the window's report".to_owned(), "../../../report.html".to_owned()),
        ("the entry's rollouts".to_owned(), format!("../../../entries/{entry}.html")),
        ("as JSON".to_owned(), format!("{task}.json")),
    ];
    Ok(replies(window, shown, links, None))
}

/// The name of a page, and true where its data is wanted.
fn named(page: &str) -> (&str, bool) {
    match page.strip_suffix(".json") {
        Some(name) => (name, true),
        None => (page.strip_suffix(".html").unwrap_or(page), false),
    }
}

fn replies(window: u64, shown: Shown, links: Vec<(String, String)>, beside: Option<&str>) -> Response {
    let who = shown.transcripts.first().map_or_else(|| "no rollouts".to_owned(), |first| first.who());
    let page = RepliesPage {
        title: format!("Subnet {} · window of block {window}", shown.netuid),
        lead: shown.verdict.map_or_else(|| who.clone(), |verdict| format!("{who}: {verdict}")),
        links,
        transcripts: &shown.transcripts,
        left_out: 0,
        command: String::new(),
        beside: beside.map(str::to_owned),
    };
    Html(replies_page(&page)).into_response()
}

/// The summary of a window that this process has not decided: without paths and times.
fn summary(conclusion: &Conclusion) -> Summary {
    let file = |name: &str| PathBuf::from(name);
    let files = Files {
        weights: file("weights.json"),
        evidence: file("evidence.jsonl"),
        report: file("report.html"),
        entries: Some(file("entries")),
        database: DatabaseLocation::File(PathBuf::new()),
    };
    Summary::new(conclusion, &[], files, Timing::new(Duration::ZERO, &Timings::default()))
}

/// Removes pictures from a page's data.
fn remove_pictures(data: &mut Value) {
    match data {
        Value::Object(fields) => {
            fields.retain(|name, _| name != "picture" && name != "mark");
            fields.values_mut().for_each(remove_pictures);
        }
        Value::Array(items) => items.iter_mut().for_each(remove_pictures),
        _ => {}
    }
}

/// A file in pieces, under a name of its own where it is to be saved.
async fn download(path: &FilePath, kind: &'static str, name: Option<String>) -> Shows<Response> {
    let file = tokio::fs::File::open(path).await.map_err(|error| Trouble::Absent(error.to_string()))?;
    let pieces = stream::try_unfold(file, |mut file| async move {
        let mut piece = vec![0; CHUNK];
        let count = file.read(&mut piece).await?;
        piece.truncate(count);
        Ok::<_, io::Error>((count > 0).then_some((piece, file)))
    });
    let mut response = ([(header::CONTENT_TYPE, kind)], Body::from_stream(pieces)).into_response();
    if let Some(name) = name.and_then(|name| HeaderValue::try_from(format!("attachment; filename=\"{name}\"")).ok()) {
        response.headers_mut().insert(header::CONTENT_DISPOSITION, name);
    }
    Ok(response)
}

impl IntoResponse for Trouble {
    fn into_response(self) -> Response {
        let (code, sentence) = match self {
            Self::Absent(sentence) => (StatusCode::NOT_FOUND, sentence),
            Self::Failed(sentence) => (StatusCode::INTERNAL_SERVER_ERROR, sentence),
        };
        (code, UntrustedText::sentence(&sentence).to_string() + "\n").into_response()
    }
}

impl std::convert::From<Problem> for Trouble {
    fn from(problem: Problem) -> Self {
        let Problem { summary, causes, hint, .. } = problem;
        Self::Failed([vec![summary], causes, hint.into_iter().collect()].concat().join("; "))
    }
}

#[cfg(test)]
mod tests;
