//! The list of built-in environments.

use std::sync::Arc;

use sandboxes::Sandbox;

use super::{
    abduction::Abduction,
    coding::Coding,
    deduction::Deduction,
    one_turn::{OneTurn, Question, Tier},
    sat::Sat,
};
use crate::{Environment, EnvironmentError};

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

/// All built-in environments, sorted by name.
const ENTRIES: &[Entry] =
    &[Entry::of::<Abduction>(), Entry::of::<Coding>(), Entry::of::<Deduction>(), Entry::of::<Sat>()];

/// Names of all built-in environments, sorted.
pub fn names() -> impl Iterator<Item = &'static str> {
    ENTRIES.iter().map(|entry| entry.name)
}

/// Number of tiers of an environment; tier 0 is the easiest.
///
/// # Errors
/// If no environment has this name.
pub fn tiers(name: &str) -> Result<u8, EnvironmentError> {
    entry(name).map(tier_count)
}

/// Opens a built-in environment at a tier, by default the easiest.
///
/// # Errors
/// If no environment has this name, or it has no such tier.
pub fn open(name: &str, tier: Option<u8>, sandbox: &Sandbox) -> Result<Arc<dyn Environment>, EnvironmentError> {
    let entry = entry(name)?;
    let tier = tier.unwrap_or(0);
    let count = tier_count(entry);
    if tier >= count {
        return Err(EnvironmentError::Tier { name: name.to_owned(), tier, highest: count - 1 });
    }
    Ok((entry.open)(tier, sandbox))
}

fn tier_count(entry: &Entry) -> u8 {
    u8::try_from(entry.tiers.len()).expect("invariant: there are few tiers")
}

fn entry(name: &str) -> Result<&'static Entry, EnvironmentError> {
    ENTRIES.iter().find(|entry| entry.name == name).ok_or_else(|| {
        let hint = nearest(name).map(|known| format!("; did you mean '{known}'?")).unwrap_or_default();
        EnvironmentError::Unknown { name: name.to_owned(), hint, known: names().collect::<Vec<_>>().join(", ") }
    })
}

/// The name closest to a misspelled one, if any is close; the same bound as for settings.
fn nearest(misspelled: &str) -> Option<&'static str> {
    names()
        .map(|name| (strsim::damerau_levenshtein(misspelled, name), name))
        .filter(|(distance, name)| *distance <= 1 + name.len() / 3)
        .min()
        .map(|(_, name)| name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test_sandbox::sandbox;

    #[test]
    fn a_misspelled_name_gets_the_nearest_one() {
        let cases = [
            ("deducton", "; did you mean 'deduction'?"),
            ("dedcution", "; did you mean 'deduction'?"),
            ("abductions", "; did you mean 'abduction'?"),
            ("Coding", "; did you mean 'coding'?"),
            ("satt", "; did you mean 'sat'?"),
            ("ats", "; did you mean 'sat'?"),
            ("sat ", "; did you mean 'sat'?"),
            ("chess", ""),
            ("deduction/../sat", ""),
            ("", ""),
        ];
        for (name, expected) in cases {
            let Err(EnvironmentError::Unknown { hint, known, .. }) = tiers(name) else { panic!("{name} is known") };
            assert_eq!(hint, expected, "{name}");
            assert_eq!(known, "abduction, coding, deduction, sat");
        }
    }

    #[test]
    fn every_tier_of_every_name_opens_and_none_beyond() {
        for name in names() {
            let count = tiers(name).unwrap();
            for tier in 0..count {
                let environment = open(name, Some(tier), sandbox()).unwrap();
                assert_eq!((environment.id().name.as_str(), environment.id().tier), (name, tier));
                assert!((0.0..0.5).contains(&environment.floor()), "{name}: blind replies must not pay");
                assert!(environment.max_new_tokens() > 0);
                assert_eq!(environment.turn_cap(), 1);
            }
            for tier in [count, u8::MAX] {
                let error = open(name, Some(tier), sandbox()).err().unwrap();
                let expected = format!("environment '{name}' has no tier {tier}; its tiers are 0 to {}", count - 1);
                assert_eq!(error.to_string(), expected);
            }
            assert_eq!(open(name, None, sandbox()).unwrap().id().tier, 0);
        }
    }

    #[test]
    fn names_are_sorted_and_told_apart() {
        assert!(ENTRIES.is_sorted_by(|entry, next| entry.name < next.name));
    }
}
