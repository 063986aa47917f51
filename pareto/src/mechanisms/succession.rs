//! The order of heats and bouts in one window: those who wait play the heat, the best of them get a bout, each at its own
//! share of the reign's alpha, until one dethrones the champion.
//!
//! [`Succession`] is a state machine over indices, so that a simulation, a recorded field, a validator whose rollouts
//! arrive over hours and an auditor of its log all follow one rule. The caller decides which entries play and makes the
//! scores; the machine says who plays next, gives bouts their numbers, and takes in how they ended. Numbers are fixed
//! when the heats have ended and no bout has begun: see [`reign`](crate::reign) for why.
//!
//! ```
//! use pareto::mechanisms::Sequential;
//! use pareto::{Opening, Pair, Standing, TaskPlan};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let rule = Sequential { tested: 7, ..Sequential::default() };
//! let plan = TaskPlan::new(&rule.heat, &rule.duel);
//! // Entries 4, 2, 9 and 5 play, in order of commitment; 2 reigns, and 4 had its bout in this reign.
//! let standing = |entry| if entry == 4 { Standing::Spent } else { Standing::Waiting };
//! let opening = Opening { champion: Some(2), ..Opening::new(3, &[4, 2, 9, 5]) };
//! let mut succession = rule.open(&opening, standing)?.expect("somebody plays");
//! // Here the scores are made up: 9 is right more often than the champion. `number` is the task's number in the window.
//! let score = |entry: usize, number: usize| Some(f64::from(u8::from((number * 7 + entry) % 10 < 3 + entry / 2)));
//! while let Some(mut entry) = succession.next_heat() {
//!     let (champion, challenger) = (entry.champion, entry.challenger);
//!     // A validator makes the rollouts of the tasks that `entry.heat.wants()` waits for, round by round.
//!     entry.heat.feed(|_environment, task| {
//!         Some(Pair { champion: score(champion, task), challenger: score(challenger, task), ..Pair::default() })
//!     })?;
//!     succession.settle_heat(&entry);
//! }
//! while let Some(mut bout) = succession.next_bout()? {
//!     let challenge = bout.challenge;
//!     bout.duel.feed(|_environment, task| {
//!         let references = plan.references(task).map(|number| score(challenge.champion, number));
//!         Some(Pair {
//!             champion: score(challenge.champion, plan.bout(task)),
//!             challenger: score(challenge.challenger, plan.bout(task)),
//!             reference: pareto::scores::mean(references),
//!             guard: None,
//!         })
//!     })?;
//!     // An undecided bout is put down with `bout.duel.save()`, and is `Standing::Carried` in the next window.
//!     succession.settle(&challenge, bout.duel.decision().verdict);
//! }
//! assert_eq!((succession.champion(), succession.dethroned()), (9, Some(2)));
//! # Ok(())
//! # }
//! ```

use std::collections::VecDeque;

use super::sequential::Sequential;
use crate::duel::{Duel, DuelError, Fit, SavedDuel, Verdict};
use crate::heat::{Heat, HeatReason};
use crate::reign::Reign;

/// An entry's part in the reign before the window.
#[derive(Clone, Debug, PartialEq)]
pub enum Standing {
    /// Its model had no bout in this reign: it plays the heat.
    Waiting,
    /// Its bout was put down undecided: it goes on at its number, without a heat.
    Carried {
        /// The number under which it began.
        number: u64,
        /// The duel as it was put down.
        duel: Box<SavedDuel>,
    },
    /// Its bout ended in this reign: it has none left.
    Spent,
}

/// A window before its first heat.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Opening<'a> {
    /// Number of environments.
    pub environments: usize,
    /// The entries that play, in order of commitment.
    pub playing: &'a [usize],
    /// The entry that reigns at the beginning; where it does not play, the earliest one is challenged in its place.
    pub champion: Option<usize>,
    /// True if pairs carry the scores of a guard, to which every winner must not be worse either.
    pub guard: bool,
}

impl<'a> Opening<'a> {
    /// A window without champion and guard.
    #[must_use]
    pub fn new(environments: usize, playing: &'a [usize]) -> Self {
        Self { environments, playing, champion: None, guard: false }
    }
}

/// A heat that is to be played.
#[derive(Clone, Debug)]
pub struct HeatEntry {
    /// The entry that reigns.
    pub champion: usize,
    /// The entry that plays the heat.
    pub challenger: usize,
    /// The heat before its first task.
    pub heat: Heat,
    /// Place in the order of commitment among those who play the heat.
    place: usize,
}

