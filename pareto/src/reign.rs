//! Alpha spending: the error probability of one reign, shared out over any number of bouts.
//!
//! **The promise.** The chance that *any* challenger takes the crown during a reign that is not better than the champion on
//! average over the environments, or is worse than it by more than the tolerance in any one of them, is at most alpha,
//! however many hotkeys enter and whatever they do with each other. (Or, as the settings ask: that is better nowhere; that
//! is not better everywhere.) So the average rises at every dethronement, but for alpha a reign: no cycle of dethronements
//! can leave a subnet worse on average than it was.
//!
//! **Heats and bouts.** A window's first tasks are its heat: all who wait play it, it drops the hopeless and ranks the rest,
//! and it spends nothing (see [`heat`](crate::heat)). The best few then get a bout on the tasks after it: a sequential test
//! (see [`duel`](mod@crate::duel)) at `alpha_k = alpha * gamma_k`, k counting the bouts begun in the reign, best heat first. A
//! model has one bout a reign; an undecided one goes on in the next window with its wealth, at its number.
//!
//! **Theorem.** P(some challenger that must not win dethrones in a reign) <= alpha, for any number of entries, any dependence
//! between them and any strategy between windows.
//!
//! *Proof.* Let G_w be everything that happened up to the end of the heats of window w. Which entries have a bout in w, in which
//! order and at which numbers is a function of G_w. Given G_w, the tasks after the heat are fresh draws: seeds are hashes of
//! block and task number, and the models were committed before. So the wealth of a challenger that must not win, against the
//! null that is true of it, is a supermartingale from 1 given G_w, and reaches 1 / alpha_k with probability at most alpha_k
//! (Ville). A bout that is carried on is the same supermartingale over the tasks of several windows: its number was fixed at
//! its beginning, and it is counted once. Every number is used once in a reign, so the union bound adds the alpha_k up to at
//! most alpha, since the gammas sum to one. It needs no independence: copies of one another, a shared champion and shared
//! tasks are all covered. Rank and number may depend on the heats in any way, because no bout's task has been seen. (Numbers
//! given in the light of *other bouts of the same window* would break this, since those share tasks: all numbers of a window
//! are given when its heats have ended and before its first bout task.) A window has at most one dethronement: the
//! challengers after it meet the new champion on tasks that did not choose it.
//!
//! **What it assumes.** (1) An entry was committed before the randomness existed from which its tasks are derived; otherwise
//! "not better" would have to mean on these tasks. (2) Given the past, the next task of an environment is a fresh draw,
//! so that a model that is not better has an expected difference at or below the bound that is bet against. (3) A
//! score's absence is never the challenger's choice, or counts against it. (4) A number is spent when its bout begins, whether
//! or not the window is ever finished, and the next window knows it.
//!
//! **The gammas.** `gamma_k = h(k-1) - h(k)` with `h(k) = 1 / (1 + ln(1 + k))`. The sum telescopes to one without any
//! constant to trust; the tail 1 / (k ln^2 k) is about as slow as a summable sequence can be. The first bout gets
//! 41% of alpha, the tenth 0.8%, the 256th 0.009%: since the tasks needed grow with the logarithm of 1 / alpha, the
//! 256th needs about two and a half times as many as the first, and 15% of alpha are left for those after it.
//!
//! **What losers can do.** They take nothing from any other entry's scores. A model that is not better gets through a heat with
//! probability at most 1 / `pass`, and a window has at most `bouts` new bouts: N sybils use up at most
//! min(N / `pass`, `bouts` x windows) numbers in expectation, whoever is clearly worse none at all, and within a window they come
//! after whoever did better in the heat. Less is not possible: of N exchangeable nulls under worst-case dependence each has at
//! most alpha / N. An entry that leaves can only help the other challengers, as long as the crowd stays one (more than
//! twice `bouts` wait): nobody's number grows.
//!
//! **What it does not bound.** A champion that no longer plays (it left, its files are gone, it was found to be a copy)
//! loses the weight without a bout. Each winner may be worse than the one before it by the tolerance in some environment;
//! against a slow drift of one environment a caller sets a guard, a champion of earlier reigns, to which every winner must
//! be shown not to be worse by more than the tolerance either (one more rejection, which spends nothing of alpha). A validator's
//! window sets the champion of ten reigns ago; where its files are gone, and in the first ten reigns, only the average is kept
//! from falling.
//!
//! **What is spent.**
//!
//! | event | spends |
//! |---|---|
//! | a heat | nothing |
//! | a bout's first task | its number's share, once, however the bout ends (undecided too) |
//! | a bout carried on, by a run that was killed or in a later window | nothing more: wealth and alpha carry on |
//! | a copy or another finding before the heat | nothing: no bout is held |
//! | an entry withdrawn before its bout's first task | nothing |
//! | an entry withdrawn later | what it has spent stays spent |
//! | a dethronement | the reign ends; the next starts in the next window, with all of alpha |
//! | the same window decided again under other settings | its bouts' shares again, of numbers that are given again: do not |

