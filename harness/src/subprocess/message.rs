//! Messages between a parent and a child process: frames of JSON, each behind its length.

use std::path::PathBuf;

use models::admission::Limits;
use models::decoder::Arithmetic;
use models::engine::{EngineSettings, Finish, Sampling};
use models::fingerprint::{Fingerprint, SketchKey};
use models::responder::{Reply, ReplyError, ReplyRule, Work};
use models::snapshot::Snapshot;
use models::text::Message;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use super::ProcessLimits;

/// Most bytes of a frame: a fingerprint of a large model has some ten million.
const LARGEST_FRAME: usize = 256 << 20;

/// First message to a child: its limits, and what it is for.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Start {
    pub(super) limits: ProcessLimits,
    pub(super) task: Task,
}

/// Purpose of a child process.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) enum Task {
    /// Checks a snapshot, also that it can read texts.
    Examine {
        /// The files.
        snapshot: Snapshot,
        /// The limits of admission.
        limits: Limits,
        /// Arithmetic in which it will be run, and the longest text in tokens.
        run_as: (Arithmetic, usize),
    },
    /// Takes the fingerprint of a snapshot that was admitted.
    Fingerprint {
        /// The files.
        snapshot: Snapshot,
        /// The limits of admission.
        limits: Limits,
        /// The secret of its sketches and of the text for its outputs.
        key: SketchKey,
        /// The engine for its outputs; none where a server runs the model.
        engine: Option<EngineTask>,
    },
    /// Runs a model that was admitted.
    Run {
        /// The files.
        snapshot: Snapshot,
        /// The limits of admission.
        limits: Limits,
        /// Its engine.
        engine: EngineTask,
    },
}

/// An engine that a child process is to start.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct EngineTask {
    /// Its settings.
    pub(crate) settings: EngineSettings,
    /// The longest text in tokens.
    pub(crate) context: usize,
    /// The folder of a card's compiled kernels, where the model runs on one.
    pub(crate) card: Option<PathBuf>,
}

/// Outcome of a child's task.
#[derive(Debug, Serialize, Deserialize)]
pub(super) enum Outcome {
    /// The files can be used, and running the model takes at most so many bytes of memory; or the model runs.
    Ready { memory: u64 },
    /// The fingerprint, and the reason where the model could not be run for its outputs.
    Fingerprint { fingerprint: Box<Fingerprint>, without_outputs: Option<String> },
    /// The files are at fault.
    Refused(String),
    /// This machine is at fault.
    Failed(String),
}

/// A conversation to be answered.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Question {
    pub(super) id: u64,
    messages: Vec<Message>,
    /// Bits of the temperature, top-k, bits of top-p, key: numbers are sent so that none is rounded.
    sampling: (u32, Option<u32>, Option<u32>, u64),
    max_new_tokens: usize,
}

/// The answer to a question.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Answer {
    pub(super) id: u64,
    reply: Result<Replied, Failure>,
    /// Nanoseconds of forward passes so far.
    pub(super) forward: u64,
}

#[derive(Debug, Serialize, Deserialize)]
struct Replied {
    text: String,
    prompt_tokens: usize,
    tokens: Vec<u32>,
    logprob_bits: Vec<u32>,
    finish: u8,
    work: Work,
}

#[derive(Debug, Serialize, Deserialize)]
enum Failure {
    Model(String),
    Host(String),
}

/// Reasons for the end of a reply by number.
const FINISHES: [Finish; 4] = [Finish::StopToken, Finish::StopString, Finish::Length, Finish::NotFinite];

impl Question {
    pub(super) fn new(id: u64, messages: &[Message], rule: ReplyRule) -> Self {
        let Sampling { temperature, top_k, top_p, key } = rule.sampling;
        let sampling = (temperature.to_bits(), top_k, top_p.map(f32::to_bits), key);
        Self { id, messages: messages.to_vec(), sampling, max_new_tokens: rule.max_new_tokens }
    }

    pub(super) fn into_parts(self) -> (u64, Vec<Message>, ReplyRule) {
        let (temperature, top_k, top_p, key) = self.sampling;
        let (temperature, top_p) = (f32::from_bits(temperature), top_p.map(f32::from_bits));
        let sampling = Sampling { temperature, top_k, top_p, key };
        (self.id, self.messages, ReplyRule { sampling, max_new_tokens: self.max_new_tokens })
    }
}

