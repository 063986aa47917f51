//! `dethrone serve` and `dethrone view`: the site of an output folder, or of logs alone.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use clap::Args;
use futures::FutureExt;
use serde_json::Value;

use super::runtime::block_on;
use crate::exit_status::ExitStatus;
use crate::printer::Printer;
use crate::problem::Problem;
#[cfg(feature = "chain")]
use crate::service::{Answer, Request, ask, socket_path};
use crate::settings::{Settings, Sources};
use crate::site::{Archive, Site, StatusOf, listen};

/// Arguments of `dethrone serve`.
#[derive(Debug, Args)]
pub(super) struct ServeArguments {
    /// The validator's settings file (TOML), which says where its results are.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// A setting, such as `output=folder`; may be given several times.
    #[arg(long = "set", value_name = "KEY=VALUE")]
    set: Vec<String>,
    /// The address to serve on; port 0 takes a free one. Only this machine reaches the default.
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:9465")]
    listen: SocketAddr,
}

/// Arguments of `dethrone view`.
#[derive(Debug, Args)]
pub(super) struct ViewArguments {
    /// Evidence of windows.
    #[arg(required = true)]
    evidence: Vec<PathBuf>,
    /// The settings file (TOML), which says where the hub and environments' files are.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// The address to serve on; port 0 takes a free one. Only this machine reaches the default.
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:9465")]
    listen: SocketAddr,
}

/// Serves the results of a validator, whether it runs or not, until the process ends.
pub(super) fn serve(arguments: &ServeArguments, printer: &Printer) -> Result<(), Problem> {
    let settings = Sources::new(&Settings::default(), arguments.config.as_deref(), &arguments.set)?.settings()?;
    let archive = Archive::of_output(&settings.output);
    let database = settings.database();
    let status = status_of(&settings);
    run(Site::new(archive, Some(database), settings, status), arguments.listen, printer)
}

/// Serves what logs say by themselves, until the process ends.
pub(super) fn view(arguments: &ViewArguments, printer: &Printer) -> Result<(), Problem> {
    let settings = Sources::new(&Settings::default(), arguments.config.as_deref(), &[])?.settings()?;
    let archive = Archive::of_logs(&arguments.evidence).map_err(|error| {
        Problem::from_error(ExitStatus::Source, &error).hint("`dethrone audit` says more of a log that does not hold")
    })?;
    let nobody: StatusOf = Arc::new(|| async { Value::Null }.boxed());
    run(Site::new(archive, None, settings, nobody), arguments.listen, printer)
}

/// Status of the validator that runs with these settings, over its control socket.
#[cfg(feature = "chain")]
fn status_of(settings: &Settings) -> StatusOf {
    let socket = socket_path(settings);
    Arc::new(move || {
        let socket = socket.clone();
        async move {
            match ask(&socket, &Request::Status).await {
                Ok(Answer::Done { data, .. }) => data,
                Ok(Answer::Refused { .. }) | Err(_) => Value::Null,
            }
        }
        .boxed()
    })
}

/// No validator of a chain runs in a build that knows none.
#[cfg(not(feature = "chain"))]
fn status_of(_: &Settings) -> StatusOf {
    Arc::new(|| async { Value::Null }.boxed())
}

fn run(site: Arc<Site>, address: SocketAddr, printer: &Printer) -> Result<(), Problem> {
    if !address.ip().is_loopback() {
        printer.say(&format!("warning: whoever reaches {address} can read all of it"));
    }
    block_on(async {
        let mut printed = Ok(());
        let told = |address: SocketAddr| {
            let place = serde_json::json!({ "address": format!("http://{address}") });
            printed = printer.data(&place, |_| format!("http://{address}"));
        };
        let served = tokio::select! {
            served = listen(address, site, told) => served,
            _ = tokio::signal::ctrl_c() => Ok(()),
        };
        served.map_err(|error| {
            Problem::new(ExitStatus::Usage, format!("cannot serve on {address}: {error}"))
                .hint("`--listen` names another address; port 0 takes a free one")
        })?;
        printed
    })
}
