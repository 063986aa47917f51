//! Plain records of a window, without I/O: the terms it was opened with, admissions, rollouts and the conclusion.
//!
//! The store keeps them, the evidence and the reports are written from them, and the steps of a window are functions from
//! records to records.

mod admission;
mod conclusion;
mod reasons;
mod reign;
mod rollout;
mod scores;
mod standing;
mod tally;
mod terms;
mod timings;
mod transcript;

pub(crate) use admission::{Admission, AdmissionOutcome, FileRecord, UnknownOutcome};
pub(crate) use conclusion::{Conclusion, DuelRecord, EntryConclusion, FindingRecord, HeatRecord, PrintRecord};
pub(crate) use reasons::ReasonCount;
pub(crate) use reign::{BoutRecord, CrownedModel, ReignRecord, Sighting, first_sightings};
pub(crate) use rollout::{Fault, Reply, Rollout, counted_score};
pub(crate) use scores::{UnitScore, paired, unit_scores};
pub(crate) use standing::Standing;
pub(crate) use tally::{ReplyTally, has_no_answer};
pub(crate) use terms::{CardTerms, DecidingSettings, EVIDENCE_VERSION, EntryTerms, WindowTerms};
pub(crate) use timings::Timings;
pub(crate) use transcript::{FoundText, MessageText, Transcript};
