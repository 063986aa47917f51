//! A subtensor chain behind one or more nodes: the subnet that the settings name, read at finalized blocks and written one
//! transaction at a time.

use std::sync::Arc;
use std::time::Duration;

use subxt::dynamic::Value;
use tokio::sync::Mutex;
use tokio::time::sleep;

use super::calls::Call;
use super::endpoint::{Endpoint, Query};
use super::epochs::first_round_after;
use super::runtime::{field, items, numbers};
use super::signer::Signer;
use super::transaction::{self, PoolAnswer, Prepared, Seen, Sent};
use super::{AppliedRow, Submission, Subnet, SubnetError, WeightRow, WindowRoot, reading};
use crate::clock::Stopwatch;
use crate::files::Lock;
use crate::registry::{BlockRef, DrandPulse, Hash32, Hotkey, SubnetSnapshot};
use crate::settings::ChainSettings;

/// Block times without a new finalized head after which a node is given up.
const FROZEN_AFTER: u32 = 3;

/// The shortest time after which a node is given up.
const SHORTEST_FREEZE: Duration = Duration::from_secs(2);

/// Time between two blocks where the runtime does not tell it.
const USUAL_BLOCK: Duration = Duration::from_secs(12);

/// Rounds of drand that are tried for the first one that the chain has stored.
const LONGEST_GAP: u64 = 1000;

/// A subnet of a subtensor chain.
pub(crate) struct Subtensor {
    settings: ChainSettings,
    nodes: Mutex<Nodes>,
    signer: Option<Signer>,
    in_flight: Mutex<()>,
    locks: std::path::PathBuf,
}

/// The nodes, and the one that is used now.
#[derive(Default)]
struct Nodes {
    place: usize,
    endpoint: Option<Arc<Endpoint>>,
    genesis: Option<Hash32>,
    head: Option<(u64, Stopwatch)>,
}

impl Subtensor {
    /// The subnet of these settings; rows are signed by `signer`, and `locks` is a folder that all processes of this machine
    /// share. Nothing is connected yet.
    pub(crate) fn new(settings: ChainSettings, signer: Option<Signer>, locks: std::path::PathBuf) -> Self {
        let genesis = settings.genesis.clone().and_then(|genesis| Hash32::try_from(genesis).ok());
        let nodes = Mutex::new(Nodes { genesis, ..Nodes::default() });
        Self { settings, nodes, signer, in_flight: Mutex::new(()), locks }
    }

    /// The hotkey that signs, if there is one.
    pub(crate) fn hotkey(&self) -> Option<Hotkey> {
        self.signer.as_ref().map(|signer| reading::address(&signer.account()))
    }

    fn subnet(&self) -> (u16, u8) {
        (self.settings.netuid, self.settings.mechanism)
    }

    fn limit(&self) -> Duration {
        Duration::from_secs(self.settings.timeout_seconds)
    }

    /// The node that is used now, connected if it is not.
    pub(crate) async fn endpoint(&self) -> Result<Arc<Endpoint>, SubnetError> {
        let mut nodes = self.nodes.lock().await;
        if let Some(endpoint) = &nodes.endpoint {
            return Ok(Arc::clone(endpoint));
        }
        let url = &self.settings.endpoints[nodes.place % self.settings.endpoints.len()];
        let endpoint = Arc::new(Endpoint::connect(url, self.limit()).await?);
        let genesis = *nodes.genesis.get_or_insert(endpoint.genesis());
        if genesis != endpoint.genesis() {
            let cause = format!("its chain begins with {} and not with {genesis}", endpoint.genesis());
            return Err(endpoint.odd("chain_getBlockHash", &cause));
        }
        nodes.endpoint = Some(Arc::clone(&endpoint));
        Ok(endpoint)
    }

    /// Gives up the node that is used now: the next request goes to the next one.
    pub(crate) async fn rotate(&self) {
        let mut nodes = self.nodes.lock().await;
        nodes.place += 1;
        (nodes.endpoint, nodes.head) = (None, None);
    }

