//! Transcript of a rollout: its conversation as text, and the verdict on it.

use serde::Serialize;

use super::Fault;
use crate::registry::{Hotkey, Uid};

/// A rollout as text.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct Transcript {
    /// The version of this schema.
    pub version: u32,
    /// The window's seed block.
    pub window: u64,
    /// The entry's place in the order of commitment, from 0.
    pub entry: usize,
    /// The miner's number; none where it has left the subnet.
    pub uid: Option<Uid>,
    /// The miner's address.
    pub hotkey: Hotkey,
    /// The model reference.
    pub model: String,
    /// The environment's name, version and tier.
    pub environment: String,
    /// Its place in the settings, from 0.
    pub environment_place: usize,
    /// The task's number.
    pub task: u32,
    /// The task's seed.
    pub seed: u64,
    /// The conversation in order.
    pub messages: Vec<MessageText>,
    /// Replies that score 1, one a turn; none where the environment knows none.
    pub expected: Option<Vec<String>>,
    /// The answer or program that was judged; none where the verdict names no place in the reply.
    pub found: Option<FoundText>,
    /// The verdict's score in [0, 1].
    pub score: f64,
    /// The verdict's reason.
    pub reason: String,
    /// The side at fault, if the rollout failed.
    pub fault: Option<Fault>,
    /// The last reply was cut off at its limit.
    pub cut_off: bool,
    /// Tokens that a reply may have; none where the environment is not at hand.
    pub limit: Option<u32>,
    /// The model's files reproduce the replies; those of a server rest on its word alone.
    pub reproducible: bool,
    /// Attempts, counting the successful one.
    pub attempts: u32,
    /// Seconds it took; none where the source does not say.
    pub seconds: Option<f64>,
    /// Reasons for which a part is not there.
    pub notes: Vec<String>,
}

/// One message of a conversation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct MessageText {
    /// `system`, `user` or `assistant`.
    pub role: &'static str,
    /// The text; none of a reply whose model's tokenizer is not at hand.
    pub text: Option<String>,
    /// Its token ids, of a reply that has some.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tokens: Vec<u32>,
    /// Reason for the end of a reply, such as `stop token` or `length`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub finish: Option<String>,
}

/// Text that was judged, and its place in the reply.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct FoundText {
    /// The place in words.
    pub place: String,
    /// The text.
    pub text: String,
}

impl Transcript {
    /// The version of the schema.
    pub(crate) const VERSION: u32 = 1;

    /// The miner in short: its number and its address, cut in the middle.
    pub(crate) fn who(&self) -> String {
        let hotkey = self.hotkey.shortened();
        self.uid.map_or_else(|| hotkey.clone(), |uid| format!("uid {} ({hotkey})", uid.0))
    }
}
