//! Duels with a scripted executor and a real database.

use std::collections::BTreeMap;

use pareto::Verdict;
use tempfile::TempDir;

use super::*;
use crate::record::{Admission, FileRecord, Standing};
use crate::settings::Settings;
use crate::store::Store;
use crate::units::Unit;
use crate::window::conclude::conclude;
use crate::window::fixtures::{
    Breaks, Fragile, Recorder, Scripted, after_ten_reigns, opened, opened_from, registry, settings,
};

const ENVIRONMENTS: usize = 3;

type Script = fn(usize, Unit) -> f64;

/// Every entry answers alike and badly.
fn alike(_: usize, unit: Unit) -> f64 {
    f64::from(u8::from((unit.task + unit.environment as u32).is_multiple_of(3)))
}

/// Entry 2 is right everywhere, the others nowhere.
fn second_wins(entry: usize, _: Unit) -> f64 {
    if entry == 2 { 1.0 } else { 0.0 }
}

/// The challenger is right in environment 0 and as bad as the champion elsewhere.
fn better_in_one(entry: usize, unit: Unit) -> f64 {
    if entry == 1 && unit.environment == 0 { 1.0 } else { alike(entry, unit) }
}

/// Scores that differ from task to task.
fn mixed(entry: usize, unit: Unit) -> f64 {
    f64::from((unit.task * 13 + unit.environment as u32 * 5 + entry as u32 * 3) % 7 / 2) / 3.0
}

/// Admissions of so many entries, each with a file of its own.
fn admitted(entries: usize) -> Vec<Admission> {
    let files = |entry: usize| vec![FileRecord { name: "m".to_owned(), size: 1, sha256: entry.to_string() }];
    (0..entries).map(|entry| Admission { outcome: AdmissionOutcome::Admitted, files: files(entry) }).collect()
}

/// A database, which processes open one after the other.
struct Disk(TempDir);

impl Disk {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    /// Runs one process; what came of its duels, the rows it read, and the events.
    async fn run(
        &self,
        entries: usize,
        settings: &Settings,
        executor: &dyn Executor,
    ) -> (Result<Played, WindowError>, u64, Vec<Event>) {
        let store = Store::open(&self.0.path().join("dethrone.sqlite")).await.unwrap();
        let reporter = Recorder::default();
        let window = opened(registry(entries), settings, ENVIRONMENTS, &store, &reporter).await;
        let admissions = admitted(entries);
        let field = Field { terms: &window.terms, admissions: &admissions, findings: &BTreeMap::new() };
        let held = hold_duels(&window, &field, Some(executor)).await;
        // As a finished window does: every rollout is read once for the conclusion.
        if held.is_ok() {
            for entry in 0..entries {
                store.rollouts(window.run, entry).await.unwrap();
            }
        }
        let read = store.rollouts_read();
        store.close().await;
        (held, read, reporter.events())
    }
}

async fn undisturbed(
    entries: usize,
    settings: &Settings,
    script: Script,
) -> (Vec<DuelRecord>, Vec<(usize, Unit)>, u64) {
    let executor = Scripted::new(8, usize::MAX, script);
    let (held, read, _) = Disk::new().run(entries, settings, &executor).await;
    let mut made = executor.made();
    made.sort();
    (held.unwrap().duels, made, read)
}

#[tokio::test]
async fn a_duel_reads_at_most_twice_the_rows_that_were_written() {
    for (script, budget) in [(alike as Script, 400), (mixed, 60), (second_wins, 200)] {
        let settings = settings(budget, 16);
        let (_, made, read) = undisturbed(3, &settings, script).await;
        assert!(read <= 2 * made.len() as u64, "{read} rows read for {} written", made.len());
        // One that was killed half-way reads what was there before it goes on.
        let disk = Disk::new();
        let killed = disk.run(3, &settings, &Scripted::new(8, made.len() / 2, script)).await;
        let resumed = disk.run(3, &settings, &Scripted::new(8, usize::MAX, script)).await;
        assert!(killed.0.is_err() && resumed.0.is_ok());
        assert!(killed.1 + resumed.1 <= 2 * made.len() as u64, "{} and {} rows read", killed.1, resumed.1);
        // So does one that has nothing left to do.
        let again = disk.run(3, &settings, &Scripted::new(8, 0, script)).await;
        assert!(again.0.is_ok() && again.1 <= 2 * made.len() as u64);
    }
}

