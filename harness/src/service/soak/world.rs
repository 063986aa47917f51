//! World of the soak: a subnet as a pure function of its seed and a block, with its head and what was submitted in files.

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::chain::{AppliedRow, RevealTarget, Submission, Subnet, SubnetError, WeightRow, WindowRoot};
use crate::registry::{
    BlockRef, CommitReveal, Commitment, DrandPulse, EpochState, Hash32, Hotkey, Neuron, SubnetParameters,
    SubnetSnapshot, Uid,
};
use crate::service::Connect;
use crate::window::fixtures::{COMMIT, lay_out};

/// Blocks of a window.
pub(super) const LENGTH: u64 = 90;

/// Blocks between two epochs.
pub(super) const TEMPO: u64 = 45;

/// Blocks between two rows.
const RATE_LIMIT: u64 = 5;

/// Validators, in the first uids.
pub(super) const VALIDATORS: usize = 3;

/// Slots of the subnet.
const SLOTS: u16 = 64;

/// Models by what they score in the soak's environment; copies are of the first four.
const WEAK: [&str; 4] = ["mistral", "qwen3", "gemma3", "llama3-rope"];

/// Endpoints of the chain.
pub(super) const ENDPOINTS: [&str; 3] = ["one", "two", "three"];

/// The environment: a reply scores by its vowels.
const ENVIRONMENT: &str = r#"ENV = {"name": "soak.vowels", "version": "1.0.0", "abi": 1, "floor": 0.5, "max_new_tokens": 12}


def generate(seed: int, level: int = 1) -> dict:
    return {"prompt": "Say something about " + str(seed % 1000), "private": {}}


def verify(task: dict, reply: str) -> float:
    return min(1.0, sum(character in "aeiou" for character in reply) / 10)
"#;

/// A subnet and the folder that its processes share.
#[derive(Debug, Clone)]
pub(super) struct World {
    pub(super) folder: PathBuf,
    windows: u64,
}

/// A row that the chain has taken.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Submitted {
    pub(super) block: u64,
    /// Block at which uids were read, at the latest.
    pub(super) read_at: u64,
    pub(super) pairs: Vec<(Uid, u16)>,
    /// Block of its reveal; none where it held at once.
    reveal: Option<u64>,
}

pub(super) fn output(folder: &Path, validator: usize) -> PathBuf {
    folder.join(format!("validator-{validator}"))
}

fn submissions_path(folder: &Path, validator: usize) -> PathBuf {
    folder.join(format!("submitted-{validator}.jsonl"))
}

/// The rows that the chain has taken from a validator, in order.
pub(super) fn submissions(folder: &Path, validator: usize) -> Vec<Submitted> {
    let text = fs::read_to_string(submissions_path(folder, validator)).unwrap_or_default();
    text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
}

impl World {
    /// Lays out the models, the environment and a key for all.
    pub(super) fn lay_out(folder: PathBuf, windows: u64) -> Self {
        for family in WEAK.iter().chain(&["qwen2", "llama"]) {
            lay_out(&model_folder(&folder, family), family);
        }
        for family in WEAK {
            lay_out(&model_folder(&folder, &format!("copy-of-{family}")), family);
        }
        fs::write(folder.join("vowels.py"), ENVIRONMENT).unwrap();
        fs::write(folder.join("validator.key"), "07".repeat(32)).unwrap();
        fs::write(folder.join("windows"), windows.to_string()).unwrap();
        Self { folder, windows }
    }

    /// The world in a folder that was laid out.
    pub(super) fn open(folder: &Path) -> Self {
        let windows = fs::read_to_string(folder.join("windows")).unwrap().parse().unwrap();
        Self { folder: folder.to_owned(), windows }
    }

    /// The latest finalized block.
    fn head(&self) -> u64 {
        fs::read_to_string(self.folder.join("head")).unwrap().parse().unwrap()
    }

    pub(super) fn set_head(&self, head: u64) {
        let next = self.folder.join("head.next");
        fs::write(&next, head.to_string()).unwrap();
        fs::rename(next, self.folder.join("head")).unwrap();
    }

    /// 64 bits that belong to a question.
    pub(super) fn draw(question: impl std::fmt::Debug) -> u64 {
        let hash = blake3::hash(format!("{question:?}").as_bytes());
        u64::from_le_bytes(hash.as_bytes()[..8].try_into().unwrap())
    }

    /// True for one of so many questions.
    pub(super) fn chance(&self, question: impl std::fmt::Debug, one_of: u64) -> bool {
        Self::draw(question).is_multiple_of(one_of)
    }

    fn block(number: u64) -> BlockRef {
        let hash = Hash32(*blake3::hash(format!("block {number}").as_bytes()).as_bytes());
        BlockRef { number, hash, unix_ms: number * 12_000 }
    }

    fn is_committed(&self, block: u64) -> bool {
        block > self.windows * LENGTH / 2
    }