    /// Asks the nodes in turn, beginning with the one that is used now, until one answers.
    async fn ask<T, F>(&self, what: impl Fn(Arc<Endpoint>) -> F) -> Result<T, SubnetError>
    where
        F: Future<Output = Result<T, SubnetError>> + Send,
    {
        let mut tries = self.settings.endpoints.len();
        loop {
            tries -= 1;
            let answer = match self.endpoint().await {
                Ok(endpoint) => what(endpoint).await,
                Err(error) => Err(error),
            };
            match answer {
                Err(error) if error.may_help_elsewhere() => {
                    tracing::warn!("{error}");
                    self.rotate().await;
                    if tries == 0 {
                        return Err(error);
                    }
                }
                answer => return answer,
            }
        }
    }

    /// The runtime of the latest block, and the chain's first block.
    pub(crate) async fn runtime_now(&self) -> Result<(Arc<super::runtime::Runtime>, Hash32), SubnetError> {
        self.ask(|endpoint| async move {
            let head = endpoint.best_head().await?;
            Ok((endpoint.runtime(head.hash).await?, endpoint.genesis()))
        })
        .await
    }

    /// Time between two blocks.
    async fn block_time(&self, endpoint: &Endpoint, at: Hash32) -> Result<Duration, SubnetError> {
        let runtime = endpoint.runtime(at).await?;
        Ok(runtime.block_ms().map_or(USUAL_BLOCK, Duration::from_millis))
    }

    /// Notes a finalized head. True if the node's head has stood still for too long.
    async fn is_frozen(&self, head: &BlockRef, block_time: Duration) -> bool {
        let mut nodes = self.nodes.lock().await;
        match &nodes.head {
            Some((number, since)) if *number >= head.number => {
                since.elapsed() > (block_time * FROZEN_AFTER).max(SHORTEST_FREEZE)
            }
            _ => {
                nodes.head = Some((head.number, Stopwatch::start()));
                false
            }
        }
    }

    async fn watched_head(&self, endpoint: &Endpoint) -> Result<BlockRef, SubnetError> {
        let head = endpoint.finalized_head().await?;
        let block_time = self.block_time(endpoint, head.hash).await?;
        if self.is_frozen(&head, block_time).await {
            let cause = format!("finalized block {} has been the latest for too long", head.number);
            return Err(endpoint.odd("chain_getFinalizedHead", &cause));
        }
        Ok(head)
    }

    /// Prepares the call of a row without sending it; or says that it comes too early.
    pub(crate) async fn prepare(
        &self,
        row: &WeightRow,
        hotkey: &Hotkey,
    ) -> Result<Result<Prepared, Submission>, SubnetError> {
        let account = reading::account(hotkey)?;
        self.ask(|endpoint| async move { transaction::prepare_row(&endpoint, row, &account).await }).await
    }

    /// Signs what was prepared, sends it and follows it through the finalized blocks.
    pub(crate) async fn send(&self, prepared: Prepared) -> Result<Submission, SubnetError> {
        let signer = self.signer()?;
        let order = &prepared.order;
        let endpoint = self.endpoint().await?;
        let head = endpoint.best_head().await?;
        let runtime = endpoint.runtime(head.hash).await?;
        if runtime.spec_version() != order.spec_version {
            let reason = format!("the runtime was upgraded to {} meanwhile: prepare it anew", runtime.spec_version());
            return Ok(Submission::Rejected { reason });
        }
        let extrinsic = transaction::shown(&signer.sign(&runtime, order).await?);
        let (next, last) = (order.mortality.block + 1, order.mortality.last_block());
        let answer = transaction::send(&endpoint, &extrinsic).await;
        match answer {
            Ok(PoolAnswer::Taken) => {}
            Ok(PoolAnswer::TooEarly) => return Ok(Submission::RateLimited { until: next }),
            Ok(PoolAnswer::Refused(reason)) => return Ok(Submission::Rejected { reason }),
            // The pool may have it or not: the blocks tell.
            Err(error) if error.may_help_elsewhere() => {
                tracing::warn!("{error}; following the transaction all the same");
                self.rotate().await;
            }
            Err(error) => return Err(error),
        }
        self.follow(Sent { extrinsic, next, last }, prepared.reveal).await
    }

