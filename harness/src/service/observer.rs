//! Observer: follows the finalized head, and records each window's entries and seed at its first block.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::sleep;

use super::error::ServiceError;
use super::link::Connect;
use super::timeline::WindowState;
use super::validator::Validator;
use crate::chain::{Subnet, SubnetError};
use crate::clock::Stopwatch;
use crate::registry::{BlockRef, RecordedSnapshot, read_commitments};
use crate::store::{CapturedWindow, SkippedWindow};

/// Blocks without a new head after which the endpoint is changed.
const STILL: u32 = 3;

/// Looks at the head in the time of a block.
const LOOKS: u32 = 2;

/// Follows the finalized head. A node whose head stands still is changed, also where it answers every request.
pub(super) async fn follow_head<C: Connect>(validator: Arc<Validator<C>>) -> Result<(), ServiceError> {
    let block_time = validator.block_time();
    let mut still = Stopwatch::start();
    let mut latest = validator.head.borrow().map(|head| head.number);
    loop {
        let head = validator.link.ask("finalized head", |subnet| async move { subnet.finalized_head().await }).await;
        match head {
            Ok(head) if latest.is_none_or(|latest| head.number > latest) => {
                still = Stopwatch::start();
                latest = Some(head.number);
                validator.state().head_seen = Some(still);
                validator.head.send_replace(Some(head));
            }
            Ok(_) => {}
            Err(error) => tracing::warn!(%error, "cannot read the finalized head"),
        }
        if still.elapsed() > block_time * STILL {
            validator.link.rotate("no new finalized block in the time of three blocks").await;
            still = Stopwatch::start();
        }
        sleep(block_time / LOOKS).await;
    }
}

/// Records every window's beginning. One that cannot be recorded within its time is left out, with the reason.
pub(super) async fn capture_windows<C: Connect>(validator: Arc<Validator<C>>) -> Result<(), ServiceError> {
    let mut heads = validator.head.subscribe();
    let mut failed = 0;
    loop {
        let head = *heads.borrow_and_update();
        let next = head.and_then(|head| validator.state().timeline.to_capture(head.number).map(|next| (head, next)));
        let Some((head, seed_block)) = next else {
            if heads.changed().await.is_err() {
                return Ok(());
            }
            continue;
        };
        let is_over = validator.state().timeline.is_over(seed_block, head.number);
        let reason = match capture(&validator, seed_block).await {
            Ok(Some(window)) => {
                failed = 0;
                validator.store.add_window(validator.identity.netuid, &window).await?;
                let mut state = validator.state();
                state.parameters = Some(window.recorded.snapshot.parameters);
                state.timeline.capture(seed_block);
                drop(state);
                tracing::info!(window = seed_block, "captured");
                validator.changed();
                continue;
            }
            Ok(None) => "the chain has no drand pulse after its first block".to_owned(),
            Err(error) => error.to_string(),
        };
        failed += 1;
        tracing::warn!(window = seed_block, reason, "cannot capture the window yet");
        // Every endpoint was asked, and the window is one of the past: what is gone does not come back.
        if is_over && failed > validator.link.endpoints() {
            skip(&validator, seed_block, format!("it could not be read from the chain: {reason}")).await?;
            failed = 0;
        } else {
            sleep(validator.block_time() / LOOKS).await;
        }
    }
}

/// The beginning of a window; none while the chain has no drand pulse after its first block.
async fn capture<C: Connect>(validator: &Validator<C>, seed_block: u64) -> Result<Option<CapturedWindow>, SubnetError> {
    let link = &validator.link;
    let block = link.ask("block", |subnet| async move { subnet.block(seed_block).await }).await?;
    let drand = link.ask("drand pulse", |subnet| async move { subnet.drand_after(&block).await }).await?;
    let Some(pulse) = drand else { return Ok(None) };
    let snapshot = link.ask("snapshot", |subnet| async move { subnet.snapshot(&block).await }).await?;
    let endpoint = link.endpoint();
    let answer = |cause: String| SubnetError::Answer { endpoint, request: "snapshot", cause };
    if let Some(contradiction) = snapshot.contradiction() {
        link.rotate(&contradiction).await;
        return Err(answer(contradiction));
    }
    if (snapshot.netuid, snapshot.block) != (validator.identity.netuid, block) {
        link.rotate("a snapshot of another subnet or block").await;
        return Err(answer(format!("a snapshot of subnet {} at block {}", snapshot.netuid, snapshot.block.number)));
    }
    let ledger = validator.store.ledger_before(validator.identity.netuid, seed_block).await;
    let before = ledger.map_err(|error| answer(error.to_string()))?;
    let reading = read_commitments(&snapshot, &pulse, &before);
    for not_taken in &reading.not_taken {
        tracing::debug!(window = seed_block, %not_taken, "a commitment is not taken");
    }
    let recorded = RecordedSnapshot { snapshot, pulse: Some(pulse) };
    Ok(Some(CapturedWindow { recorded, ledger: reading.ledger }))
}

/// Leaves a window without a decision.
pub(super) async fn skip<C: Connect>(
    validator: &Validator<C>,
    seed_block: u64,
    reason: String,
) -> Result<(), ServiceError> {
    tracing::warn!(window = seed_block, reason, "the window gives no decision");
    let skipped = SkippedWindow { seed_block, reason: reason.clone() };
    validator.store.skip_window(validator.identity.netuid, &skipped).await?;
    validator.state().timeline.end(seed_block, WindowState::Without(reason));
    validator.changed();
    Ok(())
}

/// The latest finalized block, waited for.
pub(super) async fn head<C: Connect>(validator: &Validator<C>) -> Option<BlockRef> {
    let mut heads = validator.head.subscribe();
    heads.wait_for(Option::is_some).await.ok().and_then(|head| *head)
}

/// Pause of a task after the chain could not be asked.
pub(super) fn pause<C: Connect>(validator: &Validator<C>) -> Duration {
    validator.block_time() / LOOKS
}
