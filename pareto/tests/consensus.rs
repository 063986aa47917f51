//! One epoch against a plain reading of Yuma Consensus in floating point, and by hand where that is short.

use pareto::consensus::{Epoch, EpochResult, SparseRow, outlook, run_epoch};
use pareto::lab::Random;

/// Validators with such stakes and rows of weights, and as many miners as the rows name.
fn epoch(n: usize, stake: &[u64], weights: &[SparseRow]) -> Epoch {
    let padded = |list: &[u64]| {
        let mut list = list.to_vec();
        list.resize(n, 0);
        list
    };
    let mut rows = weights.to_vec();
    rows.resize(n, Vec::new());
    Epoch {
        n,
        block: 1_000,
        cutoff: 5_000,
        kappa: 32_767,
        bma: 900_000,
        bonds_penalty: 65_535,
        yuma3: true,
        liquid: false,
        alpha: (45_875, 58_982),
        steep: 1_000,
        last_tempo: 640,
        stake: padded(stake),
        permit: (0..n).map(|uid| uid < stake.len()).collect(),
        last_update: vec![900; n],
        reg: vec![10; n],
        weights: rows,
        bonds: vec![Vec::new(); n],
        owner: None,
    }
}

fn normalized(values: &[f64]) -> Vec<f64> {
    let sum: f64 = values.iter().sum();
    values.iter().map(|value| if sum > 0.0 { value / sum } else { 0.0 }).collect()
}

/// Consensus, incentive and trust without rounding: every list has one value per uid, shares of one.
fn plain(epoch: &Epoch) -> [Vec<f64>; 3] {
    let n = epoch.n;
    let active: Vec<f64> = (0..n)
        .map(|uid| {
            let counts = epoch.permit[uid] && epoch.last_update[uid] + epoch.cutoff >= epoch.block;
            if counts { epoch.stake[uid] as f64 } else { 0.0 }
        })
        .collect();
    let active = normalized(&active);
    let weights: Vec<Vec<f64>> = (0..n)
        .map(|row| {
            let mut dense = vec![0.0; n];
            for (uid, value) in &epoch.weights[row] {
                let uid = usize::from(*uid);
                let own = uid == row && epoch.owner.map(usize::from) != Some(row);
                if epoch.permit[row] && !own && epoch.last_update[row] > epoch.reg[uid] {
                    dense[uid] += f64::from(*value);
                }
            }
            normalized(&dense)
        })
        .collect();
    let kappa = f64::from(epoch.kappa) / 65_535.0;
    let consensus: Vec<f64> = (0..n)
        .map(|uid| {
            let agreed =
                |level: f64| (0..n).filter(|row| weights[*row][uid] >= level).map(|row| active[row]).sum::<f64>();
            let levels = weights.iter().map(|row| row[uid]);
            levels.filter(|level| *level > 0.0 && agreed(*level) >= kappa - 1e-9).fold(0.0, f64::max)
        })
        .collect();
    let clipped = |row: usize, uid: usize| weights[row][uid].min(consensus[uid]);
    let incentive: Vec<f64> = (0..n).map(|uid| (0..n).map(|row| active[row] * clipped(row, uid)).sum()).collect();
    let trust: Vec<f64> = (0..n).map(|row| (0..n).map(|uid| clipped(row, uid)).sum()).collect();
    [consensus, normalized(&incentive), trust]
}

fn close(found: &[u16], expected: &[f64], what: &str) {
    for (uid, (found, expected)) in found.iter().zip(expected).enumerate() {
        let off = (f64::from(*found) / 65_535.0 - expected).abs();
        assert!(off < 3.0 / 65_535.0, "{what} of uid {uid}: {found}, not {}", expected * 65_535.0);
    }
}

