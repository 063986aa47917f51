//! The loader: fetches and admits models, and opens them as responders.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use models::admission::{Admitted, Limits, admit};
use models::cuda::Accelerator;
use models::decoder::Arithmetic;
use models::engine::EngineSettings;
use models::error::{DeviceError, LoadError};
use models::fingerprint::{Fingerprint, SketchKey};
use models::local::LocalModel;
use models::remote::{RemoteRef, RemoteSettings};
use models::responder::Responder;
use models::snapshot::{Snapshot, SnapshotFile, Stamp};
use models::source::ModelSource;
use models::untrusted::UntrustedText;

use super::error::LoaderError;
use super::hub::{FetchError, Hub};
use super::responder::{ResponderError, connect};
use crate::events::Reporter;
use crate::record::{CardTerms, FileRecord};
use crate::settings::Settings;
use crate::subprocess::{
    EngineTask, ModelProcess, ProcessError, ProcessLimits, Task, examine, start_engine, take_fingerprint,
};

/// Seconds of processor time that a check may take; one of 20 GB takes some minutes.
const CHECKING_SECONDS: u64 = 3_600;
/// Seconds of processor time that a fingerprint may take, which reads all tensors and runs the model once.
const FINGERPRINT_SECONDS: u64 = 4 * CHECKING_SECONDS;
/// Bytes of pages that an engine takes by itself.
const DEFAULT_PAGES: u64 = 768 << 20;

/// Fetches and admits models, and opens them as responders.
///
/// A model is hashed here and read in child processes alone: one checks it, one takes its fingerprint, one runs it. What is
/// kept of an admitted model is its list of files and their time stamps; files written to since they were hashed are
/// admitted again.
pub(crate) struct ModelLoader {
    hub: Hub,
    limits: Limits,
    engine: EngineSettings,
    /// Tokens of a conversation with all its replies at most.
    context: usize,
    remote: RemoteSettings,
    reporter: Arc<dyn Reporter>,
    admitted: Mutex<BTreeMap<String, (Snapshot, Stamp, u64)>>,
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
    /// The model may be loaded: its files.
    Admitted(Snapshot),
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

    /// Fetches a model and checks it in a process of its own, also that it can read texts. A fault of the model is a refusal,
    /// one of this machine or the hub an error.
    ///
    /// # Errors
    /// If the hub cannot be reached, a file not be read, or the process gives no result.
    pub(crate) async fn admit(&self, source: &ModelSource) -> Result<Arrival, LoaderError> {
        if let Some((snapshot, _)) = self.unchanged(source) {
            return Ok(Arrival::Admitted(snapshot));
        }
        let snapshot = match self.fetch(source).await? {
            Ok(snapshot) => snapshot,
            Err(reason) => return Ok(Arrival::Refused { reason, files: Vec::new() }),
        };
        let (files, stamp) = (files_of(&snapshot), snapshot.stamp());
        let limits = self.limits.clone();
        let task = Task::Examine { snapshot: snapshot.clone(), limits, run_as: (self.engine.mode, self.context) };
        match examine(self.checking(), task).await {
            Ok(memory) => {
                if let Ok(stamp) = stamp {
                    let kept = (snapshot.clone(), stamp, memory);
                    self.admitted.lock().expect("no holder panics").insert(source.to_string(), kept);
                }
                Ok(Arrival::Admitted(snapshot))
            }
            Err(ProcessError::Refused(reason)) => Ok(Arrival::Refused { reason, files }),
            Err(error) => Err(open_error(source, error.into())),
        }
    }

    /// True if the hub can be reached.
    pub(crate) async fn reaches_hub(&self) -> bool {
        self.hub.is_reachable().await
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

    /// Takes the fingerprint of an admitted model, with its outputs unless a server runs it, in a process of its own; a
    /// sentence for its miner where it has none.
    ///
    /// # Errors
    /// If a file cannot be read, or the process gives no result.
    pub(crate) async fn fingerprint(
        &self,
        source: &ModelSource,
        snapshot: &Snapshot,
    ) -> Result<Result<Fingerprint, String>, LoaderError> {
        let engine = match self.server_of(source) {
            Some(_) => None,
            None => Some(self.engine_task().map_err(|error| open_error(source, error.into()))?),
        };
        let (snapshot, limits, key) = (snapshot.clone(), self.limits.clone(), self.sketches.clone());
        let process = ProcessLimits { seconds: Some(FINGERPRINT_SECONDS), ..self.running(source, engine.as_ref()) };
        match take_fingerprint(process, Task::Fingerprint { snapshot, limits, key, engine }).await {
            Ok((fingerprint, without_outputs)) => {
                if let Some(reason) = without_outputs {
                    let reason = UntrustedText::sentence(&reason);
                    tracing::warn!(model = %source, %reason, "its outputs are not part of its fingerprint");
                }
                Ok(Ok(fingerprint))
            }
            Err(ProcessError::Refused(reason)) => Ok(Err(reason)),
            Err(error) => Err(open_error(source, error.into())),
        }
    }

    /// The engine that a process is to start.
    fn engine_task(&self) -> Result<EngineTask, DeviceError> {
        let card = self.accelerator()?.map(|_| self.cache.clone());
        Ok(EngineTask { settings: self.engine.clone(), context: self.context, card })
    }

    /// Limits of a process that runs an admitted model.
    fn running(&self, source: &ModelSource, engine: Option<&EngineTask>) -> ProcessLimits {
        match engine {
            Some(EngineTask { card: Some(_), .. }) => ProcessLimits::on_a_card(),
            _ => {
                let memory = self.unchanged(source).map_or(self.limits.memory, |(_, memory)| memory);
                ProcessLimits::of_memory(memory.saturating_add(self.pages()))
            }
        }
    }

    /// Limits of a process that reads files of which nothing is known yet.
    fn checking(&self) -> ProcessLimits {
        ProcessLimits { seconds: Some(CHECKING_SECONDS), ..ProcessLimits::of_memory(self.limits.memory) }
    }

    /// The files of a model, or the sentence for its miner.
    async fn fetch(&self, source: &ModelSource) -> Result<Result<Snapshot, String>, LoaderError> {
        match self.hub.fetch(source, &*self.reporter).await {
            Ok(snapshot) => Ok(Ok(snapshot)),
            Err(FetchError::Miner(reason)) => Ok(Err(reason)),
            Err(FetchError::Host(cause)) => Err(LoaderError::Fetch { model: source.to_string(), source: cause }),
        }
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
            None => match self.admit(source).await? {
                Arrival::Admitted(snapshot) if !self.is_recorded(source, &snapshot) => {
                    let reason = "its files are not those that this window has admitted".to_owned();
                    Err(LoaderError::Refused { model: source.to_string(), reason })
                }
                Arrival::Admitted(snapshot) => Ok(Box::new(self.start(source, snapshot).await?)),
                Arrival::Refused { reason, .. } => Err(LoaderError::Refused { model: source.to_string(), reason }),
            },
        }
    }

