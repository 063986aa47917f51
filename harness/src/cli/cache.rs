//! `dethrone cache`: the folder of models, packages and sandbox guests.

use std::io;
use std::path::{Path, PathBuf};

use clap::Subcommand;
use serde::Serialize;

use crate::cache::{CacheItem, items, remove, size, stale};
use crate::exit_status::ExitStatus;
use crate::printer::Printer;
use crate::problem::Problem;
use crate::sandbox::cache_folder;

/// The commands below `dethrone cache`.
#[derive(Debug, Subcommand)]
pub(super) enum Arguments {
    /// Prints the folder's path.
    Dir,
    /// Prints how much of the disk each part takes.
    Size,
    /// Removes what other versions left and what was only needed on the way.
    Prune,
    /// Removes everything: what is needed is fetched and built again.
    Clean,
}

/// The cache as it is, and what was removed of it.
#[derive(Debug, Serialize)]
struct Cache {
    folder: PathBuf,
    items: Vec<CacheItem>,
    removed: Vec<PathBuf>,
    freed: u64,
}

/// Prints or clears the cache.
pub(super) fn run(arguments: &Arguments, printer: &Printer) -> Result<(), Problem> {
    let folder = cache_folder()?;
    let failed = |cause: io::Error| {
        Problem::new(ExitStatus::Assets, format!("cannot read or clear the cache {}: {cause}", folder.display()))
            .hint("the folder may be deleted by hand while no `dethrone` runs")
    };
    let doomed = match arguments {
        Arguments::Dir | Arguments::Size => Vec::new(),
        Arguments::Prune => stale(&folder).map_err(failed)?,
        Arguments::Clean => items(&folder).map_err(failed)?.into_iter().map(|item| folder.join(item.name)).collect(),
    };
    let freed = clear(&doomed).map_err(failed)?;
    let cache = Cache { items: items(&folder).map_err(failed)?, folder, removed: doomed, freed };
    printer.data(&cache, |cache| match arguments {
        Arguments::Dir => cache.folder.display().to_string(),
        Arguments::Size => sizes(cache),
        Arguments::Prune | Arguments::Clean => {
            format!("freed {} of {}", gib(cache.freed), cache.folder.display())
        }
    })
}

/// Removes the paths; how many bytes that freed.
fn clear(paths: &[impl AsRef<Path>]) -> io::Result<u64> {
    paths.iter().try_fold(0, |freed, path| {
        let bytes = size(path.as_ref())?;
        remove(path.as_ref())?;
        Ok(freed + bytes)
    })
}

fn sizes(cache: &Cache) -> String {
    let total: u64 = cache.items.iter().map(|item| item.bytes).sum();
    let mut lines: Vec<String> =
        cache.items.iter().map(|item| format!("{:>10}  {}", gib(item.bytes), item.name)).collect();
    lines.push(format!("{:>10}  {}", gib(total), cache.folder.display()));
    lines.join("\n")
}

fn gib(bytes: u64) -> String {
    format!("{:.2} GiB", bytes as f64 / f64::from(1 << 30))
}
