//! Signing of extrinsics: by a key in this process, or by a `dethrone signer` that holds it elsewhere and is asked over a Unix
//! socket. The signing process sees the call that it signs, decodes it with a runtime that it has fetched itself, and signs
//! weight calls of its subnet and nothing else.

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use subxt::ext::scale_value::Composite;
use subxt::utils::AccountId32;
use subxt_signer::sr25519::Keypair;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::UnixStream;

use super::calls::WEIGHT_CALLS;
use super::runtime::{Runtime, numbers};
use super::{SubnetError, WindowRoot};
use crate::registry::Hash32;

/// Seconds that a signing process may take.
const PATIENCE: Duration = Duration::from_secs(60);

/// The longest line of a request or reply, in bytes: a commit of 5,000 bytes as digits, several times.
const LONGEST_LINE: u64 = 64 * 1024;

/// Blocks within which a transaction can be included.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Mortality {
    /// Their number, a power of two.
    pub period: u64,
    /// The first one.
    pub block: u64,
    /// Its hash.
    pub hash: Hash32,
}

impl Mortality {
    /// The last block that can include the transaction. Births are rounded down to a multiple of a step only for periods above
    /// 4096, which are not used.
    pub(crate) fn last_block(&self) -> u64 {
        self.block + self.period
    }
}

/// A call to be signed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Order {
    /// The chain.
    pub genesis: Hash32,
    /// Version of the runtime that the call was encoded for.
    pub spec_version: u32,
    /// The call's bytes, as hexadecimal digits.
    pub call: String,
    /// The account's next nonce.
    pub nonce: u64,
    /// The blocks within which it can be included.
    pub mortality: Mortality,
}

/// A request to a signing process, one line of JSON.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub(crate) enum SignerRequest {
    /// Asks for its account.
    Account,
    /// Asks for an extrinsic.
    Sign(Order),
}

/// A reply of a signing process, one line of JSON.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub(crate) enum SignerReply {
    /// Its account's public key.
    Account(Hash32),
    /// The signed extrinsic, as hexadecimal digits.
    Signed(String),
    /// The reason for which it does not sign.
    Refused(String),
}

/// A source of signatures.
pub(crate) enum Signer {
    /// The key itself.
    Key(Box<Keypair>),
    /// A process with the key, and its account.
    Process(PathBuf, AccountId32),
}

impl Signer {
    /// The signing process behind a socket.
    ///
    /// # Errors
    /// If it does not answer.
    pub(crate) async fn connect(socket: &Path) -> Result<Self, SubnetError> {
        match ask(socket, &SignerRequest::Account).await? {
            SignerReply::Account(key) => Ok(Self::Process(socket.to_owned(), AccountId32(key.0))),
            other => Err(SubnetError::Signing(format!("{} answered {other:?}", socket.display()))),
        }
    }

    /// Its account.
    pub(crate) fn account(&self) -> AccountId32 {
        match self {
            Self::Key(key) => AccountId32(key.public_key().0),
            Self::Process(_, account) => *account,
        }
    }

    /// The signed extrinsic of a call.
    ///
    /// # Errors
    /// If the runtime needs more than this program can give, or the signing process refuses.
    pub(crate) async fn sign(&self, runtime: &Runtime, order: &Order) -> Result<Vec<u8>, SubnetError> {
        match self {
            Self::Key(key) => sign(runtime, key, order),
            Self::Process(socket, _) => match ask(socket, &SignerRequest::Sign(order.clone())).await? {
                SignerReply::Signed(extrinsic) => hex::decode(&extrinsic)
                    .ok()
                    .filter(|bytes| hex::encode(bytes).ends_with(&order.call))
                    .ok_or_else(|| SubnetError::Signing(format!("{} signed something else", socket.display()))),
                SignerReply::Refused(reason) => {
                    Err(SubnetError::Signing(format!("{} refuses: {reason}", socket.display())))
                }
                SignerReply::Account(_) => Err(SubnetError::Signing(format!("{} did not sign", socket.display()))),
            },
        }
    }
}

