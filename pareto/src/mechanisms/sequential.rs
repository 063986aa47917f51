//! The default: the first entry that is proved better than the champion, at the alpha of its number in the reign.

use crate::duel::{Duel, DuelError, DuelSettings, Verdict};
use crate::mechanisms::field::{Field, FieldError, Mechanism, Ruling};
use crate::reign::Reign;
use crate::scores::{Pair, PairedScores};

/// Duels in order of commitment; the first to dethrone the champion takes all, else the champion keeps it.
///
/// A field has at most one dethronement: those after the winner meet the new champion on tasks that did not choose it.
#[derive(Clone, Debug, PartialEq)]
pub struct Sequential {
    /// What a duel is decided by.
    pub duel: DuelSettings,
    /// Alpha of the whole reign.
    pub alpha: f64,
}

impl Default for Sequential {
    fn default() -> Self {
        Self { duel: DuelSettings::default(), alpha: 0.01 }
    }
}

impl Mechanism for Sequential {
    fn name(&self) -> &'static str {
        "sequential"
    }

    fn rule(&self, field: &Field) -> Result<Ruling, FieldError> {
        field.validate()?;
        let reign = Reign::new(self.alpha)?;
        let Some(champion) = field.reigning() else {
            return Ok(Ruling::winner_takes_all(0, None, Vec::new()));
        };
        let mut winner = champion;
        let mut duels = Vec::new();
        for entry in field.by_commitment() {
            if entry == champion {
                continue;
            }
            let refused = |source| FieldError::Duel { entry, source };
            let alpha = reign.alpha_of(field.entries[entry].number);
            let mut duel = Duel::new(field.environments, &self.duel, alpha).map_err(refused)?;
            let verdict = hold(&mut duel, field, champion, entry).map_err(refused)?;
            duels.push((entry, duel));
            if verdict == Some(Verdict::Dethroned) {
                winner = entry;
                break;
            }
        }
        Ok(Ruling::winner_takes_all(field.entries.len(), Some(winner), duels))
    }
}

/// Pushes the field's scores round by round until the duel ends or waits for a task that is not there.
fn hold(duel: &mut Duel, field: &Field, champion: usize, challenger: usize) -> Result<Option<Verdict>, DuelError> {
    let (one, two) = (&field.entries[champion].scores, &field.entries[challenger].scores);
    while duel.verdict().is_none() {
        for environment in 0..field.environments {
            if duel.waits_for(environment) {
                let task = duel.pushed(environment);
                let (Some(first), Some(second)) = (one[environment].get(task), two[environment].get(task)) else {
                    return Ok(None);
                };
                duel.push(environment, Pair { champion: *first, challenger: *second })?;
            }
        }
    }
    Ok(duel.verdict())
}

impl Field {
    /// The scores of two entries, paired by task.
    pub fn paired(&self, champion: usize, challenger: usize) -> PairedScores {
        let (one, two) = (&self.entries[champion].scores, &self.entries[challenger].scores);
        let pair = |(champion, challenger): (&Option<f64>, &Option<f64>)| Pair {
            champion: *champion,
            challenger: *challenger,
        };
        let environments = one.iter().zip(two).map(|(one, two)| one.iter().zip(two).map(pair).collect()).collect();
        PairedScores { environments }
    }
}
