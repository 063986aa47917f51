//! `dethrone consensus`: the price of setting other weights than the other validators.

use std::path::PathBuf;

use clap::Args;
use pareto::consensus::{Epoch, EpochError, Outlook, SparseRow, outlook};
use serde::{Deserialize, Serialize};

use super::decide::read;
use crate::exit_status::ExitStatus;
use crate::printer::Printer;
use crate::problem::Problem;
use crate::report::pages::{Figure, FigurePage, save};
use crate::report::svg::{LineAxes, Series, lines};
use crate::report::tables::Table;
use crate::report::{percent, percent_exact};

/// The state of the chain, and the validator that differs.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// The state of the chain as JSON: `{"epoch": {...}, "uid": 3, "weights": [[uid, weight], ...]}`. Without `weights`
    /// those of the epoch hold.
    file: PathBuf,
    /// The validator whose weights differ, if the file does not say.
    #[arg(long)]
    uid: Option<u16>,
    /// Epochs to look ahead.
    #[arg(long, default_value_t = 20)]
    epochs: usize,
    /// Epochs for which the validator differs before it agrees; by default all of them.
    #[arg(long)]
    differs: Option<usize>,
    /// Blocks from epoch to epoch.
    #[arg(long, default_value_t = 361)]
    tempo: u64,
    /// Write a page with the pictures to this file.
    #[arg(long, value_name = "FILE")]
    page: Option<PathBuf>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Question {
    epoch: Epoch,
    uid: Option<u16>,
    weights: Option<SparseRow>,
}

/// The answer.
#[derive(Debug, Serialize)]
struct Answer {
    uid: u16,
    /// The validator with the most stake among the others, whose weights count as agreeing.
    agrees_with: u16,
    /// Epochs for which the validator differs.
    differs: usize,
    /// Dividends lost over all epochs, as a share of those had by agreeing.
    lost: f64,
    /// Epochs after agreeing again until 99% of the dividends are back; none if they never are, or never were lost.
    recovered_after: Option<usize>,
    epochs: Vec<AnswerEpoch>,
}

#[derive(Debug, Serialize)]
struct AnswerEpoch {
    block: u64,
    validators: Vec<Standing>,
}

/// A validator in one epoch; shares of one.
#[derive(Debug, Serialize)]
struct Standing {
    uid: u16,
    trust: f64,
    dividends: f64,
    bonds: u64,
    trust_if_agreeing: f64,
    dividends_if_agreeing: f64,
    bonds_if_agreeing: u64,
}

/// Looks ahead twice, differing and agreeing, and prints the difference.
pub(super) fn run(arguments: &Arguments, printer: &Printer) -> Result<(), Problem> {
    let question: Question = read(&arguments.file)?;
    let answer = answer(&question, arguments)?;
    if let Some(path) = &arguments.page {
        save(&page(&answer), path)?;
        printer.say(&format!("the pictures are in {}", path.display()));
    }
    printer.data(&answer, |answer| format!("{}\n\n{}", table(answer).text(), price(answer)))
}

