//! Heats and bouts: rollouts are made round by round until each is decided.

use environments::EnvironmentId;
use futures::StreamExt;
use pareto::{Bout, Challenge, Duel, HeatEntry, Names, TaskPlan};

use super::{OpenWindow, Unchallenged, WindowError};
use crate::board::{BoutEntries, ScoreBoard};
use crate::events::Event;
use crate::record::{DuelRecord, HeatRecord, UnitScore};
use crate::rollout::Executor;
use crate::store::BegunBout;
use crate::succession::{Field, Held, HeldDuel};
use crate::units::{rounds, unfinished};

/// Records of a window's heats and bouts, and the succession behind them.
#[derive(Debug)]
pub(super) struct Played {
    /// The heats by commitment.
    pub(super) heats: Vec<HeatRecord>,
    /// The bouts in order.
    pub(super) duels: Vec<DuelRecord>,
    /// The succession at its end; none if no entry plays.
    pub(super) held: Option<Held>,
}

/// Holds the heats in order of commitment, then the bouts until one dethrones the champion. The challengers after it meet the
/// new champion in the next window, on tasks that did not choose it.
pub(super) async fn hold_duels(
    window: &OpenWindow<'_>,
    field: &Field<'_>,
    executor: Option<&dyn Executor>,
) -> Result<Played, WindowError> {
    let mut played = Played { heats: Vec::new(), duels: Vec::new(), held: None };
    let Some(mut succession) = field.open()? else { return Ok(played) };
    let stored = window.store.scores(window.run).await?;
    let board = ScoreBoard::new(window.entries.len(), stored);
    let guard = field.guard();
    let mut play = Play { window, plan: field.plan(), board, executor, guard };
    let mut duels = Vec::new();
    while let Some(mut entry) = succession.next_heat() {
        play.heat(&mut entry).await?;
        succession.settle_heat(&entry);
        let (HeatEntry { champion, challenger, .. }, decision) = (&entry, entry.heat.decision());
        let sentence =
            pareto::explain_heat(&decision, &Parties { window, champion: *champion, challenger: *challenger });
        play.tell(*challenger, &sentence);
        played.heats.push(HeatRecord { champion: *champion, challenger: *challenger, decision, sentence });
    }
    // To ask for a bout draws its number: one that is closed asks for those that had begun.
    let most = if executor.is_some() { usize::MAX } else { window.store.bouts_begun(window.run).await? };
    while duels.len() < most {
        let Some(Bout { challenge, mut duel, .. }) = succession.next_bout()? else { break };
        let Challenge { champion, challenger, number, .. } = challenge;
        // The number is spent when the first task is drawn, whether or not this process lives to see the end.
        let begun = BegunBout { number, champion: field.snapshot(champion), snapshot: field.snapshot(challenger) };
        window.store.begin_bout(window.run, &begun).await?;
        let start = duel.save();
        play.bout(&mut duel, &challenge).await?;
        let decision = duel.decision();
        succession.settle(&challenge, decision.verdict);
        let sentence = pareto::explain(&decision, &Parties { window, champion, challenger });
        play.tell(challenger, &sentence);
        duels.push(HeldDuel { challenge, decision: decision.clone(), start, end: duel.save() });
        let place = played.duels.len();
        played.duels.push(DuelRecord { duel: place, champion, challenger, guard, number, decision, sentence });
    }
    if window.unchallenged == Unchallenged::Answers && played.heats.is_empty() && duels.is_empty() {
        let all: Vec<usize> = (0..window.terms.environments.len()).collect();
        let budget = window.terms.settings.deciding.duel.budget;
        let tasks: Vec<u32> = (0..budget).map(|task| number(play.plan.bout(task))).collect();
        let answers = Answers { window, executor, most: number(budget) };
        answers.complete(&mut play.board, succession.champion(), tasks, &all).await?;
        answers.finish(succession.champion()).await;
    }
    if let Some(champion) =
        played.duels.first().map(|duel| duel.champion).or(played.heats.first().map(|heat| heat.champion))
    {
        let answers = Answers { window, executor, most: 0 };
        answers.finish(champion).await;
        if let Some(guard) = guard.filter(|_| !duels.is_empty()) {
            answers.finish(guard).await;
        }
    }
    played.held = Some(Held { succession, duels });
    Ok(played)
}

/// A window's rollouts in the making.
struct Play<'a> {
    window: &'a OpenWindow<'a>,
    plan: TaskPlan,
    board: ScoreBoard,
    executor: Option<&'a dyn Executor>,
    /// The entry that stands guard over the bouts.
    guard: Option<usize>,
}

