//! Bodies of the records, by kind.

use std::fmt;

use models::responder::Work;
use serde::{Deserialize, Serialize};

use crate::record::{
    Admission, AdmissionOutcome, Conclusion, DuelRecord, EntryConclusion, Fault, FileRecord, FindingRecord, HeatRecord,
    PrintRecord, ReignRecord, Reply, Rollout, UnitScore, UnknownOutcome, WindowTerms, counted_score,
};
use crate::registry::{Hotkey, Uid};

/// Body of a record.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Body {
    /// The window's terms, and the signing key.
    Opened {
        /// The window's terms.
        opened: Box<WindowTerms>,
        /// The validator's public key, as hexadecimal digits.
        validator: String,
    },
    /// An entry's admission.
    Admission(AdmissionBody),
    /// A print from which findings follow.
    Print(Box<PrintRecord>),
    /// A screen's finding.
    Finding {
        /// The entry's place.
        entry: usize,
        /// The finding.
        finding: FindingRecord,
    },
    /// A rollout.
    Rollout(RolloutBody),
    /// A heat's decision.
    Heat(HeatRecord),
    /// A duel's decision.
    Decision(DuelRecord),
    /// The weights.
    Weights(WeightsBody),
    /// The record for the next window.
    Reign(ReignBody),
}

/// An entry's admission.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "AdmissionLine", into = "AdmissionLine")]
pub(crate) struct AdmissionBody {
    /// The entry's place.
    pub entry: usize,
    /// The admission.
    pub admission: Admission,
}

/// An admission as it is written.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct AdmissionLine {
    entry: usize,
    /// `admitted`, `refused`, `late`, `reserve`, `absent` or `left`.
    standing: String,
    /// The sentence for its miner where it was refused, or the reason why it is absent or has left.
    reason: Option<String>,
    /// The snapshot's files with their digests.
    files: Vec<FileRecord>,
}

impl TryFrom<AdmissionLine> for AdmissionBody {
    type Error = UnknownOutcome;

    fn try_from(line: AdmissionLine) -> Result<Self, UnknownOutcome> {
        let AdmissionLine { entry, standing, reason, files } = line;
        let outcome = AdmissionOutcome::from_parts(&standing, reason)?;
        Ok(Self { entry, admission: Admission { outcome, files } })
    }
}

impl From<AdmissionBody> for AdmissionLine {
    fn from(body: AdmissionBody) -> Self {
        let AdmissionBody { entry, admission: Admission { outcome, files } } = body;
        let reason = outcome.reason().map(str::to_owned);
        Self { entry, standing: outcome.word().to_owned(), reason, files }
    }
}

/// A rollout: its replies are token ids, from which the text is derived, unless a server made them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RolloutBody {
    /// The entry's place.
    pub entry: usize,
    /// The environment's place.
    pub environment: usize,
    /// The task's number.
    pub task: u32,
    /// The task's seed.
    pub seed: u64,
    /// Each reply's token ids or text.
    pub replies: Vec<ReplyBody>,
    /// The verdict's score.
    pub score: f64,
    /// The verdict's reason.
    pub reason: String,
    /// Origin of the failure, if the rollout failed.
    pub fault: Option<Fault>,
    /// The work that the replies took, as counted on this machine: it is the same on every one.
    pub work: Work,
    /// The model's files reproduce the replies; those of a server rest on its word alone.
    pub reproducible: bool,
}

/// A reply: its token ids, or its text where a server told no ids.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub(crate) enum ReplyBody {
    /// The token ids.
    Tokens(Vec<u32>),
    /// The text.
    Text(String),
}

/// Shares of emission; they sum to one.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct WeightsBody {
    /// The entries' in order.
    pub entries: Vec<WeightBody>,
    /// The share that goes to uid 0 to be burned, where no entry has that number.
    pub burned: f64,
}

/// The record for the next window: the last record of a log.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ReignBody {
    /// The record.
    pub record: ReignRecord,
    /// The window came to no end, and was closed from what was stored when the next one began: no weights were set.
    pub interrupted: bool,
}

/// One entry's share.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct WeightBody {
    /// The miner's number; none where it has left the subnet.
    pub uid: Option<Uid>,
    /// The miner's address.
    pub hotkey: Hotkey,
    /// The share.
    pub weight: f64,
}

impl Body {
    /// The kind's name and the body's bytes.
    pub(super) fn encode(&self) -> (&'static str, String) {
        match self {
            Self::Opened { opened, validator } => {
                ("opened", to_json(&serde_json::json!({ "opened": opened, "validator": validator })))
            }
            Self::Admission(admission) => ("admission", to_json(admission)),
            Self::Print(print) => ("print", to_json(print)),
            Self::Finding { entry, finding } => {
                ("finding", to_json(&serde_json::json!({ "entry": entry, "finding": finding })))
            }
            Self::Rollout(rollout) => ("rollout", to_json(rollout)),
            Self::Heat(heat) => ("heat", to_json(heat)),
            Self::Decision(decision) => ("decision", to_json(decision)),
            Self::Weights(weights) => ("weights", to_json(weights)),
            Self::Reign(reign) => ("reign", to_json(reign)),
        }
    }
}

