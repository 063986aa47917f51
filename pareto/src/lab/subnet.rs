//! A subnet over several windows: heats, bouts and the numbers of a reign, against one champion.

use super::player::{Player, score};
use super::random::Random;
use super::scenario::Scenario;
use super::trial::Trial;
use super::world::{Champion, World, answer};
use crate::duel::{DuelError, Verdict};
use crate::heat::HeatReason;
use crate::mechanisms::{Bout, Opening, Sequential, Standing};
use crate::scores::{Pair, mean};
use crate::tasks::TaskPlan;

/// A world, the rule of its heats and bouts, and the guard of them.
#[derive(Clone, Debug)]
pub(super) struct Rules {
    /// The world.
    pub(super) world: World,
    /// The rule.
    pub(super) rule: Sequential,
    /// Gains of the guard over the champion, one for each environment; none without a guard.
    pub(super) guard: Option<Vec<f64>>,
}

/// A challenger and how far it has come in the reign.
#[derive(Clone, Debug)]
pub(super) struct Contender<'a> {
    player: Player<'a>,
    standing: Standing,
    /// Tasks per environment that it was asked, in heats and bouts.
    pub(super) tasks: f64,
    /// Rollouts of all models in all environments; those of champion and guard serve all challengers of a window.
    pub(super) rollouts: f64,
    /// Number of its bout in the reign.
    pub(super) number: Option<u64>,
    /// The end of its last heat or bout.
    pub(super) verdict: Verdict,
}

impl<'a> Contender<'a> {
    /// A challenger of a scenario that has played nothing yet.
    pub(super) fn new(scenario: &'a Scenario, environments: usize) -> Self {
        Self {
            player: Player::new(scenario, environments),
            standing: Standing::Waiting,
            tasks: 0.0,
            rollouts: 0.0,
            number: None,
            verdict: Verdict::Undecided,
        }
    }

    /// Its part in a trial.
    pub(super) fn trial(&self, dethroned: bool) -> Trial {
        Trial { dethroned, first: self.verdict, tasks: self.tasks, rollouts: self.rollouts }
    }

    /// So many challengers of a scenario.
    pub(super) fn several(scenario: &'a Scenario, count: usize, environments: usize) -> Vec<Self> {
        vec![Self::new(scenario, environments); count]
    }

    /// Counts tasks of a heat or a bout, of so many rollouts each.
    fn asked(&mut self, tasks: usize, environments: usize, rollouts: usize) {
        self.tasks += tasks as f64 / environments as f64;
        self.rollouts += (rollouts * tasks) as f64;
    }
}

/// A reign in progress, with the record that one window hands to the next.
pub(super) struct Subnet<'a> {
    world: &'a World,
    guard: Option<&'a [f64]>,
    rule: Sequential,
    plan: TaskPlan,
}

impl<'a> Subnet<'a> {
    pub(super) fn new(rules: &'a Rules) -> Self {
        let plan = TaskPlan::new(&rules.rule.heat, &rules.rule.duel);
        Self { world: &rules.world, guard: rules.guard.as_deref(), rule: rules.rule.clone(), plan }
    }

