//! What the screens find before anybody plays: fingerprints are gathered here and judged by `pareto`.

use std::collections::BTreeMap;

use models::admission::Admitted;
use models::error::LoadError;
use models::fingerprint::{Fingerprint, fingerprint};
use models::source::ModelSource;
use pareto::screens::copy::{EntryPrint, TensorPrint, copies};
use pareto::screens::{Finding, FindingKind, Yardstick};

use super::door::Arrival;
use super::{Window, WindowError};
use crate::events::Event;
use crate::record::{Admission, AdmissionOutcome, FileRecord, FindingRecord};

impl Window {
    /// Takes an admitted model's fingerprint, unless one of the same files is known.
    pub(super) async fn take_fingerprint(
        &self,
        admitted: Box<Admitted>,
        model: &ModelSource,
    ) -> Result<Admission, WindowError> {
        let files = super::door::files_of(&admitted.snapshot);
        let key = snapshot_key(&files);
        let admission = Admission { outcome: AdmissionOutcome::Admitted, files };
        if self.store.fingerprint(&key).await?.is_some() {
            return Ok(admission);
        }
        let taken = tokio::task::spawn_blocking(move || fingerprint(&admitted))
            .await
            .expect("taking a fingerprint does not panic");
        match taken {
            Ok(fingerprint) => {
                self.store.keep_fingerprint(&key, &fingerprint).await?;
                Ok(admission)
            }
            Err(LoadError::Refused(refusal)) => {
                Ok(Admission { outcome: AdmissionOutcome::Refused(refusal.to_string()), ..admission })
            }
            Err(source) => Err(WindowError::Load { model: model.to_string(), source: source.into() }),
        }
    }

    /// The findings, by entry.
    pub(super) async fn screen(&self, admissions: &[Admission]) -> Result<BTreeMap<usize, FindingRecord>, WindowError> {
        let mut places = Vec::new();
        let mut prints = Vec::new();
        for (place, admission) in admissions.iter().enumerate() {
            // Of a model that only its server has there is nothing to compare.
            let unseen = matches!(self.registry.entries[place].model, ModelSource::Server(_));
            if admission.outcome != AdmissionOutcome::Admitted || unseen {
                continue;
            }
            let entry = &self.registry.entries[place];
            let fingerprint = self.fingerprint_of(&entry.model, admission).await?;
            prints.push(EntryPrint {
                committed: entry.committed,
                position: entry.position,
                files: fingerprint.files,
                tensors: tensors(fingerprint),
            });
            places.push(place);
        }
        let base = self.base().await?;
        let mut findings = BTreeMap::new();
        for finding in copies(&prints, base.as_deref(), &self.settings.deciding.screens.copy) {
            let finding =
                Finding { entry: places[finding.entry], of: finding.of.map(|other| places[other]), ..finding };
            let record = FindingRecord { sentence: self.sentence(&finding), finding };
            let body = serde_json::to_string(&record).expect("a finding is plain data");
            self.store.keep_finding(self.run, record.finding.entry, &body).await?;
            let entry = self.label(record.finding.entry);
            self.reporter.report(Event::Standing { entry, standing: record.sentence.clone() });
            findings.insert(record.finding.entry, record);
        }
        Ok(findings)
    }

    /// The prints of the public model that the settings name as base, if they name one.
    async fn base(&self) -> Result<Option<Vec<TensorPrint>>, WindowError> {
        let Some(reference) = &self.settings.deciding.screens.base else { return Ok(None) };
        let model = ModelSource::Hub(reference.clone());
        self.reporter.report(Event::Checking { entry: format!("the base ({model})") });
        let refused = |reason| WindowError::Base { model: reference.to_string(), reason };
        let admission = match self.arrive(&model).await? {
            Arrival::Admitted(admitted) => self.take_fingerprint(admitted, &model).await?,
            Arrival::Refused { reason, .. } => return Err(refused(reason)),
        };
        match &admission.outcome {
            AdmissionOutcome::Refused(reason) => Err(refused(reason.clone())),
            _ => Ok(Some(tensors(self.fingerprint_of(&model, &admission).await?))),
        }
    }

    async fn fingerprint_of(&self, model: &ModelSource, admission: &Admission) -> Result<Fingerprint, WindowError> {
        let fingerprint = self.store.fingerprint(&snapshot_key(&admission.files)).await?;
        fingerprint.ok_or_else(|| WindowError::NoFingerprint { model: model.to_string() })
    }

    fn sentence(&self, finding: &Finding) -> String {
        let of = finding.of.map_or_else(
            || "an earlier entry".to_owned(),
            |other| {
                let other = &self.registry.entries[other];
                format!("{} (committed at block {})", other.hotkey, other.committed)
            },
        );
        let Finding { measure, threshold, .. } = finding;
        let what = match finding.yardstick {
            Yardstick::Whole => "their size",
            Yardstick::Tuning => "what was added to the base",
            Yardstick::Parts => "their number",
        };
        match finding.kind {
            FindingKind::SameFiles => format!("copy: its tensor files are those of {of}, byte for byte"),
            FindingKind::SameTensors => {
                format!("copy: its tensors are those of {of} under other names or in other files")
            }
            FindingKind::NearTensors => format!(
                "copy: its tensors differ from those of {of} by {measure:.2e} of {what}, where {threshold:.0e} is too little to be a model of its own"
            ),
            FindingKind::Twin => format!(
                "copy: its tensors are those of {of} with rows permuted or rescaled ({measure:.2e} of {what} apart, at most {threshold:.0e})"
            ),
            FindingKind::Parts => format!(
                "copy: in another layout it is made of {:.0}% of the matrices of {of}; a model of its own shares less than {:.0}%",
                100.0 * (1.0 - measure),
                100.0 * (1.0 - threshold),
            ),
        }
    }
}

fn tensors(fingerprint: Fingerprint) -> Vec<TensorPrint> {
    let print = |tensor: models::fingerprint::TensorPrint| TensorPrint {
        shape: tensor.shape,
        digest: tensor.digest,
        norm: tensor.norm,
        sketch: tensor.sketch,
        spectrum: tensor.spectrum,
    };
    fingerprint.tensors.into_iter().map(print).collect()
}

/// The digest by which a snapshot's fingerprint is found again: of its file list, which holds every file's digest.
fn snapshot_key(files: &[FileRecord]) -> String {
    let mut hasher = blake3::Hasher::new_derive_key("dethrone 2026-11 snapshot");
    hasher.update(serde_json::to_string(files).expect("a file list is plain data").as_bytes());
    hasher.finalize().to_hex().to_string()
}
