//! Attacking an environment before a miner does; none is admitted without passing.

mod attacks;
mod player;
mod report;

use std::collections::{BTreeMap, BTreeSet};

pub use report::{Finding, Item, Report, Standing};

use crate::{Environment, EnvironmentError, Fault, Reason, Seed, Task, Verdict, environment::ReplyKind};
use player::play;

/// How thorough a check is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CheckSettings {
    /// How many tasks are made.
    pub tasks: u64,
    /// How many of them must differ from all others.
    pub distinct: u64,
    /// On how many of them replies are judged.
    pub judged: u64,
    /// The first seed; the others follow it.
    pub first_seed: u64,
}

impl Default for CheckSettings {
    fn default() -> Self {
        Self { tasks: 1_000, distinct: 600, judged: 200, first_seed: 1 }
    }
}

/// Runs every attack. What the environment does wrong is in the report; an error is this machine's trouble.
pub async fn check(environment: &dyn Environment, settings: &CheckSettings) -> Result<Report, EnvironmentError> {
    let mut report = Report::new(environment.id().clone(), environment.floor());
    let mut tasks = Vec::new();
    let made = make_tasks(environment, settings, &mut tasks, &mut report).await;
    if !settle(&mut report, Item::Generates, made)? {
        return Ok(report);
    }
    let (judged, others) = tasks.split_at(usize::try_from(settings.judged).unwrap_or(usize::MAX).min(tasks.len()));
    let oracles = known_answers(environment, judged, &mut report).await;
    let Some(oracles) = keep(&mut report, Item::Oracle, oracles)? else { return Ok(report) };
    let wrong = wrong_answers(environment, judged, &mut report).await;
    settle(&mut report, Item::Wrong, wrong)?;
    let floors = floors(environment, judged, others, &oracles, &mut report).await;
    settle(&mut report, Item::Constants, floors)?;
    let junk = junk(environment, judged, &mut report).await;
    settle(&mut report, Item::Junk, junk)?;
    let hostile = hostile(environment, judged, &oracles, &mut report).await;
    settle(&mut report, Item::Hostile, hostile)?;
    Ok(report)
}

/// An environment's own fault becomes a finding; trouble of this machine stays an error.
fn settle(report: &mut Report, item: Item, result: Result<(), EnvironmentError>) -> Result<bool, EnvironmentError> {
    keep(report, item, result).map(|kept| kept.is_some())
}

fn keep<T>(
    report: &mut Report,
    item: Item,
    result: Result<T, EnvironmentError>,
) -> Result<Option<T>, EnvironmentError> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(error) if error.fault() == Fault::Host => Err(error),
        Err(error) => {
            report.fail(item, error.to_string());
            Ok(None)
        }
    }
}

async fn make_tasks(
    environment: &dyn Environment,
    settings: &CheckSettings,
    tasks: &mut Vec<Task>,
    report: &mut Report,
) -> Result<(), EnvironmentError> {
    let mut openings = BTreeSet::new();
    for offset in 0..settings.tasks {
        let task = environment.task(Seed(settings.first_seed.wrapping_add(offset))).await?;
        let opening = serde_json::to_string(&environment.opening(&task)).expect("invariant: messages are plain data");
        openings.insert(*blake3::hash(opening.as_bytes()).as_bytes());
        tasks.push(task);
    }
    let distinct = openings.len() as u64;
    report.note(
        Item::Distinct,
        distinct >= settings.distinct,
        format!("{distinct} of {} tasks differ; at least {} must", settings.tasks, settings.distinct),
    );
    let mut changed = None;
    for task in tasks.iter().take(25) {
        let again = environment.task(task.seed).await?;
        if again.canonical() != task.canonical() {
            changed = Some(task.seed.0);
        }
    }
    let sentence = match changed {
        None => "the same seed gave the same bytes twice".to_owned(),
        Some(seed) => format!("seed {seed} gave two different tasks"),
    };
    report.note(Item::SameBytes, changed.is_none(), sentence);
    Ok(())
}