    /// Fetches a model and checks it in this process, as [`ModelLoader::admit`] does in another: for whoever audits, and judges
    /// replies again with its tokenizer. A refusal comes with the files that could be fetched.
    ///
    /// # Errors
    /// If the hub cannot be reached or a file not be read.
    pub(crate) async fn admit_here(
        &self,
        source: &ModelSource,
    ) -> Result<Result<Box<Admitted>, (String, Vec<FileRecord>)>, LoaderError> {
        let snapshot = match self.fetch(source).await? {
            Ok(snapshot) => snapshot,
            Err(reason) => return Ok(Err((reason, Vec::new()))),
        };
        let (files, limits, run_as) = (files_of(&snapshot), self.limits.clone(), (self.engine.mode, self.context));
        let checking = tokio::task::spawn_blocking(move || {
            let admitted = admit(&snapshot, &limits)?;
            admitted.check_text()?;
            admitted.check_memory(&limits, run_as.0, run_as.1)?;
            Ok(Box::new(admitted))
        });
        match checking.await.expect("checking a model does not panic") {
            Ok(admitted) => Ok(Ok(admitted)),
            Err(LoadError::Refused(refusal)) => Ok(Err((refusal.to_string(), files))),
            Err(error) => Err(open_error(source, error.into())),
        }
    }

    /// Opens a model in this process for scoring token ids, which needs no tokenizer.
    ///
    /// # Errors
    /// As [`ModelLoader::open`].
    pub(crate) async fn open_for_ids(&self, source: &ModelSource) -> Result<LocalModel, LoaderError> {
        let refused = |reason| LoaderError::Refused { model: source.to_string(), reason };
        let snapshot = self.fetch(source).await?.map_err(refused)?;
        let limits = self.limits.clone();
        let checking = tokio::task::spawn_blocking(move || admit(&snapshot, &limits).map(Box::new));
        let admitted = match checking.await.expect("checking a model does not panic") {
            Ok(admitted) => admitted,
            Err(LoadError::Refused(refusal)) => return Err(refused(refusal.to_string())),
            Err(error) => return Err(open_error(source, error.into())),
        };
        let accelerator = self.accelerator().map_err(|error| open_error(source, error.into()))?;
        let (settings, context) = (self.engine.clone(), self.context);
        let starting =
            tokio::task::spawn_blocking(move || start_engine(&admitted, &settings, context, accelerator.as_ref()));
        let started = starting.await.expect("starting an engine does not panic");
        started.map_err(|error| open_error(source, error.into()))
    }

    /// Starts a process with an engine on an admitted model.
    ///
    /// # Errors
    /// If it cannot be loaded or its engine cannot be started.
    pub(crate) async fn start(&self, source: &ModelSource, snapshot: Snapshot) -> Result<ModelProcess, LoaderError> {
        let engine = self.engine_task().map_err(|error| open_error(source, error.into()))?;
        let limits = self.running(source, Some(&engine));
        let task = Task::Run { snapshot, limits: self.limits.clone(), engine };
        ModelProcess::start(limits, task).await.map_err(|error| match error {
            ProcessError::Refused(reason) => LoaderError::Refused { model: source.to_string(), reason },
            error => open_error(source, error.into()),
        })
    }

    /// Bytes of keys and values that this machine's settings allow beside those of one whole text.
    fn pages(&self) -> u64 {
        let tokens = self.engine.pages.saturating_mul(self.engine.page_tokens) as u64;
        let beyond = tokens.saturating_sub(self.context as u64);
        DEFAULT_PAGES.max(beyond.saturating_mul(self.limits.bytes_per_token))
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

    /// The snapshot of a model that this process has admitted, and the memory that it takes, unless a file was written to
    /// since.
    fn unchanged(&self, source: &ModelSource) -> Option<(Snapshot, u64)> {
        let known = self.admitted.lock().expect("no holder panics").get(&source.to_string()).cloned();
        let (snapshot, stamp, memory) = known?;
        snapshot.stamp().is_ok_and(|now| now == stamp).then_some((snapshot, memory))
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
