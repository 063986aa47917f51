//! State of the double: a subnet in storage, blocks, a pool, and the chain's checks.

use std::collections::BTreeMap;
use std::sync::Arc;

use subxt::config::Hasher;
use subxt::config::substrate::BlakeTwo256;
use subxt::dynamic::Value;
use subxt::ext::codec::{Decode, Encode};
use subxt_signer::sr25519::{Keypair, PublicKey, Signature, verify};

use super::runtime::{Decoded, Runtime, list, named, numbers};

/// The subnet.
pub const NETUID: u16 = 120;

/// Milliseconds between two blocks: the metadata is a fast chain's.
pub(super) const BLOCK_MS: u64 = 250;

/// Round of drand whose signature is known, so that what is encrypted to it can be opened.
pub const KNOWN_ROUND: u64 = 1000;

/// Its signature.
pub const KNOWN_SIGNATURE: &str =
    "b44679b9a59af2ec876b1a6b1ad52ea9b1615fc3982b19576350f93447cb1125e342b73a8dd2bacbe47e4b6b63ed5e39";

type Storage = BTreeMap<Vec<u8>, Vec<u8>>;

/// A refusal of the pool that is told on command.
#[derive(Debug, Clone)]
pub struct PoolRefusal {
    /// JSON-RPC's code.
    pub code: i32,
    /// The message.
    pub message: String,
    /// The further explanation.
    pub data: String,
}

/// Misbehavior of the chain, each until it is taken back unless it says otherwise.
#[derive(Debug, Clone, Default)]
pub struct Faults {
    /// Blocks are made and none is finalized any more.
    pub is_frozen: bool,
    /// The next extrinsic that is included fails with this error of the module.
    pub next_failure: Option<&'static str>,
    /// The next extrinsic is refused by the pool.
    pub next_refusal: Option<PoolRefusal>,
    /// The next nonce that is told is one too low.
    pub next_nonce_is_stale: bool,
    /// The runtime is upgraded right after the next nonce was told.
    pub upgrades_after_nonce: bool,
    /// Whatever is given to the pool is lost.
    pub loses_transactions: bool,
    /// The chain stores no rounds of drand any more.
    pub skips_drand: bool,
    /// The node answers with this in place of a block's hash.
    pub lies_about_genesis: bool,
}

/// A block.
#[derive(Clone)]
pub(super) struct Block {
    pub(super) number: u64,
    pub(super) hash: [u8; 32],
    pub(super) parent: [u8; 32],
    pub(super) extrinsics: Vec<Vec<u8>>,
    pub(super) storage: Arc<Storage>,
    pub(super) spec_version: u32,
}

/// First bytes of a window's root.
const MAGIC: [u128; 4] = [b'd' as u128, b't' as u128, b'h' as u128, b'r' as u128];

/// A committed row.
#[derive(Debug, Clone)]
struct Commit {
    hotkey: [u8; 32],
    epoch: u64,
    round: u64,
    bytes: Vec<u8>,
}

/// Best blocks that were taken back.
#[derive(Debug, Clone, Copy)]
pub struct Fork {
    /// Their number.
    pub blocks: usize,
}

/// State of the double.
pub struct State {
    pub(super) runtime: Runtime,
    pub(super) blocks: Vec<Block>,
    /// Number of the latest finalized block.
    pub(super) finalized: u64,
    pub(super) storage: Storage,
    pub(super) pool: Vec<Vec<u8>>,
    pub(super) spec_version: u32,
    pub(super) nonces: BTreeMap<[u8; 32], u64>,
    pub(super) stakes: Vec<u64>,
    /// Misbehavior.
    pub faults: Faults,
    commits: Vec<Commit>,
    /// Extrinsics that were included, with the outcome.
    pub included: Vec<(u64, Vec<u8>, Result<(), String>)>,
    time_ms: u64,
    forks: u64,
}

