//! Forecasts of the epochs to come, if every validator keeps setting its weights of now.

use serde::{Deserialize, Serialize};

use crate::consensus::epoch::{Epoch, EpochError, EpochResult, run_epoch};

/// One epoch of an outlook; every list has one entry per uid, shares are of 65535.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct OutlookEpoch {
    /// Block of the epoch.
    pub block: u64,
    /// State that the chain stores.
    pub result: EpochResult,
    /// Sum of each uid's stored bonds.
    pub bond_sums: Vec<u64>,
}

/// Epoch after epoch under the same weights.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outlook {
    /// The epochs, the one given first.
    pub epochs: Vec<OutlookEpoch>,
}

/// Runs `epochs` epochs from `start`, each `tempo` blocks after the one before; bonds carry over and all validators set
/// their weights anew each time. `change(k, rows)` may rewrite the weights before the k-th epoch, counted from 0.
///
/// # Errors
/// If the epoch, as given or as changed, is not one of the chain's.
pub fn outlook(
    start: &Epoch,
    epochs: usize,
    tempo: u64,
    mut change: impl FnMut(usize, &mut Vec<Vec<(u16, u16)>>),
) -> Result<Outlook, EpochError> {
    let mut epoch = start.clone();
    let mut seen = Vec::with_capacity(epochs);
    for number in 0..epochs {
        change(number, &mut epoch.weights);
        let result = run_epoch(&epoch)?;
        let sum = |row: &Vec<(u16, u16)>| row.iter().map(|(_, bond)| u64::from(*bond)).sum();
        let bond_sums = result.bonds.iter().map(sum).collect();
        epoch.bonds.clone_from(&result.bonds);
        seen.push(OutlookEpoch { block: epoch.block, result, bond_sums });
        epoch.last_tempo = epoch.block;
        epoch.block = epoch.block.saturating_add(tempo);
        for (update, weights) in epoch.last_update.iter_mut().zip(&epoch.weights) {
            // A validator without weights sets none, and falls behind the cutoff as it would on the chain.
            if !weights.is_empty() {
                *update = epoch.block.saturating_sub(1);
            }
        }
    }
    Ok(Outlook { epochs: seen })
}