/// The parties of a bout and its place in the reign.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Challenge {
    /// The entry that reigns.
    pub champion: usize,
    /// The entry that challenges it.
    pub challenger: usize,
    /// The bout's number in the reign, from 1.
    pub number: u64,
    /// Error probability of the bout: the share of the reign's alpha that belongs to the number.
    pub alpha: f64,
}

/// A bout that is to be held.
#[derive(Clone, Debug)]
pub struct Bout {
    /// Its parties, number and alpha.
    pub challenge: Challenge,
    /// The duel, as it was put down or before its first task.
    pub duel: Duel,
    /// True if it goes on from an earlier window.
    pub carried: bool,
}

/// A bout with its number, before it begins.
#[derive(Clone, Debug)]
struct Planned {
    challenger: usize,
    number: u64,
    start: Start,
}

#[derive(Clone, Debug)]
enum Start {
    Carried(Box<SavedDuel>),
    Fresh(Vec<Fit>),
}

/// A challenger that got through its heat.
#[derive(Clone, Debug)]
struct Through {
    log_e: f64,
    place: usize,
    challenger: usize,
    fits: Vec<Fit>,
}

/// The champion, its reign, and the challengers that still have a heat or a bout before them in this window.
#[derive(Clone, Debug)]
pub struct Succession {
    rule: Sequential,
    environments: usize,
    guard: bool,
    champion: usize,
    dethroned: Option<usize>,
    reign: Reign,
    /// Those who wait, by commitment.
    waiting: Vec<usize>,
    /// Number of them that have been given their heat.
    begun: usize,
    /// Challengers whose heat or bout has not ended in the champion's favor.
    unbeaten: usize,
    through: Vec<Through>,
    /// Bouts with their numbers, the next first; before the heats have ended those carried on alone.
    bouts: VecDeque<Planned>,
    numbered: bool,
}

impl Sequential {
    /// The heats and bouts of a window; `None` if no entry plays. The caller, who has the scores, drives them: see
    /// [`Succession`].
    ///
    /// `standing` says what part an entry has had in the reign; it is not asked where a new reign begins. A bout put down
    /// under settings that asked for something else cannot go on: its entry waits for a new one.
    ///
    /// # Errors
    /// If a setting is out of its range, alpha is not usable, or there is no environment.
    pub fn open(
        &self,
        opening: &Opening<'_>,
        standing: impl FnMut(usize) -> Standing,
    ) -> Result<Option<Succession>, DuelError> {
        Succession::open(self, opening, standing)
    }
}

impl Succession {
    fn open(
        rule: &Sequential,
        opening: &Opening<'_>,
        mut standing: impl FnMut(usize) -> Standing,
    ) -> Result<Option<Self>, DuelError> {
        let Opening { environments, playing, champion, guard } = *opening;
        // What would be refused at the first heat or bout is refused before anybody plays.
        Heat::new(environments, &rule.heat, &rule.duel, false)?;
        let reign = rule.reign()?;
        let (reigning, reign) = match champion.filter(|champion| playing.contains(champion)) {
            Some(champion) => (Some(champion), reign),
            None => (playing.first().copied(), reign.successor()),
        };
        let Some(reigning) = reigning else { return Ok(None) };
        let (mut waiting, mut carried) = (Vec::new(), Vec::new());
        for entry in playing.iter().copied().filter(|entry| *entry != reigning) {
            match if Some(reigning) == champion { standing(entry) } else { Standing::Waiting } {
                Standing::Carried { number, duel } if duel.fits(environments, &rule.duel) => {
                    carried.push(Planned { challenger: entry, number, start: Start::Carried(duel) });
                }
                Standing::Waiting | Standing::Carried { .. } => waiting.push(entry),
                Standing::Spent => {}
            }
        }
        carried.sort_by_key(|planned| planned.number);
        let unbeaten = waiting.len() + carried.len();
        Ok(Some(Self {
            rule: rule.clone(),
            environments,
            guard,
            champion: reigning,
            dethroned: None,
            reign,
            waiting,
            begun: 0,
            unbeaten,
            through: Vec::new(),
            bouts: carried.into(),
            numbered: false,
        }))
    }

