//! `dethrone plan`: the number of tasks that a duel takes, and the error rates that it promises.

mod cost;

use std::path::PathBuf;

use clap::Args;
use pareto::lab::LabSettings;
use pareto::plan::{Later, Need, Plan, plan, trials};
use serde::Serialize;

use self::cost::{Cost, CostArguments};
use super::world::{WorldArguments, problem, progress};
use crate::printer::Printer;
use crate::problem::Problem;
use crate::report::pages::{Figure, FigurePage, save};
use crate::report::svg::{LineAxes, Series, lines};
use crate::report::tables::Table;
use crate::report::{percent, percent_exact};
use crate::settings::WorkSettings;

/// Arguments of the plan.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    world: WorldArguments,
    /// Simulated duels for each number.
    #[arg(long, default_value_t = 500)]
    trials: usize,
    /// Write a page to this file, with the picture of what a tolerance buys and lets pass.
    #[arg(long, value_name = "FILE")]
    page: Option<PathBuf>,
    #[command(flatten)]
    cost: CostArguments,
}

#[derive(Debug, Serialize)]
struct Planned {
    settings: LabSettings,
    #[serde(flatten)]
    plan: Plan,
    /// The speed and the price by which rollouts become hours and money.
    cost: Option<Cost>,
}

/// Simulates and prints the numbers.
pub(super) fn run(arguments: &Arguments, printer: &Printer) -> Result<(), Problem> {
    let settings = arguments.world.settings(arguments.trials);
    let cost = arguments.cost.cost()?;
    let bar = progress(trials(&settings));
    let plan = plan(&settings, &|| bar.inc(1)).map_err(problem)?;
    bar.finish_and_clear();
    let planned = Planned { settings, plan, cost };
    if let Some(path) = &arguments.page {
        save(&page(&planned), path)?;
        printer.say(&format!("the picture is in {}", path.display()));
    }
    printer.data(&planned, |planned| {
        let [needs, trade] = tables(planned);
        format!("{}\n\n{}\n\n{}", needs.text(), trade.text(), promise(planned))
    })
}

fn promise(planned: &Planned) -> String {
    let cost = planned.cost.map_or(String::new(), |cost| format!("{} ", cost.sentence()));
    let (budget, environments) = (planned.settings.duel.budget as u64, planned.settings.means.len() as u64);
    let WorkSettings { tokens, .. } = WorkSettings::default();
    let most = tokens.saturating_mul(budget).saturating_mul(environments);
    format!(
        "{cost}An entry may take {tokens} tokens a task on average (`work.tokens`), so that a bout of {budget} tasks in \
         {environments} environments takes at most {most} of it, whatever it replies. The chance that any challenger of the reign that is not better ever wins is at most {}; for the \
         next challenger alone it is at most {}.",
        share(planned.plan.false_dethrone_bound),
        share(planned.plan.next_challenger_bound)
    )
}

fn share(value: f64) -> String {
    if value >= 0.001 { percent_exact(value) } else { format!("{:.1e}", value) }
}

fn tables(planned: &Planned) -> [Table; 2] {
    let gain = |need: &Need, name: String| {
        let mut cells = vec![
            name,
            percent(need.wins),
            percent(need.dismissed),
            format!("{:.0}", need.median_tasks),
            format!("{:.0}", need.ninetieth_tasks),
            need.winning_tasks.map_or("–".to_owned(), |tasks| format!("{tasks:.0}")),
        ];
        cells.extend(planned.cost.iter().flat_map(|cost| cost.cells(need.median_rollouts)));
        cells
    };
    let mut rows = vec![gain(&planned.plan.copy, "a copy".to_owned())];
    rows.extend(planned.plan.needs.iter().map(|need| gain(need, format!("+{:.2} everywhere", need.gain))));
    let later =
        |later: &Later| gain(&later.need, format!("+{:.2} everywhere, after {}", later.need.gain, later.losers));
    rows.extend(planned.plan.after_losers.iter().map(later));
    let mut header = ["challenger", "wins", "dismissed", "median tasks", "90th percentile", "median when it wins"]
        .map(str::to_owned)
        .to_vec();
    header.extend(planned.cost.iter().flat_map(Cost::header));
    let needs = Table { title: "Tasks per environment, heats and bouts, until it is decided".to_owned(), header, rows };
    let row = |trade: &pareto::plan::Trade| {
        vec![
            format!("{:.2}", trade.tolerance),
            percent(trade.better_in_one_wins),
            format!("{:.0}", trade.better_in_one_tasks),
            percent(trade.worse_in_one_wins),
            format!("{:.0}", trade.equal_tasks),
        ]
    };
    let header = [
        "tolerance",
        "+0.10 in one wins",
        "its median tasks",
        "-0.03 in one, +0.10 elsewhere wins",
        "least tasks to show equality, plain pairs",
    ];
    let trade = Table {
        title: "What a tolerance buys and what it lets pass".to_owned(),
        header: header.map(str::to_owned).to_vec(),
        rows: planned.plan.trade.iter().map(row).collect(),
    };
    [needs, trade]
}

