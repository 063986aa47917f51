//! Admission of tiny models from a folder hub, with a real database.

use std::sync::Arc;

use models::hub::{HubKind, HubSettings};
use tempfile::TempDir;

use super::*;
use crate::record::Standing;
use crate::registry::{RegistryState, Role};
use crate::settings::Settings;
use crate::store::Store;
use crate::units::Unit;
use crate::window::decide;
use crate::window::fixtures::{
    Breaks, COMMIT, Fragile, Recorder, Scripted, after_ten_reigns, lay_out, model_folder, opened, opened_from,
    registry, settings,
};

/// A hub with a llama, a copy of it, another family, and a model whose configuration is broken; entry 4 has no files.
struct Subnet {
    folder: TempDir,
    settings: Settings,
}

impl Subnet {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        for (place, family) in ["llama", "llama", "qwen2", "qwen3"].into_iter().enumerate() {
            lay_out(&model_folder(folder.path(), place), family);
        }
        std::fs::write(model_folder(folder.path(), 3).join("config.json"), "{}").unwrap();
        let mut settings = settings(12, 4);
        settings.hub = HubSettings { kind: HubKind::Folder, folder: Some(folder.path().to_owned()) };
        Self { folder, settings }
    }

    /// Five entries; the last was committed at the seed block.
    fn registry() -> RegistryState {
        let mut registry = registry(6);
        registry.entries[5].committed = registry.seed_block;
        registry
    }

    fn loader(&self) -> ModelLoader {
        ModelLoader::new(&self.settings, &self.folder.path().join("cache"), Arc::new(Recorder::default())).unwrap()
    }

    async fn store(&self) -> Store {
        Store::open(&self.folder.path().join("dethrone.sqlite")).await.unwrap()
    }
}

fn words(admissions: &[Admission]) -> Vec<&'static str> {
    admissions.iter().map(|admission| admission.outcome.word()).collect()
}

const EXPECTED: [&str; 6] = ["admitted", "admitted", "admitted", "refused", "refused", "late"];

#[tokio::test]
async fn entries_are_admitted_refused_or_late_and_recorded_at_once() {
    let subnet = Subnet::new();
    let (store, reporter) = (subnet.store().await, Recorder::default());
    let window = opened(Subnet::registry(), &subnet.settings, 1, &store, &reporter).await;
    let admissions = admit(&window, &subnet.loader()).await.unwrap();
    assert_eq!(words(&admissions), EXPECTED);
    assert_eq!(admissions.iter().map(|admission| admission.files.len()).collect::<Vec<_>>(), [4, 4, 4, 4, 0, 0]);
    let recorded: Vec<Admission> = store.admissions(window.run).await.unwrap().into_values().collect();
    assert_eq!(recorded, admissions);
    let told: Vec<String> = reporter
        .events()
        .into_iter()
        .filter_map(|event| if let Event::Standing { standing, .. } = event { Some(standing) } else { None })
        .collect();
    assert_eq!(told.iter().filter(|standing| *standing == "admitted").count(), 3);
    assert!(told.iter().any(|standing| standing.starts_with("refused: ")), "{told:?}");
    // What was found stands, even if the files are others by now: nothing is looked at again.
    std::fs::remove_dir_all(subnet.folder.path().join("o")).unwrap();
    assert_eq!(admit(&window, &subnet.loader()).await.unwrap(), admissions);
}

#[tokio::test]
async fn a_machine_in_trouble_records_nothing_about_an_entry() {
    let subnet = Subnet::new();
    let (store, reporter) = (subnet.store().await, Recorder::default());
    let mut state = registry(1);
    state.entries[0].model = ModelSource::Folder(subnet.folder.path().join("nowhere"));
    let window = opened(state, &subnet.settings, 1, &store, &reporter).await;
    assert!(matches!(admit(&window, &subnet.loader()).await, Err(WindowError::Loader(_))));
    assert!(store.admissions(window.run).await.unwrap().is_empty());
}

#[tokio::test]
async fn a_model_of_a_server_has_no_files_to_check() {
    let subnet = Subnet::new();
    let (store, reporter) = (subnet.store().await, Recorder::default());
    let mut state = registry(1);
    state.entries[0].model = "openai:m@http://127.0.0.1:9/v1".parse().unwrap();
    let window = opened(state, &subnet.settings, 1, &store, &reporter).await;
    let admissions = admit(&window, &subnet.loader()).await.unwrap();
    assert_eq!((words(&admissions), admissions[0].files.len()), (vec!["admitted"], 0));
}

