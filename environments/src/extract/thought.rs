//! The thought before a reply's answer, in the tags that model families write around it.

/// Opening and closing tags of thoughts.
const TAGS: [(&str, &str); 7] = [
    ("<think>", "</think>"),
    ("<thinking>", "</thinking>"),
    ("<thought>", "</thought>"),
    ("<reasoning>", "</reasoning>"),
    ("[THINK]", "[/THINK]"),
    ("\u{25c1}think\u{25b7}", "\u{25c1}/think\u{25b7}"),
    ("<|channel|>analysis<|message|>", "<|channel|>final<|message|>"),
];

/// The reply after its thought; `None` if a thought is not closed. Chat templates may write the opening tag themselves, so that
/// the reply may hold only the closing one.
pub(super) fn after_thought(reply: &str) -> Option<&str> {
    let end = TAGS.iter().filter_map(|(_, close)| reply.rfind(close).map(|at| at + close.len())).max();
    let rest = &reply[end.unwrap_or(0)..];
    // Of an unclosed tag only the one that no other reading has: the others may stand in a text.
    (!rest.contains(TAGS[0].0)).then_some(rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_answer_stands_behind_the_last_thought() {
        for (reply, expected) in [
            ("7", Some("7")),
            ("<think>a</think>7", Some("7")),
            ("a</think>7", Some("7")),
            ("<think>a</think>8<think>b</think>7", Some("7")),
            ("<think>a</think>7<think>b", None),
            ("<think>a", None),
            ("[THINK]a[/THINK]7", Some("7")),
            ("<thinking>1\n2</thinking>\n7", Some("\n7")),
            ("<|channel|>analysis<|message|>a<|end|><|start|>assistant<|channel|>final<|message|>7", Some("7")),
            ("\u{25c1}think\u{25b7}a\u{25c1}/think\u{25b7}7", Some("7")),
            ("", Some("")),
        ] {
            assert_eq!(after_thought(reply), expected, "{reply:?}");
        }
    }
}
