//! Publisher: states on chain which log the latest decision rests on, before it comes into force.

use std::fs::File;
use std::io::BufReader;
use std::sync::Arc;
use std::time::Duration;

use tokio::select;
use tokio::task::spawn_blocking;

use super::error::ServiceError;
use super::link::Connect;
use super::timeline::WindowState;
use super::validator::Validator;
use crate::chain::{Submission, Subnet, WindowRoot};
use crate::evidence::digest;
use crate::files::window_folder;
use crate::job::EVIDENCE;
use crate::registry::Hash32;
use crate::store::VerifiedDecision;

/// Blocks until the next try after a publication that the chain has not taken: its quota is one of an epoch.
const AFTER_REFUSAL: u64 = 100;

/// Publishes the root of every decision, the latest first, if the settings ask for it.
pub(super) async fn publish_roots<C: Connect>(validator: Arc<Validator<C>>) -> Result<(), ServiceError> {
    let Some(hotkey) = validator.identity.hotkey.clone().filter(|_| validator.state().settings.chain.publish_roots)
    else {
        return Ok(());
    };
    let (mut heads, mut changes) = (validator.head.subscribe(), validator.changes.subscribe());
    let (mut published, mut not_before) = (None, 0);
    loop {
        let head = heads.borrow_and_update().map(|head| head.number);
        changes.borrow_and_update();
        let latest = latest(&validator).filter(|decision| published != Some(decision.weights.seed_block));
        if let (Some(head), Some(decision)) = (head.filter(|head| *head >= not_before), latest) {
            let root = root(&validator, &decision).await?;
            let window = root.window;
            let (whose, stated) = (&hotkey, &root);
            let known = validator.link.ask("root", |subnet| async move { subnet.published(whose).await });
            match known.await {
                Ok(Some((known, _))) if known == root => published = Some(window),
                Err(error) => tracing::warn!(%error, "cannot read the published root yet"),
                Ok(_) => {
                    let limit = Duration::from_secs(validator.state().settings.service.submit_seconds);
                    let publish = |subnet: Arc<C::Subnet>| async move { subnet.publish(stated).await };
                    match validator.link.ask_within(limit, "publish", publish).await {
                        Ok(Submission::Finalized { block, .. }) => {
                            tracing::info!(window, block = block.number, log = %root.log, "the root of its evidence is published");
                            published = Some(window);
                        }
                        Ok(outcome) => {
                            tracing::warn!(window, ?outcome, "the chain has not taken the root");
                            not_before = head + AFTER_REFUSAL;
                        }
                        Err(error) => tracing::warn!(%error, "cannot publish the root yet"),
                    }
                }
            }
        }
        select! {
            changed = heads.changed() => if changed.is_err() { return Ok(()) },
            _ = changes.changed() => {}
        }
    }
}

/// The latest verified decision.
fn latest<C: Connect>(validator: &Validator<C>) -> Option<Arc<VerifiedDecision>> {
    let state = validator.state();
    state.timeline.latest().find_map(|(_, state)| match state {
        WindowState::Decided(decision) => Some(Arc::clone(decision)),
        _ => None,
    })
}

/// The root of a decision, whose rule its evidence names.
async fn root<C: Connect>(validator: &Validator<C>, decision: &VerifiedDecision) -> Result<WindowRoot, ServiceError> {
    let (window, output) = (decision.weights.seed_block, validator.state().settings.output.clone());
    let path = window_folder(&output, window).join(EVIDENCE);
    let unverified = |cause: String| ServiceError::Unverified { seed_block: window, cause };
    let reading = spawn_blocking(move || {
        let file = File::open(path).map_err(|error| error.to_string())?;
        digest(BufReader::new(file)).map_err(|error| error.to_string())
    });
    let read = reading.await.unwrap_or_else(|panic| Err(panic.to_string())).map_err(unverified)?;
    let hash = |text: &str| Hash32::try_from(text.to_owned()).map_err(|_| unverified("its hash is none".to_owned()));
    Ok(WindowRoot::new(window, hash(&decision.log)?, decision.champion.as_ref(), hash(&read.rule)?))
}