impl State {
    /// A subnet of these hotkeys (uids in order, all registered in block 1) whose first is a validator with a permit.
    pub fn new(golden: &serde_json::Value, hotkeys: &[[u8; 32]]) -> Self {
        let mut state = Self {
            runtime: Runtime::new(golden),
            blocks: Vec::new(),
            finalized: 0,
            storage: Storage::new(),
            pool: Vec::new(),
            spec_version: 461,
            nonces: BTreeMap::new(),
            stakes: Vec::new(),
            faults: Faults::default(),
            commits: Vec::new(),
            included: Vec::new(),
            // The first reveals fall on the round whose signature is known; see `aim`.
            time_ms: (drand_time(KNOWN_ROUND) - 600) * 1000,
            forks: 0,
        };
        let count = u128::try_from(hotkeys.len()).expect("a small subnet");
        for (item, value) in [
            ("NetworksAdded", Value::bool(true)),
            ("SubnetworkN", Value::u128(count)),
            ("Tempo", Value::u128(20)),
            ("WeightsSetRateLimit", Value::u128(10)),
            ("MinAllowedWeights", Value::u128(1)),
            ("MaxWeightsLimit", Value::u128(65535)),
            ("WeightsVersionKey", Value::u128(0)),
            ("CommitRevealWeightsEnabled", Value::bool(false)),
            ("ValidatorPermit", list((0..hotkeys.len()).map(|uid| Value::bool(uid == 0)))),
            ("Active", list(hotkeys.iter().map(|_| Value::bool(true)))),
            ("LastUpdate", list(hotkeys.iter().map(|_| Value::u128(0)))),
            ("Incentive", list((0..hotkeys.len()).map(|uid| Value::u128(if uid == 1 { 65535 } else { 0 })))),
            ("LastEpochBlock", Value::u128(0)),
            ("SubnetEpochIndex", Value::u128(0)),
        ] {
            state.set("SubtensorModule", item, vec![netuid()], &value);
        }
        for (uid, hotkey) in hotkeys.iter().enumerate() {
            state.register(u16::try_from(uid).expect("a small subnet"), hotkey, 1);
        }
        state.stakes = hotkeys.iter().map(|_| 1_000_000_000_000).collect();
        state.block();
        state.finalized = 0;
        state
    }

    /// Puts a hotkey into a slot.
    pub fn register(&mut self, uid: u16, hotkey: &[u8; 32], block: u64) {
        let uid = Value::u128(uid.into());
        self.set("SubtensorModule", "Keys", vec![netuid(), uid.clone()], &Value::from_bytes(hotkey));
        self.set("SubtensorModule", "Uids", vec![netuid(), Value::from_bytes(hotkey)], &uid);
        self.set("SubtensorModule", "BlockAtRegistration", vec![netuid(), uid], &Value::u128(block.into()));
        let owner = BlakeTwo256.hash(hotkey);
        self.set("SubtensorModule", "Owner", vec![Value::from_bytes(hotkey)], &Value::from_bytes(owner.0));
    }

    /// Writes a storage item.
    pub fn set(&mut self, pallet: &str, item: &str, keys: Vec<Value>, value: &Value) {
        let key = self.runtime.key(pallet, item, keys);
        let value = self.runtime.stored(pallet, item, value);
        self.storage.insert(key, value);
    }

    /// Writes a number of the subnet.
    pub fn set_number(&mut self, item: &str, number: u64) {
        self.set("SubtensorModule", item, vec![netuid()], &Value::u128(number.into()));
    }

    /// Removes a storage item of the subnet: the runtime's default holds.
    pub fn unset(&mut self, item: &str) {
        let key = self.runtime.key("SubtensorModule", item, vec![netuid()]);
        self.storage.remove(&key);
    }

    /// Publishes a revealed commitment.
    pub fn reveal(&mut self, hotkey: &[u8; 32], text: &[u8], block: u64) {
        // Clients encrypt the text with its length.
        let data = text.to_vec().encode();
        let keys = || vec![netuid(), Value::from_bytes(hotkey)];
        let before = self.value("Commitments", "RevealedCommitments", keys());
        let mut reveals: Vec<Value> = match before.map(|value| value.value) {
            Some(subxt::ext::scale_value::ValueDef::Composite(before)) => before.into_values().collect(),
            _ => Vec::new(),
        };
        reveals.push(list([Value::from_bytes(&data), Value::u128(block.into())]));
        self.set("Commitments", "RevealedCommitments", keys(), &list(reveals));
    }

