//! The loader: fetches and admits models, and opens them as responders.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use models::admission::{Admitted, Limits, admit, reopen};
use models::cuda::Accelerator;
use models::decoder::Arithmetic;
use models::engine::EngineSettings;
use models::error::{DeviceError, LoadError};
use models::fingerprint::{Fingerprint, Outputs, SketchKey, fingerprint};
use models::local::LocalModel;
use models::refusal::Refusal;
use models::remote::{RemoteRef, RemoteSettings};
use models::responder::Responder;
use models::snapshot::{Snapshot, SnapshotFile, Stamp};
use models::source::ModelSource;

use super::error::LoaderError;
use super::hub::{FetchError, Hub};
use super::responder::{ResponderError, connect, start_engine};
use crate::events::Reporter;
use crate::record::{CardTerms, FileRecord};
use crate::settings::Settings;

/// Fetches and admits models, and opens them as responders.
///
/// A model is hashed and its tensors' values are checked once in a process. What is kept of an admitted model is its list
/// of files and their time stamps: 250 tokenizers would take gigabytes, while the tensors are mapped and take no memory
/// that is counted. Opening reads the small files again and maps the tensors anew; files written to since they were
/// hashed are admitted again.
pub(crate) struct ModelLoader {
    hub: Hub,
    limits: Limits,
    engine: EngineSettings,
    /// Tokens of a conversation with all its replies at most.
    context: usize,
    remote: RemoteSettings,
    reporter: Arc<dyn Reporter>,
    admitted: Mutex<BTreeMap<String, (Snapshot, Stamp)>>,
    /// Files of models that a window has admitted, perhaps in an earlier process: no others are opened.
    recorded: Mutex<BTreeMap<String, Vec<FileRecord>>>,
    accelerator: Mutex<Option<Accelerator>>,
    /// Folder of downloads and compiled kernels.
    cache: PathBuf,
    /// Secret of fingerprints.
    sketches: SketchKey,
}

/// Outcome of fetching and checking a model: it may be loaded, or a sentence for its miner.
pub(crate) enum Arrival {
    /// The model may be loaded.
    Admitted(Box<Admitted>),
    /// The model is refused.
    Refused {
        /// The sentence for its miner.
        reason: String,
        /// Its files, if they could be fetched.
        files: Vec<FileRecord>,
    },
}

impl ModelLoader {
    /// The loader with a validator's secret for fingerprints. Without it they rest on a key that everybody knows.
    pub(crate) fn with_sketches(self, sketches: SketchKey) -> Self {
        Self { sketches, ..self }
    }

    /// Name of the fingerprints that this loader takes: those of another secret or arithmetic cannot be compared.
    pub(crate) fn prints(&self) -> String {
        format!("{}.{:?}", self.sketches.id(), self.engine.mode).to_lowercase()
    }

    /// Takes the fingerprint of an admitted model.
    ///
    /// # Errors
    /// If its files cannot be read.
    pub(crate) async fn fingerprint(
        &self,
        source: &ModelSource,
        admitted: Box<Admitted>,
    ) -> Result<Fingerprint, LoadError> {
        let key = self.sketches.clone();
        let taking = tokio::task::spawn_blocking(move || {
            let taken = fingerprint(&admitted, &key);
            (admitted, taken)
        });
        let (admitted, taken) = taking.await.expect("taking a fingerprint does not panic");
        Ok(Fingerprint { outputs: self.outputs(source, admitted).await, ..taken? })
    }

    /// Outputs of an admitted model for its fingerprint; none where a server runs it, or it cannot be run.
    async fn outputs(&self, source: &ModelSource, admitted: Box<Admitted>) -> Option<Outputs> {
        if self.server_of(source).is_some() || admitted.prompter.tokenizer.is_none() {
            return None;
        }
        let taken = match self.start(source, admitted).await {
            Ok(model) => Outputs::take(&model, &self.sketches).await.map_err(|error| error.to_string()),
            Err(error) => Err(error.to_string()),
        };
        taken.unwrap_or_else(|error| {
            tracing::warn!(model = %source, error, "its outputs are not part of its fingerprint");
            None
        })
    }

