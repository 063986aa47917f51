//! Lies that a validator signs: every mutation of its log is noticed, or declared as not checked.

#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use std::collections::BTreeMap;
use std::fs;
use std::process::Output;
use std::sync::Arc;

use harness::evidence::unchecked_fields;
use tests::{MutableLog, Mutation, Subnet, Way, run, said, signed_again};

const PROGRAM: &str = env!("CARGO_BIN_EXE_dethrone-under-test");
const EVIDENCE: &str = "output/window-1000/evidence.jsonl";

/// Random models are right in a quarter of the tasks.
const PARITY: &str = r#"
ENV = {"name": "test.parity", "version": "1.0.0", "abi": 1, "max_new_tokens": 6}


def generate(seed, level=1):
    return {"prompt": f"Say anything about {seed}.", "private": {}}


def verify(task, reply):
    return float(sum(map(ord, reply)) % 4 == 0)
"#;

/// A window with every kind of record: heats, bouts, a copy, a refused entry and a late one.
fn decided() -> (Subnet, String) {
    let mut subnet = Subnet::of_four(PROGRAM);
    let erin = subnet.enter("erin", "llama");
    fs::write(
        erin.join("tokenizer_config.json"),
        r#"{"bos_token": "<s>", "chat_template": "{{ raise_exception('no') }}"}"#,
    )
    .unwrap();
    subnet.enter("frank", "llama");
    let path = subnet.path("registry.json");
    let registry = fs::read_to_string(&path).unwrap();
    assert!(registry.contains("\"committed\":106"));
    fs::write(&path, registry.replace("\"committed\":106", "\"committed\":1006")).unwrap();
    fs::write(subnet.path("parity.py"), PARITY).unwrap();
    subnet.settings("environments = [{ name = 'parity.py' }]");
    let rule = ["heat.tasks=4", "heat.pass=1.2", "duel.budget=8", "duel.references=1"];
    let output = run(subnet.validate(&rule.map(|setting| ["--set", setting]).concat()));
    assert!(output.status.success(), "{}", said(&output));
    let evidence = subnet.result("evidence.jsonl").unwrap();
    for kind in ["opened", "admission", "finding", "rollout", "heat", "decision", "weights", "reign"] {
        assert!(evidence.contains(&format!("\"kind\":\"{kind}\"")), "no {kind}");
    }
    assert!(evidence.contains("\"refused\"") && evidence.contains("\"late\""));
    (subnet, evidence)
}

fn audit(subnet: &Subnet, arguments: &[&str]) -> Output {
    run(subnet.command(&[&["audit", EVIDENCE, "--config", "dethrone.toml"], arguments].concat()))
}

/// True if a field is one that an audit takes as it is stated, or a part of one.
fn is_declared(field: &str, declared: &[&str]) -> bool {
    declared.iter().any(|part| field.strip_prefix(part).is_some_and(|rest| rest.is_empty() || rest.starts_with('.')))
}

/// The mutations that an audit of the log alone does not notice.
fn unnoticed(log: &Arc<MutableLog>, mutations: &[Mutation]) -> Vec<Mutation> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(4).enable_all().build().unwrap();
    runtime.block_on(async {
        let mut missed = Vec::new();
        for some in mutations.chunks(64) {
            let mut audits = tokio::task::JoinSet::new();
            for mutation in some.iter().cloned() {
                let log = Arc::clone(log);
                audits.spawn(async move { (unchecked_fields(&log.with(&mutation)).await.is_ok(), mutation) });
            }
            while let Some(audited) = audits.join_next().await {
                let (holds, mutation) = audited.unwrap();
                missed.extend(holds.then_some(mutation));
            }
        }
        missed
    })
}

#[test]
fn every_mutation_of_a_log_is_noticed_or_declared_as_not_checked() {
    let (subnet, evidence) = decided();
    let log = Arc::new(MutableLog::new(&evidence, &subnet.path("output/validator.key")));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let declared = runtime.block_on(unchecked_fields(&evidence)).unwrap();
    let mutations = log.mutations();
    let missed = unnoticed(&log, &mutations);
    let undeclared: Vec<String> = missed
        .iter()
        .filter(|mutation| !is_declared(&mutation.field, &declared))
        .map(|mutation| format!("record {}, {}: {:?}", mutation.record, mutation.field, mutation.way))
        .collect();
    assert!(undeclared.is_empty(), "not noticed and not declared: {undeclared:#?}");
    let checked = mutations.iter().filter(|mutation| !is_declared(&mutation.field, &declared)).count();
    let noticed = mutations.len() - missed.len();
    println!("{noticed} of {} mutations are noticed, and all {checked} of fields that are checked", mutations.len());
    assert!(checked > 1_000 && noticed > checked, "{checked} and {noticed}");
    // Of those left, the models' files show the ones that they are said to show: one of each field and way.
    let mut classes: BTreeMap<(String, Way), Mutation> = BTreeMap::new();
    let of_files = ["rollout", "admission", "finding", "opened.opened.runtime", "opened.opened.environments"];
    for mutation in missed.into_iter().filter(|mutation| is_declared(&mutation.field, &of_files)) {
        classes.entry((mutation.field.clone(), mutation.way)).or_insert(mutation);
    }
    assert!(classes.len() >= 6, "{classes:#?}");
    let honest = audit(&subnet, &["--replay", "1000"]);
    assert!(honest.status.success(), "{}", said(&honest));
    for ((field, way), mutation) in &classes {
        fs::write(subnet.path(EVIDENCE), log.with(mutation)).unwrap();
        let replay: &[&str] = if field == "rollout.replies" { &["--replay", "1000"] } else { &["--judge"] };
        let output = audit(&subnet, replay);
        assert!(!output.status.success(), "record {}, {field}: {way:?} is not noticed", mutation.record);
    }
    println!("{} classes of the others are noticed with the models' files", classes.len());
}