    /// Sets the stakes of all uids.
    pub fn set_stakes(&mut self, stakes: &[u64]) {
        self.stakes = stakes.to_vec();
    }

    /// The row that is stored for a uid.
    pub fn row(&self, uid: u16) -> Vec<(u16, u16)> {
        let keys = vec![netuid(), Value::u128(uid.into())];
        let flat = self.value("SubtensorModule", "Weights", keys).map(|value| numbers(&value)).unwrap_or_default();
        flat.chunks_exact(2).map(|pair| (pair[0] as u16, pair[1] as u16)).collect()
    }

    fn value(&self, pallet: &str, item: &str, keys: Vec<Value>) -> Option<Value> {
        let bytes = self.storage.get(&self.runtime.key(pallet, item, keys))?;
        let entry = self.runtime.metadata.pallet_by_name(pallet)?.storage()?.entry_by_name(item)?;
        let types = self.runtime.metadata.types();
        let value = subxt::ext::scale_value::scale::decode_as_type(&mut &bytes[..], entry.value_ty(), types).ok()?;
        Some(value.remove_context())
    }

    /// Numbers of a storage item of the subnet, or the runtime's default.
    fn of_subnet(&self, item: &str) -> Vec<u128> {
        if let Some(value) = self.value("SubtensorModule", item, vec![netuid()]) {
            return numbers(&value);
        }
        let storage = self.runtime.metadata.pallet_by_name("SubtensorModule").and_then(|pallet| pallet.storage());
        let entry = storage.and_then(|storage| storage.entry_by_name(item)).expect("an item of the metadata");
        let default = entry.default_value().unwrap_or_default();
        let value = subxt::ext::scale_value::scale::decode_as_type(
            &mut &default[..],
            entry.value_ty(),
            self.runtime.metadata.types(),
        );
        value.map(|value| numbers(&value.remove_context())).unwrap_or_default()
    }

    fn number(&self, item: &str) -> u64 {
        self.of_subnet(item).first().map_or(0, |number| *number as u64)
    }

    /// Number of the extrinsics that wait for a block.
    pub fn pooled(&self) -> usize {
        self.pool.len()
    }

    /// Number of the latest block.
    pub fn best(&self) -> u64 {
        self.blocks.last().map_or(0, |block| block.number)
    }

    /// Puts the time so that what is committed after the latest block is encrypted to the round whose signature is known.
    pub fn aim(&mut self) {
        let reveal = |state: &Self| {
            let (next, tempo) = (state.number("LastEpochBlock") + state.number("Tempo"), state.number("Tempo"));
            let head = state.best();
            if head + 1 >= next { next + tempo - head } else { next - head }
        };
        // The round must lie in the future when it is committed to.
        while reveal(self) < 15 {
            self.block();
        }
        self.time_ms = drand_time(KNOWN_ROUND + 1) * 1000 + 1000 - (reveal(self) + 3) * BLOCK_MS;
        self.set("Timestamp", "Now", Vec::new(), &Value::u128(self.time_ms.into()));
        self.set("Drand", "LastStoredRound", Vec::new(), &Value::u128((KNOWN_ROUND - 2).into()));
        let latest = self.blocks.last_mut().expect("there is a block");
        latest.storage = Arc::new(self.storage.clone());
    }

    /// Upgrades the runtime: its version is one higher.
    pub fn upgrade(&mut self) {
        self.spec_version += 1;
    }

    /// Takes back all blocks that are not finalized; their extrinsics are in the pool again.
    pub fn reorganize(&mut self) -> Fork {
        let kept = usize::try_from(self.finalized).expect("a short chain") + 1;
        let dropped = self.blocks.split_off(kept.min(self.blocks.len()));
        self.forks += 1;
        for block in &dropped {
            self.included.retain(|(number, _, _)| *number != block.number);
            for extrinsic in &block.extrinsics {
                if let Some(decoded) = self.runtime.decode(extrinsic) {
                    *self.nonces.entry(decoded.signer).or_default() -= 1;
                }
                self.pool.push(extrinsic.clone());
            }
        }
        let latest = self.blocks.last().expect("the first block stays");
        self.storage = (*latest.storage).clone();
        Fork { blocks: dropped.len() }
    }

