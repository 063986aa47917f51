//! Champions, reserves, records and shares of made-up windows.

use pareto::Verdict;
use pareto::weights::WeightSettings;

use super::*;
use crate::record::FileRecord;
use crate::registry::{Entry, Hotkey, RegistryState, Role, Uid};
use crate::settings::{Deciding, Settings};

fn crowned(hotkey: &str, model: &str) -> CrownedModel {
    CrownedModel {
        hotkey: Hotkey(hotkey.to_owned()),
        model: reference(model),
        snapshot: Some(admission(model, true).snapshot("")),
        committed: 0,
        position: 0,
    }
}

fn reference(model: &str) -> String {
    format!("o/{model}@{}", "0".repeat(40))
}

/// An admission whose files are those of a model's name.
fn admission(model: &str, plays: bool) -> Admission {
    let files = vec![FileRecord { name: "model".to_owned(), size: 1, sha256: model.to_owned() }];
    let outcome = if plays { AdmissionOutcome::Admitted } else { AdmissionOutcome::Refused("no".to_owned()) };
    Admission { outcome, files }
}

/// A window over entries (hotkey, model, role); whose uid is its hotkey's place in the alphabet, from `first_uid`.
fn window(entries: &[(&str, &str, Role)], record: ReignRecord, weights: WeightSettings, first_uid: u16) -> WindowTerms {
    let entry = |(place, (hotkey, model, role)): (usize, &(&str, &str, Role))| Entry {
        hotkey: Hotkey((*hotkey).to_owned()),
        uid: Some(Uid(u16::from(hotkey.as_bytes()[0] - b'a') + first_uid)),
        model: reference(model).parse().unwrap(),
        committed: place as u64,
        position: 0,
        role: *role,
    };
    let registry = RegistryState {
        netuid: 1,
        seed_block: 9,
        seed_hash: [0; 32],
        snapshot: None,
        owners: Default::default(),
        champion: None,
        former: Vec::new(),
        tested: 0,
        entries: entries.iter().enumerate().map(entry).collect(),
    };
    let settings = Settings {
        deciding: Deciding { weights, heat: pareto::HeatSettings::none(), ..Deciding::default() },
        ..Settings::default()
    };
    WindowTerms::new(
        &registry,
        (record, None),
        &settings,
        vec![environments::EnvironmentId::built_in("sat", "1.0.0", 0)],
        String::new(),
    )
}

/// What miners have committed, and the record of a window that begins under c's model, crowned after those of a, x and b.
const COMMITTED: [(&str, &str, Role); 4] = [
    ("a", "a", Role::Committed),
    ("b", "b", Role::Committed),
    ("c", "c", Role::Committed),
    ("d", "d", Role::Committed),
];

fn record() -> ReignRecord {
    let former = vec![crowned("a", "a"), crowned("x", "x"), crowned("b", "b")];
    ReignRecord { champion: Some(crowned("c", "c")), former, bouts: 5, ..ReignRecord::default() }
}

/// Holds the duels; the challenger at `winner` wins. Lists them as (champion, challenger, number).
fn held(field: &Field<'_>, winner: Option<usize>) -> (Succession, Vec<(usize, usize, u64)>) {
    held_as(field, winner, Verdict::Defended)
}

fn held_as(field: &Field<'_>, winner: Option<usize>, others: Verdict) -> (Succession, Vec<(usize, usize, u64)>) {
    let mut succession = field.open().unwrap().unwrap();
    let mut held = Vec::new();
    while let Some(entry) = succession.next_heat() {
        succession.settle_heat(&entry);
    }
    while let Some(Bout { challenge, .. }) = succession.next_bout().unwrap() {
        let wins = Some(challenge.challenger) == winner;
        succession.settle(&challenge, if wins { Verdict::Dethroned } else { others });
        held.push((challenge.champion, challenge.challenger, challenge.number));
    }
    (succession, held)
}

/// Shares where uids 0 to 3 (from `first_uid`) are called a to d; `out` do not play.
#[track_caller]
fn check(weights: WeightSettings, first_uid: u16, out: &[usize], winner: Option<usize>, expected: &[f64], burned: f64) {
    let terms = window(&COMMITTED, record(), weights, first_uid);
    let admissions: Vec<Admission> =
        COMMITTED.iter().enumerate().map(|(place, (_, model, _))| admission(model, !out.contains(&place))).collect();
    let field = Field { terms: &terms, admissions: &admissions, findings: &BTreeMap::new() };
    let (succession, _) = held(&field, winner);
    let shares = field.shares(&succession).unwrap();
    assert_eq!(shares, Shares { entries: expected.to_vec(), burned });
    assert_eq!(shares.entries.iter().sum::<f64>() + shares.burned, 1.0);
}

