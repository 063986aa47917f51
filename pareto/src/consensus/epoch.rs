//! One epoch: from stake, weights and bonds to consensus, incentive, dividends, trust and new bonds.

use serde::{Deserialize, Serialize};

use crate::consensus::fixed::Fixed;

/// A row of a sparse matrix: (uid, value).
pub type SparseRow = Vec<(u16, u16)>;

type Row = Vec<(usize, Fixed)>;

/// State of the chain at the beginning of an epoch; every list has one entry per uid.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Epoch {
    /// Number of uids.
    pub n: usize,
    /// Block of this epoch.
    pub block: u64,
    /// Blocks after which a validator that set no weights counts as inactive.
    pub cutoff: u64,
    /// Majority that consensus needs, of 65535.
    pub kappa: u16,
    /// Moving average of bonds: the share of the old, of a million.
    pub bma: u64,
    /// Penalty on weights above consensus when bonds are formed: 0 counts them fully, 65535 not at all.
    pub bonds_penalty: u16,
    /// Yuma 3 rather than Yuma 2.
    pub yuma3: bool,
    /// Liquid alpha, with Yuma 3.
    pub liquid: bool,
    /// Lowest and highest liquid alpha, of 65535.
    pub alpha: (u16, u16),
    /// Steepness of liquid alpha, in hundredths.
    pub steep: i64,
    /// Block of the epoch before.
    pub last_tempo: u64,
    /// Stake.
    pub stake: Vec<u64>,
    /// Validator permit of the uid.
    pub permit: Vec<bool>,
    /// Block of the uid's latest weights.
    pub last_update: Vec<u64>,
    /// Block of the uid's registration.
    pub reg: Vec<u64>,
    /// Weights as stored.
    pub weights: Vec<SparseRow>,
    /// Bonds as stored.
    pub bonds: Vec<SparseRow>,
    /// Uid of the subnet's owner, which alone may weigh itself.
    #[serde(default)]
    pub owner: Option<u16>,
}

/// State that the chain stores at the end of an epoch; every list has one entry per uid, shares are of 65535.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct EpochResult {
    /// Share of all stake.
    pub stake_weight: Vec<u16>,
    /// The weight on which the majority of stake agrees.
    pub consensus: Vec<u16>,
    /// Share of the miners' emission.
    pub incentive: Vec<u16>,
    /// Share of the validators' emission.
    pub dividends: Vec<u16>,
    /// Sum of a validator's weights after they are clipped to consensus.
    pub validator_trust: Vec<u16>,
    /// Bonds to be stored.
    pub bonds: Vec<SparseRow>,
}

/// An epoch that is not one of the chain's.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EpochError {
    /// A list is too short or too long.
    #[error("{list} has {found} entries for {n} uids; give one a uid")]
    Length {
        /// The list.
        list: &'static str,
        /// Its entries.
        found: usize,
        /// The uids.
        n: usize,
    },
    /// A row names a uid that does not exist.
    #[error("{list} of uid {row} name uid {uid}; uids end at {n}")]
    Uid {
        /// The list.
        list: &'static str,
        /// The row.
        row: usize,
        /// The uid named.
        uid: u16,
        /// The uids.
        n: usize,
    },
    /// A row names a uid more than once, which the chain refuses.
    #[error("{list} of uid {row} name uid {uid} twice; name each once")]
    Twice {
        /// The list.
        list: &'static str,
        /// The row.
        row: usize,
        /// The uid named again.
        uid: u16,
    },
}

