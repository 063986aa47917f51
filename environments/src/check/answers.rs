//! Checks of replies with a known score: the oracle's, plain and decorated, and those that are named as wrong.

use super::{
    attack_replies,
    player::{fewer, play},
    report::{CheckItem, CheckReport, quoted},
};
use crate::{Environment, EnvironmentError, Task};

/// Plays every oracle, plain and decorated; returns the plain replies, a list for each task.
pub(super) async fn known_answers(
    environment: &dyn Environment,
    tasks: &[Task],
    report: &mut CheckReport,
) -> Result<Vec<Vec<String>>, EnvironmentError> {
    let mut oracles = Vec::new();
    let mut failure = None;
    for task in tasks {
        let Some(replies) = environment.oracle(task).await? else {
            report.skip(CheckItem::Oracle, "the environment has no oracle; write one to have this checked".to_owned());
            // The remaining attacks need no oracle.
            return Ok(Vec::new());
        };
        for (name, decorate) in attack_replies::DECORATIONS {
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
    report.note(CheckItem::Oracle, failure.is_none(), sentence);
    Ok(oracles)
}

/// Plays the replies that the environment names as wrong.
pub(super) async fn wrong_answers(
    environment: &dyn Environment,
    tasks: &[Task],
    report: &mut CheckReport,
) -> Result<(), EnvironmentError> {
    let (mut played, mut failure) = (0, None);
    for task in tasks.iter().take(fewer(environment, 25)) {
        for reply in environment.wrong(task).await? {
            let verdict = play(environment, task, std::slice::from_ref(&reply)).await?;
            played += 1;
            if verdict.score > 0.0 && failure.is_none() {
                failure =
                    Some(format!("seed {}: the wrong reply {} scored {}", task.seed.0, quoted(&reply), verdict.score));
            }
        }
    }
    if played == 0 {
        report.skip(CheckItem::Wrong, "the environment names no wrong replies".to_owned());
        return Ok(());
    }
    let sentence = failure.clone().unwrap_or_else(|| format!("{played} wrong replies scored 0"));
    report.note(CheckItem::Wrong, failure.is_none(), sentence);
    Ok(())
}