#[test]
fn former_champions_that_play_share_what_is_not_burned() {
    check(WeightSettings::default(), 1, &[], None, &[0.0, 0.0, 1.0, 0.0], 0.0);
    check(WeightSettings::default(), 1, &[], Some(3), &[0.0, 0.0, 0.0, 1.0], 0.0);
    let halved = |champions| WeightSettings { burn: 0.0, decay: 0.5, champions };
    check(halved(2), 1, &[], Some(3), &[0.0, 0.0, 1.0 / 3.0, 2.0 / 3.0], 0.0);
    check(halved(3), 1, &[], None, &[2.0 / 7.0, 1.0 / 7.0, 4.0 / 7.0, 0.0], 0.0);
    check(halved(3), 1, &[0], None, &[0.0, 1.0 / 3.0, 2.0 / 3.0, 0.0], 0.0);
    let burning = WeightSettings { burn: 0.25, ..WeightSettings::default() };
    check(burning.clone(), 1, &[], None, &[0.0, 0.0, 0.75, 0.0], 0.25);
    check(burning, 0, &[], None, &[0.25, 0.0, 0.75, 0.0], 0.0);
}

/// Entries and which of them are out; who reigns, in which duels, and what is left of the reign's bouts.
#[track_caller]
fn check_crown(
    entries: &[(&str, &str, Role)],
    out: &[usize],
    champion: usize,
    duels: &[(usize, usize, u64)],
    bouts: u64,
) {
    let terms = window(entries, record(), WeightSettings::default(), 1);
    let admissions: Vec<Admission> =
        entries.iter().enumerate().map(|(place, (_, model, _))| admission(model, !out.contains(&place))).collect();
    let field = Field { terms: &terms, admissions: &admissions, findings: &BTreeMap::new() };
    let (succession, found) = held(&field, None);
    assert_eq!((succession.champion(), found.as_slice()), (champion, duels));
    let shares = field.shares(&succession).unwrap();
    assert_eq!(shares.entries[champion], 1.0, "all weight goes to the crowned entry: {shares:?}");
    let after = field.record_after(&succession, &[]);
    assert_eq!((after.bouts, after.champion.unwrap().model), (bouts, reference(entries[champion].1)));
}

#[test]
fn the_crown_belongs_to_the_model_and_not_to_its_hotkey() {
    let (committed, crown, former) = (Role::Committed, Role::Crowned, Role::Former);
    // The champion plays on, and what its miner has committed since waits as a challenger.
    let swapped = [("b", "b", committed), ("c", "c", crown), ("d", "d", committed), ("c", "new", committed)];
    check_crown(&swapped, &[], 1, &[(1, 0, 6), (1, 2, 7), (1, 3, 8)], 8);
    // Its new model does not inherit the crown where the crowned one is gone: the latest former champion that plays does.
    let with_former = [("a", "a", former), ("b", "b", committed), ("c", "c", crown), ("c", "new", committed)];
    check_crown(&with_former, &[2], 0, &[(0, 1, 1), (0, 3, 2)], 2);
    check_crown(&with_former, &[2, 0], 1, &[(1, 3, 1)], 1);
    // Nobody who was crowned plays: the earliest commitment begins a reign.
    check_crown(&[("e", "e", committed), ("d", "d", committed)], &[], 0, &[(0, 1, 1)], 1);
    // Files that are not those that were crowned are another model under the same reference.
    let terms = window(&COMMITTED, record(), WeightSettings::default(), 1);
    let admissions = ["a", "b", "other", "d"].map(|model| admission(model, true));
    let field = Field { terms: &terms, admissions: &admissions, findings: &BTreeMap::new() };
    assert_eq!(field.crowned(), Some(0));
}

/// A window under c's model (or a regent's) in which those who are `out` do not play and `winner` wins its bout, all others
/// ending so. The shares, what is burned, and the record that it leaves.
fn after(record: ReignRecord, out: &[usize], winner: Option<usize>, others: Verdict) -> (Shares, ReignRecord) {
    let weights = WeightSettings { decay: 0.5, champions: 2, ..WeightSettings::default() };
    let terms = window(&COMMITTED, record, weights, 1);
    let admissions: Vec<Admission> =
        COMMITTED.iter().enumerate().map(|(place, (_, model, _))| admission(model, !out.contains(&place))).collect();
    let field = Field { terms: &terms, admissions: &admissions, findings: &BTreeMap::new() };
    let (succession, _) = held_as(&field, winner, others);
    (field.shares(&succession).unwrap(), field.record_after(&succession, &[]))
}

