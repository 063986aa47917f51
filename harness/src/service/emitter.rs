//! Emitter: submits the row of the decision in force on schedule, and reads back what the chain holds.

use std::sync::Arc;
use std::time::Duration;

use tokio::select;

use super::emission::Emission;
use super::error::ServiceError;
use super::link::Connect;
use super::validator::Validator;
use super::weight_log::{Pending, same_row};
use crate::chain::{AppliedRow, RevealTarget, Submission, Subnet, weight_row};
use crate::registry::{BlockRef, Hotkey};
use crate::store::{VerifiedDecision, WeightEvent};

/// Blocks until the next try after a row that cannot be made: somebody has to register, stake or upgrade.
const AFTER_REFUSAL: u64 = 10;

/// Blocks until the next try after a row that the pool or the runtime has refused: a fresh nonce and era may do.
const AFTER_FAILURE: u64 = 2;

/// Keeps the chain's row that of the decision in force.
pub(super) async fn emit_weights<C: Connect>(validator: Arc<Validator<C>>) -> Result<(), ServiceError> {
    let Some(hotkey) = validator.identity.hotkey.clone() else {
        tracing::info!("no hotkey: this validator decides and sets no weights");
        return Ok(());
    };
    let (mut heads, mut changes) = (validator.head.subscribe(), validator.changes.subscribe());
    loop {
        let head = *heads.borrow_and_update();
        changes.borrow_and_update();
        if let Some(head) = head {
            let emitter = Emitter { validator: &validator, hotkey: &hotkey, head };
            match emitter.step().await {
                Err(ServiceError::Subnet(error)) => tracing::warn!(%error, "cannot read or set the weights yet"),
                done => done?,
            }
        }
        select! {
            changed = heads.changed() => if changed.is_err() { return Ok(()) },
            _ = changes.changed() => {}
        }
    }
}

/// One look at the weights, at one block.
struct Emitter<'a, C: Connect> {
    validator: &'a Validator<C>,
    hotkey: &'a Hotkey,
    head: BlockRef,
}

