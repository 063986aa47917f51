//! Checks of single records.

use super::*;
use crate::registry::{Entry, Hotkey, RegistryState, Role, Uid};
use crate::settings::Settings;
use models::remote::ServedModel;

const SERVER: &str = "openai:m@http://127.0.0.1:8000/v1";

/// Checks a rollout that calls itself reproducible against `believed`; one that does not is believed the other way round,
/// unless it is its replies that tell.
#[track_caller]
fn check(model: &str, served: &[&str], reply: ReplyBody, believed: bool) {
    let entry = Entry {
        hotkey: Hotkey("alice".to_owned()),
        uid: Some(Uid(1)),
        model: model.parse().unwrap(),
        committed: 1,
        position: 0,
        role: Role::Committed,
    };
    let registry = RegistryState {
        netuid: 1,
        seed_block: 9,
        seed_hash: [0; 32],
        snapshot: None,
        owners: Default::default(),
        champion: None,
        former: Vec::new(),
        tested: 0,
        entries: vec![entry],
    };
    let mut settings = Settings::default();
    settings.remote.served =
        served.iter().map(|model| ServedModel { model: model.parse().unwrap(), by: SERVER.parse().unwrap() }).collect();
    let terms = WindowTerms::new(&registry, Default::default(), &settings, Vec::new(), String::new());
    let mut rollout = RolloutBody {
        entry: 0,
        environment: 0,
        task: 0,
        seed: 0,
        replies: vec![reply],
        score: 1.0,
        reason: String::new(),
        fault: None,
        work: Default::default(),
        reproducible: true,
    };
    assert_eq!(check_origins(&terms, std::slice::from_ref(&rollout)).is_ok(), believed);
    rollout.reproducible = false;
    let is_served = !served.is_empty() && served.contains(&model) || model.starts_with("openai:");
    assert_eq!(check_origins(&terms, &[rollout]).is_ok(), is_served);
}

#[test]
fn a_rollout_of_a_server_cannot_call_itself_reproducible() {
    let model = format!("owner/name@{}", "0".repeat(40));
    let other = format!("owner/name@{}", "1".repeat(40));
    let tokens = || ReplyBody::Tokens(vec![1, 2]);
    check(&model, &[], tokens(), true);
    check(&model, &[&other], tokens(), true);
    check(&model, &[&model], tokens(), false);
    check(SERVER, &[], tokens(), false);
    check(&model, &[], ReplyBody::Text("yes".to_owned()), false);
}

/// Rollouts of 65 tasks that took so many tokens each, the last of them answered or not.
fn worked(tokens: u64, last_is_answered: bool) -> Vec<RolloutBody> {
    let rollout = |task: u32, is_answered: bool| RolloutBody {
        entry: 0,
        environment: 0,
        task,
        seed: 0,
        replies: if is_answered { vec![ReplyBody::Tokens(vec![1; 8])] } else { Vec::new() },
        score: 0.0,
        reason: if is_answered { "wrong" } else { SPENT }.to_owned(),
        fault: (!is_answered).then_some(crate::record::Fault::Budget),
        work: Work { tokens: if is_answered { tokens } else { 0 }, ..Default::default() },
        reproducible: true,
    };
    (0..65).map(|task| rollout(task, task < 64 || last_is_answered)).collect()
}

#[test]
fn a_task_is_left_out_where_the_budget_is_spent_and_only_there() {
    let registry = RegistryState {
        netuid: 1,
        seed_block: 9,
        seed_hash: [0; 32],
        champion: None,
        former: Vec::new(),
        tested: 0,
        owners: Default::default(),
        snapshot: None,
        entries: vec![Entry {
            hotkey: Hotkey("alice".to_owned()),
            uid: Some(Uid(1)),
            model: format!("owner/name@{}", "0".repeat(40)).parse().unwrap(),
            committed: 1,
            position: 0,
            role: Role::Committed,
        }],
    };
    let mut settings = Settings::default();
    settings.deciding.work.tokens = 10;
    let terms = WindowTerms::new(&registry, Default::default(), &settings, Vec::new(), String::new());
    for (tokens, last_is_answered, holds) in
        [(10, true, true), (10, false, false), (11, true, false), (11, false, true), (8, true, true), (7, true, false)]
    {
        let found = check_work(&terms, &worked(tokens, last_is_answered)).is_ok();
        assert_eq!(found, holds, "{tokens} tokens, the last answered: {last_is_answered}");
    }
}
