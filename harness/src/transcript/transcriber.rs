//! Transcriber: makes transcripts of a window's rollouts.

use std::collections::BTreeMap;
use std::sync::Arc;

use environments::{Conversation, Environment, Extraction, Message, Seed, Task, Turn, Verdict};
use models::source::ModelSource;
use sandboxes::Sandbox;
use tokio::sync::Mutex;

use crate::loader::{ModelLoader, TextSide};
use crate::record::{Admission, FoundText, MessageText, Reply, Rollout, Transcript, WindowTerms};
use crate::rollout::open_recorded;
use crate::settings::Settings;

/// Text sides that are kept: those of a champion and of the challenger beside it.
const KEPT: usize = 2;

/// An environment of the window, or the reason for which it is not at hand.
type Opened = Result<Arc<dyn Environment>, String>;

/// A model's text side, or the reason for which it is not at hand.
type Known = Result<TextSide, String>;

/// Makes transcripts of one window's rollouts.
pub(crate) struct Transcriber<'a> {
    terms: &'a WindowTerms,
    admissions: &'a BTreeMap<usize, Admission>,
    environments: Vec<Opened>,
    loader: &'a ModelLoader,
    /// Text sides of the latest entries.
    texts: Mutex<Vec<(usize, Arc<Known>)>>,
}

impl<'a> Transcriber<'a> {
    /// A transcriber of a window with these terms and admissions; its environments are those of the catalog, and of the files in
    /// the settings.
    pub(crate) async fn open(
        (terms, admissions): (&'a WindowTerms, &'a BTreeMap<usize, Admission>),
        settings: &Settings,
        (sandbox, runtime): (&Sandbox, &str),
        loader: &'a ModelLoader,
    ) -> Self {
        let mut environments = Vec::with_capacity(terms.environments.len());
        for id in &terms.environments {
            environments.push(match open_recorded(id, &settings.environments, sandbox).await {
                _ if terms.runtime != runtime => {
                    Err("the tasks were made with another release of the sandbox, and are not made again".to_owned())
                }
                Ok(Ok(environment)) => Ok(environment),
                Ok(Err(other)) => Err(format!("the task was made by {}, and here is {}", other.recorded, other.here)),
                Err(error) => Err(error.to_string()),
            });
        }
        Self::of_environments((terms, admissions), environments, loader)
    }

    /// The same with environments that are open already, in the window's order.
    pub(crate) fn with(
        (terms, admissions): (&'a WindowTerms, &'a BTreeMap<usize, Admission>),
        environments: &[Arc<dyn Environment>],
        loader: &'a ModelLoader,
    ) -> Self {
        let environments = environments.iter().map(|environment| Ok(Arc::clone(environment))).collect();
        Self::of_environments((terms, admissions), environments, loader)
    }

    fn of_environments(
        (terms, admissions): (&'a WindowTerms, &'a BTreeMap<usize, Admission>),
        environments: Vec<Opened>,
        loader: &'a ModelLoader,
    ) -> Self {
        Self { terms, admissions, environments, loader, texts: Mutex::default() }
    }

    /// The transcript of a rollout. What cannot be made again is left out, with the reason among its notes.
    pub(crate) async fn transcript(&self, rollout: &Rollout) -> Transcript {
        let known = match rollout.replies.iter().any(|reply| reply.text.is_none()) {
            true => Some(self.text_side(rollout.entry).await),
            false => None,
        };
        let mut transcript = self.without_text(rollout);
        let side = match known.as_deref() {
            Some(Err(reason)) => {
                transcript.notes.push(format!("the replies are shown as token ids alone: {reason}"));
                None
            }
            Some(Ok(side)) => Some(side),
            None => None,
        };
        transcript.messages = rollout.replies.iter().map(|reply| said(reply, side)).collect();
        let last = transcript.messages.last().and_then(|reply| reply.finish.as_deref());
        transcript.cut_off = last == Some("length");
        match &self.environments[rollout.environment] {
            Ok(environment) => play_again(&**environment, &mut transcript).await,
            Err(reason) => transcript.notes.push(reason.clone()),
        }
        transcript
    }

    /// The record of a rollout, without texts.
    fn without_text(&self, rollout: &Rollout) -> Transcript {
        let Rollout { entry, environment, task, seed, score, fault, reproducible, attempts, .. } = *rollout;
        let terms = &self.terms.entries[entry];
        Transcript {
            version: Transcript::VERSION,
            window: self.terms.seed_block,
            entry,
            uid: terms.uid,
            hotkey: terms.hotkey.clone(),
            model: terms.model.clone(),
            environment: self.terms.environments[environment].to_string(),
            environment_place: environment,
            task,
            seed,
            messages: Vec::new(),
            expected: None,
            found: None,
            score,
            reason: rollout.reason.clone(),
            fault,
            cut_off: false,
            limit: None,
            reproducible,
            attempts,
            seconds: (rollout.seconds > 0.0).then_some(rollout.seconds),
            notes: Vec::new(),
        }
    }

