//! `dethrone follow`: holds another validator's published decision against its evidence, and against our own.

use std::fs::File;
use std::io::{BufReader, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;
use serde::Serialize;

use super::audit::{audit_file, replay};
use super::connection::{ChainArguments, reader};
use super::runtime::block_on;
use crate::chain::{Subnet, WindowRoot};
use crate::evidence::{Audited, Difference, Log, compare};
use crate::exit_status::ExitStatus;
use crate::files::window_folder;
use crate::job::EVIDENCE;
use crate::printer::Printer;
use crate::problem::Problem;
use crate::registry::Hotkey;
use crate::settings::Settings;

/// Largest log that is fetched, in bytes.
const LARGEST: u64 = 4 << 30;
/// Time in which a server has to send more of a log.
const STALL: Duration = Duration::from_secs(30);

/// Arguments of `dethrone follow`.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// The other validator's address.
    hotkey: String,
    /// The place of its logs: its output folder or a copy of it, or the address of its pages (`http://HOST:PORT`).
    #[arg(long, value_name = "FOLDER|URL")]
    from: String,
    /// Make so many of its rollouts again, drawn at random, from the models' files.
    #[arg(long, value_name = "N", default_value_t = 0)]
    replay: usize,
    #[command(flatten)]
    chain: ChainArguments,
}

/// Another validator's decision, held against its evidence and ours.
#[derive(Debug, Serialize)]
struct Followed {
    hotkey: Hotkey,
    /// Root that it has published.
    root: WindowRoot,
    /// The block of the publication.
    published: u64,
    /// Findings of an audit of its log.
    audited: Audited,
    /// This validator has decided the window, too, and states the same; none where it has not decided it.
    same: Option<bool>,
    /// The first difference from this validator's own log.
    difference: Option<Difference>,
    /// The outcome in one sentence.
    sentence: String,
}

/// Reads the root, fetches its log, audits it, and compares.
pub(super) fn run(arguments: &Arguments, printer: &Printer) -> Result<(), Problem> {
    let settings = arguments.chain.settings()?;
    let hotkey = Hotkey(arguments.hotkey.clone());
    let subnet = reader(&settings)?;
    let published = block_on(async { Ok(subnet.published(&hotkey).await?) })?;
    let (root, block) = published.ok_or_else(|| {
        Problem::new(ExitStatus::Chain, format!("{hotkey} has published no root on subnet {}", settings.chain.netuid))
            .hint("its validator has to run with `chain.publish_roots = true`")
    })?;
    let log = fetch(&arguments.from, root.window)?;
    let (mut audited, stated) = audit_file(log.file()?)?;
    check(&root, &audited, &stated, &log)?;
    if arguments.replay > 0 {
        let replayed = replay(&settings, arguments.replay, &stated)?;
        (audited.replayed, audited.judged) = (replayed.made, replayed.judged);
    }
    let difference = difference(&settings, &log, root.window)?;
    let same = difference.as_ref().map(Option::is_none);
    let difference = difference.flatten();
    let sentence = sentence(&hotkey, &audited, &root, same, difference.as_ref());
    let followed = Followed { hotkey, root, published: block, audited, same, difference, sentence };
    printer.data(&followed, text)?;
    match followed.same {
        Some(false) => Err(Problem::new(ExitStatus::Different, "the two validators differ")
            .hint("`dethrone compare` on both logs shows the two values")),
        _ => Ok(()),
    }
}

/// A log that lies on this disk, for good or for as long as it is looked at.
enum Fetched {
    Kept(PathBuf),
    Copy(tempfile::NamedTempFile),
}

impl Fetched {
    fn path(&self) -> &Path {
        match self {
            Self::Kept(path) => path,
            Self::Copy(copy) => copy.path(),
        }
    }

    fn file(&self) -> Result<File, Problem> {
        File::open(self.path()).map_err(|error| {
            Problem::new(ExitStatus::Source, format!("cannot read the evidence {}: {error}", self.path().display()))
                .hint("`--from` is its output folder, or the address of its pages")
        })
    }
}

