//! Steps that take a list of words.

use super::step::{
    InformationLoss::{Low, Partial},
    Step, expression, step,
};
use crate::program::ValueKind::{Numbers, Text, Words};

/// All steps that take a list of words.
pub(super) const STEPS: &[Step] = &[
    step(Words, Words, 0, Low, |_| expression("$x[::-1]", "reverse the order of the words")),
    step(Words, Words, 0, Low, |draws| {
        let word = *draws.choose(&["end", "and", "stop", "yes", "no", "more", "then", "here"]);
        expression(format!("$x + [\"{word}\"]"), format!("append the word \"{word}\" to the list of words"))
    }),
    step(Words, Words, 0, Low, |draws| {
        let word = *draws.choose(&["the", "so", "my", "one", "new", "start", "if", "go"]);
        expression(format!("[\"{word}\"] + $x"), format!("put the word \"{word}\" in front of the others"))
    }),
    step(Words, Text, 0, Low, |draws| {
        let between = *draws.choose(&["-", "_", "+", ""]);
        expression(
            format!("\"{between}\".join($x)"),
            match between {
                "" => "join the words without a gap".to_owned(),
                between => format!("join the words with \"{between}\""),
            },
        )
    }),
    step(Words, Text, 0, Partial, |draws| {
        let (from, what) = *draws.choose(&[("[0]", "first"), ("[-1]", "last"), ("[1]", "second")]);
        expression(format!("$x{from}"), format!("take the {what} word"))
    }),
    step(Words, Words, 1, Low, |_| expression("$x[1:] + $x[:1]", "move the first word to the end")),
    step(Words, Words, 1, Low, |_| expression("[w[::-1] for w in $x]", "reverse each word, keeping their order")),
    step(Words, Words, 2, Low, |_| expression("[w + str(len(w)) for w in $x]", "append to each word its length")),
    step(Words, Words, 2, Partial, |_| {
        expression(
            "sorted($x, key=lambda w: (w[-1], w))",
            "sort the words by their last character, and words with the same one by code points",
        )
    }),
    step(Words, Text, 2, Partial, |_| {
        expression("\"\".join(w[:2] for w in $x)", "join the first two characters of each word without a gap")
    }),
    step(Words, Numbers, 3, Partial, |_| {
        expression(
            "[sum(ord(c) - 96 for c in w) for w in $x]",
            "make the list that holds, for each word, the sum of its characters' code points, each less 96",
        )
    }),
];
