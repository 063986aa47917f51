//! The layouts in which decisions, settings and epochs are written and read: files and logs depend on them.

use pareto::consensus::{Epoch, EpochResult};
use pareto::lab::{LabSettings, Scenario, Tasks, play};
use pareto::screens::copy::CopySettings;
use pareto::screens::{Finding, FindingKind, Yardstick};
use pareto::weights::WeightSettings;
use pareto::{
    Better, Decision, DuelSettings, HeatReason, HeatSettings, MissingChallenger, Pair, PairedScores, Reason, Verdict,
    duel,
};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

/// The keys of an object, in the order of the alphabet.
fn keys(value: &Value) -> Vec<&str> {
    let mut keys: Vec<&str> = value.as_object().expect("an object").keys().map(String::as_str).collect();
    keys.sort_unstable();
    keys
}

/// Written as expected, and read back as it was.
#[track_caller]
fn check<T: Serialize + DeserializeOwned + PartialEq + std::fmt::Debug>(value: &T, expected: &Value) {
    let written = serde_json::to_value(value).expect("plain data");
    assert_eq!(written, *expected);
    assert_eq!(serde_json::from_value::<T>(written).expect("it was written"), *value);
}

#[test]
fn verdicts_and_reasons_are_written_by_their_names() {
    check(&Verdict::Dethroned, &json!("dethroned"));
    check(&Verdict::Defended, &json!("defended"));
    check(&Verdict::Undecided, &json!("undecided"));
    check(&Reason::Better, &json!("better"));
    check(&Reason::Futile, &json!("futile"));
    check(&Reason::Inferior { environment: 2 }, &json!({"inferior": {"environment": 2}}));
    check(&Reason::BudgetSpent { environment: 0 }, &json!({"budget_spent": {"environment": 0}}));
    check(&Reason::NotBetter, &json!("not_better"));
    check(&Reason::MoreTasksNeeded, &json!("more_tasks_needed"));
    check(&[Better::OnAverage, Better::Somewhere, Better::Strict], &json!(["on_average", "somewhere", "strict"]));
    check(&Reason::BelowGuard { environment: 1 }, &json!({"below_guard": {"environment": 1}}));
    check(&HeatReason::Inferior { environment: 1 }, &json!({"inferior": {"environment": 1}}));
    check(&[HeatReason::Passed, HeatReason::TasksSpent], &json!(["passed", "tasks_spent"]));
    check(&MissingChallenger::CountsAsZero, &json!("counts_as_zero"));
    check(&MissingChallenger::LeftOut, &json!("left_out"));
}

#[test]
fn findings_are_written_by_their_names() {
    use FindingKind::{Mixture, NearTensors, SameFiles, SameOutputs, SameTensors, Twin};
    let finding = Finding {
        entry: 3,
        kind: NearTensors,
        of: Some(1),
        measure: 0.001,
        threshold: 0.002,
        yardstick: Yardstick::Whole,
    };
    let written = json!({
        "entry": 3, "kind": "near_tensors", "of": 1, "measure": 0.001, "threshold": 0.002, "yardstick": "whole",
    });
    check(&finding, &written);
    let kinds = [SameFiles, SameTensors, SameOutputs, NearTensors, Mixture, Twin];
    assert!(kinds.windows(2).all(|pair| pair[0] < pair[1]), "the most certain first");
    check(&kinds, &json!(["same_files", "same_tensors", "same_outputs", "near_tensors", "mixture", "twin"]));
    check(&[Yardstick::Tuning, Yardstick::Outputs], &json!(["tuning", "outputs"]));
}

#[test]
fn a_decision_survives_being_written_to_the_last_bit() {
    let pairs: Vec<Pair> =
        (0..37).map(|task| Pair::new(f64::from(task % 3) / 3.0, f64::from(task % 7) / 7.0)).collect();
    let scores = PairedScores { environments: vec![pairs.clone(), pairs] };
    let decision = duel(&scores, &DuelSettings::default(), 0.003).expect("valid");
    let text = serde_json::to_string(&decision).expect("plain data");
    assert_eq!(serde_json::from_str::<Decision>(&text).expect("it was written"), decision);
    let written: Value = serde_json::from_str(&text).expect("JSON");
    let mut expected = [
        "verdict",
        "reason",
        "better",
        "environments",
        "superiority_log_e",
        "superiority_settled_after",
        "futility_log_e",
        "needed_log_e",
        "needed_futility_log_e",
        "tasks_used",
        "rounds",
        "next_environment",
        "alpha",
    ];
    expected.sort_unstable();
    assert_eq!(keys(&written), expected);
    let mut expected = [
        "tasks",
        "counted",
        "champion_mean",
        "challenger_mean",
        "difference",
        "interval",
        "noninferiority_log_e",
        "superiority_log_e",
        "inferiority_log_e",
        "weight",
        "settled_after",
        "guard",
    ];
    expected.sort_unstable();
    assert_eq!(keys(&written["environments"][0]), expected);
}

