//! Shares of emission, and the integers in which the chain takes them.

use serde::{Deserialize, Serialize};

/// Settings by which the champion's weight is shared.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct WeightSettings {
    /// Share that goes to uid 0, where it is burned. In [0, 1].
    pub burn: f64,
    /// Factor from each champion to the one before it; 0 gives the latest everything. In [0, 1].
    pub decay: f64,
    /// Champions that share, the latest included. At least 1.
    pub champions: usize,
}

impl Default for WeightSettings {
    fn default() -> Self {
        Self { burn: 0.0, decay: 0.0, champions: 1 }
    }
}

impl WeightSettings {
    /// Checks that every setting is in its range.
    ///
    /// # Errors
    /// Names the first that is not.
    pub fn check(&self) -> Result<(), WeightError> {
        for (name, value, allowed, holds) in [
            ("burn", self.burn, "[0, 1]", (0.0..=1.0).contains(&self.burn)),
            ("decay", self.decay, "[0, 1]", (0.0..=1.0).contains(&self.decay)),
            ("champions", self.champions as f64, "at least 1", self.champions > 0),
        ] {
            if !holds {
                return Err(WeightError::Setting { name, value, allowed });
            }
        }
        Ok(())
    }
}

/// Reasons for which there are no weights.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum WeightError {
    /// A setting is out of its range.
    #[error("the weights' {name} is {value}; set it within {allowed}")]
    Setting {
        /// The setting.
        name: &'static str,
        /// Its value.
        value: f64,
        /// The range it may have.
        allowed: &'static str,
    },
    /// A weight is negative or not a number.
    #[error("uid {uid} has the weight {weight}; weights are finite and not negative")]
    Weight {
        /// The uid.
        uid: u16,
        /// Its weight.
        weight: f64,
    },
}

/// Weights that sum to one, ascending by uid, each uid once.
///
/// `champions` are uids, the latest first. One that appears again later in the list counts once, where it reigned last:
/// an owner that dethrones itself in small steps gains no second share and pushes no other champion off the list. Uid 0
/// adds up with what is burned. Without any champion everything is burned: uid 0 gets it all.
///
/// # Errors
/// If a setting is out of its range.
pub fn winner_takes_all(champions: &[u16], settings: &WeightSettings) -> Result<Vec<(u16, f64)>, WeightError> {
    settings.check()?;
    let mut shares: Vec<(u16, f64)> = Vec::new();
    let mut share = 1.0;
    for uid in champions {
        if shares.len() == settings.champions {
            break;
        }
        if shares.iter().all(|(other, _)| other != uid) {
            shares.push((*uid, share));
            share *= settings.decay;
        }
    }
    let total: f64 = shares.iter().map(|(_, share)| share).sum();
    let burn = if total > 0.0 { settings.burn } else { 1.0 };
    // Without a champion the total is 0, and there is no share to divide by it.
    for (_, share) in &mut shares {
        *share *= (1.0 - burn) / total;
    }
    if burn > 0.0 {
        add(&mut shares, 0, burn);
    }
    shares.retain(|(_, share)| *share > 0.0);
    shares.sort_by_key(|(uid, _)| *uid);
    Ok(shares)
}

/// Weights as the chain takes them: the largest becomes 65535, the others keep their ratio, rounded to the nearest.
///
/// Weights that round to 0 and uids without weight are left out.
///
/// # Errors
/// If a weight is negative or not finite.
pub fn to_u16(weights: &[(u16, f64)]) -> Result<Vec<(u16, u16)>, WeightError> {
    // The chain divides each row by its sum, so that only ratios count, and the largest integers keep them best.
    let mut largest = 0.0_f64;
    for (uid, weight) in weights {
        if !weight.is_finite() || *weight < 0.0 {
            return Err(WeightError::Weight { uid: *uid, weight: *weight });
        }
        largest = largest.max(*weight);
    }
    let scaled = weights.iter().map(|(uid, weight)| (*uid, (weight / largest * f64::from(u16::MAX)).round() as u16));
    Ok(if largest > 0.0 { scaled.filter(|(_, weight)| *weight > 0).collect() } else { Vec::new() })
}

