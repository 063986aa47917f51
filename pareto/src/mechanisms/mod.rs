//! Rules that turn a field of scored entries into weights, behind one trait: ours, and those it is compared with.
//!
//! | name | who gets weight | a copy of the champion |
//! |---|---|---|
//! | [`Sequential`] | the first entry proved better than the champion, else the champion | wins with probability at most alpha, all copies together |
//! | [`Window`] | the first entry that exceeds a margin in enough environments, else the champion | wins 7-15% of the time, each |
//! | [`FourStage`] | all that survive a Pareto filter in some subset of environments | rarely wins alone; a decoy changes everybody's weight |
//! | [`Powerset`] | the winners of subsets of environments | as above |

mod field;
mod four_stage;
mod powerset;
mod rivals;
mod sequential;
mod window;

pub use field::{Field, FieldEntry, FieldError, Mechanism, Ruling, Standing};
pub use four_stage::{FourStage, FourStageMargin};
pub use powerset::Powerset;
pub use sequential::Sequential;
pub use window::{Window, WindowEnvironment, WindowJudgement, WindowScores, WindowVerdict, judge};
