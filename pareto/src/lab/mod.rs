//! Simulation of attacks and honest gains against every mechanism.
//!
//! Every trial draws from its own generator, seeded by (seed, scenario, trial), so that a table is the same whatever
//! the number of threads. Trials run in parallel; nothing else in this crate does.

mod experiment;
mod flips;
mod history;
mod player;
mod random;
mod scenario;
mod subnet;
mod table;
mod targets;
mod trial;
mod world;

pub(crate) use experiment::{Losers, play_after};
pub use flips::{Disagreement, FLIP_GAINS, FlipRow, VALIDATORS, flips};
pub use random::Random;
pub use scenario::{History, Scenario, Tasks};
pub use table::{Cell, LabError, LabSettings, Row, play, play_one};
pub use targets::{Figure, Target, TargetRow, target_trials, targets};
pub use world::World;
