//! The `rollouts` table.

use std::sync::atomic::Ordering;

use models::responder::Work;
use sqlx::any::AnyRow;

use super::error::StoreErrorKind;
use super::statement::Statement;
use super::{RunId, Store, StoreError};
use crate::record::{Fault, Rollout, UnitScore, counted_score};
use crate::units::Unit;

/// Columns of a rollout beside its run, in the order in which they are bound.
macro_rules! columns {
    () => {
        "entry, environment, task, seed, replies, score, reason, fault, attempts, seconds, reproducible, work"
    };
}

const INSERT: &str = concat!(
    "INSERT INTO rollouts (run_id, ",
    columns!(),
    ") VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13) ON CONFLICT DO NOTHING"
);
const SELECT: &str =
    concat!("SELECT ", columns!(), " FROM rollouts WHERE run_id = $1 AND entry = $2 ORDER BY task, environment");
const SELECT_ONE: &str = concat!(
    "SELECT ",
    columns!(),
    " FROM rollouts WHERE run_id = $1 AND entry = $2 AND environment = $3 AND task = $4"
);

impl Store {
    /// Removes all rollouts of a run: a champion that they were made against, or a guard, has left the window.
    ///
    /// # Errors
    /// If the database cannot be written.
    pub(crate) async fn forget_rollouts(&self, run: RunId) -> Result<(), StoreError> {
        self.execute("write to", Statement::new("DELETE FROM rollouts WHERE run_id = $1").with(run.0)).await?;
        Ok(())
    }

    /// Stores a finished rollout; one that is there already, the same but for the time it took, stays.
    ///
    /// # Errors
    /// If the database cannot be written, or holds another rollout of this unit: nothing is counted twice.
    pub(crate) async fn add_rollout(&self, run: RunId, rollout: &Rollout) -> Result<(), StoreError> {
        let insert = Statement::new(INSERT)
            .with(run.0)
            .with(rollout.entry)
            .with(rollout.environment)
            .with(rollout.task)
            .with(rollout.seed)
            .with(serde_json::to_string(&rollout.replies).expect("replies are plain data"))
            .with(rollout.score)
            .with(&rollout.reason)
            .with(rollout.fault.map(Fault::word))
            .with(rollout.attempts)
            .with(rollout.seconds)
            .with(rollout.reproducible)
            .with(serde_json::to_string(&rollout.work()).expect("work is plain data"));
        if self.execute("write a rollout to", insert).await? > 0 {
            return Ok(());
        }
        let stored =
            Statement::new(SELECT_ONE).with(run.0).with(rollout.entry).with(rollout.environment).with(rollout.task);
        let stored = self.row("read", stored).await?.map(|row| self.rollout(&row)).transpose()?;
        if stored.is_some_and(|stored| stored.agrees_with(rollout)) {
            return Ok(());
        }
        let Rollout { entry, environment, task, .. } = rollout;
        let cause = format!("it holds another rollout of entry {entry} on task {task} in environment {environment}");
        Err(self.error("write a rollout to", StoreErrorKind::Other, cause))
    }

    /// An entry's finished rollouts, by task, then environment.
    ///
    /// # Errors
    /// If the database cannot be read or a row is damaged.
    pub(crate) async fn rollouts(&self, run: RunId, entry: usize) -> Result<Vec<Rollout>, StoreError> {
        let rows = self.rows("read", Statement::new(SELECT).with(run.0).with(entry)).await?;
        self.rollouts_read.fetch_add(rows.len() as u64, Ordering::Relaxed);
        rows.iter().map(|row| self.rollout(row)).collect()
    }

    /// The scores of a run's finished rollouts with their entries: what a duel is resumed from, without the replies.
    ///
    /// # Errors
    /// If the database cannot be read or a row is damaged.
    pub(crate) async fn scores(&self, run: RunId) -> Result<Vec<(usize, UnitScore)>, StoreError> {
        let select = "SELECT entry, environment, task, score, fault FROM rollouts WHERE run_id = $1";
        let rows = self.rows("read", Statement::new(select).with(run.0)).await?;
        self.rollouts_read.fetch_add(rows.len() as u64, Ordering::Relaxed);
        rows.iter().map(|row| self.score(row)).collect()
    }

    /// The work of a run's rollouts that entries have answered: what is left of a budget is counted from it.
    ///
    /// # Errors
    /// If the database cannot be read or a row is damaged.
    pub(crate) async fn works(&self, run: RunId) -> Result<Vec<(usize, Unit, Work)>, StoreError> {
        let select = "SELECT entry, environment, task, work FROM rollouts \
                      WHERE run_id = $1 AND (fault IS NULL OR fault <> $2)";
        let rows = self.rows("read", Statement::new(select).with(run.0).with(Fault::Budget.word())).await?;
        let mut works = Vec::with_capacity(rows.len());
        for row in rows {
            let environment = self.integer::<u32>(&row, "environment")? as usize;
            let unit = Unit { environment, task: self.integer(&row, "task")? };
            let work = self.optional_text(&row, "work")?.as_deref().map(serde_json::from_str).transpose();
            let work = work.map_err(self.damaged("read a rollout from"))?.unwrap_or_default();
            works.push((self.integer::<u32>(&row, "entry")? as usize, unit, work));
        }
        Ok(works)
    }

    /// The number of rows: it grows with every rollout that ends.
    ///
    /// # Errors
    /// If the database cannot be read.
    pub(crate) async fn rollout_count(&self) -> Result<u64, StoreError> {
        match self.row("read", Statement::new("SELECT count(*) AS ended FROM rollouts")).await? {
            Some(row) => self.bits(&row, "ended"),
            None => Ok(0),
        }
    }

    fn rollout(&self, row: &AnyRow) -> Result<Rollout, StoreError> {
        let (entry, UnitScore { environment, task, .. }) = self.score(row)?;
        Ok(Rollout {
            entry,
            environment,
            task,
            seed: self.bits(row, "seed")?,
            replies: self.json(row, "replies", "read a rollout from")?,
            score: self.real(row, "score")?,
            reason: self.text(row, "reason")?,
            fault: self.fault(row)?,
            reproducible: self.integer::<i64>(row, "reproducible")? != 0,
            attempts: self.integer(row, "attempts")?,
            seconds: self.real(row, "seconds")?,
        })
    }

    fn score(&self, row: &AnyRow) -> Result<(usize, UnitScore), StoreError> {
        let (entry, environment) = (self.integer::<u32>(row, "entry")?, self.integer::<u32>(row, "environment")?);
        let score = counted_score(self.real(row, "score")?, self.fault(row)?);
        let unit = UnitScore { environment: environment as usize, task: self.integer(row, "task")?, score };
        Ok((entry as usize, unit))
    }

    fn fault(&self, row: &AnyRow) -> Result<Option<Fault>, StoreError> {
        let word = self.optional_text(row, "fault")?;
        word.map(|word| Fault::from_word(&word).map_err(self.damaged("read a rollout from"))).transpose()
    }
}
