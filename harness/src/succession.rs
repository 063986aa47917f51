//! Succession of champions from duel to duel, and shares of emission: pure, so that an audit computes them the same way.

use pareto::reign::ReignError;
use pareto::weights::{WeightError, winner_takes_all};
use pareto::{Decision, DuelError, DuelSettings, Reign, Verdict};

use crate::record::{UnitScore, WindowTerms, paired};
use crate::registry::Hotkey;

/// The champion and the alpha its reign has left.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Succession {
    /// The champion's place among the entries.
    pub champion: usize,
    /// The place of the champion that was dethroned in this window, if one was.
    pub dethroned: Option<usize>,
    /// The reign.
    pub reign: Reign,
}

impl Succession {
    /// A champion whose reign has tested so many challengers.
    ///
    /// # Errors
    /// If alpha is not a usable error probability.
    pub(crate) fn new(champion: usize, alpha: f64, tested: u64) -> Result<Self, ReignError> {
        Ok(Self { champion, dethroned: None, reign: Reign::resumed(alpha, tested)? })
    }

    /// The champion before the first duel, given the playing entries in order of commitment: the champion of the terms if
    /// it plays, else the earliest; none if no entry plays.
    ///
    /// # Errors
    /// If alpha is not a usable error probability.
    pub(crate) fn open(terms: &WindowTerms, playing: &[usize]) -> Result<Option<Self>, ReignError> {
        let reigning = playing.iter().find(|entry| terms.champion.as_ref() == Some(&terms.entries[**entry].hotkey));
        let (champion, tested) = match (reigning, playing.first()) {
            (Some(reigning), _) => (*reigning, terms.tested),
            (None, Some(earliest)) => (*earliest, 0),
            (None, None) => return Ok(None),
        };
        Self::new(champion, terms.settings.deciding.alpha, tested).map(Some)
    }

    /// Applies a decision: a dethroned champion's reign ends and the winner's begins with all of alpha.
    pub(crate) fn settle(&mut self, challenger: usize, decision: &Decision) {
        if decision.verdict == Verdict::Dethroned {
            let alpha = self.reign.alpha();
            self.dethroned = Some(self.champion);
            self.champion = challenger;
            self.reign = Reign::resumed(alpha, 0).expect("alpha was checked when the succession began");
        }
    }

    /// Earlier champions, the latest first: of this window, then of those before it.
    pub(crate) fn former(&self, terms: &WindowTerms) -> Vec<Hotkey> {
        let hotkey = |entry: &usize| terms.entries[*entry].hotkey.clone();
        let first = hotkey(self.dethroned.as_ref().unwrap_or(&self.champion));
        let before = terms.champion.iter().filter(|reigning| **reigning != first).chain(&terms.former);
        self.dethroned.iter().map(hotkey).chain(before.cloned()).collect()
    }
}

/// Shares of emission; they sum to one.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Shares {
    /// Each entry's, in the order of the entries.
    pub entries: Vec<f64>,
    /// The share that goes to uid 0 to be burned, where no entry has that number.
    pub burned: f64,
}

/// Shares of emission: all to the champion, unless the settings burn a part or leave a part to former champions. Only
/// playing entries share.
///
/// # Errors
/// If the settings are not usable.
pub(crate) fn shares(terms: &WindowTerms, playing: &[usize], succession: &Succession) -> Result<Shares, WeightError> {
    let entries = &terms.entries;
    let former = succession.former(terms);
    let former = former.iter().filter_map(|hotkey| playing.iter().find(|entry| entries[**entry].hotkey == *hotkey));
    let uids: Vec<u16> =
        std::iter::once(&succession.champion).chain(former).map(|entry| entries[*entry].uid.0).collect();
    let weights = winner_takes_all(&uids, &terms.settings.deciding.weights)?;
    let share = |uid: u16| weights.iter().find(|(other, _)| *other == uid).map_or(0.0, |(_, share)| *share);
    let burned = if entries.iter().any(|entry| entry.uid.0 == 0) { 0.0 } else { share(0) };
    Ok(Shares { entries: entries.iter().map(|entry| share(entry.uid.0)).collect(), burned })
}

/// Decides a duel on both parties' scores, read in task order.
///
/// # Errors
/// If the settings are not usable.
pub(crate) fn decide_duel(
    environments: usize,
    champion: &[UnitScore],
    challenger: &[UnitScore],
    settings: &DuelSettings,
    alpha: f64,
) -> Result<Decision, DuelError> {
    pareto::duel(&paired(environments, champion, challenger), settings, alpha)
}

