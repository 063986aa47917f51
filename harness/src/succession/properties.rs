//! Properties of a window's heats and bouts, decided on made-up scores by the code that windows and audits share.

use std::collections::BTreeMap;

use environments::EnvironmentId;
use pareto::{DuelSettings, HeatDecision, HeatSettings};

use super::*;
use crate::record::UnitScore;
use crate::window::fixtures::{after_ten_reigns, registry, settings};

/// Share of the tasks that models are right on; a model's place in the first window says which it has.
const SKILLS: [f64; 5] = [0.3, 0.5, 0.55, 0.7, 0.9];
/// Tasks of the heat, and bout tasks of a window.
const HEAT: usize = 12;
const BUDGET: usize = 24;
const ENVIRONMENTS: usize = 2;

/// A number in [0, 1) that is a function of its place.
fn drawn(place: &impl serde::Serialize) -> f64 {
    let bytes = blake3::hash(serde_json::to_string(place).unwrap().as_bytes());
    f64::from(u32::from_le_bytes(bytes.as_bytes()[..4].try_into().unwrap())) / 4_294_967_296.0
}

/// The window of so many miners without one of them, if one is named; `5Hot0` reigns.
fn window(seed: u64, miners: usize, without: Option<usize>) -> (WindowTerms, Vec<Admission>, ScoreBoard) {
    let mut registry = registry(miners);
    registry.entries = entries(registry.entries, &after_ten_reigns());
    registry.entries.retain(|entry| without.is_none_or(|without| entry.hotkey.0 != format!("5Hot{without}")));
    let mut settings = settings(BUDGET, 4);
    settings.deciding.alpha = 0.5;
    settings.deciding.duel = DuelSettings { references: 1, tolerance: 0.3, ..settings.deciding.duel.clone() };
    settings.deciding.heat = HeatSettings {
        tasks: HEAT,
        pass: 1.5,
        bouts: if seed.is_multiple_of(2) { 2 } else { 4 },
        ..HeatSettings::default()
    };
    let environments = ["sat", "deduction"].map(|name| EnvironmentId::built_in(name, "1.0.0", 0)).to_vec();
    let mut record = after_ten_reigns();
    record.former.truncate(if seed.is_multiple_of(3) { 9 } else { 10 });
    let terms = WindowTerms::new(&registry, (record, None), &settings, environments, String::new());
    let mut scores = Vec::new();
    for (place, entry) in terms.entries.iter().enumerate() {
        let skill = SKILLS[(drawn(&(seed, &entry.hotkey)) * SKILLS.len() as f64) as usize];
        for (environment, task) in
            (0..ENVIRONMENTS).flat_map(|environment| (0..HEAT + 2 * BUDGET).map(move |task| (environment, task)))
        {
            let difficulty =
                0.7 * drawn(&(seed, environment, task)) + 0.3 * drawn(&(seed, environment, task, &entry.hotkey));
            let score = Some(if difficulty < skill { 1.0 } else { 0.0 });
            scores.push((place, UnitScore { environment, task: task as u32, score }));
        }
    }
    let admission = |entry: &crate::record::EntryTerms| Admission {
        outcome: if entry.hotkey.0 == "5Former8" { AdmissionOutcome::Reserve } else { AdmissionOutcome::Admitted },
        files: vec![crate::record::FileRecord { name: "m".to_owned(), size: 1, sha256: entry.hotkey.0.clone() }],
    };
    let admissions = terms.entries.iter().map(admission).collect();
    let board = ScoreBoard::new(terms.entries.len(), scores);
    (terms, admissions, board)
}

/// Places and numbers of a window's bouts by miner, the miner that holds the weight, and heats by miner.
struct Ended {
    bouts: Vec<(String, u64)>,
    holder: String,
    dethroned: bool,
    heats: BTreeMap<String, HeatDecision>,
    weights: BTreeMap<String, f64>,
}

fn ended(seed: u64, miners: usize, without: Option<usize>) -> Ended {
    let (terms, admissions, board) = window(seed, miners, without);
    let field = Field { terms: &terms, admissions: &admissions, findings: &BTreeMap::new() };
    assert_eq!(field.guard().is_some(), !seed.is_multiple_of(3));
    let held = field.decide(&board, usize::MAX).unwrap().unwrap();
    let (mut succession, mut heats) = (field.open().unwrap().unwrap(), BTreeMap::new());
    while let Some(mut entry) = succession.next_heat() {
        board.feed_heat(&mut entry.heat, entry.champion, entry.challenger, HEAT).unwrap();
        heats.insert(terms.entries[entry.challenger].hotkey.0.clone(), entry.heat.decision());
    }
    let name = |entry: usize| terms.entries[entry].hotkey.0.clone();
    let shares = field.shares(&held.succession).unwrap();
    Ended {
        bouts: held.duels.iter().map(|duel| (name(duel.challenge.challenger), duel.challenge.number)).collect(),
        holder: name(held.succession.champion()),
        dethroned: held.succession.dethroned().is_some(),
        heats,
        weights: shares.entries.iter().enumerate().map(|(entry, share)| (name(entry), *share)).collect(),
    }
}

/// Everybody else keeps its bout at the same number or a smaller one, and who won wins still, unless one who came before it
/// wins now.
#[test]
fn a_loser_that_leaves_can_only_help_the_other_challengers() {
    let (mut dethroned, mut moved, mut guarded) = (0, 0, 0);
    for seed in 0..300 {
        let miners = 3 + (seed % 6) as usize;
        let before = ended(seed, miners, None);
        dethroned += usize::from(before.dethroned);
        let bouts = if seed.is_multiple_of(2) { 2 } else { 4 };
        for loser in 1..miners {
            let name = format!("5Hot{loser}");
            // A crowd plays whole heats, and is ranked at their end: the same side of that line.
            let was_crowded = miners > 2 * bouts + 1;
            if before.holder == name || was_crowded != (miners > 2 * bouts + 2) {
                continue;
            }
            let after = ended(seed, miners, Some(loser));
            guarded += usize::from(!seed.is_multiple_of(3));
            for (other, heat) in &after.heats {
                assert_eq!(Some(heat), before.heats.get(other), "a heat is the challenger's own, seed {seed}");
            }
            for (place, (other, number)) in before.bouts.iter().enumerate() {
                let now = after.bouts.iter().position(|(entry, _)| entry == other);
                if let Some(now) = now.filter(|_| *other != name) {
                    assert!(now <= place && after.bouts[now].1 <= *number, "seed {seed}: {other} without {name}");
                    moved += usize::from(now < place);
                }
            }
            let place = |entry: &str| after.bouts.iter().position(|(other, _)| other == entry);
            if before.dethroned && after.holder != before.holder {
                let behind = place(&after.holder).expect("a champion that fell before falls again");
                assert!(place(&before.holder).is_none_or(|place| behind < place), "seed {seed} without {name}");
            } else {
                assert!(after.weights[&before.holder] >= before.weights[&before.holder] || after.dethroned);
            }
        }
    }
    assert!(dethroned > 30 && moved > 20 && guarded > 300, "{dethroned} dethroned, {moved} moved, {guarded} guarded");
}
