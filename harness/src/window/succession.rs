//! Who holds the weight, from duel to duel: pure, so that an auditor walks the same way.

use pareto::reign::ReignError;
use pareto::weights::{WeightError, winner_takes_all};
use pareto::{Decision, DuelError, DuelSettings, Pair, PairedScores, Reign, Verdict};

use crate::evidence::Opened;
use crate::registry::Hotkey;
use crate::store::{Fault, RolloutRecord};

/// The champion and the alpha its reign has left.
#[derive(Debug, Clone, PartialEq)]
pub struct Succession {
    /// The champion's place among the entries.
    pub champion: usize,
    /// The place of the one that was dethroned in this window, if one was.
    pub dethroned: Option<usize>,
    /// The reign.
    pub reign: Reign,
}

/// A score on one task.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct UnitScore {
    /// The environment's place.
    pub environment: usize,
    /// The task's number.
    pub task: u32,
    /// The score; none where the environment could not make the task.
    pub score: Option<f64>,
}

impl Succession {
    /// A champion whose reign has tested so many challengers.
    ///
    /// # Errors
    /// If alpha is not a usable error probability.
    pub fn new(champion: usize, alpha: f64, tested: u64) -> Result<Self, ReignError> {
        Ok(Self { champion, dethroned: None, reign: Reign::resumed(alpha, tested)? })
    }

    /// Who holds the weight before the first duel, given the entries that play in order of commitment: the champion of
    /// before if it plays, else the earliest; none if nobody plays.
    ///
    /// # Errors
    /// If alpha is not a usable error probability.
    pub fn open(opened: &Opened, playing: &[usize]) -> Result<Option<Self>, ReignError> {
        let reigning = playing.iter().find(|entry| opened.champion.as_ref() == Some(&opened.entries[**entry].hotkey));
        let (champion, tested) = match (reigning, playing.first()) {
            (Some(reigning), _) => (*reigning, opened.tested),
            (None, Some(earliest)) => (*earliest, 0),
            (None, None) => return Ok(None),
        };
        Self::new(champion, opened.settings.alpha, tested).map(Some)
    }

    /// Takes note of how a duel ended: a dethroned champion's reign ends and the winner's begins with all of alpha.
    pub fn settle(&mut self, challenger: usize, decision: &Decision) {
        if decision.verdict == Verdict::Dethroned {
            let alpha = self.reign.alpha();
            self.dethroned = Some(self.champion);
            self.champion = challenger;
            self.reign = Reign::resumed(alpha, 0).expect("alpha was checked when the succession began");
        }
    }

    /// Who held the weight before the champion, the latest first: in this window, then in those before it.
    pub fn former(&self, opened: &Opened) -> Vec<Hotkey> {
        let hotkey = |entry: &usize| opened.entries[*entry].hotkey.clone();
        let first = hotkey(self.dethroned.as_ref().unwrap_or(&self.champion));
        let before = opened.champion.iter().filter(|reigning| **reigning != first).chain(&opened.former);
        self.dethroned.iter().map(hotkey).chain(before.cloned()).collect()
    }
}

/// Shares of emission; they sum to one.
#[derive(Debug, Clone, PartialEq)]
pub struct Shares {
    /// Each entry's, in the order of the entries.
    pub entries: Vec<f64>,
    /// What goes to uid 0 to be burned, where no entry has that number.
    pub burned: f64,
}

/// Who gets what: the champion all, unless the settings let something be burned or former champions keep a part. Only
/// those that play share.
///
/// # Errors
/// If the settings are not usable.
pub fn shares(opened: &Opened, playing: &[usize], succession: &Succession) -> Result<Shares, WeightError> {
    let entries = &opened.entries;
    let former = succession.former(opened);
    let former = former.iter().filter_map(|hotkey| playing.iter().find(|entry| entries[**entry].hotkey == *hotkey));
    let uids: Vec<u16> =
        std::iter::once(&succession.champion).chain(former).map(|entry| entries[*entry].uid.0).collect();
    let weights = winner_takes_all(&uids, &opened.settings.weights)?;
    let share = |uid: u16| weights.iter().find(|(other, _)| *other == uid).map_or(0.0, |(_, share)| *share);
    let burned = if entries.iter().any(|entry| entry.uid.0 == 0) { 0.0 } else { share(0) };
    Ok(Shares { entries: entries.iter().map(|entry| share(entry.uid.0)).collect(), burned })
}

/// The scores of stored rollouts.
pub fn unit_scores(rollouts: &[RolloutRecord]) -> Vec<UnitScore> {
    let score = |rollout: &RolloutRecord| UnitScore {
        environment: rollout.environment,
        task: rollout.task,
        score: (rollout.fault != Some(Fault::Environment)).then_some(rollout.score),
    };
    rollouts.iter().map(score).collect()
}

/// The scores of tasks below `end`.
pub fn up_to(end: u32, scores: Vec<UnitScore>) -> Vec<UnitScore> {
    scores.into_iter().filter(|unit| unit.task < end).collect()
}

