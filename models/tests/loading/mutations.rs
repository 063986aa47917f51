//! Nothing in a file makes a reader panic or run away: sound files, spoiled at random, thousands of times.
//!
//! `cargo run --release -p models --example fuzz` does the same for as long as one likes.

#[path = "../../fuzz/mutate.rs"]
mod mutate;
#[path = "../../fuzz/targets.rs"]
mod targets;

use targets::TARGETS;

#[test]
fn spoiled_files_are_read_or_refused() {
    for target in TARGETS {
        let seeds = (target.seeds)();
        assert!(!seeds.is_empty());
        for seed in &seeds {
            (target.read)(seed);
        }
        let mut random = mutate::Random::new(target.name);
        for _ in 0..target.rounds {
            (target.read)(&mutate::mutate(&seeds, &mut random));
        }
    }
}