#[test]
fn consensus_and_incentive_are_those_of_a_plain_reading() {
    let mut random = Random::new(31, &[]);
    for trial in 0..120 {
        let (validators, n) = (1 + trial % 5, 6 + trial % 7);
        let mut below = |most: f64| (random.uniform() * most) as u64;
        let stake: Vec<u64> = (0..validators).map(|_| 1 + below(1e6)).collect();
        let rows: Vec<SparseRow> = (0..validators)
            .map(|_| {
                (0..n as u16)
                    .filter_map(|uid| Some((uid, below(65_536.0) as u16)).filter(|(_, value)| value % 3 > 0))
                    .collect()
            })
            .collect();
        let mut epoch = epoch(n, &stake, &rows);
        epoch.kappa = [32_767, 39_321, 13_107][trial % 3];
        epoch.yuma3 = trial % 2 == 0;
        epoch.owner = (trial % 4 == 0).then_some(0);
        // Some uids are newer than the weights, and some validators are asleep.
        epoch.reg[n - 1] = if trial % 5 == 0 { 950 } else { 10 };
        epoch.cutoff = if trial % 6 == 0 { 50 } else { 5_000 };
        epoch.last_update[validators - 1] = if trial % 6 == 0 { 990 } else { 900 };
        let found = run_epoch(&epoch).expect("a valid epoch");
        let [consensus, incentive, trust] = plain(&epoch);
        close(&found.consensus, &consensus, &format!("consensus in trial {trial}"));
        close(&found.incentive, &incentive, &format!("incentive in trial {trial}"));
        close(&found.validator_trust, &trust, &format!("trust in trial {trial}"));
    }
}

#[track_caller]
fn check(epoch: &Epoch, consensus: &[u16], incentive: &[u16], dividends: &[u16]) -> EpochResult {
    let found = run_epoch(epoch).expect("a valid epoch");
    let near = |one: &[u16], other: &[u16]| one.iter().zip(other).all(|(one, other)| one.abs_diff(*other) <= 1);
    assert!(near(&found.consensus, consensus), "consensus {:?}, not {consensus:?}", found.consensus);
    assert!(near(&found.incentive, incentive), "incentive {:?}, not {incentive:?}", found.incentive);
    assert!(near(&found.dividends, dividends), "dividends {:?}, not {dividends:?}", found.dividends);
    found
}

#[test]
fn short_epochs_come_out_as_computed_by_hand() {
    let all = u16::MAX;
    let (half, third) = (all / 2, all / 3);
    // One validator is the consensus.
    check(&epoch(2, &[100], &[vec![(1, 7)]]), &[0, all], &[0, all], &[all, 0]);
    check(&epoch(3, &[100], &[vec![(1, 1), (2, 1)]]), &[0, half, half], &[0, half, half], &[all, 0, 0]);
    check(&epoch(3, &[100], &[vec![(1, 1), (2, 2)]]), &[0, third, 2 * third], &[0, third, 2 * third], &[all, 0, 0]);
    // Two of equal stake that agree share what validators earn.
    let both = vec![vec![(2, 1)], vec![(2, 9)]];
    check(&epoch(3, &[50, 50], &both), &[0, 0, all], &[0, 0, all], &[half, half, 0]);
    // A minority's favorite gets nothing, and its dividends are gone.
    let apart = vec![vec![(2, 1)], vec![(3, 1)]];
    let found = check(&epoch(4, &[60, 40], &apart), &[0, 0, all, 0], &[0, 0, all, 0], &[all, 0, 0, 0]);
    assert_eq!(found.validator_trust, [all, 0, 0, 0]);
    // Nobody may weigh itself but the owner.
    let own = epoch(2, &[100], &[vec![(0, 1)]]);
    check(&own, &[0, 0], &[0, 0], &[0, 0]);
    check(&Epoch { owner: Some(0), ..own }, &[all, 0], &[all, 0], &[all, 0]);
    // No permit, no say; no weights, no emission.
    let barred = Epoch { permit: vec![false; 2], ..epoch(2, &[100], &[vec![(1, 1)]]) };
    check(&barred, &[0, 0], &[0, 0], &[0, 0]);
    check(&epoch(2, &[100], &[]), &[0, 0], &[0, 0], &[0, 0]);
    check(&epoch(0, &[], &[]), &[], &[], &[]);
}

