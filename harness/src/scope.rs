//! Scope of an error: one entry's part in a window, or all that this validator does.

/// Scope of an error. Every error that may end a window tells its own, without a default: a new kind of error does not
/// compile until somebody has said whose it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Scope {
    /// It may be one entry's doing, so that it ends that entry's part in the window and nobody else's.
    Entry,
    /// It concerns the validator, whatever the entry: its disk, its database, its settings, its card.
    Validator,
}