#[tokio::test]
async fn all_steps_together_give_every_entry_its_standing() {
    let subnet = Subnet::new();
    let (store, reporter) = (subnet.store().await, Recorder::default());
    let script = |entry: usize, _| if entry == 2 { 1.0 } else { 0.0 };
    let settings = Settings {
        deciding: crate::settings::Deciding {
            duel: pareto::DuelSettings { budget: 200, ..subnet.settings.deciding.duel.clone() },
            ..subnet.settings.deciding.clone()
        },
        ..subnet.settings.clone()
    };
    let window = opened(Subnet::registry(), &settings, 2, &store, &reporter).await;
    let run = window.run;
    let executor = Scripted::new(4, usize::MAX, script);
    let decided = decide(window, &subnet.loader(), Some(&executor)).await.unwrap();
    let conclusion = decided.conclusion;
    let standings: Vec<Standing> = (0..6).map(|entry| conclusion.standing(entry)).collect();
    use Standing::{Champion, Deposed, Late, Refused, Screened};
    assert_eq!(standings, [Deposed, Screened("copy"), Champion, Refused, Refused, Late]);
    assert!(conclusion.verdict_of(1).contains("5Hot0 (committed at block 0)"), "{}", conclusion.verdict_of(1));
    // The next window begins where this one ended, with the model that was crowned.
    let outcome = crate::store::Outcome { record: conclusion.record.clone(), log: Some("hash".to_owned()) };
    store.finish_run(decided.run, &conclusion.entries[2].entry.hotkey, &outcome).await.unwrap();
    assert_eq!(store.outcome_before(1, 101).await.unwrap(), Some(outcome));
    let later = RegistryState { seed_block: 200, ..Subnet::registry() };
    let next = opened(later, &settings, 2, &store, &reporter).await;
    assert!(next.run != run);
    assert_eq!((&next.terms.record, next.terms.previous.as_deref()), (&conclusion.record, Some("hash")));
    let champion = next.terms.record.champion.as_ref().unwrap();
    assert_eq!((champion.hotkey.0.as_str(), champion.snapshot.is_some()), ("5Hot2", true));
    assert_eq!((next.terms.record.bouts, next.terms.record.former[0].hotkey.0.as_str()), (0, "5Hot0"));
    assert!(!format!("{:?}", reporter.events()).contains("resumed: true"));
    // The same window again asks for nothing and gives the same conclusion.
    let again = opened(Subnet::registry(), &settings, 2, &store, &reporter).await;
    let idle = Scripted::new(4, 0, script);
    assert_eq!(decide(again, &subnet.loader(), Some(&idle)).await.unwrap().conclusion, conclusion);
    assert!(idle.made().is_empty());
}

/// Decides a window of three miners after ten reigns, in processes that each make so many rollouts; its conclusion.
async fn guarded(subnet: &Subnet, lasts: &[usize]) -> crate::record::Conclusion {
    let (store, reporter) = (subnet.store().await, Recorder::default());
    let settings = Settings {
        deciding: crate::settings::Deciding { round: 4, ..subnet.settings.deciding.clone() },
        ..subnet.settings.clone()
    };
    for lasts in lasts.iter().copied().chain([usize::MAX]) {
        let record = Some(after_ten_reigns());
        let window = opened_from(record, registry(3), &settings, 1, &store, &reporter).await;
        // The guard is right always, entry 2 as the champion.
        let executor = Scripted::new(4, lasts, |entry: usize, _| if entry == 3 { 1.0 } else { 0.5 });
        match decide(window, &subnet.loader(), Some(&executor)).await {
            Ok(decided) => return decided.conclusion,
            Err(error) => assert!(lasts < usize::MAX, "{error}"),
        }
    }
    unreachable!("the last process makes all rollouts")
}

