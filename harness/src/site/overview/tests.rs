use super::*;
use crate::evidence::Dethronement;
use crate::record::CrownedModel;

fn digest(window: u64, champion: &str, dethroned: Option<&str>) -> (u64, Result<LogDigest, String>) {
    let hotkey = |name: &str| Hotkey(name.to_owned());
    let crowned =
        CrownedModel { hotkey: hotkey(champion), model: "o/m".to_owned(), snapshot: None, committed: 1, position: 0 };
    let dethronement = dethroned.map(|before| Dethronement {
        before: hotkey(before),
        gains: vec![("sat".to_owned(), 0.125, (0.05, 0.2))],
        tasks: 48,
        sentence: String::new(),
    });
    let (validator, hash) = (String::new(), String::new());
    let (entries, rollouts, duels) = (2, 96, 1);
    let champion = Some(crowned);
    let digest = LogDigest {
        netuid: 1,
        window,
        entries,
        rollouts,
        duels,
        champion,
        dethronement,
        validator,
        hash,
        rule: String::new(),
        interrupted: false,
    };
    (window, Ok(digest))
}

#[test]
fn the_lineage_names_each_champion_once_with_what_it_gained() {
    let digests = [
        digest(30, "bob", None),
        (25, Err("broken".to_owned())),
        digest(20, "bob", Some("ada")),
        digest(10, "ada", None),
    ];
    let found: Vec<(u64, &str, Vec<String>)> = lineage(&digests)
        .iter()
        .map(|one| (one.window, if one.hotkey.0 == "bob" { "bob" } else { "ada" }, one.gains.clone()))
        .collect();
    let gains = vec!["sat +0.125 [+0.050, +0.200]".to_owned()];
    assert_eq!(found, [(20, "bob", gains), (10, "ada", Vec::new())]);
}

/// Checks the states that are done, now and open.
#[track_caller]
fn check(now: Option<&str>, expected: [&str; 4]) {
    assert_eq!(states(now).iter().map(|state| state.is).collect::<Vec<_>>(), expected, "{now:?}");
}

#[test]
fn a_row_of_weights_is_in_one_of_four_states() {
    check(None, ["open"; 4]);
    check(Some("decided"), ["now", "open", "open", "open"]);
    check(Some("revealed"), ["done", "done", "now", "open"]);
    check(Some("applied"), ["done", "done", "done", "now"]);
    // A row that the chain refuses, or holds another one in place of, is in none.
    check(Some("refused"), ["open"; 4]);
}