    /// Makes a block of everything in the pool; the one before it is finalized.
    pub fn block(&mut self) {
        let number = self.blocks.last().map_or(0, |block| block.number + 1);
        let parent = self.blocks.last().map_or([0; 32], |block| block.hash);
        self.time_ms += BLOCK_MS;
        let time = self.time_ms;
        self.set("Timestamp", "Now", Vec::new(), &Value::u128(time.into()));
        self.store_drand();
        self.epoch(number);
        let extrinsics: Vec<Vec<u8>> = std::mem::take(&mut self.pool);
        let mut events = Vec::new();
        for (place, extrinsic) in extrinsics.iter().enumerate() {
            let outcome = self.apply(number, extrinsic);
            events.push(self.event(place, &outcome));
            self.included.push((number, extrinsic.clone(), outcome));
        }
        self.set("System", "Events", Vec::new(), &list(events));
        let hash = BlakeTwo256.hash(&(parent, number, self.forks, &extrinsics).encode()).0;
        let storage = Arc::new(self.storage.clone());
        self.blocks.push(Block { number, hash, parent, extrinsics, storage, spec_version: self.spec_version });
        if !self.faults.is_frozen {
            self.finalized = number.saturating_sub(1);
        }
    }

    /// Stores the latest round of drand that is due.
    fn store_drand(&mut self) {
        if self.faults.skips_drand {
            return;
        }
        let round = (self.time_ms / 1000).saturating_sub(drand_time(1)) / 3 + 1;
        let randomness = BlakeTwo256.hash(&round.to_le_bytes()).0;
        let pulse = named(vec![
            ("round", Value::u128(round.into())),
            ("randomness", Value::from_bytes(randomness)),
            ("signature", Value::from_bytes([0; 48])),
        ]);
        self.set("Drand", "Pulses", vec![Value::u128(round.into())], &pulse);
        self.set("Drand", "LastStoredRound", Vec::new(), &Value::u128(round.into()));
    }

    fn last_round(&self) -> u64 {
        self.value("Drand", "LastStoredRound", Vec::new()).map_or(0, |value| numbers(&value)[0] as u64)
    }

    /// Runs the subnet's epoch where it is due, and opens the commits whose epoch and round have come.
    fn epoch(&mut self, number: u64) {
        let (last, tempo) = (self.number("LastEpochBlock"), self.number("Tempo"));
        if tempo > 0 && number - last >= tempo {
            self.set_number("LastEpochBlock", number);
            self.set_number("SubnetEpochIndex", self.number("SubnetEpochIndex") + 1);
            self.set_number("BlocksSinceLastStep", 0);
        } else {
            self.set_number("BlocksSinceLastStep", self.number("BlocksSinceLastStep") + 1);
        }
        let (index, period) = (self.number("SubnetEpochIndex"), self.number("RevealPeriodEpochs").max(1));
        let stored = self.last_round();
        let commits = std::mem::take(&mut self.commits);
        let (due, later): (Vec<Commit>, Vec<Commit>) =
            commits.into_iter().partition(|commit| commit.epoch + period == index && commit.round <= stored);
        // A commit whose epoch is over is deleted without a word.
        self.commits = later.into_iter().filter(|commit| commit.epoch + period >= index).collect();
        for commit in due {
            if let Some((hotkey, uids, weights, _)) = open(&commit.bytes, commit.round)
                && hotkey == commit.hotkey
                && let Some(uid) = self.uid(&commit.hotkey)
            {
                self.store_row(uid, &uids, &weights);
            }
        }
    }

    fn uid(&self, hotkey: &[u8; 32]) -> Option<u16> {
        let keys = vec![netuid(), Value::from_bytes(hotkey)];
        self.value("SubtensorModule", "Uids", keys).map(|value| numbers(&value)[0] as u16)
    }