#[tokio::test]
async fn the_champion_of_ten_reigns_ago_is_fetched_though_its_miner_has_left() {
    let at = |subnet: &Subnet, name: &str| subnet.folder.path().join("o").join(name).join(COMMIT).join("files");
    let subnet = Subnet::new();
    lay_out(&at(&subnet, "guard"), "mistral");
    let conclusion = guarded(&subnet, &[]).await;
    let standings: Vec<Standing> = (0..5).map(|entry| conclusion.standing(entry)).collect();
    use Standing::{Champion, Guard, Lost, Reserve, Screened, Undecided};
    assert!(matches!(standings[2], Lost | Undecided), "{standings:?}");
    assert_eq!([standings[0], standings[1], standings[3], standings[4]], [Champion, Screened("copy"), Guard, Reserve]);
    assert_eq!((conclusion.duels.len(), conclusion.duels[0].guard), (1, Some(3)));
    assert!(!conclusion.entries[3].rollouts.is_empty() && conclusion.entries[3].weight == 0.0);
    assert!(conclusion.verdict_of(3).starts_with("champion of ten reigns ago"));
    // A resumed window finds it admitted, and compares and decides as one that was left alone.
    for lasts in [0, 1, 5] {
        let subnet = Subnet::new();
        lay_out(&at(&subnet, "guard"), "mistral");
        assert_eq!(guarded(&subnet, &[lasts]).await, conclusion, "killed after {lasts}");
    }
    // Its files are gone: the reason is on record.
    let subnet = Subnet::new();
    let conclusion = guarded(&subnet, &[3]).await;
    assert_eq!((conclusion.standing(3), conclusion.duels[0].guard), (Standing::Refused, None));
    assert!(conclusion.verdict_of(3).starts_with("refused: "), "{}", conclusion.verdict_of(3));
}

/// Decides a window of three miners whose champion is entry 0 with this executor; its conclusion, and the entries that the
/// database calls absent.
async fn decided_by(
    subnet: &Subnet,
    executor: &dyn crate::rollout::Executor,
) -> (Result<crate::record::Conclusion, WindowError>, Vec<usize>) {
    let (store, reporter) = (subnet.store().await, Recorder::default());
    let mut state = registry(4);
    state.champion = Some(state.entries[0].hotkey.clone());
    // A model of its own in place of the copy.
    lay_out(&model_folder(subnet.folder.path(), 1), "mistral");
    let settings = Settings { deciding: settings(200, 16).deciding, ..subnet.settings.clone() };
    let window = opened(state, &settings, 1, &store, &reporter).await;
    let run = window.run;
    let decided = decide(window, &subnet.loader(), Some(executor)).await.map(|decided| decided.conclusion);
    let admissions = store.admissions(run).await.unwrap();
    let absent = |admission: &Admission| matches!(admission.outcome.word(), "absent" | "left");
    (decided, admissions.iter().filter(|(_, admission)| absent(admission)).map(|(entry, _)| *entry).collect())
}

#[tokio::test]
async fn a_champion_that_cannot_be_run_to_the_end_is_absent_and_the_others_are_decided() {
    let second_wins = |entry: usize, _: Unit| if entry == 2 { 1.0 } else { 0.0 };
    let scripted = || Scripted::new(1, usize::MAX, second_wins);
    // Before anybody has answered, early, and after a challenger has answered more than the bout between the others asks for.
    let breaks: [Breaks; 3] =
        [|entry, _| entry == 0, |entry, made| entry == 0 && made >= 5, |entry, made| entry == 0 && made >= 120];
    for breaks in breaks {
        let executor = Fragile::new(scripted(), breaks);
        let (conclusion, absent) = decided_by(&Subnet::new(), &executor).await;
        let conclusion = conclusion.unwrap();
        assert_eq!((conclusion.standing(0), absent), (Standing::Absent, vec![0]));
        assert!(conclusion.verdict_of(0).contains("its process was killed"), "{}", conclusion.verdict_of(0));
        // What it has answered decides nothing, and the bout is held between those that are left.
        assert!(conclusion.entries[0].rollouts.is_empty() && conclusion.entries[0].weight == 0.0);
        assert_eq!(conclusion.champion, Some(2));
        assert_eq!(conclusion.duel_of(2).unwrap().decision.verdict, pareto::Verdict::Dethroned);
        holds(&conclusion).await;
    }
}

/// Checks that a window's evidence passes an audit.
async fn holds(conclusion: &crate::record::Conclusion) {
    let folder = tempfile::tempdir().unwrap();
    let (key, _) = crate::evidence::ValidatorKey::read_or_make(&folder.path().join("key")).unwrap();
    // The script does not know the seeds of tasks.
    let (mut conclusion, seed) = (conclusion.clone(), conclusion.terms.seed().unwrap());
    for rollout in conclusion.entries.iter_mut().flat_map(|entry| &mut entry.rollouts) {
        rollout.seed = seed.task(&conclusion.terms.environments[rollout.environment], rollout.task).0;
    }
    let (log, _) = crate::job::evidence(&conclusion, &key);
    crate::evidence::audit(log.as_bytes()).await.unwrap();
}

