//! The program behind the `dethrone` command.
