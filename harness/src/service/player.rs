//! Player: plays captured windows in order, verifies what it has written, and lets decisions come into force.

use std::fs::File;
use std::io::BufReader;
use std::path::Path;
use std::sync::Arc;

use tokio::runtime::Handle;
use tokio::select;
use tokio::task::spawn_blocking;

use super::error::ServiceError;
use super::link::Connect;
use super::observer::{head, pause, skip};
use super::supervisor::stopped;
use super::timeline::WindowState;
use super::validator::Validator;
use crate::agreed::AgreedRecord;
use crate::chain::{Chain, Subnet, Weights, WeightsFile};
use crate::clock::Stopwatch;
use crate::entry_pages::write_entry_pages;
use crate::evidence::audit;
use crate::exit_status::ExitStatus;
use crate::files::window_folder;
use crate::job::{EVIDENCE, WindowJob, publish};
use crate::problem::Problem;
use crate::registry::{DrandPulse, Hash32, Hotkey, RegistryState, read_commitments};
use crate::settings::Settings;
use crate::store::VerifiedDecision;
use crate::window::{Beginning, Unchallenged, prefetch};

/// Plays windows until the service is drained or stopped, on a thread of its own: a window reads and checks whole models
/// between its awaits.
pub(super) async fn play_windows<C: Connect>(validator: Arc<Validator<C>>) -> Result<(), ServiceError> {
    let runtime = Handle::current();
    let thread = spawn_blocking(move || {
        runtime.block_on(async {
            let mut stop = validator.stop.subscribe();
            select! {
                played = windows(&validator) => played,
                () = stopped(&mut stop) => Ok(()),
            }
        })
    });
    thread.await.unwrap_or_else(|error| std::panic::resume_unwind(error.into_panic()))
}

/// Plays window after window.
async fn windows<C: Connect>(validator: &Validator<C>) -> Result<(), ServiceError> {
    let mut changes = validator.changes.subscribe();
    loop {
        changes.borrow_and_update();
        let (next, paused, draining) = {
            let state = validator.state();
            (state.timeline.to_play(), state.paused, state.draining)
        };
        if draining {
            tracing::info!("drained");
            validator.end();
            return Ok(());
        }
        let Some(seed_block) = next.filter(|_| !paused) else {
            if changes.changed().await.is_err() {
                return Ok(());
            }
            continue;
        };
        let _playing = validator.playing.lock().await;
        validator.state().window = Some(seed_block);
        // What is finished is stored: a window that makes room loses what is in flight, and is played on.
        let played = select! {
            played = play(validator, seed_block) => Some(played),
            () = validator.interrupt.notified() => None,
        };
        validator.state().window = None;
        if let Some(played) = played {
            played?;
        }
    }
}

/// Plays one window, from its beginning or where an earlier process has left it.
async fn play<C: Connect>(validator: &Validator<C>, seed_block: u64) -> Result<(), ServiceError> {
    let watch = Stopwatch::start();
    let registry = match registry(validator, seed_block).await? {
        Ok(registry) => registry,
        Err(reason) => return skip(validator, seed_block, reason).await,
    };
    let context = validator.context().await?;
    let settings = context.settings.clone();
    let given = given_record(validator, &settings, &registry)?;
    let job = WindowJob {
        settings: &settings,
        key: &validator.key,
        context: &context,
        store: &validator.store,
        unchallenged: Unchallenged::Rests,
    };
    let (conclusion, timings) = Box::pin(job.run(registry, given)).await?;
    let weights = Weights::new(&conclusion);
    WeightsFile::new(settings.output.clone()).submit(&weights).await.map_err(Problem::from)?;
    publish(&settings, &conclusion, (watch, &timings), validator.database.clone())?;
    if conclusion.champion.is_none() {
        return skip(validator, seed_block, "no model was admitted, so nobody holds the weight".to_owned()).await;
    }
    let champion = conclusion.holder().map(|place| conclusion.entries[place].entry.hotkey.clone());
    let log = verified(&settings, seed_block, champion.clone()).await?;
    let decision = VerifiedDecision { log, champion, weights };
    validator.store.add_decision(&decision).await?;
    tracing::info!(
        window = seed_block,
        champion = decision.champion.as_ref().map(|champion| champion.0.as_str()),
        log = decision.log,
        "decided and verified"
    );
    validator.state().timeline.end(seed_block, WindowState::Decided(Arc::new(decision)));
    validator.changed();
    // Nothing rests on them: the decision is in force already.
    let folder = window_folder(&settings.output, seed_block);
    if let Err(problem) = Box::pin(write_entry_pages(&conclusion, &context, &folder)).await {
        tracing::warn!(window = seed_block, error = problem.summary, "cannot write the pages of replies");
    }
    Ok(())
}

