//! The epoch schedule against blocks that the official encoder computed, and drand's rounds.

use super::*;

fn parameters(tempo: u16, epoch: EpochState) -> SubnetParameters {
    SubnetParameters {
        tempo,
        weights_rate_limit: 100,
        min_allowed_weights: 1,
        max_weights_limit: u16::MAX,
        weights_version: 0,
        commit_reveal: None,
        epoch,
        stake_threshold: None,
        owner_hotkey: None,
        mechanisms: None,
        drand_round: None,
    }
}

/// A row of the official encoder's.
type Row = (u16, u64, u64, u64, u64, u64, u64, u64);

/// Tempo, last epoch's block, block of a pending epoch, index, blocks since the last step, head, period, block of the reveal:
/// computed by the function `get_encrypted_commit_v2` of bittensor-core 0.1.5.
const OFFICIAL: [Row; 28] = [
    (99, 9_943_862, 9_943_864, 67, 50_401, 9_943_864, 10, 9_944_855),
    (1, 7_873_412, 7_873_462, 196, 0, 7_873_412, 1, 7_873_414),
    (50_400, 9_026_632, 9_077_036, 237, 50_403, 9_077_035, 1, 9_127_436),
    (10, 8_778_514, 0, 163, 10, 8_778_524, 1, 8_778_535),
    (1, 5_055_432, 5_055_427, 609, 0, 5_055_432, 3, 5_055_436),
    (1000, 7_162_778, 7_163_780, 899, 1000, 7_163_778, 1, 7_164_779),
    (360, 1_636_012, 0, 222, 0, 1_636_012, 3, 1_637_092),
    (360, 7_318_401, 7_318_582, 359, 50_401, 7_318_581, 10, 7_322_182),
    (1000, 9_803_113, 9_803_118, 876, 5, 9_803_118, 1, 9_804_119),
    (360, 2_736_998, 2_737_407, 582, 359, 2_737_357, 10, 2_740_958),
    (2, 3_543_088, 3_543_084, 64, 1, 3_543_089, 1, 3_543_092),
    (50_400, 8_112_929, 8_112_930, 420, 1, 8_112_930, 1, 8_163_331),
    (10, 338_642, 338_648, 893, 5, 338_647, 3, 338_678),
    (2, 742_386, 742_387, 338, 0, 742_386, 10, 742_407),
    (360, 8_480_541, 0, 78, 50_400, 8_480_546, 1, 8_480_548),
    (2, 8_986_510, 0, 298, 0, 8_986_510, 3, 8_986_516),
    (360, 2_621_584, 2_621_584, 368, 0, 2_621_584, 2, 2_622_305),
    (10, 6_339_241, 6_339_253, 395, 10, 6_339_251, 10, 6_339_352),
    (2, 8_507_497, 8_507_499, 958, 1, 8_507_498, 1, 8_507_501),
    (360, 7_339_941, 7_340_171, 561, 180, 7_340_121, 2, 7_340_531),
    (360, 192_864, 193_224, 385, 360, 193_224, 1, 193_585),
    (10, 1_008_974, 1_008_985, 623, 50_400, 1_008_983, 2, 1_009_004),
    (360, 8_213_495, 0, 986, 0, 8_213_495, 1, 8_213_855),
    (360, 4_213_769, 4_214_127, 615, 363, 4_214_132, 10, 4_217_733),
    (360, 2_977_271, 0, 776, 359, 2_977_630, 2, 2_978_351),
    (360, 9_993_690, 9_993_865, 107, 180, 9_993_870, 3, 9_994_951),
    (1, 9_551_562, 9_551_559, 227, 2, 9_551_564, 10, 9_551_575),
    (360, 4_005_281, 0, 665, 359, 4_005_640, 3, 4_006_721),
];

#[test]
fn the_block_of_the_reveal_is_the_official_encoders() {
    for (tempo, last, pending, index, since, head, period, expected) in OFFICIAL {
        let epoch = EpochState {
            last_block: Some(last),
            pending_at: Some(pending),
            index: Some(index),
            blocks_since_step: Some(since),
        };
        let found = reveal_block(120, &parameters(tempo, epoch), head, period);
        assert_eq!(found, Some(expected), "tempo {tempo}, head {head}, period {period}");
    }
}

#[test]
fn a_runtime_without_a_schedules_state_has_epochs_of_one_block_more_than_the_tempo() {
    // Epochs run where (block + netuid + 1) % (tempo + 1) is 0.
    let is_epoch = |block: u64| (block + 7 + 1).is_multiple_of(100 + 1);
    for head in 10_000..10_300 {
        let committed = head + 1;
        let mut epochs = (committed + 1..).filter(|block| is_epoch(*block));
        let expected = [epochs.next(), epochs.next()];
        let parameters = parameters(100, EpochState::default());
        assert_eq!([1, 2].map(|period| reveal_block(7, &parameters, head, period)), expected, "{head}");
    }
}

#[test]
fn a_subnet_without_epochs_reveals_nothing() {
    assert_eq!(reveal_block(1, &parameters(0, EpochState::default()), 1000, 1), None);
    assert_eq!(reveal_block(1, &parameters(360, EpochState::default()), 1000, 0), None);
}

#[test]
fn a_round_is_drands_at_its_time() {
    // Round 1000 of quicknet was published 999 periods after its first.
    assert_eq!(round_time(1000), 1_692_803_367 + 2997);
    for round in [1, 2, 1000, 30_000_000] {
        let time = round_time(round) * 1000;
        assert_eq!(
            [time - 1, time, time + 2999, time + 3000].map(first_round_after),
            [round, round + 1, round + 1, round + 2]
        );
    }
    assert_eq!(first_round_after(0), 1);
    assert_eq!(reveal_round(round_time(1000) * 1000, 7, 12_000), 1000 - 1 + 40);
    assert_eq!(reveal_round(0, 0, 12_000), 0);
}
