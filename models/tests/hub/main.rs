//! The hub client against a hub that misbehaves.
#![expect(clippy::unwrap_used, reason = "a test may stop where it stands")]

mod server;

use std::{path::Path, process::Command, time::Duration};

use models::{
    admission::Limits,
    hub::{FolderHub, HubError, HuggingFaceHub, HuggingFaceSettings, Progress},
    model_ref::ModelRef,
    refusal::Refusal,
    retry::Retries,
    secret::Secret,
    snapshot::Snapshot,
};
use server::{COMMIT, Fault, Server};
use sha2::{Digest, Sha256};

const CONFIG: &[u8] = br#"{"model_type":"llama","vocab_size":8,"hidden_size":8,"num_hidden_layers":1,"num_attention_heads":1,"intermediate_size":8,"max_position_embeddings":8}"#;
const TENSORS: &str = "model.safetensors";

fn tensors() -> Vec<u8> {
    (0..20_000u32).flat_map(u32::to_le_bytes).collect()
}

fn honest() -> Server {
    Server::start(&[
        ("config.json", CONFIG, false),
        ("README.md", b"not wanted", false),
        (TENSORS, &tensors(), true),
        ("pytorch_model.bin", b"never fetched", true),
    ])
}

fn settings(server: &Server, root: &Path) -> HuggingFaceSettings {
    HuggingFaceSettings {
        endpoint: format!("{}/", server.address),
        token: None,
        root: root.to_owned(),
        limits: Limits::default(),
        retries: Retries {
            attempts: 3,
            first_wait: Duration::from_millis(1),
            longest_wait: Duration::from_millis(20),
            stall_timeout: Duration::from_millis(500),
            least_bytes: 1000,
        },
    }
}

fn model() -> ModelRef {
    format!("owner/name@{COMMIT}").parse().unwrap()
}

async fn fetch(settings: HuggingFaceSettings) -> Result<Snapshot, HubError> {
    HuggingFaceHub::new(settings).unwrap().fetch(&model(), &|_| {}).await
}

#[track_caller]
fn assert_whole(snapshot: &Snapshot) {
    let names: Vec<_> = snapshot.files.iter().map(|file| file.name.as_str()).collect();
    assert_eq!(names, ["config.json", TENSORS]);
    assert_eq!(std::fs::read(snapshot.root.join(TENSORS)).unwrap(), tensors());
    assert_eq!(snapshot.file(TENSORS).unwrap().sha256, <[u8; 32]>::from(Sha256::digest(tensors())));
}

/// `expected` is empty for success, else a part of the error's text.
async fn check(part: &str, faults: &[Fault], expected: &str) {
    let (server, root) = (honest(), tempfile::tempdir().unwrap());
    match faults {
        [only] if !expected.is_empty() => server.fail_for_ever(part, only.clone()),
        _ => server.fail(part, faults),
    }
    match fetch(settings(&server, root.path())).await {
        Ok(snapshot) if expected.is_empty() => assert_whole(&snapshot),
        Err(error) if !expected.is_empty() => {
            assert!(error.to_string().contains(expected), "{part} {faults:?}: {error}");
            server.fail(part, &[]);
            let again = fetch(settings(&server, root.path())).await.unwrap();
            assert_whole(&again);
        }
        other => panic!("{part} {faults:?}: {other:?}"),
    }
}

#[tokio::test]
async fn a_hub_is_reachable_whatever_it_answers_and_not_where_nobody_listens() {
    let (server, root) = (honest(), tempfile::tempdir().unwrap());
    let reaches = async |endpoint: String| {
        let settings = HuggingFaceSettings { endpoint, ..settings(&server, root.path()) };
        HuggingFaceHub::new(settings).unwrap().is_reachable().await
    };
    assert!(reaches(server.address.clone()).await);
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let nobody = listener.local_addr().unwrap();
    // One that breaks off may do so for one model.
    let breaking = std::thread::spawn(move || drop(listener.accept().unwrap()));
    assert!(reaches(format!("http://{nobody}")).await);
    breaking.join().unwrap();
    assert!(!reaches(format!("http://{nobody}")).await);
    assert!(FolderHub::new(root.path()).is_reachable() && !FolderHub::new(root.path().join("gone")).is_reachable());
}

