//! Screens: fingerprints are gathered from the store and judged by `pareto`, against all models that were ever seen.

use std::collections::BTreeMap;

use models::fingerprint::Fingerprint;
use models::source::ModelSource;
use pareto::screens::copy::{EntryPrint, TensorPrint};
use pareto::screens::{Finding, Screens};

use super::{OpenWindow, WindowError, fingerprints};
use crate::events::Event;
use crate::loader::{Arrival, ModelLoader};
use crate::record::{Admission, AdmissionOutcome, FindingRecord, Sighting};
use crate::registry::{Hotkey, Role};
use crate::succession::Field;

/// The findings of the screens, by entry; what was seen is recorded for good.
pub(super) async fn screen(
    window: &OpenWindow<'_>,
    admissions: &[Admission],
    loader: &ModelLoader,
) -> Result<BTreeMap<usize, FindingRecord>, WindowError> {
    let models = models(window, admissions).await?;
    let base = base(window, loader).await?;
    let owners = owners(&models);
    let prints: Vec<EntryPrint> = models.iter().map(|model| model.print(&owners)).collect();
    let screens = Screens { copy: &window.terms.settings.deciding.screens.copy };
    let found = screens.findings(&prints, base.as_deref());
    let mut findings = BTreeMap::new();
    for finding in &found {
        let Some(entry) = models[finding.entry].entry else { continue };
        let original = finding.of.unwrap_or(finding.entry);
        let record = FindingRecord::new(
            Finding { entry, of: finding.of.and_then(|other| models[other].entry), ..finding.clone() },
            Sighting { origin: origin(&models, &found, original), ..models[original].sighting.clone() },
        );
        let label = window.entries[entry].label();
        window.reporter.report(Event::Standing { entry: label, standing: record.sentence.clone() });
        findings.insert(entry, record);
    }
    let field = Field { terms: &window.terms, admissions, findings: &findings };
    window.store.add_sightings(window.run, &field.sightings()).await?;
    Ok(findings)
}

/// A model to be judged, or one of an earlier window.
struct Model {
    /// Its entry, if it has one in this window.
    entry: Option<usize>,
    /// By whom and when it was first committed, as far as it is this miner's.
    sighting: Sighting,
    fingerprint: Fingerprint,
}

impl Model {
    fn print(&self, owners: &BTreeMap<&Hotkey, usize>) -> EntryPrint {
        let Sighting { committed, position, hotkey, origin, .. } = &self.sighting;
        EntryPrint {
            committed: *committed,
            position: *position,
            owner: owners[hotkey],
            origin: self.entry.is_none().then(|| owners[origin]),
            files: self.fingerprint.files,
            tensors: tensors(self.fingerprint.clone()),
        }
    }
}

/// Miners by number.
fn owners(models: &[Model]) -> BTreeMap<&Hotkey, usize> {
    let mut owners: BTreeMap<&Hotkey, usize> = BTreeMap::new();
    for hotkey in models.iter().flat_map(|model| [&model.sighting.hotkey, &model.sighting.origin]) {
        let next = owners.len();
        owners.entry(hotkey).or_insert(next);
    }
    owners
}

/// The miner whose work a model is.
fn origin(models: &[Model], found: &[Finding], model: usize) -> Hotkey {
    match found.iter().find(|finding| finding.entry == model).and_then(|finding| finding.of) {
        // An original was committed before its copy, so that this ends.
        Some(original) => origin(models, found, original),
        None => models[model].sighting.origin.clone(),
    }
}

/// The admitted entries that have files, and the models of earlier windows that are no entry of the same miner now.
async fn models(window: &OpenWindow<'_>, admissions: &[Admission]) -> Result<Vec<Model>, WindowError> {
    let mut models: Vec<Model> = Vec::new();
    let known = &window.terms.record.sightings;
    for (place, (entry, admission)) in window.entries.iter().zip(admissions).enumerate() {
        let has_files = !matches!(entry.model, ModelSource::Server(_));
        // A former champion's model is called upon after the screens, and known from its sighting: a resumed window, which
        // finds it admitted, compares as the one that was killed did.
        if admission.outcome != AdmissionOutcome::Admitted || !has_files || entry.role == Role::Former {
            continue;
        }
        let fingerprint = fingerprints::find(&entry.model, admission, window.store).await?;
        let snapshot = admission.snapshot(&entry.model.to_string());
        let now = Sighting {
            snapshot,
            committed: entry.committed,
            position: entry.position,
            hotkey: entry.hotkey.clone(),
            origin: entry.hotkey.clone(),
        };
        // A model that its miner commits again is as old as its first commitment.
        let first = known.iter().find(|seen| seen.snapshot == now.snapshot && seen.hotkey == now.hotkey);
        let (committed, position) =
            first.map_or((now.committed, now.position), |first| (first.committed, first.position));
        let (committed, position) = (committed, position).min((now.committed, now.position));
        models.push(Model { entry: Some(place), sighting: Sighting { committed, position, ..now }, fingerprint });
    }
    for seen in known {
        let is_here = |model: &Model| model.sighting.snapshot == seen.snapshot && model.sighting.hotkey == seen.hotkey;
        if models.iter().any(is_here) {
            continue;
        }
        match window.store.fingerprint(&seen.snapshot).await? {
            Some(fingerprint) => models.push(Model { entry: None, sighting: seen.clone(), fingerprint }),
            None => tracing::warn!(snapshot = seen.snapshot, hotkey = %seen.hotkey, "no fingerprint to compare with"),
        }
    }
    Ok(models)
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
