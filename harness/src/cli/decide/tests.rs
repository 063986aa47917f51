use super::*;
use serde_json::{Value, json};

fn arguments(mechanism: &str) -> Arguments {
    Arguments {
        mechanism: mechanism.to_owned(),
        alpha: 0.01,
        challenger: 1,
        tolerance: None,
        standard_errors: None,
        file: PathBuf::new(),
    }
}

fn fixture(name: &str) -> Value {
    let path = format!("{}/../tests/fixtures/vectors/{name}.json", env!("CARGO_MANIFEST_DIR"));
    read(Path::new(&path)).expect("the fixture is there")
}

#[test]
fn recorded_duels_are_decided_as_recorded() {
    let value = fixture("window");
    let file: DuelFile = serde_json::from_value(value.clone()).expect("the layout");
    for (place, case) in file.cases.iter().enumerate() {
        let found = serde_json::to_value(duel(case, &file.duel, &arguments("window")).expect("whole scores"))
            .expect("plain data");
        let expected = &value["cases"][place]["expected"];
        let expected = json!({"winner": expected["winner"], "per_environment": expected["per_environment"]});
        assert_eq!(found, expected, "case {place}");
    }
}

#[test]
fn recorded_fields_get_the_recorded_weights() {
    let value = fixture("four_stage");
    let file: FieldFile = serde_json::from_value(value.clone()).expect("the layout");
    for (place, case) in file.cases.iter().enumerate() {
        let found = field(case, &file, &arguments("four_stage")).expect("a field").weights;
        let expected: BTreeMap<u16, f64> =
            serde_json::from_value(value["cases"][place]["expected"].clone()).expect("weights by uid");
        assert_eq!(found.keys().collect::<Vec<_>>(), expected.keys().collect::<Vec<_>>(), "case {place}");
        for (uid, weight) in &found {
            assert!((weight - expected[uid]).abs() < 1e-9, "case {place}, uid {uid}: {weight}");
        }
    }
}

#[test]
fn any_recorded_duel_can_be_decided_sequentially_and_is_explained() {
    let file: DuelFile = serde_json::from_value(fixture("window")).expect("the layout");
    for case in &file.cases {
        let ruling = duel(case, &file.duel, &arguments("sequential")).expect("a duel");
        assert_eq!(ruling.per_environment.len(), case.environments.len());
        assert!(ruling.why.expect("a reason").ends_with('.'));
    }
}

#[test]
fn a_score_that_is_missing_counts_against_the_challenger() {
    let decided = |challenger: Value| {
        let case = json!({"environments": [{"id": "sat", "champion": vec![0.5; 200], "challenger": challenger}]});
        let case: DuelCase = serde_json::from_value(case).expect("the layout");
        let settings = DuelSettings { budget: 200, ..DuelSettings::default() };
        let ruling = duel(&case, &settings, &arguments("sequential")).expect("a duel");
        (ruling.winner, duel(&case, &settings, &arguments("window")).is_ok())
    };
    let right = |count: usize| json!(vec![Some(1.0); count]);
    let gaps: Vec<Option<f64>> = (0..200).map(|task| (task % 4 == 0).then_some(1.0)).collect();
    assert_eq!(decided(right(200)), ("challenger", true));
    assert_eq!(decided(right(5)).0, "champion");
    assert_eq!(decided(json!(gaps)), ("champion", false));
}

/// The weights of one field, or why there are none.
fn weights(mechanism: &str, standard_errors: Option<f64>, file: Value) -> Result<BTreeMap<u16, f64>, String> {
    let file: FieldFile = serde_json::from_value(file).expect("the layout");
    let arguments = Arguments { standard_errors, ..arguments(mechanism) };
    field(&file.cases[0], &file, &arguments).map(|ruling| ruling.weights)
}

fn one_field(miners: &Value) -> Value {
    json!({"cases": [{"environments": ["sat"], "miners": miners}]})
}

