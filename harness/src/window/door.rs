//! The door: which models may play, and how one is brought to the table.

use futures::{StreamExt, TryStreamExt};
use models::admission::Admitted;
use models::error::LoadError;
use models::remote::RemoteRef;
use models::responder::Responder;
use models::snapshot::Snapshot;
use models::source::ModelSource;

use super::{Window, WindowError};
use crate::clock::Stopwatch;
use crate::contestant::{call, check, seat};
use crate::events::Event;
use crate::hub::FetchError;
use crate::record::{Admission, AdmissionOutcome, FileRecord, Phase};
use crate::registry::Entry;

/// Entries that are checked at once: while one's files are hashed, which takes one core, another's are measured.
const AT_THE_DOOR: usize = 2;

/// What a model's arrival came to: a model that may be loaded, or the sentence for its miner.
pub(super) enum Arrival {
    Admitted(Box<Admitted>),
    Refused { reason: String, files: Vec<FileRecord> },
}

impl Window {
    /// What became of each entry at the door, in order; what an earlier process found stands.
    pub(super) async fn admit_all(&self) -> Result<Vec<Admission>, WindowError> {
        let mut known = self.store.admissions(self.run).await?;
        let admissions = self.registry.entries.iter().enumerate().map(|(place, entry)| {
            let known = known.remove(&place);
            async move {
                match known {
                    Some(admission) => Ok(admission),
                    None => self.admit(place, entry).await,
                }
            }
        });
        let admissions = futures::stream::iter(admissions).buffered(AT_THE_DOOR);
        let checking = Stopwatch::start();
        let admissions = admissions.try_collect().await;
        self.spend(Phase::Checking, checking.elapsed());
        admissions
    }

    async fn admit(&self, place: usize, entry: &Entry) -> Result<Admission, WindowError> {
        let label = self.label(place);
        self.reporter.report(Event::Checking { entry: label.clone() });
        let admission = if entry.committed >= self.registry.seed_block {
            Admission { outcome: AdmissionOutcome::Late, files: Vec::new() }
        } else if let ModelSource::Server(_) = &entry.model {
            // There are no files to look at. Only an evaluation has such entries: a registry names models of the hub.
            Admission { outcome: AdmissionOutcome::Admitted, files: Vec::new() }
        } else {
            match self.arrive(&entry.model).await? {
                Arrival::Admitted(admitted) => self.take_fingerprint(admitted, &entry.model).await?,
                Arrival::Refused { reason, files } => Admission { outcome: AdmissionOutcome::Refused(reason), files },
            }
        };
        self.store.admit(self.run, place, &admission).await?;
        let standing = match &admission.outcome {
            AdmissionOutcome::Admitted => "admitted".to_owned(),
            AdmissionOutcome::Refused(reason) => format!("refused: {reason}"),
            AdmissionOutcome::Late => "late: committed after the window's seed was known".to_owned(),
        };
        self.reporter.report(Event::Standing { entry: label, standing });
        Ok(admission)
    }

    /// Fetches a model and checks it. Trouble of the miner's making is a refusal, trouble of this machine an error.
    pub(super) async fn arrive(&self, source: &ModelSource) -> Result<Arrival, WindowError> {
        let model = || source.to_string();
        let limits = &self.settings.deciding.admission;
        let snapshot = match self.fetch(source).await {
            Ok(snapshot) => snapshot,
            Err(FetchError::Miner(reason)) => return Ok(Arrival::Refused { reason, files: Vec::new() }),
            Err(FetchError::Host(source)) => return Err(WindowError::Hub { model: model(), source }),
        };
        let files = files_of(&snapshot);
        match check(snapshot, limits).await {
            Ok(admitted) => Ok(Arrival::Admitted(admitted)),
            Err(LoadError::Refused(refusal)) => Ok(Arrival::Refused { reason: refusal.to_string(), files }),
            Err(source) => Err(WindowError::Load { model: model(), source: source.into() }),
        }
    }

    /// A model's files, hashed unless that was done before and nobody has written to them since.
    async fn fetch(&self, source: &ModelSource) -> Result<Snapshot, FetchError> {
        let model = source.to_string();
        let known = self.arrived.lock().expect("no holder panics").get(&model).cloned();
        if let Some((snapshot, stamp)) = known
            && snapshot.stamp().is_ok_and(|now| now == stamp)
        {
            return Ok(snapshot);
        }
        let snapshot = self.hub.fetch(source, &*self.reporter).await?;
        if let Ok(stamp) = snapshot.stamp() {
            self.arrived.lock().expect("no holder panics").insert(model, (snapshot.clone(), stamp));
        }
        Ok(snapshot)
    }

    /// Brings an admitted entry's model to the table.
    pub(super) async fn bring(&self, place: usize) -> Result<Box<dyn Responder>, WindowError> {
        let entry = &self.registry.entries[place];
        let model = entry.model.to_string();
        if let Some(reference) = self.server_of(&entry.model) {
            let (entry, server) = (self.label(place), reference.server());
            let sentence = format!("{entry}: {server} answers for it, so that its rollouts cannot be reproduced");
            self.reporter.report(Event::Served { sentence });
            return match call(reference, &self.settings.remote) {
                Ok(remote) => Ok(Box::new(remote)),
                Err(source) => Err(WindowError::Load { model, source: source.into() }),
            };
        }
        let loading = Stopwatch::start();
        let arrival = self.arrive(&entry.model).await?;
        let model: Result<Box<dyn Responder>, WindowError> = match arrival {
            Arrival::Admitted(admitted) => {
                match seat(admitted, &self.settings.engine, self.settings.deciding.sampling.context).await {
                    Ok(local) => Ok(Box::new(local)),
                    Err(source) => Err(WindowError::Load { model, source }),
                }
            }
            Arrival::Refused { reason, .. } => Err(WindowError::Changed { model, reason }),
        };
        self.spend(Phase::Loading, loading.elapsed());
        model
    }

    /// The server that runs a model in place of this machine, if one does.
    fn server_of<'a>(&'a self, model: &'a ModelSource) -> Option<&'a RemoteRef> {
        match model {
            ModelSource::Server(reference) => Some(reference),
            ModelSource::Hub(reference) => {
                let served = self.settings.remote.served.iter().find(|served| served.model == *reference);
                served.map(|served| &served.by)
            }
            ModelSource::Folder(_) | ModelSource::Gguf(_) => None,
        }
    }
}

/// The snapshot's files as they are recorded.
pub(super) fn files_of(snapshot: &Snapshot) -> Vec<FileRecord> {
    let record = |file: &models::snapshot::SnapshotFile| FileRecord {
        name: file.name.clone(),
        size: file.size,
        sha256: hex::encode(file.sha256),
    };
    snapshot.files.iter().map(record).collect()
}
