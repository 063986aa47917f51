//! Hours and money of rollouts, at a speed that was measured on this machine or is given.

use std::path::PathBuf;

use clap::Args;
use serde::Serialize;

use crate::cli::eval::{Speed, measure};
use crate::problem::Problem;

/// Tasks in each environment on which a speed is measured.
const TASKS: usize = 16;

/// Arguments by which tasks become hours and money.
#[derive(Debug, Args)]
pub(super) struct CostArguments {
    /// Measure this machine's speed with a model, in any form that `eval` takes, and state hours.
    #[arg(long, value_name = "MODEL", conflicts_with = "rollouts_per_hour")]
    measure: Option<String>,
    /// The settings file (TOML) of the validator whose speed is measured.
    #[arg(long, value_name = "FILE", requires = "measure")]
    config: Option<PathBuf>,
    /// Rollouts an hour, of both models together, and state hours.
    #[arg(long, value_name = "N", value_parser = positive)]
    rollouts_per_hour: Option<f64>,
    /// Price of an hour of the machine, in any currency, and state money.
    #[arg(long, value_name = "PRICE", value_parser = positive)]
    price_per_hour: Option<f64>,
}

fn positive(text: &str) -> Result<f64, String> {
    let value: f64 = text.parse().map_err(|error| format!("{error}"))?;
    if value > 0.0 && value.is_finite() { Ok(value) } else { Err("it must be above 0".to_owned()) }
}

/// A speed and a price.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub(super) struct Cost {
    /// Rollouts an hour.
    pub(super) rollouts_per_hour: f64,
    /// The measurement that it comes from; none where it was given.
    pub(super) measured: Option<Speed>,
    /// Price of an hour.
    pub(super) price_per_hour: Option<f64>,
}

impl CostArguments {
    /// The speed and the price, measured if asked for; none where neither a model nor a speed is given.
    pub(super) fn cost(&self) -> Result<Option<Cost>, Problem> {
        let measured = self.measure.as_ref().map(|model| measure(model, self.config.as_deref(), TASKS)).transpose()?;
        let speed = self.rollouts_per_hour.or(measured.map(Speed::rollouts_per_hour));
        Ok(speed.map(|rollouts_per_hour| Cost { rollouts_per_hour, measured, price_per_hour: self.price_per_hour }))
    }
}

impl Cost {
    /// Hours that so many rollouts take.
    pub(super) fn hours(&self, rollouts: f64) -> f64 {
        rollouts / self.rollouts_per_hour
    }

    /// Hours and money of so many rollouts, for a table.
    pub(super) fn cells(&self, rollouts: f64) -> Vec<String> {
        let hours = self.hours(rollouts);
        let money = self.price_per_hour.map(|price| format!("{:.2}", hours * price));
        std::iter::once(if hours < 10.0 { format!("{hours:.2}") } else { format!("{hours:.0}") }).chain(money).collect()
    }

    /// Headings of [`cells`](Self::cells).
    pub(super) fn header(&self) -> Vec<String> {
        let money = self.price_per_hour.map(|price| format!("price at {price} an hour"));
        std::iter::once("hours".to_owned()).chain(money).collect()
    }

    /// One sentence on where the speed comes from.
    pub(super) fn sentence(&self) -> String {
        match self.measured {
            Some(speed) => format!(
                "Hours are those of this machine, which made {} rollouts in {:.1} s: {:.0} an hour.",
                speed.rollouts, speed.seconds, self.rollouts_per_hour
            ),
            None => format!("Hours are those of a machine that makes {:.0} rollouts an hour.", self.rollouts_per_hour),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rollouts_become_hours_and_hours_money() {
        let check = |rollouts_per_hour, price_per_hour, rollouts, cells: &[&str]| {
            let cost = Cost { rollouts_per_hour, measured: None, price_per_hour };
            assert_eq!(cost.cells(rollouts), cells);
            assert_eq!(cost.header().len(), cells.len());
        };
        check(1_000.0, None, 2_500.0, &["2.50"]);
        check(1_000.0, Some(2.5), 2_500.0, &["2.50", "6.25"]);
        check(60.0, Some(0.1), 6_000.0, &["100", "10.00"]);
    }

    #[test]
    fn a_speed_is_given_or_measured_and_nothing_is_said_without_one() {
        let arguments =
            CostArguments { measure: None, config: None, rollouts_per_hour: None, price_per_hour: Some(3.0) };
        assert_eq!(arguments.cost().unwrap(), None);
        let given = CostArguments { rollouts_per_hour: Some(90.0), ..arguments }.cost().unwrap().expect("a speed");
        assert_eq!((given.rollouts_per_hour, given.measured, given.price_per_hour), (90.0, None, Some(3.0)));
        assert!(given.sentence().contains("90 rollouts an hour"));
        let speed = Speed { rollouts: 48, seconds: 12.0 };
        assert_eq!(speed.rollouts_per_hour(), 14_400.0);
        let measured = Cost { rollouts_per_hour: 14_400.0, measured: Some(speed), price_per_hour: None };
        assert!(measured.sentence().contains("48 rollouts in 12.0 s: 14400 an hour"), "{}", measured.sentence());
    }

    #[test]
    fn speeds_and_prices_are_above_nothing() {
        assert_eq!(positive("2.5"), Ok(2.5));
        for text in ["0", "-1", "inf", "nan", "fast"] {
            assert!(positive(text).is_err(), "{text}");
        }
    }
}