impl Answer {
    pub(super) fn new(id: u64, reply: Result<Reply, ReplyError>, forward: u64) -> Self {
        let reply = match reply {
            Ok(reply) => Ok(Replied {
                text: reply.text,
                prompt_tokens: reply.prompt_tokens,
                tokens: reply.tokens.unwrap_or_default(),
                logprob_bits: reply.logprobs.iter().map(|logprob| logprob.to_bits()).collect(),
                finish: FINISHES.iter().position(|finish| *finish == reply.finish).unwrap_or_default() as u8,
                work: reply.work,
            }),
            Err(ReplyError::Model(reason)) => Err(Failure::Model(reason)),
            Err(other) => Err(Failure::Host(other.to_string())),
        };
        Self { id, reply, forward }
    }

    pub(super) fn into_reply(self) -> Result<Reply, ReplyError> {
        match self.reply {
            Ok(replied) => Ok(Reply {
                text: replied.text,
                prompt_tokens: replied.prompt_tokens,
                tokens: Some(replied.tokens),
                logprobs: replied.logprob_bits.into_iter().map(f32::from_bits).collect(),
                finish: *FINISHES.get(usize::from(replied.finish)).unwrap_or(&Finish::NotFinite),
                work: replied.work,
            }),
            Err(Failure::Model(reason)) => Err(ReplyError::Model(reason)),
            Err(Failure::Host(reason)) => Err(ReplyError::Host(reason)),
        }
    }
}

/// Writes one frame.
pub(super) async fn write<T: Serialize>(to: &mut (impl AsyncWrite + Unpin), message: &T) -> std::io::Result<()> {
    let bytes = serde_json::to_vec(message).map_err(std::io::Error::other)?;
    let length = u32::try_from(bytes.len()).map_err(std::io::Error::other)?;
    to.write_all(&length.to_le_bytes()).await?;
    to.write_all(&bytes).await?;
    to.flush().await
}

/// Reads one frame; none at the end.
pub(super) async fn read<T: DeserializeOwned>(from: &mut (impl AsyncRead + Unpin)) -> std::io::Result<Option<T>> {
    let mut length = [0; 4];
    match from.read_exact(&mut length).await {
        Ok(_) => {}
        Err(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => return Ok(None),
        Err(error) => return Err(error),
    }
    let length = u32::from_le_bytes(length) as usize;
    if length > LARGEST_FRAME {
        return Err(std::io::Error::other(format!("a frame of {length} bytes")));
    }
    let mut bytes = vec![0; length];
    from.read_exact(&mut bytes).await?;
    serde_json::from_slice(&bytes).map(Some).map_err(std::io::Error::other)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn messages_come_out_as_they_went_in_to_the_last_bit() {
        let rule = ReplyRule {
            sampling: Sampling { temperature: 0.1, top_k: Some(7), top_p: Some(0.900_000_04), key: u64::MAX },
            max_new_tokens: 9,
        };
        let messages = [Message { role: models::text::Role::User, content: "a\n\u{1F550}\"".to_owned() }];
        let reply = Reply {
            text: "\u{FFFD}".to_owned(),
            prompt_tokens: 3,
            tokens: Some(vec![1, u32::MAX]),
            logprobs: vec![-0.1, -f32::MIN_POSITIVE],
            finish: Finish::Length,
            work: Work { tokens: 5, bytes: 7, fuel: u64::MAX },
        };
        let (mut near, mut far) = tokio::io::duplex(1 << 16);
        write(&mut near, &Question::new(4, &messages, rule)).await.unwrap();
        write(&mut near, &Answer::new(4, Ok(reply.clone()), 11)).await.unwrap();
        write(&mut near, &Answer::new(5, Err(ReplyError::Model("no".to_owned())), 12)).await.unwrap();
        drop(near);
        let question: Question = read(&mut far).await.unwrap().unwrap();
        assert_eq!(question.into_parts(), (4, messages.to_vec(), rule));
        let answer: Answer = read(&mut far).await.unwrap().unwrap();
        assert_eq!((answer.id, answer.forward, answer.into_reply()), (4, 11, Ok(reply)));
        let answer: Answer = read(&mut far).await.unwrap().unwrap();
        assert_eq!(answer.into_reply(), Err(ReplyError::Model("no".to_owned())));
        assert!(read::<Answer>(&mut far).await.unwrap().is_none());
    }

    #[tokio::test]
    async fn a_frame_that_is_none_is_an_error() {
        for bytes in [&[1, 0, 0, 0, b'{'][..], &[255; 8], &[9, 0, 0, 0, b'1']] {
            assert!(read::<Answer>(&mut &*bytes).await.is_err(), "{bytes:?}");
        }
    }
}
