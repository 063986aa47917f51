//! The list of all mechanisms, each with its constants.

use super::bootstrap::Bootstrap;
use super::four_stage::FourStage;
use super::mechanism::Mechanism;
use super::powerset::Powerset;
use super::private_samples::PrivateSamples;
use super::sequential::Sequential;
use super::two_evaluations::TwoEvaluations;
use super::window::WindowRule;

/// One of every mechanism.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Mechanisms {
    /// Duels on paired tasks, the rule of this crate.
    pub sequential: Sequential,
    /// The public rule of 2026.
    pub window: WindowRule,
    /// The public rule of December 2025.
    pub four_stage: FourStage,
    /// The public rule of the beginning of 2025.
    pub powerset: Powerset,
    /// A paired bootstrap of the win rate, as king-of-the-hill subnets use it.
    pub bootstrap: Bootstrap,
    /// The same margin in two evaluations, as king-of-the-hill subnets use it.
    pub two_evaluations: TwoEvaluations,
    /// A margin on a few private samples, as king-of-the-hill subnets use it.
    pub private_samples: PrivateSamples,
}

impl Mechanisms {
    /// All of them, the default first.
    #[must_use]
    pub fn all(&self) -> [&dyn Mechanism; 7] {
        [
            &self.sequential,
            &self.window,
            &self.four_stage,
            &self.powerset,
            &self.bootstrap,
            &self.two_evaluations,
            &self.private_samples,
        ]
    }

    /// The one of this name.
    #[must_use]
    pub fn named(&self, name: &str) -> Option<&dyn Mechanism> {
        self.all().into_iter().find(|mechanism| mechanism.name() == name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_mechanism_is_found_by_a_name_of_its_own() {
        let mechanisms = Mechanisms::default();
        let names = mechanisms.all().map(|mechanism| mechanism.name());
        for (place, name) in names.into_iter().enumerate() {
            assert_eq!(names.iter().position(|other| *other == name), Some(place), "{name} is there twice");
            let found = mechanisms.named(name).expect("it is in the list");
            assert_eq!(found.name(), name);
            assert!(!found.about().is_empty() && !found.about().ends_with('.'), "{name}");
        }
        assert!(mechanisms.named("").is_none() && mechanisms.named("Sequential").is_none());
    }
}
