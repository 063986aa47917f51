//! Steps that take a text.

use super::step::{
    InformationLoss::{High, Low, Partial},
    Step, expression, statements, step,
};
use crate::program::ValueKind::{Number, Numbers, Text};

/// All steps that take a text.
pub(super) const STEPS: &[Step] = &[
    step(Text, Text, 0, Partial, |_| expression("$x.upper()", "change its letters to upper case")),
    step(Text, Text, 0, Low, |draws| {
        let tail = *draws.choose(&["s", "ing", "ed", "!", "er", "ly", "123"]);
        expression(format!("$x + \"{tail}\""), format!("append \"{tail}\" to it"))
    }),
    step(Text, Text, 0, Low, |draws| {
        let head = *draws.choose(&["un", "re", "my-", "a", "the-", "x"]);
        expression(format!("\"{head}\" + $x"), format!("put \"{head}\" in front of it"))
    }),
    step(Text, Text, 0, Low, |_| expression("$x + $x", "write it twice without a gap")),
    step(Text, Text, 0, Partial, |draws| {
        let (from, what) = *draws.choose(&[
            ("[0]", "its first character"),
            ("[-1]", "its last character"),
            ("[1:]", "all but its first character"),
        ]);
        expression(format!("$x{from}"), format!("take {what}"))
    }),
    step(Text, Text, 1, Low, |_| expression("$x[::-1]", "reverse it")),
    step(Text, Text, 1, Low, |draws| {
        let k = draws.between(1, 2);
        expression(
            format!("$x[{k}:] + $x[:{k}]"),
            format!(
                "move its first {} to its end",
                if k == 1 { "character".to_owned() } else { format!("{k} characters") }
            ),
        )
    }),
    step(Text, Text, 1, Low, |draws| {
        let between = *draws.choose(&["-", ".", "_", "+"]);
        expression(format!("\"{between}\".join($x)"), format!("put \"{between}\" between all neighbouring characters"))
    }),
    step(Text, Text, 1, Partial, |draws| {
        let (from, to) = (*draws.choose(&["a", "e", "i", "o"]), *draws.choose(&["0", "u", "xy", "#"]));
        expression(format!("$x.replace(\"{from}\", \"{to}\")"), format!("replace every \"{from}\" by \"{to}\""))
    }),
    step(Text, Text, 2, Partial, |_| {
        expression("\"\".join(c for c in $x if c not in \"aeiou\")", "remove every a, e, i, o and u")
    }),
    step(Text, Text, 2, Partial, |_| expression("\"\".join(sorted($x))", "sort its characters by code point")),
    step(Text, Text, 2, Partial, |draws| {
        let k = draws.between(2, 24);
        statements(
            &format!("$y = \"\"\nfor c in $x:\n    $y += chr((ord(c) - 97 + {k}) % 26 + 97)"),
            format!("replace each character c by chr((ord(c) - 97 + {k}) % 26 + 97)"),
        )
    }),
    step(Text, Text, 2, Low, |_| {
        expression(
            "$x[::2] + $x[1::2]",
            "put the characters with an even index first and those with an odd index after them (the \
                first index is 0)",
        )
    }),
    step(Text, Numbers, 2, Low, |_| {
        expression("[ord(c) - 96 for c in $x]", "make the list of the code points of its characters, each less 96")
    }),
    step(Text, Number, 1, High, |_| expression("len($x)", "take its length")),
    step(Text, Number, 2, Partial, |draws| {
        let k = draws.between(2, 9);
        expression(
            format!("sum(ord(c) - 96 for c in $x) * {k}"),
            format!("add up the code points of its characters, each less 96, and multiply the sum by {k}"),
        )
    }),
    step(Text, Text, 3, Low, |_| {
        expression(
            "\"\".join(a + b for a, b in zip($x, $x[::-1]))",
            "follow each character by its mirror image's: the first by the last, the second by the \
                last but one, and so on",
        )
    }),
    step(Text, Text, 3, Low, |_| {
        expression(
            "\"\".join(c.upper() if i % 2 else c for i, c in enumerate($x))",
            "change the characters with an odd index to upper case (the first index is 0)",
        )
    }),
    step(Text, Text, 3, Low, |_| {
        statements(
            "$y = \"\"\nfor c in $x:\n    $y = c + $y[::-1]",
            "build a new text, empty at first: for each character in turn reverse what you have and \
                put the character in front",
        )
    }),
    step(Text, Text, 3, Low, |_| {
        statements(
            "$y = \"\"\ncount = 1\nfor i in range(1, len($x) + 1):\n    \
                if i < len($x) and $x[i] == $x[i - 1]:\n        count += 1\n    else:\n        \
                $y += $x[i - 1] + str(count)\n        count = 1",
            "replace each run of equal characters by that character followed by the length of the run",
        )
    }),
    step(Text, Number, 3, Partial, |draws| {
        let (start, a, modulus) = (draws.between(3, 40), draws.between(5, 41), *draws.choose(&[997, 2003, 9973]));
        statements(
            &format!("$y = {start}\nfor c in $x:\n    $y = ($y * {a} + ord(c)) % {modulus}"),
            format!(
                "start from {start}; for each character multiply by {a}, add its code point and take \
                    the remainder modulo {modulus}"
            ),
        )
    }),
    step(Text, Text, 4, Low, |draws| {
        let k = draws.between(1, 5);
        statements(
            &format!(
                "$y = \"\"\nk = {k}\nfor c in $x:\n    $y += chr((ord(c) - 97 + k) % 26 + 97)\n    \
                    k = (k + ord(c)) % 26"
            ),
            format!(
                "start with k = {k}; replace each character c in turn by chr((ord(c) - 97 + k) % 26 + \
                    97), after which k becomes (k + ord(c)) % 26"
            ),
        )
    }),
];
