//! `dethrone lab`: attacks and honest gains, simulated against every rule.

mod flips;
mod targets;

use std::path::PathBuf;

use clap::Args;
use pareto::lab::{Cell, LabSettings, Row, Scenario, play};
use pareto::mechanisms::{Mechanism, Mechanisms};
use serde::Serialize;

use super::world::{WorldArguments, problem, progress};
use crate::exit_status::ExitStatus;
use crate::printer::Printer;
use crate::problem::Problem;
use crate::report::pages::{Figure, FigurePage, save};
use crate::report::svg::{Series, bars};
use crate::report::tables::Table;
use crate::report::{percent, percent_exact};

/// Arguments of the lab.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    world: WorldArguments,
    /// Trials a cell.
    #[arg(long, default_value_t = 2_000)]
    trials: usize,
    /// Tasks of the public rules: one for each environment.
    #[arg(long, value_delimiter = ',')]
    tasks: Vec<usize>,
    /// Correlation under the public rules, which do not pair tasks.
    #[arg(long, default_value_t = 0.0)]
    unpaired_correlation: f64,
    /// Rules to play against: all, or these.
    #[arg(long, value_delimiter = ',', value_parser = rule)]
    mechanism: Vec<String>,
    /// Scenarios whose name contains this.
    #[arg(long)]
    scenario: Option<String>,
    /// Write a page with the pictures to this file.
    #[arg(long, value_name = "FILE")]
    page: Option<PathBuf>,
    /// Instead of scenarios: five validators, each of whose rollouts is flipped with this probability, and how often their
    /// verdicts differ.
    #[arg(long, value_name = "SHARE", conflicts_with_all = ["mechanism", "scenario", "page", "tasks"])]
    flips: Option<f64>,
    /// Instead of scenarios: every figure that the rule of heats and bouts must reach, beside its target; of the other
    /// arguments only trials and seed count.
    #[arg(long, conflicts_with_all = ["mechanism", "scenario", "page", "tasks", "flips"])]
    targets: bool,
}

fn rule(name: &str) -> Result<String, String> {
    let known = Mechanisms::default();
    match known.named(name) {
        Some(mechanism) => Ok(mechanism.name().to_owned()),
        None => {
            let names = known.all().map(|mechanism| mechanism.name());
            Err(format!("there is no such rule; there are {}", names.join(", ")))
        }
    }
}

#[derive(Debug, Serialize)]
struct Lab {
    settings: LabSettings,
    rows: Vec<Row>,
}

/// Plays the scenarios and prints the table.
pub(super) fn run(arguments: &Arguments, printer: &Printer) -> Result<(), Problem> {
    let mut settings = arguments.world.settings(arguments.trials);
    settings.unpaired_correlation = arguments.unpaired_correlation;
    if !arguments.tasks.is_empty() {
        settings.tasks.clone_from(&arguments.tasks);
    }
    if let Some(share) = arguments.flips {
        return flips::run(share, settings, printer);
    }
    if arguments.targets {
        return targets::run(&settings, printer);
    }
    let known = settings.mechanisms();
    let rules: Vec<&dyn Mechanism> = match arguments.mechanism.as_slice() {
        [] => known.all().to_vec(),
        names => names.iter().filter_map(|name| known.named(name)).collect(),
    };
    let wanted =
        |scenario: &Scenario| arguments.scenario.as_ref().is_none_or(|part| scenario.name.contains(part.as_str()));
    let scenarios: Vec<Scenario> = Scenario::all().into_iter().filter(wanted).collect();
    if scenarios.is_empty() {
        let names: Vec<String> = Scenario::all().into_iter().map(|scenario| scenario.name).collect();
        return Err(Problem::new(ExitStatus::Usage, "no scenario has such a name")
            .hint(format!("the scenarios are: {}", names.join("; "))));
    }
    let bar = progress((scenarios.len() * rules.len() * settings.trials) as u64);
    let rows = play(&scenarios, &rules, &settings, &|| bar.inc(1)).map_err(problem)?;
    bar.finish_and_clear();
    let lab = Lab { settings, rows };
    if let Some(path) = &arguments.page {
        save(&page(&lab), path)?;
        printer.say(&format!("the pictures are in {}", path.display()));
    }
    printer.data(&lab, |lab| format!("{}\n\n{}", wins_table(lab).text(), tasks_table(lab).text()))
}

fn wins_table(lab: &Lab) -> Table {
    let mut header = vec!["a challenger wins".to_owned()];
    header.extend(lab.rows[0].cells.iter().map(|cell| cell.rule.to_owned()));
    let shown = |cell: &Cell| format!("{} (<{})", percent(cell.rate), percent_exact(cell.upper));
    let row = |row: &Row| std::iter::once(row.scenario.name.clone()).chain(row.cells.iter().map(shown)).collect();
    Table {
        title: format!(
            "How often a challenger wins, {} trials a cell; in brackets the upper 95% limit",
            lab.settings.trials
        ),
        header,
        rows: lab.rows.iter().map(row).collect(),
    }
}

