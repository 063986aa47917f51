//! Environments with one hole each: the check finds the hole, by name, and nothing else.

use super::{CheckItem, CheckOutcome, CheckReport, CheckSettings, check};
use crate::{
    BoxFuture, Conversation, Environment, EnvironmentError, EnvironmentId, ErrorOrigin, Message, ReplyKind, Seed, Task,
    Turn, Verdict, VerdictReason, extract, test_sandbox::block_on,
};

/// Prompt of a seed; the second number counts the calls so far.
type Prompt = fn(u64, u64) -> Result<String, &'static str>;
/// Reply and seed of a task to its verdict.
type Judge = fn(&str, u64) -> Result<Turn, &'static str>;

/// An environment of sums, sound until a field is replaced.
struct Sums {
    id: EnvironmentId,
    floor: f64,
    kind: ReplyKind,
    prompt: Prompt,
    oracle: fn(u64) -> Option<Vec<String>>,
    wrong: fn(u64) -> Vec<String>,
    judge: Judge,
    calls: std::sync::atomic::AtomicU64,
}

fn sum(seed: u64) -> u64 {
    100 + 7 * seed % 701
}

fn scored(score: f64) -> Result<Turn, &'static str> {
    Ok(Turn::Done(Verdict::scored(score).expect("a score")))
}

fn strict(reply: &str, seed: u64) -> Result<Turn, &'static str> {
    scored(f64::from(extract::answer(reply) == Some(sum(seed).to_string().as_str())))
}

fn sound() -> Sums {
    Sums {
        id: EnvironmentId::built_in("test.sums", "1.0.0", 0),
        floor: 0.05,
        kind: ReplyKind::Data,
        prompt: |seed, _| Ok(format!("What is 100 + ({seed} * 7) % 701? Reply with one line: Answer: <number>")),
        oracle: |seed| Some(vec![format!("Answer: {}", sum(seed))]),
        wrong: |seed| vec![format!("Answer: {}", sum(seed) + 1), format!("Answer: {}0", sum(seed)), String::new()],
        judge: strict,
        calls: std::sync::atomic::AtomicU64::new(0),
    }
}

impl Sums {
    fn error(&self, seed: u64, problem: &str) -> EnvironmentError {
        EnvironmentError::Verifier { environment: self.id.clone(), seed, problem: problem.to_owned() }
    }
}

impl Environment for Sums {
    fn id(&self) -> &EnvironmentId {
        &self.id
    }

    fn floor(&self) -> f64 {
        self.floor
    }

    fn max_new_tokens(&self) -> u32 {
        16
    }

    fn replies(&self) -> ReplyKind {
        self.kind
    }

    fn task(&self, seed: Seed) -> BoxFuture<'_, Result<Task, EnvironmentError>> {
        let calls = self.calls.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let task = (self.prompt)(seed.0, calls).map(|prompt| Task {
            seed,
            public: Conversation::ask(prompt),
            private: sum(seed.0).into(),
        });
        Box::pin(async move { task.map_err(|problem| self.error(seed.0, problem)) })
    }

    fn turn<'a>(&'a self, task: &'a Task, all: &'a Conversation) -> BoxFuture<'a, Result<Turn, EnvironmentError>> {
        let turn = (self.judge)(all.reply().unwrap_or_default(), task.seed.0);
        Box::pin(async move { turn.map_err(|problem| self.error(task.seed.0, problem)) })
    }

    fn oracle<'a>(&'a self, task: &'a Task) -> BoxFuture<'a, Result<Option<Vec<String>>, EnvironmentError>> {
        Box::pin(async move { Ok((self.oracle)(task.seed.0)) })
    }

    fn wrong<'a>(&'a self, task: &'a Task) -> BoxFuture<'a, Result<Vec<String>, EnvironmentError>> {
        Box::pin(async move { Ok((self.wrong)(task.seed.0)) })
    }
}

const SETTINGS: CheckSettings = CheckSettings { tasks: 120, distinct: 110, judged: 40, first_seed: 1 };

fn report(environment: &Sums) -> CheckReport {
    block_on(check(environment, &SETTINGS)).expect("no sandbox is involved")
}

fn outcomes(report: &CheckReport, outcome: CheckOutcome) -> Vec<CheckItem> {
    report.findings.iter().filter(|finding| finding.outcome == outcome).map(|finding| finding.item).collect()
}

/// The check finds exactly these items, and one of its sentences says this.
fn finds(name: &str, environment: &Sums, items: &[CheckItem], sentence: &str) {
    let report = report(environment);
    assert_eq!(outcomes(&report, CheckOutcome::Failed), items, "{name}: {report}");
    assert_eq!(report.passed(), items.is_empty(), "{name}");
    assert!(report.to_string().contains(sentence), "{name} is not described by {sentence:?}:\n{report}");
}

