//! Succession of champions within a window and between windows, and shares of emission: pure, so that an audit computes
//! them the same way.

use std::collections::BTreeMap;

use pareto::mechanisms::Sequential;
use pareto::weights::{WeightError, winner_takes_all};
use pareto::{Bout, Challenge, Decision, DuelError, Opening, SavedDuel, Standing, Succession, TaskPlan, Verdict};

use crate::board::ScoreBoard;
use crate::record::{
    Admission, AdmissionOutcome, BoutRecord, CrownedModel, EntryTerms, FindingRecord, ReignRecord, Sighting,
    WindowTerms, first_sightings,
};
use crate::registry::{Hotkey, Role};
use crate::turns::in_turns;

/// A window's entries as admission and screens have left them.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Field<'a> {
    /// The window's terms.
    pub(crate) terms: &'a WindowTerms,
    /// The entries' admissions, in order.
    pub(crate) admissions: &'a [Admission],
    /// The findings of the screens, by entry.
    pub(crate) findings: &'a BTreeMap<usize, FindingRecord>,
}

impl Field<'_> {
    /// Digest of an entry's snapshot.
    pub(crate) fn snapshot(&self, entry: usize) -> String {
        self.admissions[entry].snapshot(&self.terms.entries[entry].model)
    }

    /// True if an entry can take part: admitted, and without a finding.
    fn is_fit(&self, entry: usize) -> bool {
        self.admissions[entry].outcome == AdmissionOutcome::Admitted && !self.findings.contains_key(&entry)
    }

    /// True if a crowned model's entry can take part, with the files that were crowned.
    fn is_fit_as(&self, crowned: &CrownedModel, entry: usize) -> bool {
        self.is_fit(entry) && crowned.snapshot.as_ref().is_none_or(|snapshot| *snapshot == self.snapshot(entry))
    }

    /// The entry that reigns when the duels begin, if a crowned model plays: the champion's, else the latest former
    /// champion's.
    pub(crate) fn crowned(&self) -> Option<usize> {
        let record = &self.terms.record;
        record
            .champion
            .iter()
            .chain(&record.former)
            .find_map(|crowned| self.terms.place_of(crowned).filter(|entry| self.is_fit_as(crowned, *entry)))
    }

    /// The reserve that is to be called upon next: the latest former champion's, where no crowned model before it plays.
    pub(crate) fn next_reserve(&self) -> Option<(usize, &CrownedModel)> {
        let record = &self.terms.record;
        for crowned in record.champion.iter().chain(&record.former) {
            match self.terms.place_of(crowned) {
                Some(entry) if self.admissions[entry].outcome == AdmissionOutcome::Reserve => {
                    return Some((entry, crowned));
                }
                Some(entry) if self.is_fit_as(crowned, entry) => return None,
                _ => {}
            }
        }
        None
    }

    /// True if the reign of the record goes on: its champion plays.
    fn reigns_on(&self) -> bool {
        let champion = self.terms.record.champion.as_ref().and_then(|crowned| self.terms.place_of(crowned));
        champion.is_some() && champion == self.crowned()
    }

    /// The entries that take part in duels, in order of commitment: what miners have committed, and the champion.
    pub(crate) fn playing(&self) -> Vec<usize> {
        let crowned = self.crowned();
        let takes_part = |entry: &usize| {
            Some(*entry) == crowned || (self.terms.entries[*entry].role == Role::Committed && self.is_fit(*entry))
        };
        (0..self.terms.entries.len()).filter(takes_part).collect()
    }

    /// Numbers of the window's tasks by their use.
    pub(crate) fn plan(&self) -> TaskPlan {
        let deciding = &self.terms.settings.deciding;
        TaskPlan::new(&deciding.heat, &deciding.duel)
    }

    /// The heats and bouts of the window, against the crowned model that plays, else against the earliest entry; none if no
    /// entry plays. A model that has had its bout in this reign has no other, and one whose bout was put down goes on.
    ///
    /// # Errors
    /// If the settings are not usable.
    pub(crate) fn open(&self) -> Result<Option<Succession>, DuelError> {
        let deciding = &self.terms.settings.deciding;
        let (reigns_on, record) = (self.reigns_on(), &self.terms.record);
        let rule = Sequential {
            heat: deciding.heat.clone(),
            duel: deciding.duel.clone(),
            alpha: deciding.alpha,
            tested: if reigns_on { record.bouts } else { 0 },
        };
        let part = |entry| if reigns_on { self.part_of(entry) } else { Standing::Waiting };
        let playing = self.in_turn(part);
        let opening = Opening { champion: self.crowned(), ..Opening::new(self.terms.environments.len(), &playing) };
        rule.open(&opening, part)
    }

    /// The entries that take part, those that wait after all others and in turn: one of each owner by commitment, then the
    /// next one of each.
    fn in_turn(&self, part: impl Fn(usize) -> Standing) -> Vec<usize> {
        let crowned = self.crowned();
        let waits = |entry: &usize| Some(*entry) != crowned && part(*entry) == Standing::Waiting;
        let (waiting, others): (Vec<usize>, Vec<usize>) = self.playing().into_iter().partition(waits);
        let owner = |entry: usize| self.terms.owners.get(&self.terms.entries[entry].hotkey);
        let owned: Vec<_> = waiting.into_iter().map(|entry| (entry, owner(entry))).collect();
        [others, in_turns(&owned)].concat()
    }

    /// An entry's part in the reign before the window.
    fn part_of(&self, entry: usize) -> Standing {
        let snapshot = self.snapshot(entry);
        match self.terms.record.models.iter().find(|bout| bout.snapshot == snapshot) {
            None => Standing::Waiting,
            Some(BoutRecord { carried: None, .. }) => Standing::Spent,
            Some(BoutRecord { carried: Some(duel), number, .. }) => {
                Standing::Carried { number: *number, duel: Box::new(duel.clone()) }
            }
        }
    }

    /// Decides all heats and bouts on the scores of a board, at most so many bouts.
    ///
    /// # Errors
    /// If the settings are not usable or a score lies outside [0, 1].
    pub(crate) fn decide(&self, board: &ScoreBoard, most: usize) -> Result<Option<Held>, DuelError> {
        let Some(mut succession) = self.open()? else { return Ok(None) };
        let plan = self.plan();
        let mut duels = Vec::new();
        while let Some(mut entry) = succession.next_heat() {
            board.feed_heat(&mut entry.heat, entry.champion, entry.challenger, plan.heat().end)?;
            succession.settle_heat(&entry);
        }
        while duels.len() < most {
            let Some(Bout { challenge, mut duel, .. }) = succession.next_bout()? else { break };
            let start = duel.save();
            board.feed(&mut duel, &plan, (challenge.champion, challenge.challenger), usize::MAX)?;
            let decision = duel.decision();
            succession.settle(&challenge, decision.verdict);
            duels.push(HeldDuel { challenge, decision, start, end: duel.save() });
        }
        Ok(Some(Held { succession, duels }))
    }

    /// The record that the window hands to the next.
    pub(crate) fn record_after(&self, succession: &Succession, duels: &[HeldDuel]) -> ReignRecord {
        let before = &self.terms.record;
        let champion = self.crowned_at(succession.champion());
        let mut models = Vec::new();
        if succession.dethroned().is_none() {
            if self.reigns_on() {
                models.clone_from(&before.models);
            }
            for duel in duels {
                let snapshot = self.snapshot(duel.challenge.challenger);
                models.retain(|bout: &BoutRecord| bout.snapshot != snapshot);
                let carried = (duel.decision.verdict == Verdict::Undecided).then(|| duel.end.clone());
                models.push(BoutRecord { snapshot, number: duel.challenge.number, carried });
            }
            models.sort_by_key(|bout| bout.number);
        }
        ReignRecord {
            former: self.former(succession),
            bouts: succession.reign().bouts(),
            models,
            sightings: self.sightings(),
            champion: Some(champion),
        }
    }

    /// Models that were crowned before, the latest first: of this window, then of those before it.
    pub(crate) fn former(&self, succession: &Succession) -> Vec<CrownedModel> {
        let dethroned = succession.dethroned().map(|entry| self.crowned_at(entry));
        let first = self.crowned_at(succession.dethroned().unwrap_or(succession.champion()));
        let record = &self.terms.record;
        let before = record.champion.iter().filter(|crowned| !crowned.is(&first.hotkey, &first.model));
        dethroned.into_iter().chain(before.chain(&record.former).cloned()).collect()
    }

    fn crowned_at(&self, entry: usize) -> CrownedModel {
        let terms = &self.terms.entries[entry];
        CrownedModel {
            hotkey: terms.hotkey.clone(),
            model: terms.model.clone(),
            snapshot: Some(self.snapshot(entry)),
            committed: terms.committed,
            position: terms.position,
        }
    }

    /// First commitments of all models seen, this window's included.
    pub(crate) fn sightings(&self) -> Vec<Sighting> {
        let seen = (0..self.terms.entries.len()).filter_map(|entry| self.sighting(entry));
        first_sightings(self.terms.record.sightings.iter().cloned().chain(seen))
    }

    /// The sighting of an admitted entry that has files.
    fn sighting(&self, entry: usize) -> Option<Sighting> {
        let admission = &self.admissions[entry];
        if admission.outcome != AdmissionOutcome::Admitted || admission.files.is_empty() {
            return None;
        }
        let terms = &self.terms.entries[entry];
        let found = self.findings.get(&entry).map(|finding| finding.original.origin.clone());
        Some(Sighting {
            snapshot: self.snapshot(entry),
            committed: terms.committed,
            position: terms.position,
            hotkey: terms.hotkey.clone(),
            origin: found.unwrap_or_else(|| terms.hotkey.clone()),
        })
    }

    /// Shares of emission: all to the champion, unless the settings burn a part or leave a part to former champions. Only
    /// miners whose crowned model or commitment plays share.
    ///
    /// # Errors
    /// If the settings are not usable.
    pub(crate) fn shares(&self, succession: &Succession) -> Result<Shares, WeightError> {
        let entries = &self.terms.entries;
        let playing = self.playing();
        let former = self.former(succession);
        let of_miner = |crowned: &CrownedModel| {
            let same = |entry: &&usize| entries[**entry].hotkey == crowned.hotkey;
            playing.iter().find(same).copied()
        };
        let holders: Vec<usize> =
            std::iter::once(succession.champion()).chain(former.iter().filter_map(of_miner)).collect();
        let uids: Vec<u16> = holders.iter().map(|entry| entries[*entry].uid.0).collect();
        let weights = winner_takes_all(&uids, &self.terms.settings.deciding.weights)?;
        // A miner with two entries is paid once, by the first that holds a share.
        let mut shares = vec![0.0; entries.len()];
        for (uid, share) in &weights {
            if let Some(entry) = holders.iter().chain(&playing).find(|entry| entries[**entry].uid.0 == *uid) {
                shares[*entry] = *share;
            } else if let Some(entry) = entries.iter().position(|entry| entry.uid.0 == *uid) {
                shares[entry] = *share;
            }
        }
        let is_burned = !entries.iter().any(|entry| entry.uid.0 == 0);
        let burned = weights.iter().find(|(uid, _)| is_burned && *uid == 0).map_or(0.0, |(_, share)| *share);
        Ok(Shares { entries: shares, burned })
    }
}

