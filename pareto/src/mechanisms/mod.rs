//! Rules that turn a field of scored entries into weights, behind one trait: our own, and the public ones it is compared
//! with.
//!
//! | rule | entries with weight | a copy of the champion |
//! |---|---|---|
//! | [`Sequential`] | the first entry proved better than the champion, else the champion | all copies: at most alpha |
//! | [`WindowRule`] | the first entry that exceeds a margin in enough environments, else the champion | each: 7-15% |
//! | [`FourStage`] | all that survive a Pareto filter in some subset of environments | each: 0.05%; decoys count |
//! | [`Powerset`] | the winners of subsets of environments | each: 9%; decoys count |

mod field;
mod mechanism;
mod succession;
// One rule a file.
mod four_stage;
mod list;
mod powerset;
mod rivals;
mod sequential;
mod window;

pub use field::{EntryMeans, Field, FieldEntry, FieldError};
pub use four_stage::FourStage;
pub use list::Mechanisms;
pub use mechanism::{Comparison, EnvironmentVerdict, Judgement, MeansRule, Mechanism, Ruling, Sides};
pub use powerset::Powerset;
pub use sequential::Sequential;
pub use succession::{Challenge, Succession};
pub use window::{WindowMargin, WindowRule};
