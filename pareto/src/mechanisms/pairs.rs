//! Fields and single challenges under a rule that pairs tasks.

use super::field::{Field, FieldError};
use super::mechanism::{EnvironmentVerdict, Judgement, PairsRule, Ruling, Sides};

/// Everything to the challenger with the largest lead, the earliest of equals; without one, to the champion.
pub(super) fn rule_on_pairs(rule: &dyn PairsRule, field: &Field) -> Result<Ruling, FieldError> {
    field.validate()?;
    let Some(champion) = field.reigning() else {
        return Ok(Ruling::winner_takes_all(0, None, Vec::new()));
    };
    let mut winner = (champion, f64::NEG_INFINITY);
    for entry in field.by_commitment().into_iter().filter(|entry| *entry != champion) {
        let scores = |entry: usize| field.entries[entry].scores.iter();
        let differences = scores(champion).zip(scores(entry)).map(|(one, two)| differences(one, two)).collect();
        if let Some(lead) = rule.lead(&limited(rule, differences)).filter(|lead| *lead > winner.1) {
            winner = (entry, lead);
        }
    }
    Ok(Ruling::winner_takes_all(field.entries.len(), Some(winner.0), Vec::new()))
}

/// One challenge; the verdict in an environment is the sign of its mean difference.
pub(super) fn compare_pairs(rule: &dyn PairsRule, sides: &[Sides<'_>]) -> Judgement {
    let differences: Vec<Vec<f64>> = sides.iter().map(|sides| differences(sides.champion, sides.challenger)).collect();
    let differences = limited(rule, differences);
    let verdict = |differences: &Vec<f64>| match mean(differences) {
        mean if mean > 0.0 => EnvironmentVerdict::Dominant,
        mean if mean < 0.0 => EnvironmentVerdict::Worse,
        _ => EnvironmentVerdict::NotWorse,
    };
    Judgement {
        dethroned: rule.lead(&differences).is_some(),
        per_environment: differences.iter().map(verdict).collect(),
        decision: None,
    }
}

/// The mean over environments of the mean difference in each; environments without tasks are left out.
pub(super) fn average(differences: &[Vec<f64>]) -> Option<f64> {
    let played: Vec<f64> = differences.iter().filter(|list| !list.is_empty()).map(|list| mean(list)).collect();
    (!played.is_empty()).then(|| mean(&played))
}

fn mean(values: &[f64]) -> f64 {
    super::field::mean(values.iter().copied())
}

/// Differences on the tasks on which the champion has a score; a challenger without one scores 0.
fn differences(champion: &[Option<f64>], challenger: &[Option<f64>]) -> Vec<f64> {
    let score = |task: usize| challenger.get(task).copied().flatten().unwrap_or(0.0);
    let paired = champion.iter().enumerate().filter_map(|(task, champion)| Some(score(task) - (*champion)?));
    paired.collect()
}

/// The tasks that the rule takes of those there are, the first ones.
fn limited(rule: &dyn PairsRule, mut differences: Vec<Vec<f64>>) -> Vec<Vec<f64>> {
    let available: Vec<usize> = differences.iter().map(Vec::len).collect();
    for (list, tasks) in differences.iter_mut().zip(rule.tasks(&available)) {
        list.truncate(tasks);
    }
    differences
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mechanisms::{Bootstrap, FieldEntry, Mechanism, PrivateSamples, TwoEvaluations};

    fn list(scores: &[f64]) -> Vec<Option<f64>> {
        scores.iter().copied().map(Some).collect()
    }

    /// Entries by commitment: one score each, on every task of one environment.
    fn field(scores: &[f64], champion: Option<usize>) -> Field {
        let entry = |(place, score): (usize, &f64)| FieldEntry {
            committed: place as u64,
            position: 0,
            scores: vec![list(&[*score; 40])],
        };
        Field { environments: 1, entries: scores.iter().enumerate().map(entry).collect(), champion }
    }

    #[test]
    fn the_champion_keeps_the_weight_until_a_challenger_leads() {
        let check = |mechanism: &dyn Mechanism, scores: &[f64], champion, winner: Option<usize>| {
            let ruling = mechanism.rule(&field(scores, champion)).expect("a valid field");
            assert_eq!(ruling.winner, winner, "{} {scores:?} {champion:?}", mechanism.name());
            assert_eq!(ruling.burned, f64::from(u8::from(winner.is_none())));
        };
        let (bootstrap, two, private) = (Bootstrap::default(), TwoEvaluations::default(), PrivateSamples::default());
        let all: [&dyn Mechanism; 3] = [&bootstrap, &two, &private];
        for mechanism in all {
            check(mechanism, &[], None, None);
            check(mechanism, &[0.5], None, Some(0));
            check(mechanism, &[0.5, 0.5, 0.4], None, Some(0));
            check(mechanism, &[0.5, 0.6, 0.4], None, Some(1));
            check(mechanism, &[0.5, 0.6, 0.4], Some(1), Some(1));
        }
        check(&private, &[0.5, 0.6, 0.4], Some(2), Some(1));
        check(&two, &[0.5, 0.6, 0.4], Some(2), Some(0));
        // Where the lead is a mean the largest one wins, where it is a test passed the first does.
        check(&private, &[0.5, 0.6, 0.7, 0.7], None, Some(2));
        check(&bootstrap, &[0.5, 0.6, 0.7, 0.7], None, Some(1));
    }

    #[test]
    fn missing_scores_count_against_the_challenger_alone() {
        let check = |champion: &[Option<f64>], challenger: &[Option<f64>], expected: &[f64]| {
            assert_eq!(differences(champion, challenger), expected);
        };
        check(&list(&[0.5, 1.0]), &list(&[1.0]), &[0.5, -1.0]);
        check(&[None, Some(0.25)], &list(&[1.0, 1.0]), &[0.75]);
        check(&[Some(0.0), Some(1.0)], &[None, None], &[0.0, -1.0]);
        check(&[], &list(&[1.0]), &[]);
    }

    #[test]
    fn a_single_challenge_names_where_the_challenger_is_ahead() {
        use EnvironmentVerdict::{Dominant, NotWorse, Worse};
        let (low, middle, high) = (list(&[0.2; 30]), list(&[0.5; 30]), list(&[0.9; 30]));
        let side = |challenger| Sides { environment: "sat", champion: &middle, challenger, ..Sides::default() };
        let judged = PrivateSamples::default().compare(&[side(&low), side(&middle), side(&high)]).expect("a challenge");
        assert_eq!(judged.per_environment, [Worse, NotWorse, Dominant]);
        assert!(judged.dethroned && judged.decision.is_none(), "the mean of -0.3, 0 and 0.4 is 0.03");
        assert!(TwoEvaluations::default().compare(&[side(&low), side(&high)]).expect("a challenge").dethroned);
        assert!(!Bootstrap::default().compare(&[]).expect("no environment").dethroned);
    }

    #[test]
    fn every_environment_counts_alike_whatever_its_tasks() {
        assert_eq!(average(&[vec![1.0], vec![0.0; 99]]), Some(0.5));
        assert_eq!(average(&[vec![1.0], Vec::new()]), Some(1.0));
        assert_eq!(average(&[Vec::new()]), None);
        assert_eq!(average(&[]), None);
    }
}
