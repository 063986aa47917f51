//! Heats and bouts: rollouts are made round by round until each is decided.

use std::collections::BTreeMap;

use environments::EnvironmentId;
use pareto::{Bout, Challenge, Duel, HeatEntry, Names, TaskPlan};

use super::admit::{reason_of, tell_absent};
use super::answers::{Answered, Answers, Ledger};
use super::{OpenWindow, Unchallenged, WindowError};
use crate::board::{BoutEntries, ScoreBoard};
use crate::budget::WorkBudget;
use crate::events::Event;
use crate::record::{AdmissionOutcome, DuelRecord, HeatRecord};
use crate::rollout::Executor;
use crate::store::BegunBout;
use crate::succession::{Field, Held, HeldDuel};
use crate::units::{Unit, rounds, unfinished};

/// Records of a window's heats and bouts, and the succession behind them.
#[derive(Debug)]
pub(super) struct Played {
    /// The heats by commitment.
    pub(super) heats: Vec<HeatRecord>,
    /// The bouts in order.
    pub(super) duels: Vec<DuelRecord>,
    /// The succession at its end; none if no entry plays.
    pub(super) held: Option<Held>,
    /// Challengers that could not be run to the end.
    pub(super) left: BTreeMap<usize, AdmissionOutcome>,
}

/// Holds the heats in order of commitment, then the bouts until one dethrones the champion. The challengers after it meet the
/// new champion in the next window, on tasks that did not choose it.
pub(super) async fn hold_duels(
    window: &OpenWindow<'_>,
    field: &Field<'_>,
    executor: Option<&dyn Executor>,
) -> Result<Played, WindowError> {
    let mut played = Played { heats: Vec::new(), duels: Vec::new(), held: None, left: BTreeMap::new() };
    let Some(mut succession) = field.open()? else { return Ok(played) };
    let stored = window.store.scores(window.run).await?;
    let board = ScoreBoard::new(window.entries.len(), stored);
    let allowed = window.terms.settings.deciding.work.allowed();
    let budget = WorkBudget::new(window.entries.len(), allowed, window.store.works(window.run).await?);
    let (guard, left) = (field.guard(), field.left());
    let mut play = Play { window, plan: field.plan(), ledger: Ledger { board, budget }, executor, guard, left };
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
        answers.of_needed(&mut play.ledger, succession.champion(), tasks, &all).await?;
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
    played.left = play.left;
    Ok(played)
}

/// A window's rollouts in the making.
struct Play<'a> {
    window: &'a OpenWindow<'a>,
    plan: TaskPlan,
    ledger: Ledger,
    executor: Option<&'a dyn Executor>,
    /// The entry that stands guard over the bouts.
    guard: Option<usize>,
    /// Entries that could not be run to the end, and answer no more.
    left: BTreeMap<usize, AdmissionOutcome>,
}

impl Play<'_> {
    fn tell(&self, entry: usize, sentence: &str) {
        let label = self.window.entries[entry].label();
        self.window.reporter.report(Event::Decided { sentence: format!("{label}: {sentence}") });
    }

    /// A challenger's rollouts of these tasks; false if they are not all there. One that cannot be run answers no more.
    async fn of_challenger(
        &mut self,
        answers: Answers<'_>,
        challenger: usize,
        tasks: impl IntoIterator<Item = u32>,
        environments: &[usize],
    ) -> Result<bool, WindowError> {
        if self.left.contains_key(&challenger) {
            let tasks = unfinished(tasks, environments, |unit| self.ledger.board.has(challenger, unit));
            return Ok(tasks.is_empty());
        }
        match answers.complete(&mut self.ledger, challenger, tasks, environments).await? {
            Answered::All => Ok(true),
            Answered::Unfinished => Ok(false),
            Answered::Failed(error) => {
                let outcome = AdmissionOutcome::Left(reason_of(&*error));
                tell_absent(self.window, challenger, &outcome);
                self.left.insert(challenger, outcome);
                Ok(false)
            }
        }
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
        let all: Vec<usize> = entry.heat.wants();
        self.announce(champion, 0..tasks, &all);
        self.announce(challenger, 0..tasks, &all);
        for tasks_of_round in rounds(tasks, round) {
            let (end, wants) = (tasks_of_round.end, entry.heat.wants());
            let ahead = answered_ahead(end, round).min(tasks);
            let is_complete = answers.of_needed(&mut self.ledger, champion, 0..ahead, &wants).await?
                & self.of_challenger(answers, challenger, tasks_of_round, &wants).await?;
            self.ledger.board.feed_heat(&mut entry.heat, champion, challenger, end as usize)?;
            if entry.heat.ended().is_some() || !is_complete {
                break;
            }
        }
        answers.finish(challenger).await;
        Ok(())
    }

    /// Tells the executor what a bout may ask for until its budget is spent.
    fn announce_bout(&self, entries: BoutEntries, budget: u32, wants: &[usize]) {
        let BoutEntries { champion, challenger, guard } = entries;
        let plan = &self.plan;
        let with_references = (0..budget as usize).flat_map(|task| plan.bout(task)..plan.references(task).end);
        self.announce(champion, with_references.map(number), wants);
        for entry in guard.into_iter().filter(|guard| *guard != challenger).chain([challenger]) {
            self.announce(entry, (0..budget).map(|task| number(plan.bout(task as usize))), wants);
        }
    }

    fn announce(&self, entry: usize, tasks: impl IntoIterator<Item = u32>, environments: &[usize]) {
        let units = |task| environments.iter().map(move |&environment| Unit { task, environment });
        if let Some(executor) = self.executor {
            executor.announce(
                entry,
                &mut tasks.into_iter().flat_map(units).filter(|unit| !self.ledger.board.has(entry, *unit)),
            );
        }
    }

    /// Holds a bout round by round until it is decided or has spent the window's budget; environments that have settled get
    /// no further tasks.
    async fn bout(&mut self, duel: &mut Duel, challenge: &Challenge) -> Result<(), WindowError> {
        let entries = BoutEntries::new(challenge, self.guard);
        let BoutEntries { champion, challenger, guard } = entries;
        let deciding = &self.window.terms.settings.deciding;
        let (budget, round) = (number(deciding.duel.budget), deciding.round);
        let answers = Answers { window: self.window, executor: self.executor, most: budget };
        self.announce_bout(entries, budget, &duel.wants());
        for tasks in rounds(budget, round) {
            let (end, wants) = (tasks.end as usize, duel.wants());
            if duel.verdict().is_some() {
                break;
            }
            let plan = self.plan;
            let ahead = answered_ahead(tasks.end, round).min(budget);
            let with_references = (0..ahead as usize).flat_map(move |task| plan.bout(task)..plan.references(task).end);
            let own = |task: u32| number(plan.bout(task as usize));
            let with_references = with_references.map(number);
            let mut is_complete = answers.of_needed(&mut self.ledger, champion, with_references, &wants).await?;
            // A challenger that was champion ten reigns ago is its own guard.
            if let Some(guard) = guard.filter(|guard| *guard != challenger) {
                is_complete &= answers.of_needed(&mut self.ledger, guard, (0..ahead).map(own), &wants).await?;
            }
            is_complete &= self.of_challenger(answers, challenger, tasks.map(own), &wants).await?;
            self.ledger.board.feed(duel, &self.plan, entries, end)?;
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