use serde::{Deserialize, Serialize};

/// The alpha of one reign and the number of bouts that have drawn on it.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Reign {
    alpha: f64,
    bouts: u64,
}

/// An alpha that is no error probability.
#[derive(Clone, Copy, Debug, PartialEq, thiserror::Error)]
#[error("a reign's alpha is {alpha}; it must be above 0 and at most 0.5")]
pub struct ReignError {
    /// The value given.
    pub alpha: f64,
}

impl Reign {
    /// A reign that no bout has drawn on.
    ///
    /// # Errors
    /// If alpha is not above 0 and at most 0.5.
    pub fn new(alpha: f64) -> Result<Self, ReignError> {
        Self::resumed(alpha, 0)
    }

    /// A reign in which so many bouts have begun.
    ///
    /// # Errors
    /// If alpha is not above 0 and at most 0.5.
    pub fn resumed(alpha: f64, bouts: u64) -> Result<Self, ReignError> {
        if alpha > 0.0 && alpha <= 0.5 { Ok(Self { alpha, bouts }) } else { Err(ReignError { alpha }) }
    }

    /// The chance that any challenger of this reign that is not better ever wins.
    #[must_use]
    pub fn alpha(&self) -> f64 {
        self.alpha
    }

    /// Bouts begun.
    #[must_use]
    pub fn bouts(&self) -> u64 {
        self.bouts
    }

    /// Alpha of bout number k, from 1.
    #[must_use]
    pub fn alpha_of(&self, number: u64) -> f64 {
        self.alpha * gamma(number)
    }

    /// Begins bout number k, from 1, and returns its alpha.
    pub(crate) fn draw(&mut self, number: u64) -> f64 {
        // Numbers may be drawn out of turn and again: what counts as spent is all up to the highest.
        self.bouts = self.bouts.max(number);
        self.alpha_of(number)
    }

    /// The reign that follows a dethronement, with all of the same alpha.
    #[must_use]
    pub(crate) fn successor(&self) -> Self {
        Self { alpha: self.alpha, bouts: 0 }
    }

    /// The part of alpha that no bout has drawn yet.
    #[must_use]
    pub fn left(&self) -> f64 {
        self.alpha * tail(self.bouts)
    }
}

/// The share of alpha of bout number k, from 1; number 0 does not exist and gets nothing.
fn gamma(number: u64) -> f64 {
    if number == 0 {
        return 0.0;
    }
    // h(k-1) - h(k) without cancellation: ln((1+k)/k) / ((1+ln k)(1+ln(1+k))).
    let k = number as f64;
    libm::log1p(1.0 / k) / ((1.0 + libm::log(k)) * (1.0 + libm::log(1.0 + k)))
}