/// Computes an epoch.
///
/// # Errors
/// If a list has another length than `n`, or a row names a uid that does not exist or names one twice.
pub fn run_epoch(epoch: &Epoch) -> Result<EpochResult, EpochError> {
    epoch.validate()?;
    let total: u128 = epoch.stake.iter().map(|stake| u128::from(*stake)).sum();
    let stake: Vec<Fixed> = epoch.stake.iter().map(|stake| Fixed::ratio(*stake, total)).collect();
    let mut active = epoch.active(&stake);
    normalize(&mut active);
    let weights = epoch.usable_weights();
    let consensus = consensus(&active, &weights, epoch.n, Fixed::proportion(epoch.kappa));
    let clipped: Vec<Row> = weights.iter().map(|row| clip(row, &consensus)).collect();
    let trust: Vec<Fixed> = clipped.iter().map(|row| Fixed::sum(row.iter().map(|(_, value)| *value))).collect();
    let mut incentive = vec![Fixed::ZERO; epoch.n];
    for (row, stake) in clipped.iter().zip(&active) {
        for (uid, weight) in row {
            incentive[*uid] = incentive[*uid].plus(stake.times(*weight));
        }
    }
    normalize(&mut incentive);
    let for_bonds = blend(&weights, &clipped, Fixed::proportion(epoch.bonds_penalty), epoch.n);
    let (dividends, bonds) = match epoch.yuma3 {
        true => epoch.yuma3(&for_bonds, &consensus, &active, &incentive),
        false => epoch.yuma2(&for_bonds, &active, &incentive),
    };
    let stored = |values: &[Fixed]| values.iter().map(|value| value.to_proportion()).collect();
    Ok(EpochResult {
        stake_weight: stored(&stake),
        consensus: stored(&consensus),
        incentive: stored(&incentive),
        dividends: stored(&dividends),
        validator_trust: stored(&trust),
        bonds: bonds
            .iter()
            .map(|row| row.iter().map(|(uid, bond)| (*uid as u16, bond.to_proportion())).collect())
            .collect(),
    })
}

impl Epoch {
    /// Checks that every list has one entry per uid and names existing uids only.
    pub fn validate(&self) -> Result<(), EpochError> {
        let n = self.n;
        let length = |list, found| if found == n { Ok(()) } else { Err(EpochError::Length { list, found, n }) };
        length("stake", self.stake.len())?;
        length("permit", self.permit.len())?;
        length("lastUpdate", self.last_update.len())?;
        length("reg", self.reg.len())?;
        length("weights", self.weights.len())?;
        length("bonds", self.bonds.len())?;
        for (list, rows) in [("weights", &self.weights), ("bonds", &self.bonds)] {
            for (row, values) in rows.iter().enumerate() {
                if let Some((uid, _)) = values.iter().find(|(uid, _)| usize::from(*uid) >= n) {
                    return Err(EpochError::Uid { list, row, uid: *uid, n });
                }
                let mut seen = vec![false; n];
                if let Some((uid, _)) =
                    values.iter().find(|(uid, _)| std::mem::replace(&mut seen[usize::from(*uid)], true))
                {
                    return Err(EpochError::Twice { list, row, uid: *uid });
                }
            }
        }
        Ok(())
    }

    /// Stake of those that may validate and did so lately.
    fn active(&self, stake: &[Fixed]) -> Vec<Fixed> {
        let counts = |uid: usize| self.permit[uid] && self.last_update[uid].saturating_add(self.cutoff) >= self.block;
        stake.iter().enumerate().map(|(uid, stake)| if counts(uid) { *stake } else { Fixed::ZERO }).collect()
    }

    /// Rows of permitted validators without themselves and without uids registered since, normalized.
    fn usable_weights(&self) -> Vec<Row> {
        let usable = |row: usize, uid: usize| {
            // Weights set in the block of a registration, or before it, were meant for the uid's former owner.
            (row != uid || self.owner.map(usize::from) == Some(row)) && self.last_update[row] > self.reg[uid]
        };
        let mut rows: Vec<Row> = Vec::with_capacity(self.n);
        for (row, values) in self.weights.iter().enumerate() {
            let kept = values.iter().filter(|(uid, _)| self.permit[row] && usable(row, usize::from(*uid)));
            let mut kept: Row = kept.map(|(uid, value)| (usize::from(*uid), Fixed::integer((*value).into()))).collect();
            let sum = Fixed::sum(kept.iter().map(|(_, value)| *value));
            for (_, value) in &mut kept {
                *value = value.over(sum);
            }
            rows.push(kept);
        }
        rows
    }

    /// Stored bonds, less those to uids registered since the epoch before.
    fn kept_bonds(&self, value: fn(u16) -> Fixed) -> Vec<Row> {
        let kept = |row: &SparseRow| {
            let lasting = row.iter().filter(|(uid, _)| self.last_tempo > self.reg[usize::from(*uid)]);
            lasting.map(|(uid, bond)| (usize::from(*uid), value(*bond))).collect()
        };
        self.bonds.iter().map(kept).collect()
    }

