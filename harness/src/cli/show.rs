//! `dethrone show`: prompts, replies and verdicts of a window.

use std::fs::File;
use std::io::BufReader;
use std::path::{Path, PathBuf};

use clap::Args;
use models::hub::{FolderHub, HubKind, HubSettings};
use models::untrusted::UntrustedText;

use super::audit::evidence_problem;
use super::runtime::block_on;
use crate::database_location::DatabaseLocation;
use crate::demo::hub_folder;
use crate::evidence::stated;
use crate::exit_status::ExitStatus;
use crate::files::write_whole;
use crate::loader::ModelLoader;
use crate::printer::{Format, Printer};
use crate::problem::Problem;
use crate::record::{EntryTerms, Transcript};
use crate::report::{RepliesPage, replies_page, transcript_text};
use crate::reporter::for_this_terminal;
use crate::sandbox::{cache_folder, open_sandbox};
use crate::settings::{Settings, Sources};
use crate::store::Store;
use crate::transcript::{Kinds, RolloutSource, Selection, Transcriber};

/// Rollouts that are printed as text unless `--limit` says otherwise.
const SHOWN: usize = 20;

/// Arguments of `dethrone show`.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// The window, by its seed block; `last` for the latest one.
    #[arg(default_value = "last")]
    window: String,
    #[command(flatten)]
    wanted: Wanted,
    /// Most rollouts to show; 20 as text and all as JSON unless given, 0 for all.
    #[arg(long, value_name = "N")]
    limit: Option<usize>,
    /// Write a page for each entry into this folder in place of printing.
    #[arg(long, value_name = "FOLDER")]
    html: Option<PathBuf>,
    /// The database, a file or the URL of a Postgres database; that of the settings' output folder or of an evaluation there,
    /// whichever was written last, unless given.
    #[arg(long, value_name = "FILE", conflicts_with = "evidence")]
    database: Option<DatabaseLocation>,
    /// Show the rollouts of an evidence file in place of a database's.
    #[arg(long, value_name = "FILE")]
    evidence: Option<PathBuf>,
    /// The settings file (TOML), which says where the output folder and the hub are.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// A setting, such as `output=folder`; may be given several times.
    #[arg(long = "set", value_name = "KEY=VALUE")]
    set: Vec<String>,
}

/// Rollouts that are wanted.
#[derive(Debug, Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of its own")]
struct Wanted {
    /// Only those of this entry: its uid, or the beginning of its hotkey.
    #[arg(long, value_name = "ENTRY")]
    entry: Option<String>,
    /// Only those in this environment: its name, or `name:tier`.
    #[arg(long, value_name = "NAME")]
    env: Option<String>,
    /// Only those on this task.
    #[arg(long, value_name = "N")]
    task: Option<u32>,
    /// Those that were judged and are not fully right; of several kinds, any is shown.
    #[arg(long)]
    wrong: bool,
    /// Those that failed.
    #[arg(long)]
    failed: bool,
    /// Those whose reply was cut off at its limit.
    #[arg(long)]
    cut_off: bool,
    /// Those whose reply holds no answer.
    #[arg(long)]
    no_answer: bool,
}

/// Shows the rollouts that are asked for.
pub(super) fn run(arguments: &Arguments, printer: &Printer) -> Result<(), Problem> {
    let sources = Sources::new(&Settings::default(), arguments.config.as_deref(), &arguments.set)?;
    let settings = sources.settings()?;
    block_on(async {
        let source = source(arguments, &settings).await?;
        let Wanted { entry, env, task, wrong, failed, cut_off, no_answer } = &arguments.wanted;
        let kinds = Kinds { wrong: *wrong, failed: *failed, cut_off: *cut_off, no_answer: *no_answer };
        let selection = Selection::new(&source.terms, entry.as_deref(), env.as_deref(), *task, kinds);
        let selection = selection.map_err(|error| Problem::from_error(ExitStatus::Usage, &error))?;
        let reporter = for_this_terminal();
        let (sandbox, runtime) = open_sandbox(&settings, &*reporter)?;
        let cache = cache_folder()?;
        let settings = Settings { hub: hub(&settings, &source, &cache), ..settings };
        let loader = ModelLoader::new(&settings, &cache, reporter)?;
        let window = (&source.terms, &source.admissions);
        let transcriber = Transcriber::open(window, &settings, (&sandbox, &runtime), &loader).await;
        let show = Show { source: &source, selection: &selection, transcriber: &transcriber };
        match &arguments.html {
            Some(folder) => show.write_pages(folder, printer).await,
            None => show.print(arguments.limit, printer).await,
        }
    })
}

