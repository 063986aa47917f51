//! Rules that turn a field of scored entries into weights, behind one trait: our own, and the public ones it is compared
//! with.
//!
//! | rule | entries with weight | a copy of the champion |
//! |---|---|---|
//! | [`Sequential`] | the first entry proved better than the champion, else the champion | all copies: at most alpha |
//! | [`WindowRule`] | the first entry that exceeds a margin in enough environments, else the champion | each: 7-15% |
//! | [`FourStage`] | all that survive a Pareto filter in some subset of environments | each: 0.05%; decoys count |
//! | [`Powerset`] | the winners of subsets of environments | each: 9%; decoys count |
//! | [`Bootstrap`] | the first entry with a win rate of 0.55 that a bootstrap sets above a half | each: 4% |
//! | [`TwoEvaluations`] | the first entry that exceeds a margin twice | each: 1% |
//! | [`PrivateSamples`] | the entry that exceeds a margin the furthest on a few samples | each: 40% |

mod field;
mod mechanism;
mod succession;
// One rule a file.
mod bootstrap;
mod four_stage;
mod list;
mod pairs;
mod powerset;
mod private_samples;
mod rivals;
mod sequential;
mod two_evaluations;
mod window;

pub use bootstrap::Bootstrap;
pub use field::{EntryMeans, Field, FieldEntry, FieldError};
pub use four_stage::FourStage;
pub use list::Mechanisms;
pub use mechanism::{Comparison, Crown, EnvironmentVerdict, Judgement, MeansRule, Mechanism, PairsRule, Ruling, Sides};
pub use powerset::Powerset;
pub use private_samples::PrivateSamples;
pub use sequential::Sequential;
pub use succession::{Bout, Challenge, HeatEntry, Opening, Standing, Succession};
pub use two_evaluations::TwoEvaluations;
pub use window::{WindowMargin, WindowRule};
