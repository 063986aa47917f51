//! Steps that take a text or a list of words.

use super::{
    Kind::{Number, Numbers, Text, Words},
    step::{Loss, Step, expression, lines},
};

/// Every step that takes a text or a list of words.
pub(super) const STEPS: &[Step] = &[
    Step {
        takes: Text,
        gives: Text,
        tier: 0,
        loss: Loss::Some,
        make: |_| expression("{x}.upper()", "change its letters to upper case"),
    },
    Step {
        takes: Text,
        gives: Text,
        tier: 0,
        loss: Loss::Little,
        make: |draws| {
            let tail = *draws.choose(&["s", "ing", "ed", "!", "er", "ly", "123"]);
            expression(format!("{{x}} + \"{tail}\""), format!("append \"{tail}\" to it"))
        },
    },
    Step {
        takes: Text,
        gives: Text,
        tier: 0,
        loss: Loss::Little,
        make: |draws| {
            let head = *draws.choose(&["un", "re", "my-", "a", "the-", "x"]);
            expression(format!("\"{head}\" + {{x}}"), format!("put \"{head}\" in front of it"))
        },
    },
    Step {
        takes: Text,
        gives: Text,
        tier: 0,
        loss: Loss::Little,
        make: |_| expression("{x} + {x}", "write it twice without a gap"),
    },
    Step {
        takes: Text,
        gives: Text,
        tier: 0,
        loss: Loss::Some,
        make: |draws| {
            let (from, what) = *draws.choose(&[
                ("[0]", "its first character"),
                ("[-1]", "its last character"),
                ("[1:]", "all but its first character"),
            ]);
            expression(format!("{{x}}{from}"), format!("take {what}"))
        },
    },
    Step { takes: Text, gives: Text, tier: 1, loss: Loss::Little, make: |_| expression("{x}[::-1]", "reverse it") },
    Step {
        takes: Text,
        gives: Text,
        tier: 1,
        loss: Loss::Little,
        make: |draws| {
            let k = draws.between(1, 2);
            expression(
                format!("{{x}}[{k}:] + {{x}}[:{k}]"),
                format!(
                    "move its first {} to its end",
                    if k == 1 { "character".to_owned() } else { format!("{k} characters") }
                ),
            )
        },
    },
    Step {
        takes: Text,
        gives: Text,
        tier: 1,
        loss: Loss::Little,
        make: |draws| {
            let between = *draws.choose(&["-", ".", "_", "+"]);
            expression(
                format!("\"{between}\".join({{x}})"),
                format!("put \"{between}\" between all neighbouring characters"),
            )
        },
    },
    Step {
        takes: Text,
        gives: Text,
        tier: 1,
        loss: Loss::Some,
        make: |draws| {
            let (from, to) = (*draws.choose(&["a", "e", "i", "o"]), *draws.choose(&["0", "u", "xy", "#"]));
            expression(format!("{{x}}.replace(\"{from}\", \"{to}\")"), format!("replace every \"{from}\" by \"{to}\""))
        },
    },
    Step {
        takes: Text,
        gives: Text,
        tier: 2,
        loss: Loss::Some,
        make: |_| expression("\"\".join(c for c in {x} if c not in \"aeiou\")", "remove every a, e, i, o and u"),
    },
    Step {
        takes: Text,
        gives: Text,
        tier: 2,
        loss: Loss::Some,
        make: |_| expression("\"\".join(sorted({x}))", "sort its characters by code point"),
    },
    Step {
        takes: Text,
        gives: Text,
        tier: 2,
        loss: Loss::Some,
        make: |draws| {
            let k = draws.between(2, 24);
            lines(
                &format!("{{y}} = \"\"\nfor c in {{x}}:\n    {{y}} += chr((ord(c) - 97 + {k}) % 26 + 97)"),
                format!("replace each character c by chr((ord(c) - 97 + {k}) % 26 + 97)"),
            )
        },
    },
    Step {
        takes: Text,
        gives: Text,
        tier: 2,
        loss: Loss::Little,
        make: |_| {
            expression(
                "{x}[::2] + {x}[1::2]",
                "put the characters with an even index first and those with an odd index after them (the first index is 0)",
            )
        },
    },
    Step {
        takes: Text,
        gives: Numbers,
        tier: 2,
        loss: Loss::Little,
        make: |_| {
            expression("[ord(c) - 96 for c in {x}]", "make the list of the code points of its characters, each less 96")
        },
    },
    Step { takes: Text, gives: Number, tier: 1, loss: Loss::Most, make: |_| expression("len({x})", "take its length") },
    Step {
        takes: Text,
        gives: Number,
        tier: 2,
        loss: Loss::Some,
        make: |draws| {
            let k = draws.between(2, 9);
            expression(
                format!("sum(ord(c) - 96 for c in {{x}}) * {k}"),
                format!("add up the code points of its characters, each less 96, and multiply the sum by {k}"),
            )
        },
    },
    Step {
        takes: Text,
        gives: Text,
        tier: 3,
        loss: Loss::Little,
        make: |_| {
            expression(
                "\"\".join(a + b for a, b in zip({x}, {x}[::-1]))",
                "follow each character by its mirror image's: the first by the last, the second by the last but one, and so on",
            )
        },
    },
    Step {
        takes: Text,
        gives: Text,
        tier: 3,
        loss: Loss::Little,
        make: |_| {
            expression(
                "\"\".join(c.upper() if i % 2 else c for i, c in enumerate({x}))",
                "change the characters with an odd index to upper case (the first index is 0)",
            )
        },
    },
    Step {
        takes: Text,
        gives: Text,
        tier: 3,
        loss: Loss::Little,
        make: |_| {
            lines(
                "{y} = \"\"\nfor c in {x}:\n    {y} = c + {y}[::-1]",
                "build a new text, empty at first: for each character in turn reverse what you have and put the character in front",
            )
        },
    },
    Step {
        takes: Text,
        gives: Text,
        tier: 3,
        loss: Loss::Little,
        make: |_| {
            lines(
                "{y} = \"\"\ncount = 1\nfor i in range(1, len({x}) + 1):\n    if i < len({x}) and {x}[i] == {x}[i - 1]:\n        count += 1\n    else:\n        {y} += {x}[i - 1] + str(count)\n        count = 1",
                "replace each run of equal characters by that character followed by the length of the run",
            )
        },
    },
    Step {
        takes: Text,
        gives: Number,
        tier: 3,
        loss: Loss::Some,
        make: |draws| {
            let (start, a, modulus) = (draws.between(3, 40), draws.between(5, 41), *draws.choose(&[997, 2003, 9973]));
            lines(
                &format!("{{y}} = {start}\nfor c in {{x}}:\n    {{y}} = ({{y}} * {a} + ord(c)) % {modulus}"),
                format!(
                    "start from {start}; for each character multiply by {a}, add its code point and take the remainder modulo {modulus}"
                ),
            )
        },
    },
    Step {
        takes: Text,
        gives: Text,
        tier: 4,
        loss: Loss::Little,
        make: |draws| {
            let k = draws.between(1, 5);
            lines(
                &format!(
                    "{{y}} = \"\"\nk = {k}\nfor c in {{x}}:\n    {{y}} += chr((ord(c) - 97 + k) % 26 + 97)\n    k = (k + ord(c)) % 26"
                ),
                format!(
                    "start with k = {k}; replace each character c in turn by chr((ord(c) - 97 + k) % 26 + 97), after which k becomes (k + ord(c)) % 26"
                ),
            )
        },
    },
    Step {
        takes: Words,
        gives: Words,
        tier: 0,
        loss: Loss::Little,
        make: |_| expression("{x}[::-1]", "reverse the order of the words"),
    },
    Step {
        takes: Words,
        gives: Words,
        tier: 0,
        loss: Loss::Little,
        make: |draws| {
            let word = *draws.choose(&["end", "and", "stop", "yes", "no", "more", "then", "here"]);
            expression(format!("{{x}} + [\"{word}\"]"), format!("append the word \"{word}\" to the list of words"))
        },
    },
    Step {
        takes: Words,
        gives: Words,
        tier: 0,
        loss: Loss::Little,
        make: |draws| {
            let word = *draws.choose(&["the", "so", "my", "one", "new", "start", "if", "go"]);
            expression(format!("[\"{word}\"] + {{x}}"), format!("put the word \"{word}\" in front of the others"))
        },
    },
    Step {
        takes: Words,
        gives: Text,
        tier: 0,
        loss: Loss::Little,
        make: |draws| {
            let between = *draws.choose(&["-", "_", "+", ""]);
            expression(
                format!("\"{between}\".join({{x}})"),
                match between {
                    "" => "join the words without a gap".to_owned(),
                    between => format!("join the words with \"{between}\""),
                },
            )
        },
    },
    Step {
        takes: Words,
        gives: Text,
        tier: 0,
        loss: Loss::Some,
        make: |draws| {
            let (from, what) = *draws.choose(&[("[0]", "first"), ("[-1]", "last"), ("[1]", "second")]);
            expression(format!("{{x}}{from}"), format!("take the {what} word"))
        },
    },
    Step {
        takes: Words,
        gives: Words,
        tier: 1,
        loss: Loss::Little,
        make: |_| expression("{x}[1:] + {x}[:1]", "move the first word to the end"),
    },
    Step {
        takes: Words,
        gives: Words,
        tier: 1,
        loss: Loss::Little,
        make: |_| expression("[w[::-1] for w in {x}]", "reverse each word, keeping their order"),
    },
    Step {
        takes: Words,
        gives: Words,
        tier: 2,
        loss: Loss::Little,
        make: |_| expression("[w + str(len(w)) for w in {x}]", "append to each word its length"),
    },
    Step {
        takes: Words,
        gives: Words,
        tier: 2,
        loss: Loss::Some,
        make: |_| {
            expression(
                "sorted({x}, key=lambda w: (w[-1], w))",
                "sort the words by their last character, and words with the same one by code points",
            )
        },
    },
    Step {
        takes: Words,
        gives: Text,
        tier: 2,
        loss: Loss::Some,
        make: |_| {
            expression("\"\".join(w[:2] for w in {x})", "join the first two characters of each word without a gap")
        },
    },
    Step {
        takes: Words,
        gives: Numbers,
        tier: 3,
        loss: Loss::Some,
        make: |_| {
            expression(
                "[sum(ord(c) - 96 for c in w) for w in {x}]",
                "make the list that holds, for each word, the sum of its characters' code points, each less 96",
            )
        },
    },
];