/// The recorded rollouts that the arguments name.
async fn source(arguments: &Arguments, settings: &Settings) -> Result<RolloutSource, Problem> {
    if let Some(path) = &arguments.evidence {
        let file = File::open(path).map_err(|error| {
            Problem::new(ExitStatus::Source, format!("cannot read the evidence {}: {error}", path.display()))
                .hint("`dethrone validate` and `dethrone demo` print where they wrote it")
        })?;
        return Ok(RolloutSource::of_log(stated(BufReader::new(file)).map_err(|error| evidence_problem(&error))?));
    }
    let window = match arguments.window.as_str() {
        "last" => None,
        text => Some(text.parse::<u64>().map_err(|_| {
            Problem::new(ExitStatus::Usage, format!("{} is no window", UntrustedText::name(text)))
                .hint("a window is the number of its seed block, or `last`")
        })?),
    };
    let databases: Vec<DatabaseLocation> = match arguments.database.as_ref().or(settings.database.as_ref()) {
        Some(location) => vec![location.clone()],
        None => latest_first(&settings.output).into_iter().map(DatabaseLocation::File).collect(),
    };
    let mut known = Vec::new();
    for location in &databases {
        let store = Store::open_to_read(location).await?;
        known.extend(store.windows_with_runs().await?.into_iter().map(|window| window.to_string()));
        if let Some(source) = RolloutSource::of_store(store, window).await? {
            return Ok(source);
        }
    }
    let wanted = window.map_or_else(|| "no window".to_owned(), |window| format!("no window {window}"));
    let place = databases.first().map_or_else(|| settings.output.display().to_string(), DatabaseLocation::to_string);
    let hint = match known.is_empty() {
        true => {
            "`--config` or `--database` says where the rollouts are; `validate`, `eval` and `demo` make some".to_owned()
        }
        false => format!("there are the windows {}", known.join(", ")),
    };
    Err(Problem::new(ExitStatus::Store, format!("{wanted} is recorded in {place}")).hint(hint))
}

/// The settings' hub, or that of the demonstration where a model of the window lies in it: its database is where those of
/// `validate` are.
fn hub(settings: &Settings, source: &RolloutSource, cache: &Path) -> HubSettings {
    let demonstration = hub_folder(cache);
    let hub = FolderHub::new(&demonstration);
    let lies_there = |entry: &EntryTerms| entry.model.parse().is_ok_and(|model| hub.files(&model).is_dir());
    match source.terms.entries.iter().any(lies_there) {
        true => HubSettings { kind: HubKind::Folder, folder: Some(demonstration) },
        false => settings.hub.clone(),
    }
}

/// The databases below an output folder that are there, the one that was written last first.
fn latest_first(output: &Path) -> Vec<PathBuf> {
    let written = |path: &PathBuf| {
        // A database that is in use has its latest rows in a file beside it.
        let mut beside = path.clone().into_os_string();
        beside.push("-wal");
        let time = |path: &Path| path.metadata().and_then(|metadata| metadata.modified()).ok();
        time(path).max(time(Path::new(&beside)))
    };
    // That of `validate` and `demo`, and one of each evaluation.
    let evaluations = std::fs::read_dir(output.join("eval")).into_iter().flatten().flatten();
    let evaluations = evaluations.map(|folder| folder.path().join("eval.sqlite"));
    let all = std::iter::once(output.join("dethrone.sqlite")).chain(evaluations);
    let mut found: Vec<PathBuf> = all.filter(|path| path.is_file()).collect();
    found.sort_by_key(|path| std::cmp::Reverse(written(path)));
    found
}

