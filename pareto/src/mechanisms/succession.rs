//! The order of duels in one window: challengers by commitment, each at its own share of the reign's alpha, until one
//! dethrones the champion.
//!
//! [`Succession`] is a state machine over indices, so that a simulation, a recorded field, a validator whose rollouts
//! arrive over hours and an auditor of its log all follow one rule. The caller decides which entries play and makes the
//! scores; the machine says which duel is next and at which alpha, and takes in how it ended.
//!
//! ```
//! use pareto::mechanisms::Sequential;
//! use pareto::{Pair, Verdict};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let rule = Sequential { tested: 7, ..Sequential::default() };
//! // Entries 4, 2 and 9 play, in order of commitment; 2 is the champion of the window before.
//! let mut succession = rule.open(&[4, 2, 9], Some(2))?.expect("somebody plays");
//! while let Some(challenge) = succession.next_duel() {
//!     let mut duel = challenge.duel(3, &rule.duel)?;
//!     while duel.verdict().is_none() {
//!         // Here: the rollouts of the next round in the environments that `duel.wants()` names. Then:
//!         duel.feed(|environment, task| (task < 3_000).then(|| Pair::new(1.0, f64::from(challenge.challenger == 9))))?;
//!     }
//!     succession.settle(&challenge, duel.decision().verdict);
//! }
//! assert_eq!((succession.champion(), succession.dethroned(), succession.reign().challengers()), (2, None, 9));
//! # Ok(())
//! # }
//! ```

use std::collections::VecDeque;

use crate::duel::{Duel, DuelError, DuelSettings, Verdict};
use crate::reign::Reign;

/// A duel that is to be held.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Challenge {
    /// The entry that reigns.
    pub champion: usize,
    /// The entry that challenges it.
    pub challenger: usize,
    /// The challenger's number in the reign, from 1.
    pub number: u64,
    /// Error probability of the duel: the share of the reign's alpha that belongs to the number.
    pub alpha: f64,
}

impl Challenge {
    /// The duel before its first task.
    ///
    /// # Errors
    /// If the settings cannot be used, there is no environment, or the number's share of alpha is below 1e-60.
    pub fn duel(&self, environments: usize, settings: &DuelSettings) -> Result<Duel, DuelError> {
        Duel::new(environments, settings, self.alpha)
    }
}

/// The champion, its reign and the challengers that still have to meet it in this window.
#[derive(Clone, Debug, PartialEq)]
pub struct Succession {
    champion: usize,
    dethroned: Option<usize>,
    reign: Reign,
    /// Challengers with their numbers, the next first.
    waiting: VecDeque<(usize, u64)>,
}

impl Succession {
    /// The succession among the entries that play, given in order of commitment; `None` if there is none.
    ///
    /// The champion of before reigns on in `reign` if it plays; else the earliest entry begins a reign with all of
    /// alpha. Challengers get the numbers that follow those already drawn on the reign.
    #[must_use]
    pub fn open(playing: &[usize], champion: Option<usize>, reign: Reign) -> Option<Self> {
        let (champion, reign) = match champion.filter(|champion| playing.contains(champion)) {
            Some(champion) => (champion, reign),
            None => (*playing.first()?, reign.successor()),
        };
        let challengers = playing.iter().copied().filter(|entry| *entry != champion);
        let numbered = challengers.zip(reign.challengers() + 1..).collect();
        Some(Self { champion, dethroned: None, reign, waiting: numbered })
    }

    /// A succession whose challengers bring the numbers they were given before.
    pub(super) fn with_numbers(champion: usize, challengers: Vec<(usize, u64)>, reign: Reign) -> Self {
        Self { champion, dethroned: None, reign, waiting: challengers.into() }
    }

