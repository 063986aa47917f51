//! Tiny random models are fetched from a folder hub, admitted and opened.

use std::fs;
use std::path::PathBuf;
use std::time::SystemTime;

use models::hub::{HubKind, HubSettings};
use models::responder::Reproducibility;
use tempfile::TempDir;

use super::*;
use crate::window::fixtures::{COMMIT, Recorder, lay_out, model_folder};

struct Shelf {
    folder: TempDir,
    settings: Settings,
}

impl Shelf {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        lay_out(&model_folder(folder.path(), 0), "llama");
        let mut settings = Settings::default();
        settings.hub = HubSettings { kind: HubKind::Folder, folder: Some(folder.path().to_owned()) };
        settings.engine = EngineSettings { threads: 1, rows: 2, ..settings.engine };
        Self { folder, settings }
    }

    fn loader(&self) -> ModelLoader {
        ModelLoader::new(&self.settings, &self.folder.path().join("cache"), Arc::new(Recorder::default())).unwrap()
    }

    fn tensors(&self) -> PathBuf {
        model_folder(self.folder.path(), 0).join("model.safetensors")
    }

    /// Overwrites the first tensors with values that are not numbers; the file's time stamp stays if it is to.
    fn poison(&self, keep_stamp: bool) {
        let mut bytes = fs::read(self.tensors()).unwrap();
        let header = 8 + u64::from_le_bytes(bytes[..8].try_into().unwrap()) as usize;
        bytes[header..header + 80_000].copy_from_slice(&[0xc0, 0x7f].repeat(40_000));
        let stamp = fs::metadata(self.tensors()).unwrap().modified().unwrap();
        fs::write(self.tensors(), bytes).unwrap();
        let stamp = if keep_stamp { stamp } else { SystemTime::UNIX_EPOCH };
        fs::File::options().write(true).open(self.tensors()).unwrap().set_modified(stamp).unwrap();
    }
}

fn hub_model(place: usize) -> ModelSource {
    format!("o/m{place}@{COMMIT}").parse().unwrap()
}

async fn refusal(loader: &ModelLoader, source: &ModelSource) -> (String, usize) {
    match loader.admit(source).await.unwrap() {
        Arrival::Refused { reason, files } => (reason, files.len()),
        Arrival::Admitted(_) => panic!("{source} is admitted"),
    }
}

#[tokio::test]
async fn an_admitted_model_is_opened_without_a_second_look_at_its_tensors() {
    let shelf = Shelf::new();
    let loader = shelf.loader();
    let Arrival::Admitted(snapshot) = loader.admit(&hub_model(0)).await.unwrap() else { panic!("it is refused") };
    let names: Vec<String> = files_of(&snapshot).into_iter().map(|file| file.name).collect();
    assert_eq!(names, ["config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json"]);
    // Nothing but a second admission would notice this.
    shelf.poison(true);
    loader.open(&hub_model(0)).await.unwrap();
    assert!(matches!(loader.admit(&hub_model(0)).await.unwrap(), Arrival::Admitted(_)));
    // Another process looks for itself.
    let (reason, files) = refusal(&shelf.loader(), &hub_model(0)).await;
    assert!(reason.contains("finite") && files == 4, "{reason}");
}

#[tokio::test]
async fn a_model_that_was_written_to_since_is_admitted_again() {
    let shelf = Shelf::new();
    let loader = shelf.loader();
    assert!(matches!(loader.admit(&hub_model(0)).await.unwrap(), Arrival::Admitted(_)));
    shelf.poison(false);
    let error = loader.open(&hub_model(0)).await.map(drop).unwrap_err();
    assert!(matches!(&error, LoaderError::Refused { reason, .. } if reason.contains("finite")), "{error}");
}

#[tokio::test]
async fn a_model_is_opened_that_no_one_has_admitted_before() {
    let shelf = Shelf::new();
    let responder = shelf.loader().open(&hub_model(0)).await.unwrap();
    assert_eq!(responder.reproducibility(), Reproducibility::Exact);
    let folder = ModelSource::Folder(model_folder(shelf.folder.path(), 0));
    shelf.loader().open_for_ids(&folder).await.unwrap();
}