#[tokio::test]
async fn a_resumed_duel_asks_for_what_an_uninterrupted_one_asks_for() {
    for script in [alike as Script, better_in_one, mixed] {
        let settings = settings(40, 4);
        let (duels, made, _) = undisturbed(2, &settings, script).await;
        for lasts in [0, 1, 7, made.len() / 2, made.len() / 2 + 1, made.len() - 9, made.len() - 1] {
            let disk = Disk::new();
            let first = Scripted::new(16, lasts, script);
            assert!(disk.run(2, &settings, &first).await.0.is_err());
            let second = Scripted::new(5, usize::MAX, script);
            let resumed = disk.run(2, &settings, &second).await.0.unwrap().duels;
            // The executor's last rollouts may have ended when the process did, without having been stored.
            let mut all = [first.made(), second.made()].concat();
            all.sort();
            all.dedup();
            assert_eq!(all, made, "after {lasts}");
            assert_eq!(resumed, duels, "after {lasts}");
        }
    }
}

#[tokio::test]
async fn nothing_is_asked_for_twice() {
    let (_, made, _) = undisturbed(3, &settings(24, 5), mixed).await;
    let mut once = made.clone();
    once.dedup();
    assert_eq!(made, once);
}

#[tokio::test]
async fn the_number_of_rollouts_in_flight_changes_nothing() {
    let settings = settings(60, 16);
    let (expected, made, _) = undisturbed(3, &settings, mixed).await;
    for in_flight in [1, 3, 1_000] {
        let executor = Scripted::new(in_flight, usize::MAX, mixed);
        let (held, ..) = Disk::new().run(3, &settings, &executor).await;
        assert_eq!(held.unwrap().duels, expected, "{in_flight}");
        let mut again = executor.made();
        again.sort();
        assert_eq!(again, made, "{in_flight}");
    }
}

#[tokio::test]
async fn duels_end_with_the_one_that_dethrones_and_the_rest_wait() {
    let executor = Scripted::new(8, usize::MAX, second_wins);
    let (held, _, events) = Disk::new().run(4, &settings(200, 16), &executor).await;
    let Played { duels, held, .. } = held.unwrap();
    let succession = held.map(|held| held.succession);
    let seen: Vec<_> =
        duels.iter().map(|duel| (duel.champion, duel.challenger, duel.number, duel.decision.verdict)).collect();
    let ended = duels[0].decision.verdict;
    assert!(ended != Verdict::Dethroned);
    assert_eq!(seen, [(0, 1, 1, ended), (0, 2, 2, Verdict::Dethroned)]);
    let succession = succession.unwrap();
    assert_eq!((succession.champion(), succession.dethroned()), (2, Some(0)));
    assert!(executor.made().iter().all(|(entry, _)| *entry != 3), "an entry that waits answers nothing");
    assert_eq!(executor.released(), [1, 2, 0]);
    let told = |wanted: fn(&Event) -> bool| events.iter().filter(|event| wanted(event)).count();
    assert_eq!(told(|event| matches!(event, Event::Playing { done: 0, total: 600, .. })), 3);
    assert_eq!(told(|event| matches!(event, Event::Played { .. })), 3);
    assert_eq!(told(|event| matches!(event, Event::RolloutEnded { .. })), executor.made().len());
    let sentence = format!("5Hot2 (o/m2@{}): 5Hot2 dethrones 5Hot0", crate::window::fixtures::COMMIT);
    assert!(
        events.iter().any(|event| matches!(event, Event::Decided { sentence: told } if told.starts_with(&sentence)))
    );
}

#[tokio::test]
async fn an_environment_that_has_settled_gets_no_further_tasks() {
    let (duels, made, _) = undisturbed(2, &settings(200, 8), better_in_one).await;
    let asked =
        |environment: usize| made.iter().filter(|(entry, unit)| *entry == 1 && unit.environment == environment).count();
    let settled = duels[0].decision.environments[0].settled_after.expect("a model that is always right settles");
    assert!(settled <= asked(0) && asked(0) < settled + 8, "{settled} of {}", asked(0));
    assert!(asked(1) > asked(0) && asked(2) > asked(0), "{}, {}, {}", asked(0), asked(1), asked(2));
}

#[tokio::test]
async fn an_entry_without_opponents_answers_nothing() {
    let (duels, made, _) = undisturbed(1, &settings(10, 4), alike).await;
    assert_eq!((duels.len(), made.len()), (0, 0));
}

#[tokio::test]
async fn a_champion_answers_as_far_as_its_duels_ask() {
    for (script, budget) in [(second_wins as Script, 1_000), (alike, 1_000), (mixed, 200)] {
        let (duels, made, _) = undisturbed(3, &settings(budget, 16), script).await;
        let asked = |entry: usize| made.iter().filter(|(asked, _)| *asked == entry).count();
        let most = duels.iter().map(|duel| asked(duel.challenger)).max().unwrap();
        assert!(asked(0) >= most && asked(0) <= 2 * most + 16 * ENVIRONMENTS, "{} for {most}", asked(0));
    }
    assert_eq!([1, 16, 17, 32, 33, 100].map(|end| answered_ahead(end, 16)), [16, 16, 32, 32, 64, 128]);
}

