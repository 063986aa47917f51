use super::*;
use crate::record::{Fault, FoundText};
use crate::registry::{Hotkey, Uid};
use crate::report::{RepliesPage, replies_page};

/// A stranger's reply: it clears a terminal, closes a block of a page, and is long.
const HOSTILE: &str = "\u{1b}[2J</pre><script>alert(1)</script>\u{202e}\nAnswer: a=1";

fn message(role: &'static str, text: Option<&str>, tokens: u32, finish: Option<&str>) -> MessageText {
    let (text, finish) = (text.map(str::to_owned), finish.map(str::to_owned));
    MessageText { role, text, tokens: (0..tokens).collect(), finish }
}

fn transcript() -> Transcript {
    Transcript {
        version: 1,
        window: 1_000,
        entry: 2,
        uid: Some(Uid(88)),
        hotkey: Hotkey("5GrwvaEF5zXb26Fz9rcQpDWS57CtERHpNehXCPcNoHGKutQY".to_owned()),
        model: "o/m@0123456789abcdef0123456789abcdef01234567".to_owned(),
        environment: "sat@2.0.0 tier 0".to_owned(),
        environment_place: 0,
        task: 3,
        seed: 12_345_678_901_234_567_890,
        messages: vec![
            message(
                "user",
                Some(
                    "Find values.\n\n    a or not b and so on and so forth until the line is longer than eighty columns",
                ),
                0,
                None,
            ),
            message("assistant", Some(HOSTILE), 24, Some("length")),
        ],
        expected: Some(vec!["Answer: a=1 b=0".to_owned()]),
        found: Some(FoundText { place: "behind the label".to_owned(), text: "a=1".to_owned() }),
        score: 0.0,
        reason: "wrong (from behind the label)".to_owned(),
        fault: None,
        cut_off: true,
        limit: Some(24),
        reproducible: true,
        attempts: 1,
        seconds: Some(1.25),
        notes: vec!["a note".to_owned()],
    }
}

#[test]
fn a_rollout_is_readable_in_eighty_columns() {
    let text = transcript_text(&transcript());
    insta::assert_snapshot!(text);
    assert!(text.lines().all(|line| line.chars().count() <= WIDTH), "{text}");
}

#[test]
fn a_rollout_without_text_or_with_a_failure_says_so() {
    let failed = Transcript {
        messages: vec![message("assistant", None, 2, None)],
        found: None,
        expected: None,
        fault: Some(Fault::Model),
        reason: "its logits are not finite numbers".to_owned(),
        attempts: 2,
        reproducible: false,
        ..transcript()
    };
    let text = transcript_text(&failed);
    for part in [
        "failed by the fault of the model: its logits are not finite numbers",
        "(its text is not at hand)",
        "1.2 s, attempt 2, by a server",
        "no place in the reply was judged",
    ] {
        assert!(text.contains(part), "{part:?} is not in {text}");
    }
}

#[test]
fn long_lines_are_broken_at_blanks_and_words_without_blanks_anywhere() {
    assert_eq!(wrapped("", "  "), "  \n");
    let words = wrapped(&"four ".repeat(40), "  ");
    assert!(words.lines().all(|line| line.ends_with("four") && line.chars().count() <= 80), "{words}");
    let one = wrapped(&"é".repeat(200), "  ");
    assert_eq!(one.lines().map(|line| line.trim().chars().count()).collect::<Vec<_>>(), [78, 78, 44]);
    assert_eq!(wrapped("    indented", "  "), "      indented\n");
}

#[test]
fn a_page_escapes_what_strangers_wrote_and_counts_what_it_leaves_out() {
    let transcripts = [transcript()];
    let page = replies_page(&RepliesPage {
        title: "a & b".to_owned(),
        lead: "lost".to_owned(),
        links: vec![("report".to_owned(), "../report.html".to_owned())],
        transcripts: &transcripts,
        left_out: 7,
        command: "dethrone show 1000".to_owned(),
        beside: None,
    });
    assert!(!page.contains("<script") && !page.contains('\u{1b}') && !page.contains('\u{202e}'));
    for part in [
        "a &amp; b",
        "id=\"rollout-2-0-3\" class=\"wrong\" open",
        "7 more rollouts",
        "looked for, for example",
        "&lt;script&gt;",
    ] {
        assert!(page.contains(part), "{part:?} is not in {page}");
    }
}
