//! JSON-RPC of the double, as a node answers it.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use jsonrpsee::server::{RpcModule, Server};
use jsonrpsee::types::ErrorObjectOwned;
use serde_json::{Value as Json, json};
use subxt::dynamic::Value;
use subxt::ext::codec::Encode;
use subxt::ext::scale_value::scale::decode_as_type;
use subxt::ext::scale_value::{Composite, ValueDef};

use super::runtime::{hex_bytes, hex_text, list};
use super::state::{Block, NETUID, State};

/// A chain's node in this process, on a port of its own.
pub struct ChainDouble {
    state: Arc<Mutex<State>>,
    address: SocketAddr,
    stop: Arc<AtomicBool>,
    /// Runs the server; dropped with it.
    _runtime: tokio::runtime::Runtime,
}

impl std::fmt::Debug for ChainDouble {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "ChainDouble({})", self.address)
    }
}

impl ChainDouble {
    /// Starts a node with this state.
    pub fn start(state: State) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
        let runtime = runtime.expect("threads for the node");
        let state = Arc::new(Mutex::new(state));
        let module = module(Arc::clone(&state));
        let address = runtime.block_on(async {
            let server = Server::builder().build("127.0.0.1:0").await.expect("a free port");
            let address = server.local_addr().expect("a bound socket");
            let handle = server.start(module);
            tokio::spawn(handle.stopped());
            address
        });
        Self { state, address, stop: Arc::default(), _runtime: runtime }
    }

    /// Its WebSocket address.
    pub fn url(&self) -> String {
        format!("ws://{}", self.address)
    }

    /// Its port.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The state, to be looked at and changed.
    pub fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("no holder panics")
    }

    /// Makes blocks by itself from now on, a little slower than the clients look.
    pub fn run(&self) {
        let (state, stop) = (Arc::clone(&self.state), Arc::clone(&self.stop));
        std::thread::spawn(move || {
            while !stop.load(Ordering::Relaxed) {
                std::thread::sleep(Duration::from_millis(60));
                let Ok(mut state) = state.lock() else { break };
                state.block();
            }
        });
    }
}

impl Drop for ChainDouble {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
    }
}

type Answer = Result<Json, ErrorObjectOwned>;

/// A method of the node.
type Method = fn(&mut State, &[Json]) -> Answer;

const METHODS: [(&str, Method); 12] = [
    ("chain_getBlockHash", block_hash),
    ("chain_getFinalizedHead", finalized_head),
    ("chain_getHeader", header),
    ("chain_getBlock", block),
    ("state_getRuntimeVersion", runtime_version),
    ("state_getMetadata", metadata),
    ("state_call", call),
    ("state_queryStorageAt", query),
    ("system_accountNextIndex", next_index),
    ("author_submitExtrinsic", submit),
    ("system_health", health),
    ("system_chain", chain),
];

fn module(state: Arc<Mutex<State>>) -> RpcModule<Arc<Mutex<State>>> {
    let mut module = RpcModule::new(state);
    for (name, method) in METHODS {
        let registered = module.register_method(name, move |parameters, state, _| {
            let parameters: Vec<Json> = serde_json::from_str(parameters.as_str().unwrap_or("[]")).unwrap_or_default();
            method(&mut state.lock().expect("no holder panics"), &parameters)
        });
        registered.expect("each method once");
    }
    module
}

fn odd(message: &str) -> ErrorObjectOwned {
    ErrorObjectOwned::owned(-32602, message.to_owned(), None::<()>)
}

/// The block of a hash, or the latest one.
fn at<'a>(state: &'a State, hash: Option<&Json>) -> Result<&'a Block, ErrorObjectOwned> {
    let Some(hash) = hash.and_then(Json::as_str) else {
        return state.blocks.last().ok_or_else(|| odd("no block"));
    };
    let found = state.blocks.iter().find(|block| hex_text(&block.hash) == hash);
    found.ok_or_else(|| odd("UnknownBlock: Header was not found in the database"))
}

fn block_hash(state: &mut State, parameters: &[Json]) -> Answer {
    let number = parameters.first().and_then(Json::as_u64).ok_or_else(|| odd("no number"))?;
    if state.faults.lies_about_genesis && number == 0 {
        return Ok(json!(hex_text(&[0xab; 32])));
    }
    let block = state.blocks.iter().find(|block| block.number == number);
    Ok(block.map_or(Json::Null, |block| json!(hex_text(&block.hash))))
}

fn finalized_head(state: &mut State, _: &[Json]) -> Answer {
    let block = state.blocks.iter().find(|block| block.number == state.finalized);
    Ok(json!(hex_text(&block.ok_or_else(|| odd("no block"))?.hash)))
}

fn header_of(block: &Block) -> Json {
    json!({
        "number": format!("{:#x}", block.number),
        "parentHash": hex_text(&block.parent),
        "stateRoot": hex_text(&[0; 32]),
        "extrinsicsRoot": hex_text(&[0; 32]),
        "digest": { "logs": [] },
    })
}