fn tasks_table(lab: &Lab) -> Table {
    let sequential = |row: &Row| row.cells.iter().find(|cell| cell.rule == "sequential").cloned();
    let row = |row: &Row| {
        let cell = sequential(row)?;
        Some(vec![
            row.scenario.name.clone(),
            format!("{:.0}", cell.median_tasks),
            format!("{:.0}", cell.ninetieth_tasks),
            percent(cell.dismissed),
            percent(row.warned),
        ])
    };
    let header = ["tasks per environment", "median", "90th percentile", "dismissed", "warned of as overfitted"];
    Table {
        title: "What a sequential duel takes, and who is better on known tasks than on fresh ones".to_owned(),
        header: header.map(str::to_owned).to_vec(),
        rows: lab.rows.iter().filter_map(row).collect(),
    }
}

fn page(lab: &Lab) -> FigurePage {
    let picture = |honest: bool, title: &str, caption: &str| {
        let rows: Vec<&Row> = lab.rows.iter().filter(|row| row.scenario.honest == honest).collect();
        if rows.is_empty() {
            return None;
        }
        let labels: Vec<String> = rows.iter().map(|row| row.scenario.name.clone()).collect();
        let one = |place: usize, cell: &Cell| Series {
            name: cell.rule.to_owned(),
            points: rows.iter().map(|row| row.cells[place].rate).collect(),
        };
        let series: Vec<Series<f64>> = rows[0].cells.iter().enumerate().map(|(place, cell)| one(place, cell)).collect();
        Some(Figure { title: title.to_owned(), caption: caption.to_owned(), picture: bars(&labels, &series, title) })
    };
    let settings = &lab.settings;
    let attacks = picture(
        false,
        "Attacks that win",
        "Share of the trials in which one of the attackers is crowned; less is better.",
    );
    let gains = picture(
        true,
        "Gains that win",
        "Share of the trials in which a truly better model is crowned; more is better.",
    );
    FigurePage {
        title: "What wins under which rule".to_owned(),
        lead: format!(
            "{} environments, champion's means {:?}, {} trials a cell, seed {}. The sequential duel pairs tasks \
             (correlation {}) \
             and spends an alpha of {} on the whole reign; the public rules compare {:?} tasks.",
            settings.means.len(),
            settings.means,
            settings.trials,
            settings.seed,
            settings.correlation,
            settings.alpha,
            settings.tasks
        ),
        figures: [attacks, gains].into_iter().flatten().collect(),
        tables: vec![wins_table(lab), tasks_table(lab)],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lab(trials: usize) -> Lab {
        let settings = LabSettings { trials, ..LabSettings::default() };
        let scenarios = [Scenario::plain("copy", false, &[0.0]), Scenario::plain("+0.20 everywhere", true, &[0.2])];
        let rows = play(&scenarios, &settings.mechanisms().all(), &settings, &|| ()).expect("valid settings");
        Lab { settings, rows }
    }

    #[test]
    fn table_and_page_show_every_scenario_under_every_rule() {
        let lab = lab(50);
        let page = page(&lab);
        assert_eq!((page.figures.len(), page.tables.len()), (2, 2));
        let drawn = page.tables[0].text();
        for part in ["copy", "+0.20", "everywhere", "sequential", "window", "four_stage", "powerset", "100% (<100.00%)"]
        {
            assert!(drawn.contains(part), "{part} is missing in\n{drawn}");
        }
    }

    #[test]
    fn a_page_has_a_picture_only_of_what_was_played() {
        let settings = LabSettings { trials: 5, ..LabSettings::default() };
        let scenarios = [Scenario::plain("+0.20 everywhere", true, &[0.2])];
        let known = settings.mechanisms();
        let window = known.named("window").unwrap();
        let rows = play(&scenarios, &[window], &settings, &|| ()).expect("valid settings");
        let lab = Lab { settings: settings.clone(), rows };
        let page = page(&lab);
        let titles: Vec<&str> = page.figures.iter().map(|figure| figure.title.as_str()).collect();
        assert_eq!(titles, ["Gains that win"]);
        // The tasks of a sequential duel are those of no other rule.
        assert!(page.tables[1].rows.is_empty() && page.tables[0].header.len() == 2);
    }

    #[test]
    fn a_rule_is_chosen_by_its_name_and_an_unknown_one_lists_all() {
        assert_eq!(rule("sequential"), Ok("sequential".to_owned()));
        let error = rule("oracle").unwrap_err();
        assert_eq!(
            error,
            "there is no such rule; there are sequential, window, four_stage, powerset, bootstrap, \
             two_evaluations, private_samples"
        );
    }
}