fn fetch(from: &str, window: u64) -> Result<Fetched, Problem> {
    if !from.starts_with("http://") && !from.starts_with("https://") {
        return Ok(Fetched::Kept(window_folder(Path::new(from), window).join(EVIDENCE)));
    }
    let url = format!("{}/window/{window}/{EVIDENCE}", from.trim_end_matches('/'));
    let failed = |cause: String| {
        Problem::new(ExitStatus::Source, format!("cannot fetch {url}: {cause}")).hint(
            "`--from` is the address of its pages: `service.listen` of its validator, or that of `dethrone serve`",
        )
    };
    block_on(async {
        let client = reqwest::Client::builder().connect_timeout(STALL).read_timeout(STALL).build();
        let response = client.map_err(|error| failed(error.to_string()))?.get(&url).send().await;
        let response = response.and_then(reqwest::Response::error_for_status);
        let mut response = response.map_err(|error| failed(error.without_url().to_string()))?;
        let mut copy = tempfile::NamedTempFile::new().map_err(|error| failed(error.to_string()))?;
        let mut size = 0;
        while let Some(piece) = response.chunk().await.map_err(|error| failed(error.without_url().to_string()))? {
            size += piece.len() as u64;
            if size > LARGEST {
                return Err(failed(format!("it has more than {LARGEST} bytes")));
            }
            copy.write_all(&piece).map_err(|error| failed(error.to_string()))?;
        }
        copy.flush().map_err(|error| failed(error.to_string()))?;
        Ok(Fetched::Copy(copy))
    })
}

/// Checks that a log is the one whose root was published.
fn check(root: &WindowRoot, audited: &Audited, log: &Log, place: &Fetched) -> Result<(), Problem> {
    let champion = audited.champion.clone().map(Hotkey);
    let broken = |what: &str| {
        let path = place.path().display();
        Err(Problem::new(ExitStatus::EvidenceBroken, format!("{path} is not the log that was published: {what}"))
            .hint("ask its validator for the log; a root that no log fits is worth nothing"))
    };
    match () {
        () if hex::encode(root.log.0) != audited.hash => broken("its hash is another one"),
        () if root.window != log.terms.seed_block => broken("it is of another window"),
        () if !root.is_held_by(champion.as_ref()) => broken("another account holds the weight by it"),
        () if hex::encode(root.rule.0) != log.terms.rule() => broken("it was decided by another rule"),
        () => Ok(()),
    }
}

/// The first difference from this validator's own log of the window, if it has one.
fn difference(settings: &Settings, theirs: &Fetched, window: u64) -> Result<Option<Option<Difference>>, Problem> {
    let own = window_folder(&settings.output, window).join(EVIDENCE);
    let Ok(own) = File::open(own) else { return Ok(None) };
    let compared = compare(BufReader::new(own), BufReader::new(theirs.file()?));
    let compared = compared.map_err(|(is_theirs, error)| {
        let problem = super::audit::evidence_problem(&error);
        let whose = if is_theirs { "its" } else { "our own" };
        Problem { summary: format!("{whose} log: {}", problem.summary), ..problem }
    })?;
    Ok(Some(compared.difference))
}

fn sentence(
    hotkey: &Hotkey,
    audited: &Audited,
    root: &WindowRoot,
    same: Option<bool>,
    difference: Option<&Difference>,
) -> String {
    let (who, window) = (hotkey.shortened(), root.window);
    let holder = audited.champion.as_deref().unwrap_or("nobody");
    match (same, difference) {
        (Some(true), _) => format!("{who} decides window {window} as this validator does: {holder} holds the weight."),
        (_, Some(found)) => {
            format!(
                "{who} decides window {window} otherwise than this validator: the first difference is {}.",
                found.what
            )
        }
        _ => format!(
            "The decision of {who} on window {window} follows from its log: {holder} holds the weight; this validator has not \
             decided that window."
        ),
    }
}

fn text(followed: &Followed) -> String {
    let Followed { root, published, audited, sentence, .. } = followed;
    let mut lines = vec![
        sentence.clone(),
        format!("published in block {published}: {root}, rule {}", root.rule),
        format!(
            "audited: {} records, {} rollouts, {} duels decided again",
            audited.records, audited.rollouts, audited.duels
        ),
    ];
    if audited.replayed > 0 {
        lines.push(format!("{} rollouts were made again and came out the same", audited.replayed));
    }
    lines.join("\n")
}