#[tokio::test]
async fn a_window_that_came_to_no_end_is_closed_with_what_is_stored() {
    let settings = settings(40, 4);
    let (duels, made, _) = undisturbed(3, &settings, alike).await;
    for lasts in [0, 1, 7, made.len() / 2, made.len() - 1] {
        let disk = Disk::new();
        assert!(disk.run(3, &settings, &Scripted::new(16, lasts, alike)).await.0.is_err());
        let store = Store::open(&disk.0.path().join("dethrone.sqlite")).await.unwrap();
        let reporter = Recorder::default();
        let unfinished = store.unfinished_runs(1, 1_000).await.unwrap();
        assert_eq!(unfinished.len(), 1);
        let window = crate::window::reopen(unfinished[0].clone(), &store, &reporter).unwrap();
        let admissions = admitted(3);
        let field = Field { terms: &window.terms, admissions: &admissions, findings: &BTreeMap::new() };
        let Played { duels: closed, held, .. } = hold_duels(&window, &field, None).await.unwrap();
        let held = held.unwrap();
        let (last, ended) = closed.split_last().expect("its first bout had begun");
        assert_eq!(ended, &duels[..ended.len()]);
        assert_eq!((last.number, last.decision.verdict), (closed.len() as u64, Verdict::Undecided), "{last:?}");
        // Every number is spent.
        let after = field.record_after(&held.succession, &held.duels);
        assert_eq!((after.bouts, after.models.len()), (closed.len() as u64, closed.len()));
    }
}

#[tokio::test]
async fn a_window_in_which_no_entry_plays_asks_for_nothing() {
    let disk = Disk::new();
    let store = Store::open(&disk.0.path().join("dethrone.sqlite")).await.unwrap();
    let reporter = Recorder::default();
    let window = opened(registry(2), &settings(10, 4), ENVIRONMENTS, &store, &reporter).await;
    let executor = Scripted::new(8, 0, alike);
    let none = ["a", "b"].map(|no| Admission { outcome: AdmissionOutcome::Refused(no.to_owned()), files: Vec::new() });
    let field = Field { terms: &window.terms, admissions: &none, findings: &BTreeMap::new() };
    let Played { duels, held, .. } = hold_duels(&window, &field, Some(&executor)).await.unwrap();
    let succession = held.map(|held| held.succession);
    assert!(duels.is_empty() && succession.is_none() && executor.released().is_empty());
}

#[tokio::test]
async fn a_reigning_champion_meets_the_earlier_entries_too() {
    let disk = Disk::new();
    let store = Store::open(&disk.0.path().join("dethrone.sqlite")).await.unwrap();
    let reporter = Recorder::default();
    let champion = Some(crate::registry::Hotkey("5Hot1".to_owned()));
    let state = crate::registry::RegistryState { champion, tested: 5, ..registry(3) };
    let window = opened(state, &settings(12, 4), ENVIRONMENTS, &store, &reporter).await;
    let admissions = admitted(3);
    let field = Field { terms: &window.terms, admissions: &admissions, findings: &BTreeMap::new() };
    let executor = Scripted::new(8, usize::MAX, alike);
    let Played { duels, held, .. } = hold_duels(&window, &field, Some(&executor)).await.unwrap();
    let succession = held.map(|held| held.succession);
    let seen: Vec<_> = duels.iter().map(|duel| (duel.champion, duel.challenger, duel.number)).collect();
    assert_eq!(seen, [(1, 0, 6), (1, 2, 7)]);
    assert_eq!(succession.unwrap().reign().bouts(), 7);
}

