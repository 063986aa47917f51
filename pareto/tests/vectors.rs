//! The published rules, checked against results of their reference implementations.

use pareto::consensus::{Epoch, EpochResult, run_epoch};
use pareto::mechanisms::{
    EntryMeans, EnvironmentVerdict, FourStage, MeansRule, Mechanism, Ruling, Sides, WindowMargin, WindowRule,
};
use serde_json::Value;

fn file(name: &str) -> Value {
    let path = format!("{}/../tests/fixtures/vectors/{name}.json", env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"));
    serde_json::from_str(&text).expect("the fixture is JSON")
}

fn cases(name: &str) -> Vec<Value> {
    file(name)["cases"].as_array().expect("the fixture has cases").clone()
}

fn scores(value: &Value) -> Vec<Option<f64>> {
    value.as_array().expect("a list").iter().map(Value::as_f64).collect()
}

#[test]
fn the_window_rule_decides_every_recorded_duel_as_its_reference_does() {
    let cases = cases("window");
    assert_eq!(cases.len(), 300);
    for (place, case) in cases.iter().enumerate() {
        let environments = case["environments"].as_array().unwrap();
        let sides: Vec<_> =
            environments.iter().map(|one| (scores(&one["champion"]), scores(&one["challenger"]))).collect();
        let rule = WindowRule {
            margins: environments
                .iter()
                .map(|one| WindowMargin {
                    margin: one["margin"].as_f64().unwrap(),
                    not_worse_tolerance: one["not_worse_tolerance"].as_f64().unwrap(),
                    min_tasks: one["min_tasks"].as_u64().unwrap() as usize,
                })
                .collect(),
            min_dominant: case["min_dominant"].as_u64().unwrap() as usize,
        };
        let named = |(champion, challenger)| Sides { environment: "", champion, challenger, ..Sides::default() };
        let sides: Vec<Sides<'_>> = sides.iter().map(|(one, two)| named((one, two))).collect();
        let judgement = rule.compare(&sides).unwrap();
        let expected: Vec<EnvironmentVerdict> =
            serde_json::from_value(case["expected"]["per_environment"].clone()).unwrap();
        assert_eq!(judgement.per_environment, expected, "case {place}");
        assert_eq!(judgement.dethroned, case["expected"]["winner"] == "challenger", "case {place}");
    }
}

#[test]
fn the_four_stage_rule_gives_every_recorded_field_the_weights_its_reference_does() {
    let cases = cases("four_stage");
    assert_eq!(cases.len(), 200);
    for (place, case) in cases.iter().enumerate() {
        let names: Vec<&str> =
            case["environments"].as_array().unwrap().iter().map(|name| name.as_str().unwrap()).collect();
        let miners = case["miners"].as_array().unwrap();
        let entries: Vec<EntryMeans> = miners
            .iter()
            .map(|miner| EntryMeans {
                order: (miner["first_block"].as_u64().unwrap(), miner["uid"].as_u64().unwrap() as u32),
                means: names.iter().map(|name| miner["means"][name].as_f64().unwrap()).collect(),
                counts: vec![1; names.len()],
                valid: names.iter().map(|name| miner["valid"][name].as_bool().unwrap()).collect(),
            })
            .collect();
        let Ruling { weights, burned, .. } = FourStage::default().rule_on_means(&entries, None).unwrap();
        let expected = |uid: u64| case["expected"][uid.to_string()].as_f64();
        for (miner, weight) in miners.iter().zip(&weights) {
            let wanted = expected(miner["uid"].as_u64().unwrap()).unwrap();
            assert!((weight - wanted).abs() < 1e-9, "case {place}: {miner} got {weight}, not {wanted}");
        }
        if let Some(wanted) = expected(0) {
            assert!((burned - wanted).abs() < 1e-9, "case {place}: {burned} burned, not {wanted}");
        }
        let total = weights.iter().sum::<f64>() + burned;
        assert!((total - 1.0).abs() < 1e-12, "case {place}: the weights sum to {total}");
    }
}

#[test]
fn every_recorded_epoch_is_computed_to_the_bit() {
    let file = file("yuma");
    let vectors = file["vectors"].as_array().unwrap();
    assert_eq!(vectors.len(), 70);
    let mut wrong = Vec::new();
    for (place, vector) in vectors.iter().enumerate() {
        let epoch: Epoch = serde_json::from_value(vector["input"].clone()).unwrap();
        let expected: EpochResult = serde_json::from_value(vector["runtime"].clone()).unwrap();
        let found = run_epoch(&epoch).unwrap();
        if found != expected {
            wrong.push((place, epoch.yuma3, epoch.liquid, epoch.bonds_penalty));
        }
    }
    assert!(wrong.is_empty(), "{} of 70: {wrong:?}", wrong.len());
}
