//! Who answers what, and the duels.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use futures::StreamExt;
use models::responder::Responder;
use pareto::{Decision, Duel, Names};

use super::{Window, WindowError};
use crate::events::Event;
use crate::record::{
    Admission, AdmissionOutcome, Conclusion, DuelRecord, EntryConclusion, FindingRecord, Phase, UnitScore, paired,
    playing, unit_scores,
};
use crate::succession::{Shares, Succession, shares};
use crate::units::{Unit, plan, rounds};

/// Sequences in flight for each row of the engine, so that a row is refilled while another's reply is judged.
const IN_FLIGHT_PER_ROW: usize = 2;

impl Window {
    /// Holds the duels in order of commitment until one dethrones the champion; none if nobody plays. Those after it meet
    /// the new champion in the next window, on tasks that did not choose it.
    pub(super) async fn hold_duels(
        &self,
        admissions: &[Admission],
        findings: &BTreeMap<usize, FindingRecord>,
    ) -> Result<(Vec<DuelRecord>, Option<Succession>), WindowError> {
        let playing = playing(outcomes(admissions), |entry| findings.contains_key(&entry));
        let Some(mut succession) = Succession::open(&self.terms, &playing)? else { return Ok((Vec::new(), None)) };
        let first = succession.champion;
        let mut duels = Vec::new();
        self.play_all(first).await?;
        for &challenger in playing.iter().filter(|entry| **entry != first) {
            let alpha = succession.reign.begin();
            let number = succession.reign.challengers();
            let champion = succession.champion;
            let decision = self.hold_duel(champion, challenger, alpha).await?;
            succession.settle(challenger, &decision);
            let sentence = pareto::explain(&decision, &Parties { window: self, champion, challenger });
            let record = DuelRecord { duel: duels.len(), champion, challenger, number, decision, sentence };
            self.store.keep_decision(self.run, record.duel, &record).await?;
            self.reporter
                .report(Event::Decided { sentence: format!("{}: {}", self.label(challenger), record.sentence) });
            duels.push(record);
            if succession.champion == challenger {
                break;
            }
        }
        Ok((duels, Some(succession)))
    }

    /// Everything that the window came to.
    pub(super) async fn conclude(
        &self,
        admissions: Vec<Admission>,
        mut findings: BTreeMap<usize, FindingRecord>,
        duels: Vec<DuelRecord>,
        succession: Option<Succession>,
    ) -> Result<Conclusion, WindowError> {
        let champion = succession.as_ref().map(|succession| succession.champion);
        let Shares { entries: weights, burned } = match &succession {
            Some(succession) => {
                let playing = playing(outcomes(&admissions), |entry| findings.contains_key(&entry));
                shares(&self.terms, &playing, succession)?
            }
            None => Shares { entries: vec![0.0; admissions.len()], burned: 0.0 },
        };
        let mut entries = Vec::with_capacity(admissions.len());
        for (place, admission) in admissions.into_iter().enumerate() {
            entries.push(EntryConclusion {
                entry: self.registry.entries[place].clone(),
                admission,
                finding: findings.remove(&place),
                rollouts: self.store.rollouts(self.run, place).await?,
                weight: weights[place],
            });
        }
        let (former, tested) = match &succession {
            Some(succession) => (succession.former(&self.terms), succession.reign.challengers()),
            None => (Vec::new(), 0),
        };
        Ok(Conclusion { terms: self.terms.clone(), entries, duels, champion, burned, former, tested })
    }

    /// The duel, round by round, until it is settled or the budget is spent. An environment that has settled is not
    /// asked for more.
    async fn hold_duel(&self, champion: usize, challenger: usize, alpha: f64) -> Result<Decision, WindowError> {
        let champion_scores = unit_scores(&self.store.rollouts(self.run, champion).await?);
        let environments = self.court.environments.len();
        let mut player = Player::new(self, challenger);
        let mut wanted: Vec<usize> = (0..environments).collect();
        for tasks in rounds(self.budget(), self.settings.deciding.round) {
            let end = tasks.end;
            player.play(tasks, &wanted).await?;
            // A process that died in a later round left some of it behind; a look sees no further than its own round, so
            // that it asks for what an uninterrupted run would ask for.
            let answered = up_to(end, unit_scores(&self.store.rollouts(self.run, challenger).await?));
            let duel =
                Duel::held(&paired(environments, &champion_scores, &answered), &self.settings.deciding.duel, alpha)?;
            wanted = duel.wants();
            if wanted.is_empty() {
                player.leave();
                return Ok(duel.decision());
            }
        }
        unreachable!("a duel ends at the latest when every environment has spent its budget")
    }

