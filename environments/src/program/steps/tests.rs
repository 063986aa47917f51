//! Every step against a naive reading of its English sentence: coding tasks are solved from the sentence, deduction tasks
//! from the code, so the two must agree.

use std::collections::BTreeMap;

use super::all_steps;
use crate::program::{Probe, ValueKind, writer::Writer};
use crate::seed::{Draws, Seed};
use crate::test_sandbox::{block_on, sandbox};

/// A value of a program.
#[derive(Clone, Debug)]
enum Value {
    N(i128),
    T(String),
    Ns(Vec<i128>),
    Ws(Vec<String>),
}
use Value::{N, Ns, T, Ws};

impl Value {
    fn parse(kind: ValueKind, line: &str) -> Self {
        let words = || line.split(' ').map(str::to_owned);
        match kind {
            ValueKind::Number => N(line.parse().unwrap()),
            ValueKind::Text => T(line.to_owned()),
            ValueKind::Numbers => Ns(words().map(|word| word.parse().unwrap()).collect()),
            ValueKind::Words => Ws(words().collect()),
        }
    }

    fn kind(&self) -> ValueKind {
        match self {
            N(_) => ValueKind::Number,
            T(_) => ValueKind::Text,
            Ns(_) => ValueKind::Numbers,
            Ws(_) => ValueKind::Words,
        }
    }

    fn printed(&self) -> String {
        match self {
            N(number) => number.to_string(),
            T(text) => text.clone(),
            Ns(numbers) => numbers.iter().map(i128::to_string).collect::<Vec<_>>().join(" "),
            Ws(words) => words.join(" "),
        }
    }

    fn n(&self) -> i128 {
        let N(number) = self else { panic!("{self:?} is no number") };
        *number
    }

    fn t(&self) -> Vec<char> {
        let T(text) = self else { panic!("{self:?} is no text") };
        text.chars().collect()
    }

    fn ns(&self) -> Vec<i128> {
        let Ns(numbers) = self else { panic!("{self:?} is no list of numbers") };
        numbers.clone()
    }

    fn ws(&self) -> Vec<String> {
        let Ws(words) = self else { panic!("{self:?} is no list of words") };
        words.clone()
    }
}

/// Constants of a sentence: its numbers and its quoted texts, in order.
struct Constants {
    k: Vec<i128>,
    q: Vec<String>,
}

/// A sentence with `#` for numbers and `@` for quoted texts, and its constants.
fn pattern(sentence: &str) -> (String, Constants) {
    let (mut pattern, mut constants) = (String::new(), Constants { k: Vec::new(), q: Vec::new() });
    for (place, part) in sentence.split('"').enumerate() {
        if place % 2 == 1 {
            constants.q.push(part.to_owned());
            pattern.push('@');
            continue;
        }
        let mut digits = String::new();
        for letter in part.chars().chain(['\0']) {
            if letter.is_ascii_digit() {
                digits.push(letter);
                continue;
            }
            if !digits.is_empty() {
                constants.k.push(digits.parse().unwrap());
                pattern.push('#');
                digits.clear();
            }
            if letter != '\0' {
                pattern.push(letter);
            }
        }
    }
    (pattern, constants)
}

fn text(letters: impl IntoIterator<Item = char>) -> Value {
    T(letters.into_iter().collect())
}

fn ord(letter: char) -> i128 {
    i128::from(u32::from(letter))
}

fn chr(code: i128) -> char {
    char::from_u32(u32::try_from(code).unwrap()).unwrap()
}

fn reversed<X: Clone>(items: &[X]) -> Vec<X> {
    items.iter().rev().cloned().collect()
}

fn rotated<X: Clone>(items: &[X], by: usize) -> Vec<X> {
    [&items[by..], &items[..by]].concat()
}

fn split_recursion(n: i128, k: i128) -> i128 {
    if n < 3 { n + k } else { split_recursion(n / 2, k) + split_recursion(n / 3, k) }
}

fn rising_runs(numbers: &[i128]) -> i128 {
    // By brute force over all subsequences.
    let longest = |end: usize| {
        (0_u32..1 << end)
            .filter_map(|chosen| {
                let mut run: Vec<i128> =
                    (0..end).filter(|place| chosen >> place & 1 == 1).map(|place| numbers[place]).collect();
                run.push(numbers[end]);
                run.is_sorted_by(|a, b| a < b).then_some(run.len() as i128)
            })
            .max()
            .unwrap()
    };
    (0..numbers.len()).map(|end| longest(end) * numbers[end]).sum()
}

