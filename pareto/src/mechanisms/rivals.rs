//! Who exceeds whom in which environments, for the rules that look at every subset of them.

use crate::mechanisms::field::{FieldError, Standing};

/// More environments would have more subsets than anybody can rule on.
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

/// Subsets of this many environments can be listed.
pub(super) fn few_enough(environments: usize) -> Result<(), FieldError> {
    if environments <= MOST_ENVIRONMENTS {
        return Ok(());
    }
    Err(FieldError::Setting { name: "the number of environments", value: environments as f64, allowed: "[0, 20]" })
}

impl Rivals {
    /// Compares every later standing with every earlier one.
    pub(super) fn new(standings: &[Standing], exceeds: impl Fn(&Standing, &Standing, usize) -> bool) -> Self {
        let mut order: Vec<usize> = (0..standings.len()).collect();
        order.sort_by_key(|entry| (standings[*entry].order, *entry));
        let bits = |flag: &dyn Fn(usize) -> bool, count: usize| {
            (0..count).fold(0_u32, |bits, place| bits | u32::from(flag(place)) << place)
        };
        let valid = order.iter().map(|entry| {
            let valid = &standings[*entry].valid;
            bits(&|place| valid[place], valid.len())
        });
        let valid = valid.collect();
        let mut pairs = Vec::with_capacity(order.len() * order.len().saturating_sub(1) / 2);
        for (place, later) in order.iter().enumerate() {
            let later = &standings[*later];
            for earlier in &order[..place] {
                let earlier = &standings[*earlier];
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

    /// Entries that take part in all of a subset and that nobody dominates there, by commitment.
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
        let standing = |(place, means): (usize, &&[f64])| Standing {
            order: (place as u64, 0),
            means: means.to_vec(),
            counts: vec![1; means.len()],
            valid: means.iter().map(|mean| *mean >= 0.0).collect(),
        };
        let standings: Vec<Standing> = means.iter().enumerate().map(standing).collect();
        Rivals::new(&standings, |later, earlier, environment| {
            later.means[environment] > earlier.means[environment] + 0.1
        })
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
