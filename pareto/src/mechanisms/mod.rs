//! Rules that turn a field of scored entries into weights, behind one trait: ours, and those it is compared with.
//!
//! | name | who gets weight | a copy of the champion |
//! |---|---|---|
//! | [`Sequential`] | the first entry proved better than the champion, else the champion | all copies: at most alpha |
//! | [`Window`] | the first entry that exceeds a margin in enough environments, else the champion | each: 7-15% |
//! | [`FourStage`] | all that survive a Pareto filter in some subset of environments | each: 0.05%; decoys count |
//! | [`Powerset`] | the winners of subsets of environments | each: 9%; decoys count |

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
