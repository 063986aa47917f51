//! What a specification says, in whatever form.

use std::collections::BTreeSet;

use super::{Specification, Way, in_order};
use crate::program::ValueKind;
use crate::seed::{Draws, Seed};

fn ways(items: &[&[&str]]) -> Vec<Way> {
    let way = |sentences: &&[&str]| Way {
        sentences: sentences.iter().map(|&sentence| sentence.to_owned()).collect(),
        gives: ValueKind::Text,
    };
    items.iter().map(way).collect()
}

fn written(seed: u64, ways: &[Way], condition: Option<&'static str>, decoys: &[&str]) -> String {
    let decoys = decoys.iter().map(|&decoy| decoy.to_owned()).collect();
    Specification { reads: ValueKind::Text, ways, condition, decoys }.write(&mut Draws::new("written", Seed(seed), 0))
}

#[test]
fn every_step_and_every_decoy_is_said_in_some_wording() {
    let ways = ways(&[&["reverse it", "append \"abc\" to it"]]);
    for seed in 0..200 {
        let text = written(seed, &ways, None, &["put \"xyz\" in front of it"]);
        for part in ["\"abc\"", "\"xyz\""] {
            assert_eq!(text.matches(part).count(), 1, "{text}");
        }
        let reversal = ["reverse it", "turn it round", "right to left", "mirror it"];
        assert_eq!(reversal.iter().filter(|&&part| text.contains(part)).count(), 1, "{text}");
    }
}

#[test]
fn forms_differ_in_the_order_in_which_steps_are_said() {
    let ways = ways(&[&["append \"abc\" to it", "put \"xyz\" in front of it"]]);
    let (mut forwards, mut backwards, mut texts) = (0, 0, BTreeSet::new());
    for seed in 0..300 {
        let text = written(seed, &ways, None, &["reverse it"]);
        match text.find("\"abc\"") < text.find("\"xyz\"") {
            true => forwards += 1,
            false => backwards += 1,
        }
        texts.insert(text);
    }
    assert!(forwards > 75 && backwards > 75, "{forwards} forwards, {backwards} backwards");
    assert_eq!(texts.len(), 300, "no two are alike");
}

#[test]
fn a_condition_names_both_ways() {
    let ways = ways(&[&["reverse it"], &["take its last character", "change its letters to upper case"]]);
    for seed in 0..100 {
        let text = written(seed, &ways, Some("it begins with \"q\""), &["take its length"]);
        assert_eq!(text.matches("it begins with \"q\"").count(), 1, "{text}");
        assert!(text.to_lowercase().contains("carry out"), "{text}");
    }
}

#[test]
fn an_order_is_told_in_words_that_say_which_comes_first() {
    let rows =
        ["A, then B, then C", "A and B and C (in this order)", "C, B, A (the last one first)", "C after B after A"];
    let found: BTreeSet<String> =
        (0..40).map(|seed| in_order(&mut Draws::new("order", Seed(seed), 0), &["A", "B", "C"])).collect();
    assert_eq!(found, rows.map(str::to_owned).into_iter().collect());
    assert_eq!(in_order(&mut Draws::new("order", Seed(0), 0), &["A"]), "A alone");
}
