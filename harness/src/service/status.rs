//! Status of a validator, as `dethrone ctl status` prints it and `/healthz` judges it.

use serde::{Deserialize, Serialize};

use super::emission::EmissionRule;

/// Version of the status's schema.
pub(super) const VERSION: u32 = 1;

/// Status of a running validator.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Status {
    /// The version of this schema.
    pub(crate) version: u32,
    /// The subnet.
    pub(crate) netuid: u16,
    /// The validator's address; none where it decides only.
    pub(crate) hotkey: Option<String>,
    /// The chain as it is seen.
    pub(crate) chain: ChainStatus,
    /// Windows.
    pub(crate) windows: WindowsStatus,
    /// The weights.
    pub(crate) weights: WeightsStatus,
    /// Playing is paused; weights are set all the same.
    pub(crate) paused: bool,
    /// The service ends after the window that plays.
    pub(crate) draining: bool,
    /// Reasons for which the service is not well; none where it is.
    pub(crate) alarms: Vec<String>,
    /// Further remarks for an operator.
    pub(crate) notes: Vec<String>,
}

impl Status {
    /// True if nothing is wrong with the chain or the weights.
    pub(crate) fn is_well(&self) -> bool {
        self.alarms.is_empty()
    }
}

/// The chain as a validator sees it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct ChainStatus {
    /// Address of the endpoint in use.
    pub(crate) endpoint: String,
    /// Changes of the endpoint since the start.
    pub(crate) changes: u64,
    /// The latest finalized block; none before the first was seen.
    pub(crate) head: Option<u64>,
    /// Seconds since it was seen.
    pub(crate) head_age_seconds: Option<f64>,
}

/// Windows of a validator.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct WindowsStatus {
    /// Blocks of a window.
    pub(crate) length: u64,
    /// First block of the window that plays.
    pub(crate) playing: Option<u64>,
    /// Rollouts that ended since the start.
    pub(crate) rollouts: u64,
    /// First blocks of the windows whose decision is due and not there.
    pub(crate) late: Vec<u64>,
    /// The latest windows, the latest first.
    pub(crate) latest: Vec<WindowLine>,
}

/// One window.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct WindowLine {
    /// Its first block.
    pub(crate) seed_block: u64,
    /// `captured`, `decided` or `without`.
    pub(crate) state: String,
    /// The holder of the weight after it, or the reason for which it gives no decision.
    pub(crate) detail: Option<String>,
}

/// Weights of a validator.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct WeightsStatus {
    /// First block of the window whose decision is in force.
    pub(crate) in_force: Option<u64>,
    /// The holder of the weight by it.
    pub(crate) champion: Option<String>,
    /// `decided`, `submitted`, `revealed`, `applied`, `differs` or `refused`; none where nothing is in force.
    pub(crate) state: Option<String>,
    /// The reason of a refusal.
    pub(crate) reason: Option<String>,
    /// Block of the latest row that the chain has taken.
    pub(crate) last_update: Option<u64>,
    /// Blocks since then.
    pub(crate) age: Option<u64>,
    /// Blocks between two epochs.
    pub(crate) tempo: Option<u64>,
}

/// Measurements that the alarms are judged by.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Vitals {
    /// Blocks since a new finalized block was seen, at the chain's pace; none before the first.
    pub(super) blocks_without_head: Option<u64>,
    /// The emission rule, where the subnet's parameters are known.
    pub(super) rule: Option<EmissionRule>,
    /// Blocks since the chain has taken weights; none where it has none of this validator.
    pub(super) age: Option<u64>,
    /// Blocks since the decision in force came into force; none where none is, or the validator has no key.
    pub(super) in_force_for: Option<u64>,
}

/// Alarms that make `/healthz` red: the chain stands still, or weights are too old.
pub(super) fn alarms(vitals: &Vitals) -> Vec<String> {
    let Vitals { blocks_without_head, rule, age, in_force_for } = *vitals;
    let mut alarms = Vec::new();
    match blocks_without_head {
        None => alarms.push("no finalized block was seen yet".to_owned()),
        Some(blocks) if rule.is_some_and(|rule| rule.is_stale(blocks)) => {
            alarms.push(format!("no finalized block was seen for the time of {blocks} blocks"));
        }
        Some(_) => {}
    }
    if let (Some(rule), Some(since)) = (rule, in_force_for) {
        match age {
            Some(age) if rule.is_stale(age) => {
                alarms.push(format!("weights are {age} blocks old, and a tempo is {} blocks", rule.tempo));
            }
            None if rule.is_stale(since) => {
                alarms.push(format!("no weights are set, and a decision has been in force for {since} blocks"));
            }
            _ => {}
        }
    }
    alarms
}

/// Remarks on windows whose decision is due and not there.
pub(super) fn notes(late: &[u64]) -> Vec<String> {
    let Some(first) = late.first() else { return Vec::new() };
    let windows = if late.len() == 1 { "1 window".to_owned() } else { format!("{} windows", late.len()) };
    vec![format!("behind by {windows}, from {first} on: the last verified decision stays in force")]
}

