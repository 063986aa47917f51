//! Fixed rules for questions whose lines are alternatives of the form `name=value`: by the places of literals, by their signs,
//! and one pass that makes each line true without looking back.

use std::collections::BTreeMap;

use super::report::CheckItem;

/// A name and its value.
type Literal<'a> = (&'a str, &'a str);

/// Replies of all rules; none for a question that has no such lines.
pub(super) fn replies(question: &str) -> Vec<(CheckItem, String, String)> {
    let clauses: Vec<Vec<Literal<'_>>> = question.lines().filter_map(literals).collect();
    let mut names: Vec<&str> = clauses.iter().flatten().map(|literal| literal.0).collect();
    names.sort_unstable_by_key(|name| (name.len(), *name));
    names.dedup();
    if clauses.len() < 2 || names.len() < 2 {
        return Vec::new();
    }
    let mut replies = Vec::new();
    let mut add = |item, rule: String, values: &BTreeMap<&str, &str>, rest: &str| {
        let pairs: Vec<String> =
            names.iter().map(|name| format!("{name}={}", values.get(name).copied().unwrap_or(rest))).collect();
        replies.push((item, rule, format!("Answer: {}", pairs.join(" "))));
    };
    for rest in ["0", "1"] {
        for (name, place) in [("first", 0), ("second", 1), ("third", 2), ("last", usize::MAX)] {
            for (order, last_wins) in [("first wins", false), ("last wins", true)] {
                let values = by_place(&clauses, place, last_wins);
                add(CheckItem::Places, format!("the {name} literal of each line, {order}, else {rest}"), &values, rest);
            }
        }
        for (name, from) in [("line i", 0), ("line i + 1", 1), ("line i from the end", usize::MAX)] {
            let values = by_row(&clauses, &names, from);
            add(CheckItem::Places, format!("the literal of {name} that names variable i, else {rest}"), &values, rest);
        }
        for (name, weighs_short_lines, wanted) in [
            ("the sign that is more frequent", false, 1),
            ("the sign that is less frequent", false, -1),
            ("the sign that is more frequent, short lines first", true, 1),
        ] {
            let values = by_sign(&clauses, weighs_short_lines, wanted);
            add(CheckItem::Signs, format!("{name}, else {rest}"), &values, rest);
        }
        for lines_reversed in [false, true] {
            for literals_reversed in [false, true] {
                for rarest in [false, true] {
                    let values = one_pass(&clauses, lines_reversed, literals_reversed, rarest);
                    let told = |is: bool| if is { "backwards" } else { "forwards" };
                    let rule = format!(
                        "lines {}, literals {}{}, else {rest}",
                        told(lines_reversed),
                        told(literals_reversed),
                        if rarest { ", the rarest variable first" } else { "" }
                    );
                    add(CheckItem::OnePass, rule, &values, rest);
                }
            }
        }
    }
    replies
}

/// Literals of a line that consists of them, joined by `or`.
fn literals(line: &str) -> Option<Vec<Literal<'_>>> {
    line.split(" or ")
        .map(|part| part.split_once('=').filter(|(name, value)| !name.contains(' ') && matches!(*value, "0" | "1")))
        .collect()
}

fn by_place<'a>(clauses: &[Vec<Literal<'a>>], place: usize, last_wins: bool) -> BTreeMap<&'a str, &'a str> {
    let mut values = BTreeMap::new();
    for clause in clauses {
        let (name, value) = clause[place.min(clause.len() - 1)];
        if last_wins || !values.contains_key(name) {
            values.insert(name, value);
        }
    }
    values
}

fn by_row<'a>(clauses: &[Vec<Literal<'a>>], names: &[&str], from: usize) -> BTreeMap<&'a str, &'a str> {
    let mut values = BTreeMap::new();
    for (row, name) in names.iter().enumerate() {
        let line = if from == usize::MAX { clauses.len().checked_sub(row + 1) } else { Some(row + from) };
        let clause = line.and_then(|line| clauses.get(line));
        if let Some(&(name, value)) = clause.and_then(|clause| clause.iter().find(|literal| literal.0 == *name)) {
            values.insert(name, value);
        }
    }
    values
}

