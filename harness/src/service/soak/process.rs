//! Processes of the soak: this test's program as one validator, and the parent's hold on it.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use models::engine::EngineSettings;
use models::hub::{HubKind, HubSettings};
use pareto::{DuelSettings, HeatSettings};

use super::world::{ENDPOINTS, Nodes, VALIDATORS, World, output};
use crate::events::{Event, Reporter};
use crate::registry::Hotkey;
use crate::reporter::{Verbosity, start_log};
use crate::service::{Answer, Identity, Link, Parts, Request, ask, serve};
use crate::settings::{Deciding, EnvironmentChoice, Settings};

/// A validator's process, and its socket.
pub(super) struct Process {
    child: Child,
    socket: PathBuf,
}

impl Process {
    pub(super) fn start(folder: &Path, validator: usize) -> Self {
        let log = File::options().create(true).append(true).open(folder.join(format!("{validator}.log"))).unwrap();
        let child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "service::soak::a_validator_of_the_soak", "--ignored", "--nocapture"])
            .env("DETHRONE_SOAK", folder)
            .env("DETHRONE_SOAK_VALIDATOR", validator.to_string())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .unwrap();
        Self { child, socket: output(folder, validator).join("control.sock") }
    }

    /// Kills it as a power failure would.
    pub(super) fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Asks it to end, and waits for it.
    pub(super) fn end(&mut self) {
        Command::new("kill").arg(self.child.id().to_string()).status().unwrap();
        assert!(self.child.wait().unwrap().success());
        assert!(!self.socket.exists(), "the socket is removed in the end");
    }

    /// Asks it something; it may be starting yet.
    pub(super) fn control(&self, word: &str) {
        let request = match word {
            "pause" => Request::Pause,
            _ => Request::Resume,
        };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        if let Ok(answer) = runtime.block_on(ask(&self.socket, &request)) {
            assert!(matches!(answer, Answer::Done { .. }), "{answer:?}");
        }
    }

    /// Resident pages and open file handles.
    pub(super) fn size(&self) -> (usize, usize) {
        let folder = Path::new("/proc").join(self.child.id().to_string());
        let memory = fs::read_to_string(folder.join("statm")).unwrap();
        let pages = memory.split(' ').nth(1).unwrap().parse().unwrap();
        (pages, fs::read_dir(folder.join("fd")).unwrap().count())
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // One that has ended already is no trouble.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Shows no event: what a validator says is in its log.
struct Silent;

impl Reporter for Silent {
    fn report(&self, _: Event) {}
}

fn settings(folder: &Path, validator: usize) -> Settings {
    let duel = DuelSettings { references: 0, budget: 24, minimum_tasks: 4, ..DuelSettings::default() };
    let mut settings = Settings {
        output: output(folder, validator),
        key: Some(folder.join("validator.key")),
        hub: HubSettings { kind: HubKind::Folder, folder: Some(folder.join("hub")) },
        environments: vec![EnvironmentChoice {
            name: folder.join("vowels.py").to_string_lossy().into_owned(),
            tier: 0,
        }],
        deciding: Deciding { round: 4, duel, heat: HeatSettings::none(), ..Deciding::default() },
        engine: EngineSettings { rows: 16, pages: 512, threads: 1, ..EngineSettings::default() },
        ..Settings::default()
    };
    let service = &mut settings.service;
    (service.window_blocks, service.block_milliseconds) = (super::world::LENGTH, 40);
    (service.submit_seconds, service.prefetch_blocks) = (1, 30);
    service.listen.clear();
    settings
}

/// Runs a validator until it is asked to end.
pub(super) fn validate(folder: &Path, validator: usize) {
    assert!(validator < VALIDATORS);
    start_log(Verbosity::default(), Some("harness=info")).unwrap();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let settings = settings(folder, validator);
    let unchanged = settings.clone();
    let world = World::open(folder);
    let endpoints = ENDPOINTS.map(str::to_owned).to_vec();
    let hotkey = Some(Hotkey(format!("5Stays{validator:02}")));
    let parts = Parts {
        identity: Identity { netuid: 1, hotkey, version_key: 0 },
        read_settings: Arc::new(move |_: &[String]| Ok(unchanged.clone())),
        link: Link::new(Nodes { world, validator }, endpoints, Duration::from_millis(200)),
        database: settings.database(),
        settings,
        reporter: Arc::new(Silent),
    };
    runtime.block_on(async {
        let mut terminated = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()).unwrap();
        let ended = async move {
            terminated.recv().await;
        };
        serve(parts, ended).await.unwrap();
    });
    runtime.shutdown_timeout(Duration::from_secs(2));
}
