//! The public rule of 2026: better by a fixed margin in some environments, not much worse in the others, on unpaired
//! means.

use super::field::{EntryMeans, Field, FieldError, by_commitment, mean};
use super::mechanism::{Comparison, EnvironmentVerdict, Judgement, MeansRule, Mechanism, Ruling, Sides};

/// Differences smaller than this are rounding.
const SLACK: f64 = 1e-9;

/// The rule's constants in one environment.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct WindowMargin {
    /// A mean above the champion's by more than this is dominant.
    pub margin: f64,
    /// A mean of at least the champion's times one less this is not worse.
    pub not_worse_tolerance: f64,
    /// A challenger with fewer scores counts as worse.
    pub min_tasks: usize,
}

impl Default for WindowMargin {
    fn default() -> Self {
        Self { margin: 0.03, not_worse_tolerance: 0.02, min_tasks: 1 }
    }
}

/// The first entry by commitment that beats the champion takes all, else the champion keeps it.
#[derive(Clone, Debug, PartialEq)]
pub struct WindowRule {
    /// The constants of each environment; the last ones hold for all further environments.
    pub margins: Vec<WindowMargin>,
    /// Environments that must be dominated; 0 is all.
    pub min_dominant: usize,
}

impl Default for WindowRule {
    fn default() -> Self {
        Self { margins: vec![WindowMargin::default()], min_dominant: 1 }
    }
}

impl WindowRule {
    /// The verdict in an environment from both means and the number of the challenger's scores.
    fn verdict(&self, environment: usize, champion: f64, challenger: f64, scores: usize) -> EnvironmentVerdict {
        let margin = self.margins.get(environment).or(self.margins.last()).copied().unwrap_or_default();
        if scores < margin.min_tasks.max(1) {
            EnvironmentVerdict::Worse
        } else if challenger > champion + margin.margin + SLACK {
            EnvironmentVerdict::Dominant
        } else if challenger >= champion * (1.0 - margin.not_worse_tolerance) - SLACK {
            EnvironmentVerdict::NotWorse
        } else {
            EnvironmentVerdict::Worse
        }
    }

    fn judge(&self, per_environment: Vec<EnvironmentVerdict>) -> Judgement {
        let count = |wanted| per_environment.iter().filter(|verdict| **verdict == wanted).count();
        let needed = if self.min_dominant == 0 { per_environment.len() } else { self.min_dominant };
        let dethroned = count(EnvironmentVerdict::Worse) == 0 && count(EnvironmentVerdict::Dominant) >= needed;
        Judgement { dethroned, per_environment, decision: None }
    }

    fn dethrones(&self, champion: &EntryMeans, challenger: &EntryMeans) -> bool {
        let places = 0..champion.means.len().min(challenger.means.len());
        let verdict =
            |place| self.verdict(place, champion.means[place], challenger.means[place], challenger.counts[place]);
        self.judge(places.map(verdict).collect()).dethroned
    }
}

impl Mechanism for WindowRule {
    fn name(&self) -> &'static str {
        "window"
    }

    fn about(&self) -> &'static str {
        "A fixed margin on unpaired means, the public rule of 2026"
    }

    fn comparison(&self) -> Comparison<'_> {
        Comparison::Means(self)
    }

    fn rule(&self, field: &Field) -> Result<Ruling, FieldError> {
        field.validate()?;
        self.rule_on_means(&field.means(0.0), field.champion)
    }

    /// A champion without scores has a mean of 0.
    fn compare(&self, sides: &[Sides<'_>]) -> Result<Judgement, FieldError> {
        let known = |scores: &[Option<f64>]| scores.iter().copied().collect::<Option<Vec<f64>>>();
        let mut verdicts = Vec::with_capacity(sides.len());
        for (place, sides) in sides.iter().enumerate() {
            let Some((champion, challenger)) = known(sides.champion).zip(known(sides.challenger)) else {
                return Err(FieldError::Missing { environment: sides.environment.to_owned() });
            };
            let scores = challenger.len();
            verdicts.push(self.verdict(place, mean(champion.into_iter()), mean(challenger.into_iter()), scores));
        }
        Ok(self.judge(verdicts))
    }
}

impl MeansRule for WindowRule {
    fn rule_on_means(&self, entries: &[EntryMeans], champion: Option<usize>) -> Result<Ruling, FieldError> {
        let order = by_commitment(entries);
        let Some(champion) = champion.or_else(|| order.first().copied()) else {
            return Ok(Ruling::winner_takes_all(0, None, Vec::new()));
        };
        let beats = |entry: &usize| *entry != champion && self.dethrones(&entries[champion], &entries[*entry]);
        let winner = order.into_iter().find(beats).unwrap_or(champion);
        Ok(Ruling::winner_takes_all(entries.len(), Some(winner), Vec::new()))
    }

