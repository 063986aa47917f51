//! SplitMix64's output function: pseudo-random bits as a pure function of a counter (Steele, Lea and Flood 2014).

/// The increment of SplitMix64's counter, 2^64 divided by the golden ratio.
pub(crate) const INCREMENT: u64 = 0x9E37_79B9_7F4A_7C15;

/// SplitMix64's output for a counter: the mixed successor.
pub(crate) fn splitmix(counter: u64) -> u64 {
    mix(counter.wrapping_add(INCREMENT))
}

/// A bijection on 64 bits that scatters adjacent inputs (Stafford's constants).
pub(crate) fn mix(mut bits: u64) -> u64 {
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    bits ^ (bits >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn outputs_are_those_of_the_published_generator() {
        // The stream of seed 1234567, as the reference implementation in C prints it.
        let stream = [
            6_457_827_717_110_365_317,
            3_203_168_211_198_807_973,
            9_817_491_932_198_370_423,
            4_593_380_528_125_082_431,
            16_408_922_859_458_223_821,
        ];
        for (index, expected) in stream.into_iter().enumerate() {
            let counter = INCREMENT.wrapping_mul(index as u64).wrapping_add(1_234_567);
            assert_eq!(splitmix(counter), expected, "output {index}");
        }
        assert_eq!(mix(0), 0);
    }

    #[test]
    fn one_bit_of_the_counter_changes_half_of_the_output() {
        for counter in 0..64 {
            for bit in 0..64 {
                let changed = (splitmix(counter) ^ splitmix(counter ^ (1 << bit))).count_ones();
                assert!((10..=54).contains(&changed), "bit {bit} of {counter} changes {changed} bits");
            }
        }
    }
}
