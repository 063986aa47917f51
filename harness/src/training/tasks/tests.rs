//! Numbers, verdicts and errors of training tasks.

use std::collections::BTreeSet;

use super::*;
use crate::rollout::open_environment;
use crate::sandbox::open_sandbox;
use crate::seeds::WindowSeed;
use crate::settings::Settings;

/// A game of three turns: say one of two words, and be told the other.
const GAME: &str = r#"
ENV = {"name": "test.game", "version": "1.0.0", "abi": 1, "turns": 3}


def generate(seed):
    return {"prompt": "say a or b", "private": {"word": "ab"[seed % 2]}, "state": {}}


def step(task, state, action):
    if action == task["private"]["word"]:
        return {"score": 1.0}
    if action == "boom":
        raise ValueError("boom")
    return {"state": state, "message": "no, " + action + " is not it"}


def oracle(task):
    return [task["private"]["word"]]
"#;

async fn tasks() -> (tempfile::TempDir, TrainingTasks) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("game.py");
    std::fs::write(&file, GAME).unwrap();
    let settings = Settings::default();
    let (sandbox, _) = open_sandbox(&settings, &*crate::reporter::for_this_terminal()).unwrap();
    let mut environments = Vec::new();
    for (short, name, tier) in [("sat:2", "sat", 2), ("deduction", "deduction", 0), ("game", file.to_str().unwrap(), 0)]
    {
        environments.push((short.to_owned(), open_environment(name, tier, &sandbox).await.unwrap()));
    }
    (folder, TrainingTasks::new(environments))
}

fn attempt(environment: &str, number: u64, replies: &[&str]) -> Attempt {
    let replies = replies.iter().map(|reply| (*reply).to_owned()).collect();
    Attempt { environment: environment.to_owned(), number, replies }
}

#[tokio::test]
async fn a_task_is_the_same_each_time_and_its_answer_scores_one() {
    let (_folder, tasks) = tasks().await;
    for name in ["sat:2", "deduction", "game"] {
        let mut seen = BTreeSet::new();
        for number in [0, 1, 2, u64::MAX] {
            let task = tasks.task(name, number, true).await.unwrap();
            let TrainingTask { environment, messages, answer, .. } = task.clone();
            assert_eq!(tasks.task(&environment, number, true).await.unwrap(), task);
            assert_eq!(tasks.task(name, number, false).await.unwrap(), TrainingTask { answer: None, ..task });
            seen.insert(messages.last().unwrap().content.clone());
            let replies = answer.unwrap();
            let right = Attempt { environment: name.to_owned(), number, replies };
            let Judged { score, messages, .. } = tasks.judge(&right).await.unwrap();
            assert_eq!((score, messages.len()), (Some(1.0), 0), "{right:?}");
        }
        assert!(name == "game" || seen.len() == 4, "{seen:?}");
    }
}

#[tokio::test]
async fn a_conversation_goes_on_from_the_replies_that_were_given() {
    let (_folder, tasks) = tasks().await;
    let word = tasks.task("game", 5, true).await.unwrap().answer.unwrap().remove(0);
    let wrong = if word == "a" { "b" } else { "a" };
    let judged = async |replies: &[&str]| tasks.judge(&attempt("game", 5, replies)).await;
    let next = |judged: Result<Judged, TrainingError>| judged.unwrap().messages[0].content.clone();
    assert_eq!(next(judged(&[]).await), "say a or b");
    assert_eq!(next(judged(&[wrong]).await), format!("no, {wrong} is not it"));
    assert_eq!(judged(&[wrong, &word]).await.unwrap().score, Some(1.0));
    let spent = judged(&[wrong, wrong, wrong]).await.unwrap();
    assert_eq!((spent.score, spent.reason.as_deref()), (Some(0.0), Some("no answer within the allowed turns")));
    let error = judged(&[&word, wrong]).await.unwrap_err().to_string();
    assert!(error.ends_with("ended after 1 of the 2 replies"), "{error}");
    assert!(matches!(judged(&["boom"]).await, Err(TrainingError::Environment(_))));
    let error = tasks.judge(&attempt("chess", 5, &[])).await.unwrap_err().to_string();
    assert_eq!(error, "there is no environment \"chess\" here; there are sat:2, deduction, game");
}

/// Both are 64 bits of keyed digests: one of a million training tasks is one of a thousand tasks of a window with a
/// probability of 2^-34.
#[test]
fn training_tasks_and_a_windows_tasks_have_nothing_in_common() {
    let id = EnvironmentId::built_in("sat", "2.0.0", 0);
    let training: BTreeSet<Seed> = (0..1_000).map(|number| training_seed(&id, number)).collect();
    let window = WindowSeed::new(&[7; 32], 9, 1);
    assert_eq!(training.len(), 1_000);
    assert!((0..1_000).all(|task| !training.contains(&window.task(&id, task))));
    assert_ne!(training_seed(&id, 0), training_seed(&EnvironmentId::built_in("sat", "2.0.0", 1), 0));
}
