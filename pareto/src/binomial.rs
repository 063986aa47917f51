//! Binomial counts: their distribution, and confidence limits of simulated rates.

/// The exact (Clopper-Pearson) upper confidence limit of a rate of which `count` of `trials` were seen.
pub(crate) fn upper_limit(count: usize, trials: usize, confidence: f64) -> f64 {
    if count >= trials {
        return 1.0;
    }
    let (mut low, mut high) = (count as f64 / trials as f64, 1.0);
    // Sixty halvings leave no bit of a double open.
    for _ in 0..60 {
        let middle = 0.5 * (low + high);
        if at_most(count, trials, middle) > 1.0 - confidence { low = middle } else { high = middle }
    }
    high
}

/// Probability that a binomial count is at most `count`, at a rate within (0, 1).
pub(crate) fn at_most(count: usize, trials: usize, rate: f64) -> f64 {
    let (trials_f, odds) = (trials as f64, libm::log(rate) - libm::log1p(-rate));
    // By logarithms, since binomial coefficients of thousands of trials overflow.
    let choose = |k: f64| libm::lgamma(trials_f + 1.0) - libm::lgamma(k + 1.0) - libm::lgamma(trials_f - k + 1.0);
    let none = trials_f * libm::log1p(-rate);
    // From the largest term down; terms far below it add nothing.
    let mut sum = 0.0;
    for k in (0..=count).rev() {
        let term = libm::exp(choose(k as f64) + k as f64 * odds + none);
        sum += term;
        if term < sum * 1e-17 {
            break;
        }
    }
    sum.min(1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_are_those_of_the_tables() {
        for (count, trials, expected) in
            [(0, 10_000, 0.000_299_5), (1, 100, 0.046_56), (5, 50, 0.198_8), (100, 10_000, 0.011_81)]
        {
            let limit = upper_limit(count, trials, 0.95);
            assert!((limit / expected - 1.0).abs() < 0.003, "{count} of {trials}: {limit}");
        }
        assert_eq!(upper_limit(3, 3, 0.95), 1.0);
    }

    /// The limit is where so few would be seen with a probability of 5%, summed term by term.
    #[test]
    fn at_the_limit_so_few_are_as_unlikely_as_the_confidence_says() {
        for (count, trials) in [(0, 1), (0, 20), (1, 20), (7, 20), (19, 20), (3, 60)] {
            let rate = upper_limit(count, trials, 0.95);
            let mut choose = 1.0;
            let mut sum = 0.0;
            for k in 0..=count {
                sum += choose * rate.powi(k as i32) * (1.0 - rate).powi((trials - k) as i32);
                choose *= (trials - k) as f64 / (k + 1) as f64;
            }
            assert!((sum - 0.05).abs() < 1e-6, "{count} of {trials}: {rate} {sum}");
        }
        assert_eq!((upper_limit(0, 0, 0.95), upper_limit(5, 4, 0.95)), (1.0, 1.0));
    }

    #[test]
    fn limits_rise_with_the_count_and_the_confidence_and_fall_with_the_trials() {
        for trials in [1, 5, 40, 1_000] {
            // Where none was seen the limit has a closed form.
            let none = 1.0 - libm::pow(0.05, 1.0 / trials as f64);
            assert!((upper_limit(0, trials, 0.95) - none).abs() < 1e-9, "{trials}");
            let limits: Vec<f64> = (0..=trials.min(40)).map(|count| upper_limit(count, trials, 0.95)).collect();
            assert!(
                limits.is_sorted() && limits.iter().all(|limit| (0.0..=1.0).contains(limit)),
                "{trials}: {limits:?}"
            );
            for count in 0..trials.min(40) {
                let limit = upper_limit(count, trials, 0.95);
                assert!(limit > count as f64 / trials as f64, "{count} of {trials}: {limit}");
                assert!(upper_limit(count, trials, 0.5) < limit && limit < upper_limit(count, trials, 0.999));
                assert!(upper_limit(count, 2 * trials, 0.95) < limit, "{count} of {trials}");
            }
        }
    }

    /// Over all counts that a rate can give, the limit falls below the rate in at most 5%.
    #[test]
    fn limits_cover_every_rate_by_enumeration() {
        let trials = 30;
        let limits: Vec<f64> = (0..=trials).map(|count| upper_limit(count, trials, 0.95)).collect();
        for percent in 1..100 {
            let rate = f64::from(percent) / 100.0;
            let (mut choose, mut missed) = (1.0, 0.0);
            for (count, limit) in limits.iter().enumerate() {
                if *limit < rate {
                    missed += choose * rate.powi(count as i32) * (1.0 - rate).powi((trials - count) as i32);
                }
                choose *= (trials - count) as f64 / (count + 1) as f64;
            }
            assert!(missed <= 0.05 + 1e-9, "{rate}: {missed}");
        }
    }
}