    /// A loader with a hub, limits, an engine and servers as the settings say; downloads are kept below `cache`.
    ///
    /// # Errors
    /// If the hub's client cannot be set up.
    pub(crate) fn new(settings: &Settings, cache: &Path, reporter: Arc<dyn Reporter>) -> Result<Self, LoaderError> {
        let hub = Hub::new(&settings.hub, cache, &settings.deciding.admission).map_err(LoaderError::HubSetup)?;
        Ok(Self {
            hub,
            limits: settings.deciding.admission.clone(),
            engine: settings.engine.clone(),
            context: settings.deciding.sampling.context,
            remote: settings.remote.clone(),
            reporter,
            admitted: Mutex::default(),
            recorded: Mutex::default(),
            accelerator: Mutex::default(),
            cache: cache.to_owned(),
            sketches: SketchKey::derive(b""),
        })
    }

    /// Fetches a model and checks it, also that it can read texts. A fault of the model is a refusal, one of this machine
    /// or the hub an error.
    ///
    /// # Errors
    /// If the hub cannot be reached or a file not be read.
    pub(crate) async fn admit(&self, source: &ModelSource) -> Result<Arrival, LoaderError> {
        Ok(match self.admit_for_ids(source).await? {
            Arrival::Admitted(admitted) => match self.check_use(&admitted) {
                Ok(()) => Arrival::Admitted(admitted),
                Err(refusal) => Arrival::Refused { reason: refusal.to_string(), files: files_of(&admitted.snapshot) },
            },
            refused @ Arrival::Refused { .. } => refused,
        })
    }

    /// Checks that a model can read texts, and that this machine need not have more memory than the subnet's limit.
    fn check_use(&self, admitted: &Admitted) -> Result<(), Refusal> {
        admitted.check_text()?;
        admitted.check_memory(&self.limits, self.engine.mode, self.context)
    }

    /// Fetches a model and checks it for scoring token ids, which needs no tokenizer.
    async fn admit_for_ids(&self, source: &ModelSource) -> Result<Arrival, LoaderError> {
        if let Some(snapshot) = self.unchanged(source) {
            return self.open_again(source, snapshot).await.map(Arrival::Admitted);
        }
        let snapshot = match self.hub.fetch(source, &*self.reporter).await {
            Ok(snapshot) => snapshot,
            Err(FetchError::Miner(reason)) => return Ok(Arrival::Refused { reason, files: Vec::new() }),
            Err(FetchError::Host(cause)) => {
                return Err(LoaderError::Fetch { model: source.to_string(), source: cause });
            }
        };
        let (files, stamp) = (files_of(&snapshot), snapshot.stamp());
        match self.check(snapshot, admit).await {
            Ok(admitted) => {
                if let Ok(stamp) = stamp {
                    let kept = (admitted.snapshot.clone(), stamp);
                    self.admitted.lock().expect("no holder panics").insert(source.to_string(), kept);
                }
                Ok(Arrival::Admitted(admitted))
            }
            Err(LoadError::Refused(refusal)) => Ok(Arrival::Refused { reason: refusal.to_string(), files }),
            Err(error) => Err(open_error(source, error.into())),
        }
    }

    /// Records the files that a window has admitted as a model's: it is not opened with others.
    pub(crate) fn expect(&self, source: &ModelSource, files: &[FileRecord]) {
        self.recorded.lock().expect("no holder panics").insert(source.to_string(), files.to_vec());
    }

    /// True if a snapshot has the files that a window has admitted, or no window has.
    fn is_recorded(&self, source: &ModelSource, snapshot: &Snapshot) -> bool {
        let recorded = self.recorded.lock().expect("no holder panics");
        recorded.get(&source.to_string()).is_none_or(|files| *files == files_of(snapshot))
    }

    /// Opens a model: an engine on this machine, or the client of the server that runs it.
    ///
    /// # Errors
    /// If it is refused, cannot be read, or its engine or client cannot be started.
    pub(crate) async fn open(&self, source: &ModelSource) -> Result<Box<dyn Responder>, LoaderError> {
        match self.server_of(source) {
            Some(server) => {
                let remote = connect(server, &self.remote).map_err(|error| open_error(source, error.into()))?;
                Ok(Box::new(remote))
            }
            None => Ok(Box::new(self.start_arrived(source, self.admit(source).await?).await?)),
        }
    }

    /// Opens a model on this machine for scoring token ids.
    ///
    /// # Errors
    /// As [`ModelLoader::open`].
    pub(crate) async fn open_for_ids(&self, source: &ModelSource) -> Result<LocalModel, LoaderError> {
        self.start_arrived(source, self.admit_for_ids(source).await?).await
    }