type Reference = fn(&Value, &[i128], &[String]) -> Value;

/// Sentence patterns with what they say, in plain Rust.
const NUMBERS: &[(&str, Reference)] = &[
    ("add # to it", |v, k, _| N(v.n() + k[0])),
    ("subtract # from it", |v, k, _| N(v.n() - k[0])),
    ("multiply it by #", |v, k, _| N(v.n() * k[0])),
    ("write it in decimal followed by @", |v, _, q| T(format!("{}{}", v.n(), q[0]))),
    ("multiply it by # and add #", |v, k, _| N(v.n() * k[0] + k[1])),
    ("subtract it from #", |v, k, _| N(k[0] - v.n())),
    ("write it in decimal and reverse the characters", |v, _, _| text(v.n().to_string().chars().rev())),
    ("if it is greater than # subtract # from it, otherwise multiply it by #", |v, k, _| {
        N(if v.n() > k[0] { v.n() - k[1] } else { v.n() * k[2] })
    }),
    ("if it is even halve it and add #, otherwise multiply it by # and add #", |v, k, _| {
        N(if v.n() % 2 == 0 { v.n() / 2 + k[0] } else { v.n() * k[1] + k[2] })
    }),
    ("for i from # to # in turn: multiply it by # and add i", |v, k, _| {
        N((k[0]..=k[1]).fold(v.n(), |n, i| n * k[2] + i))
    }),
    ("multiply it by # and take the remainder, from # to #, after division by #", |v, k, _| {
        assert_eq!((k[1], k[2]), (0, k[3] - 1));
        N((v.n() * k[0]).rem_euclid(k[3]))
    }),
    ("take its bitwise exclusive or with #, as Python's ^ does", |v, k, _| N(v.n() ^ k[0])),
    ("multiply it by # and add the sum of the decimal digits that it had before", |v, k, _| {
        N(v.n() * k[0] + v.n().to_string().chars().filter_map(|c| c.to_digit(10)).map(i128::from).sum::<i128>())
    }),
    ("make the list of # numbers that starts with it and in which each is # more than the last", |v, k, _| {
        Ns((0..k[0]).map(|i| v.n() + i * k[1]).collect())
    }),
    ("make the list of its multiples by # to #, each modulo #", |v, k, _| {
        Ns((k[0]..=k[1]).map(|i| (v.n() * i).rem_euclid(k[2])).collect())
    }),
    ("for i from # to # in turn: multiply it by #, add i and take the remainder modulo #", |v, k, _| {
        N((k[0]..=k[1]).fold(v.n(), |n, i| (n * k[2] + i).rem_euclid(k[3])))
    }),
    (
        "start a sequence with it and #, in which each further term is the sum of the two before, and take the term that \
         follows after # additions",
        |v, k, _| {
            let mut terms = vec![v.n(), k[0]];
            (0..k[1]).for_each(|_| terms.push(terms.iter().rev().take(2).sum()));
            N(*terms.last().unwrap())
        },
    ),
    ("call it v; for every i from # to # and every j from # to i - # add (v + i * j) modulo # to it", |v, k, _| {
        let added = (k[0]..=k[1]).flat_map(|i| (k[2]..=i - k[3]).map(move |j| i * j));
        N(v.n() + added.map(|product| (v.n() + product).rem_euclid(k[4])).sum::<i128>())
    }),
    (
        "let f(n) be n + # where n < #, and f(n // #) + f(n // #) elsewhere; add f of its remainder modulo # to it",
        |v, k, _| {
            assert_eq!(k[1..4], [3, 2, 3]);
            N(v.n() + split_recursion(v.n().rem_euclid(k[4]), k[0]))
        },
    ),
    ("raise it to the power # modulo #", |v, k, _| N((0..k[0]).fold(1, |power, _| (power * v.n()).rem_euclid(k[1])))),
    (
        "for i from # to # in turn: if it and i leave the same remainder modulo # multiply it by # and add #, otherwise \
         halve it, rounding down, and subtract i",
        |v, k, _| {
            N((k[0]..=k[1])
                .fold(v.n(), |n, i| if n.rem_euclid(k[2]) == i % k[2] { n * k[3] + k[4] } else { n.div_euclid(2) - i }))
        },
    ),
];