    /// The hotkey of a slot. Those of validators and of the three that come to reign stay, others are registered again.
    fn hotkey(uid: u16, block: u64) -> (Hotkey, u64) {
        if usize::from(uid) < VALIDATORS + 3 {
            return (Hotkey(format!("5Stays{uid:02}")), 0);
        }
        let period = 700 + Self::draw(("period", uid)) % 2_000;
        let generation = block / period;
        (Hotkey(format!("5Miner{uid:02}x{generation:03}")), generation * period)
    }

    /// The uid of a hotkey at a block.
    pub(super) fn uid_of(&self, hotkey: &str, block: u64) -> Option<u16> {
        (0..SLOTS).find(|uid| Self::hotkey(*uid, block).0.0 == hotkey)
    }

    /// The model that a slot's miner has committed, and the block of its reveal.
    fn commitment(&self, uid: u16, block: u64) -> Option<(String, u64)> {
        let (_, registered) = Self::hotkey(uid, block);
        let third = (self.windows / 3).max(1) * LENGTH;
        let (model, revealed) = match usize::from(uid) - VALIDATORS {
            0 => (WEAK[0].to_owned(), 5),
            1 => ("qwen2".to_owned(), LENGTH + third),
            2 => ("llama".to_owned(), LENGTH + 2 * third),
            _ => {
                let choice = Self::draw(("model", uid, registered));
                let family = WEAK[(choice % 4) as usize];
                let name = match choice / 4 % 4 {
                    0 => family.to_owned(),
                    1 | 2 => format!("copy-of-{family}"),
                    _ => format!("gone-{choice}"),
                };
                (name, registered + 6 + choice % 500)
            }
        };
        (revealed <= block).then_some((model, revealed))
    }

    fn snapshot(&self, at: &BlockRef) -> SubnetSnapshot {
        let neuron = |uid: u16| {
            let (hotkey, registered) = Self::hotkey(uid, at.number);
            Neuron {
                uid: Uid(uid),
                hotkey,
                coldkey: Hotkey(format!("5Owner{}", uid % 20)),
                registered,
                permit: usize::from(uid) < VALIDATORS,
                stake: Some(1),
                incentive: 0,
                last_update: 0,
                active: true,
            }
        };
        let commitment = |uid: u16| {
            let (model, revealed) = self.commitment(uid, at.number)?;
            let data = format!(r#"{{"model":"o/{model}","revision":"{COMMIT}"}}"#).into_bytes();
            Some(Commitment { hotkey: Self::hotkey(uid, at.number).0, revealed, data })
        };
        SubnetSnapshot {
            version: SubnetSnapshot::VERSION,
            genesis: Hash32([1; 32]),
            spec_version: 461,
            netuid: 1,
            mechanism: 0,
            block: *at,
            parameters: SubnetParameters {
                tempo: TEMPO as u16,
                weights_rate_limit: RATE_LIMIT,
                min_allowed_weights: 3,
                max_weights_limit: u16::MAX,
                weights_version: 0,
                commit_reveal: self.is_committed(at.number).then_some(CommitReveal { version: 4, period: 1 }),
                epoch: EpochState::default(),
                stake_threshold: None,
                owner_hotkey: None,
                mechanisms: Some(1),
                drand_round: None,
            },
            neurons: (0..SLOTS).map(neuron).collect(),
            commitments: (VALIDATORS as u16..SLOTS).filter_map(commitment).collect(),
        }
    }
}

pub(super) fn model_folder(folder: &Path, name: &str) -> PathBuf {
    folder.join("hub/o").join(name).join(COMMIT).join("files")
}

/// Number of requests of this process, so that faults come at other times after a restart.
static REQUESTS: AtomicU64 = AtomicU64::new(0);

/// An endpoint as one validator sees it. One of the three is always up.
pub(super) struct Endpoint {
    world: World,
    name: String,
    validator: usize,
}

/// Connects a validator to endpoints.
pub(super) struct Nodes {
    pub(super) world: World,
    pub(super) validator: usize,
}

impl Connect for Nodes {
    type Subnet = Endpoint;

    async fn connect(&self, endpoint: &str) -> Result<Endpoint, SubnetError> {
        let connected = Endpoint { world: self.world.clone(), name: endpoint.to_owned(), validator: self.validator };
        connected.fault("connect").await?;
        Ok(connected)
    }
}

impl Endpoint {
    /// The endpoint that is up for sure in these blocks.
    fn is_up(&self, head: u64) -> bool {
        ENDPOINTS[(head / 7 % 3) as usize] == self.name
    }

