//! The trait of all mechanisms: from a field of scored entries to weights.

use serde::{Deserialize, Serialize};

use super::field::{EntryMeans, Field, FieldError};
use super::sequential::Sequential;
use crate::duel::{Decision, Duel};

/// A rule that turns a field into weights.
///
/// A new one is a file with this trait and a row in [`Mechanisms`](super::Mechanisms): `lab` then plays it and `decide`
/// applies it, by its name.
pub trait Mechanism: Sync {
    /// The name by which it is chosen.
    fn name(&self) -> &'static str;

    /// The rule in a few words, for lists of what can be chosen.
    fn about(&self) -> &'static str;

    /// Rules on a field.
    ///
    /// # Errors
    /// If the field is not one that could be, or a setting is out of its range.
    fn rule(&self, field: &Field) -> Result<Ruling, FieldError>;

    /// The scores that it compares, which decide how it can be simulated.
    fn comparison(&self) -> Comparison<'_>;

    /// The thing to which it gives the crown.
    fn crowns(&self) -> Crown {
        Crown::Hotkey
    }

    /// Rules on one challenge: both sides' scores in every environment.
    ///
    /// # Errors
    /// If it rules on whole fields only, or as [`rule`](Self::rule) does.
    fn compare(&self, _sides: &[Sides<'_>]) -> Result<Judgement, FieldError> {
        Err(FieldError::WholeFields { mechanism: self.name() })
    }
}

/// The scores that a mechanism compares.
#[derive(Clone, Copy)]
pub enum Comparison<'a> {
    /// Champion and challenger on the same tasks, as many of them as each duel asks for.
    Duels(&'a Sequential),
    /// Means of a fixed number of tasks.
    Means(&'a dyn MeansRule),
    /// Champion and challenger on the same tasks, a fixed number of them.
    Pairs(&'a dyn PairsRule),
}

/// Thing to which a mechanism gives the crown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Crown {
    /// The hotkey: the model that it commits later reigns untested, and without it the earliest commitment does.
    Hotkey,
    /// The model that was tested: another one that its hotkey commits waits as a challenger, and without it the champion
    /// before it reigns again.
    Model,
}

/// A rule that needs no more than every entry's means.
pub trait MeansRule: Sync {
    /// Rules on means; without a champion the earliest entry reigns.
    ///
    /// # Errors
    /// If there are more environments than it can look at.
    fn rule_on_means(&self, entries: &[EntryMeans], champion: Option<usize>) -> Result<Ruling, FieldError>;

    /// Returns true if one of the challengers behind the first entry, which reigns, takes the weight from it.
    fn dethroned(&self, entries: &[EntryMeans]) -> bool;

    /// Returns true if each challenger is compared with the champion alone, so that others cannot matter.
    fn is_pairwise(&self) -> bool;
}

/// A rule that compares a challenger with the champion on the same tasks.
pub trait PairsRule: Sync {
    /// Tasks in each environment that a challenge takes, of as many as there are.
    fn tasks(&self, available: &[usize]) -> Vec<usize>;

    /// The lead by which a challenger wins, or `None` if it does not; of several winners the one with the largest lead
    /// takes the weight, the earliest of equals.
    ///
    /// `differences[e][t]` is the challenger's score less the champion's on the t-th task of environment e, in [-1, 1].
    fn lead(&self, differences: &[Vec<f64>]) -> Option<f64>;
}

/// Weights that a mechanism gives.
#[derive(Clone, Debug)]
pub struct Ruling {
    /// The entry with the most weight, the earliest of several.
    pub winner: Option<usize>,
    /// A weight for each entry; with `burned` they sum to one.
    pub weights: Vec<f64>,
    /// The weight that no entry gets.
    pub burned: f64,
    /// The duels that were held, each with its challenger, in order, where the mechanism holds any.
    pub duels: Vec<(usize, Duel)>,
}

/// Both sides' scores in one environment; `None` is a score that could not be had.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Sides<'a> {
    /// The environment's name, for messages.
    pub environment: &'a str,
    /// The champion's scores, in task order.
    pub champion: &'a [Option<f64>],
    /// The challenger's scores, in task order.
    pub challenger: &'a [Option<f64>],
    /// The champion's mean score on the reference tasks of each, in task order; may end early.
    pub reference: &'a [Option<f64>],
    /// The guard's scores, in task order; empty where there is no guard.
    pub guard: &'a [Option<f64>],
}

/// A challenger's result in one environment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EnvironmentVerdict {
    /// Better by the margin.
    Dominant,
    /// Within the tolerance.
    NotWorse,
    /// Below it, or without enough scores.
    Worse,
    /// Not yet any of the others.
    Undecided,
}

impl EnvironmentVerdict {
    /// The verdict as it is written.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Dominant => "dominant",
            Self::NotWorse => "not_worse",
            Self::Worse => "worse",
            Self::Undecided => "undecided",
        }
    }
}

/// The outcome of one challenge.
#[derive(Clone, Debug, PartialEq)]
pub struct Judgement {
    /// True if the challenger wins.
    pub dethroned: bool,
    /// One verdict for each environment.
    pub per_environment: Vec<EnvironmentVerdict>,
    /// The duel's decision, where a duel was held.
    pub decision: Option<Decision>,
}

impl Ruling {
    /// Everything to one entry, or, without one, to be burned.
    pub(super) fn winner_takes_all(entries: usize, winner: Option<usize>, duels: Vec<(usize, Duel)>) -> Self {
        let mut weights = vec![0.0; entries];
        if let Some(winner) = winner {
            weights[winner] = 1.0;
        }
        Self { winner, weights, burned: if winner.is_some() { 0.0 } else { 1.0 }, duels }
    }

    /// Weights as given; the winner is the one with the most, the earliest of several.
    pub(super) fn shared(weights: Vec<f64>, burned: f64, by_commitment: &[usize]) -> Self {
        let mut winner: Option<usize> = None;
        for entry in by_commitment {
            if weights[*entry] > winner.map_or(0.0, |best| weights[best]) {
                winner = Some(*entry);
            }
        }
        Self { winner, weights, burned, duels: Vec::new() }
    }
}