/// Rollouts to be shown.
struct Show<'a> {
    source: &'a RolloutSource,
    selection: &'a Selection,
    transcriber: &'a Transcriber<'a>,
}

impl Show<'_> {
    /// Transcripts of an entry's rollouts that are asked for, at most so many, and the number of all that may be.
    async fn of_entry(&self, entry: usize, most: usize) -> Result<(Vec<Transcript>, usize), Problem> {
        let mut rollouts = self.source.rollouts(entry).await?;
        rollouts.retain(|rollout| self.selection.may_hold(rollout));
        let (mut shown, mut count) = (Vec::new(), rollouts.len());
        for rollout in &rollouts {
            if shown.len() == most {
                break;
            }
            let transcript = self.transcriber.transcript(rollout).await;
            match self.selection.holds(&transcript) {
                true => shown.push(transcript),
                false => count -= 1,
            }
        }
        Ok((shown, count))
    }

    fn entries(&self) -> impl Iterator<Item = usize> {
        (0..self.source.terms.entries.len()).filter(|entry| self.selection.has_entry(*entry))
    }

    async fn print(&self, limit: Option<usize>, printer: &Printer) -> Result<(), Problem> {
        let limit = limit.unwrap_or(if printer.format() == Format::Text { SHOWN } else { 0 });
        let most = if limit == 0 { usize::MAX } else { limit };
        let (mut printed, mut all, mut document) = (0, 0, Vec::new());
        for entry in self.entries() {
            let (transcripts, count) = self.of_entry(entry, most - printed).await?;
            all += count;
            printed += transcripts.len();
            match printer.format() {
                Format::Json => document.extend(transcripts),
                Format::Jsonl => transcripts.iter().try_for_each(|one| printer.data(one, transcript_text))?,
                Format::Text => transcripts.iter().try_for_each(|one| {
                    printer.data(one, |one| format!("{}\n{}", transcript_text(one), "\u{2500}".repeat(80)))
                })?,
            }
        }
        match printer.format() {
            Format::Json => printer.data(&document, |_| String::new()),
            Format::Jsonl => Ok(()),
            Format::Text => {
                let netuid = self.source.terms.netuid;
                printer.data(&printed, |_| {
                    let window = self.source.terms.seed_block;
                    let more = if printed < all { "; `--limit 0` shows all" } else { "" };
                    format!("{printed} of {all} rollouts in window {window} (subnet {netuid}){more}")
                })
            }
        }
    }

    /// Writes a page an entry.
    async fn write_pages(&self, folder: &Path, printer: &Printer) -> Result<(), Problem> {
        let mut pages = Vec::new();
        for entry in self.entries() {
            let (transcripts, _) = self.of_entry(entry, usize::MAX).await?;
            if transcripts.is_empty() {
                continue;
            }
            let terms = &self.source.terms;
            let page = replies_page(&RepliesPage {
                title: format!("Subnet {} · window of block {}", terms.netuid, terms.seed_block),
                lead: format!("{}: {} rollouts", transcripts[0].who(), transcripts.len()),
                links: Vec::new(),
                transcripts: &transcripts,
                left_out: 0,
                command: String::new(),
                beside: None,
            });
            let path = folder.join(format!("{entry}.html"));
            write_whole(&path, page.as_bytes()).map_err(|cause| {
                Problem::new(ExitStatus::Store, format!("cannot write {}: {cause}", path.display()))
                    .hint("make room or choose another folder")
            })?;
            pages.push(path);
        }
        printer.data(&pages, |pages| {
            let lines: Vec<String> = pages.iter().map(|path| path.display().to_string()).collect();
            if lines.is_empty() { "no rollout is one of these".to_owned() } else { lines.join("\n") }
        })
    }
}