/// Plays every oracle, plain and decorated; returns the plain replies, one list a task.
async fn known_answers(
    environment: &dyn Environment,
    tasks: &[Task],
    report: &mut Report,
) -> Result<Vec<Vec<String>>, EnvironmentError> {
    let mut oracles = Vec::new();
    let mut failure = None;
    for task in tasks {
        let Some(replies) = environment.oracle(task).await? else {
            report.skip(Item::Oracle, "the environment has no oracle; write one to have this checked".to_owned());
            return Ok(Vec::new());
        };
        for (name, decorate) in attacks::DECORATIONS {
            let decorated: Vec<String> = replies.iter().map(|reply| decorate(reply)).collect();
            let verdict = play(environment, task, &decorated).await?;
            if verdict.score < 1.0 && failure.is_none() {
                failure = Some(format!(
                    "seed {}: the oracle's {name} reply scored {} ({})",
                    task.seed.0, verdict.score, verdict.reason
                ));
            }
        }
        oracles.push(replies);
    }
    let sentence = failure
        .clone()
        .unwrap_or_else(|| format!("the oracle scored 1 on {} tasks, padded and fenced too", tasks.len()));
    report.note(Item::Oracle, failure.is_none(), sentence);
    Ok(oracles)
}

async fn wrong_answers(
    environment: &dyn Environment,
    tasks: &[Task],
    report: &mut Report,
) -> Result<(), EnvironmentError> {
    let (mut played, mut failure) = (0, None);
    for task in tasks.iter().take(few(environment, 25)) {
        for reply in environment.wrong(task).await? {
            let verdict = play(environment, task, std::slice::from_ref(&reply)).await?;
            played += 1;
            if verdict.score > 0.0 && failure.is_none() {
                failure = Some(format!(
                    "seed {}: the wrong reply {} scored {}",
                    task.seed.0,
                    shortened(&reply),
                    verdict.score
                ));
            }
        }
    }
    if played == 0 {
        report.skip(Item::Wrong, "the environment names no wrong replies".to_owned());
        return Ok(());
    }
    let sentence = failure.clone().unwrap_or_else(|| format!("{played} wrong replies scored 0"));
    report.note(Item::Wrong, failure.is_none(), sentence);
    Ok(())
}

/// Mean scores of policies that do not read the task. Constants are learnt from other tasks than they are tried on.
async fn floors(
    environment: &dyn Environment,
    tasks: &[Task],
    others: &[Task],
    oracles: &[Vec<String>],
    report: &mut Report,
) -> Result<(), EnvironmentError> {
    let mut best = (0.0, String::new());
    for reply in constants(environment, &others[..others.len().min(2 * tasks.len())]).await? {
        let mean = mean_of(environment, tasks, |_| vec![reply.clone()]).await?;
        if mean > best.0 {
            best = (mean, reply);
        }
    }
    let sentence = format!("the best constant reply, {}, scored", shortened(&best.1));
    report.measure(Item::Constants, best.0, tasks.len(), sentence);
    if oracles.len() == tasks.len() && tasks.len() > 1 {
        let mean = mean_of(environment, tasks, |index| oracles[(index + 1) % oracles.len()].clone()).await?;
        report.measure(Item::AnotherAnswer, mean, tasks.len(), "another task's answer scored".to_owned());
    }
    let openings: Vec<_> = tasks.iter().map(|task| environment.opening(task)).collect();
    let whole = |index: usize| {
        let contents: Vec<&str> = openings[index].messages().iter().map(|message| message.content.as_str()).collect();
        vec![contents.join("\n")]
    };
    let any = |index: usize, back: usize| {
        let messages = openings[index].messages();
        let place = messages.len().saturating_sub(back);
        vec![messages.get(place).map(|message| message.content.clone()).unwrap_or_default()]
    };
    let mut copied = mean_of(environment, tasks, whole).await?;
    for back in 1..=3 {
        copied = mean_of(environment, tasks, |index| any(index, back)).await?.max(copied);
    }
    let last_line = |index: usize| {
        let text = any(index, 1).concat();
        let line = text.lines().last().unwrap_or_default();
        let value = line.split_once(": ").map_or(line, |(_, value)| value);
        vec![format!("Answer: {value}")]
    };
    copied = mean_of(environment, tasks, last_line).await?.max(copied);
    report.measure(Item::CopiedPrompt, copied, tasks.len(), "the prompt, or a part of it, sent back scored".to_owned());
    let random = mean_of(environment, tasks, |index| vec![attacks::random_text(tasks[index].seed)]).await?;
    report.measure(Item::RandomBytes, random, tasks.len(), "random bytes scored".to_owned());
    Ok(())
}