#[test]
fn a_field_that_cannot_be_ruled_on_is_refused_with_what_it_lacks() {
    let refused = |mechanism: &str, errors, miners: Value, why: &str| {
        assert_eq!(weights(mechanism, errors, one_field(&miners)), Err(why.to_owned()), "{mechanism} {miners}");
    };
    let mean = json!([{"uid": 3, "first_block": 1, "means": {"sat": 0.5}}]);
    refused("four_stage", Some(1.5), mean.clone(), "uid 3 has no count in sat, which `--standard-errors` needs");
    refused("sequential", None, mean, "`sequential` pairs scores by task, and means have none; give `scores`");
    let valid = json!([{"uid": 3, "first_block": 1, "valid": {"sat": true}}]);
    refused("powerset", None, valid, "uid 3 is valid in sat but has no mean there");
    let other = json!([{"uid": 3, "first_block": 1, "scores": {"coding": [1.0]}}]);
    refused("window", None, other, "uid 3 has no scores in sat");
    let mixed = json!([{"uid": 3, "first_block": 1, "scores": {"sat": [1.0]}}, {"uid": 4, "first_block": 2}]);
    refused("window", None, mixed, "uid 4 has no scores, and others have");
    let mut file = one_field(&json!([{"uid": 3, "first_block": 1, "means": {"sat": 0.5}}]));
    file["cases"][0]["champion"] = json!(9);
    let why = "the champion is uid 9, and no miner has it".to_owned();
    assert_eq!(weights("window", None, file), Err(why));
}

#[test]
fn every_mechanism_rules_on_a_field_of_scores() {
    let half: Vec<f64> = (0..300).map(|task| f64::from(task % 2)).collect();
    let file = one_field(&json!([
        {"uid": 7, "first_block": 5, "scores": {"sat": vec![1.0; 300]}},
        {"uid": 3, "first_block": 1, "scores": {"sat": half}},
        {"uid": 9, "first_block": 6, "scores": {"sat": vec![1.0; 300]}},
    ]));
    for mechanism in Mechanisms::default().all() {
        let found = weights(mechanism.name(), None, file.clone());
        assert_eq!(found, Ok(BTreeMap::from([(3, 0.0), (7, 1.0), (9, 0.0)])), "{}", mechanism.name());
    }
    // A champion that is as good as the best stays.
    let mut reigning = file;
    reigning["cases"][0]["champion"] = json!(9);
    for mechanism in ["sequential", "window"] {
        assert_eq!(weights(mechanism, None, reigning.clone()).expect("a field")[&9], 1.0, "{mechanism}");
    }
}

#[test]
fn the_flags_decide_over_the_file() {
    let case = json!({"environments": [{"id": "sat", "champion": vec![0.5; 60], "challenger": vec![0.9; 60]}]});
    let case: DuelCase = serde_json::from_value(case).expect("the layout");
    let winner = |challenger, alpha, tolerance| {
        let arguments = Arguments { challenger, alpha, tolerance, ..arguments("sequential") };
        duel(&case, &DuelSettings { tolerance: 0.3, ..DuelSettings::default() }, &arguments).map(|ruling| ruling.winner)
    };
    assert_eq!(winner(1, 0.01, None), Ok("challenger"));
    assert_eq!(winner(100_000, 0.000_01, None), Ok("champion"), "its number leaves it less alpha");
    assert!(winner(1, 0.0, None).expect_err("alpha").contains("a reign's alpha is 0"));
    assert!(winner(1, 0.01, Some(0.9)).expect_err("tolerance").contains("tolerance is 0.9"));
}

#[test]
fn names_are_taken_with_either_stroke_and_no_others() {
    let parse = |name: &str| {
        let command = clap::Command::new("decide").arg(clap::Arg::new("mechanism").value_parser(rules()));
        let matches = command.try_get_matches_from(["decide", name]).ok()?;
        matches.get_one::<String>("mechanism").cloned()
    };
    for name in ["sequential", "window", "four_stage", "powerset", "yuma"] {
        assert_eq!(parse(name).as_deref(), Some(name));
    }
    assert_eq!(parse("four-stage").as_deref(), Some("four_stage"));
    assert_eq!((parse("four stage"), parse("Yuma")), (None, None));
}

#[test]
fn a_case_that_cannot_be_ruled_on_is_named() {
    let problem =
        each(&[1, 2], Path::new("field.json"), |case| if *case == 1 { Ok(()) } else { Err("no mean".into()) });
    assert_eq!(problem.expect_err("the second").summary, "case 1 of field.json: no mean");
}

#[test]
fn a_rule_on_whole_fields_refuses_a_duel() {
    let case = json!({"environments": [{"id": "sat", "champion": [0.5], "challenger": [1.0]}]});
    let case: DuelCase = serde_json::from_value(case).expect("the layout");
    for mechanism in ["four_stage", "powerset"] {
        let why = duel(&case, &DuelSettings::default(), &arguments(mechanism)).expect_err("a duel");
        assert!(why.contains("rules on whole fields"), "{why}");
    }
}