/// The status for people.
pub(crate) fn status_text(status: &Status) -> String {
    let Status { chain, windows, weights, .. } = status;
    let or_none = |value: Option<u64>| value.map_or_else(|| "none".to_owned(), |value| value.to_string());
    let mut lines = vec![
        format!("subnet {} as {}", status.netuid, status.hotkey.as_deref().unwrap_or("an observer without a key")),
        format!(
            "chain: block {}, seen {} s ago, over {} ({} changes)",
            or_none(chain.head),
            chain.head_age_seconds.map_or_else(|| "?".to_owned(), |age| format!("{age:.0}")),
            chain.endpoint,
            chain.changes
        ),
        format!(
            "weights: {}{}, decision of window {}, champion {}, {} blocks old (tempo {})",
            weights.state.as_deref().unwrap_or("none"),
            weights.reason.as_ref().map_or_else(String::new, |reason| format!(" ({reason})")),
            or_none(weights.in_force),
            weights.champion.as_deref().unwrap_or("nobody"),
            or_none(weights.age),
            or_none(weights.tempo)
        ),
    ];
    let playing =
        windows.playing.map_or_else(|| "no window plays".to_owned(), |window| format!("window {window} plays"));
    let paused = if status.paused { ", paused" } else { "" };
    let draining = if status.draining { ", ends after this window" } else { "" };
    lines.push(format!("{playing}{paused}{draining}; {} rollouts since the start", windows.rollouts));
    for WindowLine { seed_block, state, detail } in &windows.latest {
        lines.push(format!(
            "window {seed_block}: {state}{}",
            detail.as_ref().map_or_else(String::new, |detail| format!(", {detail}"))
        ));
    }
    lines.extend(status.alarms.iter().map(|alarm| format!("alarm: {alarm}")));
    lines.extend(status.notes.iter().map(|note| format!("note: {note}")));
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    const WELL: Vitals = Vitals {
        blocks_without_head: Some(1),
        rule: Some(EmissionRule { tempo: 100, rate_limit: 10 }),
        age: Some(150),
        in_force_for: Some(10_000),
    };

    #[track_caller]
    fn check(vitals: Vitals, expected: &[&str]) {
        let found = alarms(&vitals);
        assert_eq!(found.len(), expected.len(), "{found:?}");
        assert!(found.iter().zip(expected).all(|(found, expected)| found.contains(expected)), "{found:?}");
    }

    #[test]
    fn weights_older_than_one_and_a_half_tempos_are_an_alarm() {
        check(WELL, &[]);
        check(Vitals { age: Some(151), ..WELL }, &["151 blocks old"]);
        check(Vitals { age: None, ..WELL }, &["no weights are set"]);
        check(Vitals { age: None, in_force_for: Some(150), ..WELL }, &[]);
        // Nothing is decided yet, or this validator has no key: there are no weights that could be old.
        check(Vitals { age: None, in_force_for: None, ..WELL }, &[]);
    }

    #[test]
    fn a_chain_that_stands_still_is_an_alarm_and_a_late_window_a_note() {
        check(Vitals { blocks_without_head: None, ..WELL }, &["no finalized block"]);
        check(Vitals { blocks_without_head: Some(151), ..WELL }, &["151 blocks"]);
        check(Vitals { rule: None, ..WELL }, &[]);
        assert_eq!(notes(&[]), [""; 0]);
        assert!(
            notes(&[30]).concat().contains("1 window, from 30 on") && notes(&[30, 40]).concat().contains("2 windows")
        );
    }

    #[test]
    fn the_text_names_what_an_operator_asks_first() {
        let status = Status {
            version: VERSION,
            netuid: 120,
            hotkey: Some("5Val".to_owned()),
            chain: ChainStatus {
                endpoint: "ws://a".to_owned(),
                changes: 2,
                head: Some(99),
                head_age_seconds: Some(3.2),
            },
            windows: WindowsStatus {
                length: 10,
                playing: Some(90),
                rollouts: 5,
                late: Vec::new(),
                latest: vec![WindowLine {
                    seed_block: 80,
                    state: "decided".to_owned(),
                    detail: Some("5Cha".to_owned()),
                }],
            },
            weights: WeightsStatus {
                in_force: Some(80),
                champion: Some("5Cha".to_owned()),
                state: Some("refused".to_owned()),
                reason: Some("no permit".to_owned()),
                last_update: Some(95),
                age: Some(4),
                tempo: None,
            },
            paused: true,
            draining: false,
            alarms: vec!["something".to_owned()],
            notes: vec!["behind".to_owned()],
        };
        assert_eq!(
            status_text(&status),
            "subnet 120 as 5Val\n\
             chain: block 99, seen 3 s ago, over ws://a (2 changes)\n\
             weights: refused (no permit), decision of window 80, champion 5Cha, 4 blocks old (tempo none)\n\
             window 90 plays, paused; 5 rollouts since the start\n\
             window 80: decided, 5Cha\n\
             alarm: something\n\
             note: behind"
        );
    }
}
