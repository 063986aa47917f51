//! The page on a window in which everything happens that can.

use std::path::PathBuf;
use std::time::Duration;

use environments::EnvironmentId;
use models::admission::Limits;
use models::decoder::Arithmetic;
use models::remote::Interface;
use models::source::ModelSource;
use pareto::screens::{Finding, FindingKind, Yardstick};
use pareto::{Better, DuelSettings, Verdict};

use super::page;
use super::progress::{Progress, Side};
use crate::record::{
    Admission, AdmissionOutcome, Conclusion, CrownedModel, DecidingSettings, DuelRecord, EntryConclusion, EntryTerms,
    Fault, FindingRecord, ReignRecord, Rollout, Sighting, Standing, Timings, WindowTerms, paired, unit_scores,
};
use crate::registry::{Entry, Hotkey, Role, Uid};
use crate::report::summary::{Files, Summary, Timing};
use crate::settings::Deciding;

const HOSTILE: &str = "5Eve<script>alert('1')</script>\"onload=\"x";
const BUDGET: u32 = 120;

/// What becomes of each entry; those that play have a chance of a right answer, in hundredths.
const ENTRIES: [(&str, Fate); 6] = [
    ("5Ada", Fate::Plays(40)),
    ("5Bob", Fate::Plays(10)),
    ("5Carol", Fate::Plays(90)),
    ("5Dave", Fate::Copies),
    (HOSTILE, Fate::Refused("name one of <b>these</b> & publish again")),
    ("5Frank", Fate::Late),
];

