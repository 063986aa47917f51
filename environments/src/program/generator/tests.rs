//! Properties of drawn programs.

use std::collections::BTreeSet;

use super::{GeneratedProgram, Purpose, fits};
use crate::program::{
    Probe, ValueKind, draw_input, is_plain_line,
    steps::{InformationLoss, all_steps},
};
use crate::seed::{Draws, Seed};
use crate::test_sandbox::{block_on, sandbox};

const KINDS: [ValueKind; 4] = [ValueKind::Number, ValueKind::Text, ValueKind::Numbers, ValueKind::Words];
const PURPOSES: [Purpose; 3] = [Purpose::Deduce, Purpose::Invert, Purpose::Specify];

fn draw(seed: u64, tier: u8, purpose: Purpose) -> GeneratedProgram {
    GeneratedProgram::draw(&mut Draws::new("generator", Seed(seed), 0), tier, purpose)
}

#[test]
fn a_seed_gives_one_program_and_seeds_give_many() {
    for tier in 0..5 {
        for purpose in PURPOSES {
            let programs: Vec<GeneratedProgram> = (0..60).map(|seed| draw(seed, tier, purpose)).collect();
            assert!((0..60).all(|seed| programs[usize::try_from(seed).unwrap()] == draw(seed, tier, purpose)));
            let distinct: BTreeSet<&str> = programs.iter().map(|program| program.source.as_str()).collect();
            let least = if tier == 0 { 45 } else { 55 };
            assert!(distinct.len() >= least, "{} of 60 differ at tier {tier} for {purpose:?}", distinct.len());
        }
    }
}

/// Of 2^40 equally likely tasks 2^17 draws repeat one once in 128 times; of 2^30 they repeat eight. Every tier was drawn from
/// as often once; the tiers above the easiest have more tasks.
#[test]
fn tasks_are_not_drawn_twice() {
    for (tier, drawn) in [(0, 1 << 17), (1, 1 << 13), (2, 1 << 13), (3, 1 << 13), (4, 1 << 13)] {
        for purpose in PURPOSES {
            let task = |seed: u64| {
                let program = draw(seed, tier, purpose);
                let mut inputs = Draws::new("inputs", Seed(seed), 0);
                let inputs: [String; 3] = std::array::from_fn(|_| draw_input(&mut inputs, program.reads, tier));
                *blake3::hash(format!("{}\n{}\n{}", program.source, program.description, inputs.join("\n")).as_bytes())
                    .as_bytes()
            };
            let distinct: BTreeSet<[u8; 32]> = (0..drawn).map(task).collect();
            assert_eq!(distinct.len() as u64, drawn, "tier {tier}, {purpose:?}");
        }
    }
}

#[test]
fn every_step_is_reached_at_some_tier_and_no_state_is_a_dead_end() {
    for purpose in PURPOSES {
        for tier in 0..5 {
            for kind in KINDS {
                for last in [false, true] {
                    let fitting = all_steps().filter(|step| fits(step, kind, tier, purpose, last)).count();
                    assert!(fitting > 0, "nothing takes {kind:?} at tier {tier} for {purpose:?}, last: {last}");
                }
            }
        }
    }
    for step in all_steps() {
        let reached = (0..5).any(|tier| fits(step, step.takes, tier, Purpose::Deduce, false));
        assert!(reached, "a step of tier {} is never used", step.tier);
        let lowest = (0..5).find(|&tier| fits(step, step.takes, tier, Purpose::Deduce, false));
        assert_eq!(lowest, Some(step.tier));
    }
}

#[test]
fn lossy_steps_end_no_program_and_stay_out_of_inverted_ones() {
    for step in all_steps().filter(|step| step.loss != InformationLoss::Low) {
        for tier in 0..5 {
            let inverted = fits(step, step.takes, tier, Purpose::Invert, false);
            assert!(!inverted || (step.loss == InformationLoss::Partial && tier >= 2));
            let ends = fits(step, step.takes, tier, Purpose::Deduce, true);
            assert!(!ends || step.loss == InformationLoss::Partial);
        }
    }
}

#[test]
fn programs_and_descriptions_grow_with_the_tier() {
    let mean = |tier, measure: fn(&GeneratedProgram) -> usize| {
        (0..200).map(|seed| measure(&draw(seed, tier, Purpose::Deduce))).sum::<usize>() / 200
    };
    for tier in 1..5 {
        let lines = |program: &GeneratedProgram| program.source.lines().count();
        assert!(mean(tier, lines) >= mean(tier - 1, lines), "tier {tier}");
    }
    let words = |tier| {
        let count = |seed| draw(seed, tier, Purpose::Specify).description.split_whitespace().count();
        (0..200).map(count).sum::<usize>() / 200
    };
    for tier in 1..5 {
        assert!(words(tier) > words(tier - 1), "tier {tier}");
    }
}

