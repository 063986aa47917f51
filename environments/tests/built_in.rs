//! Every built-in environment, at every tier, survives the check that researchers' environments must survive.

use std::sync::{Arc, LazyLock};

use environments::{
    Conversation, Environment, Extraction, Message, Seed, Turn, VerdictReason, catalog,
    check::{CheckSettings, check},
};
use sandbox_builder::{cache_folder, ensure_artifact};
use sandboxes::{Sandbox, SandboxSettings};

/// Judged in the host alone.
const MANY: CheckSettings = CheckSettings { tasks: 400, distinct: 280, judged: 120, first_seed: 1 };
/// Judged by running programs.
const FEW: CheckSettings = CheckSettings { tasks: 100, distinct: 80, judged: 16, first_seed: 1 };

/// Each environment's version and tier, with the digest of its first tasks.
const TASKS: [&str; 20] = [
    "abduction@2.0.0 tier 0 098212516692cf72",
    "abduction@2.0.0 tier 1 111d6a6d8ce9de56",
    "abduction@2.0.0 tier 2 1b6febd9f42e10a9",
    "abduction@2.0.0 tier 3 ca29360c95b8fbfa",
    "abduction@2.0.0 tier 4 eb40e5c6fbd95983",
    "coding@2.0.0 tier 0 46cc153805433c01",
    "coding@2.0.0 tier 1 4cd3b7efd0139482",
    "coding@2.0.0 tier 2 946e708f24f49b16",
    "coding@2.0.0 tier 3 a7f48c86a2b64668",
    "coding@2.0.0 tier 4 9c357bd39619b628",
    "deduction@2.0.0 tier 0 7cf5c16220437b66",
    "deduction@2.0.0 tier 1 e8ad41577f7539bd",
    "deduction@2.0.0 tier 2 789857a79bfdf9d1",
    "deduction@2.0.0 tier 3 47ea536f45fed1b2",
    "deduction@2.0.0 tier 4 57cb50a0fbffc857",
    "sat@2.0.0 tier 0 8d8daff43fb4ade5",
    "sat@2.0.0 tier 1 9741714e7d326314",
    "sat@2.0.0 tier 2 c39bcdcd617ed08b",
    "sat@2.0.0 tier 3 b7febd583866706b",
    "sat@2.0.0 tier 4 935c0cd5e2c75c70",
];

static SANDBOX: LazyLock<Sandbox> = LazyLock::new(|| {
    let cache = cache_folder().unwrap_or_else(std::env::temp_dir);
    let artifact = ensure_artifact(&cache, &|_| ()).expect("the guest can be built");
    Sandbox::open(SandboxSettings { deadline_seconds: 120, ..SandboxSettings::default() }, &artifact)
        .expect("the sandbox opens")
});

async fn survives(name: &str, settings: CheckSettings) {
    let sandbox = SANDBOX.for_another_caller();
    for tier in 0..catalog::tiers(name).expect("the name is known") {
        let environment: Arc<dyn Environment> = catalog::open(name, Some(tier), &sandbox).expect("the tier is known");
        let report = check(&*environment, &settings).await.expect("the sandbox works");
        println!("{report}");
        assert!(report.passed(), "{report}");
    }
}

#[tokio::test]
async fn satisfiability_survives_the_check() {
    survives("sat", MANY).await;
}

#[tokio::test]
async fn abduction_survives_the_check() {
    survives("abduction", FEW).await;
}

#[tokio::test]
async fn deduction_survives_the_check() {
    survives("deduction", MANY).await;
}

#[tokio::test]
async fn coding_survives_the_check() {
    survives("coding", FEW).await;
}

/// Tasks are part of a version: whoever changes one changes the version, too, and then what is written down here.
#[tokio::test]
async fn a_version_has_the_tasks_it_had() {
    let sandbox = SANDBOX.for_another_caller();
    let mut found = Vec::new();
    for name in catalog::names() {
        for tier in 0..catalog::tiers(name).expect("the name is known") {
            let environment = catalog::open(name, Some(tier), &sandbox).expect("the tier is known");
            let mut digests = blake3::Hasher::new();
            for seed in [0, 1, 2, 3, u64::MAX] {
                digests.update(environment.task(Seed(seed)).await.expect("a task").digest().as_bytes());
            }
            found.push(format!("{} {}", environment.id(), &digests.finalize().to_hex()[..16]));
        }
    }
    assert_eq!(found, TASKS);
}

