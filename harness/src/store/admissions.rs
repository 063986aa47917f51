//! The `admissions` table.

use std::collections::BTreeMap;

use sqlx::any::AnyRow;

use super::error::StoreErrorKind;
use super::outcomes::OpenedEntries;
use super::statement::Statement;
use super::{RunId, Store, StoreError};
use crate::clock;
use crate::record::{Admission, AdmissionOutcome};
use crate::registry::Hotkey;

/// Keeps the reason of a refusal that is set aside, and sets it aside: neither once the run has rollouts.
const KEEP: &str = "INSERT INTO requeued_admissions (run_id, entry, reason, requeued_at) \
                    SELECT run_id, entry, coalesce(reason, ''), $3 FROM admissions \
                    WHERE run_id = $1 AND entry = $2 AND standing = 'refused' \
                    AND NOT EXISTS (SELECT 1 FROM rollouts WHERE rollouts.run_id = $1)";
const SET_ASIDE: &str = "DELETE FROM admissions WHERE run_id = $1 AND entry = $2 AND standing = 'refused' \
                         AND NOT EXISTS (SELECT 1 FROM rollouts WHERE rollouts.run_id = $1)";

/// The same of an absence.
const KEEP_ABSENCE: &str = "INSERT INTO requeued_admissions (run_id, entry, reason, requeued_at) \
                            SELECT run_id, entry, reason, $3 FROM absences WHERE run_id = $1 AND entry = $2 \
                            AND NOT EXISTS (SELECT 1 FROM rollouts WHERE rollouts.run_id = $1)";
const SET_ABSENCE_ASIDE: &str = "DELETE FROM absences WHERE run_id = $1 AND entry = $2 \
                                 AND NOT EXISTS (SELECT 1 FROM rollouts WHERE rollouts.run_id = $1)";

/// Outcome of the wish that an entry is admitted again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Requeued {
    /// Its refusal or absence is set aside.
    Done,
    /// It was neither refused in this window nor absent from it.
    NotRefused,
    /// The window has rollouts already: its field is fixed.
    Playing,
}

impl Store {
    /// The admissions recorded so far, by entry.
    ///
    /// # Errors
    /// If the database cannot be read or a row is damaged.
    pub(crate) async fn admissions(&self, run: RunId) -> Result<BTreeMap<usize, Admission>, StoreError> {
        let select = "SELECT entry, standing, reason, files FROM admissions WHERE run_id = $1";
        let rows = self.rows("read", Statement::new(select).with(run.0)).await?;
        let mut admissions = BTreeMap::new();
        for row in rows {
            admissions.insert(self.integer::<u32>(&row, "entry")? as usize, self.admission(&row)?);
        }
        let select = "SELECT entry, standing, reason FROM absences WHERE run_id = $1";
        for row in self.rows("read", Statement::new(select).with(run.0)).await? {
            let entry = self.integer::<u32>(&row, "entry")? as usize;
            let outcome = self.admission_outcome(&row)?;
            let files = admissions.remove(&entry).map(|admitted| admitted.files).unwrap_or_default();
            admissions.insert(entry, Admission { outcome, files });
        }
        Ok(admissions)
    }

    fn admission(&self, row: &AnyRow) -> Result<Admission, StoreError> {
        Ok(Admission {
            outcome: self.admission_outcome(row)?,
            files: self.json(row, "files", "read an admission from")?,
        })
    }

    fn admission_outcome(&self, row: &AnyRow) -> Result<AdmissionOutcome, StoreError> {
        let (standing, reason) = (self.text(row, "standing")?, self.optional_text(row, "reason")?);
        AdmissionOutcome::from_parts(&standing, reason).map_err(self.damaged("read an admission from"))
    }

    /// Records that an entry is absent from a run or has left it; the first reason stays.
    ///
    /// # Errors
    /// If the database cannot be written.
    pub(crate) async fn add_absence(
        &self,
        run: RunId,
        entry: usize,
        outcome: &AdmissionOutcome,
    ) -> Result<(), StoreError> {
        let insert =
            "INSERT INTO absences (run_id, entry, standing, reason) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING";
        let insert = Statement::new(insert).with(run.0).with(entry).with(outcome.word()).with(outcome.reason());
        self.execute("write to", insert).await?;
        Ok(())
    }

    /// Records an entry's admission.
    ///
    /// # Errors
    /// If the database cannot be written, or the entry has another one already.
    pub(crate) async fn add_admission(
        &self,
        run: RunId,
        entry: usize,
        admission: &Admission,
    ) -> Result<(), StoreError> {
        let insert = "INSERT INTO admissions (run_id, entry, standing, reason, files) VALUES ($1, $2, $3, $4, $5) \
                      ON CONFLICT DO NOTHING";
        let insert = Statement::new(insert)
            .with(run.0)
            .with(entry)
            .with(admission.outcome.word())
            .with(admission.outcome.reason())
            .with(serde_json::to_string(&admission.files).expect("a file list is plain data"));
        if self.execute("write to", insert).await? == 0 && self.admissions(run).await?.get(&entry) != Some(admission) {
            let cause = format!("entry {entry} has another admission already");
            return Err(self.error("write an admission to", StoreErrorKind::Other, cause));
        }
        Ok(())
    }

    /// Sets the refusal or absence of a miner's entries aside in the latest run of a window, so that they are fetched and checked
    /// again; not once the window has rollouts, since others have played against a field without them.
    ///
    /// # Errors
    /// If the database cannot be read or written, or a row is damaged.
    pub(crate) async fn requeue(&self, netuid: u16, seed_block: u64, hotkey: &Hotkey) -> Result<Requeued, StoreError> {
        let latest = "SELECT id, opened FROM runs WHERE netuid = $1 AND seed_block = $2 ORDER BY id DESC LIMIT 1";
        let run = self.row("read", Statement::new(latest).with(netuid).with(seed_block)).await?;
        let Some(run) = run else { return Ok(Requeued::NotRefused) };
        let id: i64 = self.integer(&run, "id")?;
        let OpenedEntries { entries } = self.json(&run, "opened", "read a run's terms from")?;
        let mut done = Requeued::NotRefused;
        for (place, _) in entries.iter().enumerate().filter(|(_, entry)| entry.hotkey == *hotkey) {
            let of_entry = |sql| Statement::new(sql).with(id).with(place);
            let now = clock::unix_seconds();
            let refusal = [of_entry(KEEP).with(now), of_entry(SET_ASIDE)];
            let changes = [&refusal[..], &[of_entry(KEEP_ABSENCE).with(now), of_entry(SET_ABSENCE_ASIDE)]].concat();
            if self.answers("write to", &changes).await?.iter().any(|answer| answer.changed > 0) {
                done = Requeued::Done;
            }
        }
        let played = Statement::new("SELECT task FROM rollouts WHERE run_id = $1 LIMIT 1").with(id);
        match done {
            Requeued::NotRefused if self.row("read", played).await?.is_some() => Ok(Requeued::Playing),
            done => Ok(done),
        }
    }
}
