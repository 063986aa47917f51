//! Support of the window's tests: made-up registries, a recording reporter and an executor that follows a script.

use std::fs;
use std::path::Path;
use std::sync::Mutex;

use environments::EnvironmentId;
use futures::FutureExt;
use futures::future::BoxFuture;
use models::hub::HubError;
use models::responder::Work;
use pareto::{DuelSettings, HeatSettings};

use super::{Beginning, OpenWindow, open};
use crate::events::{Event, Reporter};
use crate::loader::LoaderError;
use crate::record::{CrownedModel, ReignRecord, Reply, Rollout};
use crate::registry::{Entry, Hotkey, RegistryState, Role, Uid};
use crate::rollout::{Executor, ExecutorError};
use crate::settings::{Deciding, Settings};
use crate::store::Store;
use crate::units::Unit;

/// A commit hash; folder hubs ask for nothing more.
pub(crate) const COMMIT: &str = "0123456789abcdef0123456789abcdef01234567";

/// Keeps the events that it is told.
#[derive(Debug, Default)]
pub(crate) struct Recorder(Mutex<Vec<Event>>);

impl Recorder {
    /// The events so far.
    pub(crate) fn events(&self) -> Vec<Event> {
        self.0.lock().unwrap().clone()
    }
}

impl Reporter for Recorder {
    fn report(&self, event: Event) {
        self.0.lock().unwrap().push(event);
    }
}

/// A registry whose entry number `n` is `5Hot<n>` with the model `o/m<n>`, committed at block `n`; the seed block is 100.
pub(crate) fn registry(entries: usize) -> RegistryState {
    let entry = |place: usize| Entry {
        hotkey: Hotkey(format!("5Hot{place}")),
        uid: Some(Uid(place as u16 + 1)),
        model: format!("o/m{place}@{COMMIT}").parse().unwrap(),
        committed: place as u64,
        position: 0,
        role: Role::Committed,
    };
    RegistryState {
        netuid: 1,
        seed_block: 100,
        seed_hash: [7; 32],
        snapshot: None,
        owners: Default::default(),
        champion: None,
        former: Vec::new(),
        tested: 0,
        entries: (0..entries).map(entry).collect(),
    }
}

/// Settings of a duel with this budget and rounds of so many tasks.
pub(crate) fn settings(budget: usize, round: u32) -> Settings {
    let duel = DuelSettings { references: 0, budget, minimum_tasks: 4.min(budget), ..DuelSettings::default() };
    Settings {
        deciding: Deciding { round, duel, heat: HeatSettings::none(), ..Deciding::default() },
        ..Settings::default()
    }
}

/// A window of so many environments over a registry.
pub(crate) async fn opened<'a>(
    registry: RegistryState,
    settings: &Settings,
    environments: usize,
    store: &'a Store,
    reporter: &'a Recorder,
) -> OpenWindow<'a> {
    opened_from(None, registry, settings, environments, store, reporter).await
}

/// A window of so many environments over a registry that begins from this record, if there is one.
pub(crate) async fn opened_from<'a>(
    record: Option<ReignRecord>,
    registry: RegistryState,
    settings: &Settings,
    environments: usize,
    store: &'a Store,
    reporter: &'a Recorder,
) -> OpenWindow<'a> {
    let given = record.map(|record| Beginning { record, previous: None, overridden: None });
    let ids = ["sat", "abduction", "deduction"][..environments].iter();
    let ids = ids.map(|name| EnvironmentId::built_in(name, "1.0.0", 0)).collect();
    open(registry, given, settings, (ids, "c0de".to_owned(), None), store, reporter).await.unwrap()
}

/// The record of a window after ten reigns: `5Hot0` reigns, and the first of the ten had the model `o/guard`, committed at
/// block 50; all former champions have left.
pub(crate) fn after_ten_reigns() -> ReignRecord {
    let crowned = |hotkey: &str, model: &str, committed: u64| CrownedModel {
        hotkey: Hotkey(hotkey.to_owned()),
        model: format!("o/{model}@{COMMIT}"),
        snapshot: None,
        committed,
        position: 0,
    };
    let former = (0..9).map(|place| crowned(&format!("5Former{place}"), &format!("former{place}"), 60 - place));
    ReignRecord {
        champion: Some(crowned("5Hot0", "m0", 0)),
        former: former.chain([crowned("5Guard", "guard", 50)]).collect(),
        ..ReignRecord::default()
    }
}

/// A rollout with this score.
pub(crate) fn rollout(entry: usize, Unit { task, environment }: Unit, score: f64) -> Rollout {
    Rollout {
        entry,
        environment,
        task,
        seed: u64::from(task),
        replies: Vec::new(),
        score,
        reason: "as the script says".to_owned(),
        fault: None,
        reproducible: true,
        attempts: 1,
        seconds: 0.0,
    }
}

