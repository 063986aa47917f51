//! State or outcome of a duel, with every value that led to it.

use serde::{Deserialize, Serialize};

use crate::duel::Better;

/// Outcome of a duel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// The challenger is the new champion.
    Dethroned,
    /// The champion stays: the challenger has been shown not to be worth more tasks.
    Defended,
    /// The champion stays: nothing was shown either way.
    Undecided,
}

/// The test, or the lack of one, that settled a duel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// Worse nowhere and better, as the settings mean it.
    Better,
    /// The challenger's average gain is smaller than the futility margin.
    Futile,
    /// The challenger is worse by more than the tolerance (or, where `strict` is asked, not better by the margin) in an
    /// environment.
    Inferior {
        /// The environment.
        environment: usize,
    },
    /// The challenger is worse than the guard by more than the tolerance in an environment.
    BelowGuard {
        /// The environment.
        environment: usize,
    },
    /// An environment spent its budget without settling.
    BudgetSpent {
        /// The environment.
        environment: usize,
    },
    /// Not worse anywhere, but the budget was spent before it was shown to be better.
    NotBetter,
    /// The scores given end before the duel does.
    MoreTasksNeeded,
}

/// Evidence from one environment.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct EnvironmentEvidence {
    /// Tasks read, in task order.
    pub tasks: usize,
    /// Tasks that counted: those read less the pairs left out.
    pub counted: usize,
    /// The champion's mean score over the counted tasks; 0 without any.
    pub champion_mean: f64,
    /// The challenger's mean score over the counted tasks; 0 without any.
    pub challenger_mean: f64,
    /// Mean of challenger minus champion, less what reference tasks show to be luck.
    pub difference: f64,
    /// A confidence interval of the difference that holds at every time at once.
    pub interval: (f64, f64),
    /// Log wealth against "worse by more than the tolerance", as of settling.
    pub noninferiority_log_e: f64,
    /// Log wealth against "not better by the margin" in this environment alone.
    pub superiority_log_e: f64,
    /// Log wealth against "not worse than the tolerance" (in `strict` mode "better by the margin").
    pub inferiority_log_e: f64,
    /// Weight of the champion's own score in the next pair; the rest is on its reference tasks. 1 is a plain difference.
    pub weight: f64,
    /// Tasks read when this environment's hypothesis was rejected for good.
    pub settled_after: Option<usize>,
    /// Evidence against the guard, where there is one.
    pub guard: Option<GuardEvidence>,
}

/// Evidence from one environment on challenger and guard.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct GuardEvidence {
    /// Tasks that counted.
    pub counted: usize,
    /// Mean of challenger minus guard over them; 0 without any.
    pub difference: f64,
    /// Log wealth against "worse than the guard by more than the tolerance", as of settling.
    pub noninferiority_log_e: f64,
    /// Log wealth against "not worse than the guard by more than the tolerance".
    pub inferiority_log_e: f64,
    /// Tasks read when the first of the two was rejected for good.
    pub settled_after: Option<usize>,
}

/// State or outcome of a duel.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Decision {
    /// Outcome; `Undecided` with [`Reason::MoreTasksNeeded`] while it has not.
    pub verdict: Verdict,
    /// The test that settled it.
    pub reason: Reason,
    /// Meaning of "better".
    pub better: Better,
    /// One entry for each environment.
    pub environments: Vec<EnvironmentEvidence>,
    /// Log wealth against "not better by more than the margin" (on average or anywhere), as of settling.
    pub superiority_log_e: f64,
    /// Rounds after which that was rejected for good.
    pub superiority_settled_after: Option<usize>,
    /// Log wealth against "better than the futility margin on average".
    pub futility_log_e: f64,
    /// Log wealth that rejects: the logarithm of 1 / alpha.
    pub needed_log_e: f64,
    /// Log wealth that dismisses: the logarithm of 1 / futility alpha.
    pub needed_futility_log_e: f64,
    /// Tasks read in all environments together.
    pub tasks_used: usize,
    /// Rounds completed.
    pub rounds: usize,
    /// The environment whose next task is the most informative, while the duel is open.
    pub next_environment: Option<usize>,
    /// Error probability of this duel.
    pub alpha: f64,
}