#[test]
fn a_sound_environment_passes_every_item() {
    let report = report(&sound());
    assert!(report.passed(), "{report}");
    let expected = [
        CheckItem::Distinct,
        CheckItem::SameBytes,
        CheckItem::Oracle,
        CheckItem::Wrong,
        CheckItem::Constants,
        CheckItem::AnotherAnswer,
        CheckItem::CopiedPrompt,
        CheckItem::RandomBytes,
        CheckItem::Rules,
        CheckItem::Junk,
        CheckItem::Hostile,
    ];
    assert_eq!(outcomes(&report, CheckOutcome::Passed), expected, "{report}");
}

#[test]
fn a_hole_in_a_generator_is_found_by_its_item() {
    let rows: &[(&str, Prompt, &[CheckItem], &str)] = &[
        ("few tasks", |seed, _| Ok(format!("Task {}", seed % 5)), &[CheckItem::Distinct], "5 of 120 questions differ"),
        ("a counter", |seed, calls| Ok(format!("{seed}, {calls}")), &[CheckItem::SameBytes], "two different tasks"),
        (
            "raising at one seed",
            |seed, _| if seed == 77 { Err("generate raised") } else { Ok(seed.to_string()) },
            &[CheckItem::Generates],
            "seed 77: generate raised",
        ),
        (
            "the answer on its last line",
            |seed, _| Ok(format!("Task {seed}\nAnswer: {}", sum(seed))),
            &[CheckItem::CopiedPrompt, CheckItem::Rules],
            "sent back scored 1.000",
        ),
        (
            "the bare answer",
            |seed, _| Ok(sum(seed).to_string()),
            &[CheckItem::CopiedPrompt, CheckItem::Rules],
            "sent back scored 1.000",
        ),
        (
            "the answer backwards",
            |seed, _| Ok(format!("Task {seed}: {}", sum(seed).to_string().chars().rev().collect::<String>())),
            // Some sums are the same backwards.
            &[CheckItem::CopiedPrompt, CheckItem::Rules],
            "reversed\", scored 1.000",
        ),
        (
            "the answer but for a number of the question",
            |seed, _| Ok(format!("What is this and 40 more, in task {seed}: {}", sum(seed) - 40)),
            &[CheckItem::Rules],
            "\"number 0 added\", scored 1.000",
        ),
    ];
    for &(name, prompt, items, sentence) in rows {
        finds(name, &Sums { prompt, ..sound() }, items, sentence);
    }
}

/// Values of eight variables.
fn values(seed: u64) -> String {
    let bits = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 40;
    let pairs: Vec<String> =
        "abcdefgh".chars().enumerate().map(|(place, name)| format!("{name}={}", bits >> place & 1)).collect();
    pairs.join(" ")
}

/// Clauses that give each value away, by this rule of literals.
fn clauses(seed: u64, clause: fn(&str, &str) -> String) -> String {
    let values = values(seed);
    let pairs: Vec<&str> = values.split(' ').collect();
    let next = |place: usize| pairs[(place + 1) % pairs.len()];
    let flipped = |pair: &str| if pair.ends_with('1') { pair.replace('1', "0") } else { pair.replace('0', "1") };
    let lines: Vec<String> =
        pairs.iter().enumerate().map(|(place, pair)| clause(pair, &flipped(next(place)))).collect();
    format!("Task {seed}\n{}", lines.join("\n"))
}

#[test]
fn clauses_that_give_their_solution_away_are_found_by_their_rule() {
    let rows: &[(&str, Prompt, &[CheckItem], &str)] = &[
        (
            "the first literal of each",
            |seed, _| Ok(clauses(seed, |right, wrong| format!("{right} or {wrong}"))),
            &[CheckItem::Places, CheckItem::OnePass],
            "the first literal of each line",
        ),
        (
            "every sign but one of three",
            |seed, _| Ok(clauses(seed, |right, wrong| format!("{wrong} or {right}\n{right} or {wrong}\n{right}"))),
            &[CheckItem::Signs, CheckItem::OnePass],
            "the sign that is more frequent",
        ),
    ];
    for &(name, prompt, items, sentence) in rows {
        let environment = Sums {
            prompt,
            oracle: |seed| Some(vec![format!("Answer: {}", values(seed))]),
            wrong: |_| vec!["Answer: a=1".to_owned()],
            judge: |reply, seed| scored(f64::from(extract::answer(reply) == Some(values(seed).as_str()))),
            ..sound()
        };
        finds(name, &environment, items, sentence);
    }
}