    /// The share of the new bonds.
    fn bond_alpha(&self) -> Fixed {
        Fixed::ONE.minus(Fixed::ratio(self.bma, 1_000_000))
    }

    /// Dividends and the bonds to store.
    fn yuma2(&self, weights: &[Row], active: &[Fixed], incentive: &[Fixed]) -> (Vec<Fixed>, Vec<Row>) {
        // As whole numbers: columns are normalized before use, and a proportion would be truncated first.
        let mut old = self.kept_bonds(|bond| Fixed::integer(bond.into()));
        normalize_columns(&mut old, self.n);
        let staked =
            |(row, stake): (&Row, &Fixed)| row.iter().map(|(uid, value)| (*uid, value.times(*stake))).collect();
        let mut new: Vec<Row> = weights.iter().zip(active).map(staked).collect();
        normalize_columns(&mut new, self.n);
        let mut bonds = average(&new, &old, self.bond_alpha(), self.n);
        normalize_columns(&mut bonds, self.n);
        let mut dividends = earned(&bonds, incentive);
        normalize(&mut dividends);
        let mut largest = vec![Fixed::ZERO; self.n];
        for (uid, bond) in bonds.iter().flatten() {
            largest[*uid] = largest[*uid].max(*bond);
        }
        // The chain stores each column with its largest bond at 65535, where it loses the least to truncation.
        for (uid, bond) in bonds.iter_mut().flatten() {
            *bond = bond.over(largest[*uid]);
        }
        (dividends, bonds)
    }

    /// Dividends and the bonds to store.
    fn yuma3(
        &self,
        weights: &[Row],
        consensus: &[Fixed],
        active: &[Fixed],
        incentive: &[Fixed],
    ) -> (Vec<Fixed>, Vec<Row>) {
        let old = self.kept_bonds(Fixed::proportion);
        // Where no weight is agreed on there is nothing that a rate could follow.
        let liquid = self.liquid && consensus.iter().any(|value| *value > Fixed::ZERO);
        let bonds = match liquid {
            true => self.liquid_average(weights, &old, consensus),
            false => average(weights, &old, self.bond_alpha(), self.n),
        };
        let mut shares = bonds.clone();
        normalize_columns(&mut shares, self.n);
        let mut dividends = earned(&shares, incentive);
        for (dividend, stake) in dividends.iter_mut().zip(active) {
            *dividend = dividend.times(*stake);
        }
        normalize(&mut dividends);
        (dividends, bonds)
    }

    /// Bonds move the faster, the further a weight is from consensus or from the bond held.
    fn liquid_average(&self, weights: &[Row], old: &[Row], consensus: &[Fixed]) -> Vec<Row> {
        let mut rows = Vec::with_capacity(self.n);
        for (row, values) in weights.iter().enumerate() {
            let held = dense(&old[row], self.n);
            let mut bonds = Row::new();
            for (uid, value) in values {
                let alpha = self.liquid_alpha(*value, held[*uid], consensus[*uid]);
                let kept = Fixed::ONE.minus(alpha).times(held[*uid]);
                let bond = kept.plus(alpha.times(*value)).min(Fixed::ONE);
                if bond > Fixed::ZERO {
                    bonds.push((*uid, bond));
                }
            }
            rows.push(bonds);
        }
        rows
    }

    fn liquid_alpha(&self, weight: Fixed, bond: Fixed, consensus: Fixed) -> Fixed {
        let (low, high) = (Fixed::proportion(self.alpha.0), Fixed::proportion(self.alpha.1));
        let distance = if weight >= bond { weight.minus(consensus) } else { bond.minus(weight) };
        let distance = distance.clamp(Fixed::ZERO, Fixed::ONE);
        let steepness = Fixed::integer(self.steep.unsigned_abs().min(1 << 30) as u32).over(Fixed::integer(100));
        // The sign is turned here, since the sigmoid below divides by one plus the exponential.
        let steepness = if self.steep < 0 { steepness } else { Fixed::ZERO.minus(steepness) };
        let half = Fixed::ONE.over(Fixed::integer(2));
        // The chain's series for the exponential is used within twenty only; beyond it the sigmoid is flat.
        let limit = Fixed::integer(20);
        let power = steepness.times(distance.minus(half)).clamp(Fixed::ZERO.minus(limit), limit);
        let sigmoid = Fixed::ONE.over(Fixed::ONE.plus(power.exp()));
        low.plus(sigmoid.times(high.minus(low))).clamp(low, high)
    }
}