/// True if the entries that the crown adds to those that miners have committed are those that the record asks for.
pub(crate) fn crowned_entries_follow(terms: &WindowTerms) -> bool {
    let record = &terms.record;
    let entries = &terms.entries;
    let is_committed = |entry: &&EntryTerms| entry.role == Role::Committed;
    let miner = |hotkey: &Hotkey| entries.iter().filter(is_committed).find(|entry| entry.hotkey == *hotkey);
    let added = |entry: &EntryTerms| match entry.role {
        Role::Committed => true,
        Role::Crowned | Role::Former => {
            let of = match entry.role {
                Role::Crowned => record.champion.as_ref().filter(|crowned| crowned.is(&entry.hotkey, &entry.model)),
                _ => record.former.iter().find(|crowned| crowned.is(&entry.hotkey, &entry.model)),
            };
            let stands =
                |crowned: &CrownedModel| (crowned.committed, crowned.position) == (entry.committed, entry.position);
            of.is_some_and(stands) && miner(&entry.hotkey).is_some_and(|miner| miner.uid == entry.uid)
        }
    };
    // The champion's model may not be left out while its miner is there.
    let left_out = |crowned: &CrownedModel| miner(&crowned.hotkey).is_some() && terms.place_of(crowned).is_none();
    entries.iter().all(added) && !record.champion.iter().any(left_out)
}

/// Shares of emission; they sum to one.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Shares {
    /// Each entry's, in the order of the entries.
    pub entries: Vec<f64>,
    /// The share that goes to uid 0 to be burned, where no entry has that number.
    pub burned: f64,
}

/// Heats and bouts of a window that were held.
#[derive(Debug, Clone)]
pub(crate) struct Held {
    /// The succession at its end.
    pub(crate) succession: Succession,
    /// The bouts in order.
    pub(crate) duels: Vec<HeldDuel>,
}

/// A bout that was held in a window.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct HeldDuel {
    /// Its parties and number.
    pub(crate) challenge: Challenge,
    /// The decision.
    pub(crate) decision: Decision,
    /// The duel before its first task of this window.
    pub(crate) start: SavedDuel,
    /// The duel as it was put down.
    pub(crate) end: SavedDuel,
}

#[cfg(test)]
mod tests;