#[test]
fn lines_that_a_program_does_not_need_change_nothing() {
    let probe = Probe::new(sandbox().clone());
    for tier in 0..5 {
        for seed in 0..10 {
            let mut draws = Draws::new("scattered", Seed(seed), u32::from(tier));
            let program = GeneratedProgram::draw(&mut draws, tier, Purpose::Deduce);
            let inputs: Vec<String> = (0..3).map(|_| draw_input(&mut draws, program.reads, tier)).collect();
            let names = super::super::distractors::names();
            let needed = |line: &&str| !names.iter().any(|name| line.starts_with(&format!("{name} = ")));
            let bare: Vec<&str> = program.source.lines().filter(needed).collect();
            assert_eq!(bare.len() + super::DISTRACTORS, program.source.lines().count(), "{}", program.source);
            let outputs = |source: &str| block_on(probe.outputs(source, &inputs)).unwrap();
            assert_eq!(outputs(&program.source), outputs(&bare.join("\n")), "{}", program.source);
        }
    }
}

#[test]
fn drawn_programs_print_one_line_for_nearly_every_drawn_input() {
    let probe = Probe::new(sandbox().clone());
    for tier in 0..5 {
        let (mut printed, mut plain) = (0, 0);
        for seed in 0..25 {
            let mut draws = Draws::new("run", Seed(seed), u32::from(tier));
            let program = GeneratedProgram::draw(&mut draws, tier, Purpose::Deduce);
            let inputs: Vec<String> = (0..4).map(|_| draw_input(&mut draws, program.reads, tier)).collect();
            for output in block_on(probe.outputs(&program.source, &inputs)).unwrap() {
                printed += usize::from(output.is_some());
                plain += usize::from(output.is_some_and(|output| is_plain_line(&output, 160)));
            }
        }
        assert!(printed >= 85 && plain >= 70, "tier {tier}: {printed} printed, {plain} plain of 100");
    }
}

#[test]
fn drawn_inputs_are_of_their_kind_and_grow_with_the_tier() {
    for tier in 0..6 {
        for kind in KINDS {
            for seed in 0..40 {
                let input = draw_input(&mut Draws::new("input", Seed(seed), 0), kind, tier);
                assert!(is_plain_line(&input, 80), "{input:?}");
                let words: Vec<&str> = input.split(' ').collect();
                let numbers = words.iter().all(|word| word.parse::<u32>().is_ok_and(|number| number > 0));
                let letters = words.iter().all(|word| word.bytes().all(|byte| byte.is_ascii_lowercase()));
                let expected = match kind {
                    ValueKind::Number => numbers && words.len() == 1,
                    ValueKind::Text => letters && words.len() == 1,
                    ValueKind::Numbers => numbers && words.len() == [3, 4, 5, 6, 8, 8][usize::from(tier)],
                    ValueKind::Words => letters && words.len() == [2, 3, 3, 4, 5, 5][usize::from(tier)],
                };
                assert!(expected, "{kind:?} at tier {tier}: {input:?}");
            }
        }
    }
}

#[test]
fn a_program_that_fails_gives_no_output_and_spoils_no_other() {
    let probe = Probe::new(sandbox().clone());
    let inputs = |items: &[&str]| items.iter().map(|&item| item.to_owned()).collect::<Vec<_>>();
    type Row<'a> = (&'a str, &'a [&'a str], &'a [Option<&'a str>]);
    let rows: &[Row<'_>] = &[
        ("print(int(input()) + 1)", &["1", "x", "3"], &[Some("2"), None, Some("4")]),
        ("print(*input().split())", &["a b", ""], &[Some("a b"), Some("")]),
        ("print(input())\nprint(input())", &["a"], &[None]),
        ("print('a')\nprint('b')", &["x"], &[Some("a\nb")]),
        ("n = int(input())\nwhile n: pass\nprint(n)", &["0", "1"], &[None, None]),
        ("print(1", &["a"], &[None]),
        ("pass", &["a"], &[Some("")]),
    ];
    for (program, given, expected) in rows {
        let found = block_on(probe.outputs(program, &inputs(given))).unwrap();
        let found: Vec<Option<&str>> = found.iter().map(Option::as_deref).collect();
        assert_eq!(found, *expected, "{program}");
    }
}

#[test]
fn a_plain_line_survives_extraction_unchanged() {
    let rows = [
        ("cat", true),
        ("a b c", true),
        ("-12", true),
        ("\"quoted\"", true),
        ("", false),
        (" a", false),
        ("a ", false),
        ("a  b", false),
        ("a\nb", false),
        ("a\tb", false),
        ("a: b", false),
        ("**a**", false),
        ("`a`", false),
        ("é", false),
        ("\u{7f}", false),
        ("twelve bytes", true),
        ("thirteen byte", false),
    ];
    for (line, plain) in rows {
        assert_eq!(is_plain_line(line, 12), plain, "{line:?}");
        if plain {
            assert_eq!(crate::extract::answer(&format!("So:\nAnswer: {line}")), Some(line));
            assert_eq!(crate::extract::answer(line), Some(line));
        }
    }
}