    /// Begins the next duel, which draws its number's share of alpha however it ends; `None` if no entry is left to
    /// challenge the champion in this window.
    ///
    /// A duel that is never [settled](Self::settle) counts as undecided.
    pub fn next_duel(&mut self) -> Option<Challenge> {
        let (challenger, number) = self.waiting.pop_front()?;
        // Drawn before the first score is seen: a duel that is left unfinished has spent its share all the same.
        let alpha = self.reign.draw(number);
        Some(Challenge { champion: self.champion, challenger, number, alpha })
    }

    /// Takes in how a duel ended.
    ///
    /// A dethronement ends the reign and the window's duels: the winner reigns with all of alpha, and the challengers
    /// behind it meet it in the next window, on tasks that did not choose it.
    pub fn settle(&mut self, challenge: &Challenge, verdict: Verdict) {
        if verdict == Verdict::Dethroned {
            self.dethroned = Some(self.champion);
            self.champion = challenge.challenger;
            self.reign = self.reign.successor();
            self.waiting.clear();
        }
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
mod tests {
    use super::*;

    fn open(playing: &[usize], champion: Option<usize>, tested: u64) -> Option<Succession> {
        Succession::open(playing, champion, Reign::resumed(0.01, tested).expect("a valid alpha"))
    }

    /// Holds duels that end as given and lists them as (champion, challenger, number).
    fn held(succession: &mut Succession, verdicts: &[Verdict]) -> Vec<(usize, usize, u64)> {
        let mut held = Vec::new();
        while let Some(challenge) = succession.next_duel() {
            assert_eq!(challenge.alpha, Reign::new(0.01).expect("valid").alpha_of(challenge.number));
            succession.settle(&challenge, verdicts[held.len()]);
            held.push((challenge.champion, challenge.challenger, challenge.number));
        }
        held
    }

    #[test]
    fn duels_go_by_commitment_until_one_dethrones() {
        use Verdict::{Defended, Dethroned, Undecided};
        let check = |playing: &[usize], champion, tested, verdicts: &[Verdict], duels: &[(usize, usize, u64)], end| {
            let mut succession = open(playing, champion, tested).expect("somebody plays");
            assert_eq!(held(&mut succession, verdicts), duels, "{playing:?} {champion:?} {verdicts:?}");
            let found = (succession.champion(), succession.dethroned(), succession.reign().challengers());
            assert_eq!(found, end, "{playing:?} {champion:?} {verdicts:?}");
            assert_eq!(succession.next_duel(), None);
        };
        // The champion stays through all of them; its reign goes on from the number it had.
        check(&[4, 2, 9], Some(2), 7, &[Defended, Undecided], &[(2, 4, 8), (2, 9, 9)], (2, None, 9));
        // The first to dethrone ends the window's duels, with a reign on which nobody has drawn.
        check(&[4, 2, 9], Some(2), 7, &[Dethroned], &[(2, 4, 8)], (4, Some(2), 0));
        check(&[4, 2, 9], Some(2), 0, &[Defended, Dethroned], &[(2, 4, 1), (2, 9, 2)], (9, Some(2), 0));
        // Without the champion of before the earliest reigns, and what the other's reign had spent is not its own.
        check(&[4, 9], Some(2), 7, &[Undecided], &[(4, 9, 1)], (4, None, 1));
        check(&[4, 9], None, 7, &[Dethroned], &[(4, 9, 1)], (9, Some(4), 0));
        check(&[5], Some(5), 3, &[], &[], (5, None, 3));
        check(&[5], None, 3, &[], &[], (5, None, 0));
        assert_eq!(open(&[], Some(1), 3), None);
    }

    #[test]
    fn a_duel_that_was_begun_has_drawn_its_number_however_it_ends() {
        let mut succession = open(&[0, 1, 2], Some(0), 0).expect("somebody plays");
        assert_eq!(succession.next_duel().map(|challenge| challenge.number), Some(1));
        assert_eq!(succession.reign().challengers(), 1);
        assert_eq!(succession.next_duel().map(|challenge| challenge.number), Some(2), "the first was never settled");
    }
}
