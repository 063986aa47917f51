//! `dethrone work`: makes rollouts for a validator, on this or another machine.

use std::path::PathBuf;
use std::sync::Arc;

use clap::Args;

use super::runtime::block_on;
use crate::database_location::DatabaseLocation;
use crate::printer::Printer;
use crate::problem::Problem;
use crate::reporter::for_this_terminal;
use crate::settings::{Settings, Sources};
use crate::workers::Worker;

/// Arguments of `dethrone work`.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// The validator's Postgres database, as a URL; that of the settings unless given.
    #[arg(long, value_name = "URL")]
    database: Option<DatabaseLocation>,
    /// The settings file (TOML): hub, engine, servers and sandbox of this machine.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// A setting, such as `engine.rows=16`; may be given several times.
    #[arg(long = "set", value_name = "KEY=VALUE")]
    set: Vec<String>,
}

/// Works until the process is ended, in whatever way: what it had not stored, others make.
pub(super) fn run(arguments: &Arguments, _: &Printer) -> Result<(), Problem> {
    let settings = Sources::new(&Settings::default(), arguments.config.as_deref(), &arguments.set)?.settings()?;
    let database = arguments.database.clone().unwrap_or_else(|| settings.database());
    block_on(async {
        let worker = Worker::open(&database, &settings, for_this_terminal()).await?;
        Arc::new(worker).work().await
    })
}
