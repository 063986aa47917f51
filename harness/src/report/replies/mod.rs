//! Rollouts as text: prompt, reply, what was looked for and found, and the verdict; for terminals and for browsers.

mod page;
mod text;

pub(crate) use page::{RepliesPage, replies_page};
pub(crate) use text::transcript_text;
