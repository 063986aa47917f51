//! Who wins, and why: screens, duels, mechanisms, weights and consensus, without I/O, clock or randomness of its own.
