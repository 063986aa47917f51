//! Screens: fingerprints are gathered from the store and judged by `pareto`.

use std::collections::BTreeMap;

use models::fingerprint::Fingerprint;
use models::source::ModelSource;
use pareto::screens::copy::{EntryPrint, TensorPrint};
use pareto::screens::{Finding, Screens};

use super::{OpenWindow, WindowError, fingerprints};
use crate::events::Event;
use crate::loader::{Arrival, ModelLoader};
use crate::record::{Admission, AdmissionOutcome, FindingRecord};
use crate::registry::Entry;

/// The findings of the screens, by entry.
pub(super) async fn screen(
    window: &OpenWindow<'_>,
    admissions: &[Admission],
    loader: &ModelLoader,
) -> Result<BTreeMap<usize, FindingRecord>, WindowError> {
    let (places, prints) = prints(window, admissions).await?;
    let base = base(window, loader).await?;
    let mut findings = BTreeMap::new();
    let screens = Screens { copy: &window.terms.settings.deciding.screens.copy };
    for finding in screens.findings(&prints, base.as_deref()) {
        let finding = Finding { entry: places[finding.entry], of: finding.of.map(|other| places[other]), ..finding };
        let record = FindingRecord { sentence: sentence(&finding, &window.entries), finding };
        let entry = window.entries[record.finding.entry].label();
        window.reporter.report(Event::Standing { entry, standing: record.sentence.clone() });
        findings.insert(record.finding.entry, record);
    }
    Ok(findings)
}

/// The admitted entries that have files, and their prints.
async fn prints(
    window: &OpenWindow<'_>,
    admissions: &[Admission],
) -> Result<(Vec<usize>, Vec<EntryPrint>), WindowError> {
    let (mut places, mut prints) = (Vec::new(), Vec::new());
    for (place, (entry, admission)) in window.entries.iter().zip(admissions).enumerate() {
        let has_files = !matches!(entry.model, ModelSource::Server(_));
        if admission.outcome == AdmissionOutcome::Admitted && has_files {
            let fingerprint = fingerprints::find(&entry.model, admission, window.store).await?;
            let (committed, position, files) = (entry.committed, entry.position, fingerprint.files);
            prints.push(EntryPrint { committed, position, files, tensors: tensors(fingerprint) });
            places.push(place);
        }
    }
    Ok((places, prints))
}

/// The prints of the public model that the settings name as base, if they name one.
async fn base(window: &OpenWindow<'_>, loader: &ModelLoader) -> Result<Option<Vec<TensorPrint>>, WindowError> {
    let Some(reference) = &window.terms.settings.deciding.screens.base else { return Ok(None) };
    let model = ModelSource::Hub(reference.clone());
    window.reporter.report(Event::Checking { entry: format!("the base ({model})") });
    let refused = |reason| WindowError::Base { model: reference.to_string(), reason };
    let admission = match loader.admit(&model).await? {
        Arrival::Admitted(admitted) => fingerprints::take(admitted, &model, window.store).await?,
        Arrival::Refused { reason, .. } => return Err(refused(reason)),
    };
    match &admission.outcome {
        AdmissionOutcome::Refused(reason) => Err(refused(reason.clone())),
        _ => Ok(Some(tensors(fingerprints::find(&model, &admission, window.store).await?))),
    }
}

fn sentence(finding: &Finding, entries: &[Entry]) -> String {
    let original = finding.of.map(|other| &entries[other]);
    let original = original.map(|entry| format!("{} (committed at block {})", entry.hotkey, entry.committed));
    finding.sentence(original.as_deref().unwrap_or("an earlier entry"))
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

#[cfg(test)]
mod tests;
