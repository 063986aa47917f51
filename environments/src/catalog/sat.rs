//! Boolean satisfiability: find an assignment under which every clause holds.
//!
//! A random assignment is planted and clauses are drawn that it satisfies; an instance that a constant assignment also
//! satisfies is rejected. In the harder tiers a clause with `t` true literals is as likely as the golden ratio
//! to the power of `-t`, so that no variable's majority sign points to its planted value.

use std::collections::BTreeSet;

use sandboxes::{Sandbox, SandboxError};
use serde::{Deserialize, Serialize};

use super::one_turn::{Drawn, Question, Tier};
use crate::{Conversation, Message, ReplyKind, Seed, Verdict, VerdictReason, extract, seed::Draws};

/// Asks for a satisfying assignment.
pub(super) struct Sat {
    tier: u8,
}

impl Question for Sat {
    const NAME: &'static str = "sat";
    const VERSION: &'static str = "1.1.0";
    const TIERS: &'static [Tier] = &[
        Tier { floor: 0.16, max_new_tokens: 24 },
        Tier { floor: 0.10, max_new_tokens: 32 },
        Tier { floor: 0.10, max_new_tokens: 512 },
        Tier { floor: 0.02, max_new_tokens: 2_048 },
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
        Ok((!problem.planted_is_trivial()).then(|| (opening(draws, &problem, self.tier), problem)))
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

/// Order of the literals in a clause that forces a value.
#[derive(Clone, Copy, PartialEq, Eq)]
enum OrderWithin {
    /// The forced literal first: the only form that the smallest models solve.
    ForcedFirst,
    /// Random order.
    Drawn,
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
        let count = [4, 5, 8, 20, 50][usize::from(tier)];
        let names = match tier {
            0 | 1 => ('a'..).take(count).map(String::from).collect(),
            _ => (1..=count).map(|index| format!("x{index}")).collect(),
        };
        let mut problem = Self { names, clauses: Vec::new(), planted: Vec::new() };
        problem.planted = (0..count).map(|_| u8::from(draws.one_in(2))).collect();
        problem.clauses = match tier {
            0 => problem.forced_clauses(draws, 3, OrderWithin::ForcedFirst),
            1 => problem.forced_clauses(draws, 2, OrderWithin::Drawn),
            _ => problem.random_clauses(draws, count * 42 / 10),
        };
        problem
    }

    /// One clause for each variable, in the variables' order: unit clauses, and clauses that force a value by a known one.
    fn forced_clauses(&self, draws: &mut Draws, named: usize, order_within: OrderWithin) -> Vec<Vec<Literal>> {
        let mut order: Vec<usize> = (0..self.planted.len()).collect();
        draws.shuffle(&mut order);
        let mut clauses = vec![Vec::new(); order.len()];
        for (place, &variable) in order.iter().enumerate() {
            let mut clause = vec![(variable, self.planted[variable])];
            if place >= named {
                let known = *draws.choose(&order[..place]);
                clause.push((known, 1 - self.planted[known]));
                if order_within == OrderWithin::Drawn {
                    draws.shuffle(&mut clause);
                }
            }
            clauses[variable] = clause;
        }
        clauses
    }

    /// Distinct clauses of three literals, with signs balanced as described in the module's documentation.
    fn random_clauses(&self, draws: &mut Draws, count: usize) -> Vec<Vec<Literal>> {
        let mut seen = BTreeSet::new();
        let mut clauses = Vec::with_capacity(count);
        while clauses.len() < count {
            let mut variables: Vec<usize> = (0..self.planted.len()).collect();
            draws.shuffle(&mut variables);
            variables.truncate(3);
            // Weights 3 * 0.618, 3 * 0.618^2 and 0.618^3, at which the expected sum of agreeing signs is zero.
            let holding = match draws.below(3_236) {
                0..1_854 => 1,
                1_854..3_000 => 2,
                _ => 3,
            };
            let mut clause: Vec<Literal> = (variables.iter().enumerate())
                .map(|(place, &variable)| {
                    let value = self.planted[variable];
                    (variable, if place < holding { value } else { 1 - value })
                })
                .collect();
            clause.sort_unstable();
            // Sorted for the comparison, shuffled for the prompt: order must not tell which literals hold.
            if seen.insert(clause.clone()) {
                draws.shuffle(&mut clause);
                clauses.push(clause);
            }
        }
        clauses
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

fn alternating(count: usize, first: u8) -> Vec<u8> {
    (0..count).map(|index| if index % 2 == 0 { first } else { 1 - first }).collect()
}

fn opening(draws: &mut Draws, problem: &Problem, tier: u8) -> Conversation {
    const EASY: &str =
        "Choose 0 or 1 for each variable so that every clause holds. Reply with one line: Answer: <choice>";
    const HARD: &str = "Choose 0 or 1 for each variable so that every clause holds. End your reply with one line that \
                        gives every variable, like this:\nAnswer: x1=0 x2=1 x3=1";
    let examples = [3, 2, 0, 0, 0][usize::from(tier)];
    let mut messages = Vec::new();
    let mut text = format!("{}\n\n", if examples == 0 { HARD } else { EASY });
    while messages.len() < 2 * examples {
        let example = Problem::draw(draws, tier);
        // An example whose answer also solves the task would reward copying it.
        if example.planted_is_trivial() || problem.holds(&example.planted) {
            continue;
        }
        text.push_str(&example.question());
        messages.push(Message::user(std::mem::take(&mut text)));
        messages.push(Message::assistant(format!("Answer: {}", example.written(&example.planted))));
    }
    text.push_str(&problem.question());
    messages.push(Message::user(text));
    Conversation::new(messages)
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
        for tier in 0..3 {
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
                assert!(solutions >= 1);
                if tier < 2 {
                    assert_eq!(solutions, 1, "clauses of the easy tiers force every value");
                }
            }
        }
    }

    #[test]
    fn worked_examples_are_solved_and_do_not_solve_the_task() {
        for (tier, examples) in [(0, 3), (1, 2), (2, 0), (4, 0)] {
            for seed in 0..10 {
                let problem = drawn(tier, seed);
                let conversation = opening(&mut Draws::new("examples", Seed(seed), 0), &problem, tier);
                assert_eq!(conversation.messages().len(), 2 * examples + 1);
                for message in conversation.messages().iter().skip(1).step_by(2) {
                    assert_ne!(judge(&problem, &message.content), Verdict::RIGHT, "{}", message.content);
                    assert_eq!(judge(&problem, &message.content).reason, VerdictReason::Wrong);
                }
                let last = &conversation.messages().last().unwrap().content;
                assert!(last.ends_with(&problem.question()), "{last}");
            }
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

    #[test]
    fn following_the_majority_of_signs_solves_no_hard_instance() {
        for tier in [3, 4] {
            let solved = (0..200).filter(|&seed| {
                let problem = drawn(tier, seed);
                let mut balance = vec![0_i32; problem.names.len()];
                for &(variable, value) in problem.clauses.iter().flatten() {
                    balance[variable] += if value == 1 { 1 } else { -1 };
                }
                let values: Vec<u8> = balance.iter().map(|&sum| u8::from(sum > 0)).collect();
                problem.holds(&values)
            });
            assert!(solved.count() <= 4, "tier {tier}");
        }
    }
}