impl<C: Connect> Emitter<'_, C> {
    async fn step(&self) -> Result<(), ServiceError> {
        let to_verify = self.validator.state().weights.to_verify(self.head.number).cloned();
        if let Some(pending) = to_verify {
            self.read_back(&pending).await?;
        }
        let Some((seed_block, decision)) = self.due(None) else { return Ok(()) };
        let applied = self.applied().await?;
        self.resolve_doubt(&applied).await?;
        // The chain's own account of the last update counts.
        if self.due(Some(applied.last_update)).is_none() {
            return Ok(());
        }
        self.submit(seed_block, &decision, applied.last_update).await
    }

    /// The decision in force, if its row is due now.
    fn due(&self, last_update: Option<u64>) -> Option<(u64, Arc<VerifiedDecision>)> {
        let head = self.head.number;
        let state = self.validator.state();
        let (seed_block, decision) = state.timeline.in_force(head)?;
        let emission = Emission {
            in_force: Some(seed_block),
            next_switch: self.validator.length.switch_block(self.validator.length.seed_block(head)),
            sent: state.weights.sent(),
            last_update: last_update.or(state.last_update).unwrap_or(0),
        };
        // Before the parameters are known the row is looked at, and they are read.
        let due = state.rule().map_or(Some(0), |rule| rule.due(&emission))?;
        (due <= head && state.not_before <= head).then(|| (seed_block, Arc::clone(decision)))
    }

    async fn applied(&self) -> Result<AppliedRow, ServiceError> {
        let hotkey = self.hotkey;
        let applied = self.validator.link.ask("weights", |subnet| async move { subnet.applied(hotkey).await }).await?;
        self.validator.state().last_update = Some(applied.last_update);
        Ok(applied)
    }

    /// Compares the chain's row with one that it should hold.
    async fn read_back(&self, pending: &Pending) -> Result<(), ServiceError> {
        let Pending { seed_block, block, row, reveal } = pending;
        let applied = self.applied().await?;
        let at = applied.block.max(self.head.number);
        if same_row(&applied.row, &row.pairs) && applied.last_update >= *block {
            if reveal.is_some() {
                self.validator.weight_event(*seed_block, WeightEvent::Revealed { block: at }).await?;
            }
            return self.validator.weight_event(*seed_block, WeightEvent::Applied { block: at }).await;
        }
        // The chain reveals a row in some block of an epoch, and tells nobody when it fails to.
        let tempo = self.validator.state().rule().map_or(0, |rule| rule.tempo);
        if reveal.is_some_and(|reveal| at < reveal.block.saturating_add(tempo)) {
            return Ok(());
        }
        self.validator.weight_event(*seed_block, WeightEvent::Differs { block: at, row: applied.row }).await
    }

    /// Settles a row whose fate was not known, if the chain has taken one since.
    async fn resolve_doubt(&self, applied: &AppliedRow) -> Result<(), ServiceError> {
        let doubt = self.validator.state().in_doubt.clone();
        let Some((seed_block, row, before)) = doubt else { return Ok(()) };
        if applied.last_update > before {
            let block = applied.last_update;
            let reveal = self.validator.state().parameters.as_ref().and_then(|parameters| {
                let epochs = parameters.commit_reveal?.period.saturating_add(1);
                let blocks = epochs.saturating_mul(u64::from(parameters.tempo) + 1);
                Some(RevealTarget { round: 0, block: block.saturating_add(blocks) })
            });
            self.validator.state().in_doubt = None;
            self.validator.weight_event(seed_block, WeightEvent::Submitted { block, row, reveal }).await?;
        }
        Ok(())
    }

    async fn submit(&self, seed_block: u64, decision: &VerifiedDecision, last_update: u64) -> Result<(), ServiceError> {
        let Self { validator, hotkey, head } = *self;
        let snapshot = validator.link.ask("snapshot", |subnet| async move { subnet.snapshot(&head).await }).await?;
        validator.state().parameters = Some(snapshot.parameters.clone());
        if self.due(Some(last_update)).is_none() {
            return Ok(());
        }
        let row = match weight_row(&decision.weights, &snapshot, hotkey, validator.identity.version_key) {
            Ok(row) => row,
            Err(refusal) => return self.refused(seed_block, refusal.to_string(), AFTER_REFUSAL).await,
        };
        validator.state().in_doubt = Some((seed_block, row.clone(), last_update));
        let limit = Duration::from_secs(validator.state().settings.service.submit_seconds);
        let sent = row.clone();
        let submission =
            validator.link.ask_within(limit, "submit", |subnet| async move { subnet.submit(&sent).await }).await;
        let submission = match submission {
            Ok(submission) => submission,
            Err(error) => {
                // Its fate is not known: the next look reads the chain before it sends anything.
                validator.state().not_before = head.number + 1;
                return Err(error.into());
            }
        };
        validator.state().in_doubt = None;
        match submission {
            Submission::Finalized { block, reveal } => {
                validator.state().last_update = Some(block.number);
                let event = WeightEvent::Submitted { block: block.number, row, reveal };
                validator.weight_event(seed_block, event).await
            }
            Submission::RateLimited { until } => {
                validator.state().not_before = until;
                Ok(())
            }
            Submission::Rejected { reason } => self.refused(seed_block, reason, AFTER_FAILURE).await,
            Submission::IncludedFailed { block, error } => {
                let reason = format!("block {} holds it and its call failed: {error}", block.number);
                self.refused(seed_block, reason, AFTER_FAILURE).await
            }
        }
    }

    async fn refused(&self, seed_block: u64, reason: String, pause: u64) -> Result<(), ServiceError> {
        self.validator.state().not_before = self.head.number + pause;
        let event = WeightEvent::Refused { block: self.head.number, reason };
        self.validator.weight_event(seed_block, event).await
    }
}