fn answer(question: &Question, arguments: &Arguments) -> Result<Answer, Problem> {
    let epoch = &question.epoch;
    epoch.validate().map_err(problem)?;
    let usage = |what: &str, hint: &str| Problem::new(ExitStatus::Usage, what.to_owned()).hint(hint.to_owned());
    let uid = question.uid.or(arguments.uid).ok_or_else(|| usage("no validator is named", "add `--uid`"))?;
    let place = usize::from(uid);
    if !epoch.permit.get(place).copied().unwrap_or(false) {
        return Err(usage(&format!("uid {uid} may not validate"), "name a uid with a permit in the file"));
    }
    let others =
        (0..epoch.n).filter(|other| *other != place && epoch.permit[*other] && !epoch.weights[*other].is_empty());
    let agrees_with = others
        .max_by_key(|other| (epoch.stake[*other], std::cmp::Reverse(*other)))
        .ok_or_else(|| usage("nobody else sets weights", "give the weights of at least one other validator"))?;
    let mine = question.weights.clone().unwrap_or_else(|| epoch.weights[place].clone());
    let mut given = epoch.clone();
    given.weights[place].clone_from(&mine);
    given.validate().map_err(problem)?;
    let agreed = epoch.weights[agrees_with].clone();
    let differs = arguments.differs.unwrap_or(arguments.epochs);
    let ahead = |differs: usize| {
        outlook(epoch, arguments.epochs, arguments.tempo, |number, rows| {
            rows[place].clone_from(if number < differs { &mine } else { &agreed });
        })
        .map_err(problem)
    };
    let (differing, agreeing) = (ahead(differs)?, ahead(0)?);
    let epochs = epochs(epoch, &differing, &agreeing);
    let sum = |outlook: &Outlook| outlook.epochs.iter().map(|one| f64::from(one.result.dividends[place])).sum::<f64>();
    let had = sum(&agreeing);
    let share = |number: usize| {
        let dividends = |outlook: &Outlook| f64::from(outlook.epochs[number].result.dividends[place]);
        dividends(&differing) >= 0.99 * dividends(&agreeing)
    };
    let recovered = (differs..arguments.epochs).find(|number| share(*number)).map(|number| number + 1 - differs);
    Ok(Answer {
        uid,
        agrees_with: agrees_with as u16,
        differs,
        lost: if had > 0.0 { 1.0 - sum(&differing) / had } else { 0.0 },
        recovered_after: recovered,
        epochs,
    })
}

fn epochs(epoch: &Epoch, differing: &Outlook, agreeing: &Outlook) -> Vec<AnswerEpoch> {
    let share = |value: u16| f64::from(value) / 65_535.0;
    let pairs = differing.epochs.iter().zip(&agreeing.epochs);
    pairs
        .map(|(differing, agreeing)| AnswerEpoch {
            block: differing.block,
            validators: (0..epoch.n)
                .filter(|uid| epoch.permit[*uid])
                .map(|uid| Standing {
                    uid: uid as u16,
                    trust: share(differing.result.validator_trust[uid]),
                    dividends: share(differing.result.dividends[uid]),
                    bonds: differing.bond_sums[uid],
                    trust_if_agreeing: share(agreeing.result.validator_trust[uid]),
                    dividends_if_agreeing: share(agreeing.result.dividends[uid]),
                    bonds_if_agreeing: agreeing.bond_sums[uid],
                })
                .collect(),
        })
        .collect()
}

#[expect(clippy::needless_pass_by_value, reason = "it is given to map_err")]
fn problem(error: EpochError) -> Problem {
    Problem::from_error(ExitStatus::Usage, &error)
}

impl Answer {
    fn own(&self, epoch: &AnswerEpoch) -> usize {
        epoch.validators.iter().position(|one| one.uid == self.uid).expect("the validator has a permit")
    }

    /// A number of the validator's, epoch by epoch from 1.
    fn course(&self, pick: fn(&Standing) -> f64) -> Vec<(f64, f64)> {
        let number =
            |(place, epoch): (usize, &AnswerEpoch)| ((place + 1) as f64, pick(&epoch.validators[self.own(epoch)]));
        self.epochs.iter().enumerate().map(number).collect()
    }
}

fn price(answer: &Answer) -> String {
    let recovery = match answer.recovered_after {
        Some(epochs) => format!(", and {epochs} of agreeing until its dividends are back"),
        None => String::new(),
    };
    let effect = if answer.lost >= 0.0 {
        format!("costs uid {} {} of its dividends", answer.uid, percent(answer.lost))
    } else {
        format!("brings uid {} {} more dividends", answer.uid, percent(-answer.lost))
    };
    format!(
        "Differing for {} of {} epochs {effect}, against setting the weights of uid {}{recovery}.",
        answer.differs.min(answer.epochs.len()),
        answer.epochs.len(),
        answer.agrees_with
    )
}

