//! Steps that take a list of numbers.

use super::step::{
    InformationLoss::{High, Low, Partial},
    Step, expression, statements, step,
};
use crate::program::ValueKind::{Number, Numbers, Text};

/// All steps that take a list of numbers.
pub(super) const STEPS: &[Step] = &[
    step(Numbers, Numbers, 0, Low, |_| expression("$x[::-1]", "reverse the list")),
    step(Numbers, Numbers, 0, Partial, |_| expression("sorted($x)", "sort the list in ascending order")),
    step(Numbers, Numbers, 0, Low, |draws| {
        let k = draws.between(1, 9);
        expression(format!("$x + [{k}]"), format!("append {k} to the list"))
    }),
    step(Numbers, Numbers, 0, Low, |draws| {
        let k = draws.between(1, 9);
        expression(format!("[{k}] + $x"), format!("put {k} in front of the list"))
    }),
    step(Numbers, Number, 0, Partial, |draws| {
        let (code, what) = *draws.choose(&[
            ("max($x)", "take the largest number"),
            ("min($x)", "take the smallest number"),
            ("$x[-1]", "take the last number"),
            ("$x[1]", "take the second number"),
        ]);
        expression(code, what)
    }),
    step(Numbers, Number, 1, Partial, |_| expression("sum($x)", "add them all up")),
    step(Numbers, Numbers, 1, Low, |draws| {
        let (a, b) = (draws.between(2, 5), draws.between(1, 9));
        expression(format!("[v * {a} + {b} for v in $x]"), format!("multiply each number by {a} and add {b}"))
    }),
    step(Numbers, Numbers, 1, Low, |draws| {
        let k = draws.between(1, 2);
        expression(
            format!("$x[{k}:] + $x[:{k}]"),
            format!("move the first {} to the end", if k == 1 { "number".to_owned() } else { format!("{k} numbers") }),
        )
    }),
    step(Numbers, Text, 1, Low, |draws| {
        let between = *draws.choose(&["-", "/", "+", "_"]);
        expression(
            format!("\"{between}\".join(str(v) for v in $x)"),
            format!("write the numbers in decimal, joined with \"{between}\""),
        )
    }),
    step(Numbers, Numbers, 2, Partial, |draws| {
        let (parity, name) = *draws.choose(&[(0, "even"), (1, "odd")]);
        expression(format!("[v for v in $x if v % 2 == {parity}]"), format!("keep the {name} numbers only"))
    }),
    step(Numbers, Numbers, 2, Low, |_| {
        statements(
            "$y = []\ntotal = 0\nfor v in $x:\n    total += v\n    $y.append(total)",
            "replace each number by the sum of all numbers up to and with it",
        )
    }),
    step(Numbers, Numbers, 2, Partial, |_| {
        expression(
            "[b - a for a, b in zip($x, $x[1:])]",
            "make the list of differences: each number but the first, less the one before it",
        )
    }),
    step(Numbers, Number, 2, Partial, |_| {
        expression(
            "sum(i * v for i, v in enumerate($x))",
            "multiply each number by its index (the first index is 0) and add up the products",
        )
    }),
    step(Numbers, Number, 2, Partial, |draws| {
        let k = draws.between(2, 9);
        expression(
            format!("(max($x) - min($x)) * {k} + len($x)"),
            format!(
                "multiply the difference of the largest and the smallest number by {k} and add the \
                    length of the list"
            ),
        )
    }),
    step(Numbers, Number, 1, High, |draws| {
        let k = draws.between(10, 60);
        expression(format!("sum(1 for v in $x if v > {k})"), format!("count the numbers greater than {k}"))
    }),
    step(Numbers, Text, 2, Partial, |_| {
        expression("\"\".join(chr(97 + v % 26) for v in $x)", "join the characters chr(97 + v % 26) of all numbers v")
    }),
    step(Numbers, Numbers, 3, Partial, |_| {
        statements(
            "$y = $x[:]\nfor i in range(len($y) - 1):\n    if $y[i] > $y[i + 1]:\n        \
                $y[i], $y[i + 1] = $y[i + 1], $y[i]",
            "go through the list once from the left and swap each pair of neighbours in which the left \
                one is larger",
        )
    }),
    step(Numbers, Numbers, 3, Partial, |draws| {
        let k = draws.between(5, 40);
        statements(
            &format!(
                "$y = []\nfor v in $x:\n    if $y and $y[-1] + v < {k}:\n        $y[-1] += v\n    \
                    else:\n        $y.append(v)"
            ),
            format!(
                "build a new list: for each number, if the new list is not empty and its last number \
                    plus this one is less than {k}, add this one to that last number, otherwise append it"
            ),
        )
    }),
    step(Numbers, Number, 3, Partial, |draws| {
        let (start, a, modulus) = (draws.between(1, 9), draws.between(3, 31), *draws.choose(&[509, 1009, 7919]));
        statements(
            &format!("$y = {start}\nfor v in $x:\n    $y = ($y * {a} + v) % {modulus}"),
            format!(
                "start from {start}; for each number multiply by {a}, add the number and take the \
                    remainder modulo {modulus}"
            ),
        )
    }),
    step(Numbers, Numbers, 3, Partial, |draws| {
        let modulus = draws.between(5, 30);
        expression(
            format!("[(a * b) % {modulus} for a, b in zip($x, $x[::-1])]"),
            format!(
                "multiply each number by the one at the mirrored place (the first by the last and so \
                    on), modulo {modulus}"
            ),
        )
    }),
    step(Numbers, Numbers, 4, Partial, |draws| {
        let (times, k) = (draws.between(2, 5), draws.between(2, 9));
        statements(
            &format!(
                "$y = $x[:]\nfor turn in range({times}):\n    head = $y.pop(0)\n    \
                    $y.append((head * {k} + $y[0]) % 100)"
            ),
            format!(
                "do this {times} times: take the first number off the list, multiply it by {k}, add \
                    the number that is first now, and append the result modulo 100"
            ),
        )
    }),
    step(Numbers, Number, 4, Partial, |_| {
        statements(
            "best = [1] * len($x)\nfor i in range(len($x)):\n    for j in range(i):\n        \
                if $x[j] < $x[i]:\n            best[i] = max(best[i], best[j] + 1)\n\
                $y = sum(b * v for b, v in zip(best, $x))",
            "for each number find the length of the longest strictly increasing subsequence that ends \
                with it, multiply the number by that length, and add up the products",
        )
    }),
];
