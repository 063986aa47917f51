//! `dethrone ctl`: asks a validator that runs on this machine, over its control socket.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::runtime::block_on;
use crate::exit_status::ExitStatus;
use crate::printer::Printer;
use crate::problem::Problem;
use crate::service::{Answer, Request, ask, socket_path};
use crate::settings::{Settings, Sources};

/// Arguments of `dethrone ctl`.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// The validator's settings file (TOML), which says where its socket is.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// The validator's control socket, in place of the settings'.
    #[arg(long, value_name = "PATH")]
    socket: Option<PathBuf>,
    #[command(subcommand)]
    wish: Wish,
}

#[derive(Debug, Subcommand)]
enum Wish {
    /// Prints the state of chain, windows and weights.
    Status,
    /// Plays no further task until `resume`; weights are set all the same.
    Pause,
    /// Plays on.
    Resume,
    /// Ends the validator when the window that plays is decided.
    Drain,
    /// Fetches and checks a refused entry again, as long as its window has not played.
    Requeue {
        /// The entry's hotkey.
        entry: String,
    },
    /// Changes a setting of the engine or of servers that decides nothing, until the process ends.
    Set {
        /// The setting.
        #[arg(value_name = "KEY=VALUE")]
        setting: String,
    },
}

/// Asks, and prints the answer.
pub(super) fn run(arguments: &Arguments, printer: &Printer) -> Result<(), Problem> {
    let Arguments { config, socket, wish } = arguments;
    let path = match socket {
        Some(path) => path.clone(),
        None => socket_path(&Sources::new(&Settings::default(), config.as_deref(), &[])?.settings()?),
    };
    let request = match wish {
        Wish::Status => Request::Status,
        Wish::Pause => Request::Pause,
        Wish::Resume => Request::Resume,
        Wish::Drain => Request::Drain,
        Wish::Requeue { entry } => Request::Requeue { entry: entry.clone() },
        Wish::Set { setting } => Request::Set { setting: setting.clone() },
    };
    let answer = block_on(async {
        ask(&path, &request).await.map_err(|cause| {
            Problem::new(ExitStatus::Source, format!("no validator answers on {}: {cause}", path.display())).hint(
                "`dethrone validate` has to run with the same settings; `--config` or `--socket` say where it listens",
            )
        })
    })?;
    match answer {
        Answer::Done { data, sentence } if data.is_null() => {
            printer.data(&serde_json::json!({ "done": sentence }), |_| sentence.clone())
        }
        Answer::Done { data, sentence } => printer.data(&data, |_| sentence),
        Answer::Refused { reason } => Err(Problem::new(ExitStatus::Usage, reason)),
    }
}
