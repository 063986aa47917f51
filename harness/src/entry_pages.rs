//! Pages of a window's entries beside its report: their first rollouts as text.

use std::path::{Path, PathBuf};

use futures::{StreamExt, stream};

use crate::exit_status::ExitStatus;
use crate::files::write_whole;
use crate::problem::Problem;
use crate::record::{Conclusion, Transcript};
use crate::report::{RepliesPage, replies_page};
use crate::transcript::Transcriber;
use crate::window::WindowContext;

/// Transcripts that are made at once; judging waits for the sandbox.
const AT_ONCE: usize = 4;

/// The folder of the pages beside a report.
pub(crate) fn folder(window: &Path) -> PathBuf {
    window.join("entries")
}

/// Writes a page for each entry that has rollouts, with as many of them as the settings say; what cannot be made again, such as the text of a
/// model whose files are gone, is left out on it.
///
/// # Errors
/// If a page cannot be written.
pub(crate) async fn write_entry_pages(
    conclusion: &Conclusion,
    context: &WindowContext,
    window: &Path,
) -> Result<(), Problem> {
    let most = context.settings.report_rollouts;
    let admissions = conclusion.entries.iter().map(|concluded| concluded.admission.clone()).enumerate().collect();
    let terms = (&conclusion.terms, &admissions);
    let transcriber = Transcriber::with(terms, &context.environments, &context.loader);
    for (entry, concluded) in conclusion.entries.iter().enumerate() {
        let rollouts = &concluded.rollouts[..concluded.rollouts.len().min(most)];
        if rollouts.is_empty() {
            continue;
        }
        let made = stream::iter(rollouts).map(|rollout| transcriber.transcript(rollout)).buffered(AT_ONCE);
        let transcripts: Vec<Transcript> = made.collect().await;
        let page = page(conclusion, entry, &transcripts);
        let path = folder(window).join(format!("{entry}.html"));
        write_whole(&path, page.as_bytes()).map_err(|cause| {
            Problem::new(ExitStatus::Store, format!("cannot write {}: {cause}", path.display())).hint(
                "make room, or set `report_rollouts` to 0, then run the same command again: all rollouts are kept",
            )
        })?;
    }
    Ok(())
}

fn page(conclusion: &Conclusion, entry: usize, transcripts: &[Transcript]) -> String {
    let concluded = &conclusion.entries[entry];
    let window = conclusion.terms.seed_block;
    replies_page(&RepliesPage {
        title: format!("Subnet {} · window of block {window} · {}", conclusion.terms.netuid, concluded.entry.label()),
        lead: conclusion.verdict_of(entry),
        links: vec![("the window's report".to_owned(), "../report.html".to_owned())],
        transcripts,
        left_out: concluded.rollouts.len() - transcripts.len(),
        command: format!("dethrone show {window} --entry {} --limit 0", concluded.entry.hotkey),
        beside: None,
    })
}