    /// The next heat, by commitment; `None` when all who wait have theirs. Heats may be played in any order or side by
    /// side, and each is [settled](Self::settle_heat) when it has ended.
    pub fn next_heat(&mut self) -> Option<HeatEntry> {
        if self.numbered {
            return None;
        }
        let challenger = *self.waiting.get(self.begun)?;
        let place = self.begun;
        self.begun += 1;
        // More than fit: those who get through are ranked at the end of the whole heat.
        let whole = self.waiting.len() > self.rule.heat.bouts.saturating_mul(2);
        let heat = Heat::new(self.environments, &self.rule.heat, &self.rule.duel, whole);
        let heat = heat.expect("the settings were checked when the window was opened");
        Some(HeatEntry { champion: self.champion, challenger, heat, place })
    }

    /// Takes in how a heat ended; one that is never settled, or not at its end, does not get through.
    pub fn settle_heat(&mut self, entry: &HeatEntry) {
        let HeatEntry { challenger, heat, place, .. } = entry;
        match heat.ended() {
            None | Some(HeatReason::TasksSpent | HeatReason::MoreTasksNeeded) => {}
            Some(HeatReason::Passed) => {
                let (log_e, fits) = (heat.log_e(), heat.fits());
                self.through.push(Through { log_e, place: *place, challenger: *challenger, fits });
            }
            Some(HeatReason::Futile | HeatReason::Inferior { .. }) => self.unbeaten -= 1,
        }
    }

    /// Gives numbers to the bouts of this window: those carried on keep theirs and come first, then the best of the heats
    /// by wealth, the earlier commitment first of equals.
    fn number(&mut self) {
        self.numbered = true;
        let mut through = std::mem::take(&mut self.through);
        through.sort_by(|one, other| other.log_e.total_cmp(&one.log_e).then(one.place.cmp(&other.place)));
        let fresh = through.into_iter().take(self.rule.heat.bouts);
        let planned = fresh.zip(self.reign.bouts() + 1..).map(|(through, number)| Planned {
            challenger: through.challenger,
            number,
            start: Start::Fresh(through.fits),
        });
        self.bouts.extend(planned);
    }

    /// The next bout, which draws its number's share of alpha however it ends; `None` if no entry is left to challenge the
    /// champion in this window. From the first call on there are no further heats.
    ///
    /// A bout that is never [settled](Self::settle) counts as undecided.
    ///
    /// # Errors
    /// If a duel that was put down is in a state that none can be in, or its number's share of alpha is below 1e-60.
    pub fn next_bout(&mut self) -> Result<Option<Bout>, DuelError> {
        if !self.numbered {
            self.number();
        }
        let Some(Planned { challenger, number, start }) = self.bouts.pop_front() else { return Ok(None) };
        // Drawn before the first score is seen: a bout that is left unfinished has spent its share all the same.
        let alpha = self.reign.draw(number);
        let (duel, carried) = match start {
            Start::Carried(saved) => (saved.carried_on(&self.rule.duel, self.guard)?, true),
            Start::Fresh(fits) => {
                let duel = Duel::new(self.environments, &self.rule.duel, alpha)?.fitted(fits);
                (if self.guard { duel.guarded() } else { duel }, false)
            }
        };
        Ok(Some(Bout { challenge: Challenge { champion: self.champion, challenger, number, alpha }, duel, carried }))
    }

    /// Takes in how a bout ended.
    ///
    /// A dethronement ends the reign and the window's bouts: the winner reigns with all of alpha, and the challengers
    /// behind it meet it in the next window, on tasks that did not choose it.
    pub fn settle(&mut self, challenge: &Challenge, verdict: Verdict) {
        if verdict == Verdict::Dethroned {
            self.dethroned = Some(self.champion);
            self.champion = challenge.challenger;
            self.reign = self.reign.successor();
            self.numbered = true;
            self.bouts.clear();
        }
        if verdict != Verdict::Undecided {
            self.unbeaten -= 1;
        }
    }

    /// Number of challengers that have not lost to the champion of the beginning: those whose heat or bout ended without
    /// evidence for either, and those that were not reached.
    #[must_use]
    pub fn unbeaten(&self) -> usize {
        self.unbeaten
    }

    /// The entry that reigns now.
    #[must_use]
    pub fn champion(&self) -> usize {
        self.champion
    }

    /// The champion at the beginning, if it was dethroned.
    #[must_use]
    pub fn dethroned(&self) -> Option<usize> {
        self.dethroned
    }

    /// The reign of the entry that reigns now.
    #[must_use]
    pub fn reign(&self) -> &Reign {
        &self.reign
    }
}

#[cfg(test)]
mod tests;
