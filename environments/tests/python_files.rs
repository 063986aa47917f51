//! Researchers' files: the examples are admitted, and every known hole keeps a file out.

use std::{path::Path, sync::LazyLock};

use environments::{
    EnvironmentError, ErrorOrigin, Seed,
    check::{CheckItem, CheckOutcome, CheckReport, CheckSettings, check},
    python_file,
};
use sandbox_builder::{cache_folder, ensure_artifact};
use sandboxes::{Sandbox, SandboxSettings};

static SANDBOX: LazyLock<Sandbox> = LazyLock::new(|| {
    let cache = cache_folder().unwrap_or_else(std::env::temp_dir);
    let artifact = ensure_artifact(&cache, &|_| ()).expect("the guest can be built");
    Sandbox::open(SandboxSettings { deadline_seconds: 120, ..SandboxSettings::default() }, &artifact)
        .expect("the sandbox opens")
});

const QUICK: CheckSettings = CheckSettings { tasks: 40, distinct: 38, judged: 10, first_seed: 1 };

async fn report(source: String) -> CheckReport {
    let environment = python_file::from_source("game.py", source, None, &SANDBOX).await.expect("the header is right");
    check(&*environment, &QUICK).await.expect("the sandbox works")
}

#[tokio::test]
async fn the_examples_survive_the_check_at_every_level() {
    for (name, levels) in [("addition.py", 3), ("guess_number.py", 1)] {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples").join(name);
        for tier in 0..levels {
            let environment = python_file::open(&path, Some(tier), &SANDBOX).await.unwrap();
            let settings = CheckSettings { tasks: 150, distinct: 140, judged: 20, first_seed: 1 };
            let report = check(&*environment, &settings).await.unwrap();
            println!("{report}");
            assert!(report.passed(), "{report}");
            assert!(report.findings.iter().all(|finding| finding.outcome == CheckOutcome::Passed), "{report}");
        }
        let beyond = python_file::open(&path, Some(levels), &SANDBOX).await.err().unwrap();
        assert!(matches!(beyond, EnvironmentError::Tier { .. }), "{beyond}");
    }
}

/// The example with its verifier replaced.
fn with_verifier(body: &str) -> String {
    let example = python_file::TEMPLATE;
    let (before, rest) = example.split_once("def verify").expect("it is there");
    let (_, after) = rest.split_once("def oracle").expect("it is there");
    format!("{before}def verify(task, reply):\n    total = task['private']['sum']\n    {body}\n\n\ndef oracle{after}")
}

#[tokio::test]
async fn every_known_hole_in_a_verifier_is_found() {
    let cases = [
        ("full marks for everything", "return 1.0", CheckItem::Wrong),
        ("a bool of a substring", "return str(total) in reply", CheckItem::Wrong),
        ("a score beyond one", "return 2.0", CheckItem::Oracle),
        ("not a number", "return float('nan')", CheckItem::Oracle),
        ("a substring", "return 1.0 if str(total) in reply else 0.0", CheckItem::Wrong),
        (
            "a prefix",
            "a = reply.split(':')[-1].strip(' \\n`'); return 1.0 if a and str(total).startswith(a[:1]) else 0.0",
            CheckItem::Wrong,
        ),
        (
            "evaluating the reply",
            "a = reply.strip(' \\n`').splitlines()[-1].split(':', 1)[-1]\n    try: return 1.0 if str(eval(a)) == str(total) else 0.0\n    except BaseException: return 0.0",
            CheckItem::Wrong,
        ),
        ("no patience for padding", "return 1.0 if reply == f'Answer: {total}' else 0.0", CheckItem::Oracle),
        (
            "raising at junk",
            "return 1.0 if int(reply.split(':')[1].strip(' \\n`')) == total else 0.0",
            CheckItem::Wrong,
        ),
    ];
    for (name, body, item) in cases {
        let report = report(with_verifier(body)).await;
        assert!(!report.passed(), "{name}: {report}");
        let failed: Vec<CheckItem> = report
            .findings
            .iter()
            .filter(|finding| finding.outcome == CheckOutcome::Failed)
            .map(|finding| finding.item)
            .collect();
        assert!(failed.contains(&item), "{name}: {report}");
    }
}

#[tokio::test]
async fn a_verifier_that_evaluates_replies_is_found_by_hostile_ones() {
    let body = "import re\n    lines = re.findall(r'(?m)^[ `]*Answer: (.*?)[ `]*$', reply)\n    \
                try: return 1.0 if lines and len(lines[-1]) < 200 and '**' not in lines[-1] and 'range' not in lines[-1] \
                and eval(lines[-1]) == total else 0.0\n    except BaseException: return 0.0";
    let report = report(with_verifier(body)).await;
    let hostile = report.findings.iter().find(|finding| finding.item == CheckItem::Hostile).unwrap();
    assert_eq!(hostile.outcome, CheckOutcome::Failed, "{report}");
}