    fn store_row(&mut self, uid: u16, uids: &[u16], weights: &[u16]) {
        let largest = u64::from(weights.iter().copied().max().unwrap_or(0).max(1));
        let upscaled = |weight: u16| (u64::from(weight) * 65535 + largest / 2) / largest;
        let pair =
            |(uid, weight): (&u16, &u16)| list([Value::u128((*uid).into()), Value::u128(upscaled(*weight).into())]);
        let row = list(uids.iter().zip(weights).map(pair));
        self.set("SubtensorModule", "Weights", vec![netuid(), Value::u128(uid.into())], &row);
    }

    /// What the pool says of an extrinsic: its hash, or a refusal.
    pub(super) fn submit(&mut self, extrinsic: &[u8]) -> Result<[u8; 32], PoolRefusal> {
        let invalid =
            |data: &str| PoolRefusal { code: 1010, message: "Invalid Transaction".to_owned(), data: data.to_owned() };
        let decoded = self.runtime.decode(extrinsic).ok_or_else(|| invalid("Transaction cannot be decoded"))?;
        if let Some(refusal) = self.faults.next_refusal.take() {
            return Err(refusal);
        }
        let (nonce, birth) = decoded.nonce_and_birth(self.best()).ok_or_else(|| invalid("Transaction is outdated"))?;
        if !self.is_signed(&decoded, birth) {
            return Err(invalid("Transaction has a bad signature"));
        }
        let expected = self.nonces.get(&decoded.signer).copied().unwrap_or(0);
        if nonce < expected {
            return Err(invalid("Transaction is outdated"));
        }
        if self.pool.iter().any(|pooled| self.runtime.decode(pooled).is_some_and(|it| it.signer == decoded.signer)) {
            let message = "Priority is too low: (18446744073709551615 vs 18446744073709551615)".to_owned();
            return Err(PoolRefusal { code: 1014, message, data: "The transaction has too low priority".to_owned() });
        }
        self.check_extension(&decoded).map_err(|number| invalid(&format!("Custom error: {number}")))?;
        if !self.faults.loses_transactions {
            self.pool.push(extrinsic.to_vec());
        }
        Ok(BlakeTwo256.hash(extrinsic).0)
    }

    /// The signature is one of the account over call, extensions and what they imply.
    fn is_signed(&self, decoded: &Decoded, birth: u64) -> bool {
        let Some(block) = self.blocks.get(usize::try_from(birth).unwrap_or(usize::MAX)) else { return false };
        let genesis = self.blocks[0].hash;
        let implied = (self.spec_version, 1_u32, genesis, block.hash, 0_u8).encode();
        let mut payload = [decoded.call_bytes.clone(), decoded.extra.clone(), implied].concat();
        if payload.len() > 256 {
            payload = BlakeTwo256.hash(&payload).0.to_vec();
        }
        verify(&Signature(decoded.signature), payload, &PublicKey(decoded.signer))
    }

    /// Checks that the chain's transaction extension makes before the pool takes a weight call.
    fn check_extension(&self, decoded: &Decoded) -> Result<(), u8> {
        if decoded.pallet != "SubtensorModule" {
            return Ok(());
        }
        let uid = self.uid(&decoded.signer).ok_or(19)?;
        let threshold =
            self.value("SubtensorModule", "StakeThreshold", Vec::new()).map_or(0, |value| numbers(&value)[0] as u64);
        if self.stakes[usize::from(uid)] < threshold {
            return Err(1);
        }
        if decoded.call.starts_with("commit") && decoded.number("reveal_round") <= self.last_round() {
            return Err(15);
        }
        Ok(())
    }

