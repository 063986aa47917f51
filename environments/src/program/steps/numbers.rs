//! Steps that take a number.

use super::step::{
    InformationLoss::{Low, Partial},
    Step, expression, statements, step,
};
use crate::program::ValueKind::{Number, Numbers, Text};

/// All steps that take a number.
pub(super) const STEPS: &[Step] = &[
    step(Number, Number, 0, Low, |draws| {
        let k = draws.between(2, 9);
        expression(format!("$x + {k}"), format!("add {k} to it"))
    }),
    step(Number, Number, 0, Low, |draws| {
        let k = draws.between(2, 9);
        expression(format!("$x - {k}"), format!("subtract {k} from it"))
    }),
    step(Number, Number, 0, Low, |draws| {
        let k = *draws.choose(&[2, 3, 10, 100]);
        expression(format!("$x * {k}"), format!("multiply it by {k}"))
    }),
    step(Number, Text, 0, Low, |draws| {
        let tail = *draws.choose(&["px", "kg", "%", "th", "am", "pm", "cm"]);
        expression(format!("str($x) + \"{tail}\""), format!("write it in decimal followed by \"{tail}\""))
    }),
    step(Number, Number, 1, Low, |draws| {
        let (a, b) = (draws.between(2, 9), draws.between(1, 30));
        expression(format!("$x * {a} + {b}"), format!("multiply it by {a} and add {b}"))
    }),
    step(Number, Number, 1, Low, |draws| {
        let k = draws.between(20, 120);
        expression(format!("{k} - $x"), format!("subtract it from {k}"))
    }),
    step(Number, Text, 1, Low, |_| expression("str($x)[::-1]", "write it in decimal and reverse the characters")),
    step(Number, Number, 1, Partial, |draws| {
        let (k, a, b) = (draws.between(10, 60), draws.between(3, 40), draws.between(2, 6));
        statements(
            &format!("if $x > {k}:\n    $y = $x - {a}\nelse:\n    $y = $x * {b}"),
            format!("if it is greater than {k} subtract {a} from it, otherwise multiply it by {b}"),
        )
    }),
    step(Number, Number, 2, Partial, |draws| {
        let (a, b) = (draws.between(1, 40), draws.between(1, 20));
        statements(
            &format!("if $x % 2 == 0:\n    $y = $x // 2 + {a}\nelse:\n    $y = $x * 3 + {b}"),
            format!("if it is even halve it and add {a}, otherwise multiply it by 3 and add {b}"),
        )
    }),
    step(Number, Number, 2, Low, |draws| {
        let (times, a) = (draws.between(2, 4), draws.between(2, 3));
        statements(
            &format!("$y = $x\nfor i in range({times}):\n    $y = $y * {a} + i"),
            format!("for i from 0 to {} in turn: multiply it by {a} and add i", times - 1),
        )
    }),
    step(Number, Number, 2, Partial, |draws| {
        let modulus = *draws.choose(&[97, 101, 127, 211, 307, 509, 997]);
        let a = draws.between(3, 60);
        expression(
            format!("($x * {a}) % {modulus}"),
            format!(
                "multiply it by {a} and take the remainder, from 0 to {}, after division by {modulus}",
                modulus - 1
            ),
        )
    }),
    step(Number, Number, 2, Low, |draws| {
        let k = draws.between(5, 63);
        expression(format!("$x ^ {k}"), format!("take its bitwise exclusive or with {k}, as Python's ^ does"))
    }),
    step(Number, Number, 2, Low, |draws| {
        let k = draws.between(2, 9);
        expression(
            format!("$x * {k} + sum(int(d) for d in str(abs($x)))"),
            format!("multiply it by {k} and add the sum of the decimal digits that it had before"),
        )
    }),
    step(Number, Numbers, 2, Low, |draws| {
        let (count, k) = (draws.between(3, 5), draws.between(2, 9));
        expression(
            format!("[$x + i * {k} for i in range({count})]"),
            format!(
                "make the list of {count} numbers that starts with it and in which each is {k} more \
                    than the last"
            ),
        )
    }),
    step(Number, Numbers, 2, Partial, |draws| {
        let (count, modulus) = (draws.between(4, 6), *draws.choose(&[11, 13, 17, 23, 29]));
        expression(
            format!("[$x * i % {modulus} for i in range(1, {count})]"),
            format!("make the list of its multiples by 1 to {}, each modulo {modulus}", count - 1),
        )
    }),
    step(Number, Number, 3, Partial, |draws| {
        let (times, a, modulus) = (draws.between(3, 6), draws.between(3, 40), *draws.choose(&[509, 769, 997, 1009]));
        statements(
            &format!("$y = $x\nfor i in range({times}):\n    $y = ($y * {a} + i) % {modulus}"),
            format!(
                "for i from 0 to {} in turn: multiply it by {a}, add i and take the remainder modulo \
                    {modulus}",
                times - 1
            ),
        )
    }),
    step(Number, Number, 3, Low, |draws| {
        let (times, k) = (draws.between(4, 9), draws.between(1, 9));
        statements(
            &format!("p, q = $x, {k}\nfor i in range({times}):\n    p, q = q, p + q\n$y = q"),
            format!(
                "start a sequence with it and {k}, in which each further term is the sum of the two \
                    before, \
                 and take the term that follows after {times} additions"
            ),
        )
    }),
    step(Number, Number, 3, Partial, |draws| {
        let (rows, modulus) = (draws.between(3, 6), draws.between(5, 9));
        statements(
            &format!(
                "$y = $x\nfor i in range(1, {rows}):\n    for j in range(i):\n        \
                    $y += ($x + i * j) % {modulus}"
            ),
            format!(
                "call it v; for every i from 1 to {} and every j from 0 to i - 1 add (v + i * j) \
                    modulo {modulus} to it",
                rows - 1
            ),
        )
    }),
    step(Number, Number, 3, Partial, |draws| {
        let (size, k) = (draws.between(20, 60), draws.between(1, 9));
        statements(
            &format!(
                "def f(n):\n    if n < 3:\n        return n + {k}\n    return f(n // 2) + f(n // 3)\n\
                    $y = $x + f($x % {size})"
            ),
            format!(
                "let f(n) be n + {k} where n < 3, and f(n // 2) + f(n // 3) elsewhere; \
                 add f of its remainder modulo {size} to it"
            ),
        )
    }),
    step(Number, Number, 4, Partial, |draws| {
        let (power, modulus) = (draws.between(3, 13), *draws.choose(&[997, 1009, 2003, 4099, 7919]));
        expression(format!("pow($x, {power}, {modulus})"), format!("raise it to the power {power} modulo {modulus}"))
    }),
    step(Number, Number, 4, Partial, |draws| {
        let (times, a, b) = (draws.between(6, 12), draws.between(3, 9), draws.between(1, 99));
        statements(
            &format!(
                "$y = $x\nfor i in range({times}):\n    if $y % 3 == i % 3:\n        \
                    $y = $y * {a} + {b}\n    \
                 else:\n        $y = $y // 2 - i"
            ),
            format!(
                "for i from 0 to {} in turn: if it and i leave the same remainder modulo 3 multiply it \
                    by {a} and add {b}, \
                 otherwise halve it, rounding down, and subtract i",
                times - 1
            ),
        )
    }),
];