#[tokio::test]
async fn a_missing_model_is_its_miners_fault_and_a_missing_folder_this_machines() {
    let shelf = Shelf::new();
    let (reason, files) = refusal(&shelf.loader(), &hub_model(9)).await;
    assert!(reason.contains("o/m9") && files == 0, "{reason}");
    let nowhere = ModelSource::Folder(shelf.folder.path().join("nowhere"));
    let error = shelf.loader().admit(&nowhere).await.map(drop).unwrap_err();
    assert!(matches!(&error, LoaderError::Fetch { .. }), "{error}");
    let error = shelf.loader().open(&hub_model(9)).await.map(drop).unwrap_err();
    assert!(matches!(&error, LoaderError::Refused { .. }), "{error}");
}

#[tokio::test]
async fn a_model_beyond_the_limits_is_refused_with_its_files() {
    let mut shelf = Shelf::new();
    shelf.settings.deciding.admission.bytes = 1_000;
    let (reason, _) = refusal(&shelf.loader(), &hub_model(0)).await;
    assert!(reason.contains("1000") || reason.contains("large"), "{reason}");
}

#[tokio::test]
async fn a_served_model_is_reached_on_its_server_and_still_has_files_to_look_at() {
    let mut shelf = Shelf::new();
    let by: RemoteRef = "openai:m@http://127.0.0.1:9/v1".parse().unwrap();
    let served = models::remote::ServedModel { model: format!("o/m0@{COMMIT}").parse().unwrap(), by: by.clone() };
    shelf.settings.remote.served = vec![served];
    let loader = shelf.loader();
    assert_eq!(loader.server_of(&hub_model(0)), Some(&by));
    assert_eq!(loader.server_of(&hub_model(1)), None);
    assert_eq!(loader.open(&hub_model(0)).await.unwrap().reproducibility(), Reproducibility::None);
    assert!(matches!(loader.admit(&hub_model(0)).await.unwrap(), Arrival::Admitted(_)));
    let alone = ModelSource::Server(by.clone());
    assert_eq!(loader.server_of(&alone), Some(&by));
    let (reason, _) = refusal(&loader, &alone).await;
    assert!(reason.contains("hands out no files"), "{reason}");
}

#[tokio::test]
async fn a_key_that_the_settings_name_has_to_be_set() {
    let mut shelf = Shelf::new();
    shelf.settings.remote.key_variable = Some("A_VARIABLE_THAT_NO_TEST_SETS".to_owned());
    let server = ModelSource::Server("openai:m@http://127.0.0.1:9/v1".parse().unwrap());
    let error = shelf.loader().open(&server).await.map(drop).unwrap_err();
    let problem = crate::problem::Problem::from(error);
    assert_eq!(problem.status, crate::exit_status::ExitStatus::Usage);
    assert!(problem.to_string().contains("A_VARIABLE_THAT_NO_TEST_SETS"), "{problem}");
}

#[tokio::test]
async fn a_model_is_opened_with_the_files_that_were_admitted_and_with_no_others() {
    let shelf = Shelf::new();
    let (loader, source) = (shelf.loader(), hub_model(0));
    let Arrival::Admitted(snapshot) = loader.admit(&source).await.unwrap() else { panic!("it is sound") };
    let files = files_of(&snapshot);
    loader.expect(&source, &files);
    assert!(loader.open(&source).await.is_ok());
    // A process that goes on after another knows the files from the database.
    let later = shelf.loader();
    later.expect(&source, &files);
    fs::write(model_folder(shelf.folder.path(), 0).join("notes.md"), "new").unwrap();
    let refused = later.open(&source).await.err().unwrap().to_string();
    assert!(refused.contains("are not those that this window has admitted"), "{refused}");
}

#[tokio::test]
async fn a_model_that_takes_more_memory_than_allowed_is_refused_wherever_it_is_checked() {
    let mut shelf = Shelf::new();
    shelf.settings.deciding.admission.memory = 1 << 20;
    let (reason, files) = refusal(&shelf.loader(), &hub_model(0)).await;
    assert!(reason.starts_with("the model with a text of") && files == 4, "{reason}");
}
