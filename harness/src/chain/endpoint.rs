//! One node of a chain, over JSON-RPC on a WebSocket. Every request has a limit of time: the client has none of its own, and
//! a connection may be half dead.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde_json::{Value as Json, json};
use subxt::dynamic::Value;
use subxt::rpcs::client::{RpcClient, RpcParams};
use subxt::rpcs::{Error as RpcError, UserError};

use super::SubnetError;
use super::runtime::{Runtime, StorageItem, numbers};
use crate::registry::{BlockRef, Hash32};

/// Keys that are asked for at once.
const BATCH: usize = 500;

/// A connection to a node.
pub(crate) struct Endpoint {
    url: String,
    client: RpcClient,
    limit: Duration,
    genesis: Hash32,
    runtimes: Mutex<BTreeMap<u32, Arc<Runtime>>>,
}

/// A storage item by name.
#[derive(Debug, Clone)]
pub(crate) struct Query {
    pallet: &'static str,
    item: &'static str,
    keys: Vec<Value>,
}

impl Query {
    /// The item of this pallet under these keys.
    pub(crate) fn new(pallet: &'static str, item: &'static str, keys: Vec<Value>) -> Self {
        Self { pallet, item, keys }
    }
}

/// Error of a request: the node's own answer is kept apart, since a pool's refusal is one.
#[derive(Debug)]
pub(crate) enum RequestError {
    /// The node answered with an error.
    Refused(UserError),
    /// Anything else.
    Other(SubnetError),
}

impl Endpoint {
    /// Connects to a node.
    ///
    /// # Errors
    /// If it cannot be reached within the limit.
    pub(crate) async fn connect(url: &str, limit: Duration) -> Result<Self, SubnetError> {
        let seconds = limit.as_secs();
        let timeout = || SubnetError::Timeout { endpoint: url.to_owned(), request: "connect", seconds };
        let connected = tokio::time::timeout(limit, RpcClient::from_insecure_url(url)).await.map_err(|_| timeout())?;
        let client = connected
            .map_err(|error| SubnetError::Connection { endpoint: url.to_owned(), cause: with_sources(&error) })?;
        let runtimes = Mutex::default();
        let mut endpoint = Self { url: url.to_owned(), client, limit, genesis: Hash32([0; 32]), runtimes };
        endpoint.genesis = endpoint.block_hash(0).await?;
        Ok(endpoint)
    }

    /// Hash of the chain's first block.
    pub(crate) fn genesis(&self) -> Hash32 {
        self.genesis
    }