    /// Applies an extrinsic in a block.
    fn apply(&mut self, number: u64, extrinsic: &[u8]) -> Result<(), String> {
        let decoded = self.runtime.decode(extrinsic).ok_or("undecodable")?;
        *self.nonces.entry(decoded.signer).or_default() += 1;
        if let Some(error) = self.faults.next_failure.take() {
            return Err(error.to_owned());
        }
        match (decoded.pallet.as_str(), decoded.call.as_str()) {
            ("SubtensorModule", "set_weights" | "set_mechanism_weights") => self.set_weights(number, &decoded),
            ("SubtensorModule", "commit_timelocked_weights" | "commit_timelocked_mechanism_weights") => {
                self.commit_weights(number, &decoded)
            }
            ("Commitments", "set_commitment") if decoded.numbers("info").starts_with(&MAGIC) => {
                self.publish(number, &decoded)
            }
            ("Commitments", "set_commitment") => {
                let numbers = decoded.numbers("info");
                let (round, bytes) = numbers.split_last().ok_or("no field")?;
                let bytes: Vec<u8> = bytes.iter().map(|byte| *byte as u8).collect();
                // What is encrypted to another round stays closed.
                let text = decrypt(&bytes, *round as u64).and_then(|text| Vec::<u8>::decode(&mut &text[..]).ok());
                if let Some(text) = text {
                    self.reveal(&decoded.signer, &text, number);
                }
                Ok(())
            }
            (pallet, call) => panic!("{pallet}.{call} was submitted"),
        }
    }

    /// Stores a commitment in the open: one field of raw bytes, in place of the one before.
    fn publish(&mut self, number: u64, decoded: &Decoded) -> Result<(), String> {
        check(decoded.number("netuid") == u64::from(NETUID), "SubnetNotExists")?;
        check(self.uid(&decoded.signer).is_some(), "HotKeyNotRegisteredInSubNet")?;
        let (_, info) = decoded.arguments.iter().find(|(name, _)| name == "info").ok_or("no field")?;
        let registration =
            named(vec![("deposit", Value::u128(0)), ("block", Value::u128(number.into())), ("info", info.clone())]);
        let keys = vec![netuid(), Value::from_bytes(decoded.signer)];
        self.set("Commitments", "CommitmentOf", keys, &registration);
        Ok(())
    }

    /// The checks of `set_weights`, in the chain's order.
    fn set_weights(&mut self, number: u64, decoded: &Decoded) -> Result<(), String> {
        let small = |name: &str| decoded.numbers(name).into_iter().map(|it| it as u16).collect::<Vec<_>>();
        let (uids, weights) = (small("dests"), small("weights"));
        let count = self.number("SubnetworkN");
        check(decoded.number("netuid") == u64::from(NETUID) && decoded.number("mecid") == 0, "MechanismDoesNotExist")?;
        check(uids.len() == weights.len(), "WeightVecNotEqualSize")?;
        check(self.number("CommitRevealWeightsEnabled") == 0, "CommitRevealEnabled")?;
        check(uids.len() as u64 <= count, "UidsLengthExceedUidsInSubNet")?;
        let uid = self.uid(&decoded.signer).ok_or("HotKeyNotRegisteredInSubNet")?;
        check(decoded.number("version_key") >= self.number("WeightsVersionKey"), "IncorrectWeightVersionKey")?;
        let mut updates = self.of_subnet("LastUpdate");
        let last = updates[usize::from(uid)] as u64;
        check(last == 0 || number - last >= self.number("WeightsSetRateLimit"), "SettingWeightsTooFast")?;
        check(self.of_subnet("ValidatorPermit")[usize::from(uid)] == 1, "NeuronNoValidatorPermit")?;
        let distinct: std::collections::BTreeSet<&u16> = uids.iter().collect();
        check(distinct.len() == uids.len(), "DuplicateUids")?;
        check(uids.iter().all(|uid| u64::from(*uid) < count), "UidVecContainInvalidOne")?;
        check(uids.len() as u64 >= self.number("MinAllowedWeights").min(count), "WeightVecLengthIsLow")?;
        let sum: u64 = weights.iter().map(|weight| u64::from(*weight)).sum();
        let limit = self.number("MaxWeightsLimit");
        let is_within = weights.iter().all(|weight| u64::from(*weight) * 65535 <= limit * sum);
        check(limit == 65535 || is_within, "MaxWeightExceeded")?;
        self.store_row(uid, &uids, &weights);
        updates[usize::from(uid)] = number.into();
        self.set("SubtensorModule", "LastUpdate", vec![netuid()], &list(updates.into_iter().map(Value::u128)));
        Ok(())
    }

