//! Tasks as pure functions of a seed, and how a reply to one is judged.