#[tokio::test]
async fn passing_trouble_is_overcome() {
    for status in [408, 429, 500, 502, 503, 504] {
        for part in ["/revision/", "/tree/", "/resolve/"] {
            check(part, &[Fault::Status(status, "Retry-After: 0"), Fault::Status(status, "")], "").await;
        }
    }
    for fault in [Fault::Truncate(0), Fault::Truncate(50_000), Fault::OtherBytes, Fault::Drip, Fault::Silence] {
        check("/resolve/", &[fault], "").await;
    }
    check(TENSORS, &[Fault::Truncate(30_000), Fault::WholeFile], "").await;
    let getting_on = [30_000, 40_000, 50_000, 60_000].map(Fault::Truncate);
    check(TENSORS, &getting_on, "").await;
}

#[tokio::test]
async fn lasting_trouble_is_named_and_does_no_harm() {
    for part in ["/revision/", "/tree/", "/resolve/"] {
        check(part, &[Fault::Status(404, "")], "check the spelling").await;
        check(part, &[Fault::Status(401, "")], "set HF_TOKEN").await;
        check(part, &[Fault::Status(403, "")], "accepted the repository's terms").await;
        check(part, &[Fault::Status(429, "Retry-After: 7")], "asks to wait 7 s").await;
        check(part, &[Fault::Status(503, "")], "status 503").await;
        check(part, &[Fault::Status(418, "")], "status 418").await;
        check(part, &[Fault::Silence], "too slowly").await;
        check(part, &[Fault::Loop], "redirects").await;
    }
    check("/revision/", &[Fault::OtherCommit], "answers commit ffff").await;
    check("/revision/", &[Fault::Html], "cannot be understood").await;
    check("/tree/", &[Fault::Html], "cannot be understood").await;
    check("/tree/", &[Fault::EndlessListing], "more than 8388608 bytes").await;
    check("/tree/", &[Fault::NextPage("http://elsewhere.example/tree".to_owned())], "goes on at another host").await;
    check(TENSORS, &[Fault::OtherBytes], "does not have the hash").await;
    check(TENSORS, &[Fault::Drip], "too slowly").await;
    check(TENSORS, &[Fault::Grow], "more than the 80000 bytes").await;
    check(TENSORS, &[Fault::GrowUnannounced], "more than the 80000 bytes").await;
    check(TENSORS, &[Fault::Html], "ended after 33 of 80000 bytes").await;
    check(TENSORS, &[Fault::Truncate(30_000), Fault::OtherRange], "cannot be understood").await;
}

#[tokio::test]
async fn what_broke_off_goes_on_where_it_was() {
    let (server, root) = (honest(), tempfile::tempdir().unwrap());
    server.fail(TENSORS, &[Fault::Truncate(30_000), Fault::Status(500, "")]);
    assert_whole(&fetch(settings(&server, root.path())).await.unwrap());
    let asked = server.asked().into_iter().filter(|asked| asked.path.ends_with(TENSORS));
    let ranges: Vec<_> = asked.map(|asked| asked.range).collect();
    let rest = Some("bytes=30000-".to_owned());
    assert_eq!(ranges, [None, rest.clone(), rest]);
}

#[tokio::test]
async fn a_second_fetch_asks_nothing_and_repairs_what_was_damaged_on_disk() {
    let (server, root) = (honest(), tempfile::tempdir().unwrap());
    let snapshot = fetch(settings(&server, root.path())).await.unwrap();
    let before = server.asked().len();
    assert_eq!(fetch(settings(&server, root.path())).await.unwrap(), snapshot);
    assert_eq!(server.asked().len(), before);
    std::fs::write(snapshot.root.join(TENSORS), "damaged").unwrap();
    assert_whole(&fetch(settings(&server, root.path())).await.unwrap());
    assert_eq!(server.asked().len(), before + 1);
}