/// The registry of a captured window, or the reason for which nothing can be played.
async fn registry<C: Connect>(
    validator: &Validator<C>,
    seed_block: u64,
) -> Result<Result<RegistryState, String>, ServiceError> {
    let netuid = validator.identity.netuid;
    let window = validator.store.window(netuid, seed_block).await?;
    let recorded = window.map(|window| window.recorded);
    let Some((snapshot, pulse)) = recorded.and_then(|recorded| Some((recorded.snapshot, recorded.pulse?))) else {
        return Ok(Err("its beginning is not recorded".to_owned()));
    };
    let before = validator.store.ledger_before(netuid, seed_block).await?;
    let registry = read_commitments(&snapshot, &pulse, &before).registry;
    Ok(if registry.entries.is_empty() { Err("nobody has committed a model".to_owned()) } else { Ok(registry) })
}

/// The record that the settings name, where this validator has decided no later window itself.
fn given_record<C: Connect>(
    validator: &Validator<C>,
    settings: &Settings,
    registry: &RegistryState,
) -> Result<Option<Beginning>, ServiceError> {
    let Some(path) = &settings.record else { return Ok(None) };
    let agreed = AgreedRecord::read(path, registry.netuid, registry.seed_block).map_err(Problem::from)?;
    let state = validator.state();
    let own = state.timeline.latest().find(|(_, state)| matches!(state, WindowState::Decided(_)));
    let is_newer = own.is_none_or(|(seed_block, _)| seed_block < agreed.seed_block);
    Ok(is_newer.then(|| agreed.beginning()))
}

/// Reads a window's evidence back from the disk and checks it as an auditor would; the hash of its last record.
async fn verified(settings: &Settings, seed_block: u64, champion: Option<Hotkey>) -> Result<String, ServiceError> {
    let path = window_folder(&settings.output, seed_block).join(EVIDENCE);
    // Signatures are checked and the window is decided again: work for a thread of its own.
    let runtime = Handle::current();
    let checked = spawn_blocking(move || runtime.block_on(check_log(&path, seed_block, champion)));
    let checked = checked.await.unwrap_or_else(|panic| Err(panic.to_string()));
    checked.map_err(|cause| ServiceError::Unverified { seed_block, cause })
}

async fn check_log(path: &Path, seed_block: u64, champion: Option<Hotkey>) -> Result<String, String> {
    let file = File::open(path).map_err(|error| error.to_string())?;
    let (audited, log) = audit(BufReader::new(file)).await.map_err(|error| error.to_string())?;
    let holder = audited.champion.as_deref().unwrap_or("nobody");
    if (log.terms.seed_block, &audited.champion) != (seed_block, &champion.map(|champion| champion.0)) {
        return Err(format!("it gives the weight to {holder} in window {}", log.terms.seed_block));
    }
    Ok(audited.hash)
}

/// Fetches and checks the models of new commitments while a window plays, so that the next one begins at once.
pub(super) async fn prefetch_models<C: Connect>(validator: Arc<Validator<C>>) -> Result<(), ServiceError> {
    let every = validator.state().settings.service.prefetch_blocks;
    let netuid = validator.identity.netuid;
    let mut heads = validator.head.subscribe();
    let (mut looked, mut known) = (None, std::collections::BTreeSet::new());
    loop {
        let Some(block) = head(&validator).await else { return Ok(()) };
        let is_time = every > 0 && looked.is_none_or(|looked| block.number >= looked + every);
        if is_time && !validator.state().paused {
            looked = Some(block.number);
            let snapshot = validator.link.ask("snapshot", |subnet| async move { subnet.snapshot(&block).await }).await;
            let Ok(snapshot) = snapshot else {
                tokio::time::sleep(pause(&validator)).await;
                continue;
            };
            let before = validator.store.ledger_before(netuid, block.number + 1).await?;
            // The seed of a window that has not begun is not known, and not needed to read its entries.
            let pulse = DrandPulse { round: 0, randomness: Hash32([0; 32]) };
            let entries = read_commitments(&snapshot, &pulse, &before).registry.entries;
            for entry in entries {
                if !known.insert(entry.model.to_string()) {
                    continue;
                }
                let context = validator.context().await?;
                if let Err(error) = prefetch(&entry.model, &context.loader, &validator.store).await {
                    // Its window tries again.
                    known.remove(&entry.model.to_string());
                    let problem = Problem::from(error);
                    if problem.status == ExitStatus::Store {
                        return Err(problem.into());
                    }
                    tracing::info!(entry = entry.label(), error = problem.summary, "cannot fetch the model ahead");
                }
            }
        }
        if heads.changed().await.is_err() {
            return Ok(());
        }
    }
}
