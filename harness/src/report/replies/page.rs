//! Page of an entry: every rollout with prompt, reply and verdict.

use models::untrusted::UntrustedText;
use serde::Serialize;

use super::super::pages::render;
use super::text::{outcome, spent, title};
use crate::record::{MessageText, Transcript};

const TEMPLATE: &str = include_str!("page.html");

/// Rollouts of one entry for a browser.
#[derive(Debug)]
pub(crate) struct RepliesPage<'a> {
    /// The heading.
    pub(crate) title: String,
    /// The conclusion about the entry, or about what is shown.
    pub(crate) lead: String,
    /// Links to other pages: text and address.
    pub(crate) links: Vec<(String, String)>,
    /// The rollouts.
    pub(crate) transcripts: &'a [Transcript],
    /// Rollouts that the entry has beside those.
    pub(crate) left_out: usize,
    /// The way to see them.
    pub(crate) command: String,
    /// Address below which a rollout stands beside its opponent's; none where there is no such page.
    pub(crate) beside: Option<String>,
}

#[derive(Debug, Serialize)]
struct View<'a> {
    title: &'a str,
    lead: &'a str,
    links: &'a [(String, String)],
    rollouts: Vec<RolloutView>,
    left_out: usize,
    command: &'a str,
    is_open: bool,
}

#[derive(Debug, Serialize)]
pub(super) struct RolloutView {
    anchor: String,
    who: String,
    environment: String,
    task: u32,
    outcome: String,
    kind: &'static str,
    details: String,
    messages: Vec<PassageView>,
    expected: Option<String>,
    found: Option<PassageView>,
    notes: Vec<String>,
    /// Address of the page with its opponent's beside it.
    beside: Option<String>,
}

#[derive(Debug, Serialize)]
struct PassageView {
    title: String,
    text: Option<String>,
}

/// The page; everything that a stranger wrote is escaped and cut.
pub(crate) fn replies_page(page: &RepliesPage<'_>) -> String {
    /// Up to so many rollouts are shown unfolded.
    const UNFOLDED: usize = 2;
    let view = View {
        title: &page.title,
        lead: &page.lead,
        links: &page.links,
        rollouts: page.transcripts.iter().map(|transcript| rollout(transcript, page.beside.as_deref())).collect(),
        left_out: page.left_out,
        command: &page.command,
        is_open: page.transcripts.len() <= UNFOLDED,
    };
    render(TEMPLATE, view)
}

fn rollout(transcript: &Transcript, beside: Option<&str>) -> RolloutView {
    let passage = |text: &String| UntrustedText::passage(text).to_string();
    let message = |message: &MessageText| PassageView {
        title: title(message, transcript.limit),
        text: message.text.as_ref().map(passage),
    };
    let found = transcript.found.as_ref();
    let Transcript { entry, environment_place, task, .. } = transcript;
    RolloutView {
        beside: beside.map(|root| format!("{root}/{entry}/{environment_place}/{task}.html")),
        anchor: format!("{}-{}-{}", transcript.entry, transcript.environment_place, transcript.task),
        who: transcript.who(),
        environment: transcript.environment.clone(),
        task: transcript.task,
        outcome: outcome(transcript),
        kind: match (transcript.fault, transcript.score) {
            (Some(_), _) => "failed",
            (None, 1.0) => "right",
            (None, _) => "wrong",
        },
        details: format!(
            "model {}, seed {}{}",
            UntrustedText::words(&transcript.model),
            transcript.seed,
            spent(transcript)
        ),
        messages: transcript.messages.iter().map(message).collect(),
        expected: transcript.expected.as_ref().map(|replies| passage(&replies.join("\n\n"))),
        found: found.map(|found| PassageView { title: found.place.clone(), text: Some(passage(&found.text)) }),
        notes: transcript.notes.iter().map(|note| UntrustedText::sentence(note).to_string()).collect(),
    }
}
