//! Client for one model of one server.

use std::{
    fmt,
    sync::atomic::{AtomicBool, Ordering},
};

use reqwest::{
    Client, Response, StatusCode,
    header::{CONTENT_TYPE, HeaderMap},
    redirect::Policy,
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio::{
    sync::Semaphore,
    time::{Duration, timeout},
};

use super::{
    RemoteError, RemoteErrorKind, RemoteRef,
    answer::{Answer, error_message, is_filtered, is_too_long, parse},
    pace::Pace,
};
use crate::{
    model_ref::ModelRef,
    responder::{BoxFuture, Reply, ReplyError, ReplyRule, Reproducibility, Responder},
    retry::{Retries, Retryable, innermost, retry_after},
    secret::Secret,
    text::{Message, Prompter, Role},
};

/// Size limit of a response in bytes.
const LARGEST_BODY: usize = 16 << 20;
/// Length limit of a quoted error message in characters.
const LONGEST_MESSAGE: usize = 200;
/// Servers take seeds of 31 bits; some take no more.
const SEED_MASK: u64 = 0x7FFF_FFFF;

/// The endpoint of a server that answers.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Interface {
    /// `chat/completions`: the server renders the conversation with the model's own template.
    #[default]
    Chat,
    /// `completions`, for base models: the conversation as plain text, an empty line between two messages.
    Completions,
}

/// Settings for models that a server with OpenAI's interface runs. Their replies cannot be reproduced and are marked so.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RemoteSettings {
    /// The endpoint of the server that answers.
    pub interface: Interface,
    /// The environment variable that holds the API key; no key is sent where none is named.
    pub key_variable: Option<String>,
    /// Requests that wait for an answer at the same time.
    pub in_flight: usize,
    /// Requests that begin in a minute; any number where not given.
    pub per_minute: Option<u32>,
    /// Seconds in which an answer has to arrive.
    pub timeout_seconds: u64,
    /// Attempts at a request, further apart each time.
    pub attempts: u32,
    /// Ask for log-probabilities; some servers refuse the whole request if they are asked for.
    pub logprobs: bool,
    /// Name under which the limit of new tokens is sent; some servers take `max_completion_tokens` only.
    pub limit_name: String,
    /// Name under which the seed is sent, such as `random_seed`; none is sent under an empty one.
    pub seed_name: String,
    /// Models of the hub that servers run in place of this machine.
    pub served: Vec<ServedModel>,
}

/// A model of the hub, and the server that runs it. Its files are fetched, checked and screened all the same.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ServedModel {
    /// The model.
    pub model: ModelRef,
    /// The server that runs it, as `openai:MODEL@URL`.
    pub by: RemoteRef,
}

impl Default for RemoteSettings {
    fn default() -> Self {
        Self {
            interface: Interface::Chat,
            key_variable: None,
            in_flight: 16,
            per_minute: None,
            timeout_seconds: 120,
            attempts: 6,
            logprobs: true,
            limit_name: "max_tokens".to_owned(),
            seed_name: "seed".to_owned(),
            served: Vec::new(),
        }
    }
}

impl RemoteSettings {
    /// Attempts and stall timeout of these settings; the waits between attempts are the usual ones.
    #[must_use]
    pub fn retries(&self) -> Retries {
        let stall_timeout = Duration::from_secs(self.timeout_seconds);
        Retries { attempts: self.attempts, stall_timeout, ..Retries::default() }
    }
}

/// A client for a model that a server runs.
pub struct RemoteModel {
    reference: RemoteRef,
    settings: RemoteSettings,
    key: Option<Secret>,
    retries: Retries,
    client: Client,
    gate: Semaphore,
    pace: Pace,
    /// True if it has answered since it last refused a request.
    answers: AtomicBool,
}

