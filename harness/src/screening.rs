//! Screening of a window's entries against all models ever seen: pure, so that an audit derives the same findings from the
//! prints that a log holds.

use std::collections::{BTreeMap, BTreeSet};

use models::fingerprint::Fingerprint;
use models::source::ModelSource;
use pareto::screens::copy::Screened;
use pareto::screens::{EntryPrint, Finding, ModelPrint, OutputsPrint, Screens, TensorPrint};

use crate::record::{AdmissionOutcome, FindingRecord, PrintRecord, Sighting};
use crate::registry::{Hotkey, Role};
use crate::settings::ScreenSettings;
use crate::succession::Field;

/// A model that takes part in the screens: one to be judged, or one of an earlier window.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Compared {
    /// Its entry, if it has one in this window.
    pub(crate) entry: Option<usize>,
    /// By whom and when it was first committed, as far as it is this miner's.
    pub(crate) sighting: Sighting,
}

/// Outcome of the screens.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Screening {
    /// The findings by entry.
    pub(crate) findings: BTreeMap<usize, FindingRecord>,
    /// Prints from which the same findings follow: of all entries, of the earlier models that decided, of the base.
    pub(crate) prints: Vec<PrintRecord>,
}

/// The entries that were admitted and have files, and the models of earlier windows that are no entry of the same miner now.
pub(crate) fn compared(field: &Field<'_>) -> Vec<Compared> {
    let known = &field.terms.record.sightings;
    let mut models: Vec<Compared> = Vec::new();
    for (place, (entry, admission)) in field.terms.entries.iter().zip(field.admissions).enumerate() {
        let has_files = !matches!(entry.model.parse(), Ok(ModelSource::Server(_)));
        // One that was admitted and could not be run in its place has been screened with the others.
        let was_admitted = matches!(admission.outcome, AdmissionOutcome::Absent(_)) && !admission.files.is_empty();
        // Former champions' models are called upon after the screens, which have seen them before.
        if !(admission.outcome.is_admitted() || was_admitted) || !has_files || entry.role == Role::Former {
            continue;
        }
        let snapshot = field.snapshot(place);
        // A model that its miner commits again is as old as its first commitment.
        let now = (entry.committed, entry.position);
        let first = known.iter().find(|seen| seen.snapshot == snapshot && seen.hotkey == entry.hotkey);
        let (committed, position) = first.map_or(now, |first| (first.committed, first.position)).min(now);
        let (hotkey, origin) = (entry.hotkey.clone(), entry.hotkey.clone());
        models.push(Compared {
            entry: Some(place),
            sighting: Sighting { snapshot, committed, position, hotkey, origin },
        });
    }
    for seen in known {
        let is_here =
            |model: &Compared| model.sighting.snapshot == seen.snapshot && model.sighting.hotkey == seen.hotkey;
        if !models.iter().any(is_here) {
            models.push(Compared { entry: None, sighting: seen.clone() });
        }
    }
    models
}

/// Screens models with their prints, and the public base's where the settings name one.
pub(crate) fn screening(
    models: &[(Compared, Fingerprint)],
    base: Option<(&str, &Fingerprint)>,
    settings: &ScreenSettings,
) -> Screening {
    let owners = owners(models);
    let print = |(model, fingerprint): &(Compared, Fingerprint)| EntryPrint {
        committed: model.sighting.committed,
        position: model.sighting.position,
        owner: owners[&model.sighting.hotkey],
        origin: model.entry.is_none().then(|| owners[&model.sighting.origin]),
        model: model_print(fingerprint),
    };
    let prints: Vec<EntryPrint> = models.iter().map(print).collect();
    let base_print = base.map(|(_, fingerprint)| model_print(fingerprint));
    let Screened { findings: found, decisive } =
        Screens { copy: &settings.copy }.findings(&prints, base_print.as_ref());
    let mut findings = BTreeMap::new();
    for finding in &found {
        let Some(entry) = models[finding.entry].0.entry else { continue };
        let original = finding.of.unwrap_or(finding.entry);
        let sighting = &models[original].0.sighting;
        let record = FindingRecord {
            finding: Finding { entry, of: finding.of.and_then(|other| models[other].0.entry), ..finding.clone() },
            original: Sighting { origin: origin(models, &found, original), ..sighting.clone() },
            sentence: finding.sentence(&format!("{} (committed at block {})", sighting.hotkey, sighting.committed)),
        };
        findings.insert(entry, record);
    }
    Screening { findings, prints: decisive_prints(models, &decisive, base) }
}

/// The prints of all entries, of the earlier models that decided and of the base, each once.
fn decisive_prints(
    models: &[(Compared, Fingerprint)],
    decisive: &BTreeSet<usize>,
    base: Option<(&str, &Fingerprint)>,
) -> Vec<PrintRecord> {
    let mut prints: BTreeMap<&str, &Fingerprint> = BTreeMap::new();
    for (place, (model, fingerprint)) in models.iter().enumerate() {
        if model.entry.is_some() || decisive.contains(&place) {
            prints.insert(&model.sighting.snapshot, fingerprint);
        }
    }
    let record = |snapshot: &str, base, fingerprint: &Fingerprint| PrintRecord {
        snapshot: snapshot.to_owned(),
        base,
        fingerprint: fingerprint.clone(),
    };
    let of_base = base.map(|(snapshot, fingerprint)| record(snapshot, true, fingerprint));
    prints.into_iter().map(|(snapshot, fingerprint)| record(snapshot, false, fingerprint)).chain(of_base).collect()
}

/// Miners by number.
fn owners(models: &[(Compared, Fingerprint)]) -> BTreeMap<Hotkey, usize> {
    let mut owners: BTreeMap<Hotkey, usize> = BTreeMap::new();
    for hotkey in models.iter().flat_map(|(model, _)| [&model.sighting.hotkey, &model.sighting.origin]) {
        let next = owners.len();
        owners.entry(hotkey.clone()).or_insert(next);
    }
    owners
}

/// The miner whose work a model is.
fn origin(models: &[(Compared, Fingerprint)], found: &[Finding], model: usize) -> Hotkey {
    match found.iter().find(|finding| finding.entry == model).and_then(|finding| finding.of) {
        // An original was committed before its copy, so that this ends.
        Some(original) => origin(models, found, original),
        None => models[model].0.sighting.origin.clone(),
    }
}

/// A fingerprint as the screens compare it.
pub(crate) fn model_print(fingerprint: &Fingerprint) -> ModelPrint {
    let tensor = |tensor: &models::fingerprint::TensorPrint| TensorPrint {
        name: tensor.name.clone(),
        shape: tensor.shape.clone(),
        digest: tensor.digest,
        sketch: tensor.sketch.clone(),
    };
    let outputs = |outputs: &models::fingerprint::Outputs| OutputsPrint {
        digest: outputs.digest,
        features: outputs.features.clone(),
        likeliest: outputs.likeliest.clone(),
    };
    ModelPrint {
        files: fingerprint.files,
        tensors: fingerprint.tensors.iter().map(tensor).collect(),
        outputs: fingerprint.outputs.as_ref().map(outputs),
    }
}