/// An executor whose scores are a function of entry and unit, and which breaks down after so many rollouts.
pub(crate) struct Scripted<F> {
    score: F,
    tokens: fn(usize) -> u64,
    in_flight: usize,
    left: Mutex<usize>,
    asked: Mutex<Vec<(usize, Unit)>>,
    released: Mutex<Vec<usize>>,
}

impl<F: Fn(usize, Unit) -> f64> Scripted<F> {
    pub(crate) fn new(in_flight: usize, lasts: usize, score: F) -> Self {
        Self {
            score,
            tokens: |_| 0,
            in_flight,
            left: Mutex::new(lasts),
            asked: Mutex::default(),
            released: Mutex::default(),
        }
    }

    /// The same with replies that take so many tokens of work.
    pub(crate) fn working(self, tokens: fn(usize) -> u64) -> Self {
        Self { tokens, ..self }
    }

    /// The units that were finished, in the order in which they ended.
    pub(crate) fn made(&self) -> Vec<(usize, Unit)> {
        self.asked.lock().unwrap().clone()
    }

    pub(crate) fn released(&self) -> Vec<usize> {
        self.released.lock().unwrap().clone()
    }
}

impl<F: Fn(usize, Unit) -> f64 + Send + Sync> Executor for Scripted<F> {
    fn in_flight(&self) -> usize {
        self.in_flight
    }

    fn rollout(&self, entry: usize, unit: Unit) -> BoxFuture<'_, Result<Rollout, ExecutorError>> {
        async move {
            // Rollouts end in another order than they were asked for.
            for _ in 0..(unit.task * 7 + unit.environment as u32 * 3) % 5 {
                tokio::task::yield_now().await;
            }
            {
                let mut left = self.left.lock().unwrap();
                if *left == 0 {
                    // As where the disk is full, which ends the window whatever the entry.
                    let full = std::io::Error::from(std::io::ErrorKind::StorageFull);
                    let source = HubError::Write { path: "disk".into(), source: full };
                    return Err(LoaderError::Fetch { model: format!("o/m{entry}"), source }.into());
                }
                *left -= 1;
            }
            self.asked.lock().unwrap().push((entry, unit));
            let mut made = rollout(entry, unit, (self.score)(entry, unit));
            let tokens = (self.tokens)(entry);
            if tokens > 0 {
                made.replies.push(Reply {
                    prompt_tokens: 0,
                    text: None,
                    tokens: Vec::new(),
                    logprob_bits: Vec::new(),
                    finish: "length".to_owned(),
                    work: Work { tokens, ..Work::default() },
                });
            }
            Ok(made)
        }
        .boxed()
    }

    fn release(&self, entry: usize) -> BoxFuture<'_, ()> {
        async move { self.released.lock().unwrap().push(entry) }.boxed()
    }
}

/// True of an entry that has made so many rollouts and cannot be run any more.
pub(crate) type Breaks = fn(usize, usize) -> bool;

/// An executor that cannot run some entries after so many rollouts of each.
pub(crate) struct Fragile<F> {
    inner: Scripted<F>,
    breaks: Breaks,
}

impl<F: Fn(usize, Unit) -> f64> Fragile<F> {
    /// One that `breaks` for an entry with so many rollouts.
    pub(crate) fn new(inner: Scripted<F>, breaks: Breaks) -> Self {
        Self { inner, breaks }
    }
}

impl<F: Fn(usize, Unit) -> f64 + Send + Sync> Executor for Fragile<F> {
    fn in_flight(&self) -> usize {
        1
    }

    fn rollout(&self, entry: usize, unit: Unit) -> BoxFuture<'_, Result<Rollout, ExecutorError>> {
        let made = self.inner.made().iter().filter(|(made, _)| *made == entry).count();
        if (self.breaks)(entry, made) {
            let (model, reason) = (format!("o/m{entry}"), "its process was killed".to_owned());
            return async { Err(ExecutorError::Changed { model, reason }) }.boxed();
        }
        self.inner.rollout(entry, unit)
    }

    fn release(&self, entry: usize) -> BoxFuture<'_, ()> {
        self.inner.release(entry)
    }
}

/// Lays out a tiny random model of a family in a folder.
pub(crate) fn lay_out(folder: &Path, family: &str) {
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/fixtures");
    fs::create_dir_all(folder).unwrap();
    for (from, name) in [
        (format!("golden/{family}"), "config.json"),
        (format!("golden/{family}"), "model.safetensors"),
        ("tokenizer".to_owned(), "tokenizer.json"),
        ("tokenizer".to_owned(), "tokenizer_config.json"),
    ] {
        fs::copy(fixtures.join(from).join(name), folder.join(name)).unwrap();
    }
}

/// The folder of entry number `place`'s model in a folder hub.
pub(crate) fn model_folder(hub: &Path, place: usize) -> std::path::PathBuf {
    hub.join("o").join(format!("m{place}")).join(COMMIT).join("files")
}