impl RemoteModel {
    /// Sets up a client that sends `key` with every request; nothing is sent yet.
    ///
    /// # Errors
    /// If the settings allow no request, or the key would be sent unencrypted.
    pub fn new(
        reference: RemoteRef,
        settings: RemoteSettings,
        key: Option<Secret>,
        retries: Retries,
    ) -> Result<Self, RemoteError> {
        let server = reference.server();
        let setup = |reason: &str| RemoteError {
            server: server.clone(),
            kind: RemoteErrorKind::Setup { reason: reason.to_owned() },
        };
        if settings.in_flight == 0 || settings.per_minute == Some(0) {
            return Err(setup("requests in flight and requests a minute must be at least 1"));
        }
        if key.is_some() && reference.is_open() {
            return Err(setup("the key could be read on its way there: use an https:// address, or none of a key"));
        }
        let client = Client::builder()
            // A redirect would send the key to another server.
            .redirect(Policy::none())
            .connect_timeout(retries.stall_timeout)
            .user_agent(concat!("dethrone/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(|error| setup(&error.to_string()))?;
        let (gate, pace) = (Semaphore::new(settings.in_flight), Pace::new(settings.per_minute));
        let answers = AtomicBool::new(false);
        Ok(Self { reference, settings, key, retries, client, gate, pace, answers })
    }

    async fn answer(&self, messages: &[Message], rule: ReplyRule) -> Result<Reply, ReplyError> {
        let body = self.body(messages, rule)?;
        let error = match self.ask(&body).await {
            Ok(reply) => return Ok(reply),
            Err(error) => error,
        };
        Err(match &error.kind {
            RemoteErrorKind::TooLong { said } => {
                ReplyError::Model(format!("the conversation is longer than the model can read: {said}"))
            }
            // One bad answer is a failed rollout: the others can be answered still.
            RemoteErrorKind::NoReply { .. } => ReplyError::Model(error.to_string()),
            kind if kind.may_be_about_one_request() && self.answers_others(rule).await => {
                ReplyError::Model(format!("{error}, and answers other requests"))
            }
            _ => ReplyError::Remote(error.to_string()),
        })
    }

    /// A request with its attempts.
    async fn ask(&self, body: &Value) -> Result<Reply, RemoteError> {
        let reply = self.retries.run(|| async { self.attempt(body).await.map_err(|error| (error, 0)) }).await?;
        self.answers.store(true, Ordering::Relaxed);
        Ok(reply)
    }

    /// True if the server has answered since it last refused a request, or answers a greeting under the same settings: what
    /// it has refused is then the conversation, and not every request.
    async fn answers_others(&self, rule: ReplyRule) -> bool {
        if self.answers.swap(false, Ordering::Relaxed) {
            return true;
        }
        let greeting = [Message { role: Role::User, content: "Hello".to_owned() }];
        let Ok(body) = self.body(&greeting, ReplyRule { max_new_tokens: 1, ..rule }) else { return false };
        match self.ask(&body).await {
            Ok(_) => true,
            // An answer that is none is one, too.
            Err(error) => matches!(error.kind, RemoteErrorKind::NoReply { .. }),
        }
    }

    /// The body of a request.
    fn body(&self, messages: &[Message], rule: ReplyRule) -> Result<Value, ReplyError> {
        let sampling = rule.sampling;
        let mut body = json!({
            "model": self.reference.model(),
            "temperature": sampling.temperature,
            "stream": false,
        });
        body[&self.settings.limit_name] = json!(rule.max_new_tokens);
        if !self.settings.seed_name.is_empty() {
            body[&self.settings.seed_name] = json!(sampling.key & SEED_MASK);
        }
        if let Some(top_p) = sampling.top_p {
            body["top_p"] = json!(top_p);
        }
        if let Some(top_k) = sampling.top_k {
            body["top_k"] = json!(top_k);
        }
        let wanted = self.settings.logprobs;
        match self.settings.interface {
            Interface::Chat => {
                let message = |message: &Message| json!({ "role": role(message.role), "content": message.content });
                body["messages"] = messages.iter().map(message).collect();
                if wanted {
                    body["logprobs"] = json!(true);
                }
            }
            Interface::Completions => {
                let text = Prompter::default().render_text(messages, 0);
                body["prompt"] = json!(text.map_err(|error| ReplyError::Model(error.to_string()))?);
                if wanted {
                    // The number of alternatives beside each token.
                    body["logprobs"] = json!(0);
                }
            }
        }
        Ok(body)
    }

    async fn attempt(&self, body: &Value) -> Result<Reply, RemoteError> {
        // The permit is held until the response is complete.
        let _permit = self.gate.acquire().await.expect("the gate is never closed");
        self.pace.wait().await;
        let period = self.retries.stall_timeout;
        let exchanged = timeout(period, self.exchange(body)).await;
        let exchanged = exchanged.unwrap_or_else(|_| Err(self.error(RemoteErrorKind::TooSlow { period })));
        if let Some(wait) = exchanged.as_ref().err().and_then(Retryable::retry_after) {
            self.pace.postpone(wait.min(self.retries.longest_wait));
        }
        let bytes = exchanged?;
        let refuse = |reason: String| self.error(RemoteErrorKind::Answer { reason: self.quote(&reason) });
        let reply = match parse(self.settings.interface, &bytes).map_err(refuse)? {
            Answer::Reply(reply) => reply,
            Answer::Unusable(defect) => return Err(self.error(RemoteErrorKind::NoReply { said: self.quote(&defect) })),
            Answer::Failed { code, said } => return Err(self.error(self.failed(code, &said, &bytes))),
        };
        if self.key.as_ref().is_some_and(|key| key.is_in(&reply.text)) {
            return Err(self.error(RemoteErrorKind::Leak));
        }
        Ok(reply)
    }

    /// Sends a request and returns the body of a successful response.
    async fn exchange(&self, body: &Value) -> Result<Vec<u8>, RemoteError> {
        let function = match self.settings.interface {
            Interface::Chat => "chat/completions",
            Interface::Completions => "completions",
        };
        let mut request = self
            .client
            .post(self.reference.endpoint(function))
            .header(CONTENT_TYPE, "application/json")
            .body(body.to_string());
        if let Some(key) = &self.key {
            request = request.bearer_auth(key.reveal());
        }
        let broken = |error: reqwest::Error| self.error(RemoteErrorKind::Connection { reason: innermost(&error) });
        let response = request.send().await.map_err(broken)?;
        let (status, headers) = (response.status(), response.headers().clone());
        let bytes = self.read(response).await?;
        if status.is_success() { Ok(bytes) } else { Err(self.refused(status, &headers, &bytes)) }
    }

    async fn read(&self, mut response: Response) -> Result<Vec<u8>, RemoteError> {
        let mut bytes = Vec::new();
        loop {
            let chunk = response.chunk().await;
            let chunk = chunk.map_err(|error| self.error(RemoteErrorKind::Connection { reason: innermost(&error) }))?;
            let Some(chunk) = chunk else { return Ok(bytes) };
            // Checked while reading: the announced length may be absent or false.
            if bytes.len() + chunk.len() > LARGEST_BODY {
                let reason = format!("its answer has more than {LARGEST_BODY} bytes");
                return Err(self.error(RemoteErrorKind::NoReply { said: reason }));
            }
            bytes.extend_from_slice(&chunk);
        }
    }

    fn refused(&self, status: StatusCode, headers: &HeaderMap, body: &[u8]) -> RemoteError {
        let status = status.as_u16();
        let retry_after = retry_after(headers);
        self.error(match (status, retry_after) {
            (401 | 403, _) => RemoteErrorKind::Denied { status },
            (429, _) | (503, Some(_)) => RemoteErrorKind::RateLimited { retry_after },
            _ => {
                let body = String::from_utf8_lossy(body);
                let said = error_message(&body);
                self.about_conversation(&body, &said)
                    .unwrap_or_else(|| RemoteErrorKind::Status { status, said: self.quote(&said) })
            }
        })
    }

    /// The kind of an error in an answer of status 200.
    fn failed(&self, code: Option<u16>, said: &str, body: &[u8]) -> RemoteErrorKind {
        match self.about_conversation(&String::from_utf8_lossy(body), said) {
            Some(kind) => kind,
            None if code == Some(429) => RemoteErrorKind::RateLimited { retry_after: None },
            None => RemoteErrorKind::Failed { code, said: self.quote(said) },
        }
    }

    /// The kind of an error that is about this conversation and says nothing of the others.
    fn about_conversation(&self, body: &str, said: &str) -> Option<RemoteErrorKind> {
        let said = self.quote(said);
        if is_too_long(body) {
            Some(RemoteErrorKind::TooLong { said })
        } else if is_filtered(body) {
            Some(RemoteErrorKind::NoReply { said })
        } else {
            None
        }
    }

    fn error(&self, kind: RemoteErrorKind) -> RemoteError {
        RemoteError { server: self.reference.server(), kind }
    }

    /// The beginning of a server's message, without the key and without control characters.
    fn quote(&self, said: &str) -> String {
        let hidden = self.key.as_ref().map_or_else(|| said.to_owned(), |key| key.hide(said));
        hidden.chars().map(|c| if c.is_control() { ' ' } else { c }).take(LONGEST_MESSAGE).collect()
    }
}

impl Responder for RemoteModel {
    fn reply<'a>(&'a self, messages: &'a [Message], rule: ReplyRule) -> BoxFuture<'a, Result<Reply, ReplyError>> {
        Box::pin(self.answer(messages, rule))
    }

    fn reproducibility(&self) -> Reproducibility {
        Reproducibility::None
    }

    fn forward_time(&self) -> Duration {
        Duration::ZERO
    }
}

impl fmt::Debug for RemoteModel {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "RemoteModel[{}]", self.reference)
    }
}

/// The role's name in the interface.
fn role(role: Role) -> &'static str {
    match role {
        Role::System => "system",
        Role::User => "user",
        Role::Assistant => "assistant",
    }
}