const TEXTS: &[(&str, Reference)] = &[
    ("change its letters to upper case", |v, _, _| text(v.t().iter().map(char::to_ascii_uppercase))),
    ("append @ to it", |v, _, q| text(v.t().into_iter().chain(q[0].chars()))),
    ("put @ in front of it", |v, _, q| text(q[0].chars().chain(v.t()))),
    ("write it twice without a gap", |v, _, _| text(v.t().into_iter().chain(v.t()))),
    ("take its first character", |v, _, _| text(v.t().into_iter().take(1))),
    ("take its last character", |v, _, _| text(v.t().into_iter().rev().take(1))),
    ("take all but its first character", |v, _, _| text(v.t().into_iter().skip(1))),
    ("reverse it", |v, _, _| text(reversed(&v.t()))),
    ("move its first character to its end", |v, _, _| text(rotated(&v.t(), 1))),
    ("move its first # characters to its end", |v, k, _| text(rotated(&v.t(), usize::try_from(k[0]).unwrap()))),
    ("put @ between all neighbouring characters", |v, _, q| {
        T(v.t().iter().map(char::to_string).collect::<Vec<_>>().join(&q[0]))
    }),
    ("replace every @ by @", |v, _, q| T(v.printed().split(q[0].as_str()).collect::<Vec<_>>().join(&q[1]))),
    ("remove every a, e, i, o and u", |v, _, _| text(v.t().into_iter().filter(|&c| !"aeiou".contains(c)))),
    ("sort its characters by code point", |v, _, _| {
        let mut letters = v.t();
        letters.sort_unstable();
        text(letters)
    }),
    ("replace each character c by chr((ord(c) - # + #) % # + #)", |v, k, _| {
        text(v.t().into_iter().map(|c| chr((ord(c) - k[0] + k[1]).rem_euclid(k[2]) + k[3])))
    }),
    ("put the characters with an even index first and those with an odd index after them (the first index is #)", {
        |v, _, _| text(v.t().into_iter().step_by(2).chain(v.t().into_iter().skip(1).step_by(2)))
    }),
    ("make the list of the code points of its characters, each less #", |v, k, _| {
        Ns(v.t().into_iter().map(|c| ord(c) - k[0]).collect())
    }),
    ("take its length", |v, _, _| N(v.t().len() as i128)),
    ("add up the code points of its characters, each less #, and multiply the sum by #", |v, k, _| {
        N(v.t().into_iter().map(|c| ord(c) - k[0]).sum::<i128>() * k[1])
    }),
    (
        "follow each character by its mirror image's: the first by the last, the second by the last but one, and so on",
        |v, _, _| text(v.t().into_iter().zip(reversed(&v.t())).flat_map(|(a, b)| [a, b])),
    ),
    ("change the characters with an odd index to upper case (the first index is #)", |v, k, _| {
        let index = |place: usize| place as i128 + k[0];
        let changed = |(place, c): (usize, char)| if index(place) % 2 == 1 { c.to_ascii_uppercase() } else { c };
        text(v.t().into_iter().enumerate().map(changed))
    }),
    (
        "build a new text, empty at first: for each character in turn reverse what you have and put the character in front",
        |v, _, _| text(v.t().into_iter().fold(Vec::new(), |built, c| [vec![c], reversed(&built)].concat())),
    ),
    ("replace each run of equal characters by that character followed by the length of the run", |v, _, _| {
        T(v.t().chunk_by(|a, b| a == b).map(|run| format!("{}{}", run[0], run.len())).collect())
    }),
    (
        "start from #; for each character multiply by #, add its code point and take the remainder modulo #",
        |v, k, _| N(v.t().into_iter().fold(k[0], |sum, c| (sum * k[1] + ord(c)) % k[2])),
    ),
    (
        "start with k = #; replace each character c in turn by chr((ord(c) - # + k) % # + #), after which k becomes \
         (k + ord(c)) % #",
        |v, k, _| {
            let mut key = k[0];
            text(v.t().into_iter().map(|c| {
                let shifted = chr((ord(c) - k[1] + key).rem_euclid(k[2]) + k[3]);
                key = (key + ord(c)) % k[4];
                shifted
            }))
        },
    ),
];