#[test]
fn a_vacant_crown_goes_to_who_wins_and_not_to_who_is_oldest() {
    use Verdict::{Defended, Undecided};
    let vacant = || ReignRecord { champion: Some(crowned("c", "c")), bouts: 5, ..ReignRecord::default() };
    let is = |record: &ReignRecord, champion: &str, regency: u32, former: &[&str]| {
        let found: Vec<&str> = record.former.iter().map(|crowned| crowned.hotkey.0.as_str()).collect();
        let found = (record.champion.as_ref().unwrap().hotkey.0.as_str(), record.regency, found.as_slice());
        assert_eq!(found, (champion, regency, former));
    };
    let all = |place: usize| Shares {
        entries: (0..4).map(|other| f64::from(u8::from(other == place))).collect(),
        burned: 0.0,
    };
    let burned = || Shares { entries: vec![0.0; 4], burned: 1.0 };
    // Nobody has beaten the oldest, and it has beaten nobody: all is burned.
    let (shares, regency) = after(vacant(), &[2], None, Undecided);
    assert_eq!(shares, burned());
    is(&regency, "a", 1, &["c"]);
    // It is met again, at numbers that go on.
    let (shares, second) = after(regency.clone(), &[2], None, Undecided);
    assert_eq!((shares, second.bouts), (burned(), 4));
    is(&second, "a", 2, &["c"]);
    // Who beats it is crowned, and the regent never was.
    let (shares, won) = after(regency.clone(), &[2], Some(3), Undecided);
    assert_eq!(shares, all(3));
    is(&won, "d", 0, &["c"]);
    // It is crowned when it has beaten all, and when nobody else plays.
    for out in [&[2][..], &[1, 2, 3]] {
        let (shares, won) = after(regency.clone(), out, None, Defended);
        assert_eq!(shares, all(0));
        is(&won, "a", 0, &["c"]);
    }
    // A crowned model that plays again comes before it, under a reign of its own.
    let (shares, back) = after(regency, &[], None, Undecided);
    assert_eq!((shares, back.bouts), (all(2), 3));
    is(&back, "c", 0, &["c"]);
    // Nobody holds the crown vacant for ever by sending models that are as good.
    let mut record = vacant();
    for window in 1..=LONGEST_REGENCY {
        record = after(record, &[2], None, Undecided).1;
        is(&record, "a", window, &["c"]);
    }
    let (shares, record) = after(record, &[2], None, Undecided);
    assert_eq!(shares.burned, 0.0);
    is(&record, "a", 0, &["c"]);
}

#[test]
fn a_reserve_is_called_upon_only_where_no_champion_before_it_plays() {
    let entries = [("a", "a", Role::Former), ("b", "b", Role::Former), ("c", "c", Role::Crowned)];
    let reserve = || Admission { outcome: AdmissionOutcome::Reserve, files: Vec::new() };
    let next = |admissions: [Admission; 3]| {
        let terms = window(&entries, record(), WeightSettings::default(), 1);
        let field = Field { terms: &terms, admissions: &admissions, findings: &BTreeMap::new() };
        field.next_reserve().map(|(entry, _)| entry)
    };
    assert_eq!(next([reserve(), reserve(), admission("c", true)]), None);
    assert_eq!(next([reserve(), reserve(), admission("c", false)]), Some(0));
    assert_eq!(next([admission("a", false), reserve(), admission("c", false)]), Some(1));
    assert_eq!(next([admission("a", true), reserve(), admission("c", false)]), None);
    assert_eq!(next([admission("a", false), admission("b", false), admission("c", false)]), None);
}