    /// One of the faults of a node or of the way there, sometimes.
    async fn fault(&self, request: &'static str) -> Result<(), SubnetError> {
        let head = self.world.head();
        let number = REQUESTS.fetch_add(1, Ordering::Relaxed) ^ u64::from(std::process::id()) << 32;
        if self.is_up(head) || !self.world.chance(("fault", number), 6) {
            return Ok(());
        }
        let endpoint = self.name.clone();
        match World::draw(("kind", number)) % 4 {
            0 => Err(SubnetError::Connection { endpoint, cause: "connection reset".to_owned() }),
            1 => Err(SubnetError::Answer { endpoint, request, cause: "1014: Priority is too low".to_owned() }),
            2 => Err(SubnetError::Timeout { endpoint, request, seconds: 1 }),
            // Half open: nothing ever comes.
            _ => std::future::pending().await,
        }
    }
}

impl Subnet for Endpoint {
    async fn publish(&self, _: &WindowRoot) -> Result<Submission, SubnetError> {
        Err(SubnetError::Absent("this chain has no pallet of commitments".to_owned()))
    }

    async fn published(&self, _: &Hotkey) -> Result<Option<(WindowRoot, u64)>, SubnetError> {
        Ok(None)
    }

    async fn finalized_head(&self) -> Result<BlockRef, SubnetError> {
        self.fault("head").await?;
        let head = self.world.head();
        // Some nodes stand still for twelve blocks, and answer.
        let stands_still = !self.is_up(head) && self.world.chance(("frozen", &self.name, head / 12), 4);
        Ok(World::block(if stands_still { (head / 12 * 12).max(LENGTH) } else { head }))
    }

    async fn block(&self, number: u64) -> Result<BlockRef, SubnetError> {
        self.fault("block").await?;
        let head = self.world.head();
        if number > head {
            return Err(SubnetError::NotFinalized { number, head });
        }
        Ok(World::block(number))
    }

    async fn snapshot(&self, at: &BlockRef) -> Result<SubnetSnapshot, SubnetError> {
        self.fault("snapshot").await?;
        Ok(self.world.snapshot(at))
    }

    async fn drand_after(&self, at: &BlockRef) -> Result<Option<DrandPulse>, SubnetError> {
        self.fault("drand").await?;
        // A gap now and then: the pulse comes some blocks later.
        let gap = if self.world.chance(("gap", at.number), 10) { 4 } else { 1 };
        let randomness = Hash32(*blake3::hash(format!("pulse {}", at.number).as_bytes()).as_bytes());
        Ok((self.world.head() >= at.number + gap).then_some(DrandPulse { round: at.number * 4, randomness }))
    }

    async fn submit(&self, row: &WeightRow) -> Result<Submission, SubnetError> {
        let read_at = self.world.head();
        self.fault("submit").await?;
        tokio::time::sleep(Duration::from_millis(10)).await;
        let head = self.world.head();
        let before = submissions(&self.world.folder, self.validator).last().map_or(0, |row| row.block);
        if before > 0 && head < before + RATE_LIMIT {
            return Ok(Submission::RateLimited { until: before + RATE_LIMIT });
        }
        let number = REQUESTS.fetch_add(1, Ordering::Relaxed) ^ u64::from(std::process::id()) << 32;
        match World::draw(("fate", number)) % 12 {
            0 => return Ok(Submission::Rejected { reason: "1010: Invalid Transaction: outdated".to_owned() }),
            1 => {
                let error = "SubtensorModule::InternalError".to_owned();
                return Ok(Submission::IncludedFailed { block: World::block(head), error });
            }
            2 => {
                return Err(SubnetError::Timeout { endpoint: self.name.clone(), request: "submit", seconds: 1 });
            }
            _ => {}
        }
        let reveal = self.world.is_committed(head).then(|| (head / TEMPO + 2) * TEMPO);
        let line = Submitted { block: head, read_at, pairs: row.pairs.clone(), reveal };
        let mut file = OpenOptions::new()
            .create(true)
            .append(true)
            .open(submissions_path(&self.world.folder, self.validator))
            .unwrap();
        file.write_all((serde_json::to_string(&line).unwrap() + "\n").as_bytes()).unwrap();
        if World::draw(("told", number)).is_multiple_of(8) {
            // Taken, but nobody is told.
            return Err(SubnetError::Connection { endpoint: self.name.clone(), cause: "connection reset".to_owned() });
        }
        let reveal = reveal.map(|block| RevealTarget { round: block * 4, block });
        Ok(Submission::Finalized { block: World::block(head), reveal })
    }

    async fn applied(&self, _: &Hotkey) -> Result<AppliedRow, SubnetError> {
        self.fault("applied").await?;
        let head = self.world.head();
        let rows = submissions(&self.world.folder, self.validator);
        let last_update = rows.last().map_or(0, |row| row.block);
        let holds = rows.into_iter().rfind(|row| row.reveal.is_none_or(|reveal| reveal <= head));
        Ok(AppliedRow { block: head, last_update, row: holds.map_or_else(Vec::new, |row| row.pairs) })
    }
}