#[test]
fn a_hole_in_a_verifier_is_found_by_its_item() {
    const EVERYTHING: &[CheckItem] = &[
        CheckItem::Wrong,
        CheckItem::Constants,
        CheckItem::AnotherAnswer,
        CheckItem::CopiedPrompt,
        CheckItem::RandomBytes,
        CheckItem::Rules,
        CheckItem::Hostile,
    ];
    let rows: &[(&str, Judge, &[CheckItem], &str)] = &[
        ("full marks", |_, _| scored(1.0), EVERYTHING, "scored 1: something evaluates replies"),
        ("some marks", |_, _| scored(0.3), &[&[CheckItem::Oracle][..], EVERYTHING].concat(), "plain reply scored 0.3"),
        ("no marks", |_, _| scored(0.0), &[CheckItem::Oracle], "plain reply scored 0 (wrong)"),
        (
            "a trailing zero forgiven",
            |reply, seed| {
                let answer = extract::answer(reply).unwrap_or_default();
                scored(f64::from(
                    answer.strip_suffix('0').unwrap_or(answer) == sum(seed).to_string()
                        || answer == sum(seed).to_string(),
                ))
            },
            &[CheckItem::Wrong],
            "0\" scored 1",
        ),
        (
            "a constant that always works",
            |reply, seed| if extract::answer(reply) == Some("cat") { scored(1.0) } else { strict(reply, seed) },
            &[CheckItem::Constants],
            "the best constant reply, \"Answer: cat\", scored 1.000",
        ),
        (
            "any number of three digits",
            |reply, _| {
                scored(f64::from(
                    extract::answer(reply).is_some_and(|text| text.len() == 3 && text.parse::<u16>().is_ok()),
                ))
            },
            &[CheckItem::Wrong, CheckItem::Constants, CheckItem::AnotherAnswer],
            "another task's answer scored 1.000",
        ),
        (
            "a right reply in a fence refused",
            |reply, seed| if reply.contains("```") { scored(0.0) } else { strict(reply, seed) },
            &[CheckItem::Oracle],
            "the oracle's fenced reply scored 0",
        ),
        (
            "thinking aloud refused",
            |reply, seed| if reply.contains("<think>") { scored(0.0) } else { strict(reply, seed) },
            &[CheckItem::Oracle],
            "the oracle's thought-out reply scored 0",
        ),
        (
            "long random text accepted",
            |reply, seed| {
                if reply.len() > 60 && !reply.contains("Answer") && !reply.contains("What") && !reply.contains("x ") {
                    scored(1.0)
                } else {
                    strict(reply, seed)
                }
            },
            &[CheckItem::RandomBytes],
            "random bytes scored",
        ),
        (
            "broken by a deep list",
            |reply, seed| {
                if reply.starts_with("[[[[") { Err("verify raised: RecursionError") } else { strict(reply, seed) }
            },
            &[CheckItem::Junk],
            "verify raised: RecursionError",
        ),
        (
            "a call that is executed",
            |reply, seed| {
                let answer = extract::answer(reply).unwrap_or_default();
                let evaluated =
                    answer.strip_prefix("str(\"").and_then(|rest| rest.strip_suffix("\")")).unwrap_or(answer);
                scored(f64::from(evaluated == sum(seed).to_string()))
            },
            &[CheckItem::Hostile],
            "something evaluates replies",
        ),
        (
            "a power that is computed",
            |reply, seed| {
                if reply.contains("9**9**9") {
                    Ok(Turn::Done(Verdict::zero(VerdictReason::OutOfFuel)))
                } else {
                    strict(reply, seed)
                }
            },
            &[CheckItem::Hostile],
            "reached a limit: running it took too long",
        ),
    ];
    for &(name, judge, items, sentence) in rows {
        finds(name, &Sums { judge, ..sound() }, items, sentence);
    }
}

#[test]
fn a_verifier_that_changes_its_mind_is_found_by_nonsense() {
    static CALLS: std::sync::atomic::AtomicU64 = std::sync::atomic::AtomicU64::new(0);
    let judge: Judge = |reply, seed| {
        if reply == "NaN" && CALLS.fetch_add(1, std::sync::atomic::Ordering::Relaxed) % 2 == 1 {
            return Ok(Turn::Done(Verdict::zero(VerdictReason::Malformed)));
        }
        strict(reply, seed)
    };
    finds("a fickle verifier", &Sums { judge, ..sound() }, &[CheckItem::Junk], "\"NaN\" was judged in two ways");
}