#[test]
fn a_validator_that_fell_silent_stops_counting_at_the_cutoff() {
    let rows = vec![vec![(2, 1)], vec![(3, 1)]];
    let mut epoch = epoch(4, &[60, 40], &rows);
    let all = u16::MAX;
    epoch.cutoff = 100;
    check(&epoch, &[0, 0, all, 0], &[0, 0, all, 0], &[all, 0, 0, 0]);
    // One block later than the cutoff allows, and the other is all there is.
    epoch.last_update[0] = 899;
    check(&epoch, &[0, 0, 0, all], &[0, 0, 0, all], &[0, all, 0, 0]);
}

#[test]
fn weights_on_a_uid_registered_since_do_not_count() {
    let mut epoch = epoch(3, &[100], &[vec![(1, 1), (2, 1)]]);
    let all = u16::MAX;
    epoch.reg[2] = 900;
    check(&epoch, &[0, all, 0], &[0, all, 0], &[all, 0, 0]);
    epoch.reg[2] = 899;
    check(&epoch, &[0, all / 2, all / 2], &[0, all / 2, all / 2], &[all, 0, 0]);
}

#[test]
fn scaling_all_stakes_or_a_row_changes_nothing() {
    let rows: Vec<SparseRow> = vec![vec![(3, 10), (4, 30)], vec![(3, 20), (4, 20)], vec![(4, 5), (5, 15)]];
    let scaled_rows: Vec<SparseRow> =
        rows.iter().map(|row| row.iter().map(|(uid, value)| (*uid, value * 100)).collect()).collect();
    for yuma3 in [false, true] {
        let base = Epoch { yuma3, ..epoch(6, &[500, 300, 200], &rows) };
        let stakes = Epoch { yuma3, ..epoch(6, &[5_000, 3_000, 2_000], &rows) };
        let weights = Epoch { yuma3, ..epoch(6, &[500, 300, 200], &scaled_rows) };
        let expected = run_epoch(&base).expect("valid");
        assert_eq!(run_epoch(&stakes).expect("valid"), expected);
        assert_eq!(run_epoch(&weights).expect("valid"), expected);
    }
}

#[test]
fn an_epoch_that_is_none_is_refused_with_the_list_at_fault() {
    let known = || epoch(3, &[60, 40], &[vec![(2, 1)], vec![(2, 1)]]);
    let refused = |epoch: Epoch, part: &str| {
        let error = run_epoch(&epoch).expect_err("not an epoch").to_string();
        assert!(error.contains(part), "{error}, not {part}");
    };
    let mut long = known();
    long.stake.push(1);
    refused(long, "has 4 entries for 3 uids");
    let mut short = known();
    short.permit.pop();
    refused(short, "has 2 entries for 3 uids");
    let mut missing = known();
    missing.weights.pop();
    refused(missing, "has 2 entries for 3 uids");
    let mut strange = known();
    strange.weights[1] = vec![(3, 1)];
    refused(strange, "of uid 1 name uid 3; uids end at 3");
    let mut bond = known();
    bond.bonds[0] = vec![(9, 1)];
    refused(bond, "of uid 0 name uid 9");
    let mut twice = known();
    twice.weights[1] = vec![(2, 1), (0, 1), (2, 5)];
    refused(twice, "weights of uid 1 name uid 2 twice");
    let mut bonds_twice = known();
    bonds_twice.bonds[0] = vec![(2, 1), (2, 1)];
    refused(bonds_twice, "bonds of uid 0 name uid 2 twice");
}

#[test]
fn stakes_at_the_ends_of_their_range_overflow_nothing() {
    let rows = vec![vec![(2, 1), (3, u16::MAX)], vec![(2, u16::MAX), (3, 1)]];
    for yuma3 in [false, true] {
        for liquid in [false, true] {
            for stake in [[u64::MAX, u64::MAX], [u64::MAX, 1], [1, 0], [0, 0]] {
                let epoch = Epoch { yuma3, liquid, steep: i64::MIN, ..epoch(4, &stake, &rows) };
                let found = run_epoch(&epoch).expect("valid");
                let total: u32 = found.incentive.iter().map(|share| u32::from(*share)).sum();
                assert!(total <= 65_536, "{stake:?}: {:?}", found.incentive);
                let paid = stake.iter().any(|stake| *stake > 0);
                assert_eq!(total > 65_000, paid, "{stake:?}: {:?}", found.incentive);
            }
        }
    }
}

