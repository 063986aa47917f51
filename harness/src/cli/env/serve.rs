//! `dethrone env serve`: tasks and verdicts over HTTP, to train on.

use std::net::SocketAddr;
use std::sync::Arc;

use clap::Args;
use serde::Serialize;
use tokio::net::TcpListener;

use super::training_tasks;
use crate::cli::runtime::block_on;
use crate::exit_status::ExitStatus;
use crate::printer::Printer;
use crate::problem::Problem;
use crate::training::router;

/// Arguments of `dethrone env serve`.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Environments such as `sat:2`, or Python files.
    #[arg(required = true)]
    environments: Vec<String>,
    /// Address to listen on; anybody who reaches it can use this machine's time.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8400")]
    listen: SocketAddr,
}

#[derive(Debug, Serialize)]
struct Serving {
    url: String,
    environments: Vec<String>,
}

/// Serves training tasks until the process is ended.
pub(super) fn run(arguments: &Arguments, printer: &Printer) -> Result<(), Problem> {
    block_on(async {
        let tasks = Arc::new(training_tasks(&arguments.environments).await?);
        let failed = |error: std::io::Error| {
            Problem::new(ExitStatus::Usage, format!("cannot listen on {}: {error}", arguments.listen))
                .hint("give a free address, such as --listen 127.0.0.1:0 for any free port")
        };
        let listener = TcpListener::bind(arguments.listen).await.map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        let environments = tasks.names().map(|(environment, _)| environment).collect();
        let serving = Serving { url: format!("http://{address}"), environments };
        printer.data(&serving, |Serving { url, environments }| {
            format!("{} at {url}, described by {url}/openapi.json", environments.join(", "))
        })?;
        axum::serve(listener, router(tasks)).await.map_err(failed)
    })
}
