//! Screens of tiny models, with fingerprints from a real database.

use std::path::Path;
use std::sync::Arc;

use models::hub::{HubKind, HubSettings};

use super::*;
use crate::record::FindingRecord;
use crate::settings::Settings;
use crate::store::Store;
use crate::window::admit::admit;
use crate::window::fixtures::{COMMIT, Recorder, lay_out, model_folder, opened, registry, settings};

/// What the screens find about models of these families, under changed settings.
async fn check(families: &[&str], change: impl Fn(&mut Settings, &Path), expected: Result<&[(usize, usize)], &str>) {
    let folder = tempfile::tempdir().unwrap();
    for (place, family) in families.iter().enumerate() {
        lay_out(&model_folder(folder.path(), place), family);
    }
    let mut settings = settings(12, 4);
    settings.hub = HubSettings { kind: HubKind::Folder, folder: Some(folder.path().to_owned()) };
    change(&mut settings, folder.path());
    let store = Store::open(&folder.path().join("dethrone.sqlite")).await.unwrap();
    let reporter = Recorder::default();
    let loader = ModelLoader::new(&settings, folder.path(), Arc::new(Recorder::default())).unwrap();
    let window = opened(registry(families.len()), &settings, 1, &store, &reporter).await;
    let admissions = admit(&window, &loader).await.unwrap();
    match (screen(&window, &admissions, &loader).await, expected) {
        (Ok(Screening { findings, .. }), Ok(expected)) => {
            let found: Vec<(usize, usize)> =
                findings.iter().map(|(entry, record)| (*entry, record.finding.of.unwrap())).collect();
            assert_eq!(found, expected);
            for (entry, FindingRecord { finding, sentence, .. }) in &findings {
                assert_eq!(finding.entry, *entry);
                let original = format!("5Hot{0} (committed at block {0})", finding.of.unwrap());
                assert!(sentence.starts_with("copy: ") && sentence.contains(&original), "{sentence}");
                assert!(
                    reporter
                        .events()
                        .iter()
                        .any(|event| matches!(event, Event::Standing { standing, .. } if standing == sentence))
                );
            }
        }
        (Err(error), Err(expected)) => assert!(error.to_string().contains(expected), "{error}"),
        (found, expected) => panic!("{found:?} instead of {expected:?}"),
    }
}

#[tokio::test]
async fn copies_of_earlier_entries_are_found_by_place() {
    check(&["llama", "qwen2", "llama", "qwen2", "llama"], |_, _| {}, Ok(&[(2, 0), (3, 1), (4, 0)])).await;
    check(&["llama", "qwen2", "qwen3"], |_, _| {}, Ok(&[])).await;
    check(&[], |_, _| {}, Ok(&[])).await;
}

#[tokio::test]
async fn refused_entries_are_no_originals() {
    let spoil = |_: &mut Settings, hub: &Path| {
        std::fs::write(model_folder(hub, 0).join("config.json"), "{}").unwrap();
    };
    check(&["llama", "qwen2", "llama", "llama"], spoil, Ok(&[(3, 2)])).await;
}

#[tokio::test]
async fn a_base_that_cannot_be_compared_with_is_named() {
    let base = |settings: &mut Settings, place: usize| {
        settings.deciding.screens.base = Some(format!("o/m{place}@{COMMIT}").parse().unwrap());
    };
    check(&["llama"], |settings, _| base(settings, 7), Err("`screens.base` names, is refused")).await;
    let broken = |settings: &mut Settings, hub: &Path| {
        base(settings, 7);
        lay_out(&model_folder(hub, 7), "llama");
        std::fs::write(model_folder(hub, 7).join("config.json"), "{}").unwrap();
    };
    check(&["llama"], broken, Err("`screens.base` names, is refused")).await;
    // An entry that is the base itself is a tuning of nothing, and its copy a copy.
    check(&["llama", "llama", "qwen2"], |settings, _| base(settings, 0), Ok(&[(1, 0)])).await;
}

#[tokio::test]
async fn a_fingerprint_that_is_gone_is_an_error_and_not_a_pass() {
    let folder = tempfile::tempdir().unwrap();
    let settings = settings(12, 4);
    let store = Store::open(&folder.path().join("dethrone.sqlite")).await.unwrap();
    let reporter = Recorder::default();
    let loader = ModelLoader::new(&settings, folder.path(), Arc::new(Recorder::default())).unwrap();
    let window = opened(registry(1), &settings, 1, &store, &reporter).await;
    let admissions = [Admission { outcome: AdmissionOutcome::Admitted, files: Vec::new() }];
    let error = screen(&window, &admissions, &loader).await.unwrap_err();
    assert!(matches!(error, WindowError::NoFingerprint { .. }), "{error}");
}