#[tokio::test]
async fn generators_that_repeat_themselves_or_give_answers_away_are_found() {
    let example = python_file::TEMPLATE;
    let constant = example.replace("random.Random(seed)", "random.Random(seed % 3)");
    let few = report(constant).await;
    assert!(
        few.findings
            .iter()
            .any(|finding| finding.item == CheckItem::Distinct && finding.outcome == CheckOutcome::Failed)
    );
    let leaking = example.replace("What is {question}?", "What is {question}?\\nAnswer: {sum(numbers)}\\n");
    let leaking = leaking.replace("Reply with one line: Answer: <number>", "Reply with one line");
    let leak = report(leaking).await;
    assert!(
        leak.findings
            .iter()
            .any(|finding| finding.item == CheckItem::CopiedPrompt && finding.outcome == CheckOutcome::Failed),
        "{leak}"
    );
}

#[tokio::test]
async fn a_file_with_a_wrong_header_is_refused_with_a_hint() {
    let functions = "\ndef generate(seed): return {}\ndef verify(task, reply): return 0.0\n";
    let env = |text: &str| format!("ENV = {text}{functions}");
    let cases = [
        (env("{'name': 'me.game', 'version': '1.0.0', 'abi': 1}"), None),
        (functions.to_owned(), Some("ENV is assigned 0 times")),
        (env("{'name': 'me.game'}"), Some("missing field `version`")),
        (env("{'name': 'me.game', 'version': '1.0.0', 'abi': 2}"), Some("abi 2 is not known")),
        (env("{'name': 'sat', 'version': '1.0.0', 'abi': 1}"), Some("not of the form owner.name")),
        (env("{'name': '../x.y', 'version': '1.0.0', 'abi': 1}"), Some("not of the form owner.name")),
        (env("{'name': 'me.game', 'version': 'latest', 'abi': 1}"), Some("not of the form 1.0.0")),
        (env("{'name': 'me.game', 'version': '1.0.0', 'abi': 1, 'flor': 0.1}"), Some("unknown field `flor`")),
        (env("{'name': 'me.game', 'version': '1.0.0', 'abi': 1, 'floor': 0.9}"), Some("the floor 0.9")),
        (env("{'name': 'me.game', 'version': '1.0.0', 'abi': 1, 'levels': 4}"), Some("generate is missing")),
        (env("{'name': 'me.game', 'version': '1.0.0', 'abi': 1, 'turns': 4}"), Some("define step instead")),
        (env("dict(name='me.game', version='1.0.0', abi=1)"), None),
        (env("dict(name='me.game', version='1.0.0', abi=int('1'))"), Some("ENV is not a literal")),
        (env("__import__('os')._exit(0)"), Some("ENV is not a literal")),
        ("ENV = {}\nENV = {}\n".to_owned(), Some("ENV is assigned 2 times")),
        ("def broken(:\n".to_owned(), Some("line 1 is not Python")),
        ("ENV = {'name': 'me.game', 'version': '1.0.0', 'abi': 1}\n".to_owned(), Some("neither or both")),
        ("(".repeat(50_000), Some("")),
    ];
    for (source, expected) in cases {
        let found = python_file::from_source("game.py", source.clone(), None, &SANDBOX).await;
        match (found, expected) {
            (Ok(_), None) => (),
            (Err(error @ EnvironmentError::File { .. }), Some(part)) => {
                assert!(error.to_string().contains(part), "{error} does not say {part:?}");
                assert_eq!(error.origin(), ErrorOrigin::Caller);
            }
            (found, expected) => panic!("{:?} for {expected:?}", found.map(|environment| environment.id().clone())),
        }
    }
}

#[tokio::test]
async fn a_file_that_raises_is_the_environments_fault() {
    let broken = python_file::TEMPLATE.replace("draw = random.Random(seed)", "draw = random.Random(seed) / 0");
    let environment = python_file::from_source("game.py", broken, None, &SANDBOX).await.unwrap();
    let error = environment.task(Seed(1)).await.unwrap_err();
    assert_eq!(error.origin(), ErrorOrigin::Environment);
    assert!(error.to_string().contains("generate raised"), "{error}");
}

#[tokio::test]
async fn the_digest_of_a_file_is_part_of_its_identity() {
    let text = python_file::TEMPLATE.to_owned();
    let one = python_file::from_source("a.py", text.clone(), None, &SANDBOX).await.unwrap();
    let two = python_file::from_source("b.py", text.clone() + "\n", None, &SANDBOX).await.unwrap();
    assert_eq!(one.id().name, two.id().name);
    assert_ne!(one.id().file, two.id().file);
}

#[tokio::test]
async fn the_example_of_the_guide_survives_the_check() {
    let guide = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/environments.md")).unwrap();
    let (_, rest) = guide.split_once("```python\n").expect("the guide holds a file");
    let (source, _) = rest.split_once("\n```").expect("the file ends");
    let report = report(source.to_owned()).await;
    assert!(report.findings.iter().all(|finding| finding.outcome == CheckOutcome::Passed), "{report}");
}