    /// An entry answers the whole budget.
    async fn play_all(&self, entry: usize) -> Result<(), WindowError> {
        let mut player = Player::new(self, entry);
        let all: Vec<usize> = (0..self.court.environments.len()).collect();
        player.play(0..self.budget(), &all).await?;
        player.leave();
        Ok(())
    }

    fn budget(&self) -> u32 {
        u32::try_from(self.settings.deciding.duel.budget).unwrap_or(u32::MAX)
    }

    /// Answers the units, storing each as it ends.
    async fn answer(&self, model: &dyn Responder, entry: usize, units: Vec<Unit>) -> Result<(), WindowError> {
        let label = self.label(entry);
        let in_flight = self.settings.engine.rows.saturating_mul(IN_FLIGHT_PER_ROW);
        let rollouts = units.into_iter().map(|unit| self.court.rollout(model, entry, unit, &*self.reporter));
        let mut rollouts = futures::stream::iter(rollouts).buffer_unordered(in_flight);
        while let Some(rollout) = rollouts.next().await {
            self.store.add_rollout(self.run, &rollout?).await?;
            self.reporter.report(Event::RolloutEnded { entry: label.clone() });
        }
        Ok(())
    }
}

fn outcomes(admissions: &[Admission]) -> impl Iterator<Item = &AdmissionOutcome> {
    admissions.iter().map(|admission| &admission.outcome)
}

fn up_to(end: u32, scores: Vec<UnitScore>) -> Vec<UnitScore> {
    scores.into_iter().filter(|unit| unit.task < end).collect()
}

/// What the parties of a duel are called.
struct Parties<'a> {
    window: &'a Window,
    champion: usize,
    challenger: usize,
}

impl Names for Parties<'_> {
    fn champion(&self) -> String {
        self.window.registry.entries[self.champion].hotkey.to_string()
    }

    fn challenger(&self) -> String {
        self.window.registry.entries[self.challenger].hotkey.to_string()
    }

    fn environment(&self, environment: usize) -> String {
        self.window.court.environments[environment].id().name.clone()
    }
}

/// One entry's model at the table: loaded when the first unit asks for it, gone when it leaves.
struct Player<'a> {
    window: &'a Window,
    entry: usize,
    model: Option<Box<dyn Responder>>,
}

impl<'a> Player<'a> {
    fn new(window: &'a Window, entry: usize) -> Self {
        Self { window, entry, model: None }
    }

    /// Answers what is not yet answered of these tasks.
    async fn play(&mut self, tasks: Range<u32>, wanted: &[usize]) -> Result<(), WindowError> {
        let window = self.window;
        let finished: BTreeSet<Unit> = window
            .store
            .rollouts(window.run, self.entry)
            .await?
            .iter()
            .map(|rollout| Unit { task: rollout.task, environment: rollout.environment })
            .collect();
        let units = plan(tasks, wanted, &finished);
        if units.is_empty() {
            return Ok(());
        }
        if self.model.is_none() {
            let total = window.budget() as usize * window.court.environments.len();
            let entry = window.label(self.entry);
            window.reporter.report(Event::Playing { entry, done: finished.len(), total });
            self.model = Some(window.bring(self.entry).await?);
        }
        let model = self.model.as_deref().expect("it was brought above");
        window.answer(model, self.entry, units).await
    }

    fn leave(self) {
        if let Some(model) = self.model {
            self.window.spend(Phase::Forward, model.forward_time());
            self.window.reporter.report(Event::Played { entry: self.window.label(self.entry) });
        }
    }
}
