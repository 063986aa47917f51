//! Pairwise comparisons of entries by environment, for the rules that look at every subset of environments.

use super::field::{EntryMeans, FieldError, by_commitment};

/// Largest number of environments whose subsets can all be looked at: a million of them.
const MOST_ENVIRONMENTS: usize = 20;

/// Every pair of entries, the earlier first, with the environments in which the later exceeds the earlier, one bit
/// each.
#[derive(Clone, Debug)]
pub(super) struct Rivals {
    /// Entries by commitment, the earliest first.
    order: Vec<usize>,
    /// Environments in which each takes part, by place in the order.
    valid: Vec<u32>,
    /// `exceeds[j * (j - 1) / 2 + i]`: where the j-th of the order exceeds the i-th, i < j.
    exceeds: Vec<u32>,
}

/// Refuses more environments than have subsets that can be listed.
pub(super) fn few_enough(entries: &[EntryMeans]) -> Result<(), FieldError> {
    let environments = entries.first().map_or(0, |entry| entry.means.len());
    if environments <= MOST_ENVIRONMENTS { Ok(()) } else { Err(FieldError::Subsets { environments }) }
}

impl Rivals {
    /// Compares every later entry with every earlier one.
    pub(super) fn new(entries: &[EntryMeans], exceeds: impl Fn(&EntryMeans, &EntryMeans, usize) -> bool) -> Self {
        let order = by_commitment(entries);
        let bits = |flag: &dyn Fn(usize) -> bool, count: usize| {
            (0..count).fold(0_u32, |bits, place| bits | u32::from(flag(place)) << place)
        };
        let valid = order.iter().map(|entry| {
            let valid = &entries[*entry].valid;
            bits(&|place| valid[place], valid.len())
        });
        let valid = valid.collect();
        let mut pairs = Vec::with_capacity(order.len() * order.len().saturating_sub(1) / 2);
        for (place, later) in order.iter().enumerate() {
            let later = &entries[*later];
            for earlier in &order[..place] {
                let earlier = &entries[*earlier];
                pairs.push(bits(&|environment| exceeds(later, earlier, environment), later.means.len()));
            }
        }
        Self { order, valid, exceeds: pairs }
    }

    /// Entries by commitment, the earliest first.
    pub(super) fn by_commitment(&self) -> &[usize] {
        &self.order
    }

    /// Places, by commitment, of the entries that take part in all of a subset.
    fn present(&self, subset: u32) -> Vec<usize> {
        (0..self.order.len()).filter(|place| self.valid[*place] & subset == subset).collect()
    }

    fn exceeds(&self, later: usize, earlier: usize) -> u32 {
        self.exceeds[later * (later - 1) / 2 + earlier]
    }

    /// Entries that take part in all of a subset and that no other dominates there, by commitment.
    ///
    /// The later of two dominates when it exceeds the earlier everywhere in the subset, the earlier when that happens
    /// nowhere.
    pub(super) fn undominated(&self, subset: u32) -> Vec<usize> {
        let present = self.present(subset);
        let mut dominated = vec![false; self.order.len()];
        for (count, later) in present.iter().enumerate() {
            for earlier in &present[..count] {
                match self.exceeds(*later, *earlier) & subset {
                    0 => dominated[*later] = true,
                    won if won == subset => dominated[*earlier] = true,
                    _ => {}
                }
            }
        }
        present.into_iter().filter(|place| !dominated[*place]).map(|place| self.order[place]).collect()
    }

    /// The entry that dominates every other that takes part in a subset.
    pub(super) fn winner(&self, subset: u32) -> Option<usize> {
        let present = self.present(subset);
        // Only one that has dominated every one before it can still be the winner.
        let mut candidate: Option<usize> = None;
        for (count, place) in present.iter().enumerate() {
            match candidate {
                Some(earlier) if self.exceeds(*place, earlier) & subset == 0 => continue,
                _ => {}
            }
            let over_all = present[..count].iter().all(|earlier| self.exceeds(*place, *earlier) & subset == subset);
            candidate = over_all.then_some(*place);
        }
        candidate.map(|place| self.order[place])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rivals(means: &[&[f64]]) -> Rivals {
        let entry = |(place, means): (usize, &&[f64])| {
            let mut entry = EntryMeans::new((place as u64, 0));
            means.iter().for_each(|mean| entry.push(*mean, 1, *mean >= 0.0));
            entry
        };
        let entries: Vec<EntryMeans> = means.iter().enumerate().map(entry).collect();
        Rivals::new(&entries, |later, earlier, environment| later.means[environment] > earlier.means[environment] + 0.1)
    }

    #[test]
    fn the_earlier_stands_unless_the_later_exceeds_it() {
        let check = |means: &[&[f64]], subset, undominated: &[usize], winner: Option<usize>| {
            let rivals = rivals(means);
            assert_eq!(rivals.undominated(subset), undominated, "{means:?}");
            assert_eq!(rivals.winner(subset), winner, "{means:?}");
        };
        check(&[&[0.5, 0.5], &[0.55, 0.55]], 3, &[0], Some(0));
        check(&[&[0.5, 0.5], &[0.7, 0.7]], 3, &[1], Some(1));
        check(&[&[0.5, 0.5], &[0.7, 0.4]], 3, &[0, 1], None);
        check(&[&[0.5, 0.5], &[0.7, 0.4]], 1, &[1], Some(1));
        check(&[&[0.5, 0.5], &[0.7, -1.0]], 3, &[0], Some(0));
        check(&[&[0.2, 0.2], &[0.4, 0.2], &[0.6, 0.6], &[0.6, 0.6]], 3, &[2], Some(2));
        check(&[&[0.2, 0.5], &[0.4, 0.5], &[0.3, 0.7]], 3, &[0, 1, 2], None);
        check(&[], 3, &[], None);
    }
}
