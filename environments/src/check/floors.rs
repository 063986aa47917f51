//! Mean scores of policies that do not read the task: constants, another task's answer, parts of the prompt, random bytes.

use std::collections::BTreeMap;

use super::{
    attack_replies,
    player::play,
    report::{CheckItem, CheckReport, quoted},
};
use crate::{Environment, EnvironmentError, Task};

/// Measures the mean scores of policies that do not read the task. Constant replies are chosen on other tasks than those
/// on which they are scored.
pub(super) async fn floors(
    environment: &dyn Environment,
    tasks: &[Task],
    others: &[Task],
    oracles: &[Vec<String>],
    report: &mut CheckReport,
) -> Result<(), EnvironmentError> {
    let mut best = (0.0, String::new());
    // Twice as many tasks to learn from as to score on; more would not change the most frequent answers.
    for reply in constants(environment, &others[..others.len().min(2 * tasks.len())]).await? {
        let mean = mean_of(environment, tasks, |_| vec![reply.clone()]).await?;
        if mean > best.0 {
            best = (mean, reply);
        }
    }
    let sentence = format!("the best constant reply, {}, scored", quoted(&best.1));
    report.measure(CheckItem::Constants, best.0, tasks.len(), sentence);
    // Without an oracle there is no other task's answer to play.
    if oracles.len() == tasks.len() && tasks.len() > 1 {
        let mean = mean_of(environment, tasks, |index| oracles[(index + 1) % oracles.len()].clone()).await?;
        report.measure(CheckItem::AnotherAnswer, mean, tasks.len(), "another task's answer scored".to_owned());
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
    // Tasks often end with `Input: ...`: the value alone, with the label that the verifier looks for.
    let last_line = |index: usize| {
        let text = any(index, 1).concat();
        let line = text.lines().last().unwrap_or_default();
        let value = line.split_once(": ").map_or(line, |(_, value)| value);
        vec![format!("Answer: {value}")]
    };
    copied = mean_of(environment, tasks, last_line).await?.max(copied);
    report.measure(
        CheckItem::CopiedPrompt,
        copied,
        tasks.len(),
        "the prompt, or a part of it, sent back scored".to_owned(),
    );
    let random = mean_of(environment, tasks, |index| vec![attack_replies::random_text(tasks[index].seed)]).await?;
    report.measure(CheckItem::RandomBytes, random, tasks.len(), "random bytes scored".to_owned());
    Ok(())
}

/// Candidates for the best constant reply: stock replies and the most frequent right answers.
async fn constants(environment: &dyn Environment, tasks: &[Task]) -> Result<Vec<String>, EnvironmentError> {
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    for task in tasks {
        if let Some(reply) = environment.oracle(task).await?.and_then(|replies| replies.into_iter().next()) {
            *counts.entry(reply).or_default() += 1;
        }
    }
    let mut frequent: Vec<(String, usize)> = counts.into_iter().collect();
    // Ties are ordered by text, so that the same environment always gets the same report.
    frequent.sort_by(|(reply, count), (other, others)| others.cmp(count).then_with(|| reply.cmp(other)));
    let mut replies: Vec<String> = frequent.into_iter().take(8).map(|(reply, _)| reply).collect();
    replies.extend(attack_replies::CONSTANTS.iter().map(|&reply| reply.to_owned()));
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
