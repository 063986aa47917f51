//! The duels as pictures and words.

use minijinja::Value;
use pareto::{Better, Decision, Verdict, count};
use serde::Serialize;

use super::progress::{Kind, Progress, Side, Test};
use super::views::{environment_names, scale};
use crate::record::{Conclusion, DuelRecord};
use crate::report::svg::{self, Difference, MeanRow};

/// A duel.
#[derive(Debug, Serialize)]
pub(super) struct DuelView {
    number: usize,
    champion: String,
    challenger: String,
    verdict: &'static str,
    sentence: String,
    reign_number: u64,
    alpha: String,
    evidence: Vec<Figure>,
    differences: Vec<Figure>,
}

/// A picture with what it says in words.
#[derive(Debug, Serialize)]
pub(super) struct Figure {
    title: String,
    picture: Value,
    note: String,
    legend: Vec<LegendRow>,
}

/// A test in a legend.
#[derive(Debug, Serialize)]
pub(super) struct LegendRow {
    mark: Value,
    name: String,
    odds: String,
    needed: String,
    settled: bool,
}

/// A duel.
pub(super) fn duel_view(conclusion: &Conclusion, duel: &DuelRecord) -> DuelView {
    let settings = &conclusion.terms.settings.deciding.duel;
    let names = environment_names(conclusion);
    let progress = Progress::of(conclusion, duel);
    let tests = progress.tests(settings);
    let per_environment: Vec<Vec<Difference>> = (0..names.len()).map(|place| progress.differences(place)).collect();
    // The first intervals span nearly everything and say nothing; the scale is that of the later ones.
    let later = per_environment.iter().flat_map(|points| &points[points.len() / 4..]);
    let limit = scale(later.map(|point| point.interval));
    let difference = |(points, name): (Vec<Difference>, String)| Figure {
        note: points.last().map_or_else(
            || "no task counted".to_owned(),
            |last| {
                let (low, high) = last.interval;
                format!("{:+.3} after {}, between {low:+.3} and {high:+.3}", last.mean, count(last.tasks, "task"))
            },
        ),
        picture: svg::difference(&points, limit, settings.tolerance, &format!("difference in {name}")),
        title: name,
        legend: Vec::new(),
    };
    let uid = |entry: usize| conclusion.entries[entry].entry.number();
    DuelView {
        number: duel.duel + 1,
        champion: uid(duel.champion),
        challenger: uid(duel.challenger),
        verdict: match duel.decision.verdict {
            Verdict::Dethroned => "dethroned",
            Verdict::Defended => "defended",
            Verdict::Undecided => "undecided",
        },
        sentence: duel.sentence.clone(),
        reign_number: duel.number,
        alpha: format!("{:.2e}", duel.decision.alpha),
        evidence: vec![
            evidence(&tests, Side::Challenger, (&names, settings.better), progress.last()),
            evidence(&tests, Side::Champion, (&names, settings.better), progress.last()),
        ],
        differences: per_environment.into_iter().zip(names.clone()).map(difference).collect(),
    }
}

fn evidence(tests: &[Test], side: Side, (names, better): (&[String], Better), last: &Decision) -> Figure {
    let own: Vec<&Test> = tests.iter().filter(|test| test.side == side).collect();
    let traces: Vec<_> = own.iter().map(|test| test.trace.clone()).collect();
    let (title, note) = match side {
        Side::Challenger => ("Evidence for the challenger", "It becomes champion when all of these have reached 100%."),
        Side::Champion => {
            ("Evidence for the champion", "It stays, without further tasks, when one of these reaches 100%.")
        }
    };
    let legend = own.iter().map(|test| LegendRow {
        mark: svg::mark(test.trace.series),
        name: test_name(test.kind, names, better),
        odds: odds(test.log_e),
        needed: odds(test.needed),
        settled: test.kind.is_settled(last),
    });
    Figure {
        title: title.to_owned(),
        picture: svg::evidence(&traces, last.rounds, title),
        note: note.to_owned(),
        legend: legend.collect(),
    }
}

