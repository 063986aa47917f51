//! Encoding and decoding with a runtime's metadata.

use subxt::Metadata;
use subxt::dynamic::Value;
use subxt::ext::codec::Decode;
use subxt::ext::frame_decode;
use subxt::ext::scale_encode::EncodeAsType;
use subxt::ext::scale_value::scale::decode_as_type;
use subxt::ext::scale_value::{Composite, ValueDef};

/// A runtime's metadata.
pub(super) struct Runtime {
    pub(super) metadata: Metadata,
    pub(super) bytes: Vec<u8>,
}

/// A submitted extrinsic, decoded.
#[derive(Debug, Clone)]
pub(super) struct Decoded {
    pub(super) pallet: String,
    pub(super) call: String,
    /// Arguments by name.
    pub(super) arguments: Vec<(String, Value)>,
    pub(super) call_bytes: Vec<u8>,
    /// Bytes of the transaction extensions.
    pub(super) extra: Vec<u8>,
    pub(super) signer: [u8; 32],
    pub(super) signature: [u8; 64],
}

impl Runtime {
    /// The runtime of the golden vectors' metadata.
    pub(super) fn new(golden: &serde_json::Value) -> Self {
        let text = golden["metadata"]["v15_hex"].as_str().expect("the vectors have metadata");
        let wrapped = hex_bytes(text);
        // An optional list of bytes: a flag and a length come first.
        let bytes = wrapped[5..].to_vec();
        let metadata = Metadata::decode_from(&bytes).expect("the metadata is valid");
        Self { metadata, bytes }
    }

    /// The key of a storage item.
    pub(super) fn key(&self, pallet: &str, item: &str, keys: Vec<Value>) -> Vec<u8> {
        frame_decode::storage::encode_storage_key(pallet, item, keys, &self.metadata, self.metadata.types())
            .unwrap_or_else(|error| panic!("{pallet}.{item}: {error}"))
    }

    /// A value as a storage item holds it.
    pub(super) fn stored(&self, pallet: &str, item: &str, value: &Value) -> Vec<u8> {
        let storage =
            self.metadata.pallet_by_name(pallet).and_then(|pallet| pallet.storage()).expect("a pallet with storage");
        let entry = storage.entry_by_name(item).unwrap_or_else(|| panic!("{pallet}.{item} is in the metadata"));
        self.encode(value, entry.value_ty())
    }

    pub(super) fn encode(&self, value: &Value, type_id: u32) -> Vec<u8> {
        value.encode_as_type(type_id, self.metadata.types()).unwrap_or_else(|error| panic!("{value}: {error}"))
    }

    /// The bytes that the module's error of this name has in an event.
    pub(super) fn error(&self, name: &str) -> Value {
        let pallet = self.metadata.pallet_by_name("SubtensorModule").expect("the pallet is there");
        let errors = pallet.error_variants().expect("the pallet has errors");
        let error = errors.iter().find(|error| error.name == name).unwrap_or_else(|| panic!("no error {name}"));
        let index = Value::from_bytes([error.index, 0, 0, 0]);
        let module = [("index", Value::u128(pallet.error_index().into())), ("error", index)];
        Value::unnamed_variant("Module", [Value::named_composite(module)])
    }

    /// Decodes a signed extrinsic; none if it is not one of this runtime.
    pub(super) fn decode(&self, extrinsic: &[u8]) -> Option<Decoded> {
        let types = self.metadata.types();
        let decoded = frame_decode::extrinsics::decode_extrinsic(&mut &*extrinsic, &self.metadata, types).ok()?;
        let signature = decoded.signature_payload()?;
        // MultiAddress::Id and MultiSignature::Sr25519 have a byte before their own.
        let address = &extrinsic[signature.address_range()];
        let signed = &extrinsic[signature.signature_range()];
        if address.first() != Some(&0) || signed.first() != Some(&1) {
            return None;
        }
        let argument = |argument: &frame_decode::extrinsics::NamedArg<'_, u32>| {
            let value = decode_as_type(&mut &extrinsic[argument.range()], *argument.ty(), types).ok()?;
            Some((argument.name().to_owned(), value.remove_context()))
        };
        Some(Decoded {
            pallet: decoded.pallet_name().to_owned(),
            call: decoded.call_name().to_owned(),
            arguments: decoded.call_data().map(argument).collect::<Option<_>>()?,
            call_bytes: extrinsic[decoded.call_data_range()].to_vec(),
            extra: extrinsic[decoded.transaction_extension_payload()?.range()].to_vec(),
            signer: address.get(1..)?.try_into().ok()?,
            signature: signed.get(1..)?.try_into().ok()?,
        })
    }
}

impl Decoded {
    /// All numbers of an argument.
    pub(super) fn numbers(&self, name: &str) -> Vec<u128> {
        let found = self.arguments.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| numbers(value)).unwrap_or_default()
    }

    pub(super) fn number(&self, name: &str) -> u64 {
        self.numbers(name).first().and_then(|number| u64::try_from(*number).ok()).unwrap_or(0)
    }

    pub(super) fn bytes(&self, name: &str) -> Vec<u8> {
        self.numbers(name).into_iter().filter_map(|number| u8::try_from(number).ok()).collect()
    }

    /// Nonce, and the birth of a mortal era that is valid at this block; none if the era is over.
    pub(super) fn nonce_and_birth(&self, block: u64) -> Option<(u64, u64)> {
        // Era (one byte 0, or two), compact nonce, compact tip, a byte for the metadata's hash.
        let mut extra = self.extra.as_slice();
        let birth = if extra.first() == Some(&0) {
            extra = &extra[1..];
            0
        } else {
            let era = u64::from(u16::from_le_bytes([*extra.first()?, *extra.get(1)?]));
            extra = &extra[2..];
            let period = 2_u64 << (era % 16);
            let phase = era >> 4;
            let birth = (block.max(phase) - phase) / period * period + phase;
            (block < birth + period).then_some(birth)?
        };
        let nonce = subxt::ext::codec::Compact::<u64>::decode(&mut extra).ok()?.0;
        Some((nonce, birth))
    }
}

/// All numbers in a value, in order.
pub(super) fn numbers(value: &Value) -> Vec<u128> {
    match &value.value {
        ValueDef::Composite(composite) => composite.values().flat_map(numbers).collect(),
        ValueDef::Variant(variant) => variant.values.values().flat_map(numbers).collect(),
        _ => value.as_u128().or_else(|| value.as_bool().map(u128::from)).into_iter().collect(),
    }
}

/// The fields of a structure's value.
pub(super) fn named(fields: Vec<(&str, Value)>) -> Value {
    Value::named_composite(fields.into_iter().map(|(name, value)| (name.to_owned(), value)))
}

pub(super) fn list(values: impl IntoIterator<Item = Value>) -> Value {
    Value { value: ValueDef::Composite(Composite::Unnamed(values.into_iter().collect())), context: () }
}

/// The bytes of hexadecimal digits after `0x`.
pub(super) fn hex_bytes(text: &str) -> Vec<u8> {
    let digits = text.strip_prefix("0x").unwrap_or(text).as_bytes();
    let digit = |byte: u8| char::from(byte).to_digit(16).expect("a hexadecimal digit") as u8;
    digits.chunks_exact(2).map(|pair| digit(pair[0]) << 4 | digit(pair[1])).collect()
}

/// Bytes as hexadecimal digits after `0x`.
pub(super) fn hex_text(bytes: &[u8]) -> String {
    use std::fmt::Write;
    let mut text = "0x".to_owned();
    for byte in bytes {
        write!(text, "{byte:02x}").expect("a text takes everything");
    }
    text
}
