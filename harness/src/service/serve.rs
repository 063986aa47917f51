//! Begins all tasks of a validator and ends them on a signal.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use futures::FutureExt;
use tokio::time::{sleep, timeout};

use super::control::ControlSocket;
use super::emitter::emit_weights;
use super::http;
use super::link::Connect;
use super::observer::{capture_windows, follow_head};
use super::player::{play_windows, prefetch_models};
use super::publisher::publish_roots;
use super::supervisor::{Supervisor, stopped};
use super::validator::{Parts, Validator};
use crate::problem::Problem;
use crate::settings::Settings;
use crate::site::{Archive, Site, StatusOf, router};

/// Time that the tasks have for their end after the signal.
const LIMIT: Duration = Duration::from_secs(4);

/// The control socket of these settings.
pub(crate) fn socket_path(settings: &Settings) -> PathBuf {
    settings.service.socket.clone().unwrap_or_else(|| settings.output.join("control.sock"))
}

/// Runs a validator until `ended` is ready or it is drained.
///
/// # Errors
/// If the database, the key or the control socket cannot be used. Whatever fails later is tried again.
pub(crate) async fn serve<C: Connect>(parts: Parts<C>, ended: impl Future<Output = ()> + Send) -> Result<(), Problem> {
    let socket = socket_path(&parts.settings);
    let listen = parts.settings.service.listen.clone();
    let validator = Arc::new(Validator::open(parts).await?);
    // By now the database's lock is held: whoever has left a socket there is gone.
    let socket = Arc::new(ControlSocket::open(&socket)?);
    let mut tasks = Supervisor::new(validator.stop.subscribe(), Arc::clone(&validator.metrics));
    let mut run = Tasks { tasks: &mut tasks, validator: &validator };
    run.add("head", follow_head);
    run.add("capture", capture_windows);
    run.add("play", play_windows);
    run.add("prefetch", prefetch_models);
    run.add("weights", emit_weights);
    run.add("roots", publish_roots);
    run.add("control", move |validator| {
        let socket = Arc::clone(&socket);
        async move { socket.serve(validator).await }
    });
    // The settings were checked.
    if let Ok(address) = listen.parse::<SocketAddr>() {
        run.add("pages", move |validator| http::serve(address, pages(validator)));
    }
    let mut stop = validator.stop.subscribe();
    tokio::select! {
        () = ended => validator.end(),
        () = stopped(&mut stop) => {}
    }
    tracing::info!("the service ends");
    tasks.ended(LIMIT).await;
    close(validator).await;
    Ok(())
}

/// Metrics, health, and the site of the validator's results.
fn pages<C: Connect>(validator: Arc<Validator<C>>) -> Router {
    let settings = validator.state().settings.clone();
    let (archive, database) = (Archive::of_output(&settings.output), validator.database.clone());
    // A page that is still being sent keeps no validator from its end.
    let asked = Arc::downgrade(&validator);
    let status: StatusOf = Arc::new(move || {
        let status = asked.upgrade().map(|validator| validator.status());
        let status = serde_json::to_value(status).expect("a status is plain data");
        async move { status }.boxed()
    });
    http::router(validator).merge(router(Site::new(archive, Some(database), settings, status)))
}

/// Closes the database when the threads of the last tasks have let go of it.
async fn close<C: Connect>(validator: Arc<Validator<C>>) {
    let alone = async {
        while Arc::strong_count(&validator) > 1 {
            sleep(Duration::from_millis(20)).await;
        }
    };
    let _ = timeout(LIMIT / 2, alone).await;
    match Arc::into_inner(validator) {
        Some(validator) => validator.close().await,
        // Its write-ahead log is folded at the next start.
        None => tracing::debug!("a task is left, and the database is not closed"),
    }
}

/// Adds tasks over one validator.
struct Tasks<'a, C: Connect> {
    tasks: &'a mut Supervisor,
    validator: &'a Arc<Validator<C>>,
}

impl<C: Connect> Tasks<'_, C> {
    fn add<F>(&mut self, name: &'static str, task: impl Fn(Arc<Validator<C>>) -> F + Send + 'static)
    where
        F: Future<Output = Result<(), super::error::ServiceError>> + Send + 'static,
    {
        let validator = Arc::clone(self.validator);
        self.tasks.run(name, move || task(Arc::clone(&validator)));
    }
}
