//! Checks findings of the screens against what a log states of the models.

use pareto::screens::FindingKind;

use crate::record::{Admission, FindingRecord, Sighting};
use crate::succession::Field;

/// Checks that each finding names a model that is known and committed before, tells its first commitment and its author as the
/// log does, has the sentence of its numbers, and does not contradict the digests of the files. That two models' tensors are
/// as near as it says only the files show.
///
/// # Errors
/// If one does not, with what is wrong, as the subject of a sentence.
pub(super) fn check_findings(field: &Field<'_>) -> Result<(), String> {
    for (entry, record) in field.findings {
        let FindingRecord { finding, original, .. } = record;
        let wrong = |what: &str| Err(format!("{what} of the finding on entry {entry}"));
        if finding.entry != *entry || *entry >= field.terms.entries.len() {
            return wrong("the entry");
        }
        if expected_original(field, *entry, finding.of, original).as_ref() != Some(original) {
            return wrong("the original");
        }
        let is_number = finding.measure.is_finite() && finding.threshold.is_finite() && finding.measure >= 0.0;
        if !is_number || finding.measure > finding.threshold {
            return wrong("the measure");
        }
        if finding.kind == FindingKind::SameFiles && !has_files_of(field, *entry, finding.of, original) {
            return wrong("that the files are the same");
        }
        if *record != FindingRecord::new(finding.clone(), original.clone()) {
            return wrong("the sentence");
        }
    }
    Ok(())
}

/// The original as the log knows it: an earlier entry of this window, or a model of an earlier one.
fn expected_original(field: &Field<'_>, entry: usize, of: Option<usize>, named: &Sighting) -> Option<Sighting> {
    let known = &field.terms.record.sightings;
    let Some(of) = of else {
        let seen = known.iter().find(|seen| seen.snapshot == named.snapshot && seen.hotkey == named.hotkey)?;
        return Some(seen.clone());
    };
    if of == entry || of >= field.terms.entries.len() {
        return None;
    }
    let terms = &field.terms.entries[of];
    let (snapshot, hotkey) = (field.snapshot(of), terms.hotkey.clone());
    // A model that its miner commits again is as old as its first commitment.
    let first = known.iter().find(|seen| seen.snapshot == snapshot && seen.hotkey == hotkey);
    let now = (terms.committed, terms.position);
    let (committed, position) = first.map_or(now, |first| (first.committed, first.position).min(now));
    let origin = field.findings.get(&of).map_or_else(|| hotkey.clone(), |found| found.original.origin.clone());
    Some(Sighting { snapshot, committed, position, hotkey, origin })
}

/// True if an entry has the tensor files of its original, or the log does not say what files that had.
fn has_files_of(field: &Field<'_>, entry: usize, of: Option<usize>, original: &Sighting) -> bool {
    let same = |other: usize| tensor_files(&field.admissions[entry]) == tensor_files(&field.admissions[other]);
    match of {
        Some(of) => same(of),
        None => (0..field.admissions.len()).find(|other| field.snapshot(*other) == original.snapshot).is_none_or(same),
    }
}

/// Digests of the files with tensors, in order.
fn tensor_files(admission: &Admission) -> Vec<&str> {
    let is_tensor_file = |name: &str| name.ends_with(".safetensors") || name.ends_with(".gguf");
    let files = admission.files.iter().filter(|file| is_tensor_file(&file.name));
    let mut digests: Vec<&str> = files.map(|file| file.sha256.as_str()).collect();
    digests.sort_unstable();
    digests
}

#[cfg(test)]
mod tests;