/// Record bodies of a finished window: terms, admissions, prints, findings, rollouts, decisions, weights, the next window's record.
pub(crate) fn records(conclusion: &Conclusion, validator: &str) -> Vec<Body> {
    let mut bodies = vec![Body::Opened { opened: Box::new(conclusion.terms.clone()), validator: validator.to_owned() }];
    bodies.extend(
        conclusion
            .entries
            .iter()
            .enumerate()
            .map(|(entry, concluded)| Body::Admission(AdmissionBody { entry, admission: concluded.admission.clone() })),
    );
    bodies.extend(conclusion.prints.iter().map(|print| Body::Print(Box::new(print.clone()))));
    for (entry, concluded) in conclusion.entries.iter().enumerate() {
        bodies.extend(concluded.finding.clone().map(|finding| Body::Finding { entry, finding }));
    }
    for concluded in &conclusion.entries {
        bodies.extend(concluded.rollouts.iter().map(|rollout| Body::Rollout(RolloutBody::of(rollout))));
    }
    bodies.extend(conclusion.heats.iter().cloned().map(Body::Heat));
    bodies.extend(conclusion.duels.iter().cloned().map(Body::Decision));
    bodies.push(Body::Weights(weights(conclusion)));
    let Conclusion { record, interrupted, .. } = conclusion;
    bodies.push(Body::Reign(ReignBody { record: record.clone(), interrupted: *interrupted }));
    bodies
}

impl RolloutBody {
    /// The evidence of a rollout.
    pub(crate) fn of(rollout: &Rollout) -> Self {
        Self {
            entry: rollout.entry,
            environment: rollout.environment,
            task: rollout.task,
            seed: rollout.seed,
            replies: rollout.replies.iter().map(ReplyBody::of).collect(),
            score: rollout.score,
            reason: rollout.reason.clone(),
            fault: rollout.fault,
            work: rollout.work(),
            reproducible: rollout.reproducible,
        }
    }

    /// True for a task that was not answered, since the entry's budget of work was spent.
    pub(crate) fn is_unpaid(&self) -> bool {
        self.fault == Some(Fault::Budget)
    }
}

impl RolloutBody {
    /// The rollout, as far as the evidence tells of it.
    pub(super) fn to_rollout(&self) -> Rollout {
        let Self { entry, environment, task, seed, score, fault, reproducible, .. } = *self;
        let mut replies: Vec<Reply> = self.replies.iter().map(ReplyBody::to_reply).collect();
        if let Some(first) = replies.first_mut() {
            first.work = self.work;
        }
        let reason = self.reason.clone();
        Rollout {
            entry,
            environment,
            task,
            seed,
            replies,
            score,
            reason,
            fault,
            reproducible,
            attempts: 1,
            seconds: 0.0,
        }
    }
}

impl From<&RolloutBody> for UnitScore {
    fn from(rollout: &RolloutBody) -> Self {
        let RolloutBody { environment, task, score, fault, .. } = *rollout;
        Self { environment, task, score: counted_score(score, fault) }
    }
}

impl ReplyBody {
    fn of(reply: &Reply) -> Self {
        match &reply.text {
            Some(text) => Self::Text(text.clone()),
            None => Self::Tokens(reply.tokens.clone()),
        }
    }

    fn to_reply(&self) -> Reply {
        let (text, tokens) = match self {
            Self::Text(text) => (Some(text.clone()), Vec::new()),
            Self::Tokens(tokens) => (None, tokens.clone()),
        };
        Reply { prompt_tokens: 0, text, tokens, logprob_bits: Vec::new(), finish: String::new(), work: Work::default() }
    }
}

/// The body as the subject of a sentence.
impl fmt::Display for Body {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Opened { .. } => write!(formatter, "the window's opening"),
            Self::Admission(AdmissionBody { entry, .. }) => write!(formatter, "the admission of entry {entry}"),
            Self::Print(print) => write!(formatter, "the print of {}", print.snapshot),
            Self::Finding { entry, .. } => write!(formatter, "the finding on entry {entry}"),
            Self::Rollout(RolloutBody { entry, environment, task, .. }) => {
                write!(formatter, "the rollout of entry {entry} on task {task} in environment {environment}")
            }
            Self::Heat(heat) => write!(formatter, "the outcome of entry {}'s heat", heat.challenger),
            Self::Decision(duel) => write!(formatter, "the decision on entry {}", duel.challenger),
            Self::Weights(_) => formatter.write_str("the weights"),
            Self::Reign(_) => formatter.write_str("the record for the next window"),
        }
    }
}

fn weights(conclusion: &Conclusion) -> WeightsBody {
    let share = |concluded: &EntryConclusion| WeightBody {
        uid: concluded.entry.uid,
        hotkey: concluded.entry.hotkey.clone(),
        weight: concluded.weight,
    };
    WeightsBody { entries: conclusion.entries.iter().map(share).collect(), burned: conclusion.burned }
}

fn to_json<T: Serialize>(value: &T) -> String {
    serde_json::to_string(value).expect("a record's body is plain data")
}
