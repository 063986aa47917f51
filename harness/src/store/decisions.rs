//! The tables `decisions` and `weight_events`: verified decisions, and what became of their rows on the chain.

use serde::{Deserialize, Serialize};
use sqlx::Row;

use super::{Store, StoreError};
use crate::chain::{RevealTarget, WeightRow, Weights};
use crate::clock;
use crate::registry::{Hotkey, Uid};

/// A verified decision: its evidence is written, was read back, and holds.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct VerifiedDecision {
    /// Hash of the last record of its evidence.
    pub(crate) log: String,
    /// The holder of the weight; none if all is burned, since the crown is vacant.
    pub(crate) champion: Option<Hotkey>,
    /// The weights.
    pub(crate) weights: Weights,
}

/// Something that happened to a decision's row of weights.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case", deny_unknown_fields)]
pub(crate) enum WeightEvent {
    /// A finalized block holds it.
    Submitted {
        /// The block.
        block: u64,
        /// The row.
        row: WeightRow,
        /// The reveal to come; none where the row holds at once.
        reveal: Option<RevealTarget>,
    },
    /// The block of its reveal has passed.
    Revealed {
        /// The block at which this was seen.
        block: u64,
    },
    /// The chain holds the row as it was submitted.
    Applied {
        /// The block at which it was read.
        block: u64,
    },
    /// The chain holds another row although it should hold this one.
    Differs {
        /// The block at which it was read.
        block: u64,
        /// The row that it holds.
        row: Vec<(Uid, u16)>,
    },
    /// It was not submitted, or its call failed.
    Refused {
        /// The block at which it was tried.
        block: u64,
        /// The reason.
        reason: String,
    },
}

impl WeightEvent {
    /// The event's word.
    pub(crate) fn word(&self) -> &'static str {
        match self {
            Self::Submitted { .. } => "submitted",
            Self::Revealed { .. } => "revealed",
            Self::Applied { .. } => "applied",
            Self::Differs { .. } => "differs",
            Self::Refused { .. } => "refused",
        }
    }
}

impl Store {
    /// Records a window's verified decision; one that is recorded already stays.
    ///
    /// # Errors
    /// If the database cannot be written.
    pub(crate) async fn add_decision(&self, decision: &VerifiedDecision) -> Result<(), StoreError> {
        let insert = "INSERT OR IGNORE INTO decisions (netuid, seed_block, log, champion, weights, decided_at) \
                      VALUES (?, ?, ?, ?, ?, ?)";
        sqlx::query(insert)
            .bind(i64::from(decision.weights.netuid))
            .bind(decision.weights.seed_block.cast_signed())
            .bind(&decision.log)
            .bind(decision.champion.as_ref().map_or("", |champion| &champion.0))
            .bind(serde_json::to_string(&decision.weights).expect("weights are plain data"))
            .bind(clock::unix_seconds())
            .execute(&self.pool)
            .await
            .map_err(self.failed("write to"))?;
        Ok(())
    }

    /// The subnet's verified decisions, in order.
    ///
    /// # Errors
    /// If the database cannot be read or a row is damaged.
    pub(crate) async fn decisions(&self, netuid: u16) -> Result<Vec<VerifiedDecision>, StoreError> {
        let failed = self.failed("read");
        let rows = sqlx::query("SELECT log, champion, weights FROM decisions WHERE netuid = ? ORDER BY seed_block")
            .bind(i64::from(netuid))
            .fetch_all(&self.pool)
            .await
            .map_err(&failed)?;
        let decision = |row: &sqlx::sqlite::SqliteRow| {
            let text = |column| row.try_get::<String, _>(column).map_err(&failed);
            let weights = serde_json::from_str(&text("weights")?).map_err(self.damaged("read a decision in"))?;
            let champion = Some(Hotkey(text("champion")?)).filter(|champion| !champion.0.is_empty());
            Ok(VerifiedDecision { log: text("log")?, champion, weights })
        };
        rows.iter().map(decision).collect()
    }

    /// Records what became of a decision's row.
    ///
    /// # Errors
    /// If the database cannot be written.
    pub(crate) async fn add_weight_event(
        &self,
        netuid: u16,
        seed_block: u64,
        event: &WeightEvent,
    ) -> Result<(), StoreError> {
        sqlx::query("INSERT INTO weight_events (netuid, seed_block, body, seen_at) VALUES (?, ?, ?, ?)")
            .bind(i64::from(netuid))
            .bind(seed_block.cast_signed())
            .bind(serde_json::to_string(event).expect("an event is plain data"))
            .bind(clock::unix_seconds())
            .execute(&self.pool)
            .await
            .map_err(self.failed("write to"))?;
        Ok(())
    }

    /// The latest of what became of the subnet's rows, in order, with the seed blocks of their windows.
    ///
    /// # Errors
    /// If the database cannot be read or a row is damaged.
    pub(crate) async fn weight_events(&self, netuid: u16, most: u32) -> Result<Vec<(u64, WeightEvent)>, StoreError> {
        let failed = self.failed("read");
        let rows = sqlx::query("SELECT seed_block, body FROM weight_events WHERE netuid = ? ORDER BY id DESC LIMIT ?")
            .bind(i64::from(netuid))
            .bind(most)
            .fetch_all(&self.pool)
            .await
            .map_err(&failed)?;
        let event = |row: &sqlx::sqlite::SqliteRow| {
            let seed_block: i64 = row.try_get("seed_block").map_err(&failed)?;
            let body: String = row.try_get("body").map_err(&failed)?;
            let event = serde_json::from_str(&body).map_err(self.damaged("read an event in"))?;
            Ok((seed_block.cast_unsigned(), event))
        };
        rows.iter().rev().map(event).collect()
    }
}

#[cfg(test)]
mod tests;
