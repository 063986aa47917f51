//! Runtime of a chain at a block: its metadata, and what is encoded and decoded with it. Nothing is known of a runtime when
//! this program is built; what a runtime lacks is a feature that is absent.

use subxt::config::DefaultExtrinsicParamsBuilder;
use subxt::config::substrate::{H256, SpecVersionForRange};
use subxt::dynamic::Value;
use subxt::ext::frame_decode;
use subxt::ext::scale_value::scale::decode_as_type;
use subxt::ext::scale_value::{Composite, Primitive, ValueDef};
use subxt::tx::DynamicPayload;
use subxt::utils::{AccountId32, MultiSignature};
use subxt::{Metadata, OfflineClient, OfflineClientAtBlock, SubstrateConfig};

use super::{Mortality, SubnetError};
use crate::registry::Hash32;

/// A runtime.
pub(crate) struct Runtime {
    client: OfflineClientAtBlock<SubstrateConfig>,
    spec_version: u32,
}

/// A storage item that the runtime has.
#[derive(Debug, Clone)]
pub(crate) struct StorageItem {
    /// The whole key.
    pub key: Vec<u8>,
    value_type: u32,
    default: Option<Vec<u8>>,
}

impl Runtime {
    /// The runtime with this metadata (as the node sends it, without lengths around it) on the chain with this first block.
    pub(crate) fn new(
        metadata: &[u8],
        genesis: Hash32,
        (spec_version, transaction_version): (u32, u32),
    ) -> Result<Self, SubnetError> {
        let trouble = |problem: String| SubnetError::Runtime { spec_version, problem };
        let metadata = Metadata::decode_from(metadata)
            .map_err(|error| trouble(format!("its metadata cannot be decoded: {error}")))?;
        let versions = SpecVersionForRange { block_range: 0..u64::MAX, spec_version, transaction_version };
        let config = SubstrateConfig::builder()
            .set_genesis_hash(H256(genesis.0))
            .set_metadata_for_spec_versions([(spec_version, metadata.arc())])
            .set_spec_version_for_block_ranges([versions])
            .build();
        let client = OfflineClient::new_with_config(config).at_block(0_u64);
        Ok(Self { client: client.map_err(|error| trouble(error.to_string()))?, spec_version })
    }

    /// Its version.
    pub(crate) fn spec_version(&self) -> u32 {
        self.spec_version
    }

    /// A storage item with these keys; none if the runtime does not have it.
    pub(crate) fn storage(&self, pallet: &str, item: &str, keys: Vec<Value>) -> Option<StorageItem> {
        let metadata = self.client.metadata_ref();
        let entry = metadata.pallet_by_name(pallet)?.storage()?.entry_by_name(item)?;
        let key = frame_decode::storage::encode_storage_key(pallet, item, keys, metadata, metadata.types()).ok()?;
        Some(StorageItem { key, value_type: entry.value_ty(), default: entry.default_value().map(<[u8]>::to_vec) })
    }

    /// The value of a storage item: what the chain has stored, else the runtime's default, if there is one.
    pub(crate) fn value(&self, item: &StorageItem, stored: Option<&[u8]>) -> Result<Option<Value>, SubnetError> {
        let bytes = stored.or(item.default.as_deref());
        bytes.map(|bytes| self.decode(bytes, item.value_type)).transpose()
    }

    /// A constant as a number; none if the runtime does not have it.
    pub(crate) fn constant(&self, pallet: &str, name: &str) -> Option<u128> {
        let constant = self.client.metadata_ref().pallet_by_name(pallet)?.constant_by_name(name)?;
        let value = self.decode(constant.value(), constant.ty()).ok()?;
        numbers(&value).first().copied()
    }

    /// Milliseconds between two blocks.
    pub(crate) fn block_ms(&self) -> Option<u64> {
        let slot = self.constant("Aura", "SlotDuration");
        let slot = slot.or_else(|| self.constant("Timestamp", "MinimumPeriod").map(|half| half * 2))?;
        u64::try_from(slot).ok().filter(|slot| *slot > 0)
    }

    /// Decodes the answer of a runtime call; none if the runtime does not have it.
    pub(crate) fn answer(&self, api: &str, method: &str, bytes: &[u8]) -> Result<Option<Value>, SubnetError> {
        let api = self.client.metadata_ref().runtime_api_trait_by_name(api);
        let method = api.and_then(|api| api.method_by_name(method));
        method.map(|method| self.decode(bytes, method.output_ty())).transpose()
    }

    /// True if the runtime has this runtime call.
    pub(crate) fn has_api(&self, api: &str, method: &str) -> bool {
        let api = self.client.metadata_ref().runtime_api_trait_by_name(api);
        api.is_some_and(|api| api.method_by_name(method).is_some())
    }

    /// Names of a call's arguments; none if the runtime does not have the call.
    pub(crate) fn arguments(&self, pallet: &str, call: &str) -> Option<Vec<String>> {
        let variant = self.client.metadata_ref().pallet_by_name(pallet)?.call_variant_by_name(call)?;
        Some(variant.fields.iter().map(|field| field.name.clone().unwrap_or_default()).collect())
    }

    /// Bytes of a call.
    pub(crate) fn encode_call(&self, call: &DynamicPayload<Composite<()>>) -> Result<Vec<u8>, SubnetError> {
        self.client.transactions().call_data(call).map_err(|error| self.trouble(&error.to_string()))
    }

    /// The call that these bytes are.
    pub(crate) fn decode_call(&self, bytes: &[u8]) -> Result<DynamicPayload<Composite<()>>, SubnetError> {
        self.client.transactions().from_call_data_bytes(bytes).map_err(|error| self.trouble(&error.to_string()))
    }