    fn dethroned(&self, entries: &[EntryMeans]) -> bool {
        entries.split_first().is_some_and(|(champion, others)| others.iter().any(|one| self.dethrones(champion, one)))
    }

    fn is_pairwise(&self) -> bool {
        true
    }
}

#[cfg(test)]
mod tests {
    use super::EnvironmentVerdict::{Dominant, NotWorse, Worse};
    use super::*;

    fn check(rule: &WindowRule, sides: &[(&[f64], &[f64])], expected: &[EnvironmentVerdict], dethroned: bool) {
        let scores = |list: &[f64]| list.iter().copied().map(Some).collect::<Vec<_>>();
        let lists: Vec<_> = sides.iter().map(|(one, two)| (scores(one), scores(two))).collect();
        let sides: Vec<Sides<'_>> = lists
            .iter()
            .map(|(champion, challenger)| Sides { environment: "sat", champion, challenger, ..Sides::default() })
            .collect();
        let judgement = rule.compare(&sides).expect("whole scores");
        assert_eq!((judgement.per_environment.as_slice(), judgement.dethroned), (expected, dethroned), "{sides:?}");
    }

    #[test]
    fn a_margin_somewhere_and_no_loss_anywhere_wins() {
        let rule = WindowRule::default();
        let half: &[f64] = &[0.0, 1.0];
        check(&rule, &[(half, &[1.0]), (half, half)], &[Dominant, NotWorse], true);
        check(&rule, &[(half, &[1.0]), (half, &[0.48])], &[Dominant, Worse], false);
        check(&rule, &[(half, half), (half, half)], &[NotWorse, NotWorse], false);
        // The margin itself is not enough, and the tolerance itself is.
        check(&rule, &[(half, &[0.53])], &[NotWorse], false);
        check(&rule, &[(half, &[0.530_001])], &[Dominant], true);
        check(&rule, &[(half, &[0.49]), (half, &[1.0])], &[NotWorse, Dominant], true);
        // No scores are worse than any; no scores of the champion are a mean of 0.
        check(&rule, &[(half, &[])], &[Worse], false);
        check(&rule, &[(&[], &[0.04])], &[Dominant], true);
        check(&rule, &[], &[], false);
    }

    #[test]
    fn each_environment_has_its_own_constants_and_all_may_be_asked_for() {
        let margins = vec![
            WindowMargin { margin: 0.3, ..WindowMargin::default() },
            WindowMargin { margin: 0.1, not_worse_tolerance: 0.5, min_tasks: 2 },
        ];
        let all = WindowRule { margins: margins.clone(), min_dominant: 0 };
        let low: &[f64] = &[0.4, 0.4];
        check(&all, &[(low, &[0.8]), (low, &[0.6, 0.6]), (low, &[0.6, 0.6])], &[Dominant; 3], true);
        check(&all, &[(low, &[0.6]), (low, &[0.6, 0.6])], &[NotWorse, Dominant], false);
        check(&all, &[(low, &[0.8]), (low, &[0.9])], &[Dominant, Worse], false);
        let one = WindowRule { margins, min_dominant: 1 };
        check(&one, &[(low, &[0.8]), (low, &[0.2, 0.2])], &[Dominant, NotWorse], true);
    }

    #[test]
    fn a_missing_score_is_refused_by_the_name_of_its_environment() {
        let sides =
            Sides { environment: "coding", champion: &[Some(1.0)], challenger: &[Some(1.0), None], ..Sides::default() };
        let error = WindowRule::default().compare(&[sides]).expect_err("a score is missing");
        assert_eq!(error, FieldError::Missing { environment: "coding".to_owned() });
    }

    fn entry(order: (u64, u32), scores: &[(f64, usize)]) -> EntryMeans {
        let mut entry = EntryMeans::new(order);
        scores.iter().for_each(|(mean, count)| entry.push(*mean, *count, true));
        entry
    }

