//! Child processes that read one model's files, each with limits of its own: whatever a stranger's tokenizer, template or
//! tensors do to one ends that process, and with it one entry's part in a window.
//!
//! The program starts itself again. Parent and child speak in frames over a socket pair that is the child's standard input,
//! so that nothing a library prints can be taken for an answer. A child that runs a model answers its rollouts until the
//! parent closes the socket; the engine is the same in both, and so are the bits.

mod engine;
mod limits;
mod message;
mod process;
mod serve;

pub(crate) use engine::{StartError, start_engine};
pub(crate) use limits::ProcessLimits;
pub(crate) use message::{EngineTask, Task};
pub(crate) use process::{ModelProcess, ProcessError, examine, take_fingerprint};
pub(crate) use serve::{COMMAND, serve};