/// Nothing said is the default, one thing said changes that alone, and what is not known is refused.
#[track_caller]
fn settings<T>(name: &str, value: Value, changed: &T)
where
    T: Serialize + DeserializeOwned + PartialEq + Default + std::fmt::Debug,
{
    let read = |value: Value| serde_json::from_value::<T>(value);
    assert_eq!(read(json!({})).expect("defaults"), T::default());
    assert_eq!(read(json!({name: value})).expect("one setting"), *changed);
    let error = read(json!({"no_such_setting": 1})).expect_err("unknown").to_string();
    assert!(error.contains("no_such_setting"), "{error}");
    let written = serde_json::to_value(T::default()).expect("plain data");
    assert!(keys(&written).contains(&name), "{written}");
}

#[test]
fn settings_are_read_from_as_much_as_is_said() {
    settings("budget", json!(77), &DuelSettings { budget: 77, ..DuelSettings::default() });
    settings("better", json!("strict"), &DuelSettings { better: Better::Strict, ..DuelSettings::default() });
    settings("bouts", json!(7), &HeatSettings { bouts: 7, ..HeatSettings::default() });
    settings("burn", json!(0.5), &WeightSettings { burn: 0.5, ..WeightSettings::default() });
    settings("most_noise", json!(0.1), &CopySettings { most_noise: 0.1, ..CopySettings::default() });
    settings("trials", json!(5), &LabSettings { trials: 5, ..LabSettings::default() });
}

#[test]
fn scenarios_are_written_with_their_way_of_answering() {
    check(&Tasks::Answered, &json!("answered"));
    check(&Tasks::Peeked, &json!("peeked"));
    check(&Tasks::Stalled { share: 0.5 }, &json!({"stalled": {"share": 0.5}}));
    check(&Tasks::LeakedThenFresh { share: 0.25 }, &json!({"leaked_then_fresh": {"share": 0.25}}));
    let plain = Scenario::plain("copy", false, &[0.0]);
    let written = json!({
        "name": "copy", "honest": false, "gains": [0.0], "decoys": 0, "challengers": 1, "tasks": "answered",
        "history": "single",
    });
    check(&plain, &written);
}

#[test]
fn a_row_of_the_lab_names_its_rule_in_every_cell() {
    let settings = LabSettings { trials: 4, means: vec![0.5], tasks: vec![20], ..LabSettings::default() };
    let mechanisms = settings.mechanisms();
    let rows = play(&[Scenario::plain("copy", false, &[0.0])], &mechanisms.all(), &settings, &|| ());
    let written = serde_json::to_value(&rows.expect("valid")[0]).expect("plain data");
    assert_eq!(keys(&written), ["cells", "scenario", "warned"]);
    let cells = written["cells"].as_array().expect("cells");
    let rules: Vec<&str> = cells.iter().map(|cell| cell["rule"].as_str().expect("a name")).collect();
    assert_eq!(
        rules,
        ["sequential", "window", "four_stage", "powerset", "bootstrap", "two_evaluations", "private_samples"]
    );
    let mut expected = [
        "rule",
        "trials",
        "dethroned",
        "rate",
        "upper",
        "dismissed",
        "median_tasks",
        "ninetieth_tasks",
        "winning_tasks",
        "median_rollouts",
    ];
    expected.sort_unstable();
    assert!(cells.iter().all(|cell| keys(cell) == expected), "{cells:?}");
}

#[test]
fn an_epoch_is_read_in_the_chains_spelling_with_or_without_an_owner() {
    let mut written = json!({
        "n": 1, "block": 10, "cutoff": 5, "kappa": 1, "bma": 2, "bondsPenalty": 3, "yuma3": true, "liquid": false,
        "alpha": [4, 5], "steep": -6, "lastTempo": 7, "stake": [8], "permit": [true], "lastUpdate": [9], "reg": [0],
        "weights": [[]], "bonds": [[[0, 1]]], "owner": null,
    });
    let read = |value: &Value| serde_json::from_value::<Epoch>(value.clone()).expect("an epoch");
    let epoch = read(&written);
    check(&epoch, &written);
    assert_eq!((epoch.bonds_penalty, epoch.last_tempo, epoch.alpha, epoch.steep), (3, 7, (4, 5), -6));
    written.as_object_mut().expect("an object").remove("owner");
    assert_eq!(read(&written), epoch);
    written["owner"] = json!(0);
    assert_eq!(read(&written).owner, Some(0));
    let result = EpochResult {
        stake_weight: vec![1],
        consensus: vec![2],
        incentive: vec![3],
        dividends: vec![4],
        validator_trust: vec![5],
        bonds: vec![vec![(0, 6)]],
    };
    let expected = json!({
        "stakeWeight": [1], "consensus": [2], "incentive": [3], "dividends": [4], "validatorTrust": [5],
        "bonds": [[[0, 6]]],
    });
    check(&result, &expected);
}
