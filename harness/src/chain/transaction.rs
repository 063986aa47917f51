//! A transaction from preparation to its fate in finalized blocks.
//!
//! Its fate is found by looking for it in every finalized block of its life, by any endpoint: what a pool says of it, and
//! best blocks that do not stay, decide nothing. One that no block of its life holds is dead for good.

use serde_json::json;
use subxt::utils::AccountId32;

use super::calls::Call;
use super::endpoint::{Endpoint, Query, RequestError, hex_json};
use super::epochs::{reveal_block, reveal_round};
use super::reading::{address, applied, snapshot_parameters};
use super::runtime::Runtime;
use super::signer::{Mortality, Order};
use super::{RevealTarget, Submission, SubnetError, WeightRow, commit_reveal};
use crate::registry::{BlockRef, CommitReveal, Hash32, SubnetParameters};

/// Blocks of a transaction's life at most.
const LONGEST_LIFE: u64 = 64;

/// Blocks of a transaction's life at least: finalization lags some blocks behind.
const SHORTEST_LIFE: u64 = 16;

/// A call that is ready to be signed, and what it says.
#[derive(Debug, Clone)]
pub(crate) struct Prepared {
    /// Name of the call.
    pub label: String,
    /// The order to sign.
    pub order: Order,
    /// The reveal to come, where the row is committed.
    pub reveal: Option<RevealTarget>,
}

/// A signed transaction, and the blocks in which it can be.
#[derive(Debug, Clone)]
pub(crate) struct Sent {
    /// Its bytes, as hexadecimal digits after `0x`.
    pub extrinsic: String,
    /// The next block to look into.
    pub next: u64,
    /// The last block of its life.
    pub last: u64,
}

/// Answer of a node's pool to a transaction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum PoolAnswer {
    /// It was taken.
    Taken,
    /// It was refused because the row comes too early.
    TooEarly,
    /// It was refused for this reason.
    Refused(String),
}

/// Outcome of a look at the finalized blocks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Seen {
    /// In no block up to the one before `next`.
    NotYet {
        /// The next block to look into.
        next: u64,
    },
    /// In this block, with this outcome of its call.
    Included {
        /// The block.
        block: BlockRef,
        /// The outcome.
        outcome: Result<(), String>,
    },
}

/// Prepares the call of a row at the chain's head, tried against the runtime; or says that the row comes too early.
pub(crate) async fn prepare_row(
    endpoint: &Endpoint,
    row: &WeightRow,
    account: &AccountId32,
) -> Result<Result<Prepared, Submission>, SubnetError> {
    let head = endpoint.best_head().await?;
    let runtime = endpoint.runtime(head.hash).await?;
    let subnet = (row.netuid, row.mechanism);
    let parameters = snapshot_parameters(endpoint, &runtime, head.hash, subnet).await?;
    let held = applied(endpoint, &head, subnet, &address(account)).await?;
    let until = held.last_update + parameters.weights_rate_limit;
    if held.last_update > 0 && head.number + 1 < until {
        return Ok(Err(Submission::RateLimited { until }));
    }
    let (call, reveal) = match parameters.commit_reveal {
        None => (Call::set_weights(row, &runtime), None),
        Some(scheme) => committed(row, &runtime, account, (&head, &parameters), scheme)?,
    };
    let life = parameters.weights_rate_limit.clamp(SHORTEST_LIFE, LONGEST_LIFE);
    // The next lower power of two: a stuck transaction is dead before the next row may be sent.
    let period = 1 << life.ilog2();
    Ok(Ok(prepare(endpoint, &runtime, &call, account, (reveal, period)).await?))
}

/// The call that commits a row, and its reveal.
fn committed(
    row: &WeightRow,
    runtime: &Runtime,
    account: &AccountId32,
    (head, parameters): (&BlockRef, &SubnetParameters),
    scheme: CommitReveal,
) -> Result<(Call, Option<RevealTarget>), SubnetError> {
    let trouble = |problem: String| SubnetError::Runtime { spec_version: runtime.spec_version(), problem };
    if scheme.version != commit_reveal::SCHEME {
        let (found, known) = (scheme.version, commit_reveal::SCHEME);
        return Err(trouble(format!(
            "its commit-reveal has version {found} and this program writes {known}: upgrade it"
        )));
    }
    let block_ms = runtime.block_ms().ok_or_else(|| trouble("it tells no block time".to_owned()))?;
    let block = reveal_block(row.netuid, parameters, head.number, scheme.period).ok_or_else(|| {
        SubnetError::Absent(format!("subnet {} has no epochs, so that no row is revealed", row.netuid))
    })?;
    let round = reveal_round(head.unix_ms, block - head.number, block_ms);
    let sealed = commit_reveal::encrypt(&commit_reveal::payload(row, &account.0), round)?;
    Ok((Call::commit_weights(row, runtime, (sealed, round), scheme), Some(RevealTarget { round, block })))
}

