//! `dethrone store`: checks a validator's database, copies it, and removes what it no longer needs.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::runtime::block_on;
use crate::database_location::DatabaseLocation;
use crate::exit_status::ExitStatus;
use crate::printer::Printer;
use crate::problem::Problem;
use crate::store::{Checked, Pruned, Store, backup, check};

/// Arguments of `dethrone store`.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    #[command(subcommand)]
    wish: Wish,
}

#[derive(Debug, Subcommand)]
enum Wish {
    /// Checks a database, also while a validator works on it.
    Check {
        /// The database: the path of a SQLite file, or the URL of a Postgres database.
        database: DatabaseLocation,
    },
    /// Copies a database file into a new one, also while a validator works on it; a server has tools of its own.
    Backup {
        /// The database.
        database: DatabaseLocation,
        /// The copy, which must not exist.
        copy: PathBuf,
    },
    /// Removes the rollouts of old windows, whose evidence stays; no validator may work on the database.
    Prune {
        /// The database: the path of a SQLite file, or the URL of a Postgres database.
        database: DatabaseLocation,
        /// The subnet.
        #[arg(long, value_name = "NETUID")]
        netuid: u16,
        /// Finished windows whose rollouts stay, at least 1.
        #[arg(long, value_name = "N", default_value_t = 30)]
        keep: u32,
    },
}

/// Does as asked.
pub(super) fn run(arguments: &Arguments, printer: &Printer) -> Result<(), Problem> {
    match &arguments.wish {
        Wish::Check { database } => {
            let checked = block_on(async { Ok(check(database).await?) })?;
            printer.data(&checked, text)?;
            if checked.faults.is_empty() {
                return Ok(());
            }
            let problem = Problem::new(ExitStatus::Store, format!("{database} is not sound"));
            Err(Problem { causes: checked.faults, ..problem }
                .hint("restore it from a copy: `dethrone store backup` makes them"))
        }
        Wish::Backup { database, copy } => {
            block_on(async { Ok(backup(database, copy).await?) })?;
            let done = serde_json::json!({ "copy": copy });
            printer.data(&done, |_| format!("{} is a copy of {database}", copy.display()))
        }
        Wish::Prune { database, netuid, keep } => {
            let pruned = block_on(async {
                // A database that is not there is not to be made.
                check(database).await?;
                let store = Store::open(database).await?;
                let pruned = store.prune(*netuid, *keep).await?;
                store.close().await;
                Ok(pruned)
            })?;
            printer.data(&pruned, |Pruned { rollouts, windows }| {
                format!("removed {rollouts} rollouts and {windows} beginnings of windows")
            })
        }
    }
}

fn text(checked: &Checked) -> String {
    let rows: Vec<String> = checked.rows.iter().map(|(table, rows)| format!("{table} {rows}")).collect();
    let faults: Vec<String> = checked.faults.iter().map(|fault| format!("\nfault: {fault}")).collect();
    format!("schema {}\n{}{}", checked.schema, rows.join("\n"), faults.concat())
}