fn add(shares: &mut Vec<(u16, f64)>, uid: u16, share: f64) {
    match shares.iter_mut().find(|(other, _)| *other == uid) {
        Some((_, sum)) => *sum += share,
        None => shares.push((uid, share)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_champion_takes_all_but_what_is_burned_or_decays() {
        let check = |champions: &[u16], burn, decay, count, expected: &[(u16, f64)]| {
            let settings = WeightSettings { burn, decay, champions: count };
            let weights = winner_takes_all(champions, &settings).expect("valid settings");
            assert_eq!(weights.len(), expected.len(), "{weights:?}");
            for (got, wanted) in weights.iter().zip(expected) {
                assert!(got.0 == wanted.0 && (got.1 - wanted.1).abs() < 1e-12, "{weights:?} {expected:?}");
            }
            assert!((weights.iter().map(|(_, weight)| weight).sum::<f64>() - 1.0).abs() < 1e-12);
        };
        check(&[7], 0.0, 0.0, 1, &[(7, 1.0)]);
        check(&[7, 3], 0.25, 0.0, 2, &[(0, 0.25), (7, 0.75)]);
        check(&[7, 3, 9], 0.0, 0.5, 2, &[(3, 1.0 / 3.0), (7, 2.0 / 3.0)]);
        check(&[7, 3, 7], 0.0, 0.5, 3, &[(3, 1.0 / 3.0), (7, 2.0 / 3.0)]);
        check(&[0], 0.3, 0.0, 1, &[(0, 1.0)]);
        check(&[], 0.1, 0.0, 1, &[(0, 1.0)]);
        check(&[5], 1.0, 0.0, 1, &[(0, 1.0)]);
    }

    #[test]
    fn an_owner_that_dethrones_itself_takes_no_second_share_and_no_other_champions_place() {
        let check = |champions: &[u16], count, expected: &[(u16, f64)]| {
            let settings = WeightSettings { burn: 0.0, decay: 1.0, champions: count };
            assert_eq!(winner_takes_all(champions, &settings).expect("valid settings"), expected, "{champions:?}");
        };
        check(&[7, 7, 7, 3], 2, &[(3, 0.5), (7, 0.5)]);
        check(&[7, 3, 7, 3, 7, 9], 3, &[(3, 1.0 / 3.0), (7, 1.0 / 3.0), (9, 1.0 / 3.0)]);
        check(&[7, 7, 7], 3, &[(7, 1.0)]);
        check(&[0, 0, 5], 2, &[(0, 0.5), (5, 0.5)]);
    }

    #[test]
    fn settings_out_of_range_are_refused() {
        let check = |burn, decay, champions, name: &str| {
            let error = winner_takes_all(&[1], &WeightSettings { burn, decay, champions }).expect_err("out of range");
            assert!(error.to_string().contains(name), "{error}");
        };
        check(1.5, 0.0, 1, "burn");
        check(0.0, f64::NAN, 1, "decay");
        check(0.0, 0.0, 0, "champions");
    }

    #[test]
    fn the_largest_weight_becomes_the_largest_integer() {
        let check = |weights: &[(u16, f64)], expected: &[(u16, u16)]| {
            assert_eq!(to_u16(weights).expect("valid weights"), expected);
        };
        check(&[(3, 1.0)], &[(3, 65_535)]);
        check(&[(0, 0.25), (3, 0.75)], &[(0, 21_845), (3, 65_535)]);
        check(&[(1, 1e-9), (2, 0.5), (4, 0.0)], &[(2, 65_535)]);
        check(&[(1, 0.0)], &[]);
        check(&[], &[]);
        assert!(to_u16(&[(1, f64::NAN)]).is_err() && to_u16(&[(1, -0.1)]).is_err());
    }

    #[test]
    fn decay_and_burn_go_to_their_ends() {
        let check = |champions: &[u16], burn, decay, count, expected: &[(u16, f64)]| {
            let settings = WeightSettings { burn, decay, champions: count };
            assert_eq!(winner_takes_all(champions, &settings).expect("valid settings"), expected, "{champions:?}");
        };
        // Without decay all share alike, with all of it only the latest has a share.
        check(&[4, 5, 6, 7], 0.0, 1.0, 4, &[(4, 0.25), (5, 0.25), (6, 0.25), (7, 0.25)]);
        check(&[4, 5, 6, 7], 0.0, 0.0, 4, &[(4, 1.0)]);
        check(&[4, 5], 0.0, 1.0, 100, &[(4, 0.5), (5, 0.5)]);
        check(&[9, 1], 0.0, 1.0, 2, &[(1, 0.5), (9, 0.5)]);
        // A champion with uid 0 has what is burned as well.
        check(&[0, 3], 0.5, 1.0, 2, &[(0, 0.75), (3, 0.25)]);
        check(&[3, 0], 1.0, 1.0, 2, &[(0, 1.0)]);
        check(&[], 0.0, 1.0, 2, &[(0, 1.0)]);
        check(&[65_535], 0.25, 0.0, 1, &[(0, 0.25), (65_535, 0.75)]);
    }

    #[test]
    fn integers_round_to_the_nearest_and_keep_their_order() {
        let check = |weights: &[(u16, f64)], expected: &[(u16, u16)]| {
            assert_eq!(to_u16(weights).expect("valid weights"), expected, "{weights:?}");
        };
        check(&[(1, 1.0), (2, 2.0), (3, 3.0)], &[(1, 21_845), (2, 43_690), (3, 65_535)]);
        check(&[(7, 1.0), (2, 0.5)], &[(7, 65_535), (2, 32_768)]);
        // Half of the smallest integer is just enough to be kept.
        check(&[(1, 0.5 / 65_535.0), (2, 1.0)], &[(1, 1), (2, 65_535)]);
        check(&[(1, 0.49 / 65_535.0), (2, 1.0)], &[(2, 65_535)]);
        check(&[(1, f64::MIN_POSITIVE), (2, f64::MIN_POSITIVE)], &[(1, 65_535), (2, 65_535)]);
        check(&[(1, f64::MAX), (2, f64::MAX / 2.0)], &[(1, 65_535), (2, 32_768)]);
        let error = to_u16(&[(1, 1.0), (4, f64::INFINITY)]).expect_err("not finite");
        assert_eq!(error, WeightError::Weight { uid: 4, weight: f64::INFINITY });
    }

    #[test]
    fn settings_hold_at_the_ends_of_their_ranges_and_not_beyond() {
        let check = |burn, decay, champions, refused: Option<&str>| {
            let found = WeightSettings { burn, decay, champions }.check().err().map(|error| error.to_string());
            assert_eq!(found.as_deref(), refused);
        };
        check(0.0, 0.0, 1, None);
        check(1.0, 1.0, usize::MAX, None);
        check(-0.0, -0.0, 1, None);
        check(-1e-12, 0.0, 1, Some("the weights' burn is -0.000000000001; set it within [0, 1]"));
        check(0.0, 1.5, 1, Some("the weights' decay is 1.5; set it within [0, 1]"));
        check(0.0, f64::INFINITY, 1, Some("the weights' decay is inf; set it within [0, 1]"));
        check(0.5, 0.5, 0, Some("the weights' champions is 0; set it within at least 1"));
        // Of several the first is named.
        check(2.0, 2.0, 0, Some("the weights' burn is 2; set it within [0, 1]"));
    }

    #[test]
    fn shares_are_those_of_a_ledger_by_uid() {
        use std::collections::BTreeMap;
        for trial in 0..300 {
            let mut random = crate::lab::Random::new(31, &[trial]);
            let mut below = |most: f64| random.uniform() * most;
            let champions: Vec<u16> = (0..below(7.0) as usize).map(|_| below(4.0) as u16).collect();
            let settings = WeightSettings { burn: below(1.0), decay: below(1.0), champions: 1 + below(5.0) as usize };
            let mut ledger = BTreeMap::from([(0, 0.0)]);
            let mut sharing: Vec<u16> = Vec::new();
            for uid in &champions {
                if sharing.len() < settings.champions && !sharing.contains(uid) {
                    sharing.push(*uid);
                }
            }
            let whole: f64 = (0..sharing.len()).map(|place| settings.decay.powi(place as i32)).sum();
            for (place, uid) in sharing.iter().enumerate() {
                *ledger.entry(*uid).or_insert(0.0) += (1.0 - settings.burn) * settings.decay.powi(place as i32) / whole;
            }
            *ledger.get_mut(&0).expect("it is there") += if sharing.is_empty() { 1.0 } else { settings.burn };
            ledger.retain(|_, share| *share > 0.0);
            let found = winner_takes_all(&champions, &settings).expect("valid settings");
            assert_eq!(found.len(), ledger.len(), "{champions:?} {settings:?}: {found:?}");
            for ((uid, share), (expected_uid, expected)) in found.iter().zip(&ledger) {
                assert!(uid == expected_uid && (share - expected).abs() < 1e-12, "{champions:?}: {found:?} {ledger:?}");
            }
        }
    }
}