/// Prepares a call: its bytes tried against the runtime, a nonce read now, and a life that begins at the finalized head.
pub(crate) async fn prepare(
    endpoint: &Endpoint,
    runtime: &Runtime,
    call: &Call,
    account: &AccountId32,
    (reveal, period): (Option<RevealTarget>, u64),
) -> Result<Prepared, SubnetError> {
    let bytes = call.encode(runtime)?;
    let nonce = endpoint.ask("system_accountNextIndex", &[json!(account.to_string())]).await?;
    let nonce =
        nonce.as_u64().ok_or_else(|| endpoint.odd("system_accountNextIndex", &format!("{nonce} is no nonce")))?;
    let finalized = endpoint.finalized_head().await?;
    let order = Order {
        genesis: endpoint.genesis(),
        spec_version: runtime.spec_version(),
        call: hex::encode(bytes),
        nonce,
        mortality: Mortality { period, block: finalized.number, hash: finalized.hash },
    };
    Ok(Prepared { label: call.label(), order, reveal })
}

/// Gives a transaction to a node's pool.
pub(crate) async fn send(endpoint: &Endpoint, extrinsic: &str) -> Result<PoolAnswer, SubnetError> {
    match endpoint.request("author_submitExtrinsic", &[json!(extrinsic)]).await {
        Ok(_) => Ok(PoolAnswer::Taken),
        Err(RequestError::Refused(error)) => {
            let data = error.data.map(|data| data.get().trim_matches('"').to_owned()).unwrap_or_default();
            Ok(pool_answer(error.code, &error.message, &data))
        }
        Err(RequestError::Other(error)) => Err(error),
    }
}

/// The meaning of a pool's refusal. Codes of JSON-RPC are Substrate's, custom ones those of the chain's transaction extension.
fn pool_answer(code: i32, message: &str, data: &str) -> PoolAnswer {
    let custom = data.rsplit_once("ustom error: ").and_then(|(_, number)| number.trim().parse::<u8>().ok());
    let explained = match (code, custom) {
        // The pool has this very transaction already.
        (1013, _) => return PoolAnswer::Taken,
        (_, Some(6)) => return PoolAnswer::TooEarly,
        (_, Some(1)) => "the stake is below the chain's threshold for setting weights",
        (_, Some(15)) => "the reveal's round of drand has passed already",
        (_, Some(18)) => "uids and weights differ in number",
        (_, Some(19)) => "the hotkey is not registered",
        (1014, _) => {
            "another transaction of this hotkey has the same nonce: wait until it is included or its life ends"
        }
        (1012, _) => "the node has banned this transaction for a while",
        _ if data.contains("outdated") || data.contains("Stale") => {
            "its nonce or its life is over: it is made anew with the next try"
        }
        _ => "the node's pool refused it",
    };
    PoolAnswer::Refused(format!("{explained} ({code} {message}{}{data})", if data.is_empty() { "" } else { ": " }))
}

/// Looks for a transaction in the finalized blocks that it can be in and that were not looked into yet.
pub(crate) async fn look(endpoint: &Endpoint, sent: &Sent, head: &BlockRef) -> Result<Seen, SubnetError> {
    for number in sent.next..=head.number.min(sent.last) {
        let hash = endpoint.block_hash(number).await?;
        let extrinsics = endpoint.extrinsics(hash).await?;
        if let Some(place) = extrinsics.iter().position(|extrinsic| *extrinsic == sent.extrinsic) {
            let outcome = outcome(endpoint, hash, u32::try_from(place).unwrap_or(u32::MAX)).await?;
            return Ok(Seen::Included { block: endpoint.block_ref(hash).await?, outcome });
        }
    }
    Ok(Seen::NotYet { next: (head.number + 1).max(sent.next) })
}

/// The outcome of a block's extrinsic, by the block's events: inclusion is not success.
async fn outcome(endpoint: &Endpoint, at: Hash32, place: u32) -> Result<Result<(), String>, SubnetError> {
    let runtime = endpoint.runtime(at).await?;
    let events = endpoint.read(&runtime, at, &[Query::new("System", "Events", Vec::new())]).await?;
    let outcome = events[0].as_ref().and_then(|events| runtime.outcome(events, place));
    outcome
        .ok_or_else(|| endpoint.odd("state_queryStorageAt", &format!("block {at} has no event of extrinsic {place}")))
}

/// A transaction's bytes as a block of JSON-RPC holds them.
pub(crate) fn shown(extrinsic: &[u8]) -> String {
    hex_json(extrinsic).as_str().unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests;
