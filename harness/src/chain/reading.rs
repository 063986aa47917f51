//! Reading of a subnet at one pinned block: plain storage items, in three rounds of requests.

use subxt::dynamic::Value;
use subxt::ext::codec::Encode;
use subxt::utils::AccountId32;

use super::endpoint::{Endpoint, Query};
use super::runtime::{Runtime, bytes_value, field, items, numbers, variant};
use super::{AppliedRow, SubnetError, WindowRoot};
use crate::registry::{
    BlockRef, CommitReveal, Commitment, EpochState, Hash32, Hotkey, Neuron, SubnetParameters, SubnetSnapshot, Uid,
};

/// The pallet of subnets.
const SUBNETS: &str = "SubtensorModule";

/// Mechanisms of one subnet have storage indices this far apart.
const MECHANISM_STRIDE: u16 = 4096;

/// Place of the total stakes among the parts of a metagraph.
const TOTAL_STAKE: u16 = 69;

/// Index of a mechanism's rows of weights in the chain's storage.
pub(crate) fn storage_index(netuid: u16, mechanism: u8) -> u16 {
    u16::from(mechanism).wrapping_mul(MECHANISM_STRIDE).wrapping_add(netuid)
}

/// Reads everything of a subnet at a block.
pub(crate) async fn snapshot(
    endpoint: &Endpoint,
    at: &BlockRef,
    (netuid, mechanism): (u16, u8),
) -> Result<SubnetSnapshot, SubnetError> {
    let runtime = endpoint.runtime(at.hash).await?;
    let subnet = Subnet::read(endpoint, &runtime, at.hash, (netuid, mechanism)).await?;
    let parameters = subnet.parameters()?;
    let slots = slots(endpoint, &runtime, at.hash, netuid, subnet.uids()).await?;
    let (owners, commitments) = of_hotkeys(endpoint, &runtime, at.hash, netuid, &slots).await?;
    let stakes = stakes(endpoint, &runtime, at.hash, netuid).await?;
    let part = |values: &[u128], uid: usize| values.get(uid).copied().unwrap_or(0);
    let [permits, updates, active, incentives] =
        ["ValidatorPermit", "LastUpdate", "Active", "Incentive"].map(|name| subnet.numbers(name));
    let neuron = |(uid, (hotkey, registered)): (usize, (&AccountId32, u64))| Neuron {
        uid: Uid(u16::try_from(uid).unwrap_or(u16::MAX)),
        hotkey: address(hotkey),
        coldkey: address(&owners[uid]),
        registered,
        permit: part(&permits, uid) == 1,
        stake: stakes.as_ref().map(|stakes| u64::try_from(part(stakes, uid)).unwrap_or(u64::MAX)),
        last_update: u64::try_from(part(&updates, uid)).unwrap_or(u64::MAX),
        active: part(&active, uid) == 1,
        incentive: u16::try_from(part(&incentives, uid)).unwrap_or(u16::MAX),
    };
    Ok(SubnetSnapshot {
        version: SubnetSnapshot::VERSION,
        genesis: endpoint.genesis(),
        spec_version: runtime.spec_version(),
        netuid,
        mechanism,
        block: *at,
        parameters,
        neurons: slots.iter().map(|(hotkey, registered)| (hotkey, *registered)).enumerate().map(neuron).collect(),
        commitments,
    })
}

/// Parameters of a subnet alone.
pub(crate) async fn snapshot_parameters(
    endpoint: &Endpoint,
    runtime: &Runtime,
    at: Hash32,
    subnet: (u16, u8),
) -> Result<SubnetParameters, SubnetError> {
    Subnet::read(endpoint, runtime, at, subnet).await?.parameters()
}

/// The address of an account (SS58 with the prefix 42).
pub(crate) fn address(account: &AccountId32) -> Hotkey {
    Hotkey(account.to_string())
}

/// The account of an address.
///
/// # Errors
/// If it is none.
pub(crate) fn account(hotkey: &Hotkey) -> Result<AccountId32, SubnetError> {
    hotkey.0.parse().map_err(|error| SubnetError::Absent(format!("{hotkey} is not an address: {error:?}")))
}