    /// One window among these challengers, in order of commitment; returns the place of the one that wins.
    ///
    /// # Errors
    /// If a setting of the rule is out of its range.
    pub(super) fn window(
        &mut self,
        contenders: &mut [Contender<'_>],
        random: &mut Random,
    ) -> Result<Option<usize>, DuelError> {
        let environments = self.world.means.len();
        // A stream of its own: the number of draws that a challenger makes changes none of the champion's answers.
        let mut champion = Champion::new(self.world, Random::new(random.bits(), &[]));
        let mut guard = Random::new(random.bits(), &[]);
        let playing: Vec<usize> = (0..=contenders.len()).collect();
        let opening = Opening { environments, playing: &playing, champion: Some(0), guard: self.guard.is_some() };
        // Entry 0 reigns; a standing that is handed over is written anew when the window has decided on it.
        let standing = |entry: usize| std::mem::replace(&mut contenders[entry - 1].standing, Standing::Waiting);
        let mut succession = self.rule.open(&opening, standing)?.expect("the champion plays");
        while let Some(mut entry) = succession.next_heat() {
            let one = &mut contenders[entry.challenger - 1];
            let player = &mut one.player;
            entry.heat.feed(|environment, task| Some(pair(&mut champion, random, player, environment, task)))?;
            one.verdict = Verdict::Undecided;
            if entry.heat.ended() != Some(HeatReason::Passed) {
                one.verdict = Verdict::Defended;
            }
            one.asked(entry.heat.tasks() * environments, environments, 2);
            succession.settle_heat(&entry);
        }
        while let Some(Bout { challenge, mut duel, .. }) = succession.next_bout()? {
            self.rule.tested = self.rule.tested.max(challenge.number);
            let one = &mut contenders[challenge.challenger - 1];
            let (player, before) = (&mut one.player, duel.tasks_used());
            let first = (0..environments).map(|environment| duel.pushed(environment)).collect::<Vec<_>>();
            let verdict = duel.feed(|environment, task| {
                // A duel that goes on counts on from where it was put down; the window's tasks begin anew.
                let task = task - first[environment];
                let both = pair(&mut champion, random, player, environment, self.plan.bout(task));
                let numbers = self.plan.references(task);
                let reference = mean(numbers.map(|number| Some(score(champion.answer(environment, number).1))));
                let guard = self.guard.map(|gains| {
                    let (difficulty, _) = champion.answer(environment, self.plan.bout(task));
                    let mean = (champion.mean(environment) + gains[environment]).clamp(0.0, 1.0);
                    score(answer(&mut guard, difficulty, mean, champion.by_item()))
                });
                Some(Pair { reference, guard, ..both })
            })?;
            one.verdict = verdict.unwrap_or(Verdict::Undecided);
            one.number = Some(challenge.number);
            let rollouts = 2 + self.rule.duel.references + usize::from(self.guard.is_some());
            one.asked(duel.tasks_used() - before, environments, rollouts);
            one.standing = match one.verdict {
                Verdict::Undecided => Standing::Carried { number: challenge.number, duel: Box::new(duel.save()) },
                _ => Standing::Spent,
            };
            succession.settle(&challenge, one.verdict);
        }
        Ok(succession.dethroned().map(|_| succession.champion() - 1))
    }
}

/// Scores of champion and challenger on a task.
#[inline]
fn pair(
    champion: &mut Champion<'_>,
    random: &mut Random,
    player: &mut Player<'_>,
    environment: usize,
    task: usize,
) -> Pair {
    let (_, right) = champion.answer(environment, task);
    let reply = player.reply(champion, random, environment, task);
    Pair { champion: Some(score(right)), challenger: reply.map(score), ..Pair::default() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::duel::DuelSettings;
    use crate::heat::HeatSettings;
    use crate::lab::LabSettings;

    fn rules(duel: DuelSettings, heat: HeatSettings) -> Rules {
        let settings = LabSettings { duel, heat, ..LabSettings::default() };
        let world = World { means: vec![0.5; 2], correlation: 0.6 };
        Rules { world, rule: settings.mechanisms().sequential, guard: None }
    }

    fn model(gain: f64) -> Scenario {
        Scenario::plain("model", false, &[gain])
    }

    #[test]
    fn a_window_is_won_by_the_best_and_the_hopeless_use_up_no_number() {
        let rules = rules(DuelSettings::default(), HeatSettings::default());
        let (decoy, better) = (model(-0.4), model(0.4));
        let mut subnet = Subnet::new(&rules);
        let mut field = Contender::several(&decoy, 20, 2);
        field.insert(11, Contender::new(&better, 2));
        let won = subnet.window(&mut field, &mut Random::new(91, &[])).expect("valid");
        assert_eq!((won, field[11].number, field[11].verdict), (Some(11), Some(1), Verdict::Dethroned));
        for (place, one) in field.iter().enumerate().filter(|(place, _)| *place != 11) {
            assert_eq!((one.number, one.verdict), (None, Verdict::Defended), "{place}");
            assert!(one.tasks < 30.0 && (one.rollouts - 4.0 * one.tasks).abs() < 1e-9, "{place}: {}", one.tasks);
        }
        assert!(field[11].tasks > 0.0 && field[11].rollouts > 4.0 * field[11].tasks, "references are rollouts, too");
    }

    #[test]
    fn an_undecided_bout_goes_on_at_its_number_and_an_ended_one_is_had_once() {
        let duel = DuelSettings { budget: 40, ..DuelSettings::default() };
        let rules = rules(duel, HeatSettings::none());
        let slow = model(0.06);
        let mut subnet = Subnet::new(&rules);
        let mut field = [Contender::new(&slow, 2)];
        let mut random = Random::new(92, &[]);
        let mut windows = 0;
        while field[0].verdict == Verdict::Undecided && windows < 60 {
            let before = field[0].tasks;
            subnet.window(&mut field, &mut random).expect("valid");
            assert!(field[0].tasks > before && field[0].tasks <= before + 40.0, "a budget a window");
            assert_eq!((field[0].number, subnet.rule.tested), (Some(1), 1));
            windows += 1;
        }
        assert!((3..60).contains(&windows), "{windows} windows");
        // What has ended in this reign is not asked again.
        let tasks = field[0].tasks;
        assert_eq!(subnet.window(&mut field, &mut random), Ok(None));
        assert_eq!((field[0].tasks, subnet.rule.tested), (tasks, 1));
    }

    #[test]
    fn a_guard_that_a_model_falls_below_keeps_it_from_the_crown() {
        let mut rules = rules(DuelSettings::default(), HeatSettings::none());
        let better = model(0.15);
        let won = |rules: &Rules, seed| {
            let mut field = [Contender::new(&better, 2)];
            Subnet::new(rules).window(&mut field, &mut Random::new(93, &[seed])).expect("valid").is_some()
        };
        assert!((0..10).all(|seed| won(&rules, seed)));
        rules.guard = Some(vec![0.1, 0.1]);
        assert!((0..10).all(|seed| won(&rules, seed)), "it is better than the guard, too");
        rules.guard = Some(vec![0.0, 0.4]);
        assert!(!(0..10).any(|seed| won(&rules, seed)));
    }

    #[test]
    fn a_window_is_the_same_for_the_same_seed() {
        let rules = rules(DuelSettings { budget: 100, ..DuelSettings::default() }, HeatSettings::default());
        let copy = model(0.0);
        let play = || {
            let mut field = Contender::several(&copy, 12, 2);
            let mut random = Random::new(94, &[]);
            let won = Subnet::new(&rules).window(&mut field, &mut random).expect("valid");
            (won, field.iter().map(|one| (one.tasks, one.number, one.verdict)).collect::<Vec<_>>())
        };
        assert_eq!(play(), play());
    }
}