#[test]
fn a_model_has_one_bout_in_a_reign_and_another_one_in_the_next() {
    let spent = |models: &[&str]| {
        let bout = |(place, model): (usize, &&str)| BoutRecord {
            snapshot: admission(model, true).snapshot(""),
            number: place as u64 + 1,
            carried: None,
        };
        ReignRecord { models: models.iter().enumerate().map(bout).collect(), ..record() }
    };
    let admissions = COMMITTED.map(|(_, model, _)| admission(model, true));
    let duels = |record: ReignRecord, admissions: &[Admission], winner| {
        let terms = window(&COMMITTED, record, WeightSettings::default(), 1);
        let field = Field { terms: &terms, admissions, findings: &BTreeMap::new() };
        held(&field, winner).1
    };
    assert_eq!(duels(spent(&[]), &admissions, None), [(2, 0, 6), (2, 1, 7), (2, 3, 8)]);
    assert_eq!(duels(spent(&["a", "d"]), &admissions, None), [(2, 1, 6)]);
    // A model of its miner's that it has not had a bout with.
    assert_eq!(duels(spent(&["other", "d", "a", "b"]), &admissions, None), []);
    // The champion is gone: under another one every model has its bout.
    let mut gone = admissions;
    gone[2] = admission("c", false);
    assert_eq!(duels(spent(&["b", "d"]), &gone, None), [(0, 1, 1), (0, 3, 2)]);
}

#[test]
fn a_record_hands_on_the_reign_or_begins_another() {
    let admissions = COMMITTED.map(|(_, model, _)| admission(model, true));
    let after = |winner: Option<usize>| {
        let terms = window(&COMMITTED, record(), WeightSettings::default(), 1);
        let field = Field { terms: &terms, admissions: &admissions, findings: &BTreeMap::new() };
        let (succession, _) = held(&field, winner);
        field.record_after(&succession, &[])
    };
    let hotkeys = |record: &ReignRecord| {
        record.former.iter().map(|crowned| crowned.hotkey.0.clone()).collect::<Vec<_>>().join(" ")
    };
    let defended = after(None);
    assert_eq!((defended.bouts, hotkeys(&defended).as_str()), (8, "a x b"));
    let dethroned = after(Some(3));
    assert_eq!((dethroned.bouts, hotkeys(&dethroned).as_str()), (0, "c a x b"));
    assert_eq!(dethroned.champion.unwrap().snapshot, crowned("d", "d").snapshot);
    assert_eq!(defended.sightings.len(), 4);
}

#[test]
fn a_finding_tells_whose_work_a_model_is() {
    use pareto::screens::{Finding, FindingKind, Yardstick};
    let admissions = COMMITTED.map(|(_, model, _)| admission(model, true));
    let terms = window(&COMMITTED, record(), WeightSettings::default(), 1);
    let (kind, yardstick) = (FindingKind::SameFiles, Yardstick::Whole);
    let finding = Finding { entry: 3, kind, of: None, measure: 0.0, threshold: 0.0, yardstick };
    let original = Sighting {
        snapshot: "gone".to_owned(),
        committed: 0,
        position: 0,
        hotkey: Hotkey("x".to_owned()),
        origin: Hotkey("z".to_owned()),
    };
    let findings = BTreeMap::from([(3, FindingRecord { finding, original, sentence: String::new() })]);
    let field = Field { terms: &terms, admissions: &admissions, findings: &findings };
    let mut origins: Vec<(String, String)> =
        field.sightings().into_iter().map(|sighting| (sighting.hotkey.0, sighting.origin.0)).collect();
    origins.sort();
    let expected = [("a", "a"), ("b", "b"), ("c", "c"), ("d", "z")];
    assert_eq!(origins, expected.map(|(hotkey, origin)| (hotkey.to_owned(), origin.to_owned())));
    assert_eq!(field.playing(), [0, 1, 2]);
}

#[test]
fn owners_take_turns_in_bouts_and_the_earliest_of_all_begins_a_reign() {
    let bouts = |owners: &[(&str, &str)], record: ReignRecord| {
        let mut terms = window(&COMMITTED, record, WeightSettings::default(), 1);
        let hotkey = |name: &str| Hotkey(name.to_owned());
        terms.owners = owners.iter().map(|(name, owner)| (hotkey(name), hotkey(owner))).collect();
        let admissions: Vec<Admission> = COMMITTED.iter().map(|(_, model, _)| admission(model, true)).collect();
        let field = Field { terms: &terms, admissions: &admissions, findings: &BTreeMap::new() };
        held(&field, None).1.into_iter().map(|(champion, challenger, _)| (champion, challenger)).collect::<Vec<_>>()
    };
    assert_eq!(bouts(&[], record()), [(2, 0), (2, 1), (2, 3)]);
    assert_eq!(bouts(&[("a", "one"), ("b", "one"), ("d", "two")], record()), [(2, 0), (2, 3), (2, 1)]);
    let nobody = ReignRecord::default();
    assert_eq!(bouts(&[("a", "one"), ("b", "one"), ("c", "one"), ("d", "two")], nobody), [(0, 3), (0, 1), (0, 2)]);
}

