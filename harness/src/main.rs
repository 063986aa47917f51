//! The `dethrone` command.

fn main() {}