#[tokio::test]
async fn a_conclusion_holds_the_records_of_the_steps_and_shares_that_sum_to_one() {
    let disk = Disk::new();
    let store = Store::open(&disk.0.path().join("dethrone.sqlite")).await.unwrap();
    let reporter = Recorder::default();
    let window = opened(registry(4), &settings(200, 16), ENVIRONMENTS, &store, &reporter).await;
    let mut admissions = admitted(4);
    admissions[1].outcome = AdmissionOutcome::Refused("no".to_owned());
    let field = Field { terms: &window.terms, admissions: &admissions, findings: &BTreeMap::new() };
    let held = hold_duels(&window, &field, Some(&Scripted::new(8, usize::MAX, second_wins))).await.unwrap();
    let mut rollouts = Vec::new();
    for entry in 0..4 {
        rollouts.push(store.rollouts(window.run, entry).await.unwrap());
    }
    let records = (admissions, rollouts);
    let nothing = crate::screening::Screening { findings: BTreeMap::new(), prints: Vec::new() };
    let conclusion = conclude(window.terms, window.entries, records, nothing, held, false).unwrap();
    let standings = [0, 1, 2, 3].map(|entry| conclusion.standing(entry));
    assert_eq!(standings, [Standing::Deposed, Standing::Refused, Standing::Champion, Standing::Waiting]);
    let weights: Vec<f64> = conclusion.entries.iter().map(|concluded| concluded.weight).collect();
    assert_eq!((weights, conclusion.burned), (vec![0.0, 0.0, 1.0, 0.0], 0.0));
    let former: Vec<&str> = conclusion.record.former.iter().map(|crowned| crowned.hotkey.0.as_str()).collect();
    assert_eq!((former.as_slice(), conclusion.record.bouts), (&["5Hot0"][..], 0));
    assert_eq!(conclusion.entries[0].mean(1).0, 0.0);
    assert!(conclusion.entries[1].rollouts.is_empty() && conclusion.entries[3].rollouts.is_empty());
}

/// Place of the guard among the entries of a window of two miners after ten reigns; the one after it stays in reserve.
const GUARD: usize = 2;

/// The champion is right nowhere; the challenger on all tasks, but on half of them in environment 1, where the guard is right.
fn below_the_guard(entry: usize, unit: Unit) -> f64 {
    match (entry, unit.environment) {
        (1, 1) => f64::from(u8::from(unit.task.is_multiple_of(2))),
        (1, _) | (GUARD, 1) => 1.0,
        _ => 0.0,
    }
}

/// Holds the duels of a window of two miners, where the guard has this outcome.
async fn guarded(
    disk: &Disk,
    settings: &Settings,
    guard: AdmissionOutcome,
    executor: &dyn Executor,
) -> Result<Played, WindowError> {
    let store = Store::open(&disk.0.path().join("dethrone.sqlite")).await.unwrap();
    let reporter = Recorder::default();
    let record = Some(after_ten_reigns());
    let window = opened_from(record, registry(2), settings, ENVIRONMENTS, &store, &reporter).await;
    let roles = window.entries.iter().map(|entry| entry.hotkey.0.as_str()).collect::<Vec<_>>();
    assert_eq!(roles, ["5Hot0", "5Hot1", "5Guard", "5Former8"]);
    let mut admissions = admitted(window.entries.len());
    admissions[GUARD].outcome = guard;
    admissions[3].outcome = AdmissionOutcome::Reserve;
    let field = Field { terms: &window.terms, admissions: &admissions, findings: &BTreeMap::new() };
    let held = hold_duels(&window, &field, Some(executor)).await;
    store.close().await;
    held
}

/// A heat, reference tasks, and a guard.
fn whole_rule() -> Settings {
    let mut settings = settings(200, 8);
    settings.deciding.duel.references = 2;
    settings.deciding.heat = pareto::HeatSettings { tasks: 24, ..pareto::HeatSettings::default() };
    settings
}

#[tokio::test]
async fn a_winner_may_not_fall_below_the_champion_of_ten_reigns_ago() {
    let executor = Scripted::new(8, usize::MAX, below_the_guard);
    let held = guarded(&Disk::new(), &whole_rule(), AdmissionOutcome::Admitted, &executor).await.unwrap();
    let [duel] = &held.duels[..] else { panic!("one bout is held: {:?}", held.duels) };
    assert_eq!((duel.guard, duel.decision.reason), (Some(GUARD), pareto::Reason::BelowGuard { environment: 1 }));
    assert!(duel.sentence.contains("falls short of the guard"), "{}", duel.sentence);
    assert_eq!(executor.released(), [1, 1, 0, GUARD]);
    // It plays the tasks of bouts alone, and as far as they ask.
    let plan = TaskPlan::new(&whole_rule().deciding.heat, &whole_rule().deciding.duel);
    let asked = |of: usize| {
        let mut tasks: Vec<(usize, u32)> = executor
            .made()
            .iter()
            .filter(|(entry, _)| *entry == of)
            .map(|(_, unit)| (unit.environment, unit.task))
            .collect();
        tasks.sort_unstable();
        tasks
    };
    let bouts: Vec<u32> = (0..200).map(|task| number(plan.bout(task))).collect();
    assert!(asked(GUARD).iter().all(|(_, task)| bouts.contains(task)) && asked(3).is_empty());
    let of_bouts: Vec<_> = asked(1).into_iter().filter(|(_, task)| *task >= 24).collect();
    assert!(of_bouts.iter().all(|unit| asked(GUARD).contains(unit)) && asked(GUARD).len() <= 2 * of_bouts.len() + 24);
    // Where its files are gone, the bout is held without it.
    let executor = Scripted::new(8, usize::MAX, below_the_guard);
    let gone = AdmissionOutcome::Refused("gone".to_owned());
    let held = guarded(&Disk::new(), &whole_rule(), gone, &executor).await.unwrap();
    assert_eq!((held.duels[0].guard, held.duels[0].decision.verdict), (None, Verdict::Dethroned));
    assert!(executor.made().iter().all(|(entry, _)| *entry < GUARD));
}