    fn commit_weights(&mut self, number: u64, decoded: &Decoded) -> Result<(), String> {
        check(self.number("CommitRevealWeightsEnabled") == 1, "CommitRevealDisabled")?;
        check(decoded.number("commit_reveal_version") == 4, "IncorrectCommitRevealVersion")?;
        let uid = self.uid(&decoded.signer).ok_or("HotKeyNotRegisteredInSubNet")?;
        let mut updates = self.of_subnet("LastUpdate");
        let last = updates[usize::from(uid)] as u64;
        check(last == 0 || number - last >= self.number("WeightsSetRateLimit"), "CommittingWeightsTooFast")?;
        check(decoded.number("reveal_round") > self.last_round(), "InvalidRevealRound")?;
        let epoch = self.number("SubnetEpochIndex");
        let (round, bytes) = (decoded.number("reveal_round"), decoded.bytes("commit"));
        self.commits.push(Commit { hotkey: decoded.signer, epoch, round, bytes });
        updates[usize::from(uid)] = number.into();
        self.set("SubtensorModule", "LastUpdate", vec![netuid()], &list(updates.into_iter().map(Value::u128)));
        Ok(())
    }

    /// The event of an extrinsic's outcome.
    fn event(&self, place: usize, outcome: &Result<(), String>) -> Value {
        let weight = named(vec![("ref_time", Value::u128(1)), ("proof_size", Value::u128(0))]);
        let info = named(vec![
            ("weight", weight),
            ("class", Value::unnamed_variant("Normal", [])),
            ("pays_fee", Value::unnamed_variant("No", [])),
        ]);
        let event = match outcome {
            Ok(()) => Value::named_variant("ExtrinsicSuccess", [("dispatch_info", info)]),
            Err(error) => {
                let fields = [("dispatch_error", self.runtime.error(error)), ("dispatch_info", info)];
                Value::named_variant("ExtrinsicFailed", fields)
            }
        };
        named(vec![
            ("phase", Value::unnamed_variant("ApplyExtrinsic", [Value::u128(place as u128)])),
            ("event", Value::unnamed_variant("System", [event])),
            ("topics", list([])),
        ])
    }
}

fn check(holds: bool, error: &str) -> Result<(), String> {
    if holds { Ok(()) } else { Err(error.to_owned()) }
}

fn netuid() -> Value {
    Value::u128(NETUID.into())
}

/// Unix time of a round of drand in seconds.
fn drand_time(round: u64) -> u64 {
    1_692_803_367 + (round - 1) * 3
}

/// A commit's payload: hotkey, uids, weights, version key.
type Payload = ([u8; 32], Vec<u16>, Vec<u16>, u64);

/// Opens a commit that was encrypted to the known round.
fn open(bytes: &[u8], round: u64) -> Option<Payload> {
    let plain = decrypt(bytes, round)?;
    let (hotkey, uids, weights, key) = <(Vec<u8>, Vec<u16>, Vec<u16>, u64)>::decode(&mut &plain[..]).ok()?;
    Some((hotkey.try_into().ok()?, uids, weights, key))
}

/// Opens bytes that were encrypted to the known round.
fn decrypt(bytes: &[u8], round: u64) -> Option<Vec<u8>> {
    use ark_serialize::CanonicalDeserialize;
    use timelock::curves::drand::TinyBLS381;
    use timelock::stream_ciphers::AESGCMStreamCipherProvider;
    use timelock::tlock::{EngineBLS, TLECiphertext, tld};
    if round != KNOWN_ROUND {
        return None;
    }
    let ciphertext = TLECiphertext::<TinyBLS381>::deserialize_compressed(bytes).ok()?;
    let signature = super::runtime::hex_bytes(KNOWN_SIGNATURE);
    let signature = <TinyBLS381 as EngineBLS>::SignatureGroup::deserialize_compressed(&signature[..]).ok()?;
    tld::<TinyBLS381, AESGCMStreamCipherProvider>(ciphertext, signature).ok()
}

/// The public key of a seed's hotkey.
pub fn public_key(seed: [u8; 32]) -> [u8; 32] {
    Keypair::from_secret_key(seed).expect("any 32 bytes are a seed").public_key().0
}
