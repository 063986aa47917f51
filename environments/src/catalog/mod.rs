//! The built-in environments, by name.
//!
//! A new variant is a file here that implements `Question`, a row in `ENTRIES`, and must pass [`crate::check`].

mod abduction;
mod coding;
mod deduction;
mod one_turn;
mod question;
mod sat;

use std::sync::Arc;

use sandboxes::Sandbox;

use crate::{Environment, EnvironmentError};
use one_turn::{OneTurn, Question};

/// What differs from tier to tier, besides the tasks.
#[derive(Clone, Copy, Debug)]
struct Tier {
    floor: f64,
    max_new_tokens: u32,
}

struct Entry {
    name: &'static str,
    tiers: &'static [Tier],
    open: fn(u8, &Sandbox) -> Arc<dyn Environment>,
}

impl Entry {
    const fn of<Q: Question>() -> Self {
        Self { name: Q::NAME, tiers: Q::TIERS, open: |tier, sandbox| Arc::new(OneTurn::<Q>::new(tier, sandbox)) }
    }
}

/// Sorted by name.
const ENTRIES: &[Entry] = &[
    Entry::of::<abduction::Abduction>(),
    Entry::of::<coding::Coding>(),
    Entry::of::<deduction::Deduction>(),
    Entry::of::<sat::Sat>(),
];

/// The names of all built-in environments, sorted.
pub fn names() -> impl Iterator<Item = &'static str> {
    ENTRIES.iter().map(|entry| entry.name)
}

/// How many tiers an environment has; tier 0 is the easiest.
pub fn tiers(name: &str) -> Result<u8, EnvironmentError> {
    entry(name).map(count)
}

/// Opens a built-in environment at a tier, the easiest unless told otherwise.
pub fn open(name: &str, tier: Option<u8>, sandbox: &Sandbox) -> Result<Arc<dyn Environment>, EnvironmentError> {
    let entry = entry(name)?;
    let tier = tier.unwrap_or(0);
    let count = count(entry);
    if tier >= count {
        return Err(EnvironmentError::Tier { name: name.to_owned(), tier, highest: count - 1 });
    }
    Ok((entry.open)(tier, sandbox))
}

fn count(entry: &Entry) -> u8 {
    u8::try_from(entry.tiers.len()).expect("invariant: there are few tiers")
}

fn entry(name: &str) -> Result<&'static Entry, EnvironmentError> {
    ENTRIES.iter().find(|entry| entry.name == name).ok_or_else(|| {
        let nearest = names().map(|known| (distance(name, known), known)).min();
        let hint = match nearest {
            Some((edits, known)) if edits <= 1 + known.len() / 3 => format!("; did you mean '{known}'?"),
            _ => String::new(),
        };
        EnvironmentError::Unknown { name: name.to_owned(), hint, known: names().collect::<Vec<_>>().join(", ") }
    })
}

/// How many insertions, removals and replacements lead from one name to the other.
fn distance(from: &str, to: &str) -> usize {
    let to: Vec<char> = to.chars().collect();
    let mut row: Vec<usize> = (0..=to.len()).collect();
    for (line, letter) in from.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = line + 1;
        for column in 0..to.len() {
            let replaced = diagonal + usize::from(letter != to[column]);
            diagonal = row[column + 1];
            row[column + 1] = replaced.min(row[column] + 1).min(diagonal + 1);
        }
    }
    row[to.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_misspelt_name_gets_the_nearest_one() {
        let cases = [
            ("deducton", "; did you mean 'deduction'?"),
            ("abductions", "; did you mean 'abduction'?"),
            ("satt", "; did you mean 'sat'?"),
            ("chess", ""),
            ("", ""),
        ];
        for (name, expected) in cases {
            let Err(EnvironmentError::Unknown { hint, known, .. }) = tiers(name) else { panic!("{name} is known") };
            assert_eq!(hint, expected, "{name}");
            assert_eq!(known, "abduction, coding, deduction, sat");
        }
    }
}