    /// The extrinsic of a call, signed by `sign`, which is given the payload. Transaction extensions come from the metadata; one
    /// that this program does not know and that is not empty is an error.
    pub(crate) fn extrinsic(
        &self,
        call: &[u8],
        (nonce, mortality): (u64, &Mortality),
        account: &AccountId32,
        sign: impl FnOnce(&[u8]) -> MultiSignature,
    ) -> Result<Vec<u8>, SubnetError> {
        let trouble = |error: subxt::error::ExtrinsicError| self.trouble(&error.to_string());
        let call = self.decode_call(call)?;
        let parameters = DefaultExtrinsicParamsBuilder::<SubstrateConfig>::new()
            .mortal_from_unchecked(mortality.period, mortality.block, H256(mortality.hash.0))
            .nonce(nonce)
            .build();
        let transactions = self.client.transactions();
        let mut signable = transactions.create_v4_signable_offline(&call, parameters).map_err(trouble)?;
        let signature = sign(&signable.signer_payload().map_err(trouble)?);
        let signed = signable.sign_with_account_and_signature(account, &signature).map_err(trouble)?;
        Ok(signed.into_encoded())
    }

    /// The outcome of the extrinsic at this place of a block, from the block's events: `Ok` or the error that the runtime
    /// names; none if no event tells.
    pub(crate) fn outcome(&self, events: &Value, place: u32) -> Option<Result<(), String>> {
        let of_ours = items(events).filter(|record| {
            let phase = field(record, "phase");
            phase.is_some_and(|phase| {
                matches!(variant(phase), Some(("ApplyExtrinsic", _))) && numbers(phase) == [u128::from(place)]
            })
        });
        let mut outcomes = of_ours.filter_map(|record| {
            let (pallet, event) = variant(field(record, "event")?)?;
            let (name, fields) = variant(event.values().next()?)?;
            match (pallet, name) {
                ("System", "ExtrinsicSuccess") => Some(Ok(())),
                ("System", "ExtrinsicFailed") => Some(Err(self.dispatch_error(fields.values().next()?))),
                _ => None,
            }
        });
        outcomes.next()
    }

    /// Name and explanation of a dispatch error.
    fn dispatch_error(&self, error: &Value) -> String {
        let Some((kind, fields)) = variant(error) else { return format!("{error}") };
        let numbers: Vec<u128> = fields.values().flat_map(numbers).collect();
        let named = || {
            let [pallet, index, ..] = numbers.as_slice() else { return None };
            let pallet = self.client.metadata_ref().pallet_by_error_index(u8::try_from(*pallet).ok()?)?;
            let error = pallet.error_variant_by_index(u8::try_from(*index).ok()?)?;
            let docs = error.docs.join(" ");
            let docs = docs.trim();
            let docs = if docs.is_empty() { String::new() } else { format!(": {docs}") };
            Some(format!("{}.{}{docs}", pallet.name(), error.name))
        };
        let named = if kind == "Module" { named() } else { None };
        named.unwrap_or_else(|| format!("{error}"))
    }

    fn decode(&self, bytes: &[u8], type_id: u32) -> Result<Value, SubnetError> {
        let mut cursor = bytes;
        let value = decode_as_type(&mut cursor, type_id, self.client.metadata_ref().types())
            .map_err(|error| self.trouble(&format!("a value cannot be decoded: {error}")))?;
        if cursor.is_empty() { Ok(value.remove_context()) } else { Err(self.trouble("a value has bytes left over")) }
    }

    fn trouble(&self, problem: &str) -> SubnetError {
        SubnetError::Runtime { spec_version: self.spec_version, problem: problem.to_owned() }
    }
}

/// All numbers in a value, in order; true is 1.
pub(crate) fn numbers(value: &Value) -> Vec<u128> {
    match &value.value {
        ValueDef::Composite(composite) => composite.values().flat_map(numbers).collect(),
        ValueDef::Variant(variant) => variant.values.values().flat_map(numbers).collect(),
        ValueDef::Primitive(Primitive::U128(number)) => vec![*number],
        ValueDef::Primitive(Primitive::I128(number)) => u128::try_from(*number).into_iter().collect(),
        ValueDef::Primitive(Primitive::Bool(flag)) => vec![u128::from(*flag)],
        ValueDef::Primitive(_) | ValueDef::BitSequence(_) => Vec::new(),
    }
}

/// The values of a list, tuple or structure.
pub(crate) fn items(value: &Value) -> impl Iterator<Item = &Value> {
    let composite = match &value.value {
        ValueDef::Composite(composite) => Some(composite),
        _ => None,
    };
    composite.into_iter().flat_map(Composite::values)
}

/// A field of a structure by name.
pub(crate) fn field<'a>(value: &'a Value, name: &str) -> Option<&'a Value> {
    match &value.value {
        ValueDef::Composite(Composite::Named(fields)) => {
            fields.iter().find(|(found, _)| found == name).map(|(_, value)| value)
        }
        _ => None,
    }
}

/// Name and fields of an enum's value.
pub(crate) fn variant(value: &Value) -> Option<(&str, &Composite<()>)> {
    match &value.value {
        ValueDef::Variant(variant) => Some((&variant.name, &variant.values)),
        _ => None,
    }
}

/// A hash or key as the metadata's type for 32 bytes takes it.
pub(crate) fn bytes_value(bytes: &[u8]) -> Value {
    Value::from_bytes(bytes)
}

#[cfg(test)]
pub(super) mod tests;
