//! Checks that no reply breaks, confuses or drives the verifier.

use super::{
    attack_replies,
    player::{fewer, play},
    report::{CheckItem, CheckReport, quoted},
};
use crate::{Environment, EnvironmentError, ReplyKind, Task, Verdict, VerdictReason};

/// Plays nonsensical replies: each must get a verdict, and the same verdict twice.
pub(super) async fn junk(
    environment: &dyn Environment,
    tasks: &[Task],
    report: &mut CheckReport,
) -> Result<(), EnvironmentError> {
    let replies = attack_replies::junk();
    let mut failure = None;
    // Nonsense fares alike on all tasks, and the replies are long.
    for task in tasks.iter().take(3) {
        for reply in &replies {
            let once = play(environment, task, std::slice::from_ref(reply)).await?;
            let twice = play(environment, task, std::slice::from_ref(reply)).await?;
            if once != twice && failure.is_none() {
                failure = Some(format!("seed {}: {} was judged in two ways", task.seed.0, quoted(reply)));
            }
        }
    }
    let sentence = failure
        .clone()
        .unwrap_or_else(|| format!("{} nonsensical replies were judged, each alike twice", replies.len()));
    report.note(CheckItem::Junk, failure.is_none(), sentence);
    Ok(())
}

/// Plays replies that score, or use up a limit, only if the verifier evaluates them.
pub(super) async fn hostile(
    environment: &dyn Environment,
    tasks: &[Task],
    oracles: &[Vec<String>],
    report: &mut CheckReport,
) -> Result<(), EnvironmentError> {
    let (mut played, mut failure) = (0, None);
    for (index, task) in tasks.iter().take(fewer(environment, 10)).enumerate() {
        let right = oracles.get(index).and_then(|replies| replies.first());
        for reply in attack_replies::hostile(right.map(String::as_str)) {
            let verdict = play(environment, task, std::slice::from_ref(&reply)).await?;
            played += 1;
            if let Some(problem) = harm(environment, &verdict) {
                failure.get_or_insert(format!("seed {}: the reply {} {problem}", task.seed.0, quoted(&reply)));
            }
        }
    }
    let sentence = failure.clone().unwrap_or_else(|| format!("{played} hostile replies scored 0 and ran nothing"));
    report.note(CheckItem::Hostile, failure.is_none(), sentence);
    Ok(())
}

/// Description of the harm that a hostile reply did, if any.
fn harm(environment: &dyn Environment, verdict: &Verdict) -> Option<String> {
    // Reaching a limit shows that something was executed, even if it scored nothing.
    let used_up =
        matches!(verdict.reason, VerdictReason::OutOfFuel | VerdictReason::OutOfMemory | VerdictReason::OutputTooLong);
    if verdict.score > 0.0 {
        Some(format!("scored {}: something evaluates replies", verdict.score))
    } else if used_up && environment.replies() == ReplyKind::Data {
        Some(format!("reached a limit: {}", verdict.reason))
    } else {
        None
    }
}