/// Items of a subnet that have one value each.
struct Subnet {
    spec_version: u32,
    values: Vec<(&'static str, Option<Value>)>,
}

impl Subnet {
    async fn read(
        endpoint: &Endpoint,
        runtime: &Runtime,
        at: Hash32,
        (netuid, mechanism): (u16, u8),
    ) -> Result<Self, SubnetError> {
        let key = |number: u16| vec![Value::u128(number.into())];
        let of_subnet = [
            "NetworksAdded",
            "SubnetworkN",
            "Tempo",
            "WeightsSetRateLimit",
            "MinAllowedWeights",
            "MaxWeightsLimit",
            "WeightsVersionKey",
            "CommitRevealWeightsEnabled",
            "RevealPeriodEpochs",
            "LastEpochBlock",
            "PendingEpochAt",
            "SubnetEpochIndex",
            "BlocksSinceLastStep",
            "SubnetOwnerHotkey",
            "MechanismCountCurrent",
            "ValidatorPermit",
            "Active",
        ];
        let of_index = ["LastUpdate", "Incentive"];
        let of_chain = ["CommitRevealWeightsVersion", "StakeThreshold"];
        let mut names = Vec::new();
        let mut queries = Vec::new();
        let mut add = |pallet, name, keys| {
            names.push(name);
            queries.push(Query::new(pallet, name, keys));
        };
        of_subnet.into_iter().for_each(|name| add(SUBNETS, name, key(netuid)));
        of_index.into_iter().for_each(|name| add(SUBNETS, name, key(storage_index(netuid, mechanism))));
        of_chain.into_iter().for_each(|name| add(SUBNETS, name, Vec::new()));
        add("Drand", "LastStoredRound", Vec::new());
        let values = endpoint.read(runtime, at, &queries).await?;
        let subnet = Self { spec_version: runtime.spec_version(), values: names.into_iter().zip(values).collect() };
        if subnet.number("NetworksAdded") == Some(0) || subnet.number("SubnetworkN") == Some(0) {
            return Err(SubnetError::Absent(format!("subnet {netuid} does not exist on this chain")));
        }
        if subnet.number("MechanismCountCurrent").is_some_and(|count| u64::from(mechanism) >= count.max(1)) {
            return Err(SubnetError::Absent(format!("subnet {netuid} has no mechanism {mechanism}")));
        }
        Ok(subnet)
    }

    fn value(&self, name: &str) -> Option<&Value> {
        self.values.iter().find(|(known, _)| *known == name).and_then(|(_, value)| value.as_ref())
    }

    fn numbers(&self, name: &str) -> Vec<u128> {
        self.value(name).map(numbers).unwrap_or_default()
    }

    fn number(&self, name: &str) -> Option<u64> {
        u64::try_from(*self.numbers(name).first()?).ok()
    }

    /// A number that every runtime has.
    fn required<N: TryFrom<u64>>(&self, name: &str) -> Result<N, SubnetError> {
        let number = self.number(name).and_then(|number| N::try_from(number).ok());
        number.ok_or_else(|| SubnetError::Runtime {
            spec_version: self.spec_version,
            problem: format!("its storage has no {SUBNETS}.{name} that can be read: upgrade this program"),
        })
    }

    fn uids(&self) -> u16 {
        self.number("SubnetworkN").and_then(|count| u16::try_from(count).ok()).unwrap_or(0)
    }

