//! Findings derived again from the prints that a log holds.

use std::collections::BTreeMap;

use models::fingerprint::Fingerprint;

use super::audit::EvidenceError;
use crate::record::PrintRecord;
use crate::screening::{Screening, compared, screening};
use crate::succession::Field;

/// Checks that the findings are those that follow from the prints: no more, no fewer, each with its measure and sentence,
/// and that the prints are those that they follow from. That a print is that of a model's files shows only where the
/// validator's secret is known; that an earlier model's print was not left out does not show.
pub(super) fn check_prints(field: &Field<'_>, prints: &[PrintRecord]) -> Result<(), EvidenceError> {
    let differs = |what: String| Err(EvidenceError::Differs { what });
    let settings = &field.terms.settings.deciding.screens;
    let (base, of_models): (Vec<&PrintRecord>, Vec<&PrintRecord>) = prints.iter().partition(|print| print.base);
    if base.len() != usize::from(settings.base.is_some()) {
        return differs("the print of the base".to_owned());
    }
    let by_snapshot: BTreeMap<&str, &Fingerprint> =
        of_models.iter().map(|print| (print.snapshot.as_str(), &print.fingerprint)).collect();
    let mut models = Vec::new();
    for model in compared(field) {
        match (by_snapshot.get(model.sighting.snapshot.as_str()), model.entry) {
            (Some(fingerprint), _) => models.push((model, (*fingerprint).clone())),
            (None, Some(entry)) => {
                return differs(format!("the screening of entry {entry}, of which there is no print,"));
            }
            (None, None) => {}
        }
    }
    if let Some(print) = prints.iter().find(|print| print.fingerprint.key != prints[0].fingerprint.key) {
        return differs(format!("the print of {}, which has another key,", print.snapshot));
    }
    let base = base.first().map(|print| (print.snapshot.as_str(), &print.fingerprint));
    let derived: Screening = screening(&models, base, settings);
    if derived.findings != *field.findings {
        let all = derived.findings.keys().chain(field.findings.keys());
        let wrong = all.copied().find(|entry| derived.findings.get(entry) != field.findings.get(entry));
        return differs(format!("the finding about entry {}", wrong.unwrap_or_default()));
    }
    if derived.prints != prints {
        return differs("the list of prints".to_owned());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use models::fingerprint::TensorPrint;

    use super::*;
    use crate::record::{Admission, AdmissionOutcome, FileRecord, FindingRecord, WindowTerms};
    use crate::settings::Settings;
    use crate::window::fixtures::registry;

    /// A made-up print: `model` chooses its matrix, to which `noise` is added.
    fn print(model: u64, noise: f32) -> Fingerprint {
        let draw = |seed: u64, cell: u64| {
            let bits = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ cell.wrapping_mul(0xbf58_476d_1ce4_e5b9);
            let bits = (bits ^ (bits >> 29)).wrapping_mul(0x94d0_49bb_1331_11eb);
            ((bits >> 40) as f32 / (1_u64 << 23) as f32) - 1.0
        };
        let tensor = |name: u64| TensorPrint {
            name: format!("m{name}"),
            shape: vec![64, 64],
            digest: [(model * 40 + name) as u8; 32],
            sketch: (0..144).map(|cell| draw(model * 40 + name, cell) + noise * draw(900 + name, cell)).collect(),
        };
        let tensors: Vec<TensorPrint> = (0..30).map(tensor).collect();
        let files = [(model * 7) as u8 ^ (noise * 1e4) as u8; 32];
        Fingerprint { files, key: "key".to_owned(), tensors, outputs: None }
    }

    /// The terms and admissions of three entries, the third of which is the first with noise, and their screening.
    fn window() -> (WindowTerms, Vec<Admission>, Screening) {
        let terms = WindowTerms::new(&registry(3), Default::default(), &Settings::default(), Vec::new(), String::new());
        let admission = |name: &str| Admission {
            outcome: AdmissionOutcome::Admitted,
            files: vec![FileRecord { name: "model".to_owned(), size: 1, sha256: name.to_owned() }],
        };
        let admissions: Vec<Admission> = ["a", "b", "c"].map(admission).to_vec();
        let field = Field { terms: &terms, admissions: &admissions, findings: &BTreeMap::new() };
        let prints = [print(1, 0.0), print(2, 0.0), print(1, 0.01)];
        let mut models: Vec<_> = compared(&field).into_iter().zip(prints).collect();
        for (model, fingerprint) in &mut models {
            fingerprint.files[0] = model.entry.unwrap() as u8;
            for tensor in &mut fingerprint.tensors {
                tensor.digest[0] = model.entry.unwrap() as u8;
            }
        }
        let screened = screening(&models, None, &terms.settings.deciding.screens);
        (terms, admissions, screened)
    }

    #[track_caller]
    fn check(change: impl FnOnce(&mut BTreeMap<usize, FindingRecord>, &mut Vec<PrintRecord>), expected: Option<&str>) {
        let (terms, admissions, Screening { mut findings, mut prints }) = window();
        assert_eq!(findings.keys().copied().collect::<Vec<_>>(), [2]);
        change(&mut findings, &mut prints);
        let field = Field { terms: &terms, admissions: &admissions, findings: &findings };
        match (check_prints(&field, &prints), expected) {
            (Ok(()), None) => {}
            (Err(error), Some(expected)) => assert!(error.to_string().contains(expected), "{error}"),
            (found, expected) => panic!("{found:?} instead of {expected:?}"),
        }
    }

    #[test]
    fn findings_are_those_that_follow_from_the_prints() {
        check(|_, _| {}, None);
        check(|findings, _| findings.clear(), Some("the finding about entry 2"));
        check(|findings, _| findings.get_mut(&2).unwrap().finding.measure *= 1.01, Some("the finding about entry 2"));
        check(|findings, _| findings.get_mut(&2).unwrap().sentence.push('!'), Some("the finding about entry 2"));
        let invent = |findings: &mut BTreeMap<usize, FindingRecord>| {
            let invented = findings[&2].clone();
            findings.insert(1, invented);
        };
        check(|findings, _| invent(findings), Some("the finding about entry 1"));
        check(|_, prints| drop(prints.pop()), Some("of which there is no print"));
        check(|_, prints| prints.push(prints[0].clone()), Some("the list of prints"));
        check(|_, prints| prints.swap(0, 1), Some("the list of prints"));
        check(|_, prints| prints[1].fingerprint.key.push('x'), Some("which has another key"));
        check(|_, prints| prints[0].base = true, Some("the print of the base"));
    }
}