#[tokio::test]
async fn a_reserve_is_called_upon_for_a_champion_that_leaves_while_it_plays() {
    let subnet = Subnet::new();
    let (store, reporter) = (subnet.store().await, Recorder::default());
    let settings = Settings { deciding: settings(200, 16).deciding, ..subnet.settings.clone() };
    let executor = Fragile::new(
        Scripted::new(1, usize::MAX, |entry: usize, _: Unit| if entry == 2 { 1.0 } else { 0.0 }),
        |entry, made| entry == 0 && made >= 3,
    );
    let mut runs = Vec::new();
    // The second process finds what the first has recorded.
    for _ in 0..2 {
        let window = opened_from(Some(after_ten_reigns()), registry(3), &settings, 1, &store, &reporter).await;
        let conclusion = decide(window, &subnet.loader(), Some(&executor)).await.unwrap().conclusion;
        assert_eq!(conclusion.standing(0), Standing::Absent);
        // The reserve's files are gone, too, and the crown is vacant until somebody wins it.
        let reserve = conclusion.entries.iter().find(|concluded| concluded.entry.role == Role::Former).unwrap();
        assert_eq!(reserve.admission.outcome.word(), "refused");
        holds(&conclusion).await;
        runs.push(conclusion);
    }
    assert_eq!(runs[0], runs[1]);
}

#[tokio::test]
async fn where_no_entry_can_be_run_this_machine_is_at_fault_and_nothing_is_recorded() {
    let executor = Fragile::new(Scripted::new(1, usize::MAX, |_, _: Unit| 0.5), |_, _| true);
    let (conclusion, absent) = decided_by(&Subnet::new(), &executor).await;
    assert!(matches!(conclusion, Err(WindowError::NeededEntry(_))), "{conclusion:?}");
    assert_eq!(absent, [0; 0]);
    // Where the champion can be, its challengers are at fault.
    let executor = Fragile::new(Scripted::new(1, usize::MAX, |_, _: Unit| 0.5), |entry, _| entry > 0);
    let (conclusion, absent) = decided_by(&Subnet::new(), &executor).await;
    assert_eq!((conclusion.unwrap().champion, absent), (Some(0), vec![1, 2]));
}

#[tokio::test]
async fn a_guard_that_cannot_be_run_to_the_end_is_absent_and_bouts_are_held_without_it() {
    let subnet = Subnet::new();
    lay_out(&subnet.folder.path().join("o").join("guard").join(COMMIT).join("files"), "mistral");
    let (store, reporter) = (subnet.store().await, Recorder::default());
    let window = opened_from(Some(after_ten_reigns()), registry(3), &subnet.settings, 1, &store, &reporter).await;
    let executor = Fragile::new(Scripted::new(1, usize::MAX, |_, _: Unit| 0.5), |entry, made| entry == 3 && made >= 2);
    let conclusion = decide(window, &subnet.loader(), Some(&executor)).await.unwrap().conclusion;
    assert_eq!((conclusion.standing(3), conclusion.duels[0].guard), (Standing::Absent, None));
    assert!(conclusion.entries[3].rollouts.is_empty() && conclusion.champion == Some(0));
}

/// An entry that cannot be had is absent and the others are decided; where none can be had, nothing is recorded.
#[tokio::test]
async fn an_entry_that_cannot_be_had_stops_nobody_else() {
    let subnet = Subnet::new();
    let (store, reporter) = (subnet.store().await, Recorder::default());
    let mut state = registry(3);
    state.entries[1].model = ModelSource::Folder(subnet.folder.path().join("nowhere"));
    let window = opened(state, &subnet.settings, 1, &store, &reporter).await;
    let script = |entry: usize, _| if entry == 2 { 1.0 } else { 0.0 };
    let executor = Scripted::new(4, usize::MAX, script);
    let run = window.run;
    let conclusion = decide(window, &subnet.loader(), Some(&executor)).await.unwrap().conclusion;
    assert_eq!(conclusion.standing(1), Standing::Absent);
    let verdict = conclusion.verdict_of(1);
    assert!(verdict.starts_with("absent from this window: cannot fetch") && verdict.contains("nowhere"), "{verdict}");
    assert!(conclusion.champion.is_some() && conclusion.duel_of(2).is_some());
    assert_eq!(store.admissions(run).await.unwrap()[&1].outcome, conclusion.entries[1].admission.outcome);
    let told = format!("{:?}", reporter.events());
    assert!(told.contains("absent from this window: cannot fetch"), "{told}");
}