/// Signs a call with a key.
pub(crate) fn sign(runtime: &Runtime, key: &Keypair, order: &Order) -> Result<Vec<u8>, SubnetError> {
    let call =
        hex::decode(&order.call).map_err(|error| SubnetError::Signing(format!("the call is no bytes: {error}")))?;
    let account = AccountId32(key.public_key().0);
    runtime.extrinsic(&call, (order.nonce, &order.mortality), &account, |payload| key.sign(payload).into())
}

/// Calls that a signing process signs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Permits {
    /// The subnet: calls for others are refused.
    pub(crate) netuid: u16,
    /// Publications of windows' roots are signed, too.
    pub(crate) roots: bool,
}

/// Checks an order as a signing process does, and signs it: only a weight call of this subnet, or where it is permitted the
/// publication of a window's root, on this chain and runtime.
///
/// # Errors
/// The reason for which it is not signed.
pub(crate) fn sign_permitted(
    runtime: &Runtime,
    genesis: Hash32,
    (key, permits): (&Keypair, Permits),
    order: &Order,
) -> Result<Vec<u8>, String> {
    if order.genesis != genesis {
        return Err(format!("the call is for the chain {} and not for {genesis}", order.genesis));
    }
    if order.spec_version != runtime.spec_version() {
        return Err(format!(
            "the call is for runtime {} and the chain has {}",
            order.spec_version,
            runtime.spec_version()
        ));
    }
    let bytes = hex::decode(&order.call).map_err(|error| format!("the call is no bytes: {error}"))?;
    let call = runtime.decode_call(&bytes).map_err(|error| error.to_string())?;
    let label = format!("{}.{}", call.pallet_name(), call.call_name());
    let Permits { netuid, roots } = permits;
    let is_weight_call = call.pallet_name() == "SubtensorModule" && WEIGHT_CALLS.contains(&call.call_name());
    let is_permitted = is_weight_call || (roots && is_root(&label, call.call_data()));
    if !is_permitted {
        let permitted = if roots { "a weight call or a window's root" } else { "a weight call" };
        return Err(format!("{label} is not {permitted}"));
    }
    let found = call.call_data().values().next().map(numbers);
    if found.as_deref() != Some(&[u128::from(netuid)]) {
        return Err(format!("{label} is for subnet {found:?} and not for {netuid}"));
    }
    if !order.mortality.period.is_power_of_two() || !(4..=128).contains(&order.mortality.period) {
        return Err(format!("a transaction that lives for {} blocks is not signed", order.mortality.period));
    }
    sign(runtime, key, order).map_err(|error| error.to_string())
}

/// True for the publication of a window's root and of nothing beside it.
fn is_root(label: &str, arguments: &Composite<()>) -> bool {
    let info = arguments.values().nth(1).map(numbers).unwrap_or_default();
    let bytes: Vec<u8> = info.iter().filter_map(|number| u8::try_from(*number).ok()).collect();
    label == "Commitments.set_commitment" && bytes.len() == info.len() && WindowRoot::decode(&bytes).is_some()
}

/// Asks a signing process.
async fn ask(socket: &Path, request: &SignerRequest) -> Result<SignerReply, SubnetError> {
    let trouble =
        |cause: String| SubnetError::Signing(format!("the signing process behind {}: {cause}", socket.display()));
    let asked = async {
        let mut stream = UnixStream::connect(socket).await?;
        let mut line = serde_json::to_vec(request)?;
        line.push(b'\n');
        stream.write_all(&line).await?;
        read_line(stream).await
    };
    let line = tokio::time::timeout(PATIENCE, asked).await;
    let line = line.map_err(|_| trouble(format!("no answer within {} s", PATIENCE.as_secs())))?;
    let line = line.map_err(|error| trouble(error.to_string()))?;
    serde_json::from_str(&line).map_err(|error| trouble(error.to_string()))
}

/// Reads one line that is not too long.
pub(crate) async fn read_line(stream: impl tokio::io::AsyncRead + Unpin) -> std::io::Result<String> {
    let mut line = String::new();
    BufReader::new(stream.take(LONGEST_LINE)).read_line(&mut line).await?;
    Ok(line)
}

#[cfg(test)]
mod tests;