/// Stock replies and the answers that are right most often.
async fn constants(environment: &dyn Environment, tasks: &[Task]) -> Result<Vec<String>, EnvironmentError> {
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    for task in tasks {
        if let Some(reply) = environment.oracle(task).await?.and_then(|replies| replies.into_iter().next()) {
            *counts.entry(reply).or_default() += 1;
        }
    }
    let mut frequent: Vec<(String, usize)> = counts.into_iter().collect();
    frequent.sort_by(|(reply, count), (other, others)| others.cmp(count).then_with(|| reply.cmp(other)));
    let mut replies: Vec<String> = frequent.into_iter().take(8).map(|(reply, _)| reply).collect();
    replies.extend(attacks::CONSTANTS.iter().map(|&reply| reply.to_owned()));
    Ok(replies)
}

async fn mean_of(
    environment: &dyn Environment,
    tasks: &[Task],
    replies: impl Fn(usize) -> Vec<String>,
) -> Result<f64, EnvironmentError> {
    let mut total = 0.0;
    for (index, task) in tasks.iter().enumerate() {
        total += play(environment, task, &replies(index)).await?.score;
    }
    Ok(total / tasks.len().max(1) as f64)
}

/// Nonsense must be judged, and judged alike twice.
async fn junk(environment: &dyn Environment, tasks: &[Task], report: &mut Report) -> Result<(), EnvironmentError> {
    let replies = attacks::junk();
    let mut failure = None;
    for task in tasks.iter().take(3) {
        for reply in &replies {
            let once = play(environment, task, std::slice::from_ref(reply)).await?;
            let twice = play(environment, task, std::slice::from_ref(reply)).await?;
            if once != twice && failure.is_none() {
                failure = Some(format!("seed {}: {} was judged in two ways", task.seed.0, shortened(reply)));
            }
        }
    }
    let sentence = failure
        .clone()
        .unwrap_or_else(|| format!("{} nonsensical replies were judged, each alike twice", replies.len()));
    report.note(Item::Junk, failure.is_none(), sentence);
    Ok(())
}

/// Replies that would be right, or costly, if anything evaluated them.
async fn hostile(
    environment: &dyn Environment,
    tasks: &[Task],
    oracles: &[Vec<String>],
    report: &mut Report,
) -> Result<(), EnvironmentError> {
    let (mut played, mut failure) = (0, None);
    for (index, task) in tasks.iter().take(few(environment, 10)).enumerate() {
        let right = oracles.get(index).and_then(|replies| replies.first());
        for reply in attacks::hostile(right.map(String::as_str)) {
            let verdict = play(environment, task, std::slice::from_ref(&reply)).await?;
            played += 1;
            if let Some(problem) = harm(environment, &verdict) {
                failure.get_or_insert(format!("seed {}: the reply {} {problem}", task.seed.0, shortened(&reply)));
            }
        }
    }
    let sentence = failure.clone().unwrap_or_else(|| format!("{played} hostile replies scored 0 and ran nothing"));
    report.note(Item::Hostile, failure.is_none(), sentence);
    Ok(())
}

/// Programs that run until their fuel is gone take long; a few tasks tell as much as many.
fn few(environment: &dyn Environment, tasks: usize) -> usize {
    match environment.replies() {
        ReplyKind::Data => tasks,
        ReplyKind::Program => tasks / 5,
    }
}

fn harm(environment: &dyn Environment, verdict: &Verdict) -> Option<String> {
    let used_up = matches!(verdict.reason, Reason::OutOfFuel | Reason::OutOfMemory | Reason::OutputTooLong);
    if verdict.score > 0.0 {
        Some(format!("scored {}: something evaluates replies", verdict.score))
    } else if used_up && environment.replies() == ReplyKind::Data {
        Some(format!("reached a limit: {}", verdict.reason))
    } else {
        None
    }
}

fn shortened(reply: &str) -> String {
    let text: String = reply.chars().take(60).collect();
    if text.len() < reply.len() { format!("{text:?}...") } else { format!("{text:?}") }
}
