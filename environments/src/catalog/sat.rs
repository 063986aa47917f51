//! Boolean satisfiability: find the assignment under which every clause holds.
//!
//! A random assignment is planted and clauses of three literals are drawn that it satisfies, in random order, until no other
//! assignment satisfies them; with too many variables to rule the others out, until there are 4.2 clauses a variable. A clause with
//! `t` true literals is as likely as the golden ratio to the power of `-t`, so that no variable's majority sign points to its
//! planted value ("quiet" planting: Jia, Moore, Strain, "Generating hard satisfiable formulas by hiding solutions deceptively",
//! JAIR 28, 2007).

use std::collections::BTreeSet;

use sandboxes::{Sandbox, SandboxError};
use serde::{Deserialize, Serialize};

use super::one_turn::{Drawn, Question, Tier};
use crate::{Conversation, ReplyKind, Seed, Verdict, VerdictReason, extract, seed::Draws};

/// Asks for a satisfying assignment.
pub(super) struct Sat {
    tier: u8,
}

impl Question for Sat {
    const NAME: &'static str = "sat";
    const VERSION: &'static str = "2.0.0";
    const TIERS: &'static [Tier] = &[
        Tier { floor: 0.05, max_new_tokens: 96 },
        Tier { floor: 0.05, max_new_tokens: 512 },
        Tier { floor: 0.02, max_new_tokens: 2_048 },
        Tier { floor: 0.02, max_new_tokens: 4_096 },
        Tier { floor: 0.02, max_new_tokens: 8_192 },
    ];
    const REPLIES: ReplyKind = ReplyKind::Data;
    const ATTEMPTS: u32 = 1_000;
    const UNUSABLE: &'static str = "was satisfied by a constant assignment";

    type Private = Problem;

    fn new(tier: u8, _: &Sandbox) -> Self {
        Self { tier }
    }

    async fn draw(&self, draws: &mut Draws) -> Result<Drawn<Self>, SandboxError> {
        let problem = Problem::draw(draws, self.tier);
        Ok((!problem.planted_is_trivial()).then(|| (opening(&problem), problem)))
    }

    async fn judge(&self, problem: &Problem, _: Seed, reply: &str) -> Result<Verdict, SandboxError> {
        Ok(judge(problem, reply))
    }

    fn oracle(problem: &Problem) -> String {
        format!("Answer: {}", problem.written(&problem.planted))
    }

    fn wrong(problem: Problem) -> Vec<String> {
        let right = problem.written(&problem.planted);
        let (first, rest) = right.split_once(' ').expect("invariant: there are at least two variables");
        // Each breaks one rule: a variable missing, twice or unknown, no sign, another value, digits of another script.
        let mut wrong = vec![
            format!("Answer: {rest}"),
            format!("Answer: {first} {right}"),
            format!("Answer: {right} z=1"),
            format!("Answer: {}", right.replace('=', "")),
            format!("Answer: {}", right.replace("=1", "=2")),
            format!("Answer: {}", right.replace('1', "１").replace('0', "٠")),
            format!("Answer: {}", right.replace('=', "==")),
            format!("Answer: {}", right.replace("=1", "=11").replace("=0", "=00")),
            format!("Answer: {}", right.replace("=0", "=''").replace("=1", "='False'")),
        ];
        wrong.extend(problem.constants().iter().map(|values| format!("Answer: {}", problem.written(values))));
        wrong
    }
}

/// Index of a variable and the value that makes the literal true.
type Literal = (usize, u8);

/// An instance with its planted assignment.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Problem {
    names: Vec<String>,
    clauses: Vec<Vec<Literal>>,
    planted: Vec<u8>,
}

impl Problem {
    fn draw(draws: &mut Draws, tier: u8) -> Self {
        let count = VARIABLES[usize::from(tier)];
        let names = match tier {
            0 | 1 => ('a'..).take(count).map(String::from).collect(),
            _ => (1..=count).map(|index| format!("x{index}")).collect(),
        };
        let planted: Vec<u8> = (0..count).map(|_| u8::from(draws.one_in(2))).collect();
        let mut clauses = if count <= MOST_ENUMERATED {
            clauses_with_one_solution(draws, &planted)
        } else {
            distinct_clauses(draws, &planted, count * 42 / 10)
        };
        // The order in which clauses were found useful tells something about the others.
        draws.shuffle(&mut clauses);
        Self { names, clauses, planted }
    }

    fn holds(&self, values: &[u8]) -> bool {
        self.clauses.iter().all(|clause| clause.iter().any(|&(variable, value)| values[variable] == value))
    }