/// Checks that an audit of a changed log ends with a status and says a part of a sentence.
#[track_caller]
fn check(subnet: &Subnet, log: &str, arguments: &[&str], status: i32, expected: &str) {
    fs::write(subnet.path(EVIDENCE), log).unwrap();
    let output = audit(subnet, arguments);
    let all = format!("{}{}", said(&output), String::from_utf8_lossy(&output.stdout));
    assert_eq!(output.status.code(), Some(status), "{all}");
    assert!(all.contains(expected), "{expected:?} is not in {all}");
}

#[test]
fn replies_that_were_thrown_away_and_refusals_that_were_made_up_are_noticed_with_the_files_and_declared_without() {
    let (subnet, evidence) = decided();
    let key = subnet.path("output/validator.key");
    let of_rollouts = |from: &str, to: &str| {
        signed_again(
            &evidence,
            &key,
            |kind, body| {
                if kind == "rollout" { body.replace(from, to) } else { body.to_owned() }
            },
        )
    };
    let thrown =
        signed_again(&evidence, &key, |kind, body| match (kind, body.find("\"replies\":"), body.find(",\"score\"")) {
            ("rollout", Some(from), Some(to)) => format!("{}\"replies\":[[2]]{}", &body[..from], &body[to..]),
            _ => body.to_owned(),
        });
    check(&subnet, &thrown, &[], 0, "were not found again from their replies");
    check(&subnet, &thrown, &["--replay", "1000"], 9, "entry");
    let refused = signed_again(&evidence, &key, |kind, body| {
        if kind == "admission" {
            body.replace("the chat template cannot be used", "it is not liked")
        } else {
            body.to_owned()
        }
    });
    assert_ne!(refused, evidence);
    check(&subnet, &refused, &[], 0, "refused for the reasons given");
    check(&subnet, &refused, &["--judge"], 9, "the refusal of entry");
    check(&subnet, &of_rollouts("\"fault\":null", "\"fault\":\"model\""), &["--judge"], 9, "entry");
    check(&subnet, &evidence, &["--judge"], 0, "rollouts were judged again from their replies");
}

#[test]
fn a_sentence_a_duel_cut_short_and_a_finding_made_up_are_noticed() {
    let (subnet, evidence) = decided();
    let key = subnet.path("output/validator.key");
    let sentences = signed_again(&evidence, &key, |kind, body| match (kind, body.find("\"sentence\":\"")) {
        ("decision", Some(from)) => format!("{}\"sentence\":\"all is well\"}}", &body[..from]),
        _ => body.to_owned(),
    });
    assert_ne!(sentences, evidence);
    check(&subnet, &sentences, &[], 9, "the decision on entry 1");
    let last = |line: &&str| line.contains("\"kind\":\"rollout\"") && line.contains("\"entry\":1,");
    let cut_line = evidence.lines().rfind(last).unwrap().to_owned();
    let cut: String = evidence.lines().filter(|line| *line != cut_line).map(|line| format!("{line}\n")).collect();
    let cut = signed_again(&cut, &key, |_, body| body.to_owned());
    check(&subnet, &cut, &[], 9, "that entry 1 was not asked for task");
    let finding = evidence.lines().find(|line| line.contains("\"kind\":\"finding\"")).unwrap();
    let invented =
        signed_again(&evidence.replacen(finding, &format!("{finding}\n{finding}"), 1), &key, |_, body| body.to_owned());
    check(&subnet, &invented, &[], 9, "record");
    let on_another = signed_again(&evidence, &key, |kind, body| match kind {
        "finding" => body.replace("\"entry\":2", "\"entry\":1"),
        _ => body.to_owned(),
    });
    assert_ne!(on_another, evidence);
    check(&subnet, &on_another, &[], 9, "of the finding on entry 1");
}