/// How the duel stands on what both have answered of it, read in task order.
///
/// # Errors
/// If the settings are not usable.
pub fn stand(
    environments: usize,
    champion: &[UnitScore],
    challenger: &[UnitScore],
    settings: &DuelSettings,
    alpha: f64,
) -> Result<Decision, DuelError> {
    pareto::duel(&paired(environments, champion, challenger), settings, alpha)
}

/// The pairs of each environment in task order, up to the first task that either has not come to.
pub fn paired(environments: usize, champion: &[UnitScore], challenger: &[UnitScore]) -> PairedScores {
    let pairs_of = |environment| {
        let champion = prefix(environment, champion);
        let challenger = prefix(environment, challenger);
        champion.into_iter().zip(challenger).map(|(champion, challenger)| Pair { champion, challenger }).collect()
    };
    PairedScores { environments: (0..environments).map(pairs_of).collect() }
}

/// An environment's scores from task 0 up to the first gap.
fn prefix(environment: usize, scores: &[UnitScore]) -> Vec<Option<f64>> {
    let mut own: Vec<(u32, Option<f64>)> =
        scores.iter().filter(|unit| unit.environment == environment).map(|unit| (unit.task, unit.score)).collect();
    own.sort_by_key(|(task, _)| *task);
    own.into_iter()
        .enumerate()
        .take_while(|(place, (task, _))| *place as u32 == *task)
        .map(|(_, (_, score))| score)
        .collect()
}

#[cfg(test)]
mod tests {
    use pareto::weights::WeightSettings;

    use super::*;
    use crate::registry::{Entry, Registry, Uid};
    use crate::settings::Settings;

    fn unit(environment: usize, task: u32, score: f64) -> UnitScore {
        UnitScore { environment, task, score: Some(score) }
    }

    #[test]
    fn pairs_stop_at_the_first_task_that_is_not_there() {
        let champion = [unit(0, 2, 0.2), unit(0, 0, 0.0), unit(0, 1, 0.1), unit(1, 0, 1.0)];
        let challenger = [unit(0, 0, 1.0), unit(0, 2, 0.8), unit(1, 0, 0.5)];
        let pairs = paired(2, &champion, &challenger);
        assert_eq!(pairs.environments, [vec![Pair::new(0.0, 1.0)], vec![Pair::new(1.0, 0.5)]]);
    }

    /// A round of four tasks in two environments was left half done: in one there are more of it than in the other.
    #[test]
    fn a_look_asks_for_what_it_would_have_asked_for_without_what_a_dead_process_left() {
        let settings = DuelSettings { budget: 40, minimum_tasks: 4, ..DuelSettings::default() };
        let champion: Vec<UnitScore> =
            (0..80).map(|unit_number| unit(unit_number % 2, (unit_number / 2) as u32, 0.5)).collect();
        let all = |tasks: [u32; 2]| -> Vec<UnitScore> {
            let of = |environment: usize| (0..tasks[environment]).map(move |task| unit(environment, task, 0.5));
            of(0).chain(of(1)).collect()
        };
        let wants = |scores: Vec<UnitScore>| {
            let pairs = paired(2, &champion, &up_to(8, scores));
            pareto::Duel::held(&pairs, &settings, 0.01).unwrap().wants()
        };
        assert_eq!(wants(all([11, 9])), wants(all([8, 8])));
        assert_eq!(wants(all([8, 8])), [0, 1]);
    }

    #[test]
    fn the_order_of_arrival_changes_nothing() {
        let champion: Vec<UnitScore> = (0..30).map(|task| unit(0, task, f64::from(task % 2))).collect();
        let mut reversed = champion.clone();
        reversed.reverse();
        assert_eq!(paired(1, &champion, &champion), paired(1, &reversed, &champion));
    }

    #[test]
    fn a_dethronement_starts_a_reign_with_all_of_alpha() {
        let settings = DuelSettings { budget: 200, ..DuelSettings::default() };
        let losses: Vec<UnitScore> = (0..200).map(|task| unit(0, task, 0.0)).collect();
        let wins: Vec<UnitScore> = (0..200).map(|task| unit(0, task, 1.0)).collect();
        let mut succession = Succession::new(4, 0.01, 0).unwrap();
        let alpha = succession.reign.begin();
        let decision = stand(1, &losses, &wins, &settings, alpha).unwrap();
        succession.settle(7, &decision);
        assert_eq!((succession.champion, succession.reign.challengers()), (7, 0));
        let alpha = succession.reign.begin();
        let decision = stand(1, &wins, &losses, &settings, alpha).unwrap();
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
        let registry = Registry {
            netuid: 1,
            seed_block: 9,
            seed_hash: [0; 32],
            champion: Some(Hotkey("c".to_owned())),
            former: hotkeys(&["a", "x", "b"]),
            tested: 0,
            entries: entries.collect(),
        };
        let settings = Settings { weights, ..Settings::default() };
        let opened = Opened::new(&registry, &settings, Vec::new(), String::new());
        let champion = if dethroned.is_none() { 2 } else { 3 };
        let succession = Succession { dethroned, ..Succession::new(champion, 0.01, 0).unwrap() };
        let shares = shares(&opened, playing, &succession).unwrap();
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