    /// Assignments that a policy would try without reading the task.
    fn constants(&self) -> [Vec<u8>; 4] {
        let count = self.planted.len();
        [vec![0; count], vec![1; count], alternating(count, 0), alternating(count, 1)]
    }

    fn planted_is_trivial(&self) -> bool {
        self.constants().iter().any(|values| self.holds(values))
    }

    fn written(&self, values: &[u8]) -> String {
        let pairs: Vec<String> = self.names.iter().zip(values).map(|(name, value)| format!("{name}={value}")).collect();
        pairs.join(" ")
    }

    fn question(&self) -> String {
        let literal = |&(variable, value): &Literal| format!("{}={value}", self.names[variable]);
        let clause = |clause: &Vec<Literal>| clause.iter().map(literal).collect::<Vec<_>>().join(" or ");
        format!("Clauses:\n{}", self.clauses.iter().map(clause).collect::<Vec<_>>().join("\n"))
    }
}

/// Numbers of variables of the tiers.
const VARIABLES: [usize; 5] = [10, 12, 16, 24, 50];
/// Most variables whose assignments are all looked at.
const MOST_ENUMERATED: usize = 16;

/// Draws clauses, each of which rules out an assignment that those before it left, until only the planted one is left.
fn clauses_with_one_solution(draws: &mut Draws, planted: &[u8]) -> Vec<Vec<Literal>> {
    let mut left = Assignments::all(planted.len());
    let mut clauses = Vec::new();
    while left.count() > 1 {
        let clause = draw_clause(draws, planted);
        if left.keep(&clause) {
            clauses.push(clause);
        }
    }
    clauses
}

/// Draws so many different clauses.
fn distinct_clauses(draws: &mut Draws, planted: &[u8], count: usize) -> Vec<Vec<Literal>> {
    let mut seen = BTreeSet::new();
    let mut clauses = Vec::with_capacity(count);
    while clauses.len() < count {
        let clause = draw_clause(draws, planted);
        let mut sorted = clause.clone();
        sorted.sort_unstable();
        if seen.insert(sorted) {
            clauses.push(clause);
        }
    }
    clauses
}

/// Draws a clause of three literals that holds under the planted assignment, in random order.
fn draw_clause(draws: &mut Draws, planted: &[u8]) -> Vec<Literal> {
    let mut variables: Vec<usize> = (0..planted.len()).collect();
    draws.shuffle(&mut variables);
    // Weights 3 * 0.618, 3 * 0.618^2 and 0.618^3, at which the expected sum of agreeing signs is zero.
    let holding = match draws.below(3_236) {
        0..1_854 => 1,
        1_854..3_000 => 2,
        _ => 3,
    };
    let literal = |(place, &variable): (usize, &usize)| {
        let value = planted[variable];
        (variable, if place < holding { value } else { 1 - value })
    };
    let mut clause: Vec<Literal> = variables.iter().take(3).enumerate().map(literal).collect();
    draws.shuffle(&mut clause);
    clause
}

/// A set of assignments of up to [`MOST_ENUMERATED`] variables, a bit each; variable `v` has the value of bit `v` of the place.
struct Assignments {
    words: Vec<u64>,
}

impl Assignments {
    /// All assignments of so many variables.
    fn all(variables: usize) -> Self {
        let places = 1_usize << variables;
        let last = if places < 64 { (1 << places) - 1 } else { u64::MAX };
        Self { words: vec![last; places.div_ceil(64)] }
    }

    fn count(&self) -> u32 {
        self.words.iter().map(|word| word.count_ones()).sum()
    }

    /// Keeps those under which a clause holds; false if all were kept.
    fn keep(&mut self, clause: &[Literal]) -> bool {
        let mut has_changed = false;
        for (index, word) in self.words.iter_mut().enumerate() {
            let holding = clause.iter().fold(0, |bits, &(variable, value)| {
                let ones = match variable {
                    0..6 => WITHIN_A_WORD[variable],
                    _ if index >> (variable - 6) & 1 == 1 => u64::MAX,
                    _ => 0,
                };
                bits | if value == 1 { ones } else { !ones }
            });
            has_changed |= *word & !holding != 0;
            *word &= holding;
        }
        has_changed
    }
}

/// Places within a word at which each of the first six variables is 1.
const WITHIN_A_WORD: [u64; 6] = [
    0xaaaa_aaaa_aaaa_aaaa,
    0xcccc_cccc_cccc_cccc,
    0xf0f0_f0f0_f0f0_f0f0,
    0xff00_ff00_ff00_ff00,
    0xffff_0000_ffff_0000,
    0xffff_ffff_0000_0000,
];