const WORDS: &[(&str, Reference)] = &[
    ("reverse the order of the words", |v, _, _| Ws(reversed(&v.ws()))),
    ("append the word @ to the list of words", |v, _, q| Ws([v.ws(), q.to_vec()].concat())),
    ("put the word @ in front of the others", |v, _, q| Ws([q.to_vec(), v.ws()].concat())),
    ("join the words without a gap", |v, _, _| T(v.ws().concat())),
    ("join the words with @", |v, _, q| T(v.ws().join(&q[0]))),
    ("take the first word", |v, _, _| T(v.ws().first().unwrap().clone())),
    ("take the last word", |v, _, _| T(v.ws().last().unwrap().clone())),
    ("take the second word", |v, _, _| T(v.ws()[1].clone())),
    ("move the first word to the end", |v, _, _| Ws(rotated(&v.ws(), 1))),
    ("reverse each word, keeping their order", |v, _, _| {
        Ws(v.ws().iter().map(|word| word.chars().rev().collect()).collect())
    }),
    ("append to each word its length", |v, _, _| {
        Ws(v.ws().iter().map(|word| format!("{word}{}", word.len())).collect())
    }),
    ("sort the words by their last character, and words with the same one by code points", |v, _, _| {
        let mut words = v.ws();
        words.sort_by_key(|word| (word.chars().last(), word.clone()));
        Ws(words)
    }),
    ("join the first two characters of each word without a gap", |v, _, _| {
        T(v.ws().iter().flat_map(|word| word.chars().take(2)).collect())
    }),
    ("make the list that holds, for each word, the sum of its characters' code points, each less #", |v, k, _| {
        Ns(v.ws().iter().map(|word| word.chars().map(|c| ord(c) - k[0]).sum()).collect())
    }),
];

const SEQUENCES: &[(&str, Reference)] = &[
    ("reverse the list", |v, _, _| Ns(reversed(&v.ns()))),
    ("sort the list in ascending order", |v, _, _| {
        let mut numbers = v.ns();
        numbers.sort_unstable();
        Ns(numbers)
    }),
    ("append # to the list", |v, k, _| Ns([v.ns(), k.to_vec()].concat())),
    ("put # in front of the list", |v, k, _| Ns([k.to_vec(), v.ns()].concat())),
    ("take the largest number", |v, _, _| N(v.ns().into_iter().max().unwrap())),
    ("take the smallest number", |v, _, _| N(v.ns().into_iter().min().unwrap())),
    ("take the last number", |v, _, _| N(*v.ns().last().unwrap())),
    ("take the second number", |v, _, _| N(v.ns()[1])),
    ("add them all up", |v, _, _| N(v.ns().iter().sum())),
    ("multiply each number by # and add #", |v, k, _| Ns(v.ns().iter().map(|n| n * k[0] + k[1]).collect())),
    ("move the first number to the end", |v, _, _| Ns(rotated(&v.ns(), 1))),
    ("move the first # numbers to the end", |v, k, _| Ns(rotated(&v.ns(), usize::try_from(k[0]).unwrap()))),
    ("write the numbers in decimal, joined with @", |v, _, q| {
        T(v.ns().iter().map(i128::to_string).collect::<Vec<_>>().join(&q[0]))
    }),
    ("keep the even numbers only", |v, _, _| Ns(v.ns().into_iter().filter(|n| n % 2 == 0).collect())),
    ("keep the odd numbers only", |v, _, _| Ns(v.ns().into_iter().filter(|n| n % 2 != 0).collect())),
    ("replace each number by the sum of all numbers up to and with it", |v, _, _| {
        Ns((1..=v.ns().len()).map(|count| v.ns()[..count].iter().sum()).collect())
    }),
    ("make the list of differences: each number but the first, less the one before it", |v, _, _| {
        Ns(v.ns().windows(2).map(|pair| pair[1] - pair[0]).collect())
    }),
    ("multiply each number by its index (the first index is #) and add up the products", |v, k, _| {
        N((k[0]..).zip(v.ns()).map(|(index, n)| index * n).sum())
    }),
    (
        "multiply the difference of the largest and the smallest number by # and add the length of the list",
        |v, k, _| N((v.ns().iter().max().unwrap() - v.ns().iter().min().unwrap()) * k[0] + v.ns().len() as i128),
    ),
    ("count the numbers greater than #", |v, k, _| N(v.ns().iter().filter(|&&n| n > k[0]).count() as i128)),
    ("join the characters chr(# + v % #) of all numbers v", |v, k, _| {
        text(v.ns().iter().map(|n| chr(k[0] + n.rem_euclid(k[1]))))
    }),
    (
        "go through the list once from the left and swap each pair of neighbours in which the left one is larger",
        |v, _, _| {
            let mut numbers = v.ns();
            for place in 1..numbers.len() {
                if numbers[place - 1] > numbers[place] {
                    numbers.swap(place - 1, place);
                }
            }
            Ns(numbers)
        },
    ),
    (
        "build a new list: for each number, if the new list is not empty and its last number plus this one is less than \
         #, add this one to that last number, otherwise append it",
        |v, k, _| {
            let mut built: Vec<i128> = Vec::new();
            for n in v.ns() {
                match built.last_mut() {
                    Some(last) if *last + n < k[0] => *last += n,
                    _ => built.push(n),
                }
            }
            Ns(built)
        },
    ),
    ("start from #; for each number multiply by #, add the number and take the remainder modulo #", |v, k, _| {
        N(v.ns().into_iter().fold(k[0], |sum, n| (sum * k[1] + n).rem_euclid(k[2])))
    }),
    ("multiply each number by the one at the mirrored place (the first by the last and so on), modulo #", |v, k, _| {
        Ns(v.ns().iter().zip(reversed(&v.ns())).map(|(a, b)| (a * b).rem_euclid(k[0])).collect())
    }),
    (
        "do this # times: take the first number off the list, multiply it by #, add the number that is first now, and \
         append the result modulo #",
        |v, k, _| {
            let mut numbers = v.ns();
            for _ in 0..k[0] {
                let head = numbers.remove(0);
                numbers.push((head * k[1] + numbers[0]).rem_euclid(k[2]));
            }
            Ns(numbers)
        },
    ),
    (
        "for each number find the length of the longest strictly increasing subsequence that ends with it, multiply the \
         number by that length, and add up the products",
        |v, _, _| N(rising_runs(&v.ns())),
    ),
];

