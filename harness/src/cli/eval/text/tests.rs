//! Texts of made-up evaluations.

use serde_json::{Value, json};

use super::*;
use crate::cli::eval::evaluation::EvaluationSpeed;
use crate::record::{ReasonCount, ReplyTally};

fn environment(name: &str, tasks: usize, difference: Option<f64>) -> EnvironmentEvaluation {
    EnvironmentEvaluation {
        environment: name.to_owned(),
        file: None,
        tasks,
        mean: (tasks > 0).then_some(0.5),
        against_mean: difference.map(|difference| 0.5 - difference),
        difference,
        interval: difference.map(|difference| (difference - 0.1, difference + 0.1)),
        further_tasks: difference.map(|_| 90),
        replies: ReplyTally { rollouts: 64, judged: 60, no_answer: 4, cut_off: 4, ..ReplyTally::default() },
        reasons: vec![ReasonCount { reason: "right".to_owned(), fault: None, tasks: 32 }],
    }
}

fn evaluation(predicted: Prediction, tasks: usize, difference: Option<f64>) -> Evaluation {
    let environments =
        vec![environment("sat@2.0.0 tier 0", tasks, difference), environment("sums@1.0.0 tier 1", tasks, difference)];
    Evaluation {
        version: 2,
        model: "mine.gguf".to_owned(),
        against: difference.map(|_| "theirs.gguf".to_owned()),
        seed: 7,
        number: difference.map(|_| 3),
        predicted,
        sentence: "against stays champion.".to_owned(),
        too_early: tasks < 30,
        further_tasks: difference.filter(|difference| *difference > 0.0).map(|_| 120),
        not_reproducible: 0,
        replies: environments.iter().map(|environment| environment.replies).sum(),
        speed: EvaluationSpeed { seconds: 12.34, new_tokens: 1_000, new_tokens_per_second: 81.2 },
        environments,
        files: crate::report::Files {
            weights: "out/weights.json".into(),
            evidence: "out/evidence.jsonl".into(),
            report: "out/report.html".into(),
            entries: None,
            database: std::path::Path::new("out/eval.sqlite").into(),
        },
    }
}

#[track_caller]
fn check(evaluation: &Evaluation, parts: &[&str], absent: &[&str]) {
    let text = one(evaluation);
    for part in parts {
        assert!(text.contains(part), "{part} is not in:\n{text}");
    }
    for part in absent {
        assert!(!text.contains(part), "{part} is in:\n{text}");
    }
}

#[test]
fn a_row_is_taken_over_one_set_of_tasks_and_tells_its_number() {
    let duel = evaluation(Prediction::Undecided, 51, Some(0.125));
    check(
        &duel,
        &[
            "mine.gguf against theirs.gguf: undecided\nseed 7, 12.3 s, 81 new tokens a second",
            "51   0.500      0.375   +0.125 [+0.025, +0.225]   about 90 more tasks",
            "120 judged, 0 of another form, 8 without an answer, 8 cut off at the limit of tokens, 0 failed",
            "about 120 more tasks in each environment would settle it in favor of the model, as challenger 3 of the reign",
        ],
        &["too early"],
    );
    let alone = evaluation(Prediction::Scored, 64, None);
    check(&alone, &["64   0.500"], &["champion  ", "not worse?", "submission"]);
    let nothing = evaluation(Prediction::Unscored, 0, None);
    check(&nothing, &["0   none"], &["0.000", "submission"]);
}

#[test]
fn what_may_make_the_scores_worthless_comes_first() {
    let text = one(&evaluation(Prediction::Scored, 64, None));
    assert!(text.starts_with("WARNING: 8 of 128 replies were cut off"), "{text}");
}

#[test]
fn the_advice_follows_the_prediction() {
    let check = |predicted, tasks, difference: f64, part: &str| {
        check(&evaluation(predicted, tasks, Some(difference)), &[part], &[]);
    };
    check(Prediction::Dethrones, 64, 0.2, "Worth a submission: it would dethrone as challenger 3");
    check(Prediction::Loses, 64, -0.2, "Not worth a submission: it would lose.");
    check(Prediction::Screened("copy"), 0, 0.0, "leave it out as a copy");
    check(Prediction::Undecided, 12, 0.2, "Too early to say");
    check(Prediction::Undecided, 64, -0.2, "Not worth a submission yet");
}

#[test]
fn several_models_stand_in_one_table() {
    let models = [evaluation(Prediction::Undecided, 64, Some(0.1)), evaluation(Prediction::Loses, 64, Some(-0.2))];
    let text = several(&models);
    for part in ["0.500 (+0.100)", "0.500 (-0.200)", "undecided", "does not dethrone", "difference to theirs.gguf"] {
        assert!(text.contains(part), "{part} is not in:\n{text}");
    }
    assert_eq!(several(&[]), "");
}

#[test]
fn programs_read_none_where_nothing_was_scored() {
    let value: Value = serde_json::to_value(evaluation(Prediction::Unscored, 0, None)).unwrap();
    assert_eq!((&value["environments"][0]["mean"], &value["predicted"]), (&Value::Null, &json!("not scored")));
    assert_eq!((&value["version"], &value["replies"]["no_answer"]), (&json!(2), &json!(8)));
}
