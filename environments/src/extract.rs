//! Answer extraction: strict enough that a reply holds one answer, tolerant of the ways in which models decorate it.

/// The reply after its `<think>` section; `None` if that section is not closed.
fn after_thinking(reply: &str) -> Option<&str> {
    // Chat templates may write the opening tag themselves, so the reply may hold only the closing one.
    let rest = reply.rsplit_once("</think>").map_or(reply, |(_, rest)| rest);
    (!rest.contains("<think>")).then_some(rest)
}

/// Extracts the one-line answer of a reply.
///
/// The last line that begins with `Answer:` counts, wherever it stands; its value may follow on the next line or in a
/// fenced block. Without such a line the last fenced block counts if it holds one line, and without a block the reply
/// itself if it is one line. Everything else is no answer: nothing is guessed from the middle of a text. Asterisks,
/// backquotes and blanks around the value are decoration.
pub(crate) fn answer(reply: &str) -> Option<&str> {
    let body = after_thinking(reply)?;
    let lines: Vec<&str> = body.lines().collect();
    // From the end: a model that corrects itself states its final answer last.
    for (index, line) in lines.iter().enumerate().rev() {
        let Some(rest) = after_label(line) else { continue };
        let value = undecorated(rest);
        if !value.is_empty() {
            return Some(value);
        }
        let mut following = lines[index + 1..].iter().map(|line| undecorated(line));
        return following.find(|value| !value.is_empty());
    }
    only_line(block_or_whole(body)?).map(undecorated).filter(|value| !value.is_empty())
}

/// Extracts the program of a reply: its last fenced block, or the whole reply if there is no fence.
pub(crate) fn code(reply: &str) -> Option<&str> {
    let body = after_thinking(reply)?;
    let text = block_or_whole(body)?;
    (!text.trim().is_empty()).then_some(text)
}

/// The last fenced block, or the whole text if it holds no fence; `None` if a fence is not closed.
fn block_or_whole(text: &str) -> Option<&str> {
    if text.contains("```") { last_block(text) } else { Some(text) }
}

fn after_label(line: &str) -> Option<&str> {
    let line = line.trim_start_matches([' ', '\t', '*', '_', '#', '>', '`']);
    let rest = strip_prefix_ignoring_case(line, "final ").unwrap_or(line);
    let rest = strip_prefix_ignoring_case(rest, "answer")?;
    rest.trim_start_matches(['*', '_', ' ']).strip_prefix(':')
}

fn strip_prefix_ignoring_case<'a>(text: &'a str, prefix: &str) -> Option<&'a str> {
    let head = text.get(..prefix.len())?;
    head.eq_ignore_ascii_case(prefix).then(|| &text[prefix.len()..])
}

fn undecorated(value: &str) -> &str {
    value.trim().trim_matches(['*', '`']).trim()
}

fn only_line(text: &str) -> Option<&str> {
    let mut filled = text.lines().filter(|line| !line.trim().is_empty());
    let line = filled.next()?;
    filled.next().is_none().then_some(line)
}