#[test]
fn bonds_grow_toward_agreement_epoch_by_epoch() {
    let rows = vec![vec![(2, 1)], vec![(2, 1)]];
    let start = epoch(3, &[70, 30], &rows);
    let seen = outlook(&start, 12, 360, |_, _| ()).expect("valid");
    assert_eq!(seen.epochs.len(), 12);
    for (number, pair) in seen.epochs.windows(2).enumerate() {
        assert_eq!(pair[1].block, pair[0].block + 360);
        assert!(pair[1].bond_sums[0] > pair[0].bond_sums[0], "epoch {number}");
    }
    // A tenth of the way each time: 1 - 0.9^k of the whole.
    for (number, epoch) in (1..).zip(&seen.epochs) {
        let expected = 65_535.0 * (1.0 - 0.9_f64.powi(number));
        assert!(
            (epoch.bond_sums[0] as f64 - expected).abs() < 3.0 * f64::from(number),
            "{number}: {:?}",
            epoch.bond_sums
        );
        assert_eq!(epoch.result.incentive, [0, 0, 65_535]);
    }
}

#[test]
fn a_change_of_weights_takes_effect_in_its_epoch() {
    let start = epoch(4, &[100], &[vec![(2, 1)]]);
    let seen = outlook(&start, 4, 360, |number, rows| {
        if number == 2 {
            rows[0] = vec![(3, 1)];
        }
    });
    let incentives: Vec<Vec<u16>> =
        seen.expect("valid").epochs.into_iter().map(|epoch| epoch.result.incentive).collect();
    let all = u16::MAX;
    assert_eq!(incentives, [[0, 0, all, 0], [0, 0, all, 0], [0, 0, 0, all], [0, 0, 0, all]]);
    assert!(outlook(&start, 2, 360, |_, rows| rows[0] = vec![(9, 1)]).is_err());
    assert!(outlook(&start, 0, 360, |_, _| ()).expect("nothing to do").epochs.is_empty());
}

/// Dividends and bonds of Yuma 3 without liquid alpha, in floating point: bonds average toward the clipped weights, and
/// every column's incentive is shared by its bonds and weighted by stake.
fn plain_dividends(epoch: &Epoch) -> (Vec<f64>, Vec<Vec<f64>>) {
    let n = epoch.n;
    let [consensus, incentive, _] = plain(epoch);
    let total: f64 = epoch.stake.iter().map(|stake| *stake as f64).sum();
    let rate = 1.0 - epoch.bma as f64 / 1e6;
    let mut bonds = vec![vec![0.0; n]; n];
    for (row, bonds) in bonds.iter_mut().enumerate() {
        let sum: f64 = epoch.weights[row].iter().map(|(_, value)| f64::from(*value)).sum();
        for (uid, value) in &epoch.weights[row] {
            let uid = usize::from(*uid);
            bonds[uid] += rate * (f64::from(*value) / sum).min(consensus[uid]);
        }
        for (uid, bond) in &epoch.bonds[row] {
            bonds[usize::from(*uid)] += (1.0 - rate) * f64::from(*bond) / 65_535.0;
        }
    }
    let column = |uid: usize| bonds.iter().map(|row| row[uid]).sum::<f64>();
    let columns: Vec<f64> = (0..n).map(column).collect();
    let earned = |row: usize| {
        let share = |uid: usize| if columns[uid] > 0.0 { bonds[row][uid] / columns[uid] } else { 0.0 };
        (0..n).map(|uid| share(uid) * incentive[uid]).sum::<f64>() * epoch.stake[row] as f64 / total
    };
    let dividends = normalized(&(0..n).map(earned).collect::<Vec<_>>());
    (dividends, bonds)
}