#[tokio::test]
async fn a_guarded_bout_that_is_killed_asks_for_what_an_uninterrupted_one_asks_for() {
    for script in
        [below_the_guard as Script, alike, mixed, |entry, unit| if entry == 1 { 1.0 } else { alike(entry, unit) }]
    {
        let run = async |disk: &Disk, lasts: usize| {
            let executor = Scripted::new(16, lasts, script);
            let held = guarded(disk, &whole_rule(), AdmissionOutcome::Admitted, &executor).await;
            (held.map(|held| (held.heats, held.duels)), executor.made())
        };
        let (expected, mut made) = run(&Disk::new(), usize::MAX).await;
        let expected = expected.unwrap();
        made.sort();
        for lasts in (0..made.len()).step_by(made.len() / 7 + 1) {
            let disk = Disk::new();
            let (killed, before) = run(&disk, lasts).await;
            let (resumed, after) = run(&disk, usize::MAX).await;
            let mut all = [before, after].concat();
            all.sort();
            all.dedup();
            assert!(killed.is_err() && resumed.unwrap() == expected && all == made, "after {lasts} of {}", made.len());
        }
    }
}

#[tokio::test]
async fn a_challenger_that_cannot_be_run_to_the_end_stops_nobody_else() {
    let settings = settings(200, 16);
    let breaks: [(u32, Breaks); 3] = [
        (0, |entry, _| entry == 1),
        (1, |entry, made| entry == 1 && made >= 1),
        (40, |entry, made| entry == 1 && made >= 40),
    ];
    for (lasts, breaks) in breaks {
        let executor = Fragile::new(Scripted::new(1, usize::MAX, second_wins as Script), breaks);
        let (held, ..) = Disk::new().run(3, &settings, &executor).await;
        let Played { duels, held, left, .. } = held.unwrap();
        assert_eq!(left.keys().copied().collect::<Vec<_>>(), [1]);
        assert!(left[&1].reason().unwrap().contains("its process was killed"), "{left:?}");
        // Its number is spent, and the next challenger has the next.
        let seen: Vec<_> = duels.iter().map(|duel| (duel.challenger, duel.number, duel.decision.verdict)).collect();
        assert_eq!(seen, [(1, 1, Verdict::Undecided), (2, 2, Verdict::Dethroned)], "after {lasts}");
        assert_eq!(held.unwrap().succession.champion(), 2);
    }
}

#[tokio::test]
async fn a_champion_that_cannot_be_run_to_the_end_is_named() {
    let executor = Fragile::new(Scripted::new(1, usize::MAX, alike as Script), |entry, made| entry == 0 && made >= 7);
    let (held, ..) = Disk::new().run(3, &settings(40, 4), &executor).await;
    let error = held.err().unwrap();
    assert!(matches!(&error, WindowError::NeededEntry(left) if left.entry == 0), "{error}");
}

#[tokio::test]
async fn an_entry_whose_budget_of_work_is_spent_answers_no_more_and_loses() {
    let mut settings = settings(200, 16);
    settings.deciding.work.tokens = 10;
    // Entry 2 would win everything, and takes more than is allowed.
    let executor =
        Scripted::new(4, usize::MAX, second_wins as Script).working(|entry| if entry == 2 { 11 } else { 10 });
    let disk = Disk::new();
    let (held, ..) = disk.run(3, &settings, &executor).await;
    let asked = executor.made().iter().filter(|(entry, _)| *entry == 2).count();
    let Played { duels, .. } = held.unwrap();
    let last = duels.iter().find(|duel| duel.challenger == 2).unwrap();
    // Its first 64 tasks of an environment were answered; a win within them would have been one.
    match last.decision.verdict {
        Verdict::Dethroned => assert!(asked <= 64 * ENVIRONMENTS),
        _ => assert_eq!(asked, 64 * ENVIRONMENTS),
    }
}
