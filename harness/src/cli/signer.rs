//! `dethrone signer`: holds the hotkey and signs weight calls of one subnet, for a validator that asks over a Unix socket.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use subxt_signer::sr25519::Keypair;
use tokio::io::AsyncWriteExt;
use tokio::net::{UnixListener, UnixStream};
use tokio::time::timeout;

use super::connection::{ChainArguments, hotkey_of, reader};
use super::runtime::block_on;
use crate::chain::{Permits, SignerReply, SignerRequest, Subtensor, read_line, sign_permitted};
use crate::exit_status::ExitStatus;
use crate::printer::Printer;
use crate::problem::Problem;
use crate::registry::Hash32;
use crate::settings::Settings;

/// Time that a client may take to write its request.
const PATIENCE: Duration = Duration::from_secs(10);

/// Arguments of `dethrone signer`.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    chain: ChainArguments,
    /// The socket to be made; the setting `chain.signer` of the validator names it.
    #[arg(long, value_name = "FILE")]
    socket: PathBuf,
    /// Sign publications of windows' roots (`chain.publish_roots`), too.
    #[arg(long)]
    roots: bool,
}

/// Signs until it is stopped.
pub(super) fn run(arguments: &Arguments, printer: &Printer) -> Result<(), Problem> {
    let settings = arguments.chain.settings()?;
    let key = hotkey_of(&settings.chain)?;
    block_on(async {
        let listener = listen(&arguments.socket)?;
        let service = Arc::new(Service { subnet: reader(&settings)?, key, settings, roots: arguments.roots });
        printer.say(&format!(
            "signing weight calls of subnet {} for {} at {}",
            service.settings.chain.netuid,
            subxt::utils::AccountId32(service.key.public_key().0),
            arguments.socket.display()
        ));
        loop {
            tokio::select! {
                accepted = listener.accept() => {
                    // A client that is gone already is no trouble of ours.
                    let Ok((stream, _)) = accepted else { continue };
                    let service = Arc::clone(&service);
                    tokio::spawn(async move { service.answer(stream).await });
                }
                stopped = tokio::signal::ctrl_c() => {
                    let _ = std::fs::remove_file(&arguments.socket);
                    return stopped.map_err(|error| Problem::new(ExitStatus::Unexpected, format!("cannot wait for signals: {error}")));
                }
            }
        }
    })
}

/// Makes the socket, for this user alone. One that a killed signer has left behind is replaced.
fn listen(path: &std::path::Path) -> Result<UnixListener, Problem> {
    let problem = |error: std::io::Error| {
        Problem::new(ExitStatus::Usage, format!("cannot listen at {}: {error}", path.display()))
            .hint("another signer may be running, or the folder is not writable")
    };
    if std::os::unix::net::UnixStream::connect(path).is_err() && path.exists() {
        std::fs::remove_file(path).map_err(problem)?;
    }
    let listener = UnixListener::bind(path).map_err(problem)?;
    std::fs::set_permissions(path, std::os::unix::fs::PermissionsExt::from_mode(0o600)).map_err(problem)?;
    Ok(listener)
}

struct Service {
    subnet: Subtensor,
    key: Keypair,
    settings: Settings,
    roots: bool,
}

impl Service {
    async fn answer(&self, mut stream: UnixStream) {
        let reply = match timeout(PATIENCE, read_line(&mut stream)).await {
            Ok(Ok(line)) => match serde_json::from_str(&line) {
                Ok(request) => self.reply(&request).await,
                Err(error) => SignerReply::Refused(format!("not a request: {error}")),
            },
            _ => return,
        };
        let mut line = serde_json::to_vec(&reply).expect("a reply is plain data");
        line.push(b'\n');
        // A client that hangs up gets no signature, and may ask again.
        let _ = timeout(PATIENCE, stream.write_all(&line)).await;
    }

    async fn reply(&self, request: &SignerRequest) -> SignerReply {
        let order = match request {
            SignerRequest::Account => return SignerReply::Account(Hash32(self.key.public_key().0)),
            SignerRequest::Sign(order) => order,
        };
        match self.sign(order).await {
            Ok(extrinsic) => {
                tracing::info!("signed a call with nonce {}", order.nonce);
                SignerReply::Signed(hex::encode(extrinsic))
            }
            Err(reason) => {
                tracing::warn!("refused: {reason}");
                SignerReply::Refused(reason)
            }
        }
    }

    /// Signs with the runtime that this process's own nodes tell.
    async fn sign(&self, order: &crate::chain::Order) -> Result<Vec<u8>, String> {
        let (runtime, genesis) = self.subnet.runtime_now().await.map_err(|error| error.to_string())?;
        let permits = Permits { netuid: self.settings.chain.netuid, roots: self.roots };
        sign_permitted(&runtime, genesis, (&self.key, permits), order)
    }
}