fn inputs(kind: ValueKind) -> &'static [&'static str] {
    match kind {
        ValueKind::Number => &["7", "46", "60", "999", "0", "-13"],
        ValueKind::Text => &["banana", "zebra", "aabbbx", "oo", "queen"],
        ValueKind::Numbers => &["3 1 2", "10 10 7 41 -5", "60 9 12 33 8 1 99", "5 4"],
        ValueKind::Words => &["dog cat", "apple bee cow egg", "up up", "tea sea pea zebra ant"],
    }
}

#[test]
fn the_code_of_every_step_does_what_its_sentence_says() {
    let tables = [NUMBERS, TEXTS, WORDS, SEQUENCES];
    let references: BTreeMap<&str, Reference> = tables.into_iter().flatten().copied().collect();
    assert_eq!(references.len(), tables.iter().map(|table| table.len()).sum::<usize>(), "two rows are the same");
    let mut used: BTreeMap<String, u32> = BTreeMap::new();
    let probe = Probe::new(sandbox().clone());
    for (place, step) in all_steps().enumerate() {
        for seed in 0..12 {
            let mut draws = Draws::new("step", Seed(seed), u32::try_from(place).unwrap());
            let mut writer = Writer::begin(&mut draws, step.takes);
            let made = (step.make)(&mut draws);
            let (pattern, constants) = pattern(&made.english);
            let reference = references.get(pattern.as_str()).unwrap_or_else(|| panic!("no reference for {pattern:?}"));
            *used.entry(pattern).or_default() += 1;
            writer.add_last(&mut draws, step.gives, made);
            let inputs: Vec<String> = inputs(step.takes).iter().map(|&input| input.to_owned()).collect();
            let printed = block_on(probe.outputs(&writer.source(), &inputs)).unwrap();
            for (input, printed) in inputs.iter().zip(printed) {
                let expected = reference(&Value::parse(step.takes, input), &constants.k, &constants.q);
                assert_eq!(expected.kind(), step.gives, "{}", writer.source());
                assert_eq!(printed.as_deref(), Some(expected.printed().as_str()), "{input}\n{}", writer.source());
            }
        }
    }
    let unused: Vec<_> = references.keys().filter(|pattern| !used.contains_key(**pattern)).collect();
    assert!(unused.is_empty(), "no step says {unused:?}");
}

#[test]
fn no_step_uses_a_name_that_another_value_may_have() {
    let kinds = [ValueKind::Number, ValueKind::Text, ValueKind::Numbers, ValueKind::Words];
    let reserved: Vec<&str> = kinds.iter().flat_map(|kind| kind.variable_names().iter().copied()).collect();
    for step in all_steps() {
        let made = (step.make)(&mut Draws::new("names", Seed(1), 0));
        let code = match made.code {
            super::Code::Expression(code) => code,
            super::Code::Statements(lines) => lines.join("\n"),
        };
        let bound = code.lines().filter_map(|line| line.split_once(" = ")).flat_map(|(names, _)| names.split(", "));
        let looped = code.match_indices("for ").filter_map(|(at, _)| code[at + 4..].split_once(" in "));
        for name in bound.chain(looped.flat_map(|(names, _)| names.split(", "))) {
            assert!(!reserved.contains(&name.trim()), "{name} in {code}");
        }
    }
}