#[cfg(test)]
mod tests {
    use pareto::weights::WeightSettings;

    use super::*;
    use crate::registry::{Entry, RegistryState, Uid};
    use crate::settings::{Deciding, Settings};

    fn unit(environment: usize, task: u32, score: f64) -> UnitScore {
        UnitScore { environment, task, score: Some(score) }
    }

    #[test]
    fn a_dethronement_starts_a_reign_with_all_of_alpha() {
        let settings = DuelSettings { budget: 200, ..DuelSettings::default() };
        let losses: Vec<UnitScore> = (0..200).map(|task| unit(0, task, 0.0)).collect();
        let wins: Vec<UnitScore> = (0..200).map(|task| unit(0, task, 1.0)).collect();
        let mut succession = Succession::new(4, 0.01, 0).unwrap();
        let alpha = succession.reign.begin();
        let decision = decide_duel(1, &losses, &wins, &settings, alpha).unwrap();
        succession.settle(7, &decision);
        assert_eq!((succession.champion, succession.reign.challengers()), (7, 0));
        let alpha = succession.reign.begin();
        let decision = decide_duel(1, &wins, &losses, &settings, alpha).unwrap();
        succession.settle(9, &decision);
        assert_eq!((succession.champion, succession.reign.challengers()), (7, 1));
    }

    /// Uids 0 to 3 are called a to d; the window began under c, before which a, x (who left) and b held the weight.
    #[track_caller]
    fn check(
        weights: WeightSettings,
        first_uid: u16,
        playing: &[usize],
        dethroned: Option<usize>,
        expected: &[f64],
        burned: f64,
    ) {
        let entries = ["a", "b", "c", "d"].into_iter().enumerate().map(|(place, hotkey)| Entry {
            hotkey: Hotkey(hotkey.to_owned()),
            uid: Uid(place as u16 + first_uid),
            model: format!("o/{hotkey}@{}", "0".repeat(40)).parse().unwrap(),
            committed: place as u64,
            position: 0,
        });
        let hotkeys = |names: &[&str]| names.iter().map(|name| Hotkey((*name).to_owned())).collect::<Vec<_>>();
        let registry = RegistryState {
            netuid: 1,
            seed_block: 9,
            seed_hash: [0; 32],
            champion: Some(Hotkey("c".to_owned())),
            former: hotkeys(&["a", "x", "b"]),
            tested: 0,
            entries: entries.collect(),
        };
        let settings = Settings { deciding: Deciding { weights, ..Deciding::default() }, ..Settings::default() };
        let terms = WindowTerms::new(&registry, &settings, Vec::new(), String::new());
        let champion = if dethroned.is_none() { 2 } else { 3 };
        let succession = Succession { dethroned, ..Succession::new(champion, 0.01, 0).unwrap() };
        let shares = shares(&terms, playing, &succession).unwrap();
        assert_eq!(shares, Shares { entries: expected.to_vec(), burned });
        assert_eq!(shares.entries.iter().sum::<f64>() + shares.burned, 1.0);
    }

    #[test]
    fn former_champions_that_play_share_what_is_not_burned() {
        let all = [0, 1, 2, 3];
        check(WeightSettings::default(), 1, &all, None, &[0.0, 0.0, 1.0, 0.0], 0.0);
        check(WeightSettings::default(), 1, &all, Some(2), &[0.0, 0.0, 0.0, 1.0], 0.0);
        let halved = |champions| WeightSettings { burn: 0.0, decay: 0.5, champions };
        check(halved(2), 1, &all, Some(2), &[0.0, 0.0, 1.0 / 3.0, 2.0 / 3.0], 0.0);
        check(halved(2), 1, &[0, 1, 3], Some(2), &[1.0 / 3.0, 0.0, 0.0, 2.0 / 3.0], 0.0);
        check(halved(3), 1, &all, None, &[2.0 / 7.0, 1.0 / 7.0, 4.0 / 7.0, 0.0], 0.0);
        let burning = WeightSettings { burn: 0.25, ..WeightSettings::default() };
        check(burning.clone(), 1, &all, None, &[0.0, 0.0, 0.75, 0.0], 0.25);
        check(burning, 0, &all, None, &[0.25, 0.0, 0.75, 0.0], 0.0);
    }
}