fn header(state: &mut State, parameters: &[Json]) -> Answer {
    Ok(header_of(at(state, parameters.first())?))
}

fn block(state: &mut State, parameters: &[Json]) -> Answer {
    let block = at(state, parameters.first())?;
    let extrinsics: Vec<String> = block.extrinsics.iter().map(|extrinsic| hex_text(extrinsic)).collect();
    Ok(json!({ "block": { "header": header_of(block), "extrinsics": extrinsics }, "justifications": null }))
}

fn runtime_version(state: &mut State, parameters: &[Json]) -> Answer {
    let version = at(state, parameters.first())?.spec_version;
    Ok(json!({ "specName": "node-subtensor", "specVersion": version, "transactionVersion": 1 }))
}

fn metadata(state: &mut State, _: &[Json]) -> Answer {
    Ok(json!(hex_text(&state.runtime.bytes)))
}

fn call(state: &mut State, parameters: &[Json]) -> Answer {
    let arguments = hex_bytes(parameters.get(1).and_then(Json::as_str).unwrap_or("0x"));
    match parameters.first().and_then(Json::as_str) {
        Some("Metadata_metadata_at_version") if arguments.first() == Some(&15) => {
            Ok(json!(hex_text(&Some(state.runtime.bytes.clone()).encode())))
        }
        Some("SubnetInfoRuntimeApi_get_selective_metagraph") => Ok(json!(hex_text(&metagraph(state)))),
        other => Err(odd(&format!("{other:?} is not a call of the double"))),
    }
}

/// A metagraph with the stakes alone.
fn metagraph(state: &State) -> Vec<u8> {
    let metadata = &state.runtime.metadata;
    let api = metadata.runtime_api_trait_by_name("SubnetInfoRuntimeApi").expect("the interface is there");
    let method = api.method_by_name("get_selective_metagraph").expect("the call is there");
    // Absent parts are zeros, so that zeros show which parts there are.
    let zeros = [vec![1], vec![0; 512]].concat();
    let mut shape = decode_as_type(&mut &zeros[..], method.output_ty(), metadata.types())
        .expect("a metagraph of zeros")
        .remove_context();
    let ValueDef::Variant(option) = &mut shape.value else { panic!("a metagraph is optional") };
    let Composite::Unnamed(inside) = &mut option.values else { panic!("an option's value has no name") };
    let inside = inside.first_mut().expect("a metagraph is there");
    let ValueDef::Composite(Composite::Named(fields)) = &mut inside.value else { panic!("a metagraph is a structure") };
    for (name, value) in fields {
        match name.as_str() {
            "netuid" => *value = Value::u128(NETUID.into()),
            "total_stake" => {
                let stakes = list(state.stakes.iter().map(|stake| Value::u128((*stake).into())));
                *value = Value::unnamed_variant("Some", [stakes]);
            }
            _ => {}
        }
    }
    state.runtime.encode(&shape, method.output_ty())
}

fn query(state: &mut State, parameters: &[Json]) -> Answer {
    let block = at(state, parameters.get(1))?;
    let keys = parameters.first().and_then(Json::as_array).ok_or_else(|| odd("no keys"))?;
    let change = |key: &Json| {
        let bytes = hex_bytes(key.as_str().unwrap_or("0x"));
        json!([key, block.storage.get(&bytes).map(|value| hex_text(value))])
    };
    Ok(json!([{ "block": hex_text(&block.hash), "changes": keys.iter().map(change).collect::<Vec<_>>() }]))
}

fn next_index(state: &mut State, parameters: &[Json]) -> Answer {
    let account = parameters.first().and_then(Json::as_str).ok_or_else(|| odd("no account"))?;
    let account: subxt::utils::AccountId32 = account.parse().map_err(|_| odd("no account"))?;
    let nonce = state.nonces.get(&account.0).copied().unwrap_or(0);
    if state.faults.upgrades_after_nonce {
        state.faults.upgrades_after_nonce = false;
        state.upgrade();
    }
    let is_stale = std::mem::take(&mut state.faults.next_nonce_is_stale);
    Ok(json!(if is_stale { nonce.saturating_sub(1) } else { nonce }))
}

fn submit(state: &mut State, parameters: &[Json]) -> Answer {
    let extrinsic = hex_bytes(parameters.first().and_then(Json::as_str).unwrap_or("0x"));
    match state.submit(&extrinsic) {
        Ok(hash) => Ok(json!(hex_text(&hash))),
        Err(refusal) => Err(ErrorObjectOwned::owned(refusal.code, refusal.message, Some(refusal.data))),
    }
}

fn health(_: &mut State, _: &[Json]) -> Answer {
    Ok(json!({ "peers": 1, "isSyncing": false, "shouldHavePeers": false }))
}

fn chain(_: &mut State, _: &[Json]) -> Answer {
    Ok(json!("double"))
}
