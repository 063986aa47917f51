//! Weight calls: the extrinsic call of a row, made for the runtime that is connected and tried before anything is signed.

use subxt::dynamic::Value;
use subxt::ext::scale_value::Composite;

use super::runtime::{Runtime, numbers};
use super::{SubnetError, WeightRow, WindowRoot};
use crate::registry::CommitReveal;

/// The pallet of all weight calls.
const PALLET: &str = "SubtensorModule";

/// The calls by which weights are set or committed: all that a signing process signs.
pub(crate) const WEIGHT_CALLS: [&str; 4] =
    ["set_weights", "set_mechanism_weights", "commit_timelocked_weights", "commit_timelocked_mechanism_weights"];

/// A call with its arguments by name, each as the numbers that it is made of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Call {
    pallet: &'static str,
    name: &'static str,
    arguments: Vec<(&'static str, Argument)>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Argument {
    Number(u64),
    Numbers(Vec<u16>),
    Bytes(Vec<u8>),
    Fields(Vec<CommitmentField>),
    Raw(Vec<u8>),
}

/// A field of a commitment.
#[derive(Debug, Clone, PartialEq, Eq)]
struct CommitmentField {
    encrypted: Vec<u8>,
    round: u64,
}

impl Call {
    /// Sets a row in the open.
    pub(crate) fn set_weights(row: &WeightRow, runtime: &Runtime) -> Self {
        let mut arguments = vec![("netuid", Argument::Number(row.netuid.into()))];
        let name = with_mechanism(row, runtime, ["set_weights", "set_mechanism_weights"], &mut arguments);
        arguments.push(("dests", Argument::Numbers(row.pairs.iter().map(|(uid, _)| uid.0).collect())));
        arguments.push(("weights", Argument::Numbers(row.pairs.iter().map(|(_, weight)| *weight).collect())));
        arguments.push(("version_key", Argument::Number(row.version_key)));
        Self { pallet: PALLET, name, arguments }
    }

    /// Commits an encrypted row that is opened in this round.
    pub(crate) fn commit_weights(
        row: &WeightRow,
        runtime: &Runtime,
        (commit, round): (Vec<u8>, u64),
        scheme: CommitReveal,
    ) -> Self {
        let mut arguments = vec![("netuid", Argument::Number(row.netuid.into()))];
        let names = ["commit_timelocked_weights", "commit_timelocked_mechanism_weights"];
        let name = with_mechanism(row, runtime, names, &mut arguments);
        arguments.push(("commit", Argument::Bytes(commit)));
        arguments.push(("reveal_round", Argument::Number(round)));
        arguments.push(("commit_reveal_version", Argument::Number(scheme.version.into())));
        Self { pallet: PALLET, name, arguments }
    }

    /// Publishes bytes under a timelock, as miners publish their models.
    pub(crate) fn set_commitment(netuid: u16, encrypted: Vec<u8>, round: u64) -> Self {
        let info = Argument::Fields(vec![CommitmentField { encrypted, round }]);
        let arguments = vec![("netuid", Argument::Number(netuid.into())), ("info", info)];
        Self { pallet: "Commitments", name: "set_commitment", arguments }
    }

    /// Publishes a window's root in the open, as the one field of a commitment.
    pub(crate) fn publish_root(netuid: u16, root: &WindowRoot) -> Self {
        let arguments = vec![("netuid", Argument::Number(netuid.into())), ("info", Argument::Raw(root.encode()))];
        Self { pallet: "Commitments", name: "set_commitment", arguments }
    }

    /// Name of the call with its pallet.
    pub(crate) fn label(&self) -> String {
        format!("{}.{}", self.pallet, self.name)
    }

    /// Bytes of the call, after a trial: the runtime has the call with exactly these arguments, and what is decoded from the
    /// bytes is what was encoded.
    ///
    /// # Errors
    /// If the runtime differs in any of it. Nothing is then signed.
    pub(crate) fn encode(&self, runtime: &Runtime) -> Result<Vec<u8>, SubnetError> {
        let trouble = |problem: String| SubnetError::Runtime { spec_version: runtime.spec_version(), problem };
        let label = self.label();
        let found = runtime
            .arguments(self.pallet, self.name)
            .ok_or_else(|| trouble(format!("it has no call {label}: upgrade this program")))?;
        let known: Vec<&str> = self.arguments.iter().map(|(name, _)| *name).collect();
        if found != known {
            return Err(trouble(format!(
                "{label} takes ({}) and this program knows ({}): upgrade it",
                found.join(", "),
                known.join(", ")
            )));
        }
        let fields: Vec<(String, Value)> =
            self.arguments.iter().map(|(name, argument)| ((*name).to_owned(), argument.value())).collect();
        let payload = subxt::tx::dynamic(self.pallet, self.name, Composite::Named(fields));
        let bytes = runtime.encode_call(&payload)?;
        let decoded = runtime.decode_call(&bytes)?;
        let numbers_of = |composite: &Composite<()>| composite.values().map(numbers).collect::<Vec<_>>();
        let is_same = decoded.pallet_name() == self.pallet
            && decoded.call_name() == self.name
            && numbers_of(decoded.call_data()) == self.arguments.iter().map(|(_, it)| it.numbers()).collect::<Vec<_>>();
        if is_same {
            Ok(bytes)
        } else {
            Err(trouble(format!("{label} decodes to something else than was encoded: {}", decoded.into_value())))
        }
    }
}

/// Adds the mechanism where the runtime has mechanisms or the row is not of the first; the call's name.
fn with_mechanism(
    row: &WeightRow,
    runtime: &Runtime,
    [without, with]: [&'static str; 2],
    arguments: &mut Vec<(&'static str, Argument)>,
) -> &'static str {
    if row.mechanism == 0 && runtime.arguments(PALLET, with).is_none() {
        return without;
    }
    arguments.push(("mecid", Argument::Number(row.mechanism.into())));
    with
}

impl Argument {
    fn value(&self) -> Value {
        match self {
            Self::Number(number) => Value::u128(u128::from(*number)),
            Self::Numbers(numbers) => Value::unnamed_composite(numbers.iter().map(|it| Value::u128(u128::from(*it)))),
            Self::Bytes(bytes) => Value::from_bytes(bytes),
            Self::Fields(fields) => {
                let field = |field: &CommitmentField| {
                    let fields = [
                        ("encrypted", Value::from_bytes(&field.encrypted)),
                        ("reveal_round", Value::u128(u128::from(field.round))),
                    ];
                    Value::named_variant("TimelockEncrypted", fields)
                };
                Value::named_composite([("fields", Value::unnamed_composite(fields.iter().map(field)))])
            }
            Self::Raw(bytes) => {
                // The runtime has a variant for every length.
                let field = Value::unnamed_variant(format!("Raw{}", bytes.len()), [Value::from_bytes(bytes)]);
                Value::named_composite([("fields", Value::unnamed_composite([field]))])
            }
        }
    }

    fn numbers(&self) -> Vec<u128> {
        match self {
            Self::Number(number) => vec![u128::from(*number)],
            Self::Numbers(numbers) => numbers.iter().copied().map(u128::from).collect(),
            Self::Bytes(bytes) | Self::Raw(bytes) => bytes.iter().copied().map(u128::from).collect(),
            Self::Fields(fields) => fields.iter().flat_map(CommitmentField::numbers).collect(),
        }
    }
}

impl CommitmentField {
    fn numbers(&self) -> Vec<u128> {
        self.encrypted.iter().copied().map(u128::from).chain([u128::from(self.round)]).collect()
    }
}

#[cfg(test)]
mod tests;
