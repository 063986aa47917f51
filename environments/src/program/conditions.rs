//! Conditions on a line of input that hold for about half of all drawn ones.

use super::ValueKind;
use crate::seed::Draws;

/// A condition in Python, where `$x` stands for the value, and in English.
pub(super) type Condition = (&'static str, &'static str);

/// Draws a condition on a value.
pub(super) fn condition(draws: &mut Draws, kind: ValueKind) -> Condition {
    *draws.choose(match kind {
        ValueKind::Number => NUMBER,
        ValueKind::Text => TEXT,
        ValueKind::Numbers => NUMBERS,
        ValueKind::Words => WORDS,
    })
}

const NUMBER: &[Condition] = &[
    ("$x % 2 == 0", "the input is even"),
    ("$x % 2 == 1", "two does not divide the input"),
    ("$x // 10 % 2 == 0", "the last but one decimal digit of the input is even"),
];
const TEXT: &[Condition] = &[
    ("$x[0] < \"m\"", "the first letter of the input comes before m in the alphabet"),
    ("$x[-1] > \"k\"", "the input ends with a letter that stands behind k in the alphabet"),
    ("$x[0] < $x[-1]", "the letter that begins the input precedes, in the alphabet, the one that ends it"),
];
const NUMBERS: &[Condition] = &[
    ("$x[0] > $x[-1]", "the first number of the input exceeds the last"),
    ("sum($x) % 2 == 0", "the sum of the input is even"),
    ("$x[1] % 2 == 1", "the second number of the input is odd"),
];
const WORDS: &[Condition] = &[
    ("len($x[0]) < len($x[-1])", "the last word of the input is longer than the first"),
    ("$x[0] < $x[1]", "the first two words of the input stand in the order of a dictionary"),
    ("$x[-1][0] < \"m\"", "the last word of the input begins with a letter before m"),
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::program::{Probe, draw_input};
    use crate::seed::Seed;
    use crate::test_sandbox::{block_on, sandbox};

    #[test]
    fn a_condition_holds_for_about_half_of_all_inputs() {
        let probe = Probe::new(sandbox().clone());
        let tables = [
            (ValueKind::Number, NUMBER),
            (ValueKind::Text, TEXT),
            (ValueKind::Numbers, NUMBERS),
            (ValueKind::Words, WORDS),
        ];
        for (kind, table) in tables {
            for (code, _) in table {
                let read = match kind {
                    ValueKind::Number => "int(input())",
                    ValueKind::Text => "input()",
                    ValueKind::Numbers => "[int(v) for v in input().split()]",
                    ValueKind::Words => "input().split()",
                };
                let program = format!("x = {read}\nprint({})", code.replace("$x", "x"));
                for tier in 0..5 {
                    let inputs: Vec<String> =
                        (0..100).map(|seed| draw_input(&mut Draws::new("half", Seed(seed), 0), kind, tier)).collect();
                    let printed = block_on(probe.outputs(&program, &inputs)).unwrap();
                    let holds = printed.iter().filter(|line| line.as_deref() == Some("True")).count();
                    assert!((22..=78).contains(&holds), "{code} holds for {holds} of 100 at tier {tier}");
                }
            }
        }
    }
}