fn by_sign<'a>(clauses: &[Vec<Literal<'a>>], weighs_short_lines: bool, wanted: i64) -> BTreeMap<&'a str, &'a str> {
    let mut sums: BTreeMap<&str, i64> = BTreeMap::new();
    for clause in clauses {
        let weight = if weighs_short_lines { 60 / i64::try_from(clause.len()).unwrap_or(60).pow(2) } else { 1 };
        for (name, value) in clause {
            *sums.entry(name).or_default() += if *value == "1" { weight } else { -weight };
        }
    }
    let signed = |sum: i64| if sum * wanted > 0 { "1" } else { "0" };
    sums.into_iter().filter(|(_, sum)| *sum != 0).map(|(name, sum)| (name, signed(sum))).collect()
}

/// Goes over the lines, short ones first, and makes a free literal of each that is not true yet hold.
fn one_pass<'a>(
    clauses: &[Vec<Literal<'a>>],
    lines_reversed: bool,
    literals_reversed: bool,
    rarest: bool,
) -> BTreeMap<&'a str, &'a str> {
    let mut uses: BTreeMap<&str, usize> = BTreeMap::new();
    for (name, _) in clauses.iter().flatten() {
        *uses.entry(name).or_default() += 1;
    }
    let mut order: Vec<&Vec<Literal<'a>>> = clauses.iter().collect();
    if lines_reversed {
        order.reverse();
    }
    order.sort_by_key(|clause| clause.len());
    let mut values: BTreeMap<&str, &str> = BTreeMap::new();
    for clause in order {
        if clause.iter().any(|(name, value)| values.get(name) == Some(value)) {
            continue;
        }
        let mut free: Vec<Literal<'a>> =
            clause.iter().copied().filter(|(name, _)| !values.contains_key(name)).collect();
        if literals_reversed {
            free.reverse();
        }
        if rarest {
            free.sort_by_key(|(name, _)| uses[name]);
        }
        if let Some((name, value)) = free.first() {
            values.insert(name, value);
        }
    }
    values
}

#[cfg(test)]
mod tests {
    use super::*;

    const QUESTION: &str = "Choose.\n\nClauses:\na=1 or b=0\nb=1\nc=0 or a=0 or b=1";

    #[track_caller]
    fn check(rule: &str, answer: &str) {
        let found = replies(QUESTION);
        let one = found.iter().find(|(_, name, _)| name == rule).unwrap_or_else(|| panic!("no rule {rule:?}"));
        assert_eq!(one.2, format!("Answer: {answer}"), "{rule}");
    }

    #[test]
    fn rules_choose_as_their_names_say() {
        check("the first literal of each line, first wins, else 1", "a=1 b=1 c=0");
        check("the last literal of each line, first wins, else 1", "a=1 b=0 c=1");
        check("the last literal of each line, last wins, else 0", "a=0 b=1 c=0");
        check("the literal of line i that names variable i, else 1", "a=1 b=1 c=0");
        check("the literal of line i from the end that names variable i, else 0", "a=0 b=1 c=0");
        check("the sign that is more frequent, else 0", "a=0 b=1 c=0");
        check("the sign that is less frequent, else 0", "a=0 b=0 c=1");
        check("lines forwards, literals forwards, else 1", "a=1 b=1 c=1");
    }

    #[test]
    fn a_question_of_another_form_has_no_such_replies() {
        for question in ["", "What is 1 + 2?", "x = 5\ny = 1", "a=1 or b=0", "a=1 or b=2\nb=1 and a=0"] {
            assert!(replies(question).is_empty(), "{question:?}");
        }
    }
}
