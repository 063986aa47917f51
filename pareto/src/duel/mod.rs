//! The sequential duel: a test at any time of whether a challenger is better than the champion and worse nowhere.
//!
//! Champion and challenger answer the same tasks in the same order; only the differences d in [-1, 1] matter, from which
//! reference tasks take out luck (see [`Fit`]). Every environment keeps an e-process against "worse by more than the
//! tolerance"; one more bets against "not better by more than the margin": on average over the environments
//! ([`Better::OnAverage`], the default), or anywhere ([`Better::Somewhere`]). The challenger dethrones the champion when the
//! first has exceeded 1 / alpha in *every* environment and the second has done so too. A hypothesis once rejected stays
//! rejected: once "not better" is, an environment that has settled is sampled no more, and the tasks go where they still
//! decide something.
//!
//! **Rounds.** The duel moves in rounds: in each, every environment that is still open takes its next task. Which ones
//! are open is decided by the rounds before, never by what happens to be finished. Pairs may therefore be pushed in any
//! order across environments, in batches larger than needed, or all at once: the decision is the same. Pairs of an
//! environment must be pushed in task order, and pairs past the end of the duel are never read.
//!
//! **Why it may be looked at all the time.** A challenger that must not win is worse than the tolerance somewhere, or
//! not better. In the first case that environment's wealth is a supermartingale, in the second the other one is; by
//! Ville's inequality either ever exceeds 1 / alpha with probability at most alpha. No correction for several
//! environments is needed, since *all* of them must be rejected.
//!
//! **Why an average can be bet on.** A strand with rate lambda multiplies its wealth in a round by the product over the n
//! environments of `1 + lambda (d_e - m)`. Given the models the tasks of different environments are independent draws, so
//! its expectation is the product of `1 + lambda (mu_e - m)`, at most `(1 + lambda (mean mu - m))^n` by the inequality of
//! arithmetic and geometric means, and at most 1 where the mean of the mu_e is at most m. That needs one task of *every*
//! environment in each round until it is settled, and a wealth that is read at the ends of rounds; a round with a missing
//! pair is left out of it as a whole, since the product over some environments would bet on the mean of these.
//!
//! **The guard.** Where a champion of earlier reigns stands guard, every environment keeps one more e-process, against "worse
//! than the guard by more than the tolerance", and the winner needs all of them as well. One more rejection that a winner
//! needs can only make winning rarer: it spends nothing of alpha.
//!
//! **The ends that can only keep the champion.** A process against "better than the futility margin on average" and one per
//! environment against "not worse than the tolerance" (and against the guard) end hopeless duels early; they can only keep
//! the champion, so they spend nothing of alpha. A budget of tasks for each window ends the rest as undecided: the champion
//! stays, and the duel can be carried on ([`SavedDuel`]).

mod decision;
mod environment;
mod fit;
mod forecast;
mod saved;
mod sequence;
mod settings;
mod tally;

pub use decision::{Decision, EnvironmentEvidence, GuardEvidence, Reason, Verdict};
pub(crate) use environment::worse;
pub use fit::Fit;
pub use forecast::Forecast;
pub use saved::SavedDuel;
pub use sequence::{Duel, duel};
pub use settings::{Better, DuelError, DuelSettings};