#[test]
fn programs_may_use_up_their_limits_and_data_may_not() {
    let judge: Judge = |reply, seed| {
        if reply.contains("while True") {
            Ok(Turn::Done(Verdict::zero(VerdictReason::OutOfFuel)))
        } else {
            strict(reply, seed)
        }
    };
    finds("data", &Sums { judge, ..sound() }, &[CheckItem::Hostile], "reached a limit");
    finds("programs", &Sums { judge, kind: ReplyKind::Program, ..sound() }, &[], "hostile replies scored 0");
}

#[test]
fn what_an_environment_does_not_provide_is_skipped() {
    let bare = Sums { oracle: |_| None, wrong: |_| Vec::new(), ..sound() };
    let report = report(&bare);
    assert!(report.passed(), "{report}");
    assert_eq!(outcomes(&report, CheckOutcome::Skipped), [CheckItem::Oracle, CheckItem::Wrong], "{report}");
    let attacked = outcomes(&report, CheckOutcome::Passed);
    assert!(!attacked.contains(&CheckItem::AnotherAnswer), "there is no other task's answer without an oracle");
    assert!(attacked.contains(&CheckItem::Hostile) && attacked.contains(&CheckItem::CopiedPrompt));
}

#[test]
fn a_stated_floor_excuses_what_stays_below_it() {
    // One task in four is answered by the same constant.
    let judge: Judge = |reply, seed| {
        if seed % 4 == 0 && extract::answer(reply) == Some("5") { scored(1.0) } else { strict(reply, seed) }
    };
    finds("a low floor", &Sums { judge, ..sound() }, &[CheckItem::Constants], "scored 0.250 on average over 40 tasks");
    finds("an honest floor", &Sums { judge, floor: 0.25, ..sound() }, &[], "the stated floor is 0.25");
}

#[test]
fn a_conversation_without_end_scores_nothing() {
    let judge: Judge = |reply, seed| match strict(reply, seed) {
        Ok(Turn::Done(verdict)) if verdict.score == 1.0 => Ok(Turn::Done(verdict)),
        _ => Ok(Turn::Continue(Message::user("Try again."))),
    };
    finds("an endless conversation", &Sums { judge, ..sound() }, &[], "wrong replies scored 0");
}

#[test]
fn trouble_of_this_machine_is_no_finding() {
    struct Broken(Sums);
    impl Environment for Broken {
        fn id(&self) -> &EnvironmentId {
            self.0.id()
        }
        fn floor(&self) -> f64 {
            0.0
        }
        fn max_new_tokens(&self) -> u32 {
            1
        }
        fn task(&self, seed: Seed) -> BoxFuture<'_, Result<Task, EnvironmentError>> {
            self.0.task(seed)
        }
        fn turn<'a>(&'a self, _: &'a Task, _: &'a Conversation) -> BoxFuture<'a, Result<Turn, EnvironmentError>> {
            let source = sandboxes::SandboxError::Settings("no memory".to_owned());
            Box::pin(async { Err(EnvironmentError::Sandbox { environment: self.id().clone(), source }) })
        }
        fn oracle<'a>(&'a self, task: &'a Task) -> BoxFuture<'a, Result<Option<Vec<String>>, EnvironmentError>> {
            self.0.oracle(task)
        }
        fn wrong<'a>(&'a self, task: &'a Task) -> BoxFuture<'a, Result<Vec<String>, EnvironmentError>> {
            self.0.wrong(task)
        }
    }
    let error = block_on(check(&Broken(sound()), &SETTINGS)).unwrap_err();
    assert_eq!(error.origin(), ErrorOrigin::Host, "{error}");
}

#[test]
fn a_report_shows_every_finding_and_survives_a_record() {
    let bad = Sums { judge: |_, _| scored(0.0), wrong: |_| Vec::new(), ..sound() };
    let report = report(&bad);
    let text = report.to_string();
    assert!(
        text.starts_with("test.sums@1.0.0 tier 0: failed\n  ok   120 of 120 questions differ; at least 110 must\n"),
        "{text}"
    );
    assert!(text.contains("\n  FAIL seed 1: the oracle's plain reply scored 0 (wrong)\n"), "{text}");
    assert!(text.contains("\n  skip the environment names no wrong replies\n"), "{text}");
    let json = serde_json::to_value(&report).unwrap();
    assert_eq!(json["findings"][2]["item"], "oracle");
    assert_eq!(json["findings"][2]["standing"], "failed");
    assert_eq!(serde_json::from_value::<CheckReport>(json).unwrap(), report);
}