/// Ways in which models write a right answer down, the place of `{}`, and where it is found.
const ANSWER_FORMS: [(&str, Extraction); 17] = [
    ("Answer: {}", Extraction::Label),
    ("First I look at it.\n\n**Answer:** {}", Extraction::Label),
    ("**Answer:** **{}**", Extraction::Label),
    ("**Answer: {}**", Extraction::Label),
    ("* **Answer:** `{}`", Extraction::Label),
    ("- Answer: {}\n- That is all.", Extraction::Label),
    ("1. So it is.\n2. Answer: {}", Extraction::Label),
    ("> **Final answer:** {}", Extraction::Label),
    ("### Answer: {}", Extraction::Label),
    ("### Answer\n\n{}", Extraction::Heading),
    ("**Final Answer**\n\n**{}**\n\nLet me know!", Extraction::Heading),
    ("Answer:\n```\n{}\n```", Extraction::Label),
    ("Answer:\n~~~text\n{}\n~~~", Extraction::Label),
    ("Answer: nothing, no.\n\nAnswer: {}", Extraction::Label),
    ("So:\n\n~~~\n{}\n~~~", Extraction::Block),
    ("<think>\nAnswer: something else\n</think>\n\n{}", Extraction::WholeReply),
    ("The answer is $\\boxed{\\text{{}}}$.", Extraction::Boxed),
];

/// Ways in which models write a right program down, the place of `{}`, and where it is found.
const PROGRAM_FORMS: [(&str, Extraction); 16] = [
    ("```python\n{}\n```", Extraction::PythonBlock),
    ("Here it is:\n```Python3\n{}```", Extraction::PythonBlock),
    ("```python\n{}", Extraction::PythonBlock),
    ("~~~py\n{}\n~~~", Extraction::PythonBlock),
    ("````markdown\n```python\n{}\n```\n````", Extraction::PythonBlock),
    ("~~~\n```python\n{}\n```\n~~~", Extraction::PythonBlock),
    ("```print(input())``` is too simple.\n\n```python\n{}\n```", Extraction::PythonBlock),
    ("```python\n{}\n```\nIt prints:\n```\n5 7\n```", Extraction::PythonBlock),
    ("```python\n{}\n```\nIt prints:\n```text\nabc\n```", Extraction::PythonBlock),
    ("```python\nprint(input())\n```\nNo, better:\n```python\n{}\n```", Extraction::PythonBlock),
    ("```python\n{}\n```\nRun it with\n```python\nfor x in\n```", Extraction::PythonBlock),
    ("```bash\npython main.py\n```\n```\n{}\n```", Extraction::PlainBlock),
    ("{}", Extraction::WholeReply),
    ("{}\n```", Extraction::WholeReply),
    ("<think>\n```python\nprint(1)\n```\n</think>\n```{.python}\r\n{}\n```", Extraction::PythonBlock),
    ("```javascript\n{}\n```", Extraction::OtherBlock),
];

/// A list item or a quote around a program, whose lines have its marks before them.
const MARGINS: [(&str, &str); 4] = [("1. So:\n", "   "), ("- So:\n", "    "), ("", "> "), ("So:\n", "\t")];

async fn read(name: &str, forms: impl Fn(&str) -> Vec<(String, Extraction)>) {
    let environment = catalog::open(name, None, &SANDBOX.for_another_caller()).expect("the name is known");
    for seed in [Seed(0), Seed(7)] {
        let task = environment.task(seed).await.expect("a task");
        let right = environment.oracle(&task).await.expect("the oracle answers").expect("there is an oracle").remove(0);
        for (reply, place) in forms(&right) {
            let mut messages = environment.opening(&task).messages().to_vec();
            messages.push(Message::assistant(reply.clone()));
            let turn = environment.turn(&task, &Conversation::new(messages)).await.expect("the sandbox works");
            let Turn::Done(verdict) = turn else { panic!("{name} asks for more after {reply:?}") };
            assert_eq!((verdict.reason, verdict.extraction), (VerdictReason::Right, Some(place)), "{name}: {reply:?}");
        }
    }
}

#[tokio::test]
async fn a_right_answer_is_found_in_every_form_and_its_place_is_told() {
    for name in ["deduction", "abduction", "sat"] {
        read(name, |right| {
            let answer = right.rsplit("Answer: ").next().expect("there is a last part");
            ANSWER_FORMS.iter().map(|(form, place)| (form.replace("{}", answer), *place)).collect()
        })
        .await;
    }
}

#[tokio::test]
async fn a_right_program_is_found_in_every_form_and_its_place_is_told() {
    read("coding", |right| {
        let program = right.trim_start_matches("```python\n").trim_end_matches("```").trim_end();
        let forms = PROGRAM_FORMS.iter().map(|(form, place)| (form.replace("{}", program), *place));
        let margins = MARGINS.iter().map(|(before, margin)| {
            let block = format!("```python\n{program}\n```");
            let lines: Vec<String> = block.lines().map(|line| format!("{margin}{line}")).collect();
            (format!("{before}{}\n", lines.join("\n")), Extraction::PythonBlock)
        });
        forms.chain(margins).collect()
    })
    .await;
}