#[derive(Clone, Copy)]
enum Fate {
    Plays(u32),
    Copies,
    Refused(&'static str),
    Late,
}

fn terms(better: Better) -> WindowTerms {
    let entry = |(place, (hotkey, _)): (usize, &(&str, Fate))| EntryTerms {
        uid: Some(Uid(place as u16)),
        hotkey: Hotkey((*hotkey).to_owned()),
        model: String::new(),
        committed: 100 + place as u64,
        position: 0,
        role: Role::Committed,
    };
    let model = ModelSource::Folder(PathBuf::from("models/<i>0")).to_string();
    let champion =
        CrownedModel { hotkey: Hotkey("5Ada".to_owned()), model, snapshot: None, committed: 100, position: 0 };
    WindowTerms {
        version: 2,
        netuid: 120,
        seed_block: 4_812_000,
        seed_hash: "5eed".repeat(16),
        snapshot: None,
        owners: Default::default(),
        previous: None,
        record: ReignRecord { champion: Some(champion), bouts: 3, ..ReignRecord::default() },
        entries: ENTRIES.iter().enumerate().map(entry).collect(),
        environments: ["sat", "deduction"].map(|name| EnvironmentId::built_in(name, "1.2.3", 0)).to_vec(),
        runtime: "c0de".repeat(16),
        settings: DecidingSettings {
            deciding: Deciding {
                duel: DuelSettings {
                    budget: BUDGET as usize,
                    references: 0,
                    tolerance: 0.05,
                    better,
                    ..DuelSettings::default()
                },
                heat: pareto::HeatSettings::none(),
                admission: Limits { bytes: u64::MAX, ..Limits::default() },
                ..Deciding::default()
            },
            mode: Arithmetic::Exact,
            card: None,
            interface: Interface::Chat,
            served: Vec::new(),
        },
    }
}

/// Answers that are right for so many hundredths of all tasks, the same ones for every model that can.
fn rollouts(entry: usize, right: u32) -> Vec<Rollout> {
    let units = (0..BUDGET).flat_map(|task| (0..2_usize).map(move |environment| (task, environment)));
    let rollout = |(task, environment): (u32, usize)| {
        let (fault, reason) = match (task, environment) {
            (5, 0) => (Some(Fault::Environment), "the generator raised <ValueError>"),
            (7, 1) => (Some(Fault::Model), "empty reply"),
            _ => (None, "right or wrong"),
        };
        let able = (task * 37 + environment as u32 * 11) % 100 < right;
        Rollout {
            entry,
            environment,
            task,
            seed: u64::from(task),
            replies: Vec::new(),
            score: if able && fault.is_none() { 1.0 } else { 0.0 },
            reason: reason.to_owned(),
            fault,
            reproducible: true,
            attempts: 1,
            seconds: 0.5,
        }
    };
    units.map(rollout).collect()
}

fn concluded(place: usize, hotkey: &str, fate: Fate) -> EntryConclusion {
    let outcome = match fate {
        Fate::Plays(_) | Fate::Copies => AdmissionOutcome::Admitted,
        Fate::Refused(reason) => AdmissionOutcome::Refused(reason.to_owned()),
        Fate::Late => AdmissionOutcome::Late,
    };
    let finding = Finding {
        entry: place,
        kind: FindingKind::SameTensors,
        of: Some(0),
        measure: 0.0,
        threshold: 0.0,
        yardstick: Yardstick::Whole,
    };
    let sentence = "copy: its tensors are those of 5Ada".to_owned();
    let ada = Hotkey("5Ada".to_owned());
    let original = Sighting { snapshot: String::new(), committed: 100, position: 0, origin: ada.clone(), hotkey: ada };
    EntryConclusion {
        entry: Entry {
            hotkey: Hotkey(hotkey.to_owned()),
            uid: Some(Uid(place as u16)),
            model: ModelSource::Folder(PathBuf::from(format!("models/<i>{place}"))),
            committed: 100 + place as u64,
            position: 0,
            role: Role::Committed,
        },
        admission: Admission { outcome, files: Vec::new() },
        finding: matches!(fate, Fate::Copies).then_some(FindingRecord { finding, original, sentence }),
        rollouts: if let Fate::Plays(right) = fate { rollouts(place, right) } else { Vec::new() },
        weight: 0.0,
    }
}

fn window(better: Better) -> Conclusion {
    let terms = terms(better);
    let mut entries: Vec<EntryConclusion> =
        ENTRIES.iter().enumerate().map(|(place, (hotkey, fate))| concluded(place, hotkey, *fate)).collect();
    let (mut duels, mut starts) = (Vec::new(), Vec::new());
    for challenger in [1, 2] {
        let scores = |entry: usize| unit_scores(&entries[entry].rollouts);
        let pairs = paired(2, &scores(0), &scores(challenger));
        let decision = pareto::duel(&pairs, &terms.settings.deciding.duel, 0.001).unwrap();
        let sentence = format!("{} meets 5Ada & it ends.", entries[challenger].entry.hotkey);
        let (duel, number) = (duels.len(), challenger as u64 + 3);
        starts.push(pareto::Duel::new(2, &terms.settings.deciding.duel, 0.001).unwrap().save());
        duels.push(DuelRecord { duel, champion: 0, challenger, guard: None, number, decision, sentence });
    }
    assert_eq!(duels[1].decision.verdict, Verdict::Dethroned, "{:?}", duels[1].decision);
    entries[2].weight = 1.0;
    Conclusion {
        terms,
        entries,
        heats: Vec::new(),
        duels,
        prints: Vec::new(),
        starts,
        champion: Some(2),
        burned: 0.0,
        record: ReignRecord::default(),
        interrupted: false,
    }
}

fn shown(conclusion: &Conclusion) -> (String, Summary) {
    let file = |name: &str| PathBuf::from("out put/window-1").join(name);
    let files = Files {
        weights: file("weights.json"),
        evidence: file("evidence.jsonl"),
        report: file("report.html"),
        entries: Some(file("entries")),
        database: PathBuf::from("out put/dethrone.sqlite").into(),
    };
    let seconds = Duration::from_secs;
    let timings = Timings { checking: seconds(4), loading: seconds(3), forward: seconds(90) };
    let summary = Summary::new(conclusion, &[], files, Timing::new(Duration::from_secs(100), &timings));
    (page(conclusion, &summary), summary)
}

/// What a reader sees in place of the characters that were escaped.
fn read(page: &str) -> String {
    let escapes = [("&lt;", "<"), ("&gt;", ">"), ("&quot;", "\""), ("&#x27;", "'"), ("&#x2f;", "/"), ("&amp;", "&")];
    escapes.into_iter().fold(page.to_owned(), |text, (escape, letter)| text.replace(escape, letter))
}

#[test]
fn every_entry_sentence_and_digest_is_on_the_page() {
    let conclusion = window(Better::Somewhere);
    let (page, summary) = shown(&conclusion);
    let text = read(&page);
    let mut expected: Vec<String> = summary.decisions.clone();
    for (entry, concluded) in summary.entries.iter().zip(&conclusion.entries) {
        expected.extend([entry.hotkey.to_string(), entry.model.clone(), format!(">{}</span>", entry.standing)]);
        expected.extend(concluded.finding.iter().map(|finding| finding.sentence.clone()));
    }
    let terms = &conclusion.terms;
    expected.extend([terms.seed_hash.clone(), terms.runtime.clone(), "4812000".to_owned()]);
    for literal in [
        "5Carol (uid 2) holds all the weight: it dethroned 5Ada after",
        "name one of <b>these</b> & publish again",
        "dethrone audit 'out put/window-1/evidence.jsonl'",
        "out put/dethrone.sqlite",
        "sat 1.2.3, tier 0, built in",
        "the generator raised <ValueError>",
        "empty reply",
        "6 of 720 rollouts failed.",
        "\"bytes\": 18446744073709551615",
        "90.0 s (90.0%) in the models' forward passes, 10.0 s (10.0%) in everything else (striped): 4.0 s checking and fingerprinting models, 3.0 s loading them, 3.0 s on",
    ] {
        expected.push(literal.to_owned());
    }
    for part in expected {
        assert!(text.contains(&part), "{part:?} is missing");
    }
}

#[test]
fn what_strangers_wrote_stays_text() {
    let (page, _) = shown(&window(Better::Somewhere));
    for part in ["<script", "onload=\"", "<b>these", "<i>", "<ValueError"] {
        assert!(!page.contains(part), "{part} was not escaped");
    }
    assert!(page.contains("5Eve&lt;script&gt;"));
}

#[test]
fn an_entry_that_is_absent_is_shown_with_its_reason_and_is_not_called_refused() {
    let mut conclusion = window(Better::Somewhere);
    conclusion.entries[4].admission.outcome = AdmissionOutcome::Absent("status 451 for <b>it</b>".to_owned());
    let (page, summary) = shown(&conclusion);
    assert_eq!(summary.entries[4].standing, Standing::Absent);
    assert!(page.contains("<h3>Absent</h3>") && page.contains("status 451 for &lt;b&gt;it"), "{page}");
    assert!(!page.contains("<h3>Refused before loading</h3>"));
}

#[test]
fn nothing_is_loaded_and_nothing_can_run() {
    let (page, _) = shown(&window(Better::Somewhere));
    for part in ["http:", "https:", "//", "src=", "@import", "url(", "javascript:"] {
        assert!(!page.contains(part), "{part} is on the page");
    }
    assert!(page.contains("default-src 'none'"));
}

#[test]
fn every_element_that_opens_closes_in_order() {
    let (page, _) = shown(&window(Better::Strict));
    let mut open: Vec<&str> = Vec::new();
    for tag in page.split('<').skip(1).map(|rest| rest.split('>').next().unwrap()) {
        let name = tag.trim_start_matches('/').split([' ', '\n', '/']).next().unwrap();
        match (tag.starts_with('/'), name) {
            (_, "!doctype" | "meta" | "link" | "br") => {}
            (true, name) => assert_eq!(open.pop(), Some(name), "closes what is not open"),
            (false, _) if tag.ends_with('/') => {}
            (false, name) => open.push(name),
        }
    }
    assert!(open.is_empty(), "left open: {open:?}");
}

#[test]
fn a_window_in_which_nobody_plays_has_a_page() {
    let mut conclusion = window(Better::Somewhere);
    conclusion.duels.clear();
    conclusion.champion = None;
    for concluded in &mut conclusion.entries {
        concluded.admission.outcome = AdmissionOutcome::Late;
        concluded.finding = None;
        concluded.rollouts.clear();
        concluded.weight = 0.0;
    }
    let (page, _) = shown(&conclusion);
    for part in ["No model was admitted: nobody holds the weight.", "None was held.", "None of 0 rollouts failed."] {
        assert!(page.contains(part), "{part:?} is missing");
    }
}

#[test]
fn whoever_waits_for_the_next_window_is_listed() {
    let mut conclusion = window(Better::Somewhere);
    assert!(!shown(&conclusion).0.contains("<h3>Waiting</h3>"));
    conclusion.entries[3].finding = None;
    assert!(
        (0..6)
            .map(|entry| conclusion.standing(entry) == Standing::Waiting)
            .eq([false, false, false, true, false, false])
    );
    let (page, summary) = shown(&conclusion);
    assert!(page.contains("<h3>Waiting</h3>"));
    assert_eq!(summary.entries[3].standing, Standing::Waiting);
}

#[test]
fn a_duel_held_again_ends_as_it_did() {
    for better in [Better::Somewhere, Better::Strict] {
        let conclusion = window(better);
        for duel in &conclusion.duels {
            let progress = Progress::of(&conclusion, duel);
            assert_eq!(progress.last(), &duel.decision);
            let tests = progress.tests(&conclusion.terms.settings.deciding.duel);
            let settled = |side| tests.iter().filter(move |test| test.side == side).map(|test| test.trace.settled);
            let dethroned = duel.decision.verdict == Verdict::Dethroned;
            assert_eq!(settled(Side::Challenger).all(|settled| settled), dethroned, "{better:?} {tests:?}");
            assert_eq!(settled(Side::Champion).any(|settled| settled), !dethroned, "{better:?} {tests:?}");
            for test in tests.iter().filter(|test| test.trace.settled) {
                assert!(test.trace.points.last().unwrap().1 >= 1.0, "{test:?}");
            }
        }
    }
}

#[test]
fn the_reason_of_the_weight_fits_how_it_was_won() {
    let check = |change: fn(&mut Conclusion), expected: &str| {
        let mut conclusion = window(Better::Somewhere);
        conclusion.duels.truncate(1);
        conclusion.champion = Some(0);
        change(&mut conclusion);
        let text = read(&shown(&conclusion).0);
        assert!(text.contains(expected), "{expected:?} is missing");
    };
    check(|_| {}, "it was champion when the window opened; the one challenger that met it did not dethrone it.");
    check(
        |conclusion| conclusion.terms.record.champion = None,
        "it was committed first (block 100); the one challenger",
    );
    check(|conclusion| conclusion.duels.clear(), "it was champion when the window opened; no challenger came.");
}

/// The words of a page in their order, a line an element, without style and charts.
fn words(page: &str) -> String {
    let body = page.split_once("<body>").unwrap().1;
    let mut text = String::new();
    for (place, part) in body.split("<svg").enumerate() {
        text.push_str(if place == 0 { part } else { part.split_once("</svg>").unwrap().1 });
    }
    let mut words = String::new();
    for part in text.split('<') {
        let (tag, rest) = part.split_once('>').unwrap_or(("", part));
        let is_block = ["p", "tr", "h", "li", "dt", "pre", "summary", "div", "ul", "section"]
            .iter()
            .any(|name| tag.starts_with(name));
        words.push_str(if is_block { "\n" } else { " " });
        words.push_str(&rest.split_whitespace().collect::<Vec<_>>().join(" "));
    }
    let lines = words.lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "));
    read(&lines.filter(|line| !line.is_empty()).collect::<Vec<_>>().join("\n"))
}

#[test]
fn page_and_table_of_a_window_in_which_everything_happens_are_as_reviewed() {
    let (page, summary) = shown(&window(Better::Somewhere));
    insta::with_settings!({ omit_expression => true, prepend_module_to_snapshot => false }, {
        insta::assert_snapshot!("page", words(&page));
        insta::assert_snapshot!("table", crate::report::table(&summary));
    });
}

#[test]
fn the_weight_is_told_with_who_else_has_some_and_what_is_burned() {
    let check = |weights: [f64; 3], burned: f64, expected: &str| {
        let mut conclusion = window(Better::Somewhere);
        for (concluded, weight) in conclusion.entries.iter_mut().zip(weights) {
            concluded.weight = weight;
        }
        conclusion.burned = burned;
        assert_eq!(shown(&conclusion).1.held(), expected, "{weights:?}, {burned} burned");
    };
    check([0.0, 0.0, 1.0], 0.0, "holds all the weight");
    check([0.0, 0.0, 0.75], 0.25, "holds 75% of the weight, 25% is burned");
    check([0.25, 0.0, 0.75], 0.0, "holds 75% of the weight, other entries hold 25%");
    check([0.125, 0.125, 0.5], 0.25, "holds 50% of the weight, other entries hold 25%, 25% is burned");
    check([0.0, 0.0, 0.0], 1.0, "holds 0% of the weight, 100% is burned");
}

#[test]
fn the_time_of_a_command_is_split_without_a_rest_below_nothing() {
    let check = |wall: u64, forward: u64, checking: u64, loading: u64, remaining: f64, share: f64| {
        let seconds = Duration::from_secs;
        let timings = Timings { forward: seconds(forward), checking: seconds(checking), loading: seconds(loading) };
        let timing = Timing::new(seconds(wall), &timings);
        assert_eq!((timing.remaining(), timing.harness_share()), (remaining, share), "{timing:?}");
    };
    check(100, 90, 4, 3, 3.0, 0.1);
    check(100, 0, 0, 0, 100.0, 1.0);
    check(0, 0, 0, 0, 0.0, 0.0);
    // Forward passes of two models at once may take longer than the clock.
    check(10, 20, 1, 1, 0.0, 0.0);
    check(10, 5, 4, 4, 0.0, 0.5);
}

#[test]
fn failures_beyond_the_most_frequent_are_counted_together() {
    let mut conclusion = window(Better::Somewhere);
    for (number, rollout) in conclusion.entries[0].rollouts.iter_mut().take(60).enumerate() {
        rollout.fault = Some(Fault::Model);
        rollout.reason = format!("reason {}", number % 30);
    }
    let text = read(&shown(&conclusion).0);
    assert!(text.contains("all other reasons together"), "{}", words(&text));
    let listed = (0..30).filter(|number| text.contains(&format!(">reason {number}<"))).count();
    // Of the twenty that are listed two are the failures of the other entries.
    assert_eq!(listed, 18);
    assert_eq!(text.matches("class=\"reason\"").count(), 22);
}

#[test]
fn rollouts_of_a_server_are_told_on_the_page_and_below_the_table() {
    let mut conclusion = window(Better::Somewhere);
    assert!(!shown(&conclusion).0.contains("not reproducible"));
    for rollout in conclusion.entries[1].rollouts.iter_mut().take(7) {
        rollout.reproducible = false;
    }
    let (page, summary) = shown(&conclusion);
    assert!(words(&page).contains("rollouts of a server, not reproducible 7"), "{}", words(&page));
    let table = crate::report::table(&summary);
    assert!(table.contains("7 rollouts were made by a server and cannot be reproduced"), "{table}");
}

#[test]
fn a_champion_that_others_wait_for_is_said_to_have_them_behind_it() {
    let mut conclusion = window(Better::Somewhere);
    conclusion.entries[3].finding = None;
    let text = read(&shown(&conclusion).0);
    assert!(text.contains("those who come after it wait for the next window."), "{}", words(&text));
}

#[test]
fn entries_that_have_answered_are_linked_to_their_replies() {
    let conclusion = window(Better::Somewhere);
    let (linked, mut summary) = shown(&conclusion);
    for (place, concluded) in conclusion.entries.iter().enumerate() {
        let link = format!("href=\"entries/{place}.html\"");
        assert_eq!(read(&linked).contains(&link), !concluded.rollouts.is_empty(), "{place}");
    }
    summary.files.entries = None;
    assert!(!page(&conclusion, &summary).contains("href=\"entries"));
}

#[test]
fn a_long_duel_is_drawn_at_no_more_standings_than_a_picture_can_show() {
    let conclusion = window(Better::Somewhere);
    for duel in &conclusion.duels {
        let progress = Progress::of(&conclusion, duel);
        assert!(progress.standings.len() <= 97, "{}", progress.standings.len());
        assert!(progress.standings.is_sorted_by_key(|standing| standing.rounds));
        for environment in 0..2 {
            let differences = progress.differences(environment);
            assert!(differences.is_sorted_by(|one, next| one.tasks < next.tasks), "a task counts once");
            let last = differences.last().unwrap();
            assert_eq!(last.mean, duel.decision.environments[environment].difference);
        }
    }
}