#[test]
fn dividends_and_bonds_are_those_of_a_plain_reading() {
    let mut random = Random::new(37, &[]);
    for trial in 0..80 {
        let (validators, n) = (1 + trial % 4, 5 + trial % 4);
        let mut below = |most: f64| (random.uniform() * most) as u64;
        let stake: Vec<u64> = (0..validators).map(|_| 1_000 + below(1e6)).collect();
        let mut row = |least: u64| -> SparseRow {
            (validators as u16..n as u16).map(|uid| (uid, (least + below(60_000.0)) as u16)).collect()
        };
        let weights: Vec<SparseRow> = (0..validators).map(|_| row(1)).collect();
        let mut epoch = epoch(n, &stake, &weights);
        for place in 0..validators {
            epoch.bonds[place] = if trial % 3 == 0 { Vec::new() } else { row(0) };
        }
        epoch.bma = [900_000, 500_000, 0][trial % 3];
        let found = run_epoch(&epoch).expect("a valid epoch");
        let (dividends, bonds) = plain_dividends(&epoch);
        close(&found.dividends, &dividends, &format!("dividends in trial {trial}"));
        for (row, expected) in found.bonds.iter().zip(bonds) {
            let mut dense = vec![0; n];
            row.iter().for_each(|(uid, bond)| dense[usize::from(*uid)] = *bond);
            close(&dense, &expected, &format!("bonds in trial {trial}"));
        }
    }
}

#[test]
fn liquid_bonds_move_between_the_slowest_and_the_fastest_rate() {
    let rows = vec![vec![(2, 3), (3, 1)], vec![(2, 1), (3, 3)]];
    let at = |alpha: (u16, u16)| {
        let epoch = Epoch { liquid: true, alpha, ..epoch(4, &[50, 50], &rows) };
        run_epoch(&epoch).expect("valid").bonds
    };
    let sum = |bonds: &[SparseRow]| bonds.iter().flatten().map(|(_, bond)| u64::from(*bond)).sum::<u64>();
    let (slow, between, fast) = (at((6_554, 6_554)), at((6_554, 58_982)), at((58_982, 58_982)));
    assert!(sum(&slow) < sum(&between) && sum(&between) < sum(&fast), "{slow:?} {between:?} {fast:?}");
    // With one rate only it is the plain average: a tenth of the clipped weights.
    let plain = run_epoch(&epoch(4, &[50, 50], &rows)).expect("valid").bonds;
    for (one, other) in slow.iter().flatten().zip(plain.iter().flatten()) {
        assert!(one.0 == other.0 && one.1.abs_diff(other.1) <= 2, "{slow:?} {plain:?}");
    }
}

#[test]
fn a_penalty_of_nothing_bonds_weights_as_they_were_set() {
    let rows = vec![vec![(2, 3), (3, 1)], vec![(2, 1), (3, 1)]];
    let bonds = |bonds_penalty| {
        let epoch = Epoch { bonds_penalty, ..epoch(4, &[30, 70], &rows) };
        run_epoch(&epoch).expect("valid").bonds
    };
    let bond = |bonds: &[SparseRow], row: usize, uid: u16| {
        bonds[row].iter().find(|(other, _)| *other == uid).map_or(0, |(_, bond)| *bond)
    };
    let (whole, half, none) = (bonds(65_535), bonds(32_768), bonds(0));
    // The minority gives three quarters where consensus is a half: a tenth of the one, of the other, or between.
    assert!(bond(&none, 0, 2).abs_diff(4_915) <= 2 && bond(&whole, 0, 2).abs_diff(3_276) <= 2, "{none:?} {whole:?}");
    assert!(bond(&half, 0, 2).abs_diff(4_096) <= 2, "{half:?}");
    // Within consensus there is nothing to cut.
    assert_eq!((bond(&none, 1, 2), bond(&half, 1, 2)), (bond(&whole, 1, 2), bond(&whole, 1, 2)));
}
