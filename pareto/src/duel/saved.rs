//! Duel put down undecided, to be carried on in a later window with its wealth.
//!
//! A wealth is a supermartingale over all tasks of its duel, whatever window they are from: a duel that is carried on is one
//! test at one number, and spends nothing more.

use serde::{Deserialize, Serialize};

use super::environment::Environment;
use super::sequence::Duel;
use super::settings::{Better, DuelError, DuelSettings};
use crate::eprocess::EProcess;

/// Everything that an undecided duel has read, as exactly as it was.
///
/// Written as JSON with a float writer and reader that keep every bit, it comes back the same.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SavedDuel {
    alpha: f64,
    claims: Claims,
    rounds: usize,
    superiority: EProcess,
    superiority_settled_after: Option<usize>,
    futility: EProcess,
    environments: Vec<Environment>,
}

/// The settings that say against what the wealths bet.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Claims {
    better: Better,
    tolerance: f64,
    margin: f64,
    futility_margin: f64,
}

impl Claims {
    fn of(settings: &DuelSettings) -> Self {
        let DuelSettings { better, tolerance, margin, futility_margin, .. } = *settings;
        Self { better, tolerance, margin, futility_margin }
    }
}

impl SavedDuel {
    /// Alpha at which it was begun, and at which it is carried on.
    #[must_use]
    pub fn alpha(&self) -> f64 {
        self.alpha
    }

    /// Tasks read in all environments together.
    #[must_use]
    pub fn tasks_used(&self) -> usize {
        self.environments.iter().map(|place| place.tasks).sum()
    }

    /// True if the duel can be carried on in so many environments under these settings: its wealths bet against what they
    /// ask.
    #[must_use]
    pub fn fits(&self, environments: usize, settings: &DuelSettings) -> bool {
        self.environments.len() == environments && self.claims == Claims::of(settings)
    }

    /// The duel as it was put down, with a whole budget for the tasks of the window it is carried on in.
    ///
    /// A guard that it did not have before begins with nothing; one that is no longer there is no longer asked for.
    ///
    /// # Errors
    /// If a setting is out of its range, the duel does not [fit](Self::fits), or no duel can be in such a state.
    pub fn carried_on(self, settings: &DuelSettings, guard: bool) -> Result<Duel, DuelError> {
        let mut duel = Duel::new(self.environments.len(), settings, self.alpha)?;
        let fault = |fault| Err(DuelError::Saved { fault });
        if !self.fits(self.environments.len(), settings) {
            return fault("it was held under other settings");
        }
        if self.environments.iter().any(Environment::is_impossible) {
            return fault("its counts contradict one another");
        }
        duel.environments = self.environments;
        for place in &mut duel.environments {
            place.before = place.tasks;
            place.guard = place.guard.take().filter(|_| guard);
        }
        if guard {
            duel = duel.guarded();
        }
        duel.rounds = self.rounds;
        duel.superiority = self.superiority;
        duel.superiority_settled_after = self.superiority_settled_after;
        duel.futility = self.futility;
        duel.go_on();
        Ok(duel)
    }
}

impl Duel {
    /// Everything that the duel has read, to be carried on in a later window.
    ///
    /// Of a duel that ended undecided the pairs pushed past its end, which it never read, are left out.
    #[must_use]
    pub fn save(&self) -> SavedDuel {
        let mut environments = self.environments.clone();
        for place in &mut environments {
            // Of this window alone.
            (place.pushed, place.before, place.difference) = (0, 0, None);
            if self.has_ended() {
                place.queue.clear();
            }
        }
        SavedDuel {
            alpha: self.alpha,
            claims: Claims::of(&self.settings),
            rounds: self.rounds,
            superiority: self.superiority.clone(),
            superiority_settled_after: self.superiority_settled_after,
            futility: self.futility.clone(),
            environments,
        }
    }
}
