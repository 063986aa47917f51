//! The tables `decisions` and `weight_events`: verified decisions, and what became of their rows on the chain.

use serde::{Deserialize, Serialize};

use super::statement::Statement;
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
        let insert = "INSERT INTO decisions (netuid, seed_block, log, champion, weights, decided_at) \
                      VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT DO NOTHING";
        let insert = Statement::new(insert)
            .with(decision.weights.netuid)
            .with(decision.weights.seed_block)
            .with(&decision.log)
            .with(decision.champion.as_ref().map_or("", |champion| &champion.0))
            .with(serde_json::to_string(&decision.weights).expect("weights are plain data"))
            .with(clock::unix_seconds());
        self.execute("write to", insert).await?;
        Ok(())
    }

    /// The subnet's verified decisions, in order.
    ///
    /// # Errors
    /// If the database cannot be read or a row is damaged.
    pub(crate) async fn decisions(&self, netuid: u16) -> Result<Vec<VerifiedDecision>, StoreError> {
        let select = "SELECT log, champion, weights FROM decisions WHERE netuid = $1 ORDER BY seed_block";
        let rows = self.rows("read", Statement::new(select).with(netuid)).await?;
        let decision = |row| {
            let weights = self.json(row, "weights", "read a decision in")?;
            let champion = Some(Hotkey(self.text(row, "champion")?)).filter(|champion| !champion.0.is_empty());
            Ok(VerifiedDecision { log: self.text(row, "log")?, champion, weights })
        };
        rows.iter().map(decision).collect()
    }

    /// Records what became of a decision's row; what is recorded already is not recorded again.
    ///
    /// # Errors
    /// If the database cannot be written.
    pub(crate) async fn add_weight_event(
        &self,
        netuid: u16,
        seed_block: u64,
        event: &WeightEvent,
    ) -> Result<(), StoreError> {
        // Every event names its block, so that the same one is never seen twice.
        let insert = "INSERT INTO weight_events (netuid, seed_block, body, seen_at) SELECT $1, $2, $3, $4 \
                      WHERE NOT EXISTS (SELECT 1 FROM weight_events \
                                        WHERE netuid = $1 AND seed_block = $2 AND body = $3)";
        let insert = Statement::new(insert)
            .with(netuid)
            .with(seed_block)
            .with(serde_json::to_string(event).expect("an event is plain data"))
            .with(clock::unix_seconds());
        self.execute("write to", insert).await?;
        Ok(())
    }

    /// The latest of what became of the subnet's rows, in order, with the seed blocks of their windows.
    ///
    /// # Errors
    /// If the database cannot be read or a row is damaged.
    pub(crate) async fn weight_events(&self, netuid: u16, most: u32) -> Result<Vec<(u64, WeightEvent)>, StoreError> {
        let select = "SELECT seed_block, body FROM weight_events WHERE netuid = $1 ORDER BY id DESC LIMIT $2";
        let rows = self.rows("read", Statement::new(select).with(netuid).with(most)).await?;
        let event = |row| Ok((self.bits(row, "seed_block")?, self.json(row, "body", "read an event in")?));
        rows.iter().rev().map(event).collect()
    }
}

#[cfg(test)]
mod tests;