#[tokio::test]
async fn two_at_once_fetch_once() {
    let (server, root) = (honest(), tempfile::tempdir().unwrap());
    let (one, two) = tokio::join!(fetch(settings(&server, root.path())), fetch(settings(&server, root.path())));
    assert_eq!(one.unwrap(), two.unwrap());
    assert_eq!(server.asked().iter().filter(|asked| asked.path.ends_with(TENSORS)).count(), 1);
}

#[tokio::test]
async fn nothing_large_is_fetched_of_what_is_refused() {
    let (server, root) = (honest(), tempfile::tempdir().unwrap());
    let mut small = settings(&server, root.path());
    small.limits.bytes = 70_000;
    let error = fetch(small).await.unwrap_err();
    assert!(
        matches!(error, HubError::Refused(Refusal::TooLarge { bytes, .. }) if bytes == 80_000 + CONFIG.len() as u64),
        "{error:?}"
    );
    assert!(!server.asked().iter().any(|asked| asked.path.ends_with(TENSORS)));

    let pickle = Server::start(&[("config.json", b"{}", false), ("pytorch_model.bin", b"x", true)]);
    let root = tempfile::tempdir().unwrap();
    let error = fetch(settings(&pickle, root.path())).await.unwrap_err();
    assert!(matches!(error, HubError::Refused(Refusal::PickleOnly { .. })), "{error:?}");
    assert!(!pickle.asked().iter().any(|asked| asked.path.contains("/resolve/")));

    let code = Server::start(&[("config.json", br#"{"auto_map":{}}"#, false), (TENSORS, b"x", true)]);
    let root = tempfile::tempdir().unwrap();
    let error = fetch(settings(&code, root.path())).await.unwrap_err();
    assert!(matches!(error, HubError::Refused(Refusal::RemoteCode { .. })), "{error:?}");
    assert!(!code.asked().iter().any(|asked| asked.path.ends_with(TENSORS)));
}

#[tokio::test]
async fn shards_come_from_the_index_and_stay_in_their_folder() {
    let index = br#"{"weight_map":{"a":"model-1.safetensors","b":"model-2.safetensors"}}"#;
    let server = Server::start(&[
        ("config.json", CONFIG, false),
        ("model.safetensors.index.json", index, false),
        ("model-1.safetensors", b"1", true),
        ("model-2.safetensors", b"2", true),
        ("model-3.safetensors", b"3", true),
    ]);
    let root = tempfile::tempdir().unwrap();
    let snapshot = fetch(settings(&server, root.path())).await.unwrap();
    let names: Vec<_> = snapshot.files.iter().map(|file| file.name.as_str()).collect();
    assert_eq!(names, ["config.json", "model-1.safetensors", "model-2.safetensors", "model.safetensors.index.json"]);

    let index = br#"{"weight_map":{"a":"../../../evil.safetensors"}}"#;
    let server = Server::start(&[("model.safetensors.index.json", index, false), ("x.safetensors", b"1", true)]);
    let root = tempfile::tempdir().unwrap();
    let error = fetch(settings(&server, root.path())).await.unwrap_err();
    assert!(matches!(error, HubError::Refused(Refusal::FileName { .. })), "{error:?}");
}

#[tokio::test]
async fn the_token_goes_to_the_hub_alone_and_is_never_shown() {
    let (server, elsewhere, root) = (honest(), honest(), tempfile::tempdir().unwrap());
    server.fail(TENSORS, &[Fault::Elsewhere(elsewhere.address.clone())]);
    let mut private = settings(&server, root.path());
    private.token = Some(Secret::new("hf_secret"));
    let hub = HuggingFaceHub::new(private.clone()).unwrap();
    assert!(!format!("{private:?} {hub:?}").contains("hf_secret"));
    assert_whole(&hub.fetch(&model(), &|_| {}).await.unwrap());
    assert!(server.asked().iter().all(|asked| asked.authorization.as_deref() == Some("Bearer hf_secret")));
    assert!(elsewhere.asked().iter().all(|asked| asked.authorization.is_none()));
    assert_eq!(elsewhere.asked().len(), 1);
}

/// Runs itself with a token on disk where Hugging Face's client would find it.
#[tokio::test]
async fn no_token_is_taken_from_the_disk() {
    const INSIDE: &str = "MODELS_TEST_WITH_TOKEN_ON_DISK";
    let home = tempfile::tempdir().unwrap();
    if std::env::var_os(INSIDE).is_none() {
        std::fs::write(home.path().join("token"), "hf_on_disk").unwrap();
        let mut itself = Command::new(std::env::current_exe().unwrap());
        itself.args(["--exact", "no_token_is_taken_from_the_disk"]);
        itself.env(INSIDE, "1").env("HF_HOME", home.path()).env("HF_TOKEN_PATH", home.path().join("token"));
        assert!(itself.status().unwrap().success());
        return;
    }
    let server = honest();
    fetch(settings(&server, home.path())).await.unwrap();
    assert!(!server.asked().is_empty());
    assert!(server.asked().iter().all(|asked| asked.authorization.is_none()), "{:?}", server.asked());
}

#[tokio::test]
async fn pages_of_a_listing_are_followed_on_the_same_hub_and_bounded() {
    let (server, root) = (honest(), tempfile::tempdir().unwrap());
    let next = Fault::NextPage(format!("{}/api/models/owner/name/tree/page2", server.address));
    server.fail("/tree/", std::slice::from_ref(&next));
    // Every page of this server lists the same files.
    let error = fetch(settings(&server, root.path())).await.unwrap_err();
    assert!(error.to_string().contains("a file is listed twice"), "{error}");
    assert_eq!(server.asked().iter().filter(|asked| asked.path.ends_with("page2")).count(), 1);
    server.fail_for_ever("/tree/", next);
    let error = fetch(settings(&server, root.path())).await.unwrap_err();
    assert!(error.to_string().contains("more than 20 pages"), "{error}");
}

fn partial(root: &Path) -> std::path::PathBuf {
    let folder = root.join("owner").join("name").join(COMMIT).join("partial");
    std::fs::create_dir_all(&folder).unwrap();
    folder.join(TENSORS)
}

#[tokio::test]
async fn a_download_of_another_file_is_found_out_and_fetched_anew() {
    for left_over in [vec![7; 30_000], vec![7; 80_000], vec![7; 90_000]] {
        let (server, root) = (honest(), tempfile::tempdir().unwrap());
        std::fs::write(partial(root.path()), left_over).unwrap();
        assert_whole(&fetch(settings(&server, root.path())).await.unwrap());
        assert!(!partial(root.path()).exists());
    }
}

#[tokio::test]
async fn a_damaged_listing_on_disk_is_asked_for_again() {
    let (server, root) = (honest(), tempfile::tempdir().unwrap());
    fetch(settings(&server, root.path())).await.unwrap();
    let listing = root.path().join("owner").join("name").join(COMMIT).join("listing.json");
    let sound = std::fs::read(&listing).unwrap();
    std::fs::write(&listing, &sound[..sound.len() / 2]).unwrap();
    let before = server.asked().len();
    assert_whole(&fetch(settings(&server, root.path())).await.unwrap());
    assert_eq!(server.asked().len(), before + 2, "the commit and its listing");
    assert_eq!(std::fs::read(&listing).unwrap(), sound);
}

#[tokio::test]
async fn empty_files_are_fetched_once_and_verified() {
    let server = Server::start(&[
        ("config.json", CONFIG, false),
        ("special_tokens_map.json", b"", false),
        (TENSORS, &tensors(), true),
    ]);
    let root = tempfile::tempdir().unwrap();
    for _ in 0..2 {
        let snapshot = fetch(settings(&server, root.path())).await.unwrap();
        assert_eq!(snapshot.file("special_tokens_map.json").unwrap().size, 0);
    }
    assert_eq!(server.asked().iter().filter(|asked| asked.path.ends_with("special_tokens_map.json")).count(), 1);
}

#[tokio::test]
async fn a_model_that_another_process_fetches_is_waited_for() {
    let (server, root) = (honest(), tempfile::tempdir().unwrap());
    partial(root.path());
    let lock = std::fs::File::create(root.path().join("owner").join("name").join(COMMIT).join("lock")).unwrap();
    lock.lock().unwrap();
    let mut fetching = Box::pin(fetch(settings(&server, root.path())));
    assert!(tokio::time::timeout(Duration::from_millis(50), &mut fetching).await.is_err());
    assert!(server.asked().is_empty());
    lock.unlock().unwrap();
    assert_whole(&fetching.await.unwrap());
}

#[tokio::test]
async fn hostile_names_in_a_listing_are_not_fetched() {
    let server = Server::start(&[
        ("config.json", CONFIG, false),
        (TENSORS, &tensors(), true),
        ("../../evil.json", b"x", false),
        (".env", b"x", false),
        ("tokenizer.json/../../x", b"x", false),
    ]);
    let root = tempfile::tempdir().unwrap();
    assert_whole(&fetch(settings(&server, root.path())).await.unwrap());
    assert!(server.asked().iter().all(|asked| !asked.path.contains("evil") && !asked.path.contains(".env")));
}

#[tokio::test]
async fn progress_grows_to_the_size_of_each_file() {
    let (server, root) = (honest(), tempfile::tempdir().unwrap());
    server.fail(TENSORS, &[Fault::Truncate(30_000)]);
    let seen = std::sync::Mutex::new(Vec::new());
    let hub = HuggingFaceHub::new(settings(&server, root.path())).unwrap();
    let listener = |progress: Progress<'_>| {
        seen.lock().unwrap().push((progress.file.to_owned(), progress.done, progress.total));
    };
    hub.fetch(&model(), &listener).await.unwrap();
    let seen = seen.into_inner().unwrap();
    let tensors: Vec<_> = seen.iter().filter(|(file, _, _)| file == TENSORS).collect();
    assert!(tensors.is_sorted_by(|a, b| a.1 < b.1) && tensors.iter().all(|(_, _, total)| *total == 80_000));
    assert_eq!(tensors.last().unwrap().1, 80_000);
}

#[tokio::test]
async fn a_folder_hub_serves_what_lies_under_owner_name_and_commit() {
    let root = tempfile::tempdir().unwrap();
    let hub = FolderHub::new(root.path());
    let missing = hub.fetch(&model(), &|_| {}).await.unwrap_err();
    assert!(matches!(&missing, HubError::NotFound { what, .. } if *what == model().to_string()), "{missing}");
    let files = hub.files(&model());
    assert_eq!(files, root.path().join("owner").join("name").join(COMMIT).join("files"));
    std::fs::create_dir_all(files.join("subfolder")).unwrap();
    std::fs::write(files.join("pytorch_model.bin"), "x").unwrap();
    let pickle = hub.fetch(&model(), &|_| {}).await.unwrap_err();
    assert!(matches!(pickle, HubError::Refused(Refusal::PickleOnly { .. })), "{pickle}");
    std::fs::write(files.join(TENSORS), tensors()).unwrap();
    let snapshot = hub.fetch(&model(), &|_| {}).await.unwrap();
    assert_eq!(snapshot.file(TENSORS).unwrap().sha256, <[u8; 32]>::from(Sha256::digest(tensors())));
    let unchanged = Snapshot::of_folder(&files).unwrap();
    assert_eq!(snapshot, unchanged);
}

#[test]
fn only_errors_that_may_pass_are_transient() {
    let what = || "x".to_owned();
    for (error, transient) in [
        (HubError::RateLimited { what: what(), retry_after: None }, true),
        (HubError::Connection { what: what(), reason: what() }, true),
        (HubError::TooSlow { what: what(), bytes: 0, period: Duration::ZERO }, true),
        (HubError::Hash { file: what(), expected: what(), found: what() }, true),
        (HubError::Status { what: what(), status: 503 }, true),
        (HubError::Status { what: what(), status: 400 }, false),
        (HubError::NotFound { hub: what(), what: what() }, false),
        (HubError::Denied { hub: what(), what: what(), status: 401 }, false),
        (HubError::Grew { file: what(), expected: 1 }, false),
        (HubError::Redirects { what: what(), reason: what() }, false),
        (HubError::Answer { what: what(), reason: what() }, false),
        (HubError::Setup { endpoint: what(), reason: what() }, false),
    ] {
        assert_eq!(error.is_transient(), transient, "{error}");
    }
}