    /// The text side of an entry's model, read once for rollouts that follow one another.
    async fn text_side(&self, entry: usize) -> Arc<Known> {
        let mut texts = self.texts.lock().await;
        if let Some((_, known)) = texts.iter().find(|(known, _)| *known == entry) {
            return Arc::clone(known);
        }
        let known = Arc::new(self.read_text_side(entry).await);
        texts.insert(0, (entry, Arc::clone(&known)));
        texts.truncate(KEPT);
        known
    }

    async fn read_text_side(&self, entry: usize) -> Known {
        let source: ModelSource =
            self.terms.entries[entry].model.parse().map_err(|_| "its reference names no model".to_owned())?;
        let files = self.admissions.get(&entry).map(|admission| admission.files.as_slice()).unwrap_or_default();
        if files.is_empty() {
            return Err("no files of its model were admitted".to_owned());
        }
        self.loader.text_side(&source, files).await.map_err(|error| error.to_string())
    }
}

/// A reply as text, if its model's text side is at hand.
fn said(reply: &Reply, side: Option<&TextSide>) -> MessageText {
    let finish = match (reply.finish.as_str(), side) {
        // A log does not say it, and the tokens do.
        ("", Some(side)) if !reply.tokens.is_empty() => {
            Some(if side.has_ended(&reply.tokens) { "stop token" } else { "length" }.to_owned())
        }
        ("", _) => None,
        (finish, _) => Some(finish.to_owned()),
    };
    let text = reply.text.clone().or_else(|| side?.text(&reply.tokens));
    MessageText { role: "assistant", text, tokens: reply.tokens.clone(), finish }
}

fn message(message: &Message) -> MessageText {
    let (role, text) = (message.role.as_str(), Some(message.content.clone()));
    MessageText { role, text, tokens: Vec::new(), finish: None }
}

/// Makes a transcript's task again and puts its replies into the conversation: prompts, right replies, and what was judged.
async fn play_again(environment: &dyn Environment, transcript: &mut Transcript) {
    transcript.limit = Some(environment.max_new_tokens());
    let task = match environment.task(Seed(transcript.seed)).await {
        Ok(task) => task,
        Err(error) => return transcript.notes.push(format!("the task cannot be made: {error}")),
    };
    transcript.expected = environment.oracle(&task).await.unwrap_or_default();
    let mut conversation = environment.opening(&task);
    let opening = conversation.messages().iter().map(message);
    let replies = std::mem::replace(&mut transcript.messages, opening.collect());
    let mut replies = replies.into_iter();
    let mut ended = None;
    for reply in replies.by_ref() {
        let text = reply.text.clone();
        transcript.messages.push(reply);
        let Some(text) = text else { break };
        conversation.push(Message::assistant(text));
        match turn(environment, &task, &conversation).await {
            Ok(Turn::Continue(next)) => {
                transcript.messages.push(message(&next));
                conversation.push(next);
            }
            Ok(Turn::Done(verdict)) => {
                ended = Some(verdict);
                break;
            }
            Err(sentence) => {
                if transcript.fault.is_none() {
                    transcript.notes.push(format!("the reply cannot be judged again: {sentence}"));
                }
                break;
            }
        }
    }
    transcript.messages.extend(replies);
    if let Some(verdict) = ended {
        compare(verdict, transcript);
        let last = conversation.reply().unwrap_or_default();
        transcript.found = verdict.extraction.and_then(|place| found(place, last));
    }
}

async fn turn(environment: &dyn Environment, task: &Task, conversation: &Conversation) -> Result<Turn, String> {
    environment.turn(task, conversation).await.map_err(|error| error.to_string())
}

/// Notes a verdict that is not the recorded one.
fn compare(verdict: Verdict, transcript: &mut Transcript) {
    let is_same = verdict.score == transcript.score && verdict.to_string() == transcript.reason;
    if transcript.fault.is_none() && !is_same {
        transcript.notes.push(format!("judged again, it is another verdict: {:.2}, {verdict}", verdict.score));
    }
}

fn found(place: Extraction, reply: &str) -> Option<FoundText> {
    Some(FoundText { place: place.to_string(), text: place.text(reply)? })
}

#[cfg(test)]
mod tests;