/// A window of the miners a to d under d's model, after so many reigns of former champions f (the latest), g, ..., whose
/// miners have left; their entries come first, unless they are left `out`. The places of the guard and of the one that is
/// called upon for it, as models.
#[track_caller]
fn check_guard(reigns: usize, change: impl FnOnce(&mut ReignRecord, &mut Vec<Admission>), expected: [Option<&str>; 2]) {
    let names: Vec<String> = (b'f'..).take(reigns).map(|name| char::from(name).to_string()).collect();
    let former = || names.iter().map(|name| (name.as_str(), name.as_str(), Role::Former));
    let all: Vec<(&str, &str, Role)> = former().chain(COMMITTED).collect();
    let mut record = ReignRecord {
        champion: Some(crowned("d", "d")),
        former: names.iter().map(|name| crowned(name, name)).collect(),
        ..ReignRecord::default()
    };
    let reserve = || Admission { outcome: AdmissionOutcome::Reserve, files: Vec::new() };
    let mut admissions: Vec<Admission> = all
        .iter()
        .map(|(_, model, role)| if *role == Role::Former { reserve() } else { admission(model, true) })
        .collect();
    change(&mut record, &mut admissions);
    let mut terms = window(&all, record, WeightSettings::default(), 1);
    terms.entries.iter_mut().filter(|entry| entry.role == Role::Former).for_each(|entry| entry.uid = None);
    let field = Field { terms: &terms, admissions: &admissions, findings: &BTreeMap::new() };
    let model = |entry: Option<usize>| entry.map(|entry| all[entry].1);
    assert_eq!([field.guard(), field.next_guard()].map(model), expected);
    if let Some(mut succession) = field.open().unwrap() {
        while let Some(entry) = succession.next_heat() {
            succession.settle_heat(&entry);
        }
        if let Some(Bout { duel, .. }) = succession.next_bout().unwrap() {
            let is_guarded = duel.decision().environments.iter().all(|environment| environment.guard.is_some());
            assert_eq!(is_guarded, expected[0].is_some());
        }
    }
}

#[test]
fn the_champion_of_ten_reigns_ago_stands_guard_though_its_miner_has_left() {
    let admitted = |place: usize, model: &'static str| {
        move |_: &mut ReignRecord, admissions: &mut Vec<Admission>| admissions[place] = admission(model, true)
    };
    // f is the champion of one reign ago, o of ten.
    check_guard(0, |_, _| {}, [None, None]);
    check_guard(9, |_, _| {}, [None, None]);
    check_guard(10, |_, _| {}, [None, Some("o")]);
    check_guard(12, |_, _| {}, [None, Some("o")]);
    check_guard(10, admitted(9, "o"), [Some("o"), None]);
    // Its files are gone, or others under the same reference.
    check_guard(10, |_, admissions| admissions[9] = admission("o", false), [None, None]);
    check_guard(10, admitted(9, "other"), [None, None]);
    // The champion does not play: its reign is one of the ten. It is not a miner that has left that reigns then.
    let absent = |record: &mut ReignRecord, admissions: &mut Vec<Admission>| {
        record.champion = Some(crowned("gone", "gone"));
        admissions[8] = admission("n", true);
    };
    check_guard(10, absent, [Some("n"), None]);
    check_guard(9, absent, [Some("n"), None]);
    // Nobody challenges it: a is gone, and b and c have had their bouts.
    let spent = |record: &mut ReignRecord, admissions: &mut Vec<Admission>| {
        admissions[9] = admission("o", true);
        admissions[10] = admission("a", false);
        for (model, number) in [("b", 1), ("c", 2)] {
            let snapshot = admission(model, true).snapshot("");
            record.models.push(BoutRecord { snapshot, number, carried: None });
        }
    };
    check_guard(10, spent, [None, None]);
}

#[test]
fn a_champion_that_reigned_ten_reigns_ago_needs_no_guard_and_a_challenger_that_did_is_its_own() {
    let reigned = |miner: &'static str| {
        move |record: &mut ReignRecord, _: &mut Vec<Admission>| record.former[9] = crowned(miner, miner)
    };
    check_guard(10, reigned("d"), [None, None]);
    check_guard(10, reigned("b"), [Some("b"), None]);
}
