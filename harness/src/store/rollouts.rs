//! The `rollouts` table.

use serde::{Deserialize, Serialize};
use sqlx::Row;

use super::{RunId, Store, StoreError};

/// A finished rollout.
#[derive(Debug, Clone, PartialEq)]
pub struct RolloutRecord {
    /// The entry's place in the registry's order.
    pub entry: usize,
    /// The environment's place in the settings.
    pub environment: usize,
    /// The task's number.
    pub task: u32,
    /// The task's seed.
    pub seed: u64,
    /// The model's replies in order.
    pub replies: Vec<ReplyRecord>,
    /// The verdict's score in [0, 1].
    pub score: f64,
    /// The verdict's reason.
    pub reason: String,
    /// Whose fault it was that the rollout failed, if it did.
    pub fault: Option<Fault>,
    /// Whether the replies can be had again from the model's files; a server's cannot.
    pub reproducible: bool,
    /// How often it was tried.
    pub attempts: u32,
    /// Seconds it took.
    pub seconds: f64,
}

/// One reply: its token ids are the record, its text is derived; where a server tells no ids, its text is the record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReplyRecord {
    /// Tokens of the prompt.
    pub prompt_tokens: usize,
    /// The text, if there are no token ids to derive it from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// The reply's token ids.
    pub tokens: Vec<u32>,
    /// The bits of each token's natural log-probability (IEEE 754 single).
    pub logprob_bits: Vec<u32>,
    /// Why the reply ended.
    pub finish: String,
}

/// Whose fault a failed rollout is. Trouble of this machine is never stored: it is tried again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fault {
    /// The model's; it scores 0.
    Model,
    /// The environment's; it scores for neither side.
    Environment,
}

impl Fault {
    fn name(self) -> &'static str {
        match self {
            Self::Model => "model",
            Self::Environment => "environment",
        }
    }
}

impl Store {
    /// Stores a finished rollout.
    ///
    /// # Errors
    /// If the database cannot be written, or the rollout is already there: nothing is counted twice.
    pub async fn add_rollout(&self, run: RunId, rollout: &RolloutRecord) -> Result<(), StoreError> {
        sqlx::query(
            "INSERT INTO rollouts (run_id, entry, environment, task, seed, replies, score, reason, fault, attempts, \
             seconds, reproducible) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        )
        .bind(run.0)
        .bind(rollout.entry as i64)
        .bind(rollout.environment as i64)
        .bind(i64::from(rollout.task))
        .bind(rollout.seed.cast_signed())
        .bind(serde_json::to_string(&rollout.replies).expect("replies are plain data"))
        .bind(rollout.score)
        .bind(&rollout.reason)
        .bind(rollout.fault.map(Fault::name))
        .bind(i64::from(rollout.attempts))
        .bind(rollout.seconds)
        .bind(rollout.reproducible)
        .execute(&self.pool)
        .await
        .map_err(self.failed("write a rollout to"))?;
        Ok(())
    }

    /// An entry's finished rollouts, by task, then environment.
    ///
    /// # Errors
    /// If the database cannot be read or a row is damaged.
    pub async fn rollouts(&self, run: RunId, entry: usize) -> Result<Vec<RolloutRecord>, StoreError> {
        let failed = self.failed("read");
        let rows = sqlx::query(
            "SELECT environment, task, seed, replies, score, reason, fault, attempts, seconds, reproducible FROM rollouts \
             WHERE run_id = ? AND entry = ? ORDER BY task, environment",
        )
        .bind(run.0)
        .bind(entry as i64)
        .fetch_all(&self.pool)
        .await
        .map_err(&failed)?;
        rows.into_iter()
            .map(|row| {
                let environment: u32 = row.try_get(0).map_err(&failed)?;
                let seed: i64 = row.try_get(2).map_err(&failed)?;
                let replies: String = row.try_get(3).map_err(&failed)?;
                let fault: Option<String> = row.try_get(6).map_err(&failed)?;
                Ok(RolloutRecord {
                    entry,
                    environment: environment as usize,
                    task: row.try_get(1).map_err(&failed)?,
                    seed: seed.cast_unsigned(),
                    replies: serde_json::from_str(&replies).map_err(self.damaged("read a rollout from"))?,
                    score: row.try_get(4).map_err(&failed)?,
                    reason: row.try_get(5).map_err(&failed)?,
                    fault: fault.map(|name| if name == "model" { Fault::Model } else { Fault::Environment }),
                    reproducible: row.try_get(9).map_err(&failed)?,
                    attempts: row.try_get(7).map_err(&failed)?,
                    seconds: row.try_get(8).map_err(&failed)?,
                })
            })
            .collect()
    }
}