fn page(planned: &Planned) -> FigurePage {
    let settings = &planned.settings;
    let points = |pick: fn(&pareto::plan::Trade) -> f64| {
        planned.plan.trade.iter().map(|trade| (trade.tolerance, pick(trade))).collect()
    };
    let budget = settings.duel.budget as f64;
    let series = [
        Series { name: "+0.10 in one wins".to_owned(), points: points(|trade| trade.better_in_one_wins) },
        Series { name: "-0.03 in one wins".to_owned(), points: points(|trade| trade.worse_in_one_wins) },
        Series {
            name: "tasks of the first / budget".to_owned(),
            points: planned
                .plan
                .trade
                .iter()
                .map(|trade| (trade.tolerance, trade.better_in_one_tasks / budget))
                .collect(),
        },
    ];
    let axes =
        LineAxes { x: "tolerance", y: "share", top: 1.0, x_label: |value| format!("{value:.2}"), y_label: percent };
    let [needs, trade] = tables(planned);
    FigurePage {
        title: "What a duel will take".to_owned(),
        lead: format!(
            "{} environments, champion's means {:?}, correlation {}, alpha {} for the reign, {} challengers \
             before, budget of {} tasks \
             per environment, {} simulated duels a number. {}",
            settings.means.len(),
            settings.means,
            settings.correlation,
            settings.alpha,
            settings.challengers_before,
            settings.duel.budget,
            settings.trials,
            promise(planned)
        ),
        figures: vec![Figure {
            title: trade.title.clone(),
            caption: "One model is 0.10 better in one environment and equal elsewhere; the other is 0.03 worse in one \
                      and 0.10 better elsewhere. To the right, a gain in a single environment is recognized more often and sooner; a \
                      model that is a little worse in \
                      one passes more often too, as the tolerance says it may."
                .to_owned(),
            picture: lines(&series, &axes, &trade.title),
        }],
        tables: vec![needs, trade],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_plan_names_every_gain_and_both_bounds() {
        let settings = LabSettings { trials: 10, means: vec![0.5; 2], tasks: vec![9; 2], ..LabSettings::default() };
        let plan = plan(&settings, &|| ()).expect("valid settings");
        let planned = Planned { settings, plan, cost: None };
        let page = page(&planned);
        let drawn = page.tables[0].text();
        for part in ["a copy", "+0.02 everywhere", "+0.05 everywhere", "+0.10 everywhere", "+0.20 everywhere"] {
            assert!(drawn.contains(part), "{part} is missing in\n{drawn}");
        }
        assert!(promise(&planned).contains("at most 1.00%; for the next challenger alone it is at most 0.41%"));
        assert!(page.figures[0].picture.to_string().contains("</svg>"));
        let value = serde_json::to_value(&planned).expect("plain data");
        assert_eq!(value["needs"].as_array().expect("a list").len(), 4);
        assert_eq!(value["false_dethrone_bound"], 0.01);
    }

    #[test]
    fn a_small_chance_is_told_by_its_power_of_ten() {
        let check = |value: f64, expected: &str| assert_eq!(share(value), expected);
        check(0.01, "1.00%");
        check(0.001, "0.10%");
        check(0.000_999, "1.0e-3");
        check(2.5e-7, "2.5e-7");
        check(0.0, "0.0e0");
    }
}