/// The largest weight of each column that at least `kappa` of the active stake gives or exceeds.
fn consensus(active: &[Fixed], weights: &[Row], n: usize, kappa: Fixed) -> Vec<Fixed> {
    let mut stake = active.to_vec();
    normalize(&mut stake);
    let mut columns: Vec<Vec<(Fixed, Fixed)>> = vec![Vec::new(); n];
    for (row, stake) in weights.iter().zip(&stake) {
        if *stake > Fixed::ZERO {
            for (uid, weight) in row {
                columns[*uid].push((*weight, *stake));
            }
        }
    }
    let agreed = |mut column: Vec<(Fixed, Fixed)>| {
        column.sort_by_key(|(weight, _)| std::cmp::Reverse(*weight));
        let mut giving = Fixed::ZERO;
        for (weight, stake) in column {
            giving = giving.plus(stake);
            if giving >= kappa {
                return weight;
            }
        }
        Fixed::ZERO
    };
    columns.into_iter().map(agreed).collect()
}

/// Clips weights to consensus.
fn clip(row: &Row, consensus: &[Fixed]) -> Row {
    let cut = row.iter().map(|(uid, value)| (*uid, (*value).min(consensus[*uid])));
    cut.filter(|(_, value)| *value > Fixed::ZERO).collect()
}

/// From the weights as set, at a penalty of 0, to the clipped ones, at 1.
fn blend(weights: &[Row], clipped: &[Row], penalty: Fixed, n: usize) -> Vec<Row> {
    // At the two ends the chain takes the rows as they are, without a product that would be truncated.
    if penalty == Fixed::ZERO {
        return weights.to_vec();
    }
    if penalty == Fixed::ONE {
        return clipped.to_vec();
    }
    let between = |(row, clipped): (&Row, &Row)| {
        let clipped = dense(clipped, n);
        let blended = row.iter().map(|(uid, value)| (*uid, value.plus(penalty.times(clipped[*uid].minus(*value)))));
        blended.filter(|(_, value)| *value > Fixed::ZERO).collect()
    };
    weights.iter().zip(clipped).map(between).collect()
}

/// `alpha * new + (1 - alpha) * old`, wherever either is.
fn average(new: &[Row], old: &[Row], alpha: Fixed, n: usize) -> Vec<Row> {
    let rest = Fixed::ONE.minus(alpha);
    let mixed = |(new, old): (&Row, &Row)| {
        let mut row = vec![Fixed::ZERO; n];
        for (uid, value) in new {
            row[*uid] = row[*uid].plus(alpha.times(*value));
        }
        for (uid, value) in old {
            row[*uid] = row[*uid].plus(rest.times(*value));
        }
        row.into_iter().enumerate().filter(|(_, value)| *value > Fixed::ZERO).collect()
    };
    new.iter().zip(old).map(mixed).collect()
}

/// Dividends of each row's bonds before they are normalized.
fn earned(bonds: &[Row], incentive: &[Fixed]) -> Vec<Fixed> {
    bonds.iter().map(|row| Fixed::sum(row.iter().map(|(uid, bond)| bond.times(incentive[*uid])))).collect()
}

fn normalize(values: &mut [Fixed]) {
    let sum = Fixed::sum(values.iter().copied());
    if sum != Fixed::ZERO {
        for value in values {
            *value = value.over(sum);
        }
    }
}

fn normalize_columns(rows: &mut [Row], n: usize) {
    let mut sums = vec![Fixed::ZERO; n];
    for (uid, value) in rows.iter().flatten() {
        sums[*uid] = sums[*uid].plus(*value);
    }
    for (uid, value) in rows.iter_mut().flatten() {
        if sums[*uid] != Fixed::ZERO {
            *value = value.over(sums[*uid]);
        }
    }
}

fn dense(row: &Row, n: usize) -> Vec<Fixed> {
    let mut values = vec![Fixed::ZERO; n];
    for (uid, value) in row {
        values[*uid] = *value;
    }
    values
}