    #[test]
    fn the_first_by_commitment_that_beats_the_champion_takes_all() {
        let ruled = |entries: &[(u64, f64)], champion, expected: Option<usize>| {
            let entries: Vec<_> = entries.iter().map(|(block, mean)| entry((*block, 0), &[(*mean, 10)])).collect();
            let ruling = WindowRule::default().rule_on_means(&entries, champion).expect("a rule for all means");
            assert_eq!(ruling.winner, expected, "{entries:?}");
            let weights: Vec<f64> =
                (0..entries.len()).map(|place| f64::from(u8::from(Some(place) == expected))).collect();
            assert_eq!((ruling.weights, ruling.burned), (weights, f64::from(u8::from(expected.is_none()))));
        };
        ruled(&[], None, None);
        ruled(&[(1, 0.0)], None, Some(0));
        // The earliest reigns where none is given, wherever it stands in the list.
        ruled(&[(2, 0.5), (1, 0.5)], None, Some(1));
        ruled(&[(2, 0.6), (1, 0.5)], None, Some(0));
        // Not the best wins, but the first that is good enough.
        ruled(&[(1, 0.5), (3, 0.9), (2, 0.54)], None, Some(2));
        ruled(&[(1, 0.5), (3, 0.9), (2, 0.53)], None, Some(1));
        // The champion may have committed later than those that it beat.
        ruled(&[(1, 0.52), (2, 0.5)], Some(1), Some(1));
        ruled(&[(1, 0.54), (2, 0.5)], Some(1), Some(0));
        // Of one block the position decides, and of equal ones their place in the list.
        ruled(&[(1, 0.5), (2, 0.6), (2, 0.7)], None, Some(1));
    }

    #[test]
    fn margins_hold_at_their_edges_whatever_the_rounding() {
        let verdict = |margin: WindowMargin, champion: f64, challenger: f64, scores: usize| {
            WindowRule { margins: vec![margin], min_dominant: 1 }.verdict(0, champion, challenger, scores)
        };
        let margin = WindowMargin::default();
        for step in 0..=90 {
            // Sums of decimals are off by a bit here and there; the slack takes that for equality.
            let champion = f64::from(step) / 100.0;
            assert_eq!(verdict(margin, champion, f64::from(step + 3) / 100.0, 1), NotWorse, "{champion}");
            assert_eq!(verdict(margin, champion, f64::from(step + 3) / 100.0 + 1e-6, 1), Dominant, "{champion}");
            assert_eq!(verdict(margin, champion, champion * 0.98, 1), NotWorse, "{champion}");
            assert_eq!(verdict(margin, champion, champion * 0.98 - 1e-6, 1), Worse, "{champion}");
        }
        // Too few scores are worse than any mean; at least one is asked for even where none is.
        for (min_tasks, scores, expected) in
            [(0, 0, Worse), (0, 1, Dominant), (1, 1, Dominant), (5, 4, Worse), (5, 5, Dominant)]
        {
            assert_eq!(
                verdict(WindowMargin { min_tasks, ..margin }, 0.2, 0.9, scores),
                expected,
                "{min_tasks} {scores}"
            );
        }
        // Without a margin or a tolerance a tie is a tie.
        let exact = WindowMargin { margin: 0.0, not_worse_tolerance: 0.0, min_tasks: 1 };
        assert_eq!(verdict(exact, 0.3, 0.1 + 0.2, 1), NotWorse);
        assert_eq!([verdict(exact, 0.3, 0.300_001, 1), verdict(exact, 0.3, 0.299_999, 1)], [Dominant, Worse]);
        // No constants at all are the public ones.
        let none = WindowRule { margins: Vec::new(), min_dominant: 1 };
        assert_eq!([none.verdict(3, 0.5, 0.54, 1), none.verdict(3, 0.5, 0.53, 1)], [Dominant, NotWorse]);
    }

    #[test]
    fn more_dominance_than_there_are_environments_is_never_reached() {
        let (low, high): (&[f64], &[f64]) = (&[0.2], &[0.9]);
        for (min_dominant, dethroned) in [(0, true), (1, true), (2, true), (3, false), (usize::MAX, false)] {
            let rule = WindowRule { min_dominant, ..WindowRule::default() };
            check(&rule, &[(low, high), (low, high)], &[Dominant, Dominant], dethroned);
        }
    }

    #[test]
    fn in_simulations_the_first_entry_is_the_one_to_beat() {
        let rule = WindowRule::default();
        let dethroned = |means: &[f64]| {
            let entries: Vec<_> = means.iter().map(|mean| entry((0, 0), &[(*mean, 5), (0.5, 5)])).collect();
            rule.dethroned(&entries)
        };
        assert!(dethroned(&[0.5, 0.6]) && dethroned(&[0.5, 0.1, 0.6]));
        assert!(!dethroned(&[0.6, 0.5, 0.6]) && !dethroned(&[0.1]) && !dethroned(&[]));
        // Scores that are missing altogether are worse, however good the mean says they are.
        assert!(!rule.dethroned(&[entry((0, 0), &[(0.5, 5)]), entry((1, 0), &[(0.9, 0)])]));
    }
}
