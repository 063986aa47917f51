//! SplitMix64, a small seeded random number generator: simulations need speed and repeatability, not secrecy.

/// A stream of random numbers that is a function of its seed.
#[derive(Clone, Debug)]
pub struct Random(u64);

const STEP: u64 = 0x9e37_79b9_7f4a_7c15;

impl Random {
    /// The stream of a seed and any number of labels.
    pub fn new(seed: u64, labels: &[u64]) -> Self {
        let mut random = Self(seed);
        for label in labels {
            random.0 = random.bits() ^ label.wrapping_mul(0xd6e8_feb8_6659_fd93);
        }
        random
    }

    /// 64 random bits.
    #[inline]
    pub fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(STEP);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number in [0, 1).
    #[inline]
    pub fn uniform(&mut self) -> f64 {
        (self.bits() >> 11) as f64 * (1.0 / (1_u64 << 53) as f64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn streams_repeat_and_labels_tell_them_apart() {
        let first = |labels: &[u64]| Random::new(7, labels).bits();
        assert_eq!(first(&[1, 2]), first(&[1, 2]));
        assert!(first(&[1, 2]) != first(&[2, 1]) && first(&[1]) != first(&[1, 0]) && first(&[]) != first(&[0]));
    }

    #[test]
    fn numbers_are_spread_evenly() {
        let mut random = Random::new(3, &[]);
        let mut bins = [0_usize; 10];
        for _ in 0..100_000 {
            bins[(random.uniform() * 10.0) as usize] += 1;
        }
        assert!(bins.iter().all(|count| (9_600..10_400).contains(count)), "{bins:?}");
    }

    /// The first numbers of the published generator.
    #[test]
    fn the_stream_without_labels_is_splitmix64() {
        let first = |seed: u64| {
            let mut random = Random::new(seed, &[]);
            [random.bits(), random.bits(), random.bits()]
        };
        assert_eq!(first(0), [0xe220_a839_7b1d_cdaf, 0x6e78_9e6a_a1b9_65f4, 0x06c4_5d18_8009_454f]);
        assert_eq!(first(1_234_567)[0], 6_457_827_717_110_365_317);
        assert_eq!(first(1_234_567)[1], 3_203_168_211_198_807_973);
        assert!((0..1_000).all(|seed| (0.0..1.0).contains(&Random::new(seed, &[]).uniform())));
    }
}