impl Play<'_> {
    fn tell(&self, entry: usize, sentence: &str) {
        let label = self.window.entries[entry].label();
        self.window.reporter.report(Event::Decided { sentence: format!("{label}: {sentence}") });
    }

    /// Plays a heat round by round until it has ended.
    async fn heat(&mut self, entry: &mut HeatEntry) -> Result<(), WindowError> {
        let HeatEntry { champion, challenger, .. } = *entry;
        let tasks = number(self.plan.heat().end);
        let answers = Answers { window: self.window, executor: self.executor, most: tasks };
        if tasks == 0 {
            return Ok(());
        }
        let round = self.window.terms.settings.deciding.round;
        for tasks_of_round in rounds(tasks, round) {
            let (end, wants) = (tasks_of_round.end, entry.heat.wants());
            let ahead = answered_ahead(end, round).min(tasks);
            let is_complete = answers.complete(&mut self.board, champion, 0..ahead, &wants).await?
                & answers.complete(&mut self.board, challenger, tasks_of_round, &wants).await?;
            self.board.feed_heat(&mut entry.heat, champion, challenger, end as usize)?;
            if entry.heat.ended().is_some() || !is_complete {
                break;
            }
        }
        answers.finish(challenger).await;
        Ok(())
    }

    /// Holds a bout round by round until it is decided or has spent the window's budget; environments that have settled get
    /// no further tasks.
    async fn bout(&mut self, duel: &mut Duel, challenge: &Challenge) -> Result<(), WindowError> {
        let entries = BoutEntries::new(challenge, self.guard);
        let BoutEntries { champion, challenger, guard } = entries;
        let deciding = &self.window.terms.settings.deciding;
        let (budget, round) = (number(deciding.duel.budget), deciding.round);
        let answers = Answers { window: self.window, executor: self.executor, most: budget };
        for tasks in rounds(budget, round) {
            let (end, wants) = (tasks.end as usize, duel.wants());
            if duel.verdict().is_some() {
                break;
            }
            let plan = &self.plan;
            let ahead = answered_ahead(tasks.end, round).min(budget);
            let with_references = (0..ahead as usize).flat_map(|task| plan.bout(task)..plan.references(task).end);
            let own = |task: u32| number(plan.bout(task as usize));
            let mut is_complete =
                answers.complete(&mut self.board, champion, with_references.map(number), &wants).await?;
            // A challenger that was champion ten reigns ago is its own guard.
            if let Some(guard) = guard.filter(|guard| *guard != challenger) {
                is_complete &= answers.complete(&mut self.board, guard, (0..ahead).map(own), &wants).await?;
            }
            is_complete &= answers.complete(&mut self.board, challenger, tasks.map(own), &wants).await?;
            self.board.feed(duel, &self.plan, entries, end)?;
            if duel.verdict().is_some() || !is_complete {
                break;
            }
        }
        answers.finish(challenger).await;
        Ok(())
    }
}

/// The tasks that a champion has answered when `end` of them are needed: the first power of two in rounds. It answers ahead,
/// since to open a model takes longer than a round.
fn answered_ahead(end: u32, round: u32) -> u32 {
    end.div_ceil(round).next_power_of_two().saturating_mul(round)
}

/// A task's number as it is stored.
fn number(task: usize) -> u32 {
    u32::try_from(task).unwrap_or(u32::MAX)
}

/// Rollouts that are made as they are needed.
#[derive(Clone, Copy)]
struct Answers<'a> {
    window: &'a OpenWindow<'a>,
    executor: Option<&'a dyn Executor>,
    /// The most tasks that an entry answers in each environment.
    most: u32,
}

impl Answers<'_> {
    /// Makes an entry's unfinished rollouts of these tasks, storing each as it ends; false if there are some and no executor.
    async fn complete(
        &self,
        board: &mut ScoreBoard,
        entry: usize,
        tasks: impl IntoIterator<Item = u32>,
        environments: &[usize],
    ) -> Result<bool, WindowError> {
        let Self { window, executor, most } = *self;
        let units = unfinished(tasks, environments, |unit| board.has(entry, unit));
        let Some(executor) = executor.filter(|_| !units.is_empty()) else { return Ok(units.is_empty()) };
        let label = window.entries[entry].label();
        let total = (most as usize * window.terms.environments.len()).max(board.finished(entry) + units.len());
        window.reporter.report(Event::Playing { entry: label.clone(), done: board.finished(entry), total });
        let rollouts = units.into_iter().map(|unit| executor.rollout(entry, unit));
        let mut rollouts = futures::stream::iter(rollouts).buffer_unordered(executor.in_flight());
        while let Some(rollout) = rollouts.next().await {
            let rollout = rollout?;
            window.store.add_rollout(window.run, &rollout).await?;
            board.add(entry, UnitScore::from(&rollout));
            window.reporter.report(Event::RolloutEnded { entry: label.clone() });
        }
        Ok(true)
    }

    /// Releases an entry that has answered all it was asked.
    async fn finish(&self, entry: usize) {
        if let Some(executor) = self.executor {
            executor.release(entry).await;
            self.window.reporter.report(Event::Played { entry: self.window.entries[entry].label() });
        }
    }
}

/// Names of a duel's parties and environments.
struct Parties<'a> {
    window: &'a OpenWindow<'a>,
    champion: usize,
    challenger: usize,
}

impl Names for Parties<'_> {
    fn champion(&self) -> String {
        self.window.entries[self.champion].hotkey.to_string()
    }

    fn challenger(&self) -> String {
        self.window.entries[self.challenger].hotkey.to_string()
    }

    fn environment(&self, environment: usize) -> String {
        let EnvironmentId { name, .. } = &self.window.terms.environments[environment];
        name.clone()
    }
}

#[cfg(test)]
mod tests;
