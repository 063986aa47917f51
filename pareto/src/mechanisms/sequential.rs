//! The default: the first entry that is proved better than the champion in a bout, at the alpha of its number in the reign.

use super::field::{Field, FieldError};
use super::mechanism::{Comparison, Crown, EnvironmentVerdict, Judgement, Mechanism, Ruling, Sides};
use super::succession::{Bout, Challenge, Opening, Standing};
use crate::duel::{Decision, Duel, DuelError, DuelSettings, EnvironmentEvidence, Reason, Verdict};
use crate::heat::HeatSettings;
use crate::reign::{Reign, ReignError};
use crate::scores::{Pair, PairedScores, mean};
use crate::tasks::TaskPlan;

/// Heats, then bouts of the best; the first to dethrone the champion takes all, else the champion keeps it.
///
/// A field has at most one dethronement: those after the winner meet the new champion on tasks that did not choose it.
#[derive(Clone, Debug, PartialEq)]
pub struct Sequential {
    /// Settings of every bout.
    pub duel: DuelSettings,
    /// Settings of the heats.
    pub heat: HeatSettings,
    /// Alpha of the whole reign.
    pub alpha: f64,
    /// Bouts begun in the reign before.
    pub tested: u64,
}

impl Default for Sequential {
    fn default() -> Self {
        Self { duel: DuelSettings::default(), heat: HeatSettings::default(), alpha: 0.01, tested: 0 }
    }
}

impl Sequential {
    pub(super) fn reign(&self) -> Result<Reign, ReignError> {
        Reign::resumed(self.alpha, self.tested)
    }
}

impl Mechanism for Sequential {
    fn name(&self) -> &'static str {
        "sequential"
    }

    fn about(&self) -> &'static str {
        "Heats, then sequential duels on paired tasks"
    }

    fn comparison(&self) -> Comparison<'_> {
        Comparison::Duels(self)
    }

    fn crowns(&self) -> Crown {
        Crown::Model
    }

    fn rule(&self, field: &Field) -> Result<Ruling, FieldError> {
        field.validate()?;
        let playing = field.by_commitment();
        let opening = Opening { champion: field.champion, ..Opening::new(field.environments, &playing) };
        let Some(mut succession) = self.open(&opening, |_| Standing::Waiting)? else {
            return Ok(Ruling::winner_takes_all(0, None, Vec::new()));
        };
        let plan = TaskPlan::new(&self.heat, &self.duel);
        while let Some(mut entry) = succession.next_heat() {
            let (champion, challenger) = (entry.champion, entry.challenger);
            let refused = |source| FieldError::Duel { entry: challenger, source };
            let pair = |environment, task| field.pair(champion, challenger, environment, task);
            entry.heat.feed(pair).map_err(refused)?;
            succession.settle_heat(&entry);
        }
        let mut duels = Vec::new();
        while let Some(Bout { challenge, mut duel, .. }) = succession.next_bout()? {
            let Challenge { champion, challenger, .. } = challenge;
            let refused = |source| FieldError::Duel { entry: challenger, source };
            let verdict = duel
                .feed(|environment, task| {
                    let pair = field.pair(champion, challenger, environment, plan.bout(task))?;
                    let scores = &field.entries[champion].scores[environment];
                    Some(Pair { reference: mean(scores.get(plan.references(task))?.iter().copied()), ..pair })
                })
                .map_err(refused)?;
            duels.push((challenger, duel));
            succession.settle(&challenge, verdict.unwrap_or(Verdict::Undecided));
        }
        Ok(Ruling::winner_takes_all(field.entries.len(), Some(succession.champion()), duels))
    }

    /// Tasks are paired by their place; a score that is missing in the middle or at the end counts as the duel's settings
    /// say.
    fn compare(&self, sides: &[Sides<'_>]) -> Result<Judgement, FieldError> {
        let pairs = |sides: &Sides<'_>| {
            let score = |scores: &[Option<f64>], task: usize| scores.get(task).copied().flatten();
            let tasks = sides.champion.len().max(sides.challenger.len());
            let pair = |task| Pair {
                champion: score(sides.champion, task),
                challenger: score(sides.challenger, task),
                reference: score(sides.reference, task),
                guard: score(sides.guard, task),
            };
            (0..tasks).map(pair).collect()
        };
        let scores = PairedScores { environments: sides.iter().map(pairs).collect() };
        let alpha = self.reign().map_err(DuelError::from)?.alpha_of(self.tested + 1);
        let guarded = sides.iter().any(|sides| !sides.guard.is_empty());
        let duel = Duel::new(scores.environments.len(), &self.duel, alpha)?;
        let mut duel = if guarded { duel.guarded() } else { duel };
        duel.feed(|environment, task| scores.environments[environment].get(task).copied())?;
        let decision = duel.decision();
        let per_environment = decision.environments.iter().enumerate();
        Ok(Judgement {
            dethroned: decision.verdict == Verdict::Dethroned,
            per_environment: per_environment.map(|(place, evidence)| verdict(&decision, place, evidence)).collect(),
            decision: Some(decision),
        })
    }
}

/// The verdict in one environment, from the test that speaks the clearest.
fn verdict(decision: &Decision, environment: usize, evidence: &EnvironmentEvidence) -> EnvironmentVerdict {
    if decision.reason == (Reason::Inferior { environment }) {
        EnvironmentVerdict::Worse
    } else if evidence.superiority_log_e >= decision.needed_log_e {
        EnvironmentVerdict::Dominant
    } else if evidence.settled_after.is_some() {
        EnvironmentVerdict::NotWorse
    } else {
        EnvironmentVerdict::Undecided
    }
}

impl Field {
    /// The scores of two entries on a task, if it is among those of both.
    fn pair(&self, champion: usize, challenger: usize, environment: usize, task: usize) -> Option<Pair> {
        let score = |entry: usize| self.entries[entry].scores[environment].get(task).copied();
        Some(Pair { champion: score(champion)?, challenger: score(challenger)?, ..Pair::default() })
    }
}
