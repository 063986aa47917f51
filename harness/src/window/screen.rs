//! Screens: fingerprints are gathered from the store and judged by `pareto`, against all models that were ever seen.

use models::fingerprint::Fingerprint;
use models::source::ModelSource;

use super::{OpenWindow, WindowError, fingerprints};
use crate::events::Event;
use crate::loader::{Arrival, ModelLoader};
use crate::record::{Admission, AdmissionOutcome};
use crate::screening::{Compared, Screening, compared, screening};
use crate::succession::Field;

/// The screens' findings with the prints that they follow from; what was seen is recorded for good.
pub(super) async fn screen(
    window: &OpenWindow<'_>,
    admissions: &[Admission],
    loader: &ModelLoader,
) -> Result<Screening, WindowError> {
    let field = Field { terms: &window.terms, admissions, findings: &Default::default() };
    let models = with_prints(window, compared(&field), loader).await?;
    let base = base(window, loader).await?;
    let base = base.as_ref().map(|(snapshot, fingerprint)| (snapshot.as_str(), fingerprint));
    if base.is_none() && models.len() > 1 {
        let sentence = "no `screens.base` is set: likeness to the public base cannot be told from likeness to another \
                        entry, so that only plain copies are recognized"
            .to_owned();
        window.reporter.report(Event::Warned { sentence });
    }
    let found = screening(&models, base, &window.terms.settings.deciding.screens);
    for (entry, record) in &found.findings {
        let (entry, standing) = (window.entries[*entry].label(), record.sentence.clone());
        window.reporter.report(Event::Standing { entry, standing });
    }
    let field = Field { findings: &found.findings, ..field };
    window.store.add_sightings(window.run, &field.sightings()).await?;
    Ok(found)
}

/// The models with their fingerprints; one of an earlier window that has none under this secret is left out.
async fn with_prints(
    window: &OpenWindow<'_>,
    models: Vec<Compared>,
    loader: &ModelLoader,
) -> Result<Vec<(Compared, Fingerprint)>, WindowError> {
    let name = loader.prints();
    let mut found = Vec::with_capacity(models.len());
    for model in models {
        let snapshot = &model.sighting.snapshot;
        match (window.store.fingerprint(snapshot, &name).await?, model.entry) {
            (Some(fingerprint), _) => found.push((model, fingerprint)),
            (None, Some(entry)) => {
                return Err(WindowError::NoFingerprint { model: window.terms.entries[entry].model.clone() });
            }
            (None, None) => {
                tracing::warn!(snapshot, hotkey = %model.sighting.hotkey, "no fingerprint to compare with");
            }
        }
    }
    Ok(found)
}

/// Snapshot and fingerprint of the public model that the settings name as base, if they name one.
async fn base(window: &OpenWindow<'_>, loader: &ModelLoader) -> Result<Option<(String, Fingerprint)>, WindowError> {
    let Some(reference) = &window.terms.settings.deciding.screens.base else { return Ok(None) };
    let model = ModelSource::Hub(reference.clone());
    window.reporter.report(Event::Checking { entry: format!("the base ({model})") });
    let refused = |reason| WindowError::Base { model: reference.to_string(), reason };
    let admission = match loader.admit(&model).await? {
        Arrival::Admitted(snapshot) => fingerprints::take(&snapshot, &model, loader, window.store).await?,
        Arrival::Refused { reason, .. } => return Err(refused(reason)),
    };
    if let AdmissionOutcome::Refused(reason) = admission.outcome {
        return Err(refused(reason));
    }
    let snapshot = admission.snapshot(&model.to_string());
    let fingerprint = window.store.fingerprint(&snapshot, &loader.prints()).await?;
    let fingerprint = fingerprint.ok_or_else(|| WindowError::NoFingerprint { model: model.to_string() })?;
    Ok(Some((snapshot, fingerprint)))
}

#[cfg(test)]
mod tests;