fn table(answer: &Answer) -> Table {
    let header = ["epoch", "block", "uid", "trust", "dividends", "bonds", "trust if agreeing", "dividends", "bonds"];
    let row = |place: usize, epoch: &AnswerEpoch, one: &Standing| {
        let marked = if one.uid == answer.uid { format!("{} *", one.uid) } else { one.uid.to_string() };
        vec![
            (place + 1).to_string(),
            epoch.block.to_string(),
            marked,
            percent_exact(one.trust),
            percent_exact(one.dividends),
            one.bonds.to_string(),
            percent_exact(one.trust_if_agreeing),
            percent_exact(one.dividends_if_agreeing),
            one.bonds_if_agreeing.to_string(),
        ]
    };
    let rows = answer.epochs.iter().enumerate();
    Table {
        title: "Epoch by epoch".to_owned(),
        header: header.map(str::to_owned).to_vec(),
        rows: rows.flat_map(|(place, epoch)| epoch.validators.iter().map(move |one| row(place, epoch, one))).collect(),
    }
}

fn page(answer: &Answer) -> FigurePage {
    let figure = |title: &str, differing: fn(&Standing) -> f64, agreeing: fn(&Standing) -> f64| {
        let series = [
            Series { name: "differing".to_owned(), points: answer.course(differing) },
            Series { name: "agreeing".to_owned(), points: answer.course(agreeing) },
        ];
        let highest = series.iter().flat_map(|one| one.points.iter().map(|(_, y)| *y)).fold(0.0, f64::max);
        let axes = LineAxes {
            x: "epoch",
            y: "share",
            top: if highest > 0.0 { 1.1 * highest } else { 1.0 },
            x_label: |value| format!("{value:.0}"),
            y_label: percent,
        };
        Figure {
            title: title.to_owned(),
            caption: format!("Uid {}, epoch by epoch.", answer.uid),
            picture: lines(&series, &axes, title),
        }
    };
    FigurePage {
        title: "The price of disagreeing".to_owned(),
        lead: price(answer),
        figures: vec![
            figure("Dividends", |one| one.dividends, |one| one.dividends_if_agreeing),
            figure("Validator trust", |one| one.trust, |one| one.trust_if_agreeing),
            figure("Bonds", |one| one.bonds as f64 / 65_535.0, |one| one.bonds_if_agreeing as f64 / 65_535.0),
        ],
        tables: vec![table(answer)],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Three validators of equal stake and two miners; all have given miner 3 everything for long.
    fn question(bonds_penalty: u16, yuma3: bool) -> Question {
        let row = |validator: usize| if validator < 3 { vec![(3, 65_535)] } else { Vec::new() };
        let epoch = Epoch {
            n: 5,
            block: 1_000,
            cutoff: 5_000,
            kappa: 32_767,
            bma: 900_000,
            bonds_penalty,
            yuma3,
            liquid: false,
            alpha: (45_875, 58_982),
            steep: 1_000,
            last_tempo: 639,
            stake: vec![1_000, 1_000, 1_000, 0, 0],
            permit: vec![true, true, true, false, false],
            last_update: vec![999; 5],
            reg: vec![0; 5],
            weights: (0..5).map(row).collect(),
            bonds: (0..5).map(row).collect(),
            owner: None,
        };
        Question { epoch, uid: Some(0), weights: Some(vec![(4, 65_535)]) }
    }

    fn arguments(epochs: usize, differs: Option<usize>) -> Arguments {
        Arguments { file: PathBuf::new(), uid: None, epochs, differs, tempo: 361, page: None }
    }

    #[test]
    fn differing_alone_costs_trust_and_dividends_until_bonds_are_back() {
        let answer = answer(&question(65_535, true), &arguments(40, Some(1))).expect("an answer");
        let own = |epoch: usize| &answer.epochs[epoch].validators[0];
        assert_eq!((own(0).trust, own(0).trust_if_agreeing), (0.0, 1.0));
        assert!(own(0).dividends < own(0).dividends_if_agreeing, "{:?}", own(0));
        assert!(own(1).trust > 0.99 && own(1).dividends < own(1).dividends_if_agreeing, "{:?}", own(1));
        assert!(answer.lost > 0.0 && answer.recovered_after.is_some_and(|epochs| epochs > 1), "{answer:?}");
        assert_eq!(answer.agrees_with, 1);
    }

    #[test]
    fn agreeing_costs_nothing() {
        let mut question = question(65_535, false);
        question.weights = None;
        let answer = answer(&question, &arguments(10, None)).expect("an answer");
        assert_eq!(answer.lost, 0.0);
        assert!(price(&answer).contains("costs uid 0 0% of its dividends"));
        let gained = Answer { lost: -0.02, ..answer };
        assert!(price(&gained).contains("brings uid 0 2.0% more dividends"));
    }

    #[test]
    fn table_and_page_show_every_validator_in_every_epoch() {
        let answer = answer(&question(32_768, true), &arguments(6, None)).expect("an answer");
        let page = page(&answer);
        assert_eq!((page.tables[0].rows.len(), page.figures.len()), (18, 3));
        assert!(page.tables[0].text().contains("0 *"));
    }

    #[test]
    fn a_question_without_an_answer_says_what_is_missing() {
        let refused = |change: &dyn Fn(&mut Question), part: &str| {
            let mut question = question(0, true);
            change(&mut question);
            let problem = answer(&question, &arguments(3, None)).expect_err("no answer");
            assert!(problem.to_string().contains(part), "{problem}");
        };
        refused(&|question| question.uid = None, "no validator is named");
        refused(&|question| question.uid = Some(3), "uid 3 may not validate");
        refused(&|question| question.epoch.stake = vec![1], "stake has 1 entries for 5 uids");
        refused(&|question| question.epoch.weights = vec![Vec::new(); 5], "nobody else sets weights");
    }

    #[test]
    fn the_price_is_one_sentence_for_losses_gains_and_recoveries() {
        let answer = answer(&question(65_535, true), &arguments(4, Some(1))).expect("an answer");
        let check = |lost: f64, recovered_after: Option<usize>, differs: usize, expected: &str| {
            let epochs = answer.epochs.iter().map(|epoch| AnswerEpoch { block: epoch.block, validators: Vec::new() });
            let (uid, agrees_with) = (answer.uid, answer.agrees_with);
            let answer = Answer { uid, agrees_with, differs, lost, recovered_after, epochs: epochs.collect() };
            assert_eq!(price(&answer), expected);
        };
        let against = "against setting the weights of uid 1";
        check(0.5, None, 1, &format!("Differing for 1 of 4 epochs costs uid 0 50% of its dividends, {against}."));
        check(
            0.05,
            Some(3),
            2,
            &format!(
                "Differing for 2 of 4 epochs costs uid 0 5.0% of its dividends, {against}, and 3 of agreeing until its \
                 dividends are back."
            ),
        );
        check(-0.1, None, 9, &format!("Differing for 4 of 4 epochs brings uid 0 10% more dividends, {against}."));
    }

    #[test]
    fn the_validator_is_named_by_the_file_before_the_flag() {
        let named = |in_file: Option<u16>, flag: Option<u16>| {
            let question = Question { uid: in_file, ..question(0, true) };
            let arguments = Arguments { uid: flag, ..arguments(1, None) };
            answer(&question, &arguments).map(|answer| answer.uid).ok()
        };
        assert_eq!(named(Some(0), Some(2)), Some(0));
        assert_eq!(named(None, Some(2)), Some(2));
        assert_eq!(named(Some(9), None), None, "a uid that the file does not have");
    }
}
