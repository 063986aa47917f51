//! The executor on this machine, as far as it needs no environment.

use models::hub::{HubKind, HubSettings};

use super::*;
use crate::exit_status::ExitStatus;
use crate::problem::Problem;
use crate::seeds::WindowSeed;
use crate::settings::Settings;
use crate::window::fixtures::{Recorder, lay_out, model_folder, registry};

#[tokio::test]
async fn a_model_is_opened_once_for_all_units_and_closed_when_released() {
    let folder = tempfile::tempdir().unwrap();
    lay_out(&model_folder(folder.path(), 0), "llama");
    let hub = HubSettings { kind: HubKind::Folder, folder: Some(folder.path().to_owned()) };
    let mut settings = Settings { hub, ..Settings::default() };
    settings.engine.threads = 1;
    let reporter = Recorder::default();
    let loader = ModelLoader::new(&settings, folder.path(), Arc::new(Recorder::default())).unwrap();
    let seed = WindowSeed::new(&[0; 32], 1, 1);
    let rules = TaskRules { environments: Vec::new(), seed, sampling: settings.deciding.sampling.clone() };
    let entries = registry(2).entries;
    let executor = LocalExecutor::new(&loader, rules, &entries, 3, &reporter);
    assert_eq!(executor.in_flight(), 6);
    let (first, second) = futures::join!(executor.model(0), executor.model(0));
    let (first, second) = (first.ok().unwrap(), second.ok().unwrap());
    assert!(Arc::ptr_eq(&first, &second));
    // Another entry's release leaves it open, its own does not.
    executor.release(1).await;
    assert!(Arc::ptr_eq(&first, &executor.model(0).await.ok().unwrap()));
    executor.release(0).await;
    assert!(!Arc::ptr_eq(&first, &executor.model(0).await.ok().unwrap()));
    assert!(executor.timings().loading > std::time::Duration::ZERO);
    // Entry 1 has no files any more: its admission no longer holds.
    let error = executor.model(1).await.map(drop).unwrap_err();
    assert!(matches!(error, ExecutorError::Changed { .. }), "{error}");
    assert_eq!(Problem::from(error).status, ExitStatus::Source);
}
