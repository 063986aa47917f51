//! A job that cannot begin, and the names of its results.

use super::*;
use crate::chain::WeightsFile;
use crate::registry::RegistryFile;
use crate::window::fixtures::{Recorder, registry};

async fn status(settings: Settings, registry: &impl Registry) -> ExitStatus {
    let database = settings.database();
    let chain = WeightsFile::new(settings.output.clone());
    let ports = Ports { registry, chain: &chain, reporter: Arc::new(Recorder::default()) };
    run(Job { settings, unchallenged: Unchallenged::Rests, database, watch: Stopwatch::start() }, ports)
        .await
        .unwrap_err()
        .status
}

#[tokio::test]
async fn a_job_that_cannot_begin_says_by_its_exit_code_what_is_in_the_way() {
    let folder = tempfile::tempdir().unwrap();
    let settings = Settings { output: folder.path().join("output"), ..Settings::default() };
    let missing = RegistryFile::new(folder.path().join("registry.json"));
    assert_eq!(Box::pin(status(settings.clone(), &missing)).await, ExitStatus::Source);
    // The registry is read before anything is made.
    assert!(!settings.output.exists());
    let held = Store::open(&settings.output.join("dethrone.sqlite")).await.unwrap();
    assert_eq!(Box::pin(status(settings.clone(), &registry(1))).await, ExitStatus::Busy);
    held.close().await;
    std::fs::write(settings.output.join("validator.key"), "no key").unwrap();
    assert_eq!(Box::pin(status(settings, &registry(1))).await, ExitStatus::Store);
}

#[test]
fn weights_and_the_other_results_lie_in_the_windows_folder() {
    let settings = Settings { output: "out".into(), ..Settings::default() };
    let files = Files::of_window(&settings, 1_000, settings.database());
    assert_eq!(files.weights, WeightsFile::new("out".into()).path(1_000));
    for path in [&files.weights, &files.evidence, &files.report] {
        assert_eq!(path.parent(), Some(Path::new("out/window-1000")));
    }
}
