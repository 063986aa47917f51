//! Plain records of a window, without I/O: the terms it was opened with, admissions, rollouts and the conclusion.
//!
//! The store keeps them, the evidence and the reports are written from them, and the steps of a window are functions from
//! records to records.

mod admission;
mod conclusion;
mod rollout;
mod scores;
mod standing;
mod terms;
mod timings;

pub use admission::{Admission, AdmissionOutcome, FileRecord, UnknownOutcome, playing};
pub use conclusion::{Conclusion, DuelRecord, EntryConclusion, FindingRecord};
pub use rollout::{Fault, Reply, Rollout, UnknownFault, counted_score};
pub use scores::{UnitScore, paired, unit_scores};
pub use standing::Standing;
pub use terms::{DecidingSettings, EVIDENCE_VERSION, EntryTerms, WindowTerms};
pub use timings::{Phase, Timings};
