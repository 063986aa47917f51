//! The sequential duel: a test at any time of whether the challenger Pareto-dominates the champion.
//!
//! Champion and challenger answer the same tasks in the same order; only the differences d in [-1, 1] matter. Every
//! environment keeps an e-process against "worse by more than the tolerance"; one more, mixed over the environments,
//! bets against "nowhere better by more than the margin". The challenger dethrones the champion when the first has
//! exceeded 1 / alpha in *every* environment and the second has done so too. A hypothesis once rejected stays rejected:
//! once "nowhere better" is, an environment that has settled is sampled no more, and the tasks go where they still
//! decide something.
//!
//! **Rounds.** The duel moves in rounds: in each, every environment that is still open takes its next task. Which ones
//! are open is decided by the rounds before, never by what happens to be finished. Pairs may therefore be pushed in any
//! order across environments, in batches larger than needed, or all at once: the decision is the same. Pairs of an
//! environment must be pushed in task order, and pairs past the end of the duel are never read.
//!
//! **Why it may be looked at all the time.** A challenger that must not win is worse than the tolerance somewhere, or
//! better nowhere. In the first case that environment's wealth is a supermartingale, in the second the mixed one is; by
//! Ville's inequality either ever exceeds 1 / alpha with probability at most alpha. No correction for several
//! environments is needed, since *all* of them must be rejected.
//!
//! **The ends that can only keep the champion.** A process against "better than the futility margin on average" and one per
//! environment against "not worse than the tolerance" end hopeless duels early; they can only keep the champion, so
//! they spend nothing of alpha. A budget ends the rest as undecided, and the champion stays.

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
