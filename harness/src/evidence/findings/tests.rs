//! Findings that follow from a log, and findings that were made up.

use std::collections::BTreeMap;

use environments::EnvironmentId;
use pareto::screens::{Finding, Yardstick};

use super::*;
use crate::record::{AdmissionOutcome, FileRecord, WindowTerms};
use crate::registry::Hotkey;
use crate::window::fixtures::{registry, settings};

/// A window of three entries, of which 1 has the files of 0, and 0 was seen before under an earlier block of its miner.
struct Window {
    terms: WindowTerms,
    admissions: Vec<Admission>,
}

fn window() -> Window {
    let environments = vec![EnvironmentId::built_in("sat", "1.0.0", 0)];
    let mut terms = WindowTerms::new(&registry(3), Default::default(), &settings(8, 4), environments, String::new());
    let file = |digest: &str| FileRecord { name: "m.safetensors".to_owned(), size: 1, sha256: digest.to_owned() };
    let notes = |text: &str| FileRecord { name: "notes.md".to_owned(), size: 1, sha256: text.to_owned() };
    let admission = |files| Admission { outcome: AdmissionOutcome::Admitted, files };
    let admissions =
        vec![admission(vec![file("aa")]), admission(vec![file("aa"), notes("bb")]), admission(vec![file("cc")])];
    let seen = |snapshot: &str, hotkey: &str| Sighting {
        snapshot: snapshot.to_owned(),
        committed: 0,
        position: 7,
        hotkey: Hotkey(hotkey.to_owned()),
        origin: Hotkey(hotkey.to_owned()),
    };
    terms.record.sightings = vec![seen("gone", "left")];
    Window { terms, admissions }
}

fn original(window: &Window, entry: usize) -> Sighting {
    let terms = &window.terms.entries[entry];
    Sighting {
        snapshot: window.admissions[entry].snapshot(&terms.model),
        committed: terms.committed,
        position: terms.position,
        hotkey: terms.hotkey.clone(),
        origin: terms.hotkey.clone(),
    }
}

fn finding(entry: usize, of: Option<usize>, kind: FindingKind) -> Finding {
    Finding { entry, kind, of, measure: 0.0, threshold: 0.0, yardstick: Yardstick::Whole }
}

/// Checks a finding on an entry, changed; none expects it to hold.
#[track_caller]
fn check(entry: usize, record: FindingRecord, wrong: Option<&str>) {
    let Window { terms, admissions } = window();
    let findings = BTreeMap::from([(entry, record)]);
    let checked = check_findings(&Field { terms: &terms, admissions: &admissions, findings: &findings });
    match (checked, wrong) {
        (Ok(()), None) => {}
        (Err(found), Some(wrong)) => assert!(found.starts_with(wrong), "{found}"),
        (found, wrong) => panic!("{found:?} instead of {wrong:?}"),
    }
}

#[test]
fn a_finding_that_follows_holds() {
    let window = window();
    check(1, FindingRecord::new(finding(1, Some(0), FindingKind::SameFiles), original(&window, 0)), None);
    check(2, FindingRecord::new(finding(2, Some(0), FindingKind::Twin), original(&window, 0)), None);
    let gone = window.terms.record.sightings[0].clone();
    check(2, FindingRecord::new(finding(2, None, FindingKind::NearTensors), gone), None);
}

#[test]
fn a_finding_that_was_made_up_contradicts_the_log() {
    let window = window();
    let of_first = |entry| FindingRecord::new(finding(entry, Some(0), FindingKind::SameFiles), original(&window, 0));
    check(2, of_first(2), Some("that the files are the same of the finding on entry 2"));
    check(2, of_first(1), Some("the entry"));
    check(7, of_first(7), Some("the entry"));
    let to = |of, original: Sighting| FindingRecord::new(finding(1, of, FindingKind::SameTensors), original);
    check(1, to(Some(1), original(&window, 1)), Some("the original"));
    check(1, to(Some(9), original(&window, 0)), Some("the original"));
    check(1, to(Some(2), original(&window, 0)), Some("the original"));
    check(1, to(None, original(&window, 0)), Some("the original"));
    let earlier = Sighting { committed: 0, position: 3, ..original(&window, 2) };
    check(1, to(Some(2), earlier), Some("the original"));
    let of_another = Sighting { origin: Hotkey("5Hot1".to_owned()), ..original(&window, 2) };
    check(1, to(Some(2), of_another), Some("the original"));
    let far = Finding { measure: 0.5, threshold: 0.1, ..finding(2, Some(0), FindingKind::Twin) };
    check(2, FindingRecord::new(far.clone(), original(&window, 0)), Some("the measure"));
    let none = Finding { measure: f64::NAN, ..far };
    check(2, FindingRecord::new(none, original(&window, 0)), Some("the measure"));
    let told = FindingRecord { sentence: "copy: of a friend's".to_owned(), ..of_first(1) };
    check(1, told, Some("the sentence"));
}
