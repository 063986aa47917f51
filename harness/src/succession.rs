//! Succession of champions between windows, and shares of emission: pure, so that an audit computes them the same way.

use pareto::mechanisms::Sequential;
use pareto::weights::{WeightError, winner_takes_all};
use pareto::{Decision, DuelError, DuelSettings, HeatSettings, Opening, Standing, Succession};

use crate::record::{UnitScore, WindowTerms, paired};
use crate::registry::Hotkey;

/// The duels of a window, given the playing entries in order of commitment: against the champion of the terms if it plays,
/// else against the earliest; none if no entry plays.
///
/// # Errors
/// If alpha is not a usable error probability.
pub(crate) fn open(terms: &WindowTerms, playing: &[usize]) -> Result<Option<Succession>, DuelError> {
    let deciding = &terms.settings.deciding;
    let heat = HeatSettings::none();
    let rule = Sequential { duel: deciding.duel.clone(), heat, alpha: deciding.alpha, tested: terms.tested };
    let reigning = |entry: &&usize| terms.champion.as_ref() == Some(&terms.entries[**entry].hotkey);
    let champion = playing.iter().find(reigning).copied();
    let opening = Opening { champion, ..Opening::new(terms.environments.len(), playing) };
    let mut succession = rule.open(&opening, |_| Standing::Waiting)?;
    while let Some((succession, entry)) = succession.as_mut().and_then(|one| one.next_heat().map(|entry| (one, entry)))
    {
        succession.settle_heat(&entry);
    }
    Ok(succession)
}

/// Earlier champions, the latest first: of this window, then of those before it.
pub(crate) fn former(terms: &WindowTerms, succession: &Succession) -> Vec<Hotkey> {
    let hotkey = |entry: usize| terms.entries[entry].hotkey.clone();
    let dethroned = succession.dethroned();
    let first = hotkey(dethroned.unwrap_or(succession.champion()));
    let before = terms.champion.iter().filter(|reigning| **reigning != first).chain(&terms.former);
    dethroned.into_iter().map(hotkey).chain(before.cloned()).collect()
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
    let former = former(terms, succession);
    let former = former.iter().filter_map(|hotkey| playing.iter().find(|entry| entries[**entry].hotkey == *hotkey));
    let uids: Vec<u16> =
        std::iter::once(&succession.champion()).chain(former).map(|entry| entries[*entry].uid.0).collect();
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
    use pareto::{Bout, Verdict};

    use super::*;
    use crate::registry::{Entry, RegistryState, Uid};
    use crate::settings::{Deciding, Settings};

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
        let environments = vec![environments::EnvironmentId::built_in("sat", "1.0.0", 0)];
        let terms = WindowTerms::new(&registry, &settings, environments, String::new());
        let mut succession = open(&terms, &[0, 1, 2, 3]).unwrap().unwrap();
        while let Some(Bout { challenge, .. }) = succession.next_bout().unwrap() {
            let wins = dethroned.is_some() && challenge.challenger == 3;
            succession.settle(&challenge, if wins { Verdict::Dethroned } else { Verdict::Defended });
        }
        assert_eq!(succession.dethroned(), dethroned);
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
