//! View of a window: the values of the page's template.

use std::collections::BTreeMap;
use std::path::Path;

use minijinja::Value;
use pareto::{Decision, Verdict, count};
use serde::Serialize;

use super::duels::{DuelView, Figure, duel_view, means};
use crate::record::{AdmissionOutcome, Conclusion, CrownedModel, EntryConclusion, Fault, Standing};
use crate::report::percent_trimmed;
use crate::report::summary::{EntrySummary, EnvironmentSummary, Summary};
use crate::report::svg::{self, Difference};

/// Up to so many duels are shown unfolded.
const UNFOLDED: usize = 6;
/// Up to so many reasons are listed; the rest are counted together.
const REASONS: usize = 20;
/// The smallest scale on which a difference is drawn.
const SMALLEST_SCALE: f64 = 0.1;

/// The page.
#[derive(Debug, Serialize)]
pub(super) struct PageView {
    netuid: u16,
    seed_block: u64,
    lead: String,
    facts: Vec<(&'static str, String)>,
    environments: Vec<String>,
    entries: Vec<EntryView>,
    duels: Vec<DuelView>,
    unfolded: bool,
    coverage: String,
    mode: &'static str,
    tolerance: f64,
    margin: f64,
    means: Vec<Figure>,
    champion_mark: Value,
    challenger_mark: Value,
    findings: Vec<Note>,
    refusals: Vec<Note>,
    absent: Vec<Note>,
    late: Vec<Note>,
    waiting: Vec<Note>,
    rollouts: usize,
    failed: usize,
    failures: Vec<Failure>,
    reasons: Vec<ReasonRow>,
    check: Check,
    timing: TimingView,
}

/// A row of the table of entries.
#[derive(Debug, Serialize)]
struct EntryView {
    uid: String,
    hotkey: String,
    model: String,
    standing: Standing,
    cells: Vec<Cell>,
    weight: String,
    /// The number of its duel.
    duel: Option<usize>,
    noted: bool,
    /// Address of the page with its replies.
    replies: Option<String>,
}

/// An entry's scores in one environment.
#[derive(Debug, Serialize)]
struct Cell {
    environment: String,
    mean: Option<String>,
    tasks: usize,
    difference: Option<String>,
    picture: Option<Value>,
}

/// Something said about an entry.
#[derive(Debug, Serialize)]
struct Note {
    uid: String,
    hotkey: String,
    model: String,
    sentence: String,
}

/// Failed rollouts of one kind.
#[derive(Debug, Serialize)]
struct Failure {
    count: usize,
    fault: &'static str,
    environment: String,
    reason: String,
}

/// Verdicts of one kind, counted by environment.
#[derive(Debug, Serialize)]
struct ReasonRow {
    reason: String,
    counts: Vec<usize>,
}

/// Ways to check the page.
#[derive(Debug, Serialize)]
struct Check {
    command: String,
    files: Vec<(&'static str, String)>,
    seed_hash: String,
    environments: Vec<EnvironmentView>,
    runtime: String,
    settings: String,
}

/// An environment's identity.
#[derive(Debug, Serialize)]
struct EnvironmentView {
    name: String,
    version: String,
    tier: u8,
    file: Option<String>,
}

/// Time by use.
#[derive(Debug, Serialize)]
struct TimingView {
    wall: String,
    forward: String,
    harness: String,
    forward_percent: String,
    harness_percent: String,
    checking: String,
    loading: String,
    remaining: String,
}

impl PageView {
    /// The view of a finished window.
    pub(super) fn new(conclusion: &Conclusion, summary: &Summary) -> Self {
        let terms = &conclusion.terms;
        let rollouts = || conclusion.entries.iter().flat_map(|concluded| &concluded.rollouts);
        let (champion_mark, challenger_mark) = svg::party_marks();
        let settings = &terms.settings.deciding.duel;
        Self {
            netuid: terms.netuid,
            seed_block: terms.seed_block,
            lead: lead(conclusion, summary),
            facts: facts(conclusion, rollouts().count()),
            environments: environment_names(conclusion),
            entries: entries(conclusion, summary),
            duels: conclusion.duels.iter().map(|duel| duel_view(conclusion, duel)).collect(),
            unfolded: conclusion.duels.len() <= UNFOLDED,
            coverage: percent_trimmed(settings.interval_coverage),
            mode: match settings.better {
                pareto::Better::OnAverage => "on_average",
                pareto::Better::Somewhere => "somewhere",
                pareto::Better::Strict => "strict",
            },
            tolerance: settings.tolerance,
            margin: settings.margin,
            means: means(conclusion),
            champion_mark,
            challenger_mark,
            findings: notes(conclusion, |_, concluded| concluded.finding.as_ref().map(|found| found.sentence.clone())),
            refusals: reasons_of(conclusion, |outcome| matches!(outcome, AdmissionOutcome::Refused(_))),
            absent: reasons_of(conclusion, |outcome| {
                matches!(outcome, AdmissionOutcome::Absent(_) | AdmissionOutcome::Left(_))
            }),
            late: notes_on(conclusion, Standing::Late),
            waiting: notes_on(conclusion, Standing::Waiting),
            rollouts: rollouts().count(),
            failed: rollouts().filter(|rollout| rollout.fault.is_some()).count(),
            failures: failures(conclusion),
            reasons: reasons(conclusion),
            check: check(conclusion, summary),
            timing: timing(summary),
        }
    }
}

/// The champion, and the reason why it holds the weight.
fn lead(conclusion: &Conclusion, summary: &Summary) -> String {
    let Some(champion) = conclusion.champion else {
        return "No model was admitted: nobody holds the weight.".to_owned();
    };
    let concluded = &conclusion.entries[champion];
    let who = format!("{} (uid {})", concluded.entry.hotkey, concluded.entry.number());
    let won = conclusion
        .duels
        .iter()
        .rfind(|duel| duel.challenger == champion && duel.decision.verdict == Verdict::Dethroned);
    if conclusion.holder().is_none() {
        return format!(
            "The crown is vacant, and all weight is burned: no model that was crowned plays. {who} was committed first and is \
             regent: who beats it in a bout is crowned, and so is it when it has beaten all."
        );
    }
    let held = conclusion.duels.iter().filter(|duel| duel.champion == champion).count();
    let is = |crowned: &CrownedModel| crowned.is(&concluded.entry.hotkey, &concluded.entry.model.to_string());
    let why = match won {
        Some(duel) => format!(
            "it dethroned {} after {}: {}",
            conclusion.entries[duel.champion].entry.hotkey,
            count(duel.decision.tasks_used, "task"),
            gains(conclusion, &duel.decision),
        ),
        None => match conclusion.terms.record.champion.as_ref() {
            Some(crowned) if is(crowned) && conclusion.terms.record.regency == 0 => {
                "it was champion when the window opened".to_owned()
            }
            _ if conclusion.terms.record.former.iter().any(is) => {
                "the champion of before does not play, and of the former champions that do it was the last".to_owned()
            }
            Some(_) => "no model that was crowned plays, and of those that do none has beaten it".to_owned(),
            None => format!(
                "no model has been crowned before, and of the entries that play it was committed first (block {})",
                concluded.entry.committed
            ),
        },
    };
    let since = match (held, won.is_some()) {
        (0, true) if (0..conclusion.entries.len()).any(|entry| conclusion.standing(entry) == Standing::Waiting) => {
            "those who come after it wait for the next window".to_owned()
        }
        (0, true) => "no challenger came after it".to_owned(),
        (0, false) => "no challenger came".to_owned(),
        (1, _) => "the one challenger that met it did not dethrone it".to_owned(),
        (held, _) => format!("none of the {held} challengers that met it dethroned it"),
    };
    format!("{who} {}: {why}; {since}.", summary.held())
}

/// By how much the winner of a duel is better.
fn gains(conclusion: &Conclusion, decision: &Decision) -> String {
    let names = environment_names(conclusion);
    let gains: Vec<String> = decision
        .environments
        .iter()
        .zip(names)
        .map(|(evidence, name)| format!("{:+.3} in {name}", evidence.difference))
        .collect();
    gains.join(", ")
}

fn facts(conclusion: &Conclusion, rollouts: usize) -> Vec<(&'static str, String)> {
    let playing = conclusion.entries.iter().filter(|concluded| concluded.plays()).count();
    let mut facts = vec![
        ("entries", conclusion.entries.len().to_string()),
        ("of them played", playing.to_string()),
        ("duels", conclusion.duels.len().to_string()),
        ("rollouts", rollouts.to_string()),
        ("bouts begun in this reign", conclusion.record.bouts.to_string()),
        ("alpha of a reign", conclusion.terms.settings.deciding.alpha.to_string()),
    ];
    let served = conclusion.not_reproducible();
    if served > 0 {
        facts.push(("rollouts of a server, not reproducible", served.to_string()));
    }
    facts
}

/// Names of the environments.
pub(super) fn environment_names(conclusion: &Conclusion) -> Vec<String> {
    conclusion.terms.environments.iter().map(|environment| environment.name.clone()).collect()
}

fn entries(conclusion: &Conclusion, summary: &Summary) -> Vec<EntryView> {
    let tolerance = conclusion.terms.settings.deciding.duel.tolerance;
    let names = environment_names(conclusion);
    let scores = || summary.entries.iter().flat_map(|entry| &entry.scores);
    let limit = scale(scores().filter_map(|score| score.interval));
    let view = |(place, entry): (usize, &EntrySummary)| EntryView {
        uid: conclusion.entries[place].entry.number(),
        hotkey: entry.hotkey.to_string(),
        model: entry.model.clone(),
        standing: entry.standing,
        cells: entry.scores.iter().zip(&names).map(|(score, name)| cell(score, name, limit, tolerance)).collect(),
        weight: percent_trimmed(entry.weight),
        duel: conclusion.duel_of(place).map(|duel| duel.duel + 1),
        noted: !conclusion.entries[place].plays() || entry.standing == Standing::Waiting,
        replies: (summary.files.entries.is_some() && !conclusion.entries[place].rollouts.is_empty())
            .then(|| format!("entries/{place}.html")),
    };
    summary.entries.iter().enumerate().map(view).collect()
}

fn cell(score: &EnvironmentSummary, environment: &str, limit: f64, tolerance: f64) -> Cell {
    let found = score.difference.zip(score.interval);
    Cell {
        environment: environment.to_owned(),
        mean: score.mean.map(|mean| format!("{mean:.3}")),
        tasks: score.tasks,
        difference: found.map(|(mean, (low, high))| format!("{mean:+.3} [{low:+.3}, {high:+.3}]")),
        picture: found
            .map(|(mean, interval)| svg::whisker(&Difference { tasks: score.tasks, mean, interval }, limit, tolerance)),
    }
}

/// The blocks of commitment of the entries with a standing.
fn notes_on(conclusion: &Conclusion, standing: Standing) -> Vec<Note> {
    notes(conclusion, |place, concluded| {
        let committed = || format!("committed at block {}", concluded.entry.committed);
        (conclusion.standing(place) == standing).then(committed)
    })
}

/// The entries whose admission has such an outcome, with its reason.
fn reasons_of(conclusion: &Conclusion, has: impl Fn(&AdmissionOutcome) -> bool) -> Vec<Note> {
    notes(conclusion, |_, concluded| {
        let outcome = &concluded.admission.outcome;
        outcome.reason().filter(|_| has(outcome)).map(str::to_owned)
    })
}

fn notes(conclusion: &Conclusion, sentence: impl Fn(usize, &EntryConclusion) -> Option<String>) -> Vec<Note> {
    let note = |(place, concluded): (usize, &EntryConclusion)| {
        sentence(place, concluded).map(|sentence| Note {
            uid: concluded.entry.number(),
            hotkey: concluded.entry.hotkey.to_string(),
            model: concluded.entry.model.to_string(),
            sentence,
        })
    };
    conclusion.entries.iter().enumerate().filter_map(note).collect()
}

/// Failed rollouts by whose fault it was, environment and reason, the most frequent first.
fn failures(conclusion: &Conclusion) -> Vec<Failure> {
    let names = environment_names(conclusion);
    let mut counts: BTreeMap<(&'static str, usize, &str), usize> = BTreeMap::new();
    for rollout in conclusion.entries.iter().flat_map(|concluded| &concluded.rollouts) {
        let Some(fault) = rollout.fault.map(Fault::side) else { continue };
        *counts.entry((fault, rollout.environment, &rollout.reason)).or_default() += 1;
    }
    let mut kinds: Vec<_> = counts.into_iter().collect();
    kinds.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    let rest: usize = kinds.iter().skip(REASONS).map(|(_, count)| count).sum();
    let mut failures: Vec<Failure> = kinds
        .into_iter()
        .take(REASONS)
        .map(|((fault, environment, reason), count)| Failure {
            count,
            fault,
            environment: names[environment].clone(),
            reason: reason.to_owned(),
        })
        .collect();
    if rest > 0 {
        let reason = "all other reasons together".to_owned();
        failures.push(Failure { count: rest, fault: "", environment: String::new(), reason });
    }
    failures
}

/// Verdicts by reason, counted by environment, the most frequent first.
fn reasons(conclusion: &Conclusion) -> Vec<ReasonRow> {
    let mut counts: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    for rollout in conclusion.entries.iter().flat_map(|concluded| &concluded.rollouts) {
        if rollout.fault.is_none() {
            let row = counts.entry(&rollout.reason).or_insert_with(|| vec![0; conclusion.terms.environments.len()]);
            row[rollout.environment] += 1;
        }
    }
    let mut rows: Vec<ReasonRow> =
        counts.into_iter().map(|(reason, counts)| ReasonRow { reason: reason.to_owned(), counts }).collect();
    rows.sort_by_key(|row| std::cmp::Reverse(row.counts.iter().sum::<usize>()));
    rows
}

fn check(conclusion: &Conclusion, summary: &Summary) -> Check {
    let files = &summary.files;
    let shown = |path: &Path| path.display().to_string();
    let terms = &conclusion.terms;
    Check {
        command: format!("dethrone audit {}", shell_word(&shown(&files.evidence))),
        files: vec![
            ("evidence", shown(&files.evidence)),
            ("weights", shown(&files.weights)),
            ("this page", shown(&files.report)),
            ("database", files.database.to_string()),
        ],
        seed_hash: terms.seed_hash.clone(),
        environments: terms
            .environments
            .iter()
            .map(|environment| EnvironmentView {
                name: environment.name.clone(),
                version: environment.version.clone(),
                tier: environment.tier,
                file: environment.file.clone(),
            })
            .collect(),
        runtime: terms.runtime.clone(),
        settings: serde_json::to_string_pretty(&terms.settings).expect("settings are plain data"),
    }
}

fn timing(summary: &Summary) -> TimingView {
    let timing = &summary.timing;
    let share = timing.harness_share();
    TimingView {
        wall: format!("{:.1}", timing.wall),
        forward: format!("{:.1}", timing.forward),
        harness: format!("{:.1}", timing.harness),
        forward_percent: format!("{:.1}", 100.0 * (1.0 - share)),
        harness_percent: format!("{:.1}", 100.0 * share),
        checking: format!("{:.1}", timing.checking),
        loading: format!("{:.1}", timing.loading),
        remaining: format!("{:.1}", timing.remaining()),
    }
}

/// A scale, the same on both sides of zero, that holds the intervals.
pub(super) fn scale(intervals: impl Iterator<Item = (f64, f64)>) -> f64 {
    let widest = intervals.map(|(low, high)| low.abs().max(high.abs())).fold(SMALLEST_SCALE, f64::max);
    (widest * 20.0).ceil() / 20.0
}

/// A word that a shell takes for itself.
fn shell_word(word: &str) -> String {
    // Only a zero byte cannot be quoted, and no path holds one.
    shlex::try_quote(word).map_or_else(|_| word.to_owned(), std::borrow::Cow::into_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_quoted_for_a_shell_only_where_it_has_to_be() {
        let check = |path: &str, expected: &str| {
            assert_eq!(shell_word(path), expected);
            assert_eq!(shlex::split(expected), Some(vec![path.to_owned()]), "a shell reads the same word");
        };
        check("out/window-1/evidence.jsonl", "out/window-1/evidence.jsonl");
        check("out put/e.jsonl", "'out put/e.jsonl'");
        check("$HOME", "'$HOME'");
        check("", "''");
        let odd = "it's; rm -rf *";
        assert_eq!(shlex::split(&shell_word(odd)), Some(vec![odd.to_owned()]));
    }

    #[test]
    fn a_scale_holds_every_interval_and_is_never_too_small_to_read() {
        let check = |intervals: &[(f64, f64)], expected: f64| {
            let found = scale(intervals.iter().copied());
            assert!((found - expected).abs() < 1e-12, "{found} for {intervals:?}");
        };
        check(&[], 0.1);
        check(&[(-0.01, 0.02)], 0.1);
        check(&[(-0.31, 0.02)], 0.35);
        check(&[(0.0, 0.2), (-0.1, 0.51)], 0.55);
        check(&[(-1.0, 1.0)], 1.0);
    }
}
