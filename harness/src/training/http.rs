//! Training tasks over HTTP: JSON in and out, described by OpenAPI.

use std::sync::Arc;

use axum::extract::rejection::JsonRejection;
use axum::extract::{DefaultBodyLimit, Path, Query, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use futures::StreamExt;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::tasks::{Attempt, Judged, TrainingError, TrainingTask, TrainingTasks};

/// Bytes of a batch of replies.
const LARGEST_BATCH: usize = 64 << 20;
/// Replies of a batch that are judged at the same time.
const AT_ONCE: usize = 64;
/// Description of the routes.
const OPENAPI: &str = include_str!("openapi.json");

/// The routes: `/environments`, `/tasks/{environment}/{number}`, `/verdicts` and `/openapi.json`.
pub(crate) fn router(tasks: Arc<TrainingTasks>) -> Router {
    Router::new()
        .route("/openapi.json", get(|| async { ([(header::CONTENT_TYPE, "application/json")], OPENAPI) }))
        .route("/environments", get(environments))
        .route("/tasks/{environment}/{number}", get(task))
        .route("/verdicts", post(verdicts))
        .layer(DefaultBodyLimit::max(LARGEST_BATCH))
        .with_state(tasks)
}

#[derive(Debug, Serialize)]
struct Named {
    environment: String,
    name: String,
}

#[derive(Debug, Deserialize)]
struct TaskQuery {
    /// Give replies that score 1, too.
    #[serde(default)]
    answer: bool,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Batch {
    attempts: Vec<Attempt>,
}

#[derive(Debug, Serialize)]
struct Verdicts {
    verdicts: Vec<Judged>,
}

async fn environments(State(tasks): State<Arc<TrainingTasks>>) -> Json<Vec<Named>> {
    let named = |(environment, name): (String, &str)| Named { environment, name: name.to_owned() };
    Json(tasks.names().map(named).collect())
}

async fn task(
    State(tasks): State<Arc<TrainingTasks>>,
    Path((environment, number)): Path<(String, u64)>,
    Query(TaskQuery { answer }): Query<TaskQuery>,
) -> Result<Json<TrainingTask>, Failed> {
    Ok(Json(tasks.task(&environment, number, answer).await?))
}

/// Judges a batch, all or nothing, on as many threads as there are.
async fn verdicts(
    State(tasks): State<Arc<TrainingTasks>>,
    batch: Result<Json<Batch>, JsonRejection>,
) -> Result<Json<Verdicts>, Failed> {
    let Json(Batch { attempts }) = batch.map_err(Failed::Malformed)?;
    let judging = attempts.into_iter().map(|attempt| {
        let tasks = Arc::clone(&tasks);
        tokio::spawn(async move { tasks.judge(&attempt).await })
    });
    let mut judged = futures::stream::iter(judging).buffered(AT_ONCE);
    let mut verdicts = Vec::new();
    while let Some(verdict) = judged.next().await {
        verdicts.push(verdict.map_err(|error| Failed::Panicked(error.to_string()))??);
    }
    Ok(Json(Verdicts { verdicts }))
}

/// A request without an answer.
#[derive(Debug)]
enum Failed {
    /// The task cannot be made or judged.
    Task(TrainingError),
    /// The request is not what the description says.
    Malformed(JsonRejection),
    /// Judging ended in a fault of this program.
    Panicked(String),
}

impl From<TrainingError> for Failed {
    fn from(error: TrainingError) -> Self {
        Self::Task(error)
    }
}

impl IntoResponse for Failed {
    fn into_response(self) -> Response {
        let (status, error) = match self {
            Self::Task(error @ TrainingError::Unknown { .. }) => (StatusCode::NOT_FOUND, error.to_string()),
            Self::Task(error @ TrainingError::TooManyReplies { .. }) => {
                (StatusCode::UNPROCESSABLE_ENTITY, error.to_string())
            }
            Self::Task(error @ TrainingError::Environment(_)) => (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()),
            Self::Malformed(rejection) => (rejection.status(), rejection.body_text()),
            Self::Panicked(error) => (StatusCode::INTERNAL_SERVER_ERROR, error),
        };
        (status, Json(json!({ "error": error }))).into_response()
    }
}
