//! Evaluations for a terminal: warnings, a table over one set of tasks a row, the replies' counts, and advice.

use crate::report::tables::Table;
use crate::report::{doubt, reason_lines};

use super::evaluation::{EnvironmentEvaluation, Evaluation, Prediction};

/// The evaluation of one model.
pub(super) fn one(evaluation: &Evaluation) -> String {
    let mut parts: Vec<String> = Vec::new();
    // First, since it may make everything below it worthless.
    parts.extend(evaluation.replies.warnings().into_iter().map(|warning| format!("WARNING: {warning}")));
    parts.push(title(evaluation));
    parts.push(table(evaluation).text());
    parts.push(format!("replies of the model: {}", evaluation.replies.sentence()));
    parts.extend(reasons(evaluation));
    parts.push(evaluation.sentence.clone());
    parts.extend(advice(evaluation));
    if evaluation.not_reproducible > 0 {
        parts.push(doubt(evaluation.not_reproducible));
    }
    parts.push(format!("report    {}", evaluation.files.report.display()));
    parts.join("\n\n")
}

/// Evaluations of several models: a table of all, then what became of each.
pub(super) fn several(evaluations: &[Evaluation]) -> String {
    let Some(first) = evaluations.first() else { return String::new() };
    let mut header = vec!["model".to_owned()];
    header.extend(first.environments.iter().map(|environment| environment.environment.clone()));
    header.push("end".to_owned());
    let row = |evaluation: &Evaluation| {
        let mut row = vec![evaluation.model.clone()];
        row.extend(evaluation.environments.iter().map(|environment| {
            let difference =
                environment.difference.map_or_else(String::new, |difference| format!(" ({difference:+.3})"));
            format!("{}{difference}", score(environment.mean))
        }));
        row.push(<&str>::from(evaluation.predicted).to_owned());
        row
    };
    let rows = evaluations.iter().map(row).collect();
    let mut parts = vec![Table { title: String::new(), header, rows }.text()];
    if let Some(against) = &first.against {
        parts.push(format!("mean score (difference to {against} over the same tasks)"));
    }
    parts.extend(evaluations.iter().map(|evaluation| {
        let warnings: String =
            evaluation.replies.warnings().iter().map(|warning| format!("\n  WARNING: {warning}")).collect();
        let advice = advice(evaluation).map_or_else(String::new, |advice| format!("\n  {advice}"));
        format!("{}{warnings}{advice}\n  report {}", evaluation.model, evaluation.files.report.display())
    }));
    parts.join("\n\n")
}

fn title(evaluation: &Evaluation) -> String {
    let subject = match &evaluation.against {
        Some(against) => format!("{} against {against}: {}", evaluation.model, <&str>::from(evaluation.predicted)),
        None => evaluation.model.clone(),
    };
    let speed = &evaluation.speed;
    format!(
        "{subject}\nseed {}, {:.1} s, {:.0} new tokens a second",
        evaluation.seed, speed.seconds, speed.new_tokens_per_second
    )
}

fn table(evaluation: &Evaluation) -> Table {
    let is_duel = evaluation.environments.iter().any(|environment| environment.difference.is_some());
    let header: &[&str] = if is_duel {
        &["environment", "tasks", "you", "champion", "difference (95%)", "not worse?"]
    } else {
        &["environment", "tasks", "you"]
    };
    let row = |environment: &EnvironmentEvaluation| {
        let mut row = vec![environment.environment.clone(), environment.tasks.to_string(), score(environment.mean)];
        if is_duel {
            row.push(score(environment.against_mean));
            row.push(match (environment.difference, environment.interval) {
                (Some(difference), Some((low, high))) => format!("{difference:+.3} [{low:+.3}, {high:+.3}]"),
                _ => "none".to_owned(),
            });
            row.push(match environment.further_tasks {
                Some(0) => "yes".to_owned(),
                _ if evaluation.too_early => "too early to say".to_owned(),
                Some(tasks) => format!("about {tasks} more tasks"),
                None => "not within the budget".to_owned(),
            });
        }
        row
    };
    Table {
        title: String::new(),
        header: header.iter().map(|name| (*name).to_owned()).collect(),
        rows: evaluation.environments.iter().map(row).collect(),
    }
}

/// The mean score, or that there is none.
fn score(mean: Option<f64>) -> String {
    mean.map_or_else(|| "none".to_owned(), |mean| format!("{mean:.3}"))
}

fn reasons(evaluation: &Evaluation) -> Option<String> {
    let of = |environment: &EnvironmentEvaluation| {
        let lines = reason_lines(&environment.reasons, environment.file.as_deref());
        (!lines.is_empty()).then(|| format!("{}, by reason:{lines}", environment.environment))
    };
    let reasons: Vec<String> = evaluation.environments.iter().filter_map(of).collect();
    (!reasons.is_empty()).then(|| reasons.join("\n"))
}

/// The answer to "should I pay for a submission?".
fn advice(evaluation: &Evaluation) -> Option<String> {
    let number = evaluation.number.unwrap_or(1);
    Some(match evaluation.predicted {
        Prediction::Dethrones => {
            format!(
                "Worth a submission: it would dethrone as challenger {number} of the reign, if fresh tasks go as these did."
            )
        }
        Prediction::Loses => "Not worth a submission: it would lose.".to_owned(),
        Prediction::Screened(word) => {
            format!("Not worth a submission: the screens would leave it out as a {word} before it plays.")
        }
        Prediction::Undecided if evaluation.too_early => {
            "Too early to say: fewer than 30 tasks in an environment foretell nothing; give more with --tasks."
                .to_owned()
        }
        Prediction::Undecided => match evaluation.further_tasks {
            Some(tasks) => format!(
                "Open: about {tasks} more tasks in each environment would settle it in favor of the model, as challenger {number} \
                 of the reign."
            ),
            None => "Not worth a submission yet: as things went, it would not dethrone within the validator's budget."
                .to_owned(),
        },
        Prediction::Scored | Prediction::Unscored => return None,
    })
}

#[cfg(test)]
mod tests;