/// Content of the last fenced block, provided that every fence is closed.
fn last_block(text: &str) -> Option<&str> {
    let mut open: Option<usize> = None;
    let mut block = None;
    let mut offset = 0;
    for line in text.split_inclusive('\n') {
        if line.trim_start().starts_with("```") {
            match open.take() {
                None => open = Some(offset + line.len()),
                Some(start) => block = Some(&text[start..offset]),
            }
        }
        offset += line.len();
    }
    // An open fence is a reply that was cut off, so an earlier block may not be its answer.
    if open.is_some() { None } else { block }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_reply_holds_one_answer_or_none() {
        let cases: &[(&str, Option<&str>)] = &[
            ("7", Some("7")),
            ("  7\n\n", Some("7")),
            ("Answer: 7", Some("7")),
            ("answer:7", Some("7")),
            ("**Answer:** 7", Some("7")),
            ("**Answer: dog cat**", Some("dog cat")),
            ("`Answer: 7`", Some("7")),
            ("Final answer: `x`", Some("x")),
            ("First I add.\nAnswer: 7\n", Some("7")),
            ("Answer: 6\nNo, wait.\nAnswer: 7\nDone.", Some("7")),
            ("Answer:\n\n7", Some("7")),
            ("Answer:\n```\n7\n```", Some("7")),
            ("```\nAnswer: 7\n```", Some("7")),
            ("```text\n7\n```", Some("7")),
            ("```\n1\n```\ntext\n```\n2\n```", Some("2")),
            ("<think>Answer: 1</think>Answer: 2", Some("2")),
            ("<think>Answer: 1", None),
            ("two\nlines", None),
            ("```\n7", None),
            ("```\n7\n8\n```", None),
            ("Answer:", None),
            ("Answer: **", None),
            ("The answer is 7.\nI think", None),
            ("Answers: 7\nor 8", None),
            ("", None),
            (" \n\t", None),
            // Decoration as chat models write it.
            ("### Answer: 7", Some("7")),
            ("> Answer: 7", Some("7")),
            ("__Answer__: 7", Some("7")),
            ("**Final Answer**: 7", Some("7")),
            ("**Answer:**\n\n**7**", Some("7")),
            ("ANSWER: 7", Some("7")),
            ("Answer : 7", Some("7")),
            ("Answer:\t7\r\n", Some("7")),
            ("Answer: `dog cat`.", Some("dog cat`.")),
            ("Answer: 7\n\nLet me know if you need more!", Some("7")),
            ("Sure!\n\n```\nAnswer: a=1 b=0\n```\n\nHope that helps.", Some("a=1 b=0")),
            ("- Answer: 7\n- done", None),
            ("1. Answer: 7\nAnswer: 8", Some("8")),
            ("Answer: 7\nAnswer:", None),
            ("Answer: Answer: 7", Some("Answer: 7")),
            ("Answer: 7 Answer: 8", Some("7 Answer: 8")),
            ("The final answer: 7", Some("The final answer: 7")),
            ("\\boxed{7}", Some("\\boxed{7}")),
            ("So it is 7.\n\\boxed{7}", None),
            ("$7$", Some("$7$")),
            ("\"7\"", Some("\"7\"")),
            // Thinking.
            ("<think>\nAnswer: 1\n</think>\n\n7", Some("7")),
            ("Answer: 1\n</think>\nAnswer: 7", Some("7")),
            ("</think>7", Some("7")),
            ("<think></think>", None),
            ("<think>a</think>Answer: 7<think>b", None),
            ("<think>a</think>8<think>b</think>\nAnswer: 7", Some("7")),
            ("<thinking>1</thinking>\nAnswer: 7", Some("7")),
            // Fences.
            ("```\n\n7\n\n```", Some("7")),
            ("~~~\n7\n~~~", None),
            ("````\n7\n````", Some("7")),
            ("```7```", None),
            ("text ``` more", None),
            ("  ```\n  7\n  ```", Some("7")),
            ("```\n1\n```\n```\n2", None),
            ("```\n```", None),
        ];
        for (reply, expected) in cases {
            assert_eq!(answer(reply), *expected, "{reply:?}");
        }
    }

    #[test]
    fn code_is_the_last_closed_block_or_the_whole_reply() {
        let cases: &[(&str, Option<&str>)] = &[
            ("print(1)", Some("print(1)")),
            ("Here:\n```python\nprint(1)\n```\nbye", Some("print(1)\n")),
            ("```\na\n```\n```py\nb\n```", Some("b\n")),
            ("```python\nprint(1)", None),
            ("```\n```", None),
            ("", None),
            ("```\n \n```", None),
            ("<think>```\nprint(1)\n```</think>", None),
            ("<think>\n```\na\n```\n</think>\n```\nb\n```", Some("b\n")),
            ("<think>```\na\n```", None),
            ("```python\nprint('```')\n```", Some("print('```')\n")),
            ("```python\r\nprint(1)\r\n```\r\n", Some("print(1)\r\n")),
            ("    ```python\n    print(1)\n    ```", Some("    print(1)\n")),
            ("```\na\n```\n```\nb", None),
            ("print('`')", Some("print('`')")),
        ];
        for (reply, expected) in cases {
            assert_eq!(code(reply), *expected, "{reply:?}");
        }
    }

    #[test]
    fn an_answer_is_one_line_that_stands_in_its_reply() {
        let pieces =
            ["Answer", ":", " ", "\n", "```", "*", "`", "7", "é", "<think>", "</think>", "final ", "#", "\u{a0}"];
        for seed in 0..2_000 {
            let mut draws = crate::seed::Draws::new("extract", crate::Seed(seed), 0);
            let count = draws.between(0, 14);
            let reply: String = (0..count).map(|_| *draws.choose(&pieces)).collect();
            if let Some(found) = answer(&reply) {
                assert!(reply.contains(found) && !found.is_empty() && !found.contains('\n'), "{reply:?}: {found:?}");
            }
            if let Some(found) = code(&reply) {
                assert!(reply.contains(found) && !found.trim().is_empty(), "{reply:?}: {found:?}");
            }
        }
    }

    #[test]
    fn multi_byte_text_is_never_cut_in_the_middle() {
        for reply in ["ansẃer: 7", "ﬁnal answer: 7", "Ａnswer: 7", "é", "答え: 7"] {
            assert_eq!(answer(reply), Some(reply), "one line without a label is the answer itself");
        }
    }
}