    /// Sends a request and waits for its answer.
    pub(crate) async fn request(&self, method: &'static str, arguments: &[Json]) -> Result<Json, RequestError> {
        let mut parameters = RpcParams::new();
        for argument in arguments {
            parameters.push(argument).map_err(|error| RequestError::Other(self.odd(method, &error.to_string())))?;
        }
        match tokio::time::timeout(self.limit, self.client.request::<Json>(method, parameters)).await {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(RpcError::User(error))) => Err(RequestError::Refused(error)),
            Ok(Err(error @ (RpcError::Client(_) | RpcError::DisconnectedWillReconnect(_)))) => {
                let cause = with_sources(&error);
                Err(RequestError::Other(SubnetError::Connection { endpoint: self.url.clone(), cause }))
            }
            Ok(Err(error)) => Err(RequestError::Other(self.odd(method, &error.to_string()))),
            Err(_) => Err(RequestError::Other(SubnetError::Timeout {
                endpoint: self.url.clone(),
                request: method,
                seconds: self.limit.as_secs(),
            })),
        }
    }

    /// The same where a refusal is an error like any other.
    pub(crate) async fn ask(&self, method: &'static str, arguments: &[Json]) -> Result<Json, SubnetError> {
        self.request(method, arguments).await.map_err(|error| match error {
            RequestError::Refused(refusal) => self.odd(method, &format!("{} ({})", refusal.message, refusal.code)),
            RequestError::Other(error) => error,
        })
    }

    /// Hash of the block of this number.
    pub(crate) async fn block_hash(&self, number: u64) -> Result<Hash32, SubnetError> {
        let answer = self.ask("chain_getBlockHash", &[json!(number)]).await?;
        self.hash("chain_getBlockHash", &answer)
    }

    /// The latest finalized block.
    pub(crate) async fn finalized_head(&self) -> Result<BlockRef, SubnetError> {
        let answer = self.ask("chain_getFinalizedHead", &[]).await?;
        let hash = self.hash("chain_getFinalizedHead", &answer)?;
        self.block_ref(hash).await
    }

    /// The latest block, which may not stay.
    pub(crate) async fn best_head(&self) -> Result<BlockRef, SubnetError> {
        let header = self.ask("chain_getHeader", &[]).await?;
        let number = self.number("chain_getHeader", &header["number"])?;
        let hash = self.block_hash(number).await?;
        self.block_ref(hash).await
    }

    /// The block with this hash.
    pub(crate) async fn block_ref(&self, hash: Hash32) -> Result<BlockRef, SubnetError> {
        let header = self.ask("chain_getHeader", &[hex_json(&hash.0)]).await?;
        let number = self.number("chain_getHeader", &header["number"])?;
        let runtime = self.runtime(hash).await?;
        let now = self.read(&runtime, hash, &[Query::new("Timestamp", "Now", Vec::new())]).await?;
        let unix_ms = now[0].as_ref().and_then(|value| u64::try_from(*numbers(value).first()?).ok()).unwrap_or(0);
        Ok(BlockRef { number, hash, unix_ms })
    }

    /// The extrinsics of a block, as hexadecimal digits after `0x`.
    pub(crate) async fn extrinsics(&self, hash: Hash32) -> Result<Vec<String>, SubnetError> {
        let mut block = self.ask("chain_getBlock", &[hex_json(&hash.0)]).await?;
        let extrinsics = block["block"]["extrinsics"].take();
        serde_json::from_value(extrinsics).map_err(|error| self.odd("chain_getBlock", &error.to_string()))
    }

    /// The runtime at a block; its metadata is fetched once a version.
    pub(crate) async fn runtime(&self, at: Hash32) -> Result<Arc<Runtime>, SubnetError> {
        let version = self.ask("state_getRuntimeVersion", &[hex_json(&at.0)]).await?;
        let part = |name: &str| version[name].as_u64().and_then(|number| u32::try_from(number).ok());
        let (Some(spec), Some(transaction)) = (part("specVersion"), part("transactionVersion")) else {
            return Err(self.odd("state_getRuntimeVersion", &format!("{version} names no versions")));
        };
        if let Some(known) = self.runtimes().get(&spec) {
            return Ok(Arc::clone(known));
        }
        let metadata = self.metadata(at).await?;
        let runtime = Arc::new(Runtime::new(&metadata, self.genesis, (spec, transaction))?);
        self.runtimes().insert(spec, Arc::clone(&runtime));
        Ok(runtime)
    }

    fn runtimes(&self) -> std::sync::MutexGuard<'_, BTreeMap<u32, Arc<Runtime>>> {
        self.runtimes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Metadata in version 15, which tells runtime calls; where the node has none, the version that every node has.
    async fn metadata(&self, at: Hash32) -> Result<Vec<u8>, SubnetError> {
        let wanted = [json!("Metadata_metadata_at_version"), json!("0x0f000000"), hex_json(&at.0)];
        match self.request("state_call", &wanted).await {
            Ok(answer) => {
                // An optional list of bytes: a flag, then a length.
                let bytes = self.bytes("state_call", &answer)?;
                let start = bytes.windows(4).take(6).position(|four| four == b"meta");
                if let Some(start) = start {
                    return Ok(bytes[start..].to_vec());
                }
            }
            Err(RequestError::Refused(_)) => {}
            Err(RequestError::Other(error)) => return Err(error),
        }
        let answer = self.ask("state_getMetadata", &[hex_json(&at.0)]).await?;
        self.bytes("state_getMetadata", &answer)
    }

    /// Values of storage items at a block: none for an item that the runtime does not have, or for one without a value and a
    /// default.
    pub(crate) async fn read(
        &self,
        runtime: &Runtime,
        at: Hash32,
        queries: &[Query],
    ) -> Result<Vec<Option<Value>>, SubnetError> {
        let items: Vec<Option<StorageItem>> =
            queries.iter().map(|query| runtime.storage(query.pallet, query.item, query.keys.clone())).collect();
        let keys: Vec<&[u8]> = items.iter().flatten().map(|item| item.key.as_slice()).collect();
        let mut stored = BTreeMap::new();
        for batch in keys.chunks(BATCH) {
            let batch: Vec<Json> = batch.iter().map(|key| hex_json(key)).collect();
            let answer = self.ask("state_queryStorageAt", &[json!(batch), hex_json(&at.0)]).await?;
            self.changes(&answer, &mut stored)?;
        }
        let value = |item: Option<StorageItem>| match item {
            Some(item) => runtime.value(&item, stored.get(&item.key).map(Vec::as_slice)),
            None => Ok(None),
        };
        items.into_iter().map(value).collect()
    }

    /// Adds the keys and values of an answer to `state_queryStorageAt`.
    fn changes(&self, answer: &Json, stored: &mut BTreeMap<Vec<u8>, Vec<u8>>) -> Result<(), SubnetError> {
        const METHOD: &str = "state_queryStorageAt";
        let sets = answer.as_array().ok_or_else(|| self.odd(METHOD, "the answer is no list"))?;
        for change in sets.iter().filter_map(|set| set["changes"].as_array()).flatten() {
            if !change[1].is_null() {
                stored.insert(self.bytes(METHOD, &change[0])?, self.bytes(METHOD, &change[1])?);
            }
        }
        Ok(())
    }

    /// The answer of a runtime call at a block; none if the runtime does not have it.
    pub(crate) async fn call(
        &self,
        runtime: &Runtime,
        at: Hash32,
        (api, method): (&str, &str),
        arguments: &[u8],
    ) -> Result<Option<Value>, SubnetError> {
        if !runtime.has_api(api, method) {
            return Ok(None);
        }
        let call = [json!(format!("{api}_{method}")), hex_json(arguments), hex_json(&at.0)];
        let answer = self.ask("state_call", &call).await?;
        runtime.answer(api, method, &self.bytes("state_call", &answer)?)
    }

    /// The error of an answer that cannot be used.
    pub(crate) fn odd(&self, request: &'static str, cause: &str) -> SubnetError {
        // An endpoint chooses these words, and they are shown.
        let cause: String = cause.chars().filter(|one| !one.is_control()).take(400).collect();
        SubnetError::Answer { endpoint: self.url.clone(), request, cause }
    }

    fn hash(&self, request: &'static str, answer: &Json) -> Result<Hash32, SubnetError> {
        let bytes = self.bytes(request, answer)?;
        let bytes = bytes.try_into().map_err(|_| self.odd(request, &format!("{answer} is not a hash")))?;
        Ok(Hash32(bytes))
    }

    fn number(&self, request: &'static str, answer: &Json) -> Result<u64, SubnetError> {
        let digits = answer.as_str().and_then(|text| text.strip_prefix("0x"));
        let number = digits.and_then(|digits| u64::from_str_radix(digits, 16).ok()).or_else(|| answer.as_u64());
        number.ok_or_else(|| self.odd(request, &format!("{answer} is not a number")))
    }

    fn bytes(&self, request: &'static str, answer: &Json) -> Result<Vec<u8>, SubnetError> {
        let digits = answer.as_str().and_then(|text| text.strip_prefix("0x"));
        let bytes = digits.and_then(|digits| hex::decode(digits).ok());
        let shown = || answer.to_string().chars().take(60).collect::<String>();
        bytes.ok_or_else(|| self.odd(request, &format!("{} is not bytes", shown())))
    }
}

/// Bytes as JSON-RPC takes them.
pub(crate) fn hex_json(bytes: &[u8]) -> Json {
    Json::String(format!("0x{}", hex::encode(bytes)))
}

/// An error with its causes: the outermost says little.
fn with_sources(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        if !text.contains(&cause_text) {
            text = format!("{text}: {cause_text}");
        }
        source = cause.source();
    }
    text
}
