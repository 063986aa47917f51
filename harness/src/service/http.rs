//! Pages over HTTP: metrics and health, on loopback unless the settings say otherwise.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use axum::routing::get;
use tokio::net::TcpListener;

use super::error::ServiceError;

/// Gives what the pages show.
pub(super) trait Shown: Send + Sync + 'static {
    /// The metrics as text.
    fn metrics(&self) -> impl Future<Output = String> + Send;

    /// The status as JSON, and true if the service is well.
    fn health(&self) -> impl Future<Output = (String, bool)> + Send;
}

/// The routes of a service: `/metrics`, and `/healthz` that is 503 where the service is not well.
pub(super) fn router<S: Shown>(shown: Arc<S>) -> Router {
    Router::new().route("/metrics", get(metrics::<S>)).route("/healthz", get(health::<S>)).with_state(shown)
}

async fn metrics<S: Shown>(State(shown): State<Arc<S>>) -> impl IntoResponse {
    let kind = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    ([(header::CONTENT_TYPE, kind)], shown.metrics().await)
}

async fn health<S: Shown>(State(shown): State<Arc<S>>) -> impl IntoResponse {
    let (status, is_well) = shown.health().await;
    let code = if is_well { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (code, [(header::CONTENT_TYPE, "application/json")], status)
}

/// Serves routes on an address until it is dropped.
///
/// # Errors
/// If the address cannot be listened on.
pub(super) async fn serve(address: SocketAddr, router: Router) -> Result<(), ServiceError> {
    let failed = |cause| ServiceError::Listen { address: address.to_string(), cause };
    let listener = TcpListener::bind(address).await.map_err(failed)?;
    tracing::info!(%address, "metrics and health are served");
    axum::serve(listener, router).await.map_err(failed)
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};

    use super::*;

    struct Made(bool);

    impl Shown for Made {
        async fn metrics(&self) -> String {
            "dethrone_healthy 1\n".to_owned()
        }

        async fn health(&self) -> (String, bool) {
            ("{\"alarms\":[]}".to_owned(), self.0)
        }
    }

    /// The first line, and the rest, of what a server answers to a GET.
    async fn get_from(is_well: bool, path: &'static str) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let server = tokio::spawn(async move { axum::serve(listener, router(Arc::new(Made(is_well)))).await });
        let answer = tokio::task::spawn_blocking(move || {
            let mut stream = std::net::TcpStream::connect(address).unwrap();
            write!(stream, "GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").unwrap();
            let mut answer = String::new();
            stream.read_to_string(&mut answer).unwrap();
            answer
        });
        let answer = answer.await.unwrap();
        server.abort();
        answer
    }

    #[tokio::test]
    async fn health_is_green_or_red_by_its_code_and_metrics_are_text() {
        let metrics = get_from(true, "/metrics").await;
        assert!(metrics.starts_with("HTTP/1.1 200") && metrics.ends_with("dethrone_healthy 1\n"), "{metrics}");
        assert!(get_from(true, "/healthz").await.starts_with("HTTP/1.1 200"));
        let red = get_from(false, "/healthz").await;
        assert!(red.starts_with("HTTP/1.1 503") && red.ends_with("{\"alarms\":[]}"), "{red}");
        assert!(get_from(true, "/nothing").await.starts_with("HTTP/1.1 404"));
    }

    #[tokio::test]
    async fn an_address_that_is_in_use_is_an_error_that_names_it() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let error = serve(address, router(Arc::new(Made(true)))).await.unwrap_err();
        assert!(error.to_string().contains(&address.to_string()), "{error}");
    }
}