    /// Follows a transaction to its fate, by whichever node answers.
    async fn follow(&self, mut sent: Sent, reveal: Option<super::RevealTarget>) -> Result<Submission, SubnetError> {
        let began = Stopwatch::start();
        loop {
            let transaction = &sent;
            let looked = self
                .ask(|endpoint| async move {
                    let head = self.watched_head(&endpoint).await?;
                    let block_time = self.block_time(&endpoint, head.hash).await?;
                    Ok((transaction::look(&endpoint, transaction, &head).await?, block_time))
                })
                .await;
            let life = u32::try_from(sent.last - sent.next + 8).unwrap_or(u32::MAX);
            let wait = match looked {
                Ok((Seen::Included { block, outcome: Ok(()) }, _)) => {
                    return Ok(Submission::Finalized { block, reveal });
                }
                Ok((Seen::Included { block, outcome: Err(error) }, _)) => {
                    return Ok(Submission::IncludedFailed { block, error });
                }
                Ok((Seen::NotYet { next }, _)) if next > sent.last => {
                    let reason = format!("no block up to {} holds it, where its life ends", sent.last);
                    return Ok(Submission::Rejected { reason });
                }
                Ok((Seen::NotYet { next }, block_time)) => {
                    sent.next = next;
                    block_time
                }
                // Nodes come back: its fate is worth waiting for as long as it may take.
                Err(error) if error.may_help_elsewhere() && began.elapsed() < USUAL_BLOCK * life * 2 => USUAL_BLOCK / 6,
                Err(error) => return Err(error),
            };
            sleep((wait / 3).max(Duration::from_millis(50))).await;
        }
    }

    fn signer(&self) -> Result<&Signer, SubnetError> {
        let missing =
            "there is no hotkey: the settings chain.wallet and chain.hotkey name its file, chain.signer a process";
        self.signer.as_ref().ok_or_else(|| SubnetError::Signing(missing.to_owned()))
    }

    /// The right to have a transaction in flight for the hotkey, in this process and among all of this machine.
    fn lock(&self, hotkey: &Hotkey) -> Result<Lock, SubnetError> {
        let path = self.locks.join(format!("{hotkey}.lock"));
        let trouble = |cause: String| SubnetError::Signing(format!("{cause} (lock {})", path.display()));
        let lock = Lock::try_take(&path).map_err(|error| trouble(error.to_string()))?;
        lock.ok_or_else(|| trouble(format!("another process has a transaction of {hotkey} in flight")))
    }

    /// Publishes bytes under a timelock for this round, and follows the transaction.
    pub(crate) async fn publish_sealed(&self, encrypted: &[u8], round: u64) -> Result<Submission, SubnetError> {
        self.commit(&Call::set_commitment(self.settings.netuid, encrypted.to_vec(), round)).await
    }

    /// Sends a call of the pallet of commitments, and follows the transaction.
    async fn commit(&self, call: &Call) -> Result<Submission, SubnetError> {
        let account = self.signer()?.account();
        let _in_flight = self.in_flight.lock().await;
        let _lock = self.lock(&reading::address(&account))?;
        let prepared = self.ask(|endpoint| async move {
            let head = endpoint.best_head().await?;
            let runtime = endpoint.runtime(head.hash).await?;
            transaction::prepare(&endpoint, &runtime, call, &account, (None, 64)).await
        });
        let prepared = prepared.await?;
        self.send(prepared).await
    }
}

impl Subnet for Subtensor {
    async fn finalized_head(&self) -> Result<BlockRef, SubnetError> {
        self.ask(|endpoint| async move { self.watched_head(&endpoint).await }).await
    }