/// The share of alpha left after so many bouts.
fn tail(bouts: u64) -> f64 {
    1.0 / (1.0 + libm::log(1.0 + bouts as f64))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shares_and_what_is_left_sum_to_one() {
        for challengers in [1_u64, 2, 10, 256, 100_000] {
            let spent: f64 = (1..=challengers).map(gamma).sum();
            assert!((spent + tail(challengers) - 1.0).abs() < 1e-12, "{challengers}: {spent}");
        }
    }

    #[test]
    fn every_share_is_positive_and_smaller_than_the_one_before() {
        for challenger in 1..100_000 {
            assert!(gamma(challenger) > gamma(challenger + 1) && gamma(challenger + 1) > 0.0, "{challenger}");
        }
        assert!(gamma(u64::MAX) > 0.0 && gamma(0) == 0.0);
    }

    #[test]
    fn the_shares_are_those_that_the_docs_name() {
        let percent = |challenger| (gamma(challenger) * 1e5).round() / 1e3;
        assert_eq!((percent(1), percent(10), percent(256)), (40.938, 0.849, 0.009));
    }

    #[test]
    fn a_reign_spends_by_number_and_never_more_than_alpha() {
        let mut reign = Reign::new(0.01).expect("valid");
        let first = reign.draw(1);
        let second = reign.draw(2);
        assert_eq!((first, second), (reign.alpha_of(1), reign.alpha_of(2)));
        assert!((first + second + reign.left() - 0.01).abs() < 1e-15);
        assert_eq!(Reign::resumed(0.01, 2), Ok(reign));
        assert!(Reign::new(0.0).is_err() && Reign::new(f64::NAN).is_err() && Reign::new(0.6).is_err());
    }

    #[test]
    fn what_is_drawn_and_what_is_left_sum_to_alpha_after_any_number() {
        for alpha in [0.5, 0.01, 1e-9] {
            let mut reign = Reign::new(alpha).expect("valid");
            let mut spent = 0.0;
            for number in 1..=300 {
                spent += reign.draw(number);
                assert_eq!(reign.bouts(), number);
                assert!((spent + reign.left() - alpha).abs() < 1e-12 * alpha.max(1e-3), "{alpha} {number}");
            }
        }
    }

    #[test]
    fn a_number_drawn_out_of_turn_spends_its_own_share() {
        let mut reign = Reign::new(0.1).expect("valid");
        assert_eq!((reign.draw(7), reign.bouts()), (reign.alpha_of(7), 7));
        assert_eq!((reign.draw(3), reign.bouts()), (reign.alpha_of(3), 7));
        assert_eq!(reign.alpha_of(0), 0.0);
        let next = reign.successor();
        assert_eq!((next.alpha(), next.bouts(), next.left()), (0.1, 0, 0.1));
    }

    #[test]
    fn an_alpha_that_is_no_error_probability_is_refused_by_name() {
        for (alpha, holds) in [(0.5, true), (1e-300, true), (0.0, false), (-0.0, false), (0.51, false), (1.0, false)] {
            assert_eq!(Reign::resumed(alpha, 3).is_ok(), holds, "{alpha}");
        }
        let error = Reign::new(f64::INFINITY).expect_err("no probability");
        assert_eq!(error.to_string(), "a reign's alpha is inf; it must be above 0 and at most 0.5");
    }

    #[test]
    fn shares_are_the_steps_of_what_is_left() {
        let left = |challengers: u64| 1.0 / (1.0 + (1.0 + challengers as f64).ln());
        for challenger in (1..2_000).chain([10_000, 1_000_000]) {
            let step = left(challenger - 1) - left(challenger);
            assert!((gamma(challenger) - step).abs() < 1e-15, "{challenger}: {} {step}", gamma(challenger));
        }
        // As documented: 15% are left for those after the 256th, and the last of all numbers still has a share.
        assert_eq!((100.0 * tail(256)).round(), 15.0);
        assert_eq!((tail(0), tail(u64::MAX) > 0.02), (1.0, true));
    }

    #[test]
    fn a_reign_resumed_goes_on_as_the_one_that_was_left() {
        let mut whole = Reign::new(0.05).expect("valid");
        for number in 1..=20 {
            let mut resumed = Reign::resumed(whole.alpha(), whole.bouts()).expect("valid");
            assert_eq!(resumed.left(), whole.left());
            assert_eq!((resumed.draw(number), resumed), (whole.draw(number), whole));
        }
        // A number drawn again, as after a run that was killed, spends nothing more.
        let before = whole;
        assert_eq!((whole.draw(20), whole), (before.alpha_of(20), before));
    }
}
