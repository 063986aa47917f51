//! Duels: rollouts are made round by round until each is decided.

use std::ops::Range;

use environments::EnvironmentId;
use futures::StreamExt;
use pareto::{Bout, Challenge, Decision, Names, Succession};

use super::board::ScoreBoard;
use super::{OpenWindow, WindowError};
use crate::events::Event;
use crate::record::{DuelRecord, UnitScore};
use crate::rollout::Executor;
use crate::succession::open;
use crate::units::{rounds, unfinished};

/// Holds the duels in order of commitment until one dethrones the champion; none if no entry plays. The challengers after
/// it meet the new champion in the next window, on tasks that did not choose it.
pub(super) async fn hold_duels(
    window: &OpenWindow<'_>,
    playing: &[usize],
    executor: &dyn Executor,
) -> Result<(Vec<DuelRecord>, Option<Succession>), WindowError> {
    let Some(mut succession) = open(&window.terms, playing)? else { return Ok((Vec::new(), None)) };
    let stored = window.store.scores(window.run).await?;
    let mut board = ScoreBoard::new(window.entries.len(), stored);
    let mut duels = Vec::new();
    answer_budget(window, &mut board, succession.champion(), executor).await?;
    while let Some(bout) = succession.next_bout()? {
        let challenge = bout.challenge;
        let decision = hold_duel(window, &mut board, bout, executor).await?;
        succession.settle(&challenge, decision.verdict);
        let Challenge { champion, challenger, number, .. } = challenge;
        let sentence = pareto::explain(&decision, &Parties { window, champion, challenger });
        let label = window.entries[challenger].label();
        window.reporter.report(Event::Decided { sentence: format!("{label}: {sentence}") });
        duels.push(DuelRecord { duel: duels.len(), champion, challenger, number, decision, sentence });
    }
    Ok((duels, Some(succession)))
}

/// Makes an entry's rollouts of the whole budget.
async fn answer_budget(
    window: &OpenWindow<'_>,
    board: &mut ScoreBoard,
    entry: usize,
    executor: &dyn Executor,
) -> Result<(), WindowError> {
    let all: Vec<usize> = (0..window.terms.environments.len()).collect();
    let mut answers = Answers::new(window, entry, executor);
    answers.complete(board, 0..budget(window), &all).await?;
    answers.finish().await;
    Ok(())
}

/// Holds a duel round by round until it is decided; environments that have settled get no further tasks.
async fn hold_duel(
    window: &OpenWindow<'_>,
    board: &mut ScoreBoard,
    Bout { challenge, mut duel, .. }: Bout,
    executor: &dyn Executor,
) -> Result<Decision, WindowError> {
    let Challenge { champion, challenger, .. } = challenge;
    let mut answers = Answers::new(window, challenger, executor);
    for tasks in rounds(budget(window), window.terms.settings.deciding.round) {
        let end = tasks.end;
        answers.complete(board, tasks, &duel.wants()).await?;
        board.feed(&mut duel, champion, challenger, end)?;
        if duel.verdict().is_some() {
            answers.finish().await;
            return Ok(duel.decision());
        }
    }
    unreachable!("a duel ends at the latest when every environment has spent its budget")
}

fn budget(window: &OpenWindow<'_>) -> u32 {
    u32::try_from(window.terms.settings.deciding.duel.budget).unwrap_or(u32::MAX)
}

/// One entry's rollouts, made as they are needed.
struct Answers<'a> {
    window: &'a OpenWindow<'a>,
    entry: usize,
    executor: &'a dyn Executor,
    /// The executor was asked for some.
    begun: bool,
}

impl<'a> Answers<'a> {
    fn new(window: &'a OpenWindow<'a>, entry: usize, executor: &'a dyn Executor) -> Self {
        Self { window, entry, executor, begun: false }
    }

    /// Makes the unfinished rollouts of these tasks, storing each as it ends.
    async fn complete(
        &mut self,
        board: &mut ScoreBoard,
        tasks: Range<u32>,
        environments: &[usize],
    ) -> Result<(), WindowError> {
        let Self { window, entry, executor, .. } = *self;
        let units = unfinished(tasks, environments, |unit| board.has(entry, unit));
        if units.is_empty() {
            return Ok(());
        }
        let label = window.entries[entry].label();
        if !self.begun {
            self.begun = true;
            let total = budget(window) as usize * window.terms.environments.len();
            let done = board.finished(entry);
            window.reporter.report(Event::Playing { entry: label.clone(), done, total });
        }
        let rollouts = units.into_iter().map(|unit| executor.rollout(entry, unit));
        let mut rollouts = futures::stream::iter(rollouts).buffer_unordered(executor.in_flight());
        while let Some(rollout) = rollouts.next().await {
            let rollout = rollout?;
            window.store.add_rollout(window.run, &rollout).await?;
            board.add(entry, UnitScore::from(&rollout));
            window.reporter.report(Event::RolloutEnded { entry: label.clone() });
        }
        Ok(())
    }

    /// Releases the entry, if the executor was asked for any of its rollouts.
    async fn finish(self) {
        if self.begun {
            self.executor.release(self.entry).await;
            self.window.reporter.report(Event::Played { entry: self.window.entries[self.entry].label() });
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