    async fn start_arrived(&self, source: &ModelSource, arrival: Arrival) -> Result<LocalModel, LoaderError> {
        match arrival {
            Arrival::Admitted(admitted) if !self.is_recorded(source, &admitted.snapshot) => {
                let reason = "its files are not those that this window has admitted".to_owned();
                Err(LoaderError::Refused { model: source.to_string(), reason })
            }
            Arrival::Admitted(admitted) => self.start(source, admitted).await,
            Arrival::Refused { reason, .. } => Err(LoaderError::Refused { model: source.to_string(), reason }),
        }
    }

    /// Starts an engine on this machine with an admitted model.
    ///
    /// # Errors
    /// If it cannot be loaded or its engine cannot be started.
    pub(crate) async fn start(&self, source: &ModelSource, admitted: Box<Admitted>) -> Result<LocalModel, LoaderError> {
        let accelerator = self.accelerator().map_err(|error| open_error(source, error.into()))?;
        let started = start_engine(admitted, &self.engine, self.context, accelerator).await;
        started.map_err(|error| open_error(source, error))
    }

    /// Terms of the graphics processor that models run on; none where they run on the CPU.
    ///
    /// # Errors
    /// If the settings ask for one that cannot be used.
    pub(crate) fn card(&self) -> Result<Option<CardTerms>, LoaderError> {
        let accelerator = self.accelerator().map_err(LoaderError::Card)?;
        Ok(accelerator.as_ref().map(CardTerms::of))
    }

    /// The graphics processor, opened when the first model asks for it; none where the settings or the machine have none.
    fn accelerator(&self) -> Result<Option<Accelerator>, DeviceError> {
        let mut opened = self.accelerator.lock().expect("no holder panics");
        let wanted = match self.engine.mode {
            Arithmetic::Bf16 => true,
            Arithmetic::Auto => Accelerator::is_present(),
            Arithmetic::Exact | Arithmetic::EightBit => false,
        };
        if wanted && opened.is_none() {
            *opened = Some(Accelerator::open(&self.cache, self.engine.algorithms.as_deref())?);
        }
        Ok(opened.clone())
    }

    /// The folder with the files of a model once they were fetched; none where a server runs it.
    pub(super) fn folder_of(&self, source: &ModelSource) -> Option<PathBuf> {
        if self.server_of(source).is_some() { None } else { self.hub.folder_of(source) }
    }

    /// Limits of admission.
    pub(super) fn limits(&self) -> &Limits {
        &self.limits
    }

    /// The server that runs a model in place of this machine, if one does.
    pub(crate) fn server_of<'a>(&'a self, source: &'a ModelSource) -> Option<&'a RemoteRef> {
        match source {
            ModelSource::Server(reference) => Some(reference),
            ModelSource::Hub(reference) => {
                let served = self.remote.served.iter().find(|served| served.model == *reference);
                served.map(|served| &served.by)
            }
            ModelSource::Folder(_) | ModelSource::Gguf(_) => None,
        }
    }

    /// The snapshot of a model that this process has admitted, unless a file was written to since.
    fn unchanged(&self, source: &ModelSource) -> Option<Snapshot> {
        let (snapshot, stamp) = self.admitted.lock().expect("no holder panics").get(&source.to_string()).cloned()?;
        snapshot.stamp().is_ok_and(|now| now == stamp).then_some(snapshot)
    }

    async fn open_again(&self, source: &ModelSource, snapshot: Snapshot) -> Result<Box<Admitted>, LoaderError> {
        self.check(snapshot, reopen).await.map_err(|error| open_error(source, error.into()))
    }

    /// Checks a snapshot on a thread for blocking work: reading and measuring takes seconds.
    async fn check(
        &self,
        snapshot: Snapshot,
        check: fn(&Snapshot, &Limits) -> Result<Admitted, LoadError>,
    ) -> Result<Box<Admitted>, LoadError> {
        let limits = self.limits.clone();
        tokio::task::spawn_blocking(move || check(&snapshot, &limits).map(Box::new))
            .await
            .expect("checking a model does not panic")
    }
}

fn open_error(model: &ModelSource, source: ResponderError) -> LoaderError {
    LoaderError::Open { model: model.to_string(), source }
}

/// The snapshot's files as they are recorded.
pub(crate) fn files_of(snapshot: &Snapshot) -> Vec<FileRecord> {
    let record =
        |file: &SnapshotFile| FileRecord { name: file.name.clone(), size: file.size, sha256: hex::encode(file.sha256) };
    snapshot.files.iter().map(record).collect()
}

#[cfg(test)]
mod tests;