fn test_name(kind: Kind, names: &[String], better: Better) -> String {
    match kind {
        Kind::NotWorse(place) => format!("not worse in {}", names[place]),
        Kind::Better(place) => format!("better in {}", names[place]),
        Kind::BetterOverall => {
            if better == Better::OnAverage { "better on average" } else { "better somewhere" }.to_owned()
        }
        Kind::NotBelowGuard(place) => format!("not worse in {} than the champion of ten reigns ago", names[place]),
        Kind::BelowGuard(place) => format!("worse in {} than the champion of ten reigns ago", names[place]),
        Kind::Worse(place) => format!("worse in {}", names[place]),
        Kind::NotBetter(place) => format!("not better in {}", names[place]),
        Kind::GainTooSmall => "gains too little on average".to_owned(),
    }
}

/// A picture an environment: each duel a row with both means on the tasks of the duel, the champion on top with all of its own.
pub(super) fn means(conclusion: &Conclusion) -> Vec<Figure> {
    let (Some(champion), false) = (conclusion.champion, conclusion.duels.is_empty()) else { return Vec::new() };
    if conclusion.terms.environments.len() < 2 {
        return Vec::new();
    }
    let uid = |entry: usize| format!("uid {}", conclusion.entries[entry].entry.number());
    let figure = |(place, name): (usize, String)| {
        let (mean, tasks) = conclusion.entries[champion].mean(place);
        let own = MeanRow { name: "champion".to_owned(), champion: (tasks > 0).then_some(mean), challenger: None };
        let of_duel = conclusion.duels.iter().map(|duel| {
            let evidence = &duel.decision.environments[place];
            let counted = |mean: f64| (evidence.counted > 0).then_some(mean);
            MeanRow {
                name: uid(duel.challenger),
                champion: counted(evidence.champion_mean),
                challenger: counted(evidence.challenger_mean),
            }
        });
        let rows: Vec<MeanRow> = std::iter::once(own).chain(of_duel).collect();
        Figure {
            picture: svg::means(&rows, &format!("mean scores in {name}")),
            title: name,
            note: String::new(),
            legend: Vec::new(),
        }
    };
    environment_names(conclusion).into_iter().enumerate().map(figure).collect()
}

/// The odds to 1 that a log wealth amounts to.
fn odds(log_e: f64) -> String {
    let tens = log_e / std::f64::consts::LN_10;
    match tens {
        tens if tens >= 6.0 => format!("10^{:.0}", tens.floor()),
        tens if tens >= 1.0 => format!("{:.0}", log_e.exp().floor()),
        tens if tens >= -2.0 => format!("{:.2}", log_e.exp()),
        _ => "under 0.01".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(odds_to_one: f64, expected: &str) {
        assert_eq!(odds(odds_to_one.ln()), expected, "{odds_to_one}");
    }

    #[test]
    fn odds_are_rounded_down_so_that_none_is_said_to_be_reached_before_it_is() {
        check(1.0, "1.00");
        check(0.5, "0.50");
        check(9.994, "9.99");
        check(12.9, "12");
        check(1234.5, "1234");
        check(1.5e6, "10^6");
        check(9.9e8, "10^8");
        check(0.02, "0.02");
        check(0.001, "under 0.01");
        assert_eq!(odds(f64::NEG_INFINITY), "under 0.01");
    }

    #[test]
    fn every_test_of_a_duel_is_named_with_its_environment_where_it_has_one() {
        let names = ["sat".to_owned(), "deduction".to_owned()];
        let named = [
            Kind::NotWorse(0),
            Kind::Better(1),
            Kind::BetterOverall,
            Kind::NotBelowGuard(1),
            Kind::BelowGuard(0),
            Kind::Worse(1),
            Kind::NotBetter(0),
            Kind::GainTooSmall,
        ]
        .map(|kind| test_name(kind, &names, Better::OnAverage));
        let expected = [
            "not worse in sat",
            "better in deduction",
            "better on average",
            "not worse in deduction than the champion of ten reigns ago",
            "worse in sat than the champion of ten reigns ago",
            "worse in deduction",
            "not better in sat",
            "gains too little on average",
        ];
        assert_eq!(named, expected);
        assert_eq!(test_name(Kind::BetterOverall, &names, Better::Somewhere), "better somewhere");
    }
}