fn alternating(count: usize, first: u8) -> Vec<u8> {
    (0..count).map(|index| if index % 2 == 0 { first } else { 1 - first }).collect()
}

fn opening(problem: &Problem) -> Conversation {
    let example: Vec<String> =
        problem.names.iter().take(3).enumerate().map(|(place, name)| format!("{name}={}", place % 2)).collect();
    Conversation::ask(format!(
        "Choose 0 or 1 for each variable so that every clause holds. End your reply with one line that gives every variable, \
         like this:\nAnswer: {}\n\n{}",
        example.join(" "),
        problem.question()
    ))
}

fn judge(problem: &Problem, reply: &str) -> Verdict {
    let Some((answer, place)) = extract::found(reply) else { return Verdict::zero(VerdictReason::NoAnswer) };
    // More than twice the length of the longest well-formed answer.
    if answer.len() > 16 * problem.names.len() + 64 {
        return Verdict::zero(VerdictReason::TooLong).on(place);
    }
    let verdict = match parse(&problem.names, answer) {
        None => Verdict::zero(VerdictReason::Malformed),
        Some(values) if problem.holds(&values) => Verdict::RIGHT,
        Some(_) => Verdict::zero(VerdictReason::Wrong),
    };
    verdict.on(place)
}

/// Parses an assignment: every variable exactly once, as `name=value`, separated by blanks or commas.
fn parse(names: &[String], answer: &str) -> Option<Vec<u8>> {
    let mut values = vec![None; names.len()];
    let compact = answer.replace(" =", "=").replace("= ", "=");
    for pair in compact.split([' ', ',', ';', '\t']).filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=')?;
        let index = names.iter().position(|known| known == name)?;
        let value = match value {
            "0" | "false" | "False" => 0,
            "1" | "true" | "True" => 1,
            _ => return None,
        };
        if values[index].replace(value).is_some() {
            return None;
        }
    }
    values.into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problem() -> Problem {
        let names = ["a", "b", "c"].map(str::to_owned).to_vec();
        Problem { names, clauses: vec![vec![(0, 1)], vec![(1, 0), (0, 0)], vec![(2, 1)]], planted: vec![1, 0, 1] }
    }

    #[test]
    fn every_variable_is_given_once_and_every_clause_holds() {
        let cases = [
            ("Answer: a=1 b=0 c=1", VerdictReason::Right),
            ("Answer: c=1, b = 0, a=True", VerdictReason::Right),
            ("a=1 b=false c=1", VerdictReason::Right),
            ("Answer: a=1 b=1 c=1", VerdictReason::Wrong),
            ("Answer: a=1 b=0", VerdictReason::Malformed),
            ("Answer: a=1 b=0 c=1 c=1", VerdictReason::Malformed),
            ("Answer: a=1 b=0 c=1 d=1", VerdictReason::Malformed),
            ("Answer: a=1 b='False' c=1", VerdictReason::Malformed),
            ("Answer: a=1 b=0 c=２", VerdictReason::Malformed),
            ("Answer: a=1 b=0 c=nan", VerdictReason::Malformed),
            ("Answer: all true", VerdictReason::Malformed),
            ("Answer: a=1, b=0, c=1,", VerdictReason::Right),
            ("Answer: a=1;b=0;c=1", VerdictReason::Right),
            ("Answer: a =1 b= 0 c = 1", VerdictReason::Right),
            ("**Answer: `a=1 b=0 c=1`**", VerdictReason::Right),
            ("<think>a=0</think>\nAnswer: a=true b=False c=1", VerdictReason::Right),
            ("Answer: a=0 b=0 c=1", VerdictReason::Wrong),
            ("Answer: b=0 c=1 a=1 b=0", VerdictReason::Malformed),
            ("Answer: A=1 B=0 C=1", VerdictReason::Malformed),
            ("Answer: a=1 b=0 c=TRUE", VerdictReason::Malformed),
            ("Answer: a=1 b=0 c=1.", VerdictReason::Malformed),
            ("Answer: a=1 and b=0 and c=1", VerdictReason::Malformed),
            ("Answer: a==1 b=0 c=1", VerdictReason::Malformed),
            ("Answer: a=1b=0c=1", VerdictReason::Malformed),
            ("Answer: a=01 b=00 c=01", VerdictReason::Malformed),
            ("Answer: a=-1 b=0 c=1", VerdictReason::Malformed),
            ("Answer: =1 =0 =1", VerdictReason::Malformed),
            ("Answer: a b c", VerdictReason::Malformed),
            ("Answer: , ;", VerdictReason::Malformed),
            ("a=1\nb=0\nc=1", VerdictReason::NoAnswer),
            ("Answer:", VerdictReason::NoAnswer),
        ];
        for (reply, reason) in cases {
            assert_eq!(judge(&problem(), reply).reason, reason, "{reply:?}");
        }
        let long = format!("Answer: {}", "a=1 ".repeat(1_000));
        assert_eq!(judge(&problem(), &long).reason, VerdictReason::TooLong);
    }

    #[test]
    fn a_solver_by_brute_force_agrees_with_the_judge() {
        for tier in 0..2 {
            for seed in 0..20 {
                let problem = drawn(tier, seed);
                let count = problem.names.len();
                let mut solutions = 0;
                for bits in 0_u32..1 << count {
                    let values: Vec<u8> = (0..count).map(|place| (bits >> place & 1) as u8).collect();
                    let holds = problem
                        .clauses
                        .iter()
                        .all(|clause| clause.iter().any(|&(variable, value)| values[variable] == value));
                    solutions += u32::from(holds);
                    let verdict = judge(&problem, &format!("Answer: {}", problem.written(&values)));
                    assert_eq!(verdict.reason == VerdictReason::Right, holds, "{values:?}");
                }
                assert_eq!(solutions, 1, "an assignment that is easier to find would do as well");
            }
        }
    }

    #[test]
    fn a_set_of_assignments_keeps_what_a_clause_allows() {
        for variables in [3, 5, 6, 7, 9] {
            let mut left = Assignments::all(variables);
            assert_eq!(left.count(), 1 << variables);
            let clauses: [&[Literal]; 3] = [&[(0, 1), (1, 0), (2, 1)], &[(2, 0), (variables - 1, 1)], &[(0, 0)]];
            for clause in clauses {
                left.keep(clause);
            }
            for place in 0..1_usize << variables {
                let holds = |clause: &&[Literal]| {
                    clause.iter().any(|&(variable, value)| place >> variable & 1 == usize::from(value))
                };
                assert_eq!(left.words[place / 64] >> (place % 64) & 1 == 1, clauses.iter().all(holds), "{place:b}");
            }
            assert!(!left.keep(&[(0, 0)]), "the last clause rules nothing else out");
        }
    }

    /// The first usable problem of a seed.
    fn drawn(tier: u8, seed: u64) -> Problem {
        let draw = |attempt| Problem::draw(&mut Draws::new(Sat::NAME, Seed(seed), attempt), tier);
        (0..Sat::ATTEMPTS).map(draw).find(|problem| !problem.planted_is_trivial()).unwrap()
    }

    #[test]
    fn planted_assignments_hold_and_constants_do_not() {
        for tier in 0..Sat::TIERS.len() {
            for seed in 0..100 {
                let problem = drawn(u8::try_from(tier).unwrap(), seed);
                assert!(problem.holds(&problem.planted));
                assert!(!problem.planted_is_trivial());
            }
        }
    }

    /// Sums over many instances of what the signs say about the planted values, in standard deviations of fair coins.
    #[test]
    fn signs_and_places_say_nothing_about_the_planted_values() {
        for tier in 0..5_u8 {
            let (mut majority, mut first, mut ones, mut literals, mut clauses) = (0_i64, 0_i64, 0_i64, 0_i64, 0_i64);
            for seed in 0..if tier < 3 { 150 } else { 60 } {
                let problem = drawn(tier, seed);
                let agrees = |&(variable, value): &Literal| if problem.planted[variable] == value { 1 } else { -1 };
                majority += problem.clauses.iter().flatten().map(agrees).sum::<i64>();
                // Each place of a clause is as likely to hold as the others.
                first += problem.clauses.iter().map(|clause| agrees(&clause[0]) - agrees(&clause[2])).sum::<i64>();
                ones += problem.clauses.iter().flatten().map(|literal| 2 * i64::from(literal.1) - 1).sum::<i64>();
                literals += i64::try_from(problem.clauses.len() * 3).unwrap();
                clauses += i64::try_from(problem.clauses.len()).unwrap();
            }
            let deviations = |sum: i64, count: i64| sum as f64 / (count as f64).sqrt();
            assert!((majority as f64 / literals as f64).abs() < 0.06, "tier {tier}: {majority} of {literals}");
            assert!(deviations(first, 2 * clauses).abs() < 4.0, "tier {tier}: {first}");
            assert!(deviations(ones, literals).abs() < 4.0, "tier {tier}: {ones}");
        }
    }
}
