//! Numbers in words: shares as percentages, and counts with their noun.

/// A share as a short percentage. Near 0% and 100% it has a decimal more, so that what only comes close is not rounded
/// to them.
pub(crate) fn percent(share: f64) -> String {
    // Sums of floating-point numbers miss 0 and 1 by less than this.
    let value = (1e9 * share).round() / 1e7;
    let close = (value > 0.0 && value < 10.0) || (value > 90.0 && value < 100.0);
    if close { format!("{value:.1}%") } else { format!("{value:.0}%") }
}

/// A share as a percentage with two decimals.
pub(crate) fn percent_exact(share: f64) -> String {
    format!("{:.2}%", 100.0 * share)
}

/// A share as a percentage with up to two decimals, as many as it needs.
pub(crate) fn percent_trimmed(share: f64) -> String {
    let percent = format!("{:.2}", 100.0 * share);
    format!("{}%", percent.trim_end_matches('0').trim_end_matches('.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(share: f64, short: &str, exact: &str, trimmed: &str) {
        let found = [percent(share), percent_exact(share), percent_trimmed(share)];
        assert_eq!(found, [short, exact, trimmed], "{share}");
    }

    #[test]
    fn a_share_is_rounded_to_none_or_all_only_where_it_is_that() {
        check(0.0, "0%", "0.00%", "0%");
        check(1.0, "100%", "100.00%", "100%");
        check(0.002, "0.2%", "0.20%", "0.2%");
        check(0.998, "99.8%", "99.80%", "99.8%");
        check(0.5, "50%", "50.00%", "50%");
        check(0.123_45, "12%", "12.35%", "12.35%");
        check(1.0 / 3.0, "33%", "33.33%", "33.33%");
        check(0.9, "90%", "90.00%", "90%");
        check(0.1, "10%", "10.00%", "10%");
        check(1.0 - f64::EPSILON, "100%", "100.00%", "100%");
        check(1e-17, "0%", "0.00%", "0%");
    }
}
