//! Succession of champions within a window and between windows, and shares of emission: pure, so that an audit computes
//! them the same way.

use std::collections::BTreeMap;

use pareto::mechanisms::Sequential;
use pareto::weights::{WeightError, winner_takes_all};
use pareto::{Bout, Challenge, Decision, DuelError, Opening, SavedDuel, Standing, Succession, TaskPlan, Verdict};

use crate::board::{BoutEntries, ScoreBoard};
use crate::record::{
    Admission, AdmissionOutcome, BoutRecord, CrownedModel, FindingRecord, ReignRecord, Sighting, WindowTerms,
    first_sightings,
};
use crate::registry::{Role, Uid};
use crate::turns::in_turns;

mod entries;

pub(crate) use entries::{entries, entries_follow};

/// Reigns between the champion and the one that stands guard: a slow drift of one environment may not go further than the
/// tolerance below it.
const GUARD: usize = 10;

/// Windows for which the crown may be vacant: after them a regent that nobody has beaten is crowned, though there are challengers
/// that it has not beaten.
const LONGEST_REGENCY: u32 = 10;

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
        self.admissions[entry].outcome.plays(self.findings.contains_key(&entry))
    }

    /// True if a crowned model's entry can reign: it can take part with the files that were crowned, and its miner is there.
    fn is_fit_as(&self, crowned: &CrownedModel, entry: usize) -> bool {
        self.terms.entries[entry].uid.is_some() && self.is_fit(entry) && self.has_files_of(crowned, entry)
    }

    /// True if an entry was admitted with the files that were crowned.
    fn has_files_of(&self, crowned: &CrownedModel, entry: usize) -> bool {
        let is_same = |snapshot: &String| *snapshot == self.snapshot(entry);
        self.admissions[entry].outcome.is_admitted() && crowned.snapshot.as_ref().is_none_or(is_same)
    }

    /// The entry that challengers meet, if a model of the record plays: the champion's, else the latest former champion's,
    /// else the regent's.
    pub(crate) fn crowned(&self) -> Option<usize> {
        let fit = |crowned: &CrownedModel| self.terms.place_of(crowned).filter(|entry| self.is_fit_as(crowned, *entry));
        self.terms.record.line().find_map(fit)
    }

    /// True if the crown is vacant when the duels begin: models have been crowned, and none of them plays. Who takes a
    /// champion's files down, or waits with an old commitment until they are gone, must not inherit: the entry that
    /// challengers meet is a regent, and earns nothing until it has won.
    fn is_vacant(&self) -> bool {
        let record = &self.terms.record;
        record.champion.is_some()
            && match self.crowned() {
                None => true,
                Some(entry) => {
                    let regent = record.champion.as_ref().filter(|_| record.regency > 0);
                    regent.and_then(|regent| self.terms.place_of(regent)) == Some(entry)
                }
            }
    }

    /// Windows of the regency at the end of this one; zero if it leaves a crowned champion: a challenger has won, or the
    /// regent has beaten all, or nobody has beaten it for long.
    pub(crate) fn regency_after(&self, succession: &Succession) -> u32 {
        if !self.is_vacant() || succession.dethroned().is_some() {
            return 0;
        }
        // Who could not be fetched or run on this machine has not been beaten.
        let is_absent = |admission: &Admission| matches!(admission.outcome, AdmissionOutcome::Absent(_));
        if succession.unbeaten() == 0 && !self.admissions.iter().any(is_absent) {
            return 0;
        }
        // Whoever is regent: the crown has been vacant for so long.
        let windows = self.terms.record.regency + 1;
        if windows > LONGEST_REGENCY { 0 } else { windows }
    }

    /// The reserve that is to be called upon next: the latest former champion's, where no crowned model before it plays.
    pub(crate) fn next_reserve(&self) -> Option<(usize, &CrownedModel)> {
        for crowned in self.terms.record.line() {
            match self.terms.place_of(crowned).filter(|entry| self.terms.entries[*entry].uid.is_some()) {
                Some(entry) if self.admissions[entry].outcome == AdmissionOutcome::Reserve => {
                    return Some((entry, crowned));
                }
                Some(entry) if self.is_fit_as(crowned, entry) => return None,
                _ => {}
            }
        }
        None
    }

    /// The entries that have left the window.
    pub(crate) fn left(&self) -> BTreeMap<usize, AdmissionOutcome> {
        let outcomes = self.admissions.iter().map(|admission| admission.outcome.clone()).enumerate();
        outcomes.filter(|(_, outcome)| matches!(outcome, AdmissionOutcome::Left(_))).collect()
    }

    /// True if the reign of the record goes on: its champion plays.
    fn reigns_on(&self) -> bool {
        let champion = self.terms.record.champion.as_ref().and_then(|crowned| self.terms.place_of(crowned));
        champion.is_some() && champion == self.crowned()
    }

    /// The champion of ten reigns ago and its entry, if there was one and this window has a bout that it could guard: somebody
    /// challenges another model than it.
    fn guarding(&self) -> Option<(usize, &CrownedModel)> {
        let record = &self.terms.record;
        // Where the champion does not play, its reign is one of those that have ended.
        let ended = record.champion.iter().filter(|_| record.regency == 0 && !self.reigns_on());
        let crowned = ended.chain(&record.former).nth(GUARD - 1)?;
        let entry = self.terms.place_of(crowned)?;
        let playing = self.playing();
        let reigning = self.crowned().or_else(|| playing.first().copied())?;
        let has_bout = |other: &usize| *other != reigning && self.standing(*other) != Standing::Spent;
        (entry != reigning && playing.iter().any(has_bout)).then_some((entry, crowned))
    }

    /// The entry that is to be called upon to stand guard: the champion's of ten reigns ago, while nobody has looked at it.
    pub(crate) fn next_guard(&self) -> Option<usize> {
        let (entry, _) = self.guarding()?;
        (self.admissions[entry].outcome == AdmissionOutcome::Reserve).then_some(entry)
    }

    /// The entry that stands guard: no winner may be worse than it by more than the tolerance. None where fewer than ten
    /// reigns have ended, and where the files of its model are not what they were; the record of its admission says why.
    pub(crate) fn guard(&self) -> Option<usize> {
        self.guarding().filter(|(entry, crowned)| self.has_files_of(crowned, *entry)).map(|(entry, _)| entry)
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
        let reigns_on = self.reigns_on();
        let rule = Sequential {
            heat: deciding.heat.clone(),
            duel: deciding.duel.clone(),
            alpha: deciding.alpha,
            tested: if reigns_on { self.terms.record.bouts } else { 0 },
        };
        let playing = self.in_turn();
        let (champion, guard) = (self.crowned(), self.guard().is_some());
        let opening = Opening { champion, guard, ..Opening::new(self.terms.environments.len(), &playing) };
        rule.open(&opening, |entry| self.standing(entry))
    }

    /// The entries that take part, those that wait after all others and in turn: one of each owner by commitment, then the
    /// next one of each.
    fn in_turn(&self) -> Vec<usize> {
        let crowned = self.crowned();
        let waits = |entry: &usize| Some(*entry) != crowned && self.standing(*entry) == Standing::Waiting;
        let (waiting, others): (Vec<usize>, Vec<usize>) = self.playing().into_iter().partition(waits);
        let owner = |entry: usize| self.terms.owners.get(&self.terms.entries[entry].hotkey);
        let owned: Vec<_> = waiting.into_iter().map(|entry| (entry, owner(entry))).collect();
        [others, in_turns(&owned)].concat()
    }

    /// An entry's part in the reign before the window: none in a reign that begins with it.
    fn standing(&self, entry: usize) -> Standing {
        if !self.reigns_on() {
            return Standing::Waiting;
        }
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
        let (plan, guard) = (self.plan(), self.guard());
        let mut duels = Vec::new();
        while let Some(mut entry) = succession.next_heat() {
            board.feed_heat(&mut entry.heat, entry.champion, entry.challenger, plan.heat().end)?;
            succession.settle_heat(&entry);
        }
        while duels.len() < most {
            let Some(Bout { challenge, mut duel, .. }) = succession.next_bout()? else { break };
            let start = duel.save();
            board.feed(&mut duel, &plan, BoutEntries::new(&challenge, guard), usize::MAX)?;
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
            regency: self.regency_after(succession),
            bouts: succession.reign().bouts(),
            models,
            sightings: self.sightings(),
            champion: Some(champion),
        }
    }

    /// Models that were crowned before, the latest first: of this window, then of those before it.
    pub(crate) fn former(&self, succession: &Succession) -> Vec<CrownedModel> {
        // A regent that lost was never crowned.
        let dethroned = succession.dethroned().filter(|_| !self.is_vacant()).map(|entry| self.crowned_at(entry));
        let first = self.crowned_at(succession.dethroned().unwrap_or(succession.champion()));
        let record = &self.terms.record;
        let crowned = record.champion.iter().filter(|_| record.regency == 0);
        let before = crowned.filter(|crowned| !crowned.is(&first.hotkey, &first.model));
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
        if !admission.outcome.is_admitted() || admission.files.is_empty() {
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
    /// miners whose crowned model or commitment plays share. While a regent stands in for a vacant crown all is burned.
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
        let holders: Vec<usize> = if self.regency_after(succession) > 0 {
            Vec::new()
        } else {
            std::iter::once(succession.champion()).chain(former.iter().filter_map(of_miner)).collect()
        };
        let uids: Vec<u16> = holders.iter().filter_map(|entry| entries[*entry].uid).map(|uid| uid.0).collect();
        let weights = winner_takes_all(&uids, &self.terms.settings.deciding.weights)?;
        // A miner with two entries is paid once, by the first that holds a share.
        let mut shares = vec![0.0; entries.len()];
        for (uid, share) in &weights {
            let number = Some(Uid(*uid));
            if let Some(entry) = holders.iter().chain(&playing).find(|entry| entries[**entry].uid == number) {
                shares[*entry] = *share;
            } else if let Some(entry) = entries.iter().position(|entry| entry.uid == number) {
                shares[entry] = *share;
            }
        }
        let is_burned = !entries.iter().any(|entry| entry.uid == Some(Uid(0)));
        let burned = weights.iter().find(|(uid, _)| is_burned && *uid == 0).map_or(0.0, |(_, share)| *share);
        Ok(Shares { entries: shares, burned })
    }
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
mod properties;

#[cfg(test)]
mod tests;