    async fn block(&self, number: u64) -> Result<BlockRef, SubnetError> {
        self.ask(|endpoint| async move {
            let head = endpoint.finalized_head().await?;
            if number > head.number {
                return Err(SubnetError::NotFinalized { number, head: head.number });
            }
            let hash = endpoint.block_hash(number).await?;
            endpoint.block_ref(hash).await
        })
        .await
    }

    async fn snapshot(&self, at: &BlockRef) -> Result<SubnetSnapshot, SubnetError> {
        self.ask(|endpoint| async move { reading::snapshot(&endpoint, at, self.subnet()).await }).await
    }

    async fn drand_after(&self, at: &BlockRef) -> Result<Option<DrandPulse>, SubnetError> {
        self.ask(|endpoint| async move { drand_after(&endpoint, at).await }).await
    }

    async fn submit(&self, row: &WeightRow) -> Result<Submission, SubnetError> {
        let hotkey = reading::address(&self.signer()?.account());
        let _in_flight = self.in_flight.lock().await;
        let _lock = self.lock(&hotkey)?;
        match self.prepare(row, &hotkey).await? {
            Ok(prepared) => self.send(prepared).await,
            Err(outcome) => Ok(outcome),
        }
    }

    async fn publish(&self, root: &WindowRoot) -> Result<Submission, SubnetError> {
        self.commit(&Call::publish_root(self.settings.netuid, root)).await
    }

    async fn published(&self, hotkey: &Hotkey) -> Result<Option<(WindowRoot, u64)>, SubnetError> {
        self.ask(|endpoint| async move {
            let head = endpoint.finalized_head().await?;
            reading::published_root(&endpoint, &head, self.settings.netuid, hotkey).await
        })
        .await
    }

    async fn applied(&self, hotkey: &Hotkey) -> Result<AppliedRow, SubnetError> {
        self.ask(|endpoint| async move {
            let head = endpoint.finalized_head().await?;
            reading::applied(&endpoint, &head, self.subnet(), hotkey).await
        })
        .await
    }
}

/// The first stored pulse whose round lies after a block's time. Pulses are stored in order, so that a round which was skipped
/// stays skipped for everybody.
async fn drand_after(endpoint: &Endpoint, at: &BlockRef) -> Result<Option<DrandPulse>, SubnetError> {
    let head = endpoint.finalized_head().await?;
    let runtime = endpoint.runtime(head.hash).await?;
    let bounds = ["OldestStoredRound", "LastStoredRound"].map(|item| Query::new("Drand", item, Vec::new()));
    let bounds = endpoint.read(&runtime, head.hash, &bounds).await?;
    let bound = |value: &Option<Value>| value.as_ref().and_then(|value| u64::try_from(*numbers(value).first()?).ok());
    let wanted = first_round_after(at.unix_ms);
    if bound(&bounds[0]).is_some_and(|oldest| oldest > wanted) {
        return Err(SubnetError::Absent(format!(
            "the chain has forgotten drand round {wanted}, the first after block {}: use a recorded snapshot",
            at.number
        )));
    }
    let last = bound(&bounds[1]).unwrap_or(0);
    for round in wanted..=last.min(wanted + LONGEST_GAP) {
        let query = Query::new("Drand", "Pulses", vec![Value::u128(round.into())]);
        let values = endpoint.read(&runtime, head.hash, &[query]).await?;
        let randomness =
            values[0].as_ref().and_then(|pulse| field(pulse, "randomness").or_else(|| items(pulse).nth(1)));
        let bytes: Option<Vec<u8>> =
            randomness.map(|value| numbers(value).into_iter().filter_map(|byte| u8::try_from(byte).ok()).collect());
        if let Some(bytes) = bytes.and_then(|bytes| <[u8; 32]>::try_from(bytes).ok()) {
            return Ok(Some(DrandPulse { round, randomness: Hash32(bytes) }));
        }
    }
    Ok(None)
}
