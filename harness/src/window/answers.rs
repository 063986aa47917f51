//! Rollouts of one entry, made as they are needed and within its budget of work.

use futures::StreamExt;

use super::error::NeededEntryLeft;
use super::{OpenWindow, WindowError};
use crate::board::ScoreBoard;
use crate::budget::{BLOCK, SPENT, WorkBudget};
use crate::events::Event;
use crate::record::{Fault, Rollout, UnitScore};
use crate::rollout::{Executor, ExecutorError};
use crate::scope::Scope;
use crate::units::{Unit, unfinished};

/// Outcome of asking an entry for rollouts.
pub(super) enum Answered {
    /// They are all there.
    All,
    /// Some are missing, and there is no executor to make them.
    Unfinished,
    /// The entry could not be run in any attempt.
    Failed(Box<ExecutorError>),
}

/// Scores and work of all rollouts so far.
pub(super) struct Ledger {
    /// Their scores.
    pub(super) board: ScoreBoard,
    /// Their work.
    pub(super) budget: WorkBudget,
}

/// Rollouts that are made as they are needed.
#[derive(Clone, Copy)]
pub(super) struct Answers<'a> {
    pub(super) window: &'a OpenWindow<'a>,
    pub(super) executor: Option<&'a dyn Executor>,
    /// The most tasks that an entry answers in each environment.
    pub(super) most: u32,
}

impl Answers<'_> {
    /// Makes an entry's unfinished rollouts of these tasks, storing each as it ends.
    pub(super) async fn complete(
        &self,
        Ledger { board, budget }: &mut Ledger,
        entry: usize,
        tasks: impl IntoIterator<Item = u32>,
        environments: &[usize],
    ) -> Result<Answered, WindowError> {
        let Self { window, executor, most } = *self;
        let units = unfinished(tasks, environments, |unit| board.has(entry, unit));
        if units.is_empty() {
            return Ok(Answered::All);
        }
        let Some(executor) = executor else { return Ok(Answered::Unfinished) };
        let label = window.entries[entry].label();
        let total = (most as usize * window.terms.environments.len()).max(board.finished(entry) + units.len());
        window.reporter.report(Event::Playing { entry: label.clone(), done: board.finished(entry), total });
        // Block by block: whether the next is answered depends on the work of those before.
        for units in units.chunk_by(|one, other| one.task / BLOCK == other.task / BLOCK) {
            let (unpaid, units): (Vec<Unit>, Vec<Unit>) =
                units.iter().copied().partition(|unit| budget.is_spent(entry, *unit));
            for unit in unpaid {
                let rollout = self.unpaid(entry, unit);
                window.store.add_rollout(window.run, &rollout).await?;
                board.add(entry, UnitScore::from(&rollout));
                window.reporter.report(Event::rollout_ended(label.clone(), &rollout));
            }
            let rollouts = units.into_iter().map(|unit| executor.rollout(entry, unit));
            let mut rollouts = futures::stream::iter(rollouts).buffer_unordered(executor.in_flight());
            while let Some(rollout) = rollouts.next().await {
                let rollout = match rollout {
                    Ok(rollout) => rollout,
                    Err(error) if error.scope() == Scope::Entry => return Ok(Answered::Failed(Box::new(error))),
                    Err(error) => return Err(error.into()),
                };
                window.store.add_rollout(window.run, &rollout).await?;
                board.add(entry, UnitScore::from(&rollout));
                let Rollout { environment, task, .. } = rollout;
                budget.add(entry, Unit { task, environment }, rollout.work());
                window.reporter.report(Event::rollout_ended(label.clone(), &rollout));
            }
        }
        Ok(Answered::All)
    }

    /// The rollouts of an entry that the bout cannot be held without: the champion, or its guard; false if they are not all
    /// there.
    pub(super) async fn of_needed(
        &self,
        ledger: &mut Ledger,
        entry: usize,
        tasks: impl IntoIterator<Item = u32>,
        environments: &[usize],
    ) -> Result<bool, WindowError> {
        match self.complete(ledger, entry, tasks, environments).await? {
            Answered::All => Ok(true),
            Answered::Unfinished => Ok(false),
            Answered::Failed(source) => {
                Err(WindowError::NeededEntry(Box::new(NeededEntryLeft { entry, source: *source })))
            }
        }
    }

    /// The rollout of a task that an entry does not answer, since its budget of work is spent.
    fn unpaid(&self, entry: usize, Unit { task, environment }: Unit) -> Rollout {
        let terms = &self.window.terms;
        let seed = terms.seed().expect("the terms of an open window have a seed");
        Rollout {
            entry,
            environment,
            task,
            seed: seed.task(&terms.environments[environment], task).0,
            replies: Vec::new(),
            score: 0.0,
            reason: SPENT.to_owned(),
            fault: Some(Fault::Budget),
            reproducible: !terms.is_served(&terms.entries[entry].model),
            attempts: 1,
            seconds: 0.0,
        }
    }

    /// Releases an entry that has answered all it was asked.
    pub(super) async fn finish(&self, entry: usize) {
        if let Some(executor) = self.executor {
            executor.release(entry).await;
            self.window.reporter.report(Event::Played { entry: self.window.entries[entry].label() });
        }
    }
}
