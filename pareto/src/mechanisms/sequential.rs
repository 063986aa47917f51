//! The default: the first entry that is proved better than the champion, at the alpha of its number in the reign.

use super::field::{Field, FieldError};
use super::mechanism::{Comparison, Crown, EnvironmentVerdict, Judgement, Mechanism, Ruling, Sides};
use super::succession::Succession;
use crate::duel::{Decision, DuelSettings, EnvironmentEvidence, Reason, Verdict, duel};
use crate::reign::{Reign, ReignError};
use crate::scores::{Pair, PairedScores};

/// Duels in order of commitment; the first to dethrone the champion takes all, else the champion keeps it.
///
/// A field has at most one dethronement: those after the winner meet the new champion on tasks that did not choose it.
#[derive(Clone, Debug, PartialEq)]
pub struct Sequential {
    /// Settings of every duel.
    pub duel: DuelSettings,
    /// Alpha of the whole reign.
    pub alpha: f64,
    /// Challengers that the reign has tested before. The entries of a [`Field`] bring numbers of their own instead.
    pub tested: u64,
}

impl Default for Sequential {
    fn default() -> Self {
        Self { duel: DuelSettings::default(), alpha: 0.01, tested: 0 }
    }
}

impl Sequential {
    /// The duels of a window among the entries that play, given in order of commitment; `None` if no entry plays.
    ///
    /// `champion` is the reigning entry of the window before. The caller, who has the scores, drives it: see
    /// [`Succession`].
    ///
    /// # Errors
    /// If alpha is not a usable error probability.
    pub fn open(&self, playing: &[usize], champion: Option<usize>) -> Result<Option<Succession>, ReignError> {
        Ok(Succession::open(playing, champion, self.reign()?))
    }

    fn reign(&self) -> Result<Reign, ReignError> {
        Reign::resumed(self.alpha, self.tested)
    }
}

impl Mechanism for Sequential {
    fn name(&self) -> &'static str {
        "sequential"
    }

    fn about(&self) -> &'static str {
        "The sequential duel on paired tasks"
    }

    fn comparison(&self) -> Comparison<'_> {
        Comparison::Duels(self)
    }

    fn crowns(&self) -> Crown {
        Crown::Model
    }

    fn rule(&self, field: &Field) -> Result<Ruling, FieldError> {
        field.validate()?;
        let reign = self.reign()?;
        let Some(champion) = field.reigning() else {
            return Ok(Ruling::winner_takes_all(0, None, Vec::new()));
        };
        let challengers = field.by_commitment().into_iter().filter(|entry| *entry != champion);
        let numbered = challengers.map(|entry| (entry, field.entries[entry].number)).collect();
        let mut succession = Succession::with_numbers(champion, numbered, reign);
        let mut duels = Vec::new();
        while let Some(challenge) = succession.next_duel() {
            let entry = challenge.challenger;
            let refused = |source| FieldError::Duel { entry, source };
            let mut duel = challenge.duel(field.environments, &self.duel).map_err(refused)?;
            let verdict = duel
                .feed(|environment, task| field.pair(challenge.champion, entry, environment, task))
                .map_err(refused)?;
            duels.push((entry, duel));
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
            let pair = |task| Pair { champion: score(sides.champion, task), challenger: score(sides.challenger, task) };
            (0..tasks).map(pair).collect()
        };
        let scores = PairedScores { environments: sides.iter().map(pairs).collect() };
        let alpha = self.reign()?.alpha_of(self.tested + 1);
        let decision = duel(&scores, &self.duel, alpha)?;
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
        Some(Pair { champion: score(champion)?, challenger: score(challenger)? })
    }
}