    fn parameters(&self) -> Result<SubnetParameters, SubnetError> {
        let is_committed = self.number("CommitRevealWeightsEnabled") == Some(1);
        let commit_reveal = if is_committed {
            Some(CommitReveal {
                version: self.required("CommitRevealWeightsVersion")?,
                period: self.required("RevealPeriodEpochs")?,
            })
        } else {
            None
        };
        let owner: Vec<u8> =
            self.numbers("SubnetOwnerHotkey").into_iter().filter_map(|it| u8::try_from(it).ok()).collect();
        let owner = <[u8; 32]>::try_from(owner).ok().filter(|bytes| *bytes != [0; 32]);
        Ok(SubnetParameters {
            tempo: self.required("Tempo")?,
            weights_rate_limit: self.required("WeightsSetRateLimit")?,
            min_allowed_weights: self.required("MinAllowedWeights")?,
            max_weights_limit: self.required("MaxWeightsLimit")?,
            weights_version: self.required("WeightsVersionKey")?,
            commit_reveal,
            epoch: EpochState {
                last_block: self.number("LastEpochBlock"),
                pending_at: self.number("PendingEpochAt"),
                index: self.number("SubnetEpochIndex"),
                blocks_since_step: self.number("BlocksSinceLastStep"),
            },
            stake_threshold: self.number("StakeThreshold"),
            owner_hotkey: owner.map(|bytes| address(&AccountId32(bytes))),
            mechanisms: self.number("MechanismCountCurrent").and_then(|count| u8::try_from(count).ok()),
            drand_round: self.number("LastStoredRound"),
        })
    }
}

/// Hotkey and block of registration of every uid.
async fn slots(
    endpoint: &Endpoint,
    runtime: &Runtime,
    at: Hash32,
    netuid: u16,
    uids: u16,
) -> Result<Vec<(AccountId32, u64)>, SubnetError> {
    let keys = |uid: u16| vec![Value::u128(netuid.into()), Value::u128(uid.into())];
    let queries: Vec<Query> = (0..uids)
        .flat_map(|uid| ["Keys", "BlockAtRegistration"].map(|item| Query::new(SUBNETS, item, keys(uid))))
        .collect();
    let values = endpoint.read(runtime, at, &queries).await?;
    let slot = |(uid, pair): (usize, &[Option<Value>])| {
        let hotkey = pair[0].as_ref().and_then(account_of);
        let registered = pair[1].as_ref().and_then(|value| u64::try_from(*numbers(value).first()?).ok());
        let missing = || endpoint.odd("state_queryStorageAt", &format!("uid {uid} of subnet {netuid} has no hotkey"));
        Ok((hotkey.ok_or_else(missing)?, registered.unwrap_or(0)))
    };
    values.chunks_exact(2).enumerate().map(slot).collect()
}

/// Coldkeys of all hotkeys, and their revealed commitments.
async fn of_hotkeys(
    endpoint: &Endpoint,
    runtime: &Runtime,
    at: Hash32,
    netuid: u16,
    slots: &[(AccountId32, u64)],
) -> Result<(Vec<AccountId32>, Vec<Commitment>), SubnetError> {
    let queries: Vec<Query> = slots
        .iter()
        .flat_map(|(hotkey, _)| {
            let hotkey = bytes_value(&hotkey.0);
            [
                Query::new(SUBNETS, "Owner", vec![hotkey.clone()]),
                Query::new("Commitments", "RevealedCommitments", vec![Value::u128(netuid.into()), hotkey]),
            ]
        })
        .collect();
    let values = endpoint.read(runtime, at, &queries).await?;
    let owner = |pair: &[Option<Value>]| pair[0].as_ref().and_then(account_of).unwrap_or(AccountId32([0; 32]));
    let owners = values.chunks_exact(2).map(owner).collect();
    let mut commitments: Vec<Commitment> = Vec::new();
    for ((hotkey, _), pair) in slots.iter().zip(values.chunks_exact(2)) {
        let reveals = pair[1].iter().flat_map(items).filter_map(reveal);
        commitments.extend(reveals.map(|(data, revealed)| Commitment { hotkey: address(hotkey), revealed, data }));
    }
    // The order of hotkeys; what one hotkey has revealed stays in the chain's order.
    commitments.sort_by(|one, other| one.hotkey.cmp(&other.hotkey));
    Ok((owners, commitments))
}

/// Bytes and block of a reveal.
fn reveal(value: &Value) -> Option<(Vec<u8>, u64)> {
    let mut parts = items(value);
    let data = numbers(parts.next()?).into_iter().filter_map(|byte| u8::try_from(byte).ok()).collect();
    let block = u64::try_from(*numbers(parts.next()?).first()?).ok()?;
    Some((data, block))
}

/// Total stake of every uid; none where the runtime does not tell it.
async fn stakes(
    endpoint: &Endpoint,
    runtime: &Runtime,
    at: Hash32,
    netuid: u16,
) -> Result<Option<Vec<u128>>, SubnetError> {
    let arguments = (netuid, vec![TOTAL_STAKE]).encode();
    let call = ("SubnetInfoRuntimeApi", "get_selective_metagraph");
    let Some(metagraph) = endpoint.call(runtime, at, call, &arguments).await? else { return Ok(None) };
    let inside = |value: &Value| match variant(value) {
        Some(("Some", fields)) => fields.values().next().cloned(),
        _ => None,
    };
    let stakes = inside(&metagraph).and_then(|metagraph| inside(field(&metagraph, "total_stake")?));
    Ok(stakes.as_ref().map(numbers))
}

/// The row that the chain holds for a hotkey.
pub(crate) async fn applied(
    endpoint: &Endpoint,
    at: &BlockRef,
    (netuid, mechanism): (u16, u8),
    hotkey: &Hotkey,
) -> Result<AppliedRow, SubnetError> {
    let runtime = endpoint.runtime(at.hash).await?;
    let account = account(hotkey)?;
    let index = Value::u128(storage_index(netuid, mechanism).into());
    let queries = [
        Query::new(SUBNETS, "Uids", vec![Value::u128(netuid.into()), bytes_value(&account.0)]),
        Query::new(SUBNETS, "LastUpdate", vec![index.clone()]),
    ];
    let values = endpoint.read(&runtime, at.hash, &queries).await?;
    let uid = values[0].as_ref().and_then(|value| numbers(value).first().copied());
    let Some(uid) = uid else {
        return Err(SubnetError::Absent(format!(
            "hotkey {hotkey} is not registered on subnet {netuid} at block {}",
            at.number
        )));
    };
    let updates = values[1].as_ref().map(numbers).unwrap_or_default();
    let last_update = usize::try_from(uid).ok().and_then(|uid| updates.get(uid)).copied().unwrap_or(0);
    let weights = Query::new(SUBNETS, "Weights", vec![index, Value::u128(uid)]);
    let values = endpoint.read(&runtime, at.hash, &[weights]).await?;
    let flat = values[0].as_ref().map(numbers).unwrap_or_default();
    let small = |number: u128| u16::try_from(number).unwrap_or(u16::MAX);
    let row = flat.chunks_exact(2).map(|pair| (Uid(small(pair[0])), small(pair[1]))).collect();
    Ok(AppliedRow { block: at.number, last_update: u64::try_from(last_update).unwrap_or(u64::MAX), row })
}

/// The root that a hotkey has published last, and the block; none where it has published none, or something else.
pub(crate) async fn published_root(
    endpoint: &Endpoint,
    at: &BlockRef,
    netuid: u16,
    hotkey: &Hotkey,
) -> Result<Option<(WindowRoot, u64)>, SubnetError> {
    let runtime = endpoint.runtime(at.hash).await?;
    let keys = vec![Value::u128(netuid.into()), bytes_value(&account(hotkey)?.0)];
    let values = endpoint.read(&runtime, at.hash, &[Query::new("Commitments", "CommitmentOf", keys)]).await?;
    let Some(commitment) = &values[0] else { return Ok(None) };
    let block = field(commitment, "block").map(numbers).unwrap_or_default();
    let info = field(commitment, "info").map(numbers).unwrap_or_default();
    let bytes: Vec<u8> = info.into_iter().filter_map(|byte| u8::try_from(byte).ok()).collect();
    let block = block.first().and_then(|block| u64::try_from(*block).ok()).unwrap_or(0);
    Ok(WindowRoot::decode(&bytes).map(|root| (root, block)))
}

fn account_of(value: &Value) -> Option<AccountId32> {
    let bytes: Vec<u8> = numbers(value).into_iter().filter_map(|it| u8::try_from(it).ok()).collect();
    bytes.try_into().ok().map(AccountId32)
}
