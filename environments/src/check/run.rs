//! Runs all attacks on an environment.

use super::{
    answers, fixed_rules, floors, generation,
    report::{CheckItem, CheckReport},
    robustness,
    settings::CheckSettings,
};
use crate::{Environment, EnvironmentError, ErrorOrigin};

/// Runs every attack. The report holds the environment's failures.
///
/// # Errors
/// If the sandbox is in trouble.
pub async fn check(environment: &dyn Environment, settings: &CheckSettings) -> Result<CheckReport, EnvironmentError> {
    let mut report = CheckReport::new(environment.id().clone(), environment.floor());
    let mut tasks = Vec::new();
    let made = generation::make_tasks(environment, settings, &mut tasks, &mut report).await;
    if !settle(&mut report, CheckItem::Generates, made)? {
        return Ok(report);
    }
    // Constant replies are learned on the others, so that they are not fitted to the tasks they are scored on.
    let (judged, others) = tasks.split_at(usize::try_from(settings.judged).unwrap_or(usize::MAX).min(tasks.len()));
    let oracles = answers::known_answers(environment, judged, &mut report).await;
    let Some(oracles) = keep(&mut report, CheckItem::Oracle, oracles)? else { return Ok(report) };
    let wrong = answers::wrong_answers(environment, judged, &mut report).await;
    settle(&mut report, CheckItem::Wrong, wrong)?;
    let floors = floors::floors(environment, judged, others, &oracles, &mut report).await;
    settle(&mut report, CheckItem::Constants, floors)?;
    let rules = fixed_rules::fixed_rules(environment, judged, others, &mut report).await;
    settle(&mut report, CheckItem::Rules, rules)?;
    let junk = robustness::junk(environment, judged, &mut report).await;
    settle(&mut report, CheckItem::Junk, junk)?;
    let hostile = robustness::hostile(environment, judged, &oracles, &mut report).await;
    settle(&mut report, CheckItem::Hostile, hostile)?;
    Ok(report)
}

/// As [`keep`], for attacks without a result.
fn settle(
    report: &mut CheckReport,
    item: CheckItem,
    result: Result<(), EnvironmentError>,
) -> Result<bool, EnvironmentError> {
    keep(report, item, result).map(|kept| kept.is_some())
}

/// Turns an error of the environment into a failed item; an error of this machine stays an error.
fn keep<T>(
    report: &mut CheckReport,
    item: CheckItem,
    result: Result<T, EnvironmentError>,
) -> Result<Option<T>, EnvironmentError> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(error) if error.origin() == ErrorOrigin::Host => Err(error),
        Err(error) => {
            report.fail(item, error.to_string());
            Ok(None)
        }
    }
}
